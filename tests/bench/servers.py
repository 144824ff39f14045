"""What a run starts and stops: our server, and nginx with the data."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from http_client import API, Client, basic, session

PASSWORD = "a-password-of-benchmarks"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processor_time(process):
    """The seconds of processor that a process and its children have used: what a busy machine falsifies least."""
    ticks = 0
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [process.pid, *children]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Target:
    """A server that is measured: an address and who logs in."""

    def __init__(self, name, url, user, password):
        self.name, self.url, self.user, self.password = name, url.rstrip("/"), user, password

    def basic(self):
        return basic(self.url, self.user, self.password)

    def session(self):
        return session(self.url, self.user, self.password)

    def reset_memory(self):
        """Forgets the peak so far; a peer's memory is not read."""

    def peak_memory(self):
        return 0

    def processor_time(self):
        return 0


class Pith(Target):
    """Our binary in a folder, on a free port of loopback."""

    def __init__(self, binary, folder, database=None, settings=None):
        super().__init__("ours", f"http://127.0.0.1:{free_port()}", "admin", PASSWORD)
        self.folder = Path(folder)
        self.binary = binary
        self.place = ["--data-dir", str(self.folder)] + (["--database", database] if database else [])
        self.command = [binary, "serve", "--listen", self.url.removeprefix("http://"), *self.place]
        self.settings = settings or {}
        self.process = None

    def start(self):
        """Starts it and returns the seconds from exec to the first answer."""
        environment = {**os.environ, **self.settings, "PITH_ADMIN_PASSWORD": PASSWORD}
        with open(f"{self.folder}.log", "ab") as log:
            begin = time.perf_counter()
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment)
        client = Client(self.url)
        while True:
            try:
                if client.request("GET", API + "status/").status == 200:
                    client.close()
                    return time.perf_counter() - begin
            except (OSError, EOFError):
                client.close()
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {Path(f'{self.folder}.log').read_text()[-2000:]}")
            time.sleep(0.0005)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def run(self, *arguments):
        """Another verb of the command line, on the same state."""
        subprocess.run([self.binary, *arguments, *self.place], check=True, capture_output=True)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def _status(self, key):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def memory(self):
        return self._status("VmRSS")

    def reset_memory(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_memory(self):
        return self._status("VmHWM")

    def processor_time(self):
        return processor_time(self.process)


NGINX = """
worker_processes {workers}; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {root}; add_header X-PyPI-Last-Serial 1;
    location ~ /json$ {{ default_type application/json; }}
    location ~ /repodata/ {{ access_log {folder}/metadata.log; }}
  }}
}}
"""


class Nginx:
    """nginx over a folder: the upstream of syncs, and the peer of delivery."""

    def __init__(self, root, folder):
        port = free_port()
        self.url, self.folder = f"http://127.0.0.1:{port}", folder
        folder.mkdir(parents=True)
        user = "user root;" if os.geteuid() == 0 else ""
        workers = os.cpu_count()
        text = NGINX.format(folder=folder, port=port, root=root, user=user, workers=workers)
        (folder / "nginx.conf").write_text(text)
        self.process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log")])
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                time.sleep(0.05)
        raise SystemExit("nginx does not start")

    def metadata_requests(self):
        """How often anything in a folder `repodata` was asked for."""
        return len((self.folder / "metadata.log").read_text().splitlines())

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
