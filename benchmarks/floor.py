"""The least that a compile could cost: `python floor.py PROJECT OBJECTS OUT` prints the seconds of each part as JSON.

Reads and parses the project's sources with yaml-rs, serialises the objects (a JSON file: path → the objects of that file) with
orjson and writes the files. Nothing is checked, nothing is placed, no byte is compared, and the collector is off.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import orjson
import yaml_rs


def read(directory: str) -> list[bytes]:
    """The bytes of every file of a directory."""
    texts = []
    for name in sorted(os.listdir(directory)):  # noqa: PTH208 (the floor makes no objects of names)
        descriptor = os.open(f"{directory}/{name}", os.O_RDONLY)
        texts.append(os.read(descriptor, 1 << 20))
        os.close(descriptor)
    return texts


def parse(texts: list[bytes]) -> list[object]:
    """Every document."""
    return [yaml_rs.loads(piece, parse_datetime=False) for text in texts for piece in text.decode().split("\n---\n")]


def write(files: dict[str, bytes], out: Path) -> None:
    """The files, without a care for what was there."""
    for directory in sorted({path.rpartition("/")[0] for path in files}):
        (out / directory).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        descriptor = os.open(f"{out}/{path}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, content)
        os.close(descriptor)


def main(project: str, objects: str, out: str) -> None:
    """Measure and print."""
    values: dict[str, list[object]] = orjson.loads(Path(objects).read_bytes())
    gc.disable()
    marks = [time.perf_counter()]
    texts = read(f"{project}/mesh")
    marks.append(time.perf_counter())
    documents = parse(texts)
    marks.append(time.perf_counter())
    files = {path: b"\n".join(map(orjson.dumps, held)) for path, held in values.items()}
    marks.append(time.perf_counter())
    write(files, Path(out))
    marks.append(time.perf_counter())
    parts = dict(zip(("read", "parse", "serialise", "write"), (b - a for a, b in pairwise(marks)), strict=True))
    sys.stdout.buffer.write(orjson.dumps({**parts, "all": marks[-1] - marks[0], "documents": len(documents)}))
    sys.stdout.flush()
    os._exit(0)  # giving the memory back is no part of it


if __name__ == "__main__":
    main(*sys.argv[1:])
