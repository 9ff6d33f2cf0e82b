"""WorkloadGroups, with the WorkloadEntries of their machines → VirtualMachines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, fields, plain, table_of
from meshgen.intent.virtual_machines import Machine, VirtualMachines, entry_name
from meshgen.json import JsonObject, JsonValue

_TEMPLATE: Table = {
    "address": "address",
    "ports": "ports",
    "weight": "weight",
    "labels": "entryLabels",
    "locality": "locality",
    "network": "network",
    "service_account": "serviceAccount",
}


def _seconds(value: int) -> JsonValue:
    return f"{value}s"


def _headers(headers: Any) -> JsonValue:  # noqa: ANN401 (HTTPHeaders)
    return {header.name or "": header.value or "" for header in headers}


_HTTP: Table = {
    "port": "port",
    "path": "path",
    "host": "host",
    "scheme": ("scheme", lambda scheme: scheme.lower()),
    "http_headers": ("headers", _headers),
}
_PROBE: Table = {
    "http_get": ("http", table_of(_HTTP)),
    "tcp_socket": ("tcp", table_of({"port": "port", "host": "host"})),
    "grpc": ("grpc", table_of({"port": "port", "service": "service"})),
    "exec_": ("exec", lambda value: plain(value.command)),
    "initial_delay_seconds": ("delay", _seconds),
    "period_seconds": ("every", _seconds),
    "timeout_seconds": ("timeout", _seconds),
    "success_threshold": "healthyAfter",
    "failure_threshold": "unhealthyAfter",
}


_MACHINE = {
    "address": "address",
    "ports": "ports",
    "weight": "weight",
    "locality": "locality",
    "network": "network",
    "service_account": "serviceAccount",
}


def virtual_machines(native: Native, beside: Surroundings) -> Iterator[Proposal]:  # noqa: ARG001 (as the other kinds)
    """The VirtualMachines that give a WorkloadGroup by itself."""
    yield _proposal(native, [])


def together(natives: Sequence[Native]) -> Iterator[Proposal]:
    """VirtualMachines for a WorkloadGroup and the WorkloadEntries of its namespace that carry its labels."""
    entries = [native for native in natives if native.kind == "WorkloadEntry"]
    for group in (native for native in natives if native.kind == "WorkloadGroup"):
        labels = _labels(group)
        own = [each for each in entries if each.namespace == group.namespace and labels and labels.items() <= _entry_labels(each)]
        if own:
            entries = [each for each in entries if each not in own]
            yield _proposal(group, own)


def _labels(group: Native) -> dict[str, str]:
    spec = group.spec
    return {**(spec.template.labels or {}), **((spec.metadata.labels if spec.metadata is not None else None) or {})}


def _entry_labels(entry: Native) -> Any:  # noqa: ANN401 (items of a map)
    return (entry.spec.labels or {}).items()


def _proposal(native: Native, entries: Sequence[Native]) -> Proposal:
    spec = native.spec
    marks = fields(spec.metadata, {"labels": "labels", "annotations": "annotations"})
    template = {**marks, **fields(spec.template, _TEMPLATE)}
    machines: list[JsonValue] = [_machine(native, entry) for entry in entries]
    return Proposal(
        kind=VirtualMachines,
        name=native.name,
        namespace=native.namespace,
        spec={
            **({"template": template} if template else {}),
            **fields(spec, {"probe": ("probe", table_of(_PROBE))}),
            **({"addresses": machines} if machines else {}),
        },
        objects=(native, *entries),
        labels=native.labels,
        annotations=native.annotations,
    )


def _machine(group: Native, entry: Native) -> JsonObject:
    """A machine: what is not as the template has it."""
    said: JsonObject = {}
    for name, key in _MACHINE.items():
        value = getattr(entry.spec, name)
        if value is not None and value != getattr(group.spec.template, name, None):
            said[key] = plain(value)
    own = {key: value for key, value in (entry.spec.labels or {}).items() if _labels(group).get(key) != value}
    if own:
        said["labels"] = plain(own)
    if entry.spec.address is None or entry.name != entry_name(group.name, Machine(address=entry.spec.address)):
        said["name"] = entry.name
    return said
