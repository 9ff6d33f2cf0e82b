"""The runbook of an installation: the commands, in the order in which they are run, with Helm and with istioctl."""

from __future__ import annotations

from meshgen.lower.markdown import commands
from meshgen.lower.mesh.installed import Installation


def runbook(installation: Installation, files: frozenset[str]) -> str:
    """Markdown; `files` are those that stand beside it."""
    install = installation.settings
    revision = install.revision if install is not None else None
    parts = [_INTRODUCTION, _helm(installation, files)]
    parts.append(_ISTIOCTL)
    if any(release.settings.values for release in installation.gateways):
        names = ", ".join(f"`{release.name}`" for release in installation.gateways if release.settings.values)
        parts.append(f"Other values of the chart (`values` of {names}) stand in the Helm values only.\n")
    parts.append(_check(installation, revision))
    return "\n".join(parts)


_INTRODUCTION = """# Installing Istio

Both ways below install the same. Run one of them, from this directory, against the cluster that kubectl talks to.
Charts are those of Istio's own chart repository, added as `istio` (`helm repo add istio …`, see istio.io: Install with Helm).
"""


def _helm(installation: Installation, files: frozenset[str]) -> str:
    install = installation.settings
    namespace = installation.namespace
    revision = install.revision if install is not None else None
    version = install.version if install is not None else None
    istiod = f"istiod-{revision}" if revision else "istiod"
    releases = [("istio-base", "base", namespace, "base/values.yaml", True)]
    if install is not None and install.cni:
        releases.append(("istio-cni", "cni", namespace, "", False))
    releases.append((istiod, "istiod", namespace, "istiod/values.yaml", False))
    if install is not None and install.ztunnel:
        releases.append(("ztunnel", "ztunnel", namespace, "", False))
    releases += [
        (each.name, "gateway", each.namespace, f"gateways/{each.name}/values.yaml", each.namespace != namespace)
        for each in installation.gateways
    ]
    lines = []
    for name, chart, place, values, create in releases:
        words = [f"helm upgrade --install {name} istio/{chart} --namespace {place}"]
        words += ["--create-namespace"] if create else []
        words += [f"--version {version}"] if version else []
        words += [f"--values {values}"] if values in files else []
        lines.append(" ".join([*words, "--wait"]))
    return f"## With Helm\n\n{commands(*lines)}\n"


_ISTIOCTL = """## With istioctl

```sh
istioctl manifest generate --filename istio-operator.yaml    # to look at
istioctl install --filename istio-operator.yaml --skip-confirmation
```
"""


def _check(installation: Installation, revision: str | None) -> str:
    lines = [
        f"kubectl --namespace {installation.namespace} get deployments",
        "istioctl proxy-status",
        "istioctl analyze --all-namespaces",
    ]
    tags = installation.settings.revision_tags if installation.settings is not None else None
    note = "Proxies take new settings of theirs, and another istiod's sidecar, when their Pods start again.\n"
    if revision:
        told = f"Namespaces choose this control plane by the label `istio.io/rev: {(tags or (revision,))[0]}`.\n"
        note = told + note
    return f"## Afterwards\n\n{commands(*lines)}\n\n{note}"
