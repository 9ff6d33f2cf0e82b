"""The values of Istio's Helm charts `gateway` and `base`, which stand in no proto; those of `istiod` are `helm_values.py`'s.

Source: the charts' `values.yaml`, and `values.schema.json` of `gateway`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from meshgen.istio.struct import FreeForm, IstioStruct

Whole = Annotated[int, Meta(ge=0)]


class ChartPort(IstioStruct, frozen=True, kw_only=True, rename="camel"):
    """`service.ports[]` (chart `gateway`)."""

    name: str | None = None
    port: Whole | None = None
    target_port: int | str | None = None
    node_port: Whole | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] | None = None
    app_protocol: str | None = None


class ChartService(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={
        "cluster_ip": "clusterIP",
        "selector_labels": "selectorLabels",
        "load_balancer_ip": "loadBalancerIP",
        "load_balancer_source_ranges": "loadBalancerSourceRanges",
        "load_balancer_class": "loadBalancerClass",
        "external_traffic_policy": "externalTrafficPolicy",
        "health_check_node_port": "healthCheckNodePort",
        "external_ips": "externalIPs",
        "ip_family_policy": "ipFamilyPolicy",
        "ip_families": "ipFamilies",
    },
):
    """`service` (chart `gateway`)."""

    type: str | None = None
    cluster_ip: str | None = None
    selector_labels: dict[str, str] | None = None
    ports: tuple[ChartPort, ...] | None = None
    annotations: FreeForm | None = None
    load_balancer_ip: str | None = None
    load_balancer_source_ranges: tuple[str, ...] | None = None
    load_balancer_class: str | None = None
    external_traffic_policy: str | None = None
    health_check_node_port: Whole | None = None
    external_ips: tuple[str, ...] | None = None
    ip_family_policy: Literal["", "SingleStack", "PreferDualStack", "RequireDualStack"] | None = None
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] | None = None


class ChartAutoscaling(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={
        "min_replicas": "minReplicas",
        "max_replicas": "maxReplicas",
        "target_cpu": "targetCPUUtilizationPercentage",
        "target_memory": "targetMemoryUtilizationPercentage",
        "autoscale_behavior": "autoscaleBehavior",
    },
):
    """`autoscaling` (chart `gateway`)."""

    enabled: bool | None = None
    min_replicas: Whole | None = None
    max_replicas: Whole | None = None
    target_cpu: Whole | None = None
    target_memory: Any = None
    autoscale_behavior: FreeForm | None = None


class ChartResources(IstioStruct, frozen=True, kw_only=True):
    """`resources`: quantities by name."""

    limits: FreeForm | None = None
    requests: FreeForm | None = None


class GatewayChart(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={
        "default_revision": "defaultRevision",
        "replica_count": "replicaCount",
        "service_account": "serviceAccount",
        "pod_annotations": "podAnnotations",
        "security_context": "securityContext",
        "container_security_context": "containerSecurityContext",
        "env_var_from": "envVarFrom",
        "min_ready_seconds": "minReadySeconds",
        "readiness_probe": "readinessProbe",
        "node_selector": "nodeSelector",
        "topology_spread_constraints": "topologySpreadConstraints",
        "network_gateway": "networkGateway",
        "network_gateway_ports": "networkGatewayPorts",
        "image_pull_policy": "imagePullPolicy",
        "image_pull_secrets": "imagePullSecrets",
        "pod_disruption_budget": "podDisruptionBudget",
        "dns_policy": "dnsPolicy",
        "dns_config": "dnsConfig",
        "termination_grace_period_seconds": "terminationGracePeriodSeconds",
        "volume_mounts": "volumeMounts",
        "init_containers": "initContainers",
        "additional_containers": "additionalContainers",
        "priority_class_name": "priorityClassName",
        "run_as_root": "runAsRoot",
        "unprivileged_port": "unprivilegedPort",
        "compatibility_version": "compatibilityVersion",
        "global_": "global",
    },
):
    """The values of the chart `gateway`."""

    name: str | None = None
    revision: str | None = None
    default_revision: str | None = None
    replica_count: Whole | None = None
    kind: Literal["Deployment", "DaemonSet"] | None = None
    rbac: FreeForm | None = None
    service_account: FreeForm | None = None
    pod_annotations: FreeForm | None = None
    security_context: FreeForm | None = None
    container_security_context: FreeForm | None = None
    service: ChartService | None = None
    resources: ChartResources | None = None
    autoscaling: ChartAutoscaling | None = None
    env: FreeForm | None = None
    env_var_from: tuple[FreeForm, ...] | None = None
    strategy: FreeForm | None = None
    min_ready_seconds: Whole | None = None
    readiness_probe: FreeForm | None = None
    labels: FreeForm | None = None
    annotations: FreeForm | None = None
    node_selector: FreeForm | None = None
    tolerations: tuple[FreeForm, ...] | None = None
    topology_spread_constraints: tuple[FreeForm, ...] | None = None
    affinity: FreeForm | None = None
    network_gateway: str | None = None
    network_gateway_ports: FreeForm | None = None
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: tuple[FreeForm, ...] | None = None
    pod_disruption_budget: FreeForm | None = None
    dns_policy: str | None = None
    dns_config: FreeForm | None = None
    termination_grace_period_seconds: Whole | None = None
    volumes: tuple[FreeForm, ...] | None = None
    volume_mounts: tuple[FreeForm, ...] | None = None
    init_containers: tuple[FreeForm, ...] | None = None
    additional_containers: tuple[FreeForm, ...] | None = None
    priority_class_name: str | None = None
    lifecycle: FreeForm | None = None
    run_as_root: bool | None = None
    unprivileged_port: Literal["auto"] | bool | None = None
    compatibility_version: str | None = None
    profile: str | None = None
    platform: str | None = None
    enabled: bool | None = None
    pilot: FreeForm | None = None
    global_: FreeForm | None = None


class BaseChart(IstioStruct, frozen=True, kw_only=True, rename={"global_": "global", "default_revision": "defaultRevision"}):
    """The values of the chart `base`."""

    global_: FreeForm | None = None
    base: FreeForm | None = None
    default_revision: str | None = None
    experimental: FreeForm | None = None
    profile: str | None = None
    platform: str | None = None
