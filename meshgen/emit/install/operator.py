"""The IstioOperator of an installation: what `istioctl install` reads. Its `values` are those of the Helm charts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meshgen.intent.mesh_install import InstalledService
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.lower.mesh.installation import service_ports
from meshgen.lower.mesh.installed import GatewayRelease, Installation

_WITHOUT_GATEWAYS: Final = ("minimal", "empty", "ambient", "remote", "openshift-ambient")
# Gateways that profiles install by themselves (`manifests/profiles` of Istio).
_OF_PROFILE: Final = {"ingress": "istio-ingressgateway", "egress": "istio-egressgateway"}


def istio_operator(installation: Installation) -> JsonObject:
    """The document."""
    install = installation.settings
    spec: JsonObject = {}
    if install is not None:
        spec = drop_none({
            "profile": install.profile,
            "hub": install.hub,
            "tag": install.tag or install.version,
            "namespace": installation.namespace,
            "revision": install.revision,
            "compatibilityVersion": install.compatibility_version,
        })
    components = _components(installation)
    spec |= drop_none({"meshConfig": installation.mesh_config or None, "components": components or None})
    values = {key: value for key, value in _merged(installation.values, installation.base).items() if key not in _OF_SPEC}
    if values:
        spec["values"] = values
    name = "istio" if install is None or install.revision is None else f"istio-{install.revision}"
    metadata: JsonObject = {"name": name, "namespace": installation.namespace}
    return {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "metadata": metadata, "spec": spec}


_OF_SPEC: Final = ("revision", "compatibilityVersion")
"""Values that IstioOperator has fields for."""


def _merged(value: JsonObject, more: JsonObject) -> JsonObject:
    """Both, the maps in them together: the charts share `global`."""
    found = dict(value)
    for key, item in more.items():
        held = found.get(key)
        found[key] = _merged(held, item) if isinstance(held, dict) and isinstance(item, dict) else item
    return found


def _components(installation: Installation) -> JsonObject:
    install = installation.settings
    if install is None:
        return {}
    found: JsonObject = {}
    if install.cni is not None:
        found["cni"] = {"enabled": install.cni}
    if install.ztunnel is not None:
        found["ztunnel"] = {"enabled": install.ztunnel}
    for kind, usual in _OF_PROFILE.items():
        gateways: list[JsonValue] = [_gateway(each) for each in installation.gateways if each.kind == kind]
        stands = (kind == "ingress" and install.profile not in _WITHOUT_GATEWAYS) or (
            kind == "egress" and install.profile == "demo"
        )
        if stands and install.gateways is not None and usual not in (each.name for each in installation.gateways):
            gateways.append({"name": usual, "enabled": False})
        if gateways:
            found[f"{kind}Gateways"] = gateways
    return found


def _gateway(release: GatewayRelease) -> JsonObject:
    settings = release.settings
    labels = dict(settings.labels or {})
    environment = dict(settings.environment or {})
    if settings.network is not None:
        labels["topology.istio.io/network"] = settings.network
        environment["ISTIO_META_REQUESTED_NETWORK_VIEW"] = settings.network
    service = settings.service
    kubernetes = drop_none({
        "replicaCount": settings.replicas if settings.autoscale is None else None,
        "hpaSpec": _scaling(release),
        "resources": release.values.get("resources"),
        "env": _environment(environment.items()),
        "nodeSelector": release.values.get("nodeSelector"),
        "serviceAnnotations": None if service is None or service.annotations is None else dict(service.annotations),
        "service": None
        if service is None
        else drop_none({
            "type": service.type,
            "ports": _ports(service),
            "loadBalancerIP": service.load_balancer_ip,
            "loadBalancerSourceRanges": None
            if service.load_balancer_source_ranges is None
            else list(service.load_balancer_source_ranges),
            "externalTrafficPolicy": service.external_traffic_policy,
        })
        or None,
    })
    return drop_none({
        "name": release.name,
        "enabled": True,
        "namespace": release.namespace,
        "label": dict[str, JsonValue](labels) or None,
        "k8s": kubernetes or None,
    })


def _ports(service: InstalledService) -> list[JsonValue] | None:
    """The ports of the Service. Istio's operator refuses target ports of root: they are moved up, as in its own profiles.

    Listeners follow: istiod finds a server's port among the Service's, and listens where that leads.
    """
    ports = service_ports(service)
    for port in ports or ():
        target = port["targetPort"] if isinstance(port, dict) else None
        if isinstance(port, dict) and isinstance(target, int) and target < _UNPRIVILEGED:
            port["targetPort"] = target + 8000
    return ports


_UNPRIVILEGED: Final = 1024


def _environment(variables: Iterable[tuple[str, str]]) -> list[JsonValue] | None:
    return [{"name": name, "value": value} for name, value in variables] or None


def _scaling(release: GatewayRelease) -> JsonObject | None:
    """The autoscaler of one gateway. It cannot be left out for one alone: then it may choose between one number of Pods."""
    scale = release.settings.autoscale
    if scale is None:
        return None
    if scale.enabled is False:
        wanted = release.settings.replicas or 1
        return {"minReplicas": wanted, "maxReplicas": wanted}
    metrics: list[JsonValue] | None = None
    if scale.cpu is not None:
        target: JsonObject = {"type": "Utilization", "averageUtilization": scale.cpu}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return drop_none({"minReplicas": scale.min, "maxReplicas": scale.max, "metrics": metrics})
