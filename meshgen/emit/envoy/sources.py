"""Which object and which part of it a route came from, for the simulator and the user's line (`Snapshot`)."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from meshgen.diagnostics import Origin
from meshgen.emit.envoy.extension import metadata
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.json import JsonObject
from meshgen.mesh import Mesh

Found = IstioObject[VirtualService]
_Rule = tuple[str, str, int]

_DELEGATED: WeakKeyDictionary[Mesh, dict[Origin, _Rule]] = WeakKeyDictionary()


def of_rule(mesh: Mesh, found: Found, index: int, block: str = "http") -> JsonObject:
    """The metadata of a rule (`spec.http[2]`); a rule that a delegate brought in names the delegate."""
    namespace, name = found.namespace, found.name
    merged = found.origins.get(("spec", "http", index)) if block == "http" else None
    if merged is not None:
        namespace, name, index = _delegated(mesh).get(merged, (namespace, name, _own_index(merged, index)))
    return metadata("VirtualService", namespace, name, f"spec.{block}[{index}]")


def _own_index(origin: Origin, index: int) -> int:
    """The rule's place in its own object: delegates before it may have moved it."""
    last = origin.path[-1] if origin.path[-3:-1] == ("spec", "http") else index
    return last if isinstance(last, int) else index


def _delegated(mesh: Mesh) -> dict[Origin, _Rule]:
    """The delegates' rules by their place in the sources."""
    known = _DELEGATED.get(mesh)
    if known is None:
        known = _DELEGATED[mesh] = {
            delegate.origin_of("spec", "http", index): (delegate.namespace, delegate.name, index)
            for delegate in mesh.virtual_services.delegates.values()
            for index in range(len(delegate.spec.http or ()))
        }
    return known
