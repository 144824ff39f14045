"""Parts that ask the API: start, api, upload."""

import os
import time

import data
from http_client import API
from measuring import finished, in_parallel, latencies, percentile, unfinished, unique
from servers import Pith

REPOSITORIES = API + "repositories/file/file/"
FILES = API + "content/file/files/"
ROUNDS = 3


def start(bench):
    empty, existing, idle, again = [], [], [], []
    for number in range(5):
        server = Pith(bench.binary, bench.folder / f"start-{number}")
        empty.append(server.start())
        # What the first start needed for the password goes back to the system after ten seconds.
        time.sleep(15 if number == 0 else 0.5)
        idle += [server.memory()] if number == 0 else []
        server.stop()
        existing.append(server.start())
        time.sleep(2)
        again.append(server.memory())
        server.remove()
    bench.table.add("start", "exec to first answer, empty folder", "s", empty, target="< 300 ms")
    bench.table.add("start", "exec to first answer, existing folder", "s", existing, target="< 100 ms")
    bench.table.add("start", "memory when idle, 15 s after the first start", "B", idle, target="< 40 MB")
    bench.table.add("start", "memory when idle, started again", "B", again, target="< 40 MB")
    bench.table.add("start", "size of the binary", "B", os.path.getsize(bench.binary), target="< 50 MB")


def api(bench):
    for how in ("basic", "session"):
        found = [api_latencies(target, how) for target in bench.targets()]
        for what in found[0]:
            for part in (0.5, 0.95):
                values = [percentile(times[what], part) for times in found]
                wanted = "ratio > 20" if part == 0.5 else ""
                bench.table.add("api", f"{what}, {how}, p{part * 100:.0f}", "s", *values, target=wanted)
    bench.close()


def api_latencies(target, how):
    run, count = unique(), 300 if target.name == "ours" else 50
    client = target.session()
    for number in range(max(0, 100 - client.get(f"{REPOSITORIES}?limit=1")["count"])):
        client.post(REPOSITORIES, {"name": f"bench-{run}-base-{number}"})
    one = client.get(f"{REPOSITORIES}?limit=1")["results"][0]["pulp_href"]
    client = client if how == "session" else target.basic()
    client.get(one)
    return {
        "read a repository": latencies(lambda _: client.get(one), count),
        "list 100": latencies(lambda _: client.get(f"{REPOSITORIES}?limit=100"), count),
        "create a repository": latencies(
            lambda number: client.post(REPOSITORIES, {"name": f"bench-{run}-{how}-{number}"}), count
        ),
    }


def upload(bench):
    for clients in (1, 8):
        for what, path in (("asynchronous until finished", FILES), ("synchronous", FILES + "upload/")):
            rates = [
                [upload_rate(target, path, clients) for _ in range(ROUNDS)] for target in bench.targets()
            ]
            wanted = "ratio > 20" if clients == 8 else ""
            bench.table.add("upload", f"1 KB, {what}, {clients} clients, basic", "1/s", *rates, target=wanted)
    wanted = "ratio > 5"
    found = [large_upload(target) for target in bench.targets()]
    bench.table.add("upload", "1 GiB in chunks and commit", "s", *(times for times, *_ in found), target=wanted)
    bench.table.add("upload", "processor for it", "s", found[0][2])
    bench.table.add("upload", "peak memory during it", "B", found[0][1], target="< 300 MB")
    bench.close()


def upload_rate(target, path, clients):
    """Uploads for some seconds, waits until the server has done all of it; units a second."""
    found = in_parallel(clients, upload_for, target, path, 4 if target.name == "ours" else 8)
    client = target.session()
    pause = 0.005 if target.name == "ours" else 0.1
    while unfinished(client):
        time.sleep(pause)
    end = time.perf_counter()
    end = end if path == FILES else max(last for _, _, last in found)
    failed = client.get(f"{API}tasks/?state=failed&name__contains=create&limit=1")
    if failed["count"]:
        raise SystemExit(f"uploads failed: {failed['results'][0]['error']}")
    return sum(count for count, _, _ in found) / (end - min(begin for _, begin, _ in found))


def upload_for(number, ready, target, path, duration):
    """What one client does: (units, begin, end)."""
    client, run, count = target.basic(), unique(), 0
    client.get(f"{REPOSITORIES}?limit=1")
    ready()
    begin = time.perf_counter()
    while time.perf_counter() - begin < duration:
        client.send("POST", path, {"relative_path": f"bench/{run}/{number}-{count}"}, ("file", os.urandom(1024)))
        count += 1
    return count, begin, time.perf_counter()


def large_upload(target):
    """Seconds of each round, and the largest memory."""
    times, peaks, spent = [], [], []
    for _ in range(ROUNDS if target.name == "ours" else 1):
        client = target.session()
        digest, chunks = data.large(unique())
        target.reset_memory()
        before = target.processor_time()
        begin = time.perf_counter()
        upload = client.post(API + "uploads/", {"size": data.GIB})["pulp_href"]
        for number, chunk in enumerate(chunks):
            first = number * data.CHUNK
            headers = {"Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{data.GIB}"}
            client.send("PUT", upload, {}, ("file", chunk), headers)
        finished(client, client.post(f"{upload}commit/", {"sha256": digest})["task"])
        times.append(time.perf_counter() - begin)
        spent.append(target.processor_time() - before)
        peaks.append(target.peak_memory())
    return times, max(peaks), spent
