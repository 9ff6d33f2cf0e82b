"""The linked mesh: services, endpoints, workloads, policies and visibility."""

from meshgen.mesh.mesh import Mesh, ProxyView, link
from meshgen.mesh.proxies import derive_proxies
from meshgen.mesh.proxy import Capture, Limits, Proxy, Role
from meshgen.mesh.scope import Scope
from meshgen.mesh.service import Endpoint, Port, Resolution, Service, Workload

__all__ = [
    "Capture",
    "Endpoint",
    "Limits",
    "Mesh",
    "Port",
    "Proxy",
    "ProxyView",
    "Resolution",
    "Role",
    "Scope",
    "Service",
    "Workload",
    "derive_proxies",
    "link",
]
