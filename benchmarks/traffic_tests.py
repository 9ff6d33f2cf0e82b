"""How fast TrafficTests run: `python benchmarks/traffic_tests.py [--rounds N]` writes that part of docs/benchmarks.md.

A mesh of 100 services with two versions and an Access each; a caller asks each of them ten things. The ratio says what a test
costs beside the journey that it asks for.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from measure import median, ratio
from page import Row, keep_part, table

from meshgen.journey import Journeys
from meshgen.load.load import Options
from meshgen.pipeline import Result, compile_project
from meshgen.traffic_tests.cases import cases_of
from meshgen.traffic_tests.run import run

TITLE = "Tests of traffic"
SERVICES = 100

SERVICE = """\
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: svc-{number}, namespace: shop}}
spec:
  ports: [80]
  versions: [v1, v2]
  workload: {{selector: {{app: svc-{number}}}, serviceAccount: svc-{number}}}
  routes:
    - {{match: {{headers: {{x-cohort: internal}}}}, to: v2}}
    - {{split: {{v1: 90, v2: 10}}, timeout: 2s}}
---
apiVersion: meshgen/v1
kind: Access
metadata: {{name: svc-{number}, namespace: shop}}
spec: {{service: svc-{number}, default: deny, allow: [{{from: [webapp], to: {{methods: [GET], paths: [/items*]}}}}]}}
---
apiVersion: meshgen/v1
kind: TrafficTest
metadata: {{name: svc-{number}, namespace: shop}}
spec:
  from: webapp
  request: {{url: http://svc-{number}/items}}
  tests:
    - {{request: {{}}, expect: {{to: {{v1: 90, v2: 10}}, timeout: 2s}}}}
    - {{request: {{headers: {{x-cohort: internal}}}}, expect: v2}}
    - {{request: {{url: [http://svc-{number}/items/1, http://svc-{number}/items/2]}}, expect: {{by: svc-{number}}}}}
    - {{request: {{method: [POST, PUT, DELETE, PATCH]}}, expect: {{outcome: denied, by: default}}}}
    - {{request: {{url: [http://svc-{number}/staff, http://svc-{number}/]}}, expect: denied}}
"""
CALLER = """\
apiVersion: meshgen/v1
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {ports: [80], workload: {selector: {app: webapp}, serviceAccount: webapp}}
"""


def compiled(directory: Path) -> Result:
    """The mesh and its tests."""
    (directory / "mesh").mkdir(parents=True)
    (directory / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    (directory / "mesh" / "shop.yaml").write_text(CALLER + "".join(SERVICE.format(number=number) for number in range(SERVICES)))
    result = compile_project(directory, Options())
    assert not result.failed, [each.message for each in result.diagnostics]
    return result


def measure(rounds: int) -> list[Row]:
    """The run of all tests, and the journeys that it asks for alone, by turns; each with proxies that are not translated yet."""
    with tempfile.TemporaryDirectory(prefix="meshgen-bench-") as scratch:
        result = compiled(Path(scratch))
    questions = [case.question for case in cases_of(result) if case.question is not None]
    runs: list[float] = []
    journeys: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        report = run([result])
        runs.append(time.process_time() - start)
        assert report.exit_code == 0
        start = time.process_time()
        asked = Journeys(result.mesh, result.proxies)
        for question in questions:
            asked.ask(question)
        journeys.append(time.process_time() - start)
    count = len(questions)
    note = f"{median(runs):.2f} s against {median(journeys):.2f} s, translating {SERVICES + 1} proxies included"
    rate = f"{count / median(runs):,.0f} tests a second of processor time"
    return [
        Row(f"{count:,} tests / their journeys alone", ratio(runs, journeys), 1.5, note),
        Row(f"seconds for {count:,} tests", median(runs), 2, rate),
    ]


def section(rows: list[Row], rounds: int) -> str:
    """The part of the page."""
    about = (
        f"`python benchmarks/traffic_tests.py` wrote this part, over {rounds} rounds: ten requests of one caller to each of"
        f" {SERVICES} services,\neach of which has two versions, two rules and an Access, after the mesh is compiled."
    )
    return "\n".join((about, "", table(("what", "figure", "goal", "", "note"), [row.cells for row in rows]), ""))


if __name__ == "__main__":
    sys.exit(keep_part(__doc__ or "", TITLE, lambda rounds: section(measure(rounds), rounds)))
