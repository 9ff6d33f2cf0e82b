"""Processes and functions measured side by side: repeats interleaved, so that a busy machine weighs on all contenders alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process cost: wall-clock seconds, processor seconds (user and system, of all its threads), peak memory in MiB."""

    seconds: float
    processor: float
    memory: float
    output: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command that is measured, and what has to be put in order before each run (not measured)."""

    command: Sequence[str]
    directory: Path
    prepare: Callable[[], None] = lambda: None


_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""A user's Python keeps its bytecode; without it every start would compile meshgen's sources again."""


def run(contender: Contender, *, capture: bool = False) -> Run:
    """Runs the command once. Raises CalledProcessError where it fails: a benchmark of failures is worth nothing."""
    contender.prepare()
    output = subprocess.PIPE if capture else subprocess.DEVNULL
    start = time.perf_counter()
    process = subprocess.Popen(contender.command, cwd=contender.directory, stdout=output, env=_ENVIRONMENT)
    written = process.stdout.read() if process.stdout is not None else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stdout is not None:
        process.stdout.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, contender.command)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # getrusage counts bytes there and KiB on Linux
    return Run(seconds=seconds, processor=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss / unit, output=written)


def interleave(contenders: Mapping[str, Contender], repeats: int, *, capture: bool = False) -> dict[str, list[Run]]:
    """So many runs of each, in rounds of one each, after a round that does not count (it fills the caches of the system)."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for number in range(repeats + 1):
        for name, contender in contenders.items():
            measured = run(contender, capture=capture)
            if number:
                runs[name].append(measured)
    return runs


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of each round: what slows one whole round down cancels out."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def seconds(runs: Sequence[Run]) -> list[float]:
    """Wall-clock seconds of each run."""
    return [each.seconds for each in runs]
