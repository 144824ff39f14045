"""The files that are synced, uploaded and delivered. Bytes are random, of a seed that is new in every run where
a server that has seen them before would skip the work."""

import hashlib
import html
import io
import json
import random
import zipfile
from pathlib import Path

CHUNK = 32 << 20
GIB = 1 << 30


def files(folder: Path, count: int, seed: str):
    """`count` files of 1 KiB and their PULP_MANIFEST."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        path = folder / f"{number % 100:02d}" / f"f{number:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = rng.randbytes(1024)
        path.write_bytes(data)
        lines.append(f"{path.relative_to(folder)},{hashlib.sha256(data).hexdigest()},{len(data)}\n")
    (folder / "PULP_MANIFEST").write_text("".join(lines))


def manifest(folder: Path, count: int, seed: str):
    """A PULP_MANIFEST of files that nobody will ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    lines = (f"{number % 100:02d}/f{number:06d}.bin,{rng.randbytes(32).hex()},1024\n" for number in range(count))
    (folder / "PULP_MANIFEST").write_text("".join(lines))


def statics(folder: Path):
    """Three files to deliver, kept between runs: name → size."""
    sizes = {"1k.bin": 1 << 10, "100k.bin": 100 << 10, "1g.bin": GIB}
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    for name, size in sizes.items():
        path = folder / name
        if path.exists() and path.stat().st_size == size:
            continue
        with path.open("wb") as file:
            for at in range(0, size, 1 << 20):
                file.write(rng.randbytes(min(1 << 20, size - at)))
    return sizes


def large(seed: str):
    """A GiB in chunks that is like no other, without keeping it: (digest, chunks)."""
    body = random.Random(7).randbytes(CHUNK)

    def chunks():
        for number in range(GIB // CHUNK):
            mark = hashlib.sha256(f"{seed}-{number}".encode()).digest()
            yield mark + body[len(mark):]

    digest = hashlib.sha256()
    for chunk in chunks():
        digest.update(chunk)
    return digest.hexdigest(), chunks()


def wheel(name: str, version: str):
    """A small wheel: (name, version, filename, bytes)."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name, version, f"{name}-{version}-py3-none-any.whl", body.getvalue()


def package_index(folder: Path, url: str, counts: dict):
    """A package index of static files, to be served at `url`: `simple/`, `pypi/NAME/json` and `packages/`, with so
    many wheels of each project. Returns the names."""
    (folder / "packages").mkdir(parents=True)
    for name, count in counts.items():
        releases, links = {}, []
        for number in range(count):
            _, version, filename, body = wheel(name, f"1.{number}")
            (folder / "packages" / filename).write_bytes(body)
            digest = hashlib.sha256(body).hexdigest()
            where = f"{url}/packages/{filename}"
            links.append(f'<a href="{where}#sha256={digest}" data-requires-python="{html.escape(">=3.8")}">{filename}</a>')
            releases[version] = [
                {
                    "filename": filename, "url": where, "packagetype": "bdist_wheel", "python_version": "py3",
                    "digests": {"sha256": digest, "md5": hashlib.md5(body).hexdigest()}, "size": len(body),
                    "requires_python": ">=3.8", "upload_time_iso_8601": "2024-01-01T00:00:00.000000Z",
                    "upload_time": "2024-01-01T00:00:00", "yanked": False, "yanked_reason": None,
                }
            ]
        info = {"name": name, "version": f"1.{count - 1}", "requires_python": ">=3.8", "summary": "", "requires_dist": None}
        project = {"info": info, "last_serial": 1, "releases": releases, "urls": releases[info["version"]]}
        write(folder / "pypi" / name / "json", json.dumps(project))
        write(folder / "simple" / name / "index.html", f"<!DOCTYPE html><body>{''.join(links)}</body>")
    listing = "".join(f'<a href="{name}/">{name}</a>' for name in counts)
    write(folder / "simple" / "index.html", f"<!DOCTYPE html><body>{listing}</body>")
    return list(counts)


def write(path: Path, text: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
