"""What a diff with its impact costs: `python benchmarks/impact.py [--rounds N]` writes that part of docs/benchmarks.md.

A mesh of 1,000 services, and the same with one line changed: `meshgen diff`, which compiles both sides and says what becomes of
requests, against `meshgen compile` of one of them. Processor time, so that a busy machine does not count.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

from measure import Contender, Run, interleave, median, ratio
from page import Row, keep_part, table
from workload import write_project

TITLE = "Impact"
SERVICES = 1000
EDITS = {
    "a canary's weight": ("weight: 10", "weight: 25"),
    "who may call": ("to: {methods: [POST]}", "to: {methods: [POST, PUT]}"),
    "a service's mTLS": ("mtls: strict", "mtls: permissive"),
}
"""What is edited in one service's file."""

SCRIPT = Path(sys.executable).with_name("meshgen")
MESHGEN = (str(SCRIPT),) if SCRIPT.exists() else (sys.executable, "-m", "meshgen")


def contenders(scratch: Path) -> dict[str, Contender]:
    """A compile, and a diff for each edit."""
    before = scratch / "before"
    write_project(before, SERVICES)
    found = {"compile": Contender(command=(*MESHGEN, "compile", "--quiet"), directory=before)}
    for number, (name, (old, new)) in enumerate(EDITS.items()):
        after = scratch / f"after-{number}"
        write_project(after, SERVICES)
        file = after / "mesh" / f"svc-{SERVICES // 2}.yaml"
        text = file.read_text()
        assert old in text, f"the workload has no {old}"
        file.write_text(text.replace(old, new))
        command = shlex.join((*MESHGEN, "diff", "--directories", str(before), str(after)))
        # It ends with 1 where something differs.
        found[name] = Contender(command=("sh", "-c", f"{command}; test $? -eq 1"), directory=scratch)
    return found


def rows(runs: dict[str, list[Run]]) -> list[Row]:
    """The ratio of each edit's diff to the compile."""
    processor = {name: [each.processor for each in found] for name, found in runs.items()}
    base = processor["compile"]
    found = []
    for name in EDITS:
        note = f"{median(processor[name]):.2f} s against {median(base):.2f} s"
        found.append(
            Row(f"1,000 services, {name} edited: `meshgen diff` / `meshgen compile`", ratio(processor[name], base), 2, note)
        )
    return found


def section(found: list[Row], rounds: int) -> str:
    """The part of the page."""
    text = (
        f"`python benchmarks/impact.py` wrote this part, over {rounds} rounds, in processor time of whole processes: the diff"
        "\ncompiles both sides, translates the proxies that the edit can touch, and says what becomes of requests."
    )
    return "\n".join((text, "", table(("what", "ratio", "goal", "", "time"), [row.cells for row in found])))


def part(rounds: int) -> str:
    """The part of the page, measured."""
    with tempfile.TemporaryDirectory(prefix="meshgen-bench-") as scratch:
        return section(rows(interleave(contenders(Path(scratch)), rounds, capture=True)), rounds)


if __name__ == "__main__":
    sys.exit(keep_part(__doc__ or "", TITLE, part))
