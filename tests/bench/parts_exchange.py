"""The part of exports and imports: 20,000 files with labels out of one server and into another, all of them and then
what changed. What arrives has to be equal: paths, digests, labels (where both servers move them) and the versions."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import data
from http_client import API, HttpError
from measuring import FINAL, finished, seconds, unique
from parts_api import FILES, REPOSITORIES
from parts_content import synced
from servers import Pith

EXPORTERS = API + "exporters/core/pulp/"
IMPORTERS = API + "importers/core/pulp/"
COUNT, CHANGED, LABELLED = 20_000, 100, 200
# Small, so that there are many.
CHUNK_SIZE = "4MB"


def exchange(bench):
    """A peer has to allow exports and imports below the folder for temporary files, and to see it. Where it wants other
    digests than ours has, `PITH_ALLOWED_CONTENT_CHECKSUMS` tells ours."""
    shared = Path(tempfile.mkdtemp(prefix="pith-exchange-"))
    shared.chmod(0o777)
    settings = {f"PITH_ALLOWED_{way}_PATHS": json.dumps([str(shared)]) for way in ("EXPORT", "IMPORT")}
    servers = [Pith(bench.binary, bench.folder / f"exchange-{number}", settings=settings) for number in range(2)]
    try:
        for server in servers:
            server.start()
        pairs = [("ours to ours", *servers)]
        if bench.peer:
            pairs += [("ours to the peer", servers[0], bench.peer), ("the peer to ours", bench.peer, servers[1])]
        for what, source, target in pairs:
            round_trip(bench, what, (source, target), shared)
    finally:
        for server in servers:
            server.remove()
        shutil.rmtree(shared, ignore_errors=True)


def round_trip(bench, what, servers, shared):
    """A full exchange, then an incremental one of what changed meanwhile."""
    source, target = (server.session() for server in servers)
    name = f"exchange-{unique()}"
    data.files(bench.root / name, COUNT, name)
    made, _ = synced(source, f"{bench.nginx.url}/{name}", "immediate")
    label(source, made)
    mapped = target.post(REPOSITORIES, {"name": f"{name}-imported"})
    exporter = source.post(EXPORTERS, {"name": name, "path": str(shared / name), "repositories": [made]})["pulp_href"]
    mapping = {source.get(made)["name"]: mapped["name"]}
    importer = target.post(IMPORTERS, {"name": name, "repo_mapping": mapping})["pulp_href"]
    moves_labels = all(server.name == "ours" for server in servers)
    for number, (how, options) in enumerate((("all", {}), ("what changed", {"full": False})), 1):
        if number > 1:
            change(source, made)
        for server in servers:
            server.reset_memory()
        exported, toc = export(source, exporter, options)
        imported = import_(target, importer, toc)
        compare(source, made, target, mapped["pulp_href"], number, moves_labels)
        bench.table.add("exchange", f"{COUNT:,} files, {how}, {what}: export", "s", exported)
        bench.table.add("exchange", f"{COUNT:,} files, {how}, {what}: import", "s", imported)
    for server, verb in zip(servers, ("exports", "imports")):
        if server.name == "ours":
            peak = server.peak_memory()
            bench.table.add("exchange", f"peak memory of whoever {verb}, {what}", "B", peak, target="< 300 MB")
    shutil.rmtree(bench.root / name)


def label(client, made):
    """Labels some units."""
    version = client.get(made)["latest_version_href"]
    units = client.get(f"{FILES}?repository_version={version}&limit={LABELLED}&fields=pulp_href")["results"]
    for at, unit in enumerate(units):
        client.post(f"{unit['pulp_href']}set_label/", {"key": "number", "value": str(at)})


def change(client, made):
    """Removes some units, and puts a new one in place of each."""
    version = client.get(made)["latest_version_href"]
    units = client.get(f"{FILES}?repository_version={version}&limit={CHANGED}&fields=pulp_href")["results"]
    added = []
    for at in range(CHANGED):
        fields = {"relative_path": f"changed/{at}"}
        task = client.send("POST", FILES, fields, ("file", f"{made} {at}".encode()))["task"]
        added.append(finished(client, task)["created_resources"][0])
    body = {"add_content_units": added, "remove_content_units": [unit["pulp_href"] for unit in units]}
    finished(client, client.post(f"{made}modify/", body)["task"])


def export(client, exporter, options):
    """The seconds of the task, and where the table of contents is."""
    task = finished(client, client.post(f"{exporter}exports/", {"chunk_size": CHUNK_SIZE, **options})["task"], 0.05)
    return seconds(task), client.get(task["created_resources"][0])["toc_info"]["file"]


def import_(client, importer, toc):
    """The seconds from the request until all tasks are over, which must have completed."""
    begin = time.perf_counter()
    answer = client.post(f"{importer}imports/", {"toc": toc})
    group = answer["task_group"]
    while True:
        shown = client.get(group)
        # The first task starts the others before it ends. Not every server says of the group that none will join.
        if shown["tasks"] and all(task["state"] in FINAL for task in shown["tasks"]):
            break
        time.sleep(0.05)
    taken = time.perf_counter() - begin
    for task in shown["tasks"]:
        finished(client, task["pulp_href"])
    return taken


def compare(source, made, target, imported, number, moves_labels):
    """Ends the run when what arrived is not what was sent."""
    sent, arrived = contents(source, made, moves_labels), contents(target, imported, moves_labels)
    if sent != arrived:
        differing = sorted(set(sent.items()) ^ set(arrived.items()))
        raise HttpError(f"{len(sent)} files were sent, {len(arrived)} arrived; {differing[:4]} differ")
    if len(sent) != COUNT or (moves_labels and sum(labels != "{}" for _, labels in sent.values()) < LABELLED - CHANGED):
        raise HttpError(f"{len(sent)} files were sent, not {COUNT}, or not their labels")
    summary = target.get(target.get(imported)["latest_version_href"])
    present = summary["content_summary"]["present"]["file.file"]["count"]
    if (summary["number"], present) != (number, COUNT):
        raise HttpError(f"version {summary['number']} has {present} files")


def contents(client, repository, with_labels):
    """Of the newest version: digests, and labels, by paths."""
    version = client.get(repository)["latest_version_href"]
    listing = f"{FILES}?repository_version={version}&fields=relative_path,sha256,pulp_labels&limit=1000&offset="
    found, offset = {}, 0
    while page := client.get(f"{listing}{offset}")["results"]:
        for unit in page:
            labels = json.dumps(unit.get("pulp_labels", {}), sort_keys=True) if with_labels else "{}"
            found[unit["relative_path"]] = (unit["sha256"], labels)
        offset += len(page)
    return found
