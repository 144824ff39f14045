"""The files that are synced, uploaded and delivered. Bytes are random, of a seed that is new in every run where
a server that has seen them before would skip the work."""

import hashlib
import random
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
