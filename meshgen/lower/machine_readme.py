"""The README of a group's files: the commands for what only the cluster and the machine can do."""

from __future__ import annotations

from meshgen.intent.virtual_machines import VirtualMachines
from meshgen.lower.markdown import commands


def readme(model: VirtualMachines, *, context: str, root_namespace: str, istiod: str, address: str) -> str:
    """The steps by which one machine joins, is looked at, and leaves; Markdown."""
    kubectl = f"kubectl --context {context}" if context else "kubectl"
    istioctl = f"istioctl --context {context}" if context else "istioctl"
    account, namespace = model.template.service_account or "default", model.namespace
    parts = [
        f"# Join a machine to `{model.name}` ({namespace})",
        (
            "Made by meshgen from the VirtualMachines of this name. `cluster.env`, `mesh.yaml` and `hosts` are the same for every"
            " machine of the group. The token and the root certificate are fetched for each machine, and are never kept in Git."
        ),
        "## With access to the cluster",
        commands(
            f"{kubectl} get serviceaccount {account} --namespace {namespace}",
            f"{kubectl} create token {account} --namespace {namespace} --audience istio-ca --duration 1h > istio-token",
            f"{kubectl} get configmap istio-ca-root-cert --namespace {namespace}"
            " --output jsonpath='{.data.root-cert\\.pem}' > root-cert.pem",
        ),
        "The token is good for an hour: the machine trades it for a certificate when its agent starts.",
        *_control_plane(istiod, address, kubectl, root_namespace),
        "## On the machine",
        "Install the package `istio-sidecar` (`.deb` or `.rpm`) of the control plane's release, copy the five files there, then:",
        commands(
            "sudo install -D root-cert.pem /etc/certs/root-cert.pem",
            "sudo install -D istio-token /var/run/secrets/tokens/istio-token",
            "sudo install -D cluster.env /var/lib/istio/envoy/cluster.env",
            "sudo install -D mesh.yaml /etc/istio/config/mesh",
            "sudo mkdir -p /etc/istio/proxy",
            "sudo sh -c 'cat hosts >> /etc/hosts'",
            "sudo chown -R istio-proxy /etc/certs /etc/istio /var/lib/istio /var/run/secrets",
            "sudo systemctl enable --now istio",
        ),
        "## See that it works",
        commands(
            "tail /var/log/istio/istio.log                  # on the machine: connected to istiod, certificate made",
            "curl --fail http://localhost:15021/healthz/ready",
            f"{kubectl} get workloadentries --namespace {namespace}",
            f"{istioctl} proxy-status",
        ),
        *_registration(model, kubectl),
    ]
    return "\n\n".join(parts) + "\n"


def _control_plane(istiod: str, address: str, kubectl: str, root_namespace: str) -> list[str]:
    if address:
        return [f"The machine reaches `{istiod}` at `{address}` (`hosts`): ports 15012, and 15443 for Services of the cluster."]
    return [
        (
            f"`hosts` has no address: nothing says at which one machines reach `{istiod}`. Unless their DNS knows it, find the"
            " address of the gateway that exposes istiod, write it into the intent (`join: {controlPlane: …}`), compile again:"
        ),
        commands(f"{kubectl} get service --namespace {root_namespace} --selector istio=eastwestgateway"),
    ]


def _registration(model: VirtualMachines, kubectl: str) -> list[str]:
    if not model.auto_register:
        return [
            "## When a machine leaves",
            "Remove its address from the intent, compile and deliver, then stop the agent: `sudo systemctl disable --now istio`.",
        ]
    return [
        "A machine of this group registers itself: its WorkloadEntry is istiod's and is neither written nor removed by meshgen.",
        "## When a machine leaves",
        "Stop the agent; istiod removes the WorkloadEntry a little later. One that stays behind is removed by hand:",
        commands(
            "sudo systemctl disable --now istio",
            f"{kubectl} delete workloadentry --namespace {model.namespace} {model.name}-<IP of the machine>",
        ),
    ]
