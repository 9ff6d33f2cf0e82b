"""WorkloadGroups → VirtualMachines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, fields, plain, table_of
from meshgen.intent.virtual_machines import VirtualMachines
from meshgen.json import JsonValue

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


def virtual_machines(native: Native, beside: Surroundings) -> Iterator[Proposal]:  # noqa: ARG001 (as the other kinds)
    """The VirtualMachines that give a WorkloadGroup."""
    spec = native.spec
    marks = fields(spec.metadata, {"labels": "labels", "annotations": "annotations"})
    template = {**marks, **fields(spec.template, _TEMPLATE)}
    yield Proposal(
        kind=VirtualMachines,
        name=native.name,
        namespace=native.namespace,
        spec={
            **({"template": template} if template else {}),
            **fields(spec, {"probe": ("probe", table_of(_PROBE))}),
        },
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )
