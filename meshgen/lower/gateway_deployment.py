"""The Pods of a gateway: Deployment, Service, ServiceAccount, the right to read Secrets, and how many there are.

Follows istio.io, "Installing Gateways": a Deployment with the image `auto`, which istiod's injection template `gateway` fills in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshgen.intent.decode import IntentObject
from meshgen.intent.gateway import Gateway
from meshgen.intent.gateway_deployment import Autoscaling, DisruptionBudget, GatewayDeployment, GatewayPort, GatewayService
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.lower.gateway import protocol_of
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make_other

STATUS_PORT = 15021
"""Where the proxy tells its health."""

_PROXY_USER = 1337


def gateway_deployments(index: Index) -> Iterator[Made]:
    """The objects of all Gateways that ask for them."""
    for gateway in index.of(Gateway):
        if gateway.model.deploy is not None:
            yield from _objects(_Deployed(gateway, gateway.model.deploy, index))


@dataclass(frozen=True)
class _Deployed:
    """A gateway and what it asks for."""

    gateway: IntentObject[Gateway]
    wanted: GatewayDeployment
    index: Index

    def make(
        self,
        api_version: str,
        kind: str,
        content: Mapping[str, JsonValue],
        *,
        suffix: str = "",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Made:
        """One of the objects, in the namespace of the Pods."""
        model = self.gateway.model
        return make_other(
            self.gateway,
            api_version,
            kind,
            content,
            name=f"{model.name}{suffix}" if kind != "ServiceAccount" else model.service_account,
            namespace=model.workload_namespace,
            labels=labels,
            annotations=annotations,
            origin=self.gateway.at("spec", "deploy"),
        )


def _objects(deployed: _Deployed) -> Iterator[Made]:
    model, wanted = deployed.gateway.model, deployed.wanted
    yield deployed.make("v1", "ServiceAccount", {}, annotations=wanted.service_account_annotations)
    if wanted.read_secrets:
        yield from _secrets(deployed)
    yield deployed.make("apps/v1", "Deployment", {"spec": _deployment(model, wanted)}, labels=model.selector)
    service = wanted.service or GatewayService()
    yield deployed.make(
        "v1", "Service", {"spec": _service(deployed, service)}, labels=service.labels, annotations=service.annotations
    )
    if wanted.autoscaling is not None:
        spec = _autoscaling(model, wanted.autoscaling)
        yield deployed.make("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": spec})
    if wanted.disruption_budget is not None:
        spec = _disruption_budget(model, wanted.disruption_budget)
        yield deployed.make("policy/v1", "PodDisruptionBudget", {"spec": spec})


def _secrets(deployed: _Deployed) -> Iterator[Made]:
    model = deployed.gateway.model
    group = "rbac.authorization.k8s.io"
    rule: JsonObject = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    yield deployed.make(f"{group}/v1", "Role", {"rules": [rule]}, suffix="-sds")
    account: JsonObject = {"kind": "ServiceAccount", "name": model.service_account}
    role: JsonObject = {"apiGroup": group, "kind": "Role", "name": f"{model.name}-sds"}
    yield deployed.make(f"{group}/v1", "RoleBinding", {"roleRef": role, "subjects": [account]}, suffix="-sds")


def _deployment(model: Gateway, wanted: GatewayDeployment) -> JsonObject:
    inject = {"sidecar.istio.io/inject": "true"}
    revision = {"istio.io/rev": wanted.revision} if wanted.revision is not None else {}
    labels = {**model.selector, **inject, **revision, **(wanted.labels or {})}
    annotations = {"inject.istio.io/templates": "gateway", **(wanted.annotations or {})}
    return drop_none({
        "replicas": wanted.replicas,
        "selector": {"matchLabels": _texts(model.selector)},
        "template": {
            "metadata": {"labels": _texts(labels), "annotations": _texts(annotations)},
            "spec": _pod(model, wanted),
        },
    })


def _pod(model: Gateway, wanted: GatewayDeployment) -> JsonObject:
    sysctl: JsonObject = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    resources = wanted.resources
    container: JsonObject = drop_none({
        "name": "istio-proxy",
        "image": "auto",
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsUser": _PROXY_USER, "runAsGroup": _PROXY_USER},
        "env": None
        if wanted.environment is None
        else [{"name": name, "value": value} for name, value in sorted(wanted.environment.items())],
        "resources": None
        if resources is None
        else drop_none({
            "requests": None if resources.requests is None else _texts(resources.requests),
            "limits": None if resources.limits is None else _texts(resources.limits),
        }),
    })
    return drop_none({
        "serviceAccountName": model.service_account,
        "securityContext": {"sysctls": [sysctl]} if wanted.privileged_ports else None,
        "containers": [container],
        "nodeSelector": None if wanted.node_selector is None else _texts(wanted.node_selector),
        "tolerations": None if wanted.tolerations is None else list(wanted.tolerations),
        "affinity": wanted.affinity,
        "topologySpreadConstraints": None if wanted.topology_spread is None else list(wanted.topology_spread),
        "priorityClassName": wanted.priority_class,
        "terminationGracePeriodSeconds": wanted.termination_grace_period_seconds,
        "imagePullSecrets": None if wanted.image_pull_secrets is None else [{"name": name} for name in wanted.image_pull_secrets],
    })


def _texts(values: Mapping[str, str]) -> JsonObject:
    return dict[str, JsonValue](values)


def _service(deployed: _Deployed, service: GatewayService) -> JsonObject:
    return drop_none({
        "type": service.type,
        "selector": _texts(deployed.gateway.model.selector),
        "ports": list[JsonValue](_ports(deployed, service)),
        "loadBalancerClass": service.load_balancer_class,
        "loadBalancerIP": service.load_balancer_ip,
        "loadBalancerSourceRanges": _list(service.load_balancer_source_ranges),
        "externalTrafficPolicy": service.external_traffic_policy,
        "externalIPs": _list(service.external_ips),
        "ipFamilies": _list(service.ip_families),
        "ipFamilyPolicy": service.ip_family_policy,
    })


def _list(values: tuple[str, ...] | None) -> list[JsonValue] | None:
    return None if values is None else list(values)


def _ports(deployed: _Deployed, service: GatewayService) -> Iterator[JsonObject]:
    """The proxy's own port, then those of the listeners and those that the Service adds, by number."""
    names = {STATUS_PORT: "status-port", **_listened(deployed)}
    said = {port.port: port for port in service.ports or ()}
    for number in sorted(names.keys() | said.keys(), key=lambda number: (number != STATUS_PORT, number)):
        port = said.get(number) or GatewayPort(port=number)
        yield drop_none({
            "name": port.name or names.get(number) or f"tcp-{number}",
            "port": number,
            "targetPort": port.target_port or number,
            "nodePort": port.node_port,
        })


def _listened(deployed: _Deployed) -> dict[int, str]:
    """The ports of all Gateways that these Pods serve, and of what goes through them, with names for them."""
    model = deployed.gateway.model
    pods = {**model.selector, **(deployed.wanted.labels or {})}.items()
    found: dict[int, str] = {}
    for gateway in deployed.index.of(Gateway):
        if gateway.model.selector.items() <= pods:
            for listener in gateway.model.listeners or ():
                found.setdefault(listener.port, f"{protocol_of(listener).lower()}-{listener.port}")
    for way in deployed.index.ways.values():
        if way.gateway is deployed.gateway:
            for port in way.owner.model.ports or ():
                found.setdefault(port.port, f"tls-{port.port}")
    return found


def _target(model: Gateway) -> JsonObject:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": model.name}


def _autoscaling(model: Gateway, wanted: Autoscaling) -> JsonObject:
    cpu = 80 if wanted.cpu is None and wanted.memory is None else wanted.cpu
    metrics: list[JsonValue] = [
        {"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": share}}}
        for name, share in (("cpu", cpu), ("memory", wanted.memory))
        if share is not None
    ]
    return {"scaleTargetRef": _target(model), "minReplicas": wanted.min, "maxReplicas": wanted.max, "metrics": metrics}


def _disruption_budget(model: Gateway, wanted: DisruptionBudget) -> JsonObject:
    return drop_none({
        "minAvailable": wanted.min_available,
        "maxUnavailable": wanted.max_unavailable,
        "selector": {"matchLabels": _texts(model.selector)},
    })
