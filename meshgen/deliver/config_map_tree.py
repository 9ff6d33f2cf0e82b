"""The ConfigMaps of all proxies of an output, each proxy's as the release after the one that its Pods have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from meshgen.deliver.config_maps import Pods, config_maps, gateway_pods, pod_patch, released_files
from meshgen.deliver.layout import safe_name
from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.envoy_delivery import CLUSTERS_COME_FIRST
from meshgen.diagnostics.catalogue.sources import NOT_A_REPOSITORY
from meshgen.emit.envoy.bootstrap import BootstrapOptions
from meshgen.emit.envoy.delivery import Delivery
from meshgen.emit.envoy.limits import delivery_limits
from meshgen.emit.envoy.release import Files, next_release
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.volume import volume_files
from meshgen.emit.istio.artifact import Artifact
from meshgen.load.git import read_revision
from meshgen.load.project import ConfigMaps, EnvoyOutput
from meshgen.mesh import Mesh

Released = Callable[[str], bytes | None]
"""What the fleet has of a path of the output's tree; None where it has nothing there."""


class ConfigMapTree:
    """The objects of an output while proxies are added to it."""

    def __init__(self, mesh: Mesh, output: EnvoyOutput, released: Released, image: str) -> None:
        self.artifacts: list[Artifact] = []
        self.patches: dict[str, bytes] = {}  # for the Pods, by path in the delivery tree
        self.diagnostics: list[Diagnostic] = []
        self._mesh = mesh
        self._output = output
        self._released = released
        settings = output.config_maps
        self._pods = Pods(
            image=settings.image or image,
            root=str(PurePosixPath(output.root)),
            certificates=str(PurePosixPath(output.certificates)),
            replicas=settings.gateway_replicas,
        )

    def add(self, snapshot: Snapshot) -> None:
        """The objects of one proxy."""
        proxy, output = snapshot.proxy, self._output
        options = BootstrapOptions(certificates=self._pods.certificates, admin_port=output.admin_port or -1)
        wanted = volume_files(snapshot, self._pods.root, options)
        release = next_release(self._files_of(f"{proxy.namespace}/{safe_name(proxy.name)}.yaml"), wanted)
        if release.waits_for:
            names = ", ".join(f"`{name}`" for name in release.waits_for[:3])
            more = f" and {len(release.waits_for) - 3} more" if len(release.waits_for) > 3 else ""
            message = f"this release of `{proxy.id}` brings {names}{more}; the routes to them are for the next one"
            advice = "when all Pods have it (a kubelet takes up to two minutes), compile and release again"
            self.diagnostics.append(CLUSTERS_COME_FIRST.at(proxy.origin, message, help=advice))
        artifacts, found = config_maps(proxy, release.files)
        self.artifacts += artifacts
        self.diagnostics += (*found, *delivery_limits(self._mesh, self._mesh.view(proxy), Delivery.CONFIGMAP, options))
        if proxy.is_gateway and self._pods.replicas is not None:
            self.artifacts += gateway_pods(snapshot, release.files, self._pods)
        else:
            patch = pod_patch(proxy, release.files, self._pods).encode()
            self.patches[f"{proxy.namespace}/{safe_name(proxy.name)}/pod.patch.yaml"] = patch

    def _files_of(self, path: str) -> Files:
        content = self._released(path)
        return released_files(content, path) if content is not None else {}


def read_release(directory: Path, revision: str) -> tuple[Released, tuple[Diagnostic, ...]]:
    """What the fleet has of an output directory: what git has of it in the revision that was released.

    Where the directory is in no repository, or that has no commit yet, what stands in the directory counts as released.
    """
    tree, found = read_revision(directory, revision)
    if tree is not None:
        contents = tree.contents
        return contents.get, ()
    if revision == ConfigMaps().released or found[0].code is NOT_A_REPOSITORY:
        return lambda path: _read(directory / path), ()
    return lambda _path: None, found


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
