"""Parts of the RPM format: rpm_sync, rpm_publish, rpm_copy, rpm_change."""

import gzip
import os
import random
import re
import shutil
import subprocess
import time

import synthetic_rpm
from http_client import API
from measuring import finished, in_parallel, seconds, unfinished, unique
from parts_api import ROUNDS

REPOSITORIES = API + "repositories/rpm/rpm/"
REMOTES = API + "remotes/rpm/rpm/"
PUBLICATIONS = API + "publications/rpm/rpm/"
DISTRIBUTIONS = API + "distributions/rpm/rpm/"
PACKAGES = API + "content/rpm/packages/"
FILES = 3_000
METADATA = 60_000
CHANGED = (1_000, 10_000)
CHANGES = 10
UPLOADS = 1_000
AT_ONCE = 8
# Seconds after which nothing more is expected.
PATIENCE = 900


def repository(client, **values):
    return client.post(REPOSITORIES, {"name": f"bench-{unique()}", **values})["pulp_href"]


def synced(client, url, policy, **values):
    """A new repository with what lies at `url`, its remote, and the task that brought it."""
    made = repository(client, **values)
    remote = client.post(REMOTES, {"name": f"bench-{unique()}", "url": url, "policy": policy})["pulp_href"]
    return made, remote, sync_task(client, made, remote)


def sync_task(client, made, remote):
    return finished(client, client.post(f"{made}sync/", {"remote": remote})["task"], 0.05)


def copied(client, source):
    """A new repository with everything that another one has, and the task that brought it."""
    made = repository(client)
    config = [{"source_repo_version": client.get(source)["latest_version_href"], "dest_repo": made}]
    answer = client.post(API + "rpm/copy/", {"config": config, "dependency_solving": False})
    return made, finished(client, answer["task"], 0.02)


def kept(bench, what, count):
    """A repository that is kept between runs: (its folder, its address)."""
    folder, link = bench.kept / f"rpm-{what.__name__}-{count}", bench.root / f"rpm-{what.__name__}-{count}"
    if not (folder / "repodata/repomd.xml").exists():
        shutil.rmtree(folder, ignore_errors=True)
        what(folder, count, folder.name)
    if not link.exists():
        link.symlink_to(folder)
    return folder, f"{bench.nginx.url}/{link.name}/"


def rounds(target):
    return ROUNDS if target.name == "ours" else 1


def counted(count):
    return f"{count:,} packages"


def rpm_sync(bench):
    """Ours is new in each round. The peer runs one: it keeps what it has seen, so what it gets is new in each run."""
    files, metadata = synthetic_rpm.files, synthetic_rpm.metadata
    for make, count, policy in ((files, FILES, "immediate"), (files, FILES, "on_demand"), (metadata, METADATA, "on_demand")):
        folder = bench.root / f"rpm-{policy}-{count}"
        make(folder, count, unique())
        url, ours, peaks = f"{bench.nginx.url}/{folder.name}/", [], []
        peer = sync_twice(bench, bench.peer, url, policy) if bench.peer else (None, None, None)
        for _ in range(ROUNDS):
            ours.append(sync_twice(bench, bench.ours(), url, policy))
            peaks.append(bench.ours().peak_memory())
            bench.close()
        shutil.rmtree(folder)
        what = f"{counted(count)}, {policy}"
        first, again, requests = map(list, zip(*ours))
        bench.table.add("rpm_sync", what, "s", first, peer[0])
        bench.table.add("rpm_sync", f"{what}, peak memory", "B", max(peaks), target="< 300 MB")
        if make is metadata:
            bench.table.add("rpm_sync", f"{what}, again, unchanged", "s", again, peer[1])
            bench.table.add("rpm_sync", f"{what}, again, requests for metadata", "", requests, peer[2])


def sync_twice(bench, target, url, policy):
    """Seconds of the first sync and of one that finds nothing new, and how often that asked for metadata."""
    client = target.session()
    target.reset_memory()
    made, remote, first = synced(client, url, policy)
    before = bench.nginx.metadata_requests()
    again = sync_task(client, made, remote)
    return seconds(first), seconds(again), bench.nginx.metadata_requests() - before


def rpm_publish(bench):
    """Each round has a repository of its own: what is published again is partly taken from the last publication."""
    folder, files = kept(bench, synthetic_rpm.files, FILES)
    _, metadata = kept(bench, synthetic_rpm.metadata, METADATA)
    for url, count in ((files, FILES), (metadata, METADATA)):
        found = {"gz": [], "zstd": []}
        for target in bench.targets():
            client = target.session()
            source = synced(client, url, "on_demand")[0]
            target.reset_memory()
            for compression, times in found.items():
                pairs = [publish_twice(client, source, compression) for _ in range(rounds(target))]
                times.append([list(of) for of in zip(*pairs)])
        peak = bench.ours().peak_memory()
        for compression, times in found.items():
            what = f"{counted(count)}, {compression}"
            add_published(bench, what, *times)
            if url == files and (created := createrepo(bench, folder, compression)):
                add_published(bench, f"{what}, against createrepo_c", times[0], created)
        bench.table.add("rpm_publish", f"{counted(count)}, peak memory", "B", peak, target="< 300 MB")
        bench.close()


def add_published(bench, what, ours, peer=(None, None)):
    for how, *times in zip(("", ", again with one fewer"), ours, peer):
        bench.table.add("rpm_publish", what + how, "s", *times)


def publish_twice(client, source, compression):
    """Seconds of the first publication of a copy, and of the next when one package has gone."""
    made, times = copied(client, source)[0], []
    for _ in range(2):
        answer = client.post(PUBLICATIONS, {"repository": made, "compression_type": compression})
        times.append(seconds(finished(client, answer["task"], 0.02)))
        remove(client, made, first_package(client, made))
    return times


def first_package(client, made):
    latest = client.get(made)["latest_version_href"]
    return client.get(f"{PACKAGES}?repository_version={latest}&limit=1&fields=pulp_href")["results"][0]["pulp_href"]


def remove(client, made, package):
    return finished(client, client.post(f"{made}modify/", {"remove_content_units": [package]})["task"])


def createrepo(bench, folder, compression):
    """The seconds of full runs of createrepo_c, and of updates that find one file fewer, if it is there and can."""
    if not shutil.which("createrepo_c"):
        return None
    told = subprocess.run(["createrepo_c", "--help"], capture_output=True, text=True).stdout
    if compression not in ("gz", *re.findall("zstd", told)):
        return None
    full, update = [], []
    for number in range(ROUNDS):
        mine, out = bench.folder / f"createrepo-{compression}-{number}", bench.folder / f"repodata-{compression}-{number}"
        # Links to the files, so that one can go.
        shutil.copytree(folder.resolve() / "Packages", mine / "Packages", copy_function=os.symlink)
        out.mkdir()
        command = ["createrepo_c", "--quiet", "--no-database", "--general-compress-type", compression, "--outputdir", out]
        full.append(run([*command, mine]))
        next((mine / "Packages").iterdir()).unlink()
        update.append(run([*command, "--update", mine]))
        shutil.rmtree(mine)
        shutil.rmtree(out)
    return full, update


def run(command):
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def rpm_copy(bench):
    for make, count in ((synthetic_rpm.files, FILES), (synthetic_rpm.metadata, METADATA)):
        found = []
        _, url = kept(bench, make, count)
        for target in bench.targets():
            client = target.session()
            source = synced(client, url, "on_demand")[0]
            target.reset_memory()
            found.append([seconds(copied(client, source)[1]) for _ in range(ROUNDS)])
        bench.table.add("rpm_copy", counted(count), "s", *found)
        bench.table.add("rpm_copy", f"{counted(count)}, peak memory", "B", bench.ours().peak_memory(), target="< 300 MB")
        bench.close()


def rpm_change(bench):
    for count in CHANGED:
        _, url = kept(bench, synthetic_rpm.metadata, count)
        found = []
        for target in bench.targets():
            client = target.session()
            made = synced(client, url, "on_demand", autopublish=True, compression_type="gz")[0]
            base = distributed(client, made)
            target.reset_memory()
            steps = [change(client, made, base) for _ in range(CHANGES if target.name == "ours" else ROUNDS)]
            found.append([list(times) for times in zip(*steps)])
        for what, times in zip(("one added", "one removed"), zip(*found)):
            bench.table.add("rpm_change", f"{counted(count)}, {what}, until it is served", "s", *times)
        bench.table.add("rpm_change", f"{counted(count)}, peak memory", "B", bench.ours().peak_memory(), target="< 300 MB")
        bench.close()
    # A tenth of them for the peer, which has it easier with fewer.
    each = UPLOADS // AT_ONCE
    rates = [upload_rate(target, each if target.name == "ours" else each // 10) for target in bench.targets()]
    what = f"{UPLOADS:,} uploads, {AT_ONCE} at a time"
    bench.table.add("rpm_change", f"{what}, until all are served", "1/s", *rates)
    bench.table.add("rpm_change", f"{what}, peak memory", "B", bench.ours().peak_memory(), target="< 300 MB")
    bench.close()


def distributed(client, made):
    """The path below which what a repository has published last is served."""
    name = f"bench-{unique()}"
    finished(client, client.post(DISTRIBUTIONS, {"name": name, "base_path": name, "repository": made})["task"])
    return f"/pulp/content/{name}/"


def change(client, made, base):
    """Seconds from an upload, and from a removal, until the metadata that is served is another."""
    seed = unique()
    rng = random.Random(seed)
    body = synthetic_rpm.built(rng, synthetic_rpm.package(rng, 0, f"a{seed}-"))
    task, added = until_served(client, base, lambda: client.send("POST", PACKAGES, {"repository": made}, ("file", body)))
    package = next(href for href in task["created_resources"] if href.startswith(PACKAGES))
    body = {"remove_content_units": [package]}
    _, removed = until_served(client, base, lambda: client.post(f"{made}modify/", body))
    return added, removed


def until_served(client, base, send):
    """The task of what `send` does, and the seconds until repomd.xml names another primary."""
    before = primary(client, base)
    begin = time.perf_counter()
    task = send()["task"]
    wait(lambda: primary(client, base) != before)
    took = time.perf_counter() - begin
    return finished(client, task), took


def wait(happened):
    begin = time.perf_counter()
    while not happened():
        if time.perf_counter() - begin > PATIENCE:
            raise SystemExit("what was uploaded is not served")
        time.sleep(0.002)


def primary(client, base):
    """The path of the document that is served; none before there is one."""
    index = client.request("GET", f"{base}repodata/repomd.xml").body.decode()
    return next(iter(re.findall(r'href="(repodata/[^"]*primary\.xml[^"]*)"', index)), None)


def served(client, base):
    """How many packages the metadata that is served lists."""
    path = primary(client, base)
    text = gzip.decompress(client.request("GET", base + path).body) if path else b""
    return text.count(b"<package ")


def upload_rate(target, each):
    """Packages a second, so many of each client, into a repository that publishes by itself, until the last is served."""
    client, total = target.session(), each * AT_ONCE
    made = repository(client, autopublish=True, compression_type="gz")
    base = distributed(client, made)
    target.reset_memory()
    begins = in_parallel(AT_ONCE, upload_some, target, made, each)
    while unfinished(client):
        time.sleep(0.01)
    wait(lambda: served(client, base) == total)
    return total / (time.perf_counter() - min(begins))


def upload_some(number, ready, target, made, count):
    """What one client does: when it began."""
    seed = unique()
    rng = random.Random(seed)
    bodies = [synthetic_rpm.built(rng, synthetic_rpm.package(rng, at, f"u{seed}-")) for at in range(count)]
    client = target.basic()
    client.get(f"{REPOSITORIES}?limit=1")
    ready()
    begin = time.perf_counter()
    for body in bodies:
        client.send("POST", PACKAGES, {"repository": made}, ("file", body))
    return begin
