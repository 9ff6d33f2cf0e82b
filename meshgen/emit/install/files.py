"""Which files an installation has."""

from __future__ import annotations

from meshgen.emit.install.operator import istio_operator
from meshgen.emit.install.runbook import runbook
from meshgen.json import JsonObject
from meshgen.lower.mesh.installed import Installation

_RUNBOOK = "install" + ".md"  # no page of docs/


def install_files(installation: Installation) -> dict[str, JsonObject | str]:
    """Documents and texts by path, in the delivery tree.

    A Mesh that says nothing of the installation has istiod's values only, and those only where it says any.
    """
    istiod = {"meshConfig": installation.mesh_config, **installation.values} if installation.mesh_config else installation.values
    files: dict[str, JsonObject | str] = {}
    for path, values in (("base/values.yaml", installation.base), ("istiod/values.yaml", istiod)):
        if values:
            files[path] = dict(values)
    if installation.settings is None:
        return files
    for release in installation.gateways:
        if release.values:
            files[f"gateways/{release.name}/values.yaml"] = release.values
    files["istio-operator.yaml"] = istio_operator(installation)
    files[_RUNBOOK] = runbook(installation, frozenset(files))
    return files
