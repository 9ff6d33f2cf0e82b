"""Loads recorded cases of a real istiod (tests/oracle/README.md) as objects, facts, proxies and calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from meshgen.diagnostics import Origin
from meshgen.istio.kinds import KINDS
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.kubernetes import CoreFacts
from meshgen.load.kubernetes import decode_facts
from meshgen.mesh import Mesh, Proxy, ProxyView, Role, link

ORACLE = Path(__file__).parent.parent / "oracle"
CASES = tuple(sorted(path.parent.name for path in ORACLE.glob("*/case.yaml")))
PROXIES = tuple(
    (path.parent.parent.name, path.stem)
    for path in sorted(ORACLE.glob("*/istiod/*.json"))
    if not path.name.endswith(".calls.json")
)
"""Every recorded (case, proxy)."""

# The record keeps an object without creationTimestamp for one made at this time.
_CREATED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleCase:
    """One recorded case."""

    name: str
    objects: tuple[IstioObject[IstioStruct], ...]
    facts: CoreFacts
    config: MeshConfig
    proxies: dict[str, Proxy]
    calls: dict[str, list[dict[str, Any]]]  # a proxy's name: [{"call": ..., "istio": ..., "envoy": ...}], as recorded

    @property
    def mesh(self) -> Mesh:
        """The linked mesh (linked anew at each call)."""
        return link(self.objects, self.facts, self.config)


@cache
def load_case(name: str) -> OracleCase:
    """The case of a directory of tests/oracle (`30-sidecar-egress`)."""
    directory = ORACLE / name
    case = _yaml(directory / "case.yaml")[0]
    objects, facts = decode_documents(_yaml(directory / "mesh.yaml"), f"{name}/mesh.yaml")
    settings = _yaml(directory / "meshconfig.yaml") if (directory / "meshconfig.yaml").exists() else [{}]
    return OracleCase(
        name=name,
        objects=objects,
        facts=facts,
        config=msgspec.convert(settings[0], MeshConfig),
        proxies={entry["name"]: _proxy(entry, facts) for entry in case["proxies"]},
        calls={
            entry["name"]: json.loads((directory / "istiod" / f"{entry['name']}.calls.json").read_text())
            for entry in case["proxies"]
        },
    )


@cache
def load_recorded(name: str, proxy: str) -> dict[str, Any]:
    """What istiod made for a proxy of a case: `listeners`, `clusters`, `routes`, `endpoints`."""
    recorded: dict[str, Any] = json.loads((ORACLE / name / "istiod" / f"{proxy}.json").read_text())
    return recorded


def decode_documents(
    documents: list[dict[str, Any]], file: str = "mesh.yaml", created: str = _CREATED
) -> tuple[tuple[IstioObject[IstioStruct], ...], CoreFacts]:
    """Documents of one file as typed objects and core facts."""
    objects: list[IstioObject[IstioStruct]] = []
    core: list[tuple[dict[str, Any], Origin]] = []
    for index, document in enumerate(documents):
        if not document:
            continue
        origin = Origin(file, index)
        if document["kind"] in KINDS:
            objects.append(_istio_object(document, origin, created))
        else:
            document["metadata"].setdefault("creationTimestamp", created or None)
            core.append((document, origin))
    facts, diagnostics = decode_facts(core)
    assert not diagnostics, diagnostics
    return tuple(objects), facts


def _istio_object(document: dict[str, Any], origin: Origin, created: str) -> IstioObject[IstioStruct]:
    metadata = document["metadata"]
    return IstioObject(
        kind=document["kind"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        spec=msgspec.convert(document.get("spec") or {}, KINDS[document["kind"]].spec),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        created=metadata.get("creationTimestamp") or created,
        origin=origin,
        native=document,
    )


def linked(case: str, name: str) -> tuple[Mesh, Proxy, ProxyView]:
    """A case's mesh, one of its proxies, and what concerns it."""
    loaded = load_case(case)
    proxy = loaded.proxies[name]
    return loaded.mesh, proxy, loaded.mesh.view(proxy)


def _proxy(entry: dict[str, Any], facts: CoreFacts) -> Proxy:
    labels = entry.get("labels", {})
    address = entry.get("ip", "")
    pod = next((pod for pod in facts.pods if pod.status.pod_ip == address), None)
    return Proxy(
        name=entry["name"],
        namespace=entry["namespace"],
        role=Role.SIDECAR if entry["type"] == "sidecar" else Role.INGRESS,
        labels=labels,
        address=address,
        locality=labels.get("istio-locality", "").replace(".", "/"),
        service_account=(pod.spec.service_account_name if pod else "") or "default",
    )


def _yaml(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as stream:
        documents = list(yaml.load_all(stream, Loader=_Loader))
    # Kubernetes knows only strings as keys (`portLevelMtls: {8080: …}`).
    decoded: list[Any] = json.loads(json.dumps(documents))
    return decoded


class _Loader(yaml.CSafeLoader):
    """A safe loader that leaves timestamps as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as the base class has it)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
