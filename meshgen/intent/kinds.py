"""The kinds of the intent language, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from meshgen.intent.kind import Intent

_MODULES = {
    "Access": "access",
    "Authentication": "authentication",
    "Canary": "canary",
    "ExternalService": "external_service",
    "Extension": "extension",
    "Gateway": "gateway",
    "Mesh": "mesh",
    "Mirror": "mirror",
    "Proxy": "proxy",
    "Route": "route",
    "Service": "service",
    "Sidecar": "sidecar",
    "Telemetry": "telemetry",
    "TrafficPolicy": "traffic_policy",
    "TrafficTest": "traffic_test",
    "VirtualMachines": "virtual_machines",
}


class Kinds(Mapping[str, type[Intent]]):
    """The model of each kind, imported when it is asked for: a mesh pays only for the kinds that it has."""

    def __getitem__(self, name: str) -> type[Intent]:
        """The model; raises KeyError for what is no kind."""
        return _load(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a kind."""
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        """The names, in their order."""
        return iter(_MODULES)

    def __len__(self) -> int:
        """How many there are."""
        return len(_MODULES)


@cache
def _load(name: str) -> type[Intent]:
    kind: type[Intent] = getattr(import_module(f"meshgen.intent.{_MODULES[name]}"), name)
    return kind


KINDS = Kinds()
"""In order of their names."""
