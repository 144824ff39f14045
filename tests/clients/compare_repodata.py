"""compare_repodata.py FOLDER URL: fails unless both repositories describe the same packages in the same way, field by
field; only where a file lies and when it came may differ."""

import gzip
import sys
import urllib.request
import xml.etree.ElementTree as xml


def reader(base):
    if "://" in base:
        return lambda path: urllib.request.urlopen(base + path).read()
    return lambda path: open(f"{base}/{path}", "rb").read()


def local(tag):
    return tag.rsplit("}", 1)[-1]


def plain(element):
    attributes = dict(element.attrib)
    if local(element.tag) == "time":
        attributes.pop("file")
    if local(element.tag) == "location":
        return ("location",)
    children = [plain(child) for child in element]
    return (local(element.tag), sorted(attributes.items()), (element.text or "").strip(), children)


def packages(base):
    read = reader(base)
    index = xml.fromstring(read("repodata/repomd.xml"))
    found = {}
    for data in index:
        kind = data.attrib.get("type")
        if kind not in ("primary", "filelists", "other"):
            continue
        path = next(child for child in data if local(child.tag) == "location").attrib["href"]
        for package in xml.fromstring(gzip.decompress(read(path))):
            pkgid = package.attrib.get("pkgid") or next(c.text for c in package if local(c.tag) == "checksum")
            found[kind, pkgid] = plain(package)
    return found


theirs, ours = packages(sys.argv[1].rstrip("/")), packages(sys.argv[2])
assert theirs and theirs.keys() == ours.keys(), theirs.keys() ^ ours.keys()
for key, package in theirs.items():
    assert ours[key] == package, f"{key}\n{package}\n{ours[key]}"
