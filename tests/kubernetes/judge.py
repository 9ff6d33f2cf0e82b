"""Programs that judge with other projects' own code, built with Go once and kept in the cache; see README.md."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "judges"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one value."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def find_judge(name: str) -> Path:
    """The program of `judges/<name>`, built where the cache has none of the present source (minutes, once)."""
    source = SOURCES / name
    files = [source / file for file in ("go.mod", "go.sum", "main.go")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    default = Path.home() / ".cache" / "meshgen"
    binary = Path(os.environ.get("MESHGEN_CACHE") or default) / f"judge-{name}-{digest}" / name
    if not binary.exists():
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        assert go, f"no Go to build the judge {name} with: see tests/kubernetes/README.md"
        place = binary.with_suffix(f".{os.getpid()}")
        subprocess.run([go, "build", "-ldflags=-s -w", "-o", str(place), "."], cwd=source, check=True)
        place.replace(binary)
    return binary


def ask(name: str, questions: Iterable[tuple[str, Any]], directory: Path) -> list[Judgement]:
    """What the judge says of each value, which stands beside what it is to be judged as."""
    lines = [json.dumps({"as": kind, "value": value}) for kind, value in questions]
    asked, answered = directory / f"{name}.questions", directory / f"{name}.answers"
    asked.write_text("".join(f"{line}\n" for line in lines))
    run = subprocess.run([find_judge(name), asked, answered], capture_output=True, text=True, check=False, cwd=directory)
    assert run.returncode == 0, run.stderr[-4000:]
    answers = [json.loads(line) for line in answered.read_text().splitlines()]
    assert len(answers) == len(lines)
    return [Judgement(tuple(each["errors"] or ()), tuple(each["warnings"] or ())) for each in answers]
