"""Parts of the Python format: pypi_sync, pypi_pages, pypi_upload."""

import hashlib
import shutil
import time

import data
from http_client import API, multipart
from measuring import delivery, finished, in_parallel, seconds, unique, unfinished, wrk
from parts_api import ROUNDS

REPOSITORIES = API + "repositories/python/python/"
REMOTES = API + "remotes/python/python/"
PUBLICATIONS = API + "publications/python/pypi/"
DISTRIBUTIONS = API + "distributions/python/pypi/"
PROJECTS = 500
FILES = 300
UPLOADS = 200
AT_ONCE = 8


def synced(client, url, policy, names):
    """A new repository with these projects of an index, and the task that brought them."""
    made = client.post(REPOSITORIES, {"name": f"bench-{unique()}"})["pulp_href"]
    remote = {"name": f"bench-{unique()}", "url": url, "policy": policy, "includes": names}
    remote = client.post(REMOTES, remote)["pulp_href"]
    return made, finished(client, client.post(f"{made}sync/", {"remote": remote})["task"], 0.05)


def distributed(client, values):
    """The address of the index of a new distribution."""
    name = f"bench-{unique()}"
    finished(client, client.post(DISTRIBUTIONS, {"name": name, "base_path": name, **values})["task"])
    return f"{client.url}/pypi/{name}/"


def pypi_sync(bench):
    """Every round needs files of its own: what a server has seen it does not fetch again."""
    for policy in ("immediate", "on_demand"):
        ours, peers, peaks = [], [], []
        for number in range(ROUNDS):
            folder = bench.root / f"pypi-{policy}-{number}"
            names = data.package_index(folder, f"{bench.nginx.url}/{folder.name}", {f"sync{policy[0]}{number}p{n}": 10 for n in range(100)})
            for target in bench.targets():
                if target.name == "ours":
                    target.reset_memory()
                    ours.append(seconds(synced(target.session(), f"{bench.nginx.url}/{folder.name}/", policy, names)[1]))
                    peaks.append(target.peak_memory())
                elif number == 0:
                    peers.append(seconds(synced(target.session(), f"{bench.nginx.url}/{folder.name}/", policy, names)[1]))
            shutil.rmtree(folder)
        what = f"100 projects of 10 wheels, {policy}"
        bench.table.add("pypi_sync", what, "s", ours, peers or None, target="ratio > 5")
        bench.table.add("pypi_sync", f"{what}, peak memory", "B", max(peaks), target="< 200 MB")
    bench.close()


def pypi_pages(bench):
    """The index of all projects and the page of one, as they are served live and from a publication."""
    folder = bench.root / "pypi-pages"
    counts = {f"benchproj{number:03d}": 1 for number in range(PROJECTS)} | {"manyfiles": FILES}
    names = data.package_index(folder, f"{bench.nginx.url}/{folder.name}", counts)
    repositories = {}
    for target in bench.targets():
        made, _ = synced(target.session(), f"{bench.nginx.url}/{folder.name}/", "on_demand", names)
        repositories[target.name] = made
    bench.ours().reset_memory()
    # In this order: once there is a publication, Pulp sends readers of the repository's own pages to pages it lacks.
    for how, factor in (("live", 100), ("published", 10)):
        indexes = {target.name: index(target, repositories[target.name], how) for target in bench.targets()}
        for what, path in ((f"index of {len(names)} projects", "simple/"), (f"page of {FILES} files", "simple/manyfiles/")):
            url = final(bench.ours(), indexes["ours"] + path)
            rounds = [delivery(url, 32, bench.ours().process) for _ in range(ROUNDS)]
            rates, costs = map(list, zip(*rounds))
            peers = None
            if bench.peer:
                url = final(bench.peer, indexes["peer"] + path)
                peers = [wrk(url, 32, 4)["rate"] for _ in range(ROUNDS)]
            bench.table.add("pypi_pages", f"{what}, {how}, 32 connections", "1/s", rates, peers, target=f"ratio > {factor}")
            bench.table.add("pypi_pages", f"{what}, {how}, processor for each", "s", costs)
    bench.table.add("pypi_pages", "peak memory", "B", bench.ours().peak_memory(), target="< 200 MB")
    bench.close()


def index(target, repository, how):
    """The address of the index of a repository, or of a publication of it."""
    client = target.session()
    if how == "live":
        return distributed(client, {"repository": repository})
    task = finished(client, client.post(PUBLICATIONS, {"repository": repository})["task"])
    return distributed(client, {"publication": task["created_resources"][0]})


def final(target, url):
    """Where a server redirects to, if it does."""
    answer = target.session().request("GET", url.removeprefix(target.url))
    location = dict(answer.headers).get("location")
    if answer.status not in (301, 302, 307):
        return url
    return location if location.startswith("http") else target.url + location


def pypi_upload(bench):
    rates, versions, peak = [], [], None
    for target in bench.targets():
        client = target.session()
        made = client.post(REPOSITORIES, {"name": f"bench-{unique()}"})["pulp_href"]
        url = distributed(client, {"repository": made, "allow_uploads": True})
        target.reset_memory()
        found = in_parallel(AT_ONCE, upload_some, target, url.removeprefix(target.url) + "legacy/")
        while unfinished(client):
            time.sleep(0.05)
        end = max(end for _, end in found) if target.name == "ours" else time.perf_counter()
        rates.append(UPLOADS / (end - min(begin for begin, _ in found)))
        repository = client.get(made)
        latest = repository["latest_version_href"]
        listed = client.get(f"{API}content/python/packages/?repository_version={latest}&limit=1")["count"]
        if listed != UPLOADS:
            raise SystemExit(f"{listed} of {UPLOADS} packages are in the repository")
        versions.append(int(latest.strip("/").rpartition("/")[2]))
        peak = peak or target.peak_memory()
    bench.table.add("pypi_upload", f"{UPLOADS} wheels, legacy API, {AT_ONCE} at a time", "1/s", *rates, target="ratio > 20")
    bench.table.add("pypi_upload", "versions they became", "", *versions, target="< 20")
    bench.table.add("pypi_upload", "peak memory", "B", peak, target="< 200 MB")
    bench.close()


def upload_some(number, ready, target, path):
    """What one client does: (begin, end). A finished answer means that the file can be installed."""
    client = target.basic()
    wheels = [data.wheel(f"up{unique()}", f"1.{number}.{at}") for at in range(UPLOADS // AT_ONCE)]
    client.get(f"{REPOSITORIES}?limit=1")
    ready()
    begin = time.perf_counter()
    for name, version, filename, body in wheels:
        fields = {
            ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": name,
            "version": version, "filetype": "bdist_wheel", "pyversion": "py3",
            "sha256_digest": hashlib.sha256(body).hexdigest(),
        }
        legacy_upload(client, path, fields, filename, body)
    return begin, time.perf_counter()


def legacy_upload(client, path, fields, filename, body):
    form, content_type = multipart(fields, "content", body, filename)
    answer = client.request("POST", path, form, content_type)
    if answer.status not in (200, 201, 202):
        raise SystemExit(f"{path}: {answer.status} {answer.body[:300]!r}")
