"""Virtual services by gateway and visibility, delegates merged in.

Follows istiod's `initVirtualServices`: order by creation time, name and namespace; roots with delegates come after all others.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh.delegates import is_delegate, is_root, merge_delegates
from meshgen.mesh.names import MESH, gateways_of, resolve_virtual_service
from meshgen.mesh.visibility import Exported

Found = tuple[IstioObject[VirtualService], ...]


class VirtualServiceIndex:
    """Answers `which virtual services does a namespace see on this gateway`. All names in the answers are absolute."""

    def __init__(self, virtual_services: Sequence[IstioObject[VirtualService]], default_export_to: tuple[str, ...]) -> None:
        ordered = sorted(virtual_services, key=lambda found: found.order)
        self.delegates = {(found.namespace, found.name): found for found in ordered if is_delegate(found.spec)}
        self.default_export_to = default_export_to
        self._by_gateway: dict[str, Exported[IstioObject[VirtualService]]] = {}
        plain = [found for found in ordered if not is_delegate(found.spec) and not is_root(found.spec)]
        roots = [found for found in ordered if not is_delegate(found.spec) and is_root(found.spec)]
        for found in (*plain, *roots):
            self._add(found)

    def _add(self, found: IstioObject[VirtualService]) -> None:
        resolved = resolve_virtual_service(found)
        if is_root(resolved.spec):
            resolved = merge_delegates(resolved, self.delegates, self.default_export_to)
        for gateway in dict.fromkeys(gateways_of(resolved.spec, resolved.namespace)):
            exported = self._by_gateway.setdefault(gateway, Exported())
            exported.add(resolved, resolved.namespace, resolved.spec.export_to or self.default_export_to)

    def on(self, gateway: str, namespace: str) -> Found:
        """Those bound to a gateway (`namespace/name`) that a proxy's namespace sees."""
        exported = self._by_gateway.get(gateway)
        return exported.visible_in(namespace) if exported else ()

    def on_mesh(self, namespace: str) -> Found:
        """Those for sidecars that a namespace sees."""
        return self.on(MESH, namespace)
