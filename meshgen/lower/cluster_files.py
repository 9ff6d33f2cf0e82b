"""Files about several clusters: the east-west gateway's Helm values, and the runbook for what no object says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.intent.cluster import CA_SECRET, Cluster
from meshgen.istio.networks import NETWORK_LABEL
from meshgen.lower.clusters import clusters_of, gateway_values
from meshgen.lower.index import Index
from meshgen.lower.markdown import commands
from meshgen.lower.result import DeliveryFile


def cluster_files(index: Index) -> Iterator[DeliveryFile]:
    """`eastwest/values.yaml` of the cluster that is compiled, and the runbook, the same for all."""
    values = gateway_values(index)
    if values:
        yield DeliveryFile(path="eastwest/values.yaml", content=values)
    clusters = clusters_of(index)
    if clusters:
        yield DeliveryFile(path="clusters.md", content=_runbook(clusters, index.root_namespace), common=True)


def _runbook(clusters: Mapping[str, Cluster], root: str) -> str:
    title = "The clusters of the mesh" if len(clusters) > 1 else "The cluster of the mesh"
    parts = [
        f"# {title}",
        (
            "Made by meshgen from the Mesh's `clusters`. Paths are relative to this file. What is secret (keys of authorities,"
            " credentials for API servers) is made and handed on by these commands and never stands in Git."
        ),
        _table(clusters),
        *_trust(clusters, root),
        *_networks(clusters, root),
        *_installation(clusters, root),
        *_discovery(clusters, root),
        *_verification(clusters, root),
    ]
    return "\n\n".join(parts) + "\n"


def _table(clusters: Mapping[str, Cluster]) -> str:
    rows = ["| cluster | network | control plane | east-west gateway | root |", "| --- | --- | --- | --- | --- |"]
    for name, cluster in clusters.items():
        door = cluster.east_west
        way = "none" if door is None else f"{door.address or 'address not stated'}, port {door.port}"
        root = cluster.ca.root if cluster.ca is not None else "its own"
        rows.append(f"| {name} | {cluster.network or 'none'} | {cluster.control_plane or 'its own'} | {way} | {root} |")
    return "\n".join(rows)


def _context(name: str, clusters: Mapping[str, Cluster]) -> str:
    return clusters[name].context or name


def _trust(clusters: Mapping[str, Cluster], root: str) -> Iterator[str]:
    plugged = {name: cluster.ca for name, cluster in clusters.items() if cluster.ca is not None and cluster.ca.secret is not None}
    if not plugged:
        return
    yield "## One root of trust"
    yield (
        "Before istiod is installed. Each cluster gets an intermediate authority of its own, signed by the root of the table; the"
        " four files come from whoever keeps that root."
    )
    for name in plugged:
        context = _context(name, clusters)
        files = " ".join(f"--from-file={name}-ca/{part}.pem" for part in ("ca-cert", "ca-key", "root-cert", "cert-chain"))
        yield commands(
            f"kubectl --context {context} create namespace {root}",
            f"kubectl --context {context} create secret generic {CA_SECRET} --namespace {root} {files}",
        )
    yield "The fingerprints are the same everywhere:"
    yield commands(
        *(
            f"kubectl --context {_context(name, clusters)} get secret {CA_SECRET} --namespace {root}"
            " --output jsonpath='{.data.root-cert\\.pem}' | base64 -d | openssl x509 -noout -sha256 -fingerprint"
            for name in plugged
        )
    )


def _networks(clusters: Mapping[str, Cluster], root: str) -> Iterator[str]:
    labelled = {
        name: cluster for name, cluster in clusters.items() if cluster.network is not None and not cluster.label_namespace
    }
    if not labelled:
        return
    yield "## Networks"
    yield "istiod takes the network of a cluster's Pods from this label."
    lines = []
    for name, cluster in labelled.items():
        kubectl = f"kubectl --context {_context(name, clusters)}"
        if cluster.ca is None or cluster.ca.secret is None:
            lines.append(f"{kubectl} create namespace {root}")
        lines.append(f"{kubectl} label namespace {root} {NETWORK_LABEL}={cluster.network} --overwrite")
    yield commands(*lines)


def _installation(clusters: Mapping[str, Cluster], root: str) -> Iterator[str]:
    yield "## Installation"
    for name, cluster in clusters.items():
        context = _context(name, clusters)
        helm = f"helm --kube-context {context} upgrade --install"
        lines = [f"{helm} istio-base istio/base --namespace {root} --create-namespace"]
        if cluster.control_plane is not None:
            annotation = f"topology.istio.io/controlPlaneClusters={cluster.control_plane}"
            lines.append(f"kubectl --context {context} annotate namespace {root} {annotation} --overwrite")
        lines.append(f"{helm} istiod istio/istiod --namespace {root} --values {name}/istiod/values.yaml --wait")
        if cluster.east_west is not None:
            door = cluster.east_west
            where = f"--namespace {door.namespace or root}"
            lines.append(f"{helm} {door.name} istio/gateway {where} --values {name}/eastwest/values.yaml")
        yield commands(*lines)
    yield "Then the objects of each cluster, as they are delivered."


def _discovery(clusters: Mapping[str, Cluster], root: str) -> Iterator[str]:
    """A secret of each cluster for each other one that has a control plane, which watches it by that secret."""
    lines = []
    for name, cluster in clusters.items():
        for watcher, other in clusters.items():
            if watcher == name or other.control_plane is not None:
                continue
            server = f" --server {cluster.api_server}" if cluster.api_server is not None else ""
            lines.append(
                f"istioctl create-remote-secret --context {_context(name, clusters)} --name {name} --istioNamespace {root}"
                f"{server} | kubectl --context {_context(watcher, clusters)} apply -f -"
            )
    if lines:
        yield "## Endpoints of the other clusters"
        yield "Each control plane watches the other clusters' API servers, with a credential that its own cluster holds."
        yield commands(*lines)


def _verification(clusters: Mapping[str, Cluster], root: str) -> Iterator[str]:
    yield "## See that it works"
    lines = []
    for name, cluster in clusters.items():
        context = _context(name, clusters)
        if cluster.control_plane is None and len(clusters) > 1:
            lines.append(f"istioctl --context {context} remote-clusters        # all others, synced")
        door = cluster.east_west
        if door is not None:
            lines.append(f"kubectl --context {context} get service {door.name} --namespace {door.namespace or root}")
        lines.append(f"istioctl --context {context} proxy-status")
    yield commands(*lines)
    if len({cluster.network for cluster in clusters.values()}) > 1:
        yield (
            "A sidecar of one cluster has the address of the other's east-west gateway, port 15443, among the endpoints of a"
            " Service that runs in both: `istioctl proxy-config endpoints <pod> --cluster 'outbound|80||<host>'`."
        )
