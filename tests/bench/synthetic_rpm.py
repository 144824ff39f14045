"""RPM packages and their repositories, made by hand: files that rpm accepts, with a payload that is none, and
metadata of as many packages as wanted. Sizes are like those of a distribution: 45 files and 6 changelog entries each."""

import gzip
import hashlib
import html
import random
import struct
from dataclasses import dataclass
from pathlib import Path

WORDS = (
    "amber anchor atlas basalt beacon bramble cedar cipher cobalt delta drift dynamo echo elder ember ferro fjord flint "
    "garnet glacier harbor helix hollow indigo iris jasper juniper kestrel krill lattice lumen marble meridian mosaic "
    "nectar nimbus novel onyx opal orbit parcel prism pylon quartz quill raven ripple sable signal summit thistle tundra "
    "umbra unison vector vertex warden willow xenon yarrow zenith zephyr"
).split()
BUILT = 1_700_000_000
INT16, INT32, STRING, BINARY, STRINGS, TRANSLATED = 3, 4, 6, 7, 8, 9
FLAGS = {"": 0, "EQ": 8, "GE": 12}
DOCUMENTS = {"primary": "common", "filelists": "filelists", "other": "other"}


@dataclass
class Package:
    """What a package says. Dependencies are (name, comparison, version, release), files (folder, name), changelog
    entries (seconds of the epoch, author, text). Size and place are those of its file, if there is one."""

    name: str
    version: str
    arch: str
    description: str
    provides: list
    requires: list
    files: list
    changelogs: list
    pkgid: str
    size: int = 40_000
    header: tuple = (4504, 16_000)
    release: str = "1.fc40"

    @property
    def filename(self):
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"


def package(rng, number, prefix=""):
    """The description of a package like no other of these numbers."""
    name = f"{prefix}{rng.choice(WORDS)}-{rng.choice(WORDS)}{number}"
    version = f"{rng.randint(0, 30)}.{rng.randint(0, 40)}.{rng.randint(0, 99)}"
    itself = ("EQ", version, Package.release)
    provides = [(name, *itself), (f"{name}(x86-64)", *itself)]
    provides += [(f"lib{name}.so.{at}()(64bit)", "", "", "") for at in range(rng.randint(0, 3))]
    requires = [(f"{rng.choice(WORDS)}-{rng.choice(WORDS)}", "GE", "1.0", "") for _ in range(rng.randint(0, 5))]
    requires += [(f"libc.so.6(GLIBC_2.{at})(64bit)", "", "", "") for at in range(rng.randint(1, 6))]
    folders = [f"/usr/share/{name}/{word}/" for word in rng.sample(WORDS, 5)]
    files = [("/usr/bin/", name), (f"/usr/share/licenses/{name}/", "COPYING"), (f"/etc/{name}/", f"{name}.conf")]
    count = min(int(rng.lognormvariate(2.9, 1.35)), 10_000)
    files += [(folders[at % 5], f"{WORDS[(number + 13 * at) % len(WORDS)]}_{at}.dat") for at in range(count)]
    author = f"Ada Lovelace <ada@example.org> - {version}"
    changes = [(BUILT - at * 5_000_000, f"{author}-{at}", f"- {text(rng, 3, 12)}") for at in range(rng.randint(3, 10))]
    arch, description, pkgid = rng.choice(("x86_64", "noarch")), text(rng, 15, 90), rng.randbytes(32).hex()
    return Package(name, version, arch, description, provides, requires, files, changes, pkgid)


def text(rng, least, most):
    return " ".join(rng.choices(WORDS, k=rng.randint(least, most)))


# Files

def built(rng, package):
    """The bytes of its file; the package is told their digest and size."""
    payload = rng.randbytes(rng.choice((2, 8, 16, 64)) << 10)
    main = header(63, main_tags(package, payload))
    signature = header(62, {273: (STRING, [hashlib.sha256(main).hexdigest()]), 1000: (INT32, [len(main) + len(payload)])})
    signature += bytes(-len(signature) % 8)
    lead = struct.pack(">4s2BHH66sHH16x", b"\xed\xab\xee\xdb", 3, 0, 0, 1, package.name.encode()[:65], 1, 5)
    body = b"".join((lead, signature, main, payload))
    start = len(lead) + len(signature)
    package.header = (start, start + len(main))
    package.pkgid, package.size = hashlib.sha256(body).hexdigest(), len(body)
    return body


def main_tags(package, payload):
    """The tags of the main header: number → (type, values)."""
    folders = sorted({folder for folder, _ in package.files})
    index = {folder: at for at, folder in enumerate(folders)}
    count = len(package.files)
    tags = {
        1000: (STRING, [package.name]), 1001: (STRING, [package.version]), 1002: (STRING, [package.release]),
        1004: (TRANSLATED, ["A package of benchmarks"]), 1005: (TRANSLATED, [package.description]),
        1006: (INT32, [BUILT]), 1007: (STRING, ["build.example.org"]), 1009: (INT32, [3 * len(payload)]),
        1014: (STRING, ["MIT"]), 1016: (TRANSLATED, ["Unspecified"]), 1020: (STRING, ["https://example.org/"]),
        1021: (STRING, ["linux"]), 1022: (STRING, [package.arch]), 1044: (STRING, [f"{package.name}.src.rpm"]),
        1028: (INT32, [1000] * count), 1030: (INT16, [0o100644] * count), 1033: (INT16, [0] * count),
        1034: (INT32, [BUILT] * count), 1035: (STRINGS, [package.pkgid] * count), 1036: (STRINGS, [""] * count),
        1037: (INT32, [0] * count), 1039: (STRINGS, ["root"] * count), 1040: (STRINGS, ["root"] * count),
        1045: (INT32, [-1 % 2**32] * count), 1095: (INT32, [1] * count), 1096: (INT32, range(1, count + 1)),
        1097: (STRINGS, [""] * count), 1116: (INT32, [index[folder] for folder, _ in package.files]),
        1117: (STRINGS, [name for _, name in package.files]), 1118: (STRINGS, folders),
        1124: (STRING, ["cpio"]), 1125: (STRING, ["gzip"]), 1126: (STRING, ["9"]), 5011: (INT32, [8]),
        5092: (STRINGS, [hashlib.sha256(payload).hexdigest()]), 5093: (INT32, [8]),
    }
    for tag, kind, values in zip((1080, 1081, 1082), (INT32, STRINGS, STRINGS), zip(*package.changelogs)):
        tags[tag] = (kind, values)
    for names, flags, versions, entries in ((1047, 1112, 1113, package.provides), (1049, 1048, 1050, package.requires)):
        tags[names] = (STRINGS, [name for name, *_ in entries])
        tags[flags] = (INT32, [FLAGS[comparison] for _, comparison, *_ in entries])
        tags[versions] = (STRINGS, ["-".join(filter(None, entry[2:])) for entry in entries])
    return tags


def header(region, tags):
    """A header with the region that says where it was whole."""
    index, data = [], bytearray()
    for tag, (kind, values) in sorted(tags.items()):
        if width := {INT16: 2, INT32: 4}.get(kind):
            data += bytes(-len(data) % width)
            stored = struct.pack(f">{len(values)}{'H' if kind == INT16 else 'I'}", *values)
        else:
            stored = b"".join(value.encode() + b"\0" for value in values)
        index.append(struct.pack(">4I", tag, kind, len(data), len(values)))
        data += stored
    # At the end of the data, how far back the index begins.
    count = len(index) + 1
    trailer = struct.pack(">IIiI", region, BINARY, -16 * count, 16)
    index.insert(0, struct.pack(">4I", region, BINARY, len(data), 16))
    return b"".join((b"\x8e\xad\xe8\x01\0\0\0\0", struct.pack(">2I", count, len(data) + 16), *index, data, trailer))


# Repositories

def files(folder: Path, count: int, seed: str):
    """A repository of `count` packages with their files."""
    rng = random.Random(seed)
    (folder / "Packages").mkdir(parents=True)

    def written():
        for number in range(count):
            made = package(rng, number)
            (folder / "Packages" / made.filename).write_bytes(built(rng, made))
            yield made

    repodata(folder, written(), count)


def metadata(folder: Path, count: int, seed: str):
    """A repository of `count` packages whose files nobody will ask for."""
    rng = random.Random(seed)
    repodata(folder, (package(rng, number) for number in range(count)), count)


def repodata(folder, packages, count):
    """The metadata of packages that lie in `Packages`; repomd.xml is written last."""
    folder = folder / "repodata"
    folder.mkdir(parents=True)
    documents = [Document(folder, name, count) for name in DOCUMENTS]
    for made in packages:
        for document, write in zip(documents, (primary, filelists, other)):
            document.write(write(made))
    records = "".join(document.finish() for document in documents)
    root = f'<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>{BUILT}</revision>'
    (folder / "repomd.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n{records}</repomd>\n')


class Document:
    """One of the three, as it grows."""

    def __init__(self, folder, name, count):
        self.name, self.path = name, folder / f"{name}.xml.gz"
        self.file = gzip.open(self.path, "wb", 6)
        self.digest, self.size = hashlib.sha256(), 0
        self.root = {"primary": "metadata", "other": "otherdata"}.get(name, name)
        spaces = f'xmlns="http://linux.duke.edu/metadata/{DOCUMENTS[name]}"'
        spaces += ' xmlns:rpm="http://linux.duke.edu/metadata/rpm"' if name == "primary" else ""
        self.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<{self.root} {spaces} packages="{count}">\n')

    def write(self, xml):
        data = xml.encode()
        self.digest.update(data)
        self.size += len(data)
        self.file.write(data)

    def finish(self):
        """What repomd.xml says of it."""
        self.write(f"</{self.root}>\n")
        self.file.close()
        packed = self.path.read_bytes()
        return (
            f'<data type="{self.name}">\n  <checksum type="sha256">{hashlib.sha256(packed).hexdigest()}</checksum>\n'
            f'  <open-checksum type="sha256">{self.digest.hexdigest()}</open-checksum>\n'
            f'  <location href="repodata/{self.path.name}"/>\n  <timestamp>{BUILT}</timestamp>\n'
            f"  <size>{len(packed)}</size>\n  <open-size>{self.size}</open-size>\n</data>\n"
        )


def primary(package):
    start, end = package.header
    shown = [folder + name for folder, name in package.files if "bin/" in folder or folder.startswith("/etc/")]
    return (
        f'<package type="rpm">\n  <name>{package.name}</name>\n  <arch>{package.arch}</arch>\n'
        f'  <version epoch="0" ver="{package.version}" rel="{package.release}"/>\n'
        f'  <checksum type="sha256" pkgid="YES">{package.pkgid}</checksum>\n'
        f"  <summary>A package of benchmarks</summary>\n  <description>{package.description}</description>\n"
        f'  <packager></packager>\n  <url>https://example.org/</url>\n  <time file="{BUILT}" build="{BUILT}"/>\n'
        f'  <size package="{package.size}" installed="{3 * package.size}" archive="{3 * package.size}"/>\n'
        f'  <location href="Packages/{package.filename}"/>\n  <format>\n    <rpm:license>MIT</rpm:license>\n'
        f"    <rpm:vendor></rpm:vendor>\n    <rpm:group>Unspecified</rpm:group>\n"
        f"    <rpm:buildhost>build.example.org</rpm:buildhost>\n"
        f"    <rpm:sourcerpm>{package.name}.src.rpm</rpm:sourcerpm>\n"
        f'    <rpm:header-range start="{start}" end="{end}"/>\n'
        f"    <rpm:provides>\n{entries(package.provides)}    </rpm:provides>\n"
        f"    <rpm:requires>\n{entries(package.requires)}    </rpm:requires>\n"
        f"{listed(shown, '    ')}  </format>\n</package>\n"
    )


def entries(dependencies):
    def attributes(comparison, version, release):
        shown = f' flags="{comparison}" epoch="0" ver="{version}"' if comparison else ""
        return shown + (f' rel="{release}"' if release else "")

    return "".join(f'      <rpm:entry name="{name}"{attributes(*rest)}/>\n' for name, *rest in dependencies)


def listed(paths, indent="  "):
    return "".join(f"{indent}<file>{path}</file>\n" for path in paths)


def filelists(package):
    return f"{opened(package)}{listed(folder + name for folder, name in package.files)}</package>\n"


def other(package):
    changes = "".join(
        f'  <changelog author="{html.escape(author)}" date="{date}">{what}</changelog>\n'
        for date, author, what in reversed(package.changelogs)
    )
    return f"{opened(package)}{changes}</package>\n"


def opened(package):
    version = f'<version epoch="0" ver="{package.version}" rel="{package.release}"/>'
    return f'<package pkgid="{package.pkgid}" name="{package.name}" arch="{package.arch}">\n  {version}\n'
