#!/usr/bin/env python3
"""A mirror of a synthetic package index, kept up to date by serials.

    tests/bench/synthetic_index.py [--projects 600000] [--changed 20] [--binary target/release/pith]

Starts an index of so many projects (JSON with a serial each, one wheel per project) and our server on loopback,
synchronizes once as a mirror on demand, then unchanged, then with some projects changed, and prints for each run the
requests that the index saw, the task's own time and the peak of our memory. Standard library only.
"""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import tempfile
import time
from datetime import datetime
from pathlib import Path

from http_client import API
from servers import Pith, free_port

SIMPLE = "application/vnd.pypi.simple.v1+json"


def name(number):
    return f"project-{number:06d}"


class Index(asyncio.Protocol):
    """One connection. Requests are answered in turn."""

    changed = set()
    projects = 0
    requests = 0
    list_body = None

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.answer(head)

    def answer(self, head):
        lines = head.split(b"\r\n")
        path = lines[0].split(b" ")[1].decode()
        if path.startswith("/control/"):
            return self.send(self.control(path.split("/")))
        Index.requests += 1
        if path == "/simple/":
            etag = f'"{len(Index.changed)}"'
            if any(line.lower() == b"if-none-match: " + etag.encode() for line in lines):
                return self.transport.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
            return self.send(self.whole_list(), f"ETag: {etag}\r\n")
        parts = path.strip("/").split("/")
        if len(parts) == 2 and parts[0] == "simple" and parts[1].startswith("project-"):
            return self.send(page(int(parts[1][8:]), Index.changed))
        self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def control(self, parts):
        if parts[2] == "change":
            Index.changed = {number * 7919 % Index.projects for number in range(int(parts[3]))}
            Index.list_body = None
        seen, Index.requests = Index.requests, 0
        return str(seen).encode()

    def whole_list(self):
        if Index.list_body is None:
            entries = (
                '{"name":"%s","_last-serial":%d}' % (name(number), 2 if number in Index.changed else 1)
                for number in range(Index.projects)
            )
            Index.list_body = ('{"meta":{"api-version":"1.1"},"projects":[' + ",".join(entries) + "]}").encode()
        return Index.list_body

    def send(self, body, headers=""):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {SIMPLE}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


def page(number, changed):
    def entry(version):
        digest = hashlib.sha256(f"{number} {version}".encode()).hexdigest()
        filename = f"{name(number).replace('-', '_')}-{version}-py3-none-any.whl"
        return {"filename": filename, "url": f"/files/{filename}", "hashes": {"sha256": digest}, "size": 1000}

    files = [entry("1.0")] + ([entry("2.0")] if number in changed else [])
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name(number), "files": files}).encode()


def serve(port, projects):
    Index.projects = projects

    async def run():
        server = await asyncio.get_running_loop().create_server(Index, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(run())


def seconds(task):
    begin, end = (datetime.fromisoformat(task[key].replace("Z", "+00:00")) for key in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def control(port, what):
    from urllib.request import urlopen

    return int(urlopen(f"http://127.0.0.1:{port}/control/{what}").read())


def measure(client, server, port, label, repository, remote):
    control(port, "reset")
    server.reset_memory()
    answer = client.post(repository + "sync/", {"remote": remote, "mirror": True})
    while True:
        task = client.get(answer["task"])
        if task["state"] in ("completed", "failed"):
            break
        time.sleep(0.2)
    requests = control(port, "reset")
    print(f"{label}: {task['state']}, {requests} requests, {seconds(task):.2f} s, "
          f"peak {server.peak_memory() / 2**20:.0f} MiB, new {task['created_resources']}", flush=True)
    if task["state"] == "failed":
        print(task["error"])


class Json:
    """JSON over one connection that is kept."""

    def __init__(self, target):
        self.client = target.basic()

    def post(self, path, body):
        return self.ask("POST", path, body)

    def get(self, path):
        return self.ask("GET", path)

    def ask(self, method, path, body=None):
        path = path if path.startswith("/") else API + path
        body = json.dumps(body).encode() if body is not None else b""
        answer = self.client.request(method, path, body, "application/json")
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.body[:500]}")
        return json.loads(answer.body)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--projects", type=int, default=600_000)
    options.add_argument("--changed", type=int, default=20)
    options.add_argument("--binary", default="target/release/pith")
    options = options.parse_args()
    port = free_port()
    index = multiprocessing.Process(target=serve, args=(port, options.projects), daemon=True)
    index.start()
    with tempfile.TemporaryDirectory() as folder:
        server = Pith(options.binary, Path(folder) / "data")
        server.start()
        try:
            client = Json(server)
            repository = client.post("repositories/python/python/", {"name": "mirror"})["pulp_href"]
            remote = {"name": "index", "url": f"http://127.0.0.1:{port}/", "policy": "on_demand"}
            remote = client.post("remotes/python/python/", remote)["pulp_href"]
            measure(client, server, port, "first", repository, remote)
            measure(client, server, port, "unchanged", repository, remote)
            control(port, f"change/{options.changed}")
            measure(client, server, port, f"{options.changed} changed", repository, remote)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
