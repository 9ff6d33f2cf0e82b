"""What istiod's webhook refuses or warns of is said of native objects, at the field and in words that help.

`admission_cases.yaml` has a spec for each constraint; `admission_said.txt` what is said of it. Run this module to write it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from meshgen.diagnostics import Origin
from meshgen.istio.decode import decode_object
from meshgen.istio.kinds import KINDS
from meshgen.istio.versions import NEWEST
from meshgen.lower.admission import admitted

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "admission_cases.yaml").read_text())
SAID = HERE / "admission_said.txt"


def said(case: dict[str, Any]) -> str:
    kind = KINDS[case["kind"]]
    metadata = {"name": case.get("name", "a"), "namespace": "shop", "annotations": case.get("annotations", {})}
    value = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": case["spec"]}
    native, refused = decode_object(value, Origin("a.yaml"), target=NEWEST)
    lines = []
    for each in (*refused, *(admitted([native], NEWEST) if native is not None else ())):
        place = ".".join(str(part) for part in each.origin.path)
        lines.append(f"  {each.code.number} {place}: {each.message}" + (f" = {each.help}" if each.help else ""))
    return "\n".join([f"{kind.name} {yaml.safe_dump(case['spec'], default_flow_style=True, width=9999).strip()}", *lines])


def test_each_constraint_is_said_as_it_was_read_by_us():
    assert "\n".join(said(case) for case in CASES) + "\n" == SAID.read_text()


@pytest.mark.parametrize("number", range(len(CASES)))
def test_each_case_breaks_something(number: int):
    assert "\n  MG0" in said(CASES[number])


def test_the_classes_of_findings_are_few():
    found = {line.split()[0] for line in SAID.read_text().splitlines() if line.startswith("  MG")}
    refused, deprecated, ignored = {"MG0041", "MG0064"}, {"MG0085", "MG0087"}, {"MG0310", "MG0311"}
    assert found == refused | deprecated | ignored | {"MG0410", "MG0411", "MG0510"}


if __name__ == "__main__":
    SAID.write_text("\n".join(said(case) for case in CASES) + "\n")
