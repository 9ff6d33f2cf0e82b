"""How fast requests are traced: `python benchmarks/traces.py [--rounds N]` writes that part of docs/benchmarks.md.

Two gateways of the same mesh, one with 10 hosts and one with 1,000, each host with a certificate and a filter chain of its own;
a request for every host goes to its gateway in turn. The ratio says what the other hosts cost one request.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from measure import median, ratio
from page import Row, keep_part, table

from meshgen.journey import Journeys, Question
from meshgen.load.load import Options
from meshgen.pipeline import Result, compile_project
from meshgen.trace import EnvoyConfig, Outcome, Request, trace

TITLE = "Traces"
REQUESTS = 2000

GATEWAY = """\
apiVersion: meshgen/v1
kind: Gateway
metadata: {{name: public, namespace: shop}}
spec:
  workload: {{selector: {{istio: ingressgateway}}}}
  listeners: [{listeners}]
"""
HOST = """\
---
apiVersion: meshgen/v1
kind: Service
metadata: {{name: svc-{number}, namespace: shop}}
spec:
  ports: [80]
  versions: [v1, v2]
  workload: {{selector: {{app: svc-{number}}}, serviceAccount: svc-{number}}}
---
apiVersion: meshgen/v1
kind: Route
metadata: {{name: svc-{number}, namespace: shop}}
spec:
  hosts: [svc-{number}.example.com]
  gateways: [public]
  rules:
    - {{match: {{headers: {{x-cohort: internal}}}}, to: {{service: svc-{number}, version: v2}}}}
    - {{match: {{path: {{prefix: /api/}}}}, to: {{service: svc-{number}, version: v1}}, timeout: 2s}}
    - {{to: {{service: svc-{number}, version: v1}}}}
---
apiVersion: meshgen/v1
kind: Access
metadata: {{name: svc-{number}, namespace: shop}}
spec: {{service: svc-{number}, default: deny, allow: [{{from: [external]}}]}}
"""
LISTENER = "{{port: 443, protocol: HTTPS, hosts: [svc-{number}.example.com], tls: {{mode: simple, credential: cert-{number}}}}}"


def compiled(directory: Path, hosts: int) -> Result:
    """A mesh with one gateway of so many hosts."""
    (directory / "mesh").mkdir(parents=True)
    (directory / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    listeners = ", ".join(LISTENER.format(number=number) for number in range(hosts))
    text = GATEWAY.format(listeners=listeners) + "".join(HOST.format(number=number) for number in range(hosts))
    (directory / "mesh" / "shop.yaml").write_text(text)
    result = compile_project(directory, Options())
    assert not result.failed, [each.message for each in result.diagnostics]
    return result


def questions(hosts: int) -> list[Question]:
    """A request for each host, by turns for each of its rules."""
    headers = ((), (("x-cohort", "internal"),))
    return [Question(url=f"https://svc-{n}.example.com/api/items", headers=headers[n % 2]) for n in range(hosts)]


def traced(config: EnvoyConfig, requests: list[Request]) -> float:
    """Processor seconds for a trace, after all tables are made."""
    for request in requests:
        assert trace(config, request).outcome is Outcome.ROUTED
    start = time.process_time()
    for number in range(REQUESTS):
        trace(config, requests[number % len(requests)])
    return (time.process_time() - start) / REQUESTS


def asked(journeys: Journeys, asked_for: list[Question]) -> float:
    """Processor seconds for a whole journey through gateway and sidecar, after their configurations are made."""
    few = asked_for[:50]
    for question in few:
        journeys.ask(question)
    start = time.process_time()
    for number in range(REQUESTS // 4):
        journeys.ask(few[number % len(few)])
    return (time.process_time() - start) / (REQUESTS // 4)


def measure(rounds: int) -> list[Row]:
    """Both gateways by turns."""
    sides = []
    with tempfile.TemporaryDirectory(prefix="meshgen-bench-") as scratch:
        for hosts in (10, 1000):
            result = compiled(Path(scratch, str(hosts)), hosts)
            journeys = Journeys(result.mesh, result.proxies)
            gateway = next(proxy for proxy in result.proxies if proxy.id == "shop/public")
            sides.append((journeys, journeys.config(gateway), questions(hosts)))
    small: list[float] = []
    large: list[float] = []
    whole: list[float] = []
    for _ in range(rounds):
        for (_, config, some), seconds in zip(sides, (small, large), strict=True):
            seconds.append(traced(config, [question.request() for question in some]))
        whole.append(asked(sides[1][0], sides[1][2]))
    rate = 1 / median(large)
    note = f"{median(large) * 1000:.2f} ms against {median(small) * 1000:.2f} ms"
    return [
        Row("a trace at a gateway with 1,000 hosts / with 10", ratio(large, small), 1.2, note),
        Row(
            "milliseconds for a trace at a gateway with 1,000 hosts",
            median(large) * 1000,
            1,
            f"{rate:,.0f} traces a second of processor time",
        ),
        Row(
            "milliseconds for gateway and sidecar",
            median(whole) * 1000,
            None,
            f"{1 / median(whole):,.0f} journeys a second of processor time",
        ),
    ]


def section(rows: list[Row], rounds: int) -> str:
    """The part of the page."""
    text = (
        f"`python benchmarks/traces.py` wrote this part, over {rounds} rounds: a request for each host of a gateway in turn,"
        "\nafter loading. Every host has a certificate of its own, so that filter chains are chosen by SNI, and three rules."
    )
    return "\n".join((text, "", table(("what", "figure", "goal", "", "rate"), [row.cells for row in rows])))


if __name__ == "__main__":
    sys.exit(keep_part(__doc__ or "", TITLE, lambda rounds: section(measure(rounds), rounds)))
