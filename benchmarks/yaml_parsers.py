"""What it costs to read intent: our loader beside the parsers that it could be made of.

Run: python benchmarks/yaml_parsers.py [services] [repeats]

Prints each reader's time relative to PyYAML's C loader, in one run with interleaved repeats (medians), then our loader's time
relative to yaml-rs alone for one large file and for a file a service, read from disk.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import yaml
import yaml_rs

from meshgen.load.fast import is_plain
from meshgen.load.load import Options, load
from meshgen.load.project import Project, Source
from meshgen.load.yaml import parse_documents, parse_values

SERVICE = """\
apiVersion: meshgen/v1
kind: Service
metadata: {{name: service-{n}, namespace: team-{team}}}
spec:
  ports: [80, {{name: grpc, port: 9090, protocol: GRPC}}]
  workload: {{selector: {{app: service-{n}}}, serviceAccount: service-{n}}}
  versions: [v1, v2]
  calls: [service-{next}, other.team-{team}]
  traffic:
    loadBalancer: leastRequest
    connections: {{tcp: {{maxConnections: 100}}, http: {{maxPendingRequests: 10}}}}
    outliers: {{consecutive5xx: 5, interval: 5s, ejectFor: 30s, maxEjected: 100%}}
  routes:
    - match: {{headers: {{x-cohort: internal}}, path: /api/*}}
      to: v2
      headers: {{request: {{set: {{x-route: internal, x-service: service-{n}}}}}}}
    - to: v1
      split: {{v1: 90, v2: 10}}
      timeout: 2s
      retries: {{attempts: 3, perTryTimeout: 500ms, on: [5xx, connect-failure]}}
"""


def documents(count: int) -> list[str]:
    """The intents of so many services."""
    return [SERVICE.format(n=n, next=(n + 1) % count, team=n % 50) for n in range(count)]


def medians(readers: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each reader, the repeats interleaved."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(repeats):
        for name, read in readers.items():
            start = time.perf_counter()
            read()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def parsers(texts: list[str], repeats: int) -> None:
    """Readers of one text in memory."""
    text = "---\n".join(texts)
    data = text.encode()
    as_json = orjson.dumps([yaml_rs.loads(document) for document in texts])
    readers: dict[str, Callable[[], object]] = {
        "PyYAML CSafeLoader": lambda: list(yaml.load_all(text, Loader=yaml.CSafeLoader)),
        "our reference (libyaml's events, places)": lambda: parse_values(data, "f.yaml", fast=False),
        "our loader": lambda: parse_documents(data, "f.yaml"),
        "  of it: is the text plain?": lambda: is_plain(text),
        "yaml-rs alone": lambda: [yaml_rs.loads(document, parse_datetime=False) for document in texts],
        "orjson on the same values": lambda: orjson.loads(as_json),
    }
    seconds = medians(readers, repeats)
    print(f"{len(texts):,} services, {len(data) / 1e6:.1f} MB of YAML, one text")
    for name, value in seconds.items():
        print(f"  {name:42} {value:8.3f} s   {seconds['PyYAML CSafeLoader'] / value:6.1f} x CSafeLoader's speed")
    print(f"  our loader / yaml-rs alone: {seconds['our loader'] / seconds['yaml-rs alone']:.2f}")


def from_disk(texts: list[str], repeats: int) -> None:
    """The whole stage, from a directory."""
    with tempfile.TemporaryDirectory() as scratch:
        one, many = Path(scratch, "one"), Path(scratch, "many")
        one.mkdir()
        many.mkdir()
        (one / "mesh.yaml").write_text("---\n".join(texts))
        for number, text in enumerate(texts):
            (many / f"service-{number}.yaml").write_text(text)
        options = Options(project=Project(sources=[Source(path="")]))
        readers: dict[str, Callable[[], object]] = {
            "yaml-rs alone, in memory": lambda: [yaml_rs.loads(document, parse_datetime=False) for document in texts],
            "reading the files only": lambda: [path.read_bytes() for path in sorted(many.iterdir())],
            "load, one file": lambda: load(one, options),
            "load, a file a service": lambda: load(many, options),
        }
        seconds = medians(readers, repeats)
    print("the whole stage, from disk")
    for name, value in seconds.items():
        print(f"  {name:42} {value:8.3f} s   {value / seconds['yaml-rs alone, in memory']:6.2f} of yaml-rs alone")


if __name__ == "__main__":
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    intents = documents(services)
    parsers(intents, rounds)
    from_disk(intents, rounds)
