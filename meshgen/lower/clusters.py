"""What makes one cluster of several: its doors to the other networks, its installation, and whether the clusters fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from meshgen.diagnostics import JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue import clusters as codes
from meshgen.intent.cluster import EastWest
from meshgen.intent.decode import IntentObject
from meshgen.istio import gateway as istio
from meshgen.istio.networks import NETWORK_LABEL, NetworkGateway, Networks
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import PortSelector, ServerTLSSettings
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import Destination, RouteDestination, TLSMatchAttributes, TLSRoute, VirtualService
from meshgen.istio.workload_entry import WorkloadEntry
from meshgen.istio.workload_group import WorkloadGroup
from meshgen.json import JsonObject, JsonValue, drop_none, merge_patch
from meshgen.lower.index import Index
from meshgen.lower.mesh.installed import Installation
from meshgen.lower.result import NO_NETWORKS, Made, Report, make, make_other

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.cluster import Cluster
    from meshgen.intent.mesh import Mesh
    from meshgen.intent.virtual_machines import VirtualMachines

ISTIOD_PORT, WEBHOOK_PORT = 15012, 15017
CROSS_NETWORK, ISTIOD_GATEWAY = "cross-network-gateway", "istiod-gateway"


# --- objects -----------------------------------------------------------------------------------------------------------------
def cluster_objects(index: Index) -> Iterator[Made]:
    """The east-west gateway of the cluster that is compiled, and the root namespace where the Mesh asks for it."""
    mesh, cluster = index.mesh, index.cluster
    if mesh is None or cluster is None:
        return
    path: JsonPath = ("spec", "clusters", index.cluster_name)
    door = cluster.east_west
    if door is not None:
        place = mesh.at(*path, "eastWest")
        namespace = door.namespace or index.root_namespace
        # Only where there are networks: a gateway that is there for machines alone need not pass Services on.
        if len(clusters_of(index)) > 1 or cluster.network is not None:
            yield make(mesh, _cross_network(door), name=CROSS_NETWORK, namespace=namespace, owner="eastwest", origin=place)
        if door.expose_istiod:
            yield make(mesh, _istiod_gateway(door), name=ISTIOD_GATEWAY, namespace=namespace, owner="eastwest", origin=place)
            routes = _istiod_routes(index.root_namespace)
            yield make(mesh, routes, name=ISTIOD_GATEWAY, namespace=namespace, owner="eastwest", origin=place)
    if cluster.label_namespace and cluster.network is not None:
        labels = {NETWORK_LABEL: cluster.network}
        yield make_other(
            mesh, "v1", "Namespace", {}, name=index.root_namespace, namespace="", labels=labels, origin=mesh.at(*path, "network")
        )


def _cross_network(door: EastWest) -> istio.Gateway:
    server = istio.Server(
        port=istio.GatewayPort(name="tls", number=door.port, protocol="TLS"),
        hosts=door.hosts or ("*.local",),
        tls=ServerTLSSettings(mode="AUTO_PASSTHROUGH"),
    )
    return istio.Gateway(selector=door.selector, servers=(server,))


def _istiod_gateway(door: EastWest) -> istio.Gateway:
    servers = tuple(
        istio.Server(
            port=istio.GatewayPort(name=name, number=number, protocol="TLS"),
            hosts=("*",),
            tls=ServerTLSSettings(mode="PASSTHROUGH"),
        )
        for name, number in (("tls-istiod", ISTIOD_PORT), ("tls-webhook", WEBHOOK_PORT))
    )
    return istio.Gateway(selector=door.selector, servers=servers)


def _istiod_routes(root_namespace: str) -> VirtualService:
    """To istiod's discovery and to its webhook, which listens on 15017 behind the Service's port 443."""
    host = f"istiod.{root_namespace}.svc.cluster.local"
    return VirtualService(
        hosts=("*",),
        gateways=(ISTIOD_GATEWAY,),
        tls=tuple(
            TLSRoute(
                match=(TLSMatchAttributes(port=port, sni_hosts=("*",)),),
                route=(RouteDestination(destination=Destination(host=host, port=PortSelector(number=target))),),
            )
            for port, target in ((ISTIOD_PORT, ISTIOD_PORT), (WEBHOOK_PORT, 443))
        ),
    )


# --- installation ------------------------------------------------------------------------------------------------------------
def clusters_of(index: Index) -> Mapping[str, Cluster]:
    """The clusters of the Mesh by name, sorted."""
    found = (index.mesh.model.clusters or {}) if index.mesh is not None else {}
    return dict(sorted(found.items()))


def with_cluster(installation: Installation, index: Index) -> Installation:
    """The installation, and what tells istiod its cluster and network."""
    return replace(installation, values=merge_patch(installation.values, _values(index)))


def _values(index: Index) -> JsonObject:
    """Values of istiod's Helm chart."""
    mesh, cluster = index.mesh, index.cluster
    if mesh is None:
        return {}
    mesh_id = mesh.model.mesh_id
    if cluster is None:
        return {"global": {"meshID": mesh_id}} if mesh_id is not None else {}
    settings: JsonObject = drop_none({
        "meshID": mesh_id,
        "multiCluster": {"clusterName": index.cluster_name},
        "network": cluster.network,
        "meshNetworks": mesh_networks(index) or None,
    })
    serving = any(each.control_plane == index.cluster_name for each in clusters_of(index).values())
    if serving:
        settings["externalIstiod"] = True
    if cluster.control_plane is None:
        return {"global": settings}
    settings |= {"configCluster": True, **_remote_address(index, cluster.control_plane)}
    path = f"/inject/cluster/{index.cluster_name}/net/{cluster.network or ''}"
    return {"profile": "remote", "istiodRemote": {"injectionPath": path}, "global": settings}


def _remote_address(index: Index, name: str) -> JsonObject:
    owner = clusters_of(index).get(name)
    address = owner.east_west.address if owner is not None and owner.east_west is not None else None
    return {"remotePilotAddress": address} if address is not None else {}


def mesh_networks(index: Index) -> JsonObject:
    """MeshNetworks: the clusters of each network and the addresses of its gateways; only networks whose gateway asks for it."""
    networks: dict[str, tuple[list[JsonValue], list[JsonValue]]] = {}
    for name, cluster in clusters_of(index).items():
        door = cluster.east_west
        if cluster.network is not None and door is not None and door.mesh_networks:
            registries, gateways = networks.setdefault(cluster.network, ([], []))
            registries.append({"fromRegistry": name})
            gateways.append({"address": door.address, "port": door.port})
    return {
        network: {"endpoints": registries, "gateways": gateways} for network, (registries, gateways) in sorted(networks.items())
    }


def networks_of(index: Index) -> Networks:
    """Where the cluster that is compiled stands."""
    mesh, cluster, clusters = index.mesh, index.cluster, clusters_of(index)
    if mesh is None or cluster is None:
        return NO_NETWORKS
    return Networks(
        own=cluster.network or "",
        behind_gateways=frozenset(each.network for each in clusters.values() if each.network and each.east_west is not None),
        gateways=_gateways_of(index),
        other_clusters=tuple(name for name in clusters if name != index.cluster_name),
        origin=mesh.at("spec", "clusters"),
    )


def _gateways_of(index: Index) -> dict[str, tuple[NetworkGateway, ...]]:
    """The east-west gateways by network, where the Mesh says their address."""
    found: dict[str, tuple[NetworkGateway, ...]] = {}
    for each in clusters_of(index).values():
        if each.network and each.east_west is not None and each.east_west.address:
            found[each.network] = (*found.get(each.network, ()), NetworkGateway(each.east_west.address, each.east_west.port))
    return found


def gateway_values(index: Index) -> JsonObject:
    """The values of the Helm chart `gateway` for the east-west gateway's Pods; empty where the cluster has none.

    The chart's own `networkGateway` fixes the ports; these say the same, and the port that the Mesh says.
    """
    cluster = index.cluster
    door = cluster.east_west if cluster is not None else None
    if cluster is None or door is None:
        return {}
    labels: JsonObject = {"app": door.name, **door.selector}
    environment: JsonObject = {"ISTIO_META_ROUTER_MODE": "sni-dnat"}
    if cluster.network is not None:
        labels[NETWORK_LABEL] = cluster.network
        environment["ISTIO_META_REQUESTED_NETWORK_VIEW"] = cluster.network
    if door.port != EastWest().port:
        labels["networking.istio.io/gatewayPort"] = str(door.port)
    ports = [("status-port", 15021), ("tls", door.port)]
    if door.expose_istiod:
        ports += [("tls-istiod", ISTIOD_PORT), ("tls-webhook", WEBHOOK_PORT)]
    listed: list[JsonValue] = [{"name": name, "port": port, "targetPort": port} for name, port in ports]
    return {"name": door.name, "labels": labels, "env": environment, "service": {"ports": listed}}


# --- whether they fit together -----------------------------------------------------------------------------------------------
def check_clusters(index: Index, natives: Sequence[IstioObject[IstioStruct]], report: Report) -> None:
    """Reports clusters that cannot trust or reach each other."""
    mesh, clusters = index.mesh, clusters_of(index)
    if mesh is None or not clusters:
        return
    if len(clusters) > 1:
        _check_trust(mesh, clusters, report)
        _check_doors(index, natives, report)
    _check_control_planes(mesh, clusters, report)
    _check_networks(index, natives, report)
    _check_machines(index, report)


def _check_machines(index: Index, report: Report) -> None:
    """Machines on another network reach the cluster's istiod."""
    cluster = index.cluster
    if cluster is None or (cluster.east_west is not None and cluster.east_west.expose_istiod):
        return
    for group in _machines(index):
        network = group.model.template.network
        known = group.model.join is not None and group.model.join.control_plane is not None
        if network is not None and network != cluster.network and not known:
            message = f"the machines of `{group.model.name}` are on the network `{network}`, and nothing exposes istiod to it"
            hint = f"expose it: `clusters: {{{index.cluster_name}: {{eastWest: {{exposeIstiod: true, address: …}}}}}}`"
            report.append(codes.NO_WAY_TO_ISTIOD.at(group.at("spec", "template", "network"), message, help=hint))


def _machines(index: Index) -> list[IntentObject[VirtualMachines]]:
    return cast("list[IntentObject[VirtualMachines]]", index.by_kind.get("VirtualMachines", []))


def _check_trust(mesh: IntentObject[Mesh], clusters: Mapping[str, Cluster], report: Report) -> None:
    """What most clusters name is their root; the others are told."""
    roots = {name: cluster.ca.root for name, cluster in clusters.items() if cluster.ca is not None}
    if not roots:
        message = "no cluster says which root its certificates descend from, so each istiod makes its own"
        hint = "plug in an authority of one root: `ca: {root: <name>, secret: cacerts}` in each cluster"
        report.append(codes.NO_COMMON_ROOT.at(mesh.at("spec", "clusters"), message, help=hint))
        return
    ((root, _),) = Counter(roots.values()).most_common(1)
    others = ", ".join(f"`{name}`" for name, named in roots.items() if named == root)
    for name, cluster in clusters.items():
        if cluster.ca is None:
            message = f"cluster `{name}` has no authority of the root `{root}`, so its istiod makes a root of its own"
            hint = f"add `ca: {{root: {root}, secret: cacerts}}`"
            report.append(codes.NO_COMMON_ROOT.at(mesh.at("spec", "clusters", name), message, help=hint))
        elif cluster.ca.root != root:
            message = f"the root of cluster `{name}` is `{cluster.ca.root}`, and that of {others} is `{root}`"
            hint = "sign all authorities with one root"
            report.append(codes.NO_COMMON_ROOT.at(mesh.at("spec", "clusters", name, "ca"), message, help=hint))


def _check_doors(index: Index, natives: Sequence[IstioObject[IstioStruct]], report: Report) -> None:
    """The network of the cluster that is compiled has an east-west gateway where others are on another network."""
    mesh, cluster, clusters = index.mesh, index.cluster, clusters_of(index)
    if mesh is None or cluster is None or all(each.network == cluster.network for each in clusters.values()):
        return
    doors = [each for each in clusters.values() if each.network == cluster.network and each.east_west is not None]
    if (doors and cluster.network is not None) or _passes_on(index, natives):
        return
    message = f"cluster `{index.cluster_name}` is on the network `{cluster.network}`, and nothing lets other networks in"
    hint = "add `eastWest: {}`"
    if cluster.network is None:
        message, hint = f"cluster `{index.cluster_name}` names no network, and others do", "name its `network`"
    report.append(codes.NO_EAST_WEST_GATEWAY.at(mesh.at("spec", "clusters", index.cluster_name), message, help=hint))


def _passes_on(index: Index, natives: Sequence[IstioObject[IstioStruct]]) -> bool:
    """Whether some other Gateway of the tree is an east-west gateway."""
    specs = [native.spec for native in natives if isinstance(native.spec, istio.Gateway)]
    modes = {server.tls.mode for spec in specs for server in spec.servers or () if server.tls is not None}
    listeners = [listener for gateway in index.gateways.values() for listener in gateway.model.listeners or ()]
    written = {listener.tls.mode for listener in listeners if listener.tls is not None}
    return "AUTO_PASSTHROUGH" in modes or "autoPassthrough" in written


def _check_control_planes(mesh: IntentObject[Mesh], clusters: Mapping[str, Cluster], report: Report) -> None:
    for name, cluster in clusters.items():
        wanted = cluster.control_plane
        if wanted is None:
            continue
        place = mesh.at("spec", "clusters", name, "controlPlane")
        owner = clusters.get(wanted)
        if owner is None or wanted == name or owner.control_plane is not None:
            message = f"cluster `{name}` has its control plane in `{wanted}`, " + (
                "which the Mesh does not have" if owner is None else "which has none of its own"
            )
            having = [each for each, other in clusters.items() if other.control_plane is None]
            hint = did_you_mean(wanted, having) or f"clusters with a control plane: {', '.join(f'`{each}`' for each in having)}"
            report.append(codes.UNKNOWN_CLUSTER.at(place, message, help=hint))
        elif owner.east_west is None or not owner.east_west.expose_istiod:
            message = f"cluster `{name}` has its control plane in `{wanted}`, whose istiod nobody reaches from outside"
            hint = f"expose it: `clusters: {{{wanted}: {{eastWest: {{exposeIstiod: true, address: …}}}}}}`"
            report.append(codes.NO_WAY_TO_ISTIOD.at(place, message, help=hint))


def _check_networks(index: Index, natives: Sequence[IstioObject[IstioStruct]], report: Report) -> None:
    known = sorted({cluster.network for cluster in clusters_of(index).values() if cluster.network is not None})
    for network, title, place in _named_networks(index, natives):
        near = did_you_mean(network, known) if network not in known else ""
        if near:
            message = f"{title} is on the network `{network}`, which no cluster has"
            report.append(codes.NETWORK_NAME.at(place, message, help=near))


def _named_networks(index: Index, natives: Sequence[IstioObject[IstioStruct]]) -> Iterator[tuple[str, str, Origin]]:
    for group in _machines(index):
        if group.model.template.network is not None:
            yield group.model.template.network, group.spoken, group.at("spec", "template", "network")
        for position, machine in enumerate(group.model.addresses or ()):
            if machine.network is not None:
                yield machine.network, group.spoken, group.at("spec", "addresses", position, "network")
    for native in natives:
        if isinstance(native.spec, WorkloadEntry) and native.spec.network:
            yield native.spec.network, f"{native.kind} `{native.name}`", native.origin_of("spec", "network")
        elif isinstance(native.spec, WorkloadGroup) and native.spec.template.network:
            yield native.spec.template.network, f"{native.kind} `{native.name}`", native.origin_of("spec", "template", "network")
