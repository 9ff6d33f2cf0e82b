"""What meshgen emits for golden cases and examples, in every cluster: what validators that are not ours judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.testing.golden import find_cases, read_case
from meshgen.testing.outputs import compile_case_clusters

ROOT = Path(__file__).parents[2]
CASES = [path for root in (ROOT / "golden", ROOT / "examples") for path in find_cases(root)]
CORPUS = sorted((ROOT / "tests/data/adopt").glob("*.yaml"))
"""Native objects that use every field of Istio's API."""

CHARTS = {"base": "base", "istiod": "istio-control/istio-discovery", "eastwest": "gateway"}
"""The folders of Istio's charts by the folders of their values; those below `gateways` are of the chart `gateway`."""

OTHERS = ("argoproj.io", "flagger.app", "monitoring.coreos.com")
"""Groups of other controllers whose types are judged; Kiali's are nowhere to be had in Go."""


class Emitted(NamedTuple):
    """A value and where it is from."""

    place: str
    value: dict[str, Any]

    @property
    def group(self) -> str:
        group: str = self.value["apiVersion"].rpartition("/")[0]
        return group

    def __str__(self) -> str:
        metadata = self.value["metadata"]
        return f"{self.place}: {self.value['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


@lru_cache(maxsize=1)
def objects() -> tuple[Emitted, ...]:
    """The objects of all cases that compile; of equal ones the first."""
    found: dict[bytes, Emitted] = {}
    for path in CASES:
        for result in compile_case_clusters(read_case(path)):
            place = f"{path.relative_to(ROOT)} {result.cluster}".rstrip()
            for artifact in () if result.failed else result.artifacts:
                text = dump_documents([artifact.object])
                if text not in found:
                    found[text] = Emitted(place, yaml.load(text, yaml.CSafeLoader))
    return tuple(found.values())


@lru_cache(maxsize=1)
def corpus() -> tuple[Emitted, ...]:
    """Istio's objects of the corpus."""
    documents = [(path.name, each) for path in CORPUS for each in yaml.load_all(path.read_text(), yaml.CSafeLoader) if each]
    found = [Emitted(name, each) for name, each in documents]
    return tuple(each for each in found if each.group.endswith(".istio.io"))


def installations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Stored files that install Istio, or join a machine to it: path, what it is for the judge `istiod`, content."""
    for path in sorted({file for case in CASES for file in case.glob("deliver/**/*.yaml")}):
        kind = {"istio-operator.yaml": "operator", "mesh.yaml": "meshConfig"}.get(path.name, "")
        if path.name == "values.yaml":
            kind = "gateway" if path.parents[1].name == "gateways" else CHARTS.get(path.parent.name, "")
        if kind:
            yield str(path.relative_to(ROOT)), kind, yaml.load(path.read_text(), yaml.CSafeLoader)
