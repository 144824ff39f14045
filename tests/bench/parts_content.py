"""Parts that move files: sync, publish, bytes, notfound, versions."""

import random
import shutil
import socket
import statistics
import time
from pathlib import Path

import data
from http_client import API, HttpError
from measuring import delivery, finished, percentile, seconds, unique, wrk
from parts_api import FILES, REPOSITORIES, ROUNDS
from servers import processor_time

PUBLICATIONS = API + "publications/file/file/"
DISTRIBUTIONS = API + "distributions/file/file/"
COUNT = 10_000


def repository(client, url, policy):
    """A new repository and a remote for it."""
    name = f"bench-{unique()}"
    made = client.post(REPOSITORIES, {"name": name})["pulp_href"]
    remote = {"name": name, "url": f"{url}/PULP_MANIFEST", "policy": policy}
    return made, client.post(API + "remotes/file/file/", remote)["pulp_href"]


def synced(client, url, policy):
    """A new repository with what lies at `url`, and the task that brought it."""
    made, remote = repository(client, url, policy)
    pause = 0.05
    return made, finished(client, client.post(f"{made}sync/", {"remote": remote})["task"], pause)


def publish_task(client, made):
    return finished(client, client.post(PUBLICATIONS, {"repository": made})["task"], 0.02)


def distributed(client, made):
    """The address below which a publication of the repository is served."""
    publication = publish_task(client, made)["created_resources"][0]
    name = f"bench-{unique()}"
    value = {"name": name, "base_path": name, "publication": publication}
    finished(client, client.post(DISTRIBUTIONS, value)["task"])
    return f"{client.url}/pulp/content/{name}/"


def sync(bench):
    """The peer runs one round: it keeps what it has seen, so every round needs files of its own."""
    for policy, factor in (("immediate", 10), ("on_demand", 20)):
        ours, peers, peaks, spent = [], [], [], []
        for number in range(ROUNDS):
            name = f"sync-{policy}-{number}"
            data.files(bench.root / name, COUNT, unique())
            url = f"{bench.nginx.url}/{name}"
            for target in bench.targets():
                if target.name == "ours":
                    target.reset_memory()
                    before = target.processor_time()
                    ours.append(seconds(synced(target.session(), url, policy)[1]))
                    spent.append(target.processor_time() - before)
                    peaks.append(target.peak_memory())
                elif number == 0:
                    peers.append(seconds(synced(target.session(), url, policy)[1]))
            shutil.rmtree(bench.root / name)
        what = f"10,000 files, {policy}"
        bench.table.add("sync", what, "s", ours, peers or None, target=f"ratio > {factor}")
        bench.table.add("sync", f"{what}, rate", "1/s", [COUNT / time for time in ours])
        bench.table.add("sync", f"{what}, processor for it", "s", spent)
        bench.table.add("sync", f"{what}, peak memory", "B", max(peaks), target="< 300 MB")
    bench.close()


def publish(bench):
    data.manifest(bench.root / "publish", COUNT, unique())
    found, peak = [], None
    for target in bench.targets():
        client = target.session()
        made, _ = synced(client, f"{bench.nginx.url}/publish", "on_demand")
        target.reset_memory()
        found.append([seconds(publish_task(client, made)) for _ in range(ROUNDS)])
        peak = peak or target.peak_memory()
    bench.table.add("publish", "10,000 files", "s", *found, target="ratio > 10")
    bench.table.add("publish", "peak memory", "B", peak, target="< 300 MB")
    bench.close()


def bytes_(bench):
    statics = data.statics(bench.kept / "static")
    link = bench.root / "static"
    link.symlink_to(bench.kept / "static")
    ours, nginx = delivered(bench.ours(), statics, bench.kept / "static"), f"{bench.nginx.url}/static/"
    sides = ((ours, bench.running.process), (nginx, bench.nginx.process))
    for name in ("1k.bin", "100k.bin"):
        for connections in (1, 32):
            # In turn, so that what else the machine does falls on both.
            rounds = [[delivery(url + name, connections, process) for url, process in sides] for _ in range(5)]
            rates, costs = (zip(*[[side[at] for side in both] for both in rounds]) for at in (0, 1))
            what = f"{name.removesuffix('.bin').upper()}B, {connections} connections, against nginx"
            bench.table.add("bytes", what, "1/s", *map(list, rates), target="ratio ≥ 1")
            bench.table.add("bytes", f"{what}, processor for each", "s", *map(list, costs))
    spent = [processor_time(process) for _, process in sides]
    rounds = [[data.GIB / download(url + "1g.bin") for url, _ in sides] for _ in range(5)]
    spent = [(processor_time(process) - before) / 5 for (_, process), before in zip(sides, spent)]
    rates, peers = map(list, zip(*rounds))
    bench.table.add("bytes", "1 GiB, against nginx", "B/s", rates, peers, target="ratio ≥ 1")
    bench.table.add("bytes", "1 GiB, against nginx, processor for it", "s", *spent)
    bench.close()


def delivered(target, statics, folder):
    """Uploads the files, publishes and distributes them: the address below which they are."""
    client, units = target.session(), []
    for name, size in statics.items():
        upload = client.post(API + "uploads/", {"size": size})["pulp_href"]
        with (folder / name).open("rb") as file:
            for first in range(0, size, data.CHUNK):
                chunk = file.read(data.CHUNK)
                headers = {"Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{size}"}
                client.send("PUT", upload, {}, ("file", chunk), headers)
        task = finished(client, client.post(FILES, {"upload": upload, "relative_path": name})["task"])
        units += task["created_resources"]
    made = client.post(REPOSITORIES, {"name": f"bench-{unique()}"})["pulp_href"]
    finished(client, client.post(f"{made}modify/", {"add_content_units": units})["task"])
    return distributed(client, made)


def download(url):
    """Seconds to read a GiB; the bytes go nowhere."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, port = host.split(":")
    room = bytearray(256 << 10)
    begin = time.perf_counter()
    with socket.create_connection((name, int(port))) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        total = 0
        while got := connection.recv_into(room):
            total += got
    if total < data.GIB:
        raise HttpError(f"{url}: {total} bytes")
    return time.perf_counter() - begin


def grown(bench, target, count, versions, name):
    """A repository of `count` units and so many versions, each +10/-10: (it, the seconds of each step as the
    client saw it, and as the task ran)."""
    if not (bench.root / name).exists():
        data.manifest(bench.root / name, count, unique())
    client, rng = target.session(), random.Random(name)
    made, _ = synced(client, f"{bench.nginx.url}/{name}", "on_demand")
    listing = f"{FILES}?repository_version={made}versions/1/&fields=pulp_href&limit="
    units = []
    while page := client.get(f"{listing}1000&offset={len(units)}")["results"]:
        units += [unit["pulp_href"] for unit in page]
        if len(units) >= 20 * versions:
            break
    rng.shuffle(units)
    absent, waits, runs = [], [], []
    for _ in range(versions):
        remove, units = units[:10], units[10:]
        begin = time.perf_counter()
        body = {"add_content_units": absent, "remove_content_units": remove}
        task = finished(client, client.post(f"{made}modify/", body)["task"], 0.002)
        if absent:
            waits.append(time.perf_counter() - begin)
            runs.append(seconds(task))
        absent = remove
    return made, waits, runs


def versions(bench):
    databases = [("SQLite", None)] + ([("PostgreSQL", bench.postgres)] if bench.postgres else [])
    for name, database in databases:
        target = bench.ours(database)
        target.reset_memory()
        _, waits, runs = grown(bench, target, 200_000, 101, "versions")
        what = f"+10/-10 of 200,000, 100 versions, {name}"
        bench.table.add("versions", f"{what}, task, p50", "s", percentile(runs, 0.5), target="< 50 ms")
        bench.table.add("versions", f"{what}, task, p95", "s", percentile(runs, 0.95))
        bench.table.add("versions", f"{what}, request to finished, p50", "s", percentile(waits, 0.5))
        bench.table.add("versions", f"peak memory, {name}", "B", target.peak_memory(), target="< 300 MB")
        bench.close()


def notfound(bench):
    target = bench.ours()
    made, *_ = grown(bench, target, 100_000, 100, "notfound")
    base = distributed(target.session(), made)
    script = str(Path(__file__).parent / "missing.lua")
    for what, url in (("path not in it", base), ("no such distribution", f"{target.url}/pulp/content/none/")):
        rounds = [wrk(url, 32, 5, script) for _ in range(ROUNDS)]
        for part in ("50", "95", "99"):
            wanted = "< 20 ms" if part == "95" else ""
            bench.table.add("notfound", f"{what}, 32 connections, p{part}", "s", [r[part] for r in rounds], target=wanted)
        bench.table.add("notfound", f"{what}, 32 connections, rate", "1/s", statistics.median(r["rate"] for r in rounds))
    bench.close()
