"""Serves three files and their PULP_MANIFEST from a folder. Prints its address."""

import functools
import hashlib
import http.server
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
lines = []
for name in ("1.iso", "2.iso", "3.iso"):
    data = name.encode() * 300
    (folder / name).write_bytes(data)
    lines.append(f"{name},{hashlib.sha256(data).hexdigest()},{len(data)}\n")
(folder / "PULP_MANIFEST").write_text("".join(lines))

handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
