"""Runs the parts and prints the table. Called by `run`, which says what is needed."""

import argparse
import os
import platform
import shutil
import tempfile
from pathlib import Path

import parts_api
import parts_content
import parts_exchange
import parts_python
import parts_rpm
import parts_scale
from measuring import Table, unique
from servers import Nginx, Pith, Target

PARTS = {
    "start": parts_api.start,
    "api": parts_api.api,
    "upload": parts_api.upload,
    "sync": parts_content.sync,
    "publish": parts_content.publish,
    "bytes": parts_content.bytes_,
    "notfound": parts_content.notfound,
    "versions": parts_content.versions,
    "pypi_sync": parts_python.pypi_sync,
    "pypi_pages": parts_python.pypi_pages,
    "pypi_upload": parts_python.pypi_upload,
    "rpm_sync": parts_rpm.rpm_sync,
    "rpm_publish": parts_rpm.rpm_publish,
    "rpm_copy": parts_rpm.rpm_copy,
    "rpm_change": parts_rpm.rpm_change,
    "exchange": parts_exchange.exchange,
    "scale": parts_scale.scale,
}


class Bench:
    """What a part works with. Each part has a server of ours in a new folder."""

    def __init__(self, options, folder):
        self.binary, self.postgres = os.environ["BENCH_BINARY"], options.postgres
        self.folder = folder
        self.kept = Path(os.environ.get("BENCH_DATA", Path.home() / ".cache/pith-bench"))
        self.root = folder / "upstream"
        self.root.mkdir()
        self.nginx = Nginx(self.root, folder / "nginx")
        self.peer = Target("peer", *options.peer) if options.peer else None
        self.table = Table()
        self.running = None

    def ours(self, database=None):
        if self.running is None:
            self.running = Pith(self.binary, self.folder / f"data-{unique()}", database)
            self.running.start()
        return self.running

    def targets(self):
        """Ours, and the peer if there is one."""
        return [self.ours()] + ([self.peer] if self.peer else [])

    def close(self):
        """Ends our server and removes what it kept."""
        if self.running:
            self.running.remove()
        self.running = None


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--peer", nargs=3, metavar=("URL", "USER", "PASSWORD"))
    parser.add_argument("--postgres", metavar="URL")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    folder = Path(tempfile.mkdtemp(prefix="pith-bench-"))
    # nginx's workers may run as another user.
    folder.chmod(0o755)
    bench = Bench(options, folder)
    before = os.getloadavg()[0]
    try:
        for part in options.parts or PARTS:
            PARTS[part](bench)
    finally:
        bench.close()
        bench.nginx.stop()
        shutil.rmtree(folder, ignore_errors=True)
        # Also of a run that broke off.
        load = f"load {before:.1f} before the run, {os.getloadavg()[0]:.1f} after it"
        print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; {load}\n")
        print(bench.table.markdown())


if __name__ == "__main__":
    main()
