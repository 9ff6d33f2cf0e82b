"""Small meshes on loopback for live tests: YAML in, proxies' configurations out, and the files that a delivery writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import EchoServer, RunningEnvoy

from meshgen.deliver.admin import Admin
from meshgen.deliver.push import Pushed, Watch, push, read_bootstrap
from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.delivery import Delivery, files
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Capture, Mesh, Proxy, Role

Json = dict[str, Any]


def service(name: str, port: int, *, target: int = 8080, protocol: str = "http") -> Json:
    """A Service of namespace `shop` with one port, that picks `app: <name>`."""
    ports = [{"name": protocol, "port": port, "targetPort": target}]
    spec = {"clusterIP": "10.96.0.1", "selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def endpoint(
    name: str, address: str, port: int, *, version: str = "v1", mutual_tls: bool = False, protocol: str = "http"
) -> list[Json]:
    """A Pod of a service and the EndpointSlice that lists it; its service account has the service's name."""
    labels = {"app": name, "version": version} | ({"security.istio.io/tlsMode": "istio"} if mutual_tls else {})
    pod = f"{name}-{version}-{port}"
    reference = {"kind": "Pod", "name": pod, "namespace": "shop"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod, "namespace": "shop", "labels": labels},
            "spec": {"serviceAccountName": name},
            "status": {"podIP": address},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": pod, "namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
            "ports": [{"name": protocol, "port": port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "targetRef": reference}],
        },
    ]


def echo_endpoint(name: str, echo: EchoServer, *, version: str = "v1") -> list[Json]:
    """An echo server as an endpoint without a sidecar."""
    return endpoint(name, "127.0.0.1", echo.port, version=version)


def sidecar(name: str, address: str = "127.0.0.2", **labels: str) -> Proxy:
    """A sidecar of namespace `shop` with sockets on loopback addresses."""
    return Proxy(
        name=name,
        namespace="shop",
        role=Role.SIDECAR,
        labels={"app": name, **labels},
        service_account=name,
        address=address,
        capture=Capture.LOOPBACK,
    )


def gateway(name: str = "edge") -> Proxy:
    """A gateway of namespace `shop`, picked by `istio: <name>`."""
    return Proxy(name=name, namespace="shop", role=Role.INGRESS, labels={"istio": name}, address="127.0.0.1")


def options(certificates: Path | str = "/nowhere") -> BootstrapOptions:
    """Options with an admin interface on a port that the kernel chooses."""
    return BootstrapOptions(admin_port=0, certificates=str(certificates))


def snapshot(mesh: Mesh, proxy: Proxy) -> Snapshot:
    """What a proxy gets."""
    return emit_envoy(mesh, proxy)[0]


def bootstrap(mesh: Mesh, proxy: Proxy, certificates: Path | str = "/nowhere") -> Json:
    """The static bootstrap of a proxy."""
    return static_bootstrap(snapshot(mesh, proxy), options(certificates))


class FileTree:
    """The files of a filesystem delivery, pushed as `meshgen push` does."""

    def __init__(self, root: Path, proxy: Proxy, certificates: Path | str = "/nowhere") -> None:
        self._root = root
        self._options = options(certificates)
        self._proxy = proxy
        self.directory = root / proxy.namespace / proxy.name
        self.envoy: RunningEnvoy | None = None
        """Once it is set, each wave waits until this Envoy has taken the one before."""

    def files(self, mesh: Mesh) -> dict[str, bytes]:
        """What is compiled for the proxy, by its path in the proxy's directory."""
        made = files(snapshot(mesh, self._proxy), Delivery.FILESYSTEM, str(self._root), self._options)
        return {path.split("/", 2)[2]: content for path, content in made.items()}

    def write(self, mesh: Mesh) -> list[str]:
        """Bring the tree up to a mesh; the paths that changed, in the order of the waves."""
        done = self.push(self.files(mesh))
        assert not done.diagnostics or self.envoy is None, done.diagnostics
        return [path for _, paths in done.waves for path in paths]

    def push(self, wanted: dict[str, bytes], wait: float = 30) -> Pushed:
        """As `meshgen push`, without a pause where no Envoy is asked."""
        admins = [Admin("127.0.0.1", self.envoy.admin_port)] if self.envoy is not None else []
        return push(wanted, self.directory, Watch(admins=admins, wait=wait, pause=0))

    def bootstrap(self) -> Json:
        """The bootstrap that was written."""
        return dict(read_bootstrap(self.directory))
