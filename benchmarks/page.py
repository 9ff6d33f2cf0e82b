"""What was measured, as the page docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from helm import helm_version

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"

Stages: TypeAlias = dict[str, dict[int, tuple[float, float]]]
"""Stage → services → its seconds and those of all stages."""

INTRODUCTION = """\
# Benchmarks

`make bench` wrote this page. Every figure is a ratio of what ran in the same rounds on the same machine, the median over
{repeats} rounds ({start_repeats} for the start); absolute times are there for orientation only.

{machine}

Each service of the workload (`benchmarks/workload.py`) is a file with a Service, a Canary, an Access and an Authentication;
meshgen makes a VirtualService, a DestinationRule, a Sidecar, an AuthorizationPolicy and a PeerAuthentication of it, and so does
the Helm chart: the benchmark compares the objects before it measures. A *whole compile* is a fresh `meshgen compile` process
with no output there yet. The *floor* reads and parses the same files with yaml-rs, serialises the same objects with orjson and
writes as many files, in one process with the collector off, without Python's start. *Helm* prints to a pipe and writes no file.
Files are in memory where the machine has room there (`/dev/shm`), so that no disk is measured.
"""

SNAPSHOTS = "Envoy's configuration"

ABOUT_SNAPSHOTS = """\
`python benchmarks/run.py --only envoy` writes this part. {machine}

The workload's services stand behind a gateway each, with two endpoints and two subsets, and no Sidecar but the first's. The floor
serialises what was made with orjson, in the same round and process. Each round links the mesh anew, so the first proxy also pays
for all indexes; *another* proxy is one more of the same mesh. Median over {rounds} rounds.
"""

VERDICTS = {True: "met", False: "**missed**"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `goal` is the most that it should be."""

    name: str
    value: float
    goal: float | None = None
    note: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        verdict = "" if self.goal is None else VERDICTS[self.value <= self.goal]
        return (self.name, _number(self.value), "" if self.goal is None else f"≤ {self.goal:g}", verdict, self.note)


def with_section(text: str, title: str, body: str) -> str:
    """A page with this section in the place of the one of that title, or at its end."""
    heading = f"\n## {title}\n"
    before, _, rest = text.partition(heading)
    _, mark, after = rest.partition("\n## ")
    return f"{before.rstrip()}\n{heading}\n{body.strip()}\n{mark and mark + after}"


def with_kept(text: str, old: str) -> str:
    """A page with the sections of an older one that it does not have itself: each part is also measured alone."""
    for part in old.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        if f"\n## {title}\n" not in text:
            text = with_section(text, title, body)
    return text


def keep_part(about: str, title: str, part: Callable[[int], str]) -> int:
    """What a benchmark that is run alone does: measure over `--rounds`, print its part of the page, and keep it there."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--rounds", type=int, default=5)
    text = part(arguments.parse_args().rounds)
    print(text)
    PAGE.write_text(with_section(PAGE.read_text(), title, text))
    return 0


def snapshots_section(rows: list[Row], rounds: int) -> str:
    """The part of the page about Envoy's configuration."""
    introduction = ABOUT_SNAPSHOTS.format(machine=machine(None).replace("; no Helm", ""), rounds=rounds)
    return "\n".join((introduction, table(("what", "figure", "goal", "", "note"), [row.cells for row in rows])))


def page(rows: list[Row], stages: Stages, helm: Path | None, repeats: int) -> str:
    """The whole page but the part about Envoy's configuration."""
    sizes = sorted({size for shares in stages.values() for size in shares})
    shares = [(name, *(_share(by_size[size], counted=name != "import") for size in sizes)) for name, by_size in stages.items()]
    introduction = INTRODUCTION.format(repeats=repeats, start_repeats=3 * repeats, machine=machine(helm))
    return "\n".join((
        introduction,
        "## Goals\n",
        table(("what", "figure", "goal", "", "seconds"), [row.cells for row in rows]),
        "\n## Where the time goes\n",
        "Share of each stage in the process's time; what Python takes to import meshgen comes on top of it.\n",
        table(("stage", *(f"{size:,} services" for size in sizes)), [tuple(share) for share in shares]),
        "",
    ))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine(helm: Path | None) -> str:
    """The day, the command and what it ran on."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    load = os.getloadavg()[0]
    parts = (
        dt.datetime.now(tz=dt.UTC).date().isoformat(),
        f"`{' '.join(['python', 'benchmarks/run.py', *sys.argv[1:]])}`",
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, load {load:.1f} when it ended",
        f"{platform.system()}, Python {platform.python_version()}",
        f"Helm {helm_version(helm)}" if helm else "no Helm",
    )
    return "; ".join(parts) + "."


def _share(seconds: tuple[float, float], *, counted: bool) -> str:
    own, whole = seconds
    return f"{own / whole:.0%}" if counted else f"{own * 1000:.0f} ms"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
