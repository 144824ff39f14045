"""How times are taken, and the table they end in."""

import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime

from http_client import API, HttpError
from servers import processor_time

FINAL = ("completed", "failed", "canceled", "skipped")


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def latencies(work, count):
    """The seconds of each of `count` calls of `work(number)`."""
    times = []
    for number in range(count):
        begin = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - begin)
    return times


def finished(client, task, pause=0.005):
    """Waits for a task, given by its address; returns it, which must have completed."""
    while (value := client.get(task))["state"] not in FINAL:
        time.sleep(pause)
    if value["state"] != "completed":
        raise HttpError(f"{value['name']} {value['state']}: {value.get('error')}")
    return value


def seconds(task):
    """How long a task ran, by its server's clock."""
    begin, end = (datetime.fromisoformat(task[key].replace("Z", "+00:00")) for key in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def in_parallel(count, work, *arguments):
    """`work(number, ready, *arguments)` in `count` processes that call `ready()` when they may all begin.
    Returns their results."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(count), context.Queue()

    def run(number):
        try:
            results.put(work(number, barrier.wait, *arguments))
        except BaseException as error:
            barrier.abort()
            results.put(error)

    processes = [context.Process(target=run, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def wrk(url, connections, duration, script=None):
    """One run of wrk: requests a second, and latencies in seconds by percentile."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{duration}s", "--latency"]
    command += ["-s", script] if script else []
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])}
    found["count"] = int(re.search(r"(\d+) requests in", text)[1])
    for name, value, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m)$", text, re.M):
        found[name] = float(value) * UNITS[unit]
    for name, value in re.findall(r"^p(\d+) (\d+)us$", text, re.M):
        found[name] = int(value) * 1e-6
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if errors and not script:
        raise SystemExit(f"{url}: {errors[1]} errors")
    return found


def show(value, unit):
    if value is None:
        return ""
    if unit == "s" and value < 0.0005:
        value, unit = value * 1e6, "µs"
    if unit == "s" and value < 1:
        value, unit = value * 1000, "ms"
    if unit == "B":
        value, unit = value / 1e6, "MB"
    if unit == "B/s":
        value, unit = value / 1e9, "GB/s"
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def delivery(url, connections, process):
    """One run of wrk: (requests a second, seconds of the server's processor for each)."""
    before = processor_time(process)
    found = wrk(url, connections, 4)
    return found["rate"], (processor_time(process) - before) / found["count"]


class Table:
    """Lines of a markdown table; each is printed to standard error as soon as it is known."""

    def __init__(self):
        self.rows = []

    def add(self, part, what, unit, ours, peer=None, target=""):
        """`ours` and `peer` in `unit`, one value or the list of several rounds, of which the median counts.
        The ratio says how many times better ours is: less of a time or a size, more of a rate."""
        ours, peer = (statistics.median(value) if isinstance(value, list) else value for value in (ours, peer))
        more = unit.endswith("/s")
        ratio = "" if not peer or not ours else f"{(ours / peer if more else peer / ours):.2f}"
        row = (part, what, show(ours, unit), show(peer, unit), ratio, target)
        self.rows.append(row)
        print("\t".join(row), file=sys.stderr, flush=True)

    def markdown(self):
        head = ("part", "measure", "ours", "peer", "ratio", "wanted")
        lines = [head, ("---",) * len(head), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def unfinished(client):
    return client.get(f"{API}tasks/?state__in=waiting,running,canceling&limit=1&fields=pulp_href")["count"]


def unique():
    return os.urandom(4).hex()
