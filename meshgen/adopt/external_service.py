"""ServiceEntries → ExternalServices; with the DestinationRule of their one host, where there is one beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshgen.adopt.meaning import own_marks
from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, each, fields, table_of, word
from meshgen.adopt.rules import export_to
from meshgen.adopt.traffic import traffic, versions
from meshgen.intent.external_service import ExternalService
from meshgen.json import JsonObject
from meshgen.values import Protocol, parse_protocol

ENDPOINT: Table = {
    "address": "address",
    "ports": "ports",
    "labels": "labels",
    "network": "network",
    "locality": "locality",
    "weight": "weight",
    "service_account": "serviceAccount",
}
_LOCATIONS = {"MESH_EXTERNAL": "external", "MESH_INTERNAL": "mesh"}


def external_service(native: Native, beside: Surroundings) -> Iterator[Proposal]:  # noqa: ARG001 (as the other kinds)
    """The ExternalService that gives a ServiceEntry by itself."""
    yield _proposal(native, None)


def together(natives: Sequence[Native]) -> Iterator[Proposal]:
    """An ExternalService for a ServiceEntry of one host and the DestinationRule for that host, alike in marks and visibility."""
    rules: dict[tuple[str, str], Native] = {}
    for native in natives:
        if native.kind == "DestinationRule" and native.spec.workload_selector is None:
            rules.setdefault((native.namespace, native.spec.host), native)
    for native in natives:
        if native.kind != "ServiceEntry" or len(native.spec.hosts) != 1:
            continue
        rule = rules.pop((native.namespace, native.spec.hosts[0]), None)
        if rule is not None and _alike(native, rule):
            yield _proposal(native, rule)


def _alike(entry: Native, rule: Native) -> bool:
    said = rule.spec.subsets or rule.spec.traffic_policy is not None
    marks = [(own_marks(one.labels), own_marks(one.annotations), set(one.spec.export_to or ())) for one in (entry, rule)]
    return bool(said) and marks[0] == marks[1]


def _proposal(native: Native, rule: Native | None) -> Proposal:
    spec = native.spec
    said: JsonObject = fields(
        spec,
        {
            "hosts": "hosts",
            "ports": ("ports", each(_port)),
            "location": ("location", _LOCATIONS.__getitem__),
            "resolution": ("resolution", lambda value: "dynamicDns" if value == "DYNAMIC_DNS" else word(value)),
            "endpoints": ("endpoints", each(table_of(ENDPOINT))),
            "addresses": "addresses",
            "subject_alt_names": "subjectAltNames",
            "workload_selector": ("workload", lambda selector: {"selector": dict(selector.labels or {})}),
        },
    )
    objects: tuple[Native, ...] = (native,)
    names: dict[str, str] = {}
    if rule is not None:
        objects = (native, rule)
        names = {rule.kind: rule.name} if rule.name != native.name else {}
        if rule.spec.subsets:
            said["versions"] = versions(rule.spec.subsets)
        if rule.spec.traffic_policy is not None:
            said["traffic"] = traffic(rule.spec.traffic_policy)
    return Proposal(
        kind=ExternalService,
        name=native.name,
        namespace=native.namespace,
        spec={**said, **export_to(spec.export_to)},
        objects=objects,
        names=names,
        labels=native.labels,
        annotations=native.annotations,
    )


def _port(port: Any) -> JsonObject:  # noqa: ANN401 (ServicePort)
    said: JsonObject = {"name": port.name, "port": port.number}
    if port.protocol is not None:
        known = parse_protocol(port.protocol)
        said["protocol"] = port.protocol if known is Protocol.UNSUPPORTED else known.value
    if port.target_port:
        said["targetPort"] = port.target_port
    return said
