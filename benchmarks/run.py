"""Measures meshgen against its goals, as ratios in one run: `make bench`, or `python benchmarks/run.py [--quick] [--repeats N]`.

Every ratio is the median over rounds in which all contenders run once, one after the other. The full run takes some minutes and
writes docs/benchmarks.md; `--quick` leaves 10,000 services out and only prints. `--only envoy` measures Envoy's configuration
alone, and writes that part of the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import orjson
import yaml_rs
from helm import find_helm
from measure import Contender, Run, interleave, median, ratio, run, seconds
from page import PAGE, SNAPSHOTS, Row, Stages, page, snapshots_section, with_kept, with_section
from workload import write_chart, write_project, write_proxies

HERE = Path(__file__).resolve().parent
STOREFRONT = HERE.parent / "examples" / "storefront"

PYTHON = sys.executable
SCRIPT = Path(PYTHON).with_name("meshgen")
MESHGEN = (str(SCRIPT),) if SCRIPT.exists() else (PYTHON, "-m", "meshgen")
COMPILE = (*MESHGEN, "compile", "--quiet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was measured of one size of mesh: the runs of each contender, and the seconds that the scripts printed."""

    services: int
    whole: list[Run]
    helm: list[Run]
    stages: list[dict[str, float]]
    floor: list[dict[str, float]]

    @property
    def inside(self) -> list[float]:
        """Seconds in the process, from the first file read to the last written."""
        return [each["all"] for each in self.stages]

    @property
    def least(self) -> list[float]:
        """Seconds of the floor."""
        return [each["all"] for each in self.floor]


def clean(*directories: Path) -> None:
    """Nothing is left of an earlier run. It is set aside: for a while after a removal, ext4 makes files ten times slower."""
    for directory in directories:
        if directory.exists():
            directory.rename(Path(tempfile.mkdtemp(prefix="aside-", dir=directory.parent), "tree"))


def scratch_place() -> Path | None:
    """A file system in memory with room for the trees of all runs, so that no disk is measured; else where temporary files go."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30:
        return memory
    return None


def make_project(directory: Path, services: int) -> None:
    """The project and its tree, compiled once, and the objects of each of its files for the floor."""
    write_project(directory, services)
    run(Contender(command=COMPILE, directory=directory))
    out = directory / "out"
    trees = {str(path.relative_to(out)): path for path in sorted(out.rglob("*.yaml"))}
    objects = {
        name: [yaml_rs.loads(piece, parse_datetime=False) for piece in path.read_text().split("\n---\n")]
        for name, path in trees.items()
    }
    directory.with_suffix(".json").write_bytes(orjson.dumps(objects))


def same_objects(helm: Path, directory: Path) -> None:
    """Both make the same of the same mesh, or the comparison is worth nothing."""
    project, chart = directory / "same", directory / "same-chart"
    make_project(project, 20)
    write_chart(chart, 20)
    printed = run(Contender(command=(str(helm), "template", "bench", str(chart)), directory=directory), capture=True).output
    ours = [each for held in orjson.loads((directory / "same.json").read_bytes()).values() for each in held]
    theirs = [yaml_rs.loads(piece, parse_datetime=False) for piece in printed.decode().split("\n---\n")]
    wanted, given = (
        [orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in side if "metadata" in each] for side in (ours, theirs)
    )
    assert sorted(wanted) == sorted(given), "the chart does not make the objects that meshgen makes"


def measure_size(services: int, helm: Path | None, directory: Path, repeats: int) -> Size:
    """A whole compile (nothing there yet), its stages, the floor, and Helm."""
    project, chart, floor = directory / f"mesh-{services}", directory / f"chart-{services}", directory / f"floor-{services}"
    make_project(project, services)
    write_chart(chart, services)
    empty = partial(clean, project / "out")
    scripts = {"stages": (project,), "floor": (project, project.with_suffix(".json"), floor)}
    contenders = {"whole": Contender(command=COMPILE, directory=project, prepare=empty)}
    for name, values in scripts.items():
        command = (PYTHON, str(HERE / f"{name}.py"), *map(str, values))
        contenders[name] = Contender(command=command, directory=directory, prepare=partial(clean, project / "out", floor))
    if helm is not None:
        command = (str(helm), "template", "bench", str(chart))
        contenders["helm"] = Contender(command=command, directory=directory)
    runs = interleave(contenders, repeats, capture=True)
    printed = {name: [orjson.loads(each.output) for each in runs[name]] for name in scripts}
    return Size(
        services=services, whole=runs["whole"], helm=runs.get("helm", []), stages=printed["stages"], floor=printed["floor"]
    )


def measure_edit(directory: Path, repeats: int) -> dict[str, list[Run]]:
    """1,000 services: from nothing, after an edit of one file, after no edit."""
    project = directory / "mesh-1000"
    kept = directory / "kept"
    write_project(kept, 1000)
    file = kept / "mesh" / "svc-500.yaml"
    texts = [file.read_text(), file.read_text().replace("weight: 10", "weight: 25")]

    def edit() -> None:
        file.write_text(texts[1] if file.read_text() == texts[0] else texts[0])

    return interleave(
        {
            "whole": Contender(command=COMPILE, directory=project, prepare=partial(clean, project / "out")),
            "edit": Contender(command=COMPILE, directory=kept, prepare=edit),
            "unchanged": Contender(command=COMPILE, directory=kept),
        },
        repeats,
    )


def measure_start(directory: Path, repeats: int) -> dict[str, list[Run]]:
    """Python's own start, `--help`, and the storefront."""
    project = directory / "storefront"
    shutil.copytree(STOREFRONT, project, ignore=shutil.ignore_patterns("out", ".meshgen", "__pycache__"))
    return interleave(
        {
            "pass": Contender(command=(PYTHON, "-c", "pass"), directory=directory),
            "pydantic": Contender(
                command=(PYTHON, "-c", "import click; from pydantic import BaseModel, Field"), directory=directory
            ),
            "help": Contender(command=(*MESHGEN, "--help"), directory=directory),
            "storefront": Contender(command=COMPILE, directory=project, prepare=partial(clean, project / "out")),
        },
        repeats,
        capture=True,
    )


def rows_of_sizes(sizes: list[Size]) -> list[Row]:
    """What each size cost, beside the floor and Helm."""
    rows = []
    for size in sizes:
        name = f"{size.services:,} services"
        large = size.services == 10_000
        whole = seconds(size.whole)
        note = f"{median(whole):.2f} s against {median(size.least):.2f} s"
        rows.append(Row(f"{name}: whole compile / floor", ratio(whole, size.least), 4 if large else None, note))
        note = f"{median(size.inside):.2f} s without Python's start and imports"
        rows.append(Row(f"{name}: the same in the process / floor", ratio(size.inside, size.least), None, note))
        if size.helm:
            note = f"{median(whole):.2f} s against {median(seconds(size.helm)):.2f} s"
            rows.append(
                Row(f"{name}: whole compile / `helm template`", ratio(whole, seconds(size.helm)), 0.3 if large else None, note)
            )
            ours, theirs = ([each.processor for each in runs] for runs in (size.whole, size.helm))
            note = f"{median(ours):.2f} s against {median(theirs):.2f} s"
            rows.append(Row(f"{name}: the same in processor time", ratio(ours, theirs), None, note))
        peak = max(each.memory for each in size.whole)
        against = f"; Helm {max(each.memory for each in size.helm):,.0f} MiB" if size.helm else ""
        rows.append(Row(f"{name}: peak memory in MiB", peak, 1024 if large else None, f"getrusage of the process{against}"))
    for small, big in pairwise(sizes):
        growth = ratio(big.inside, small.inside) * small.services / big.services
        name = f"cost of a service among {big.services:,} / among {small.services:,}"
        rows.append(Row(name, growth, 1.2 if big.services == 10_000 else None, "in the process, so that imports do not count"))
    return rows


def rows_of_edits(runs: dict[str, list[Run]]) -> list[Row]:
    """What an edit costs, in fresh processes."""
    whole = seconds(runs["whole"])
    rows = []
    for name, text, goal in (("edit", "one file edited", 0.1), ("unchanged", "nothing edited", None)):
        note = f"{median(seconds(runs[name])):.2f} s against {median(whole):.2f} s, fresh processes"
        rows.append(Row(f"1,000 services: {text} / the whole", ratio(seconds(runs[name]), whole), goal, note))
    return rows


def rows_of_start(runs: dict[str, list[Run]]) -> list[Row]:
    """What the command line costs before it has anything to do."""
    base = seconds(runs["pass"])
    rows = []
    contenders = (
        ("help", "`meshgen --help`", 6),
        ("storefront", "compiling examples/storefront", 25),
        ("pydantic", "of it, importing click and pydantic", None),
    )
    for name, text, goal in contenders:
        note = f"{median(seconds(runs[name])) * 1000:.0f} ms against {median(base) * 1000:.0f} ms"
        rows.append(Row(f"{text} / `python -c pass`", ratio(seconds(runs[name]), base), goal, note))
    return rows


def measure_snapshots(directory: Path, services: int, rounds: int) -> str:
    """The page's part about Envoy's configuration."""
    project = directory / f"proxies-{services}"
    write_proxies(project, services)
    script = (PYTHON, str(HERE / "snapshots.py"), str(project))
    # Memory in a process of its own: what earlier rounds gave back would be used again.
    costs, memory = (
        orjson.loads(run(Contender(command=(*script, str(number)), directory=directory), capture=True).output)
        for number in (rounds, 0)
    )
    return snapshots_section(rows_of_snapshots(services, costs, memory), rounds)


def rows_of_snapshots(services: int, costs: dict[str, list[dict[str, float]]], memory: dict[str, float]) -> list[Row]:
    """What each kind of proxy costs, beside the floor, and what many cost together."""
    texts = {
        "gateway": "a gateway",
        "scoped": "a scoped sidecar, the first proxy of all",
        "again": "a scoped sidecar after another proxy",
        "unscoped": "a sidecar that nothing scopes, the first",
        "neighbour": "another one of its namespace",
        "namespace": "one of another namespace",
    }
    rows = []
    for name, text in texts.items():
        spent, floor, sizes = ([each[part] for each in costs[name]] for part in ("emit", "floor", "bytes"))
        note = (
            f"{median(spent) * 1000:,.1f} ms against {median(floor) * 1000:,.2f} ms for {sizes[0] / (1 << 20):,.2f} MiB of JSON"
        )
        rows.append(Row(f"{services:,} services: {text} / floor", ratio(spent, floor), None, note))
    kept = f"{memory['proxies']:,.0f} unscoped sidecars of as many namespaces but one, all kept"
    note = f"{memory['first']:,.0f} MiB for the first, {memory['further']:,.1f} MiB for each further one; {kept}"
    rows.append(Row("memory of a further unscoped sidecar / of the first", memory["further"] / memory["first"], 0.05, note))
    note = f"{memory['named']:,.0f} clusters named by their snapshots, {memory['made']:,.0f} made"
    rows.append(Row("clusters made / clusters named by these snapshots", memory["made"] / memory["named"], None, note))
    return rows


def stages_of(sizes: list[Size]) -> Stages:
    """The share of each stage in the process's time, by size."""
    names = list(sizes[0].stages[0])
    shares: Stages = {}
    for name in (*(each for each in names if each not in {"all", "import"}), "import"):
        shares[name] = {
            size.services: (median([each.get(name, 0.0) for each in size.stages]), median(size.inside)) for size in sizes
        }
    return shares


def main() -> int:
    """Measure, print, and keep the full result."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="100 and 1,000 services, fewer repeats, nothing kept")
    arguments.add_argument("--repeats", type=int, help="rounds of each measurement (default 5)")
    arguments.add_argument("--only", choices=["envoy"], help="only the part about Envoy's configuration")
    given = arguments.parse_args()
    services = 1000 if given.quick else 10_000
    if given.only == "envoy":
        with tempfile.TemporaryDirectory(prefix="meshgen-bench-", dir=scratch_place()) as scratch:
            part = measure_snapshots(Path(scratch), services, given.repeats or 3)
        print(part)
        if not given.quick:
            PAGE.write_text(with_section(PAGE.read_text(), SNAPSHOTS, part))
        return 0
    repeats = given.repeats or (3 if given.quick else 5)
    helm = find_helm()
    if helm is None:
        print("not compared with Helm: there is no `helm` on the PATH or in ~/.cache/meshgen, and no Go to build it with")
    with tempfile.TemporaryDirectory(prefix="meshgen-bench-", dir=scratch_place()) as scratch:
        directory = Path(scratch)
        if helm is not None:
            same_objects(helm, directory)
        start = measure_start(directory, 3 * repeats)
        sizes = [measure_size(services, helm, directory, repeats) for services in (100, 1000, *([] if given.quick else [10_000]))]
        edits = measure_edit(directory, repeats)
        part = measure_snapshots(directory, services, given.repeats or 3)
    rows = [*rows_of_sizes(sizes), *rows_of_edits(edits), *rows_of_start(start)]
    text = with_kept(with_section(page(rows, stages_of(sizes), helm, repeats), SNAPSHOTS, part), PAGE.read_text())
    print(text)
    if not given.quick:
        PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
