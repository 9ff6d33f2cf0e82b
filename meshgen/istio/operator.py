"""IstioOperator (install.istio.io/v1alpha1): the file that `istioctl install` reads. No cluster has its kind any more.

Source: Istio, `operator/pkg/apis/types.go`. `values` are those of the Helm charts, `meshConfig` is MeshConfig; both are free here
and have types of their own. What Kubernetes defines (affinity, probes …) is free, too.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from meshgen.istio.struct import FreeForm, IstioStruct

API_VERSION = "install.istio.io/v1alpha1"
PROFILES = ("default", "demo", "minimal", "empty", "ambient", "preview", "remote", "stable", "openshift", "openshift-ambient")


class OverlayPatch(IstioStruct, frozen=True, kw_only=True):
    """`k8s.overlays[].patches[]`."""

    path: str | None = None
    value: Any = None


class Overlay(IstioStruct, frozen=True, kw_only=True, rename={"api_version": "apiVersion"}):
    """`k8s.overlays[]`: patches on an object that istioctl renders."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    patches: tuple[OverlayPatch, ...] | None = None


class KubernetesResources(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={
        "hpa_spec": "hpaSpec",
        "image_pull_policy": "imagePullPolicy",
        "node_selector": "nodeSelector",
        "pod_disruption_budget": "podDisruptionBudget",
        "pod_annotations": "podAnnotations",
        "priority_class_name": "priorityClassName",
        "readiness_probe": "readinessProbe",
        "replica_count": "replicaCount",
        "service_annotations": "serviceAnnotations",
        "security_context": "securityContext",
        "volume_mounts": "volumeMounts",
    },
):
    """`k8s` of a component."""

    affinity: FreeForm | None = None
    env: tuple[FreeForm, ...] | None = None
    hpa_spec: FreeForm | None = None
    image_pull_policy: str | None = None
    node_selector: dict[str, str] | None = None
    pod_disruption_budget: FreeForm | None = None
    pod_annotations: dict[str, str] | None = None
    priority_class_name: str | None = None
    readiness_probe: FreeForm | None = None
    replica_count: Annotated[int, Meta(ge=0)] | None = None
    resources: FreeForm | None = None
    service: FreeForm | None = None
    strategy: FreeForm | None = None
    tolerations: tuple[FreeForm, ...] | None = None
    service_annotations: dict[str, str] | None = None
    security_context: FreeForm | None = None
    volumes: tuple[FreeForm, ...] | None = None
    volume_mounts: tuple[FreeForm, ...] | None = None
    overlays: tuple[Overlay, ...] | None = None


class BaseComponent(IstioStruct, frozen=True, kw_only=True):
    """`components.base`."""

    enabled: bool | None = None
    k8s: KubernetesResources | None = None


class Component(BaseComponent, frozen=True, kw_only=True):
    """One component."""

    namespace: str | None = None
    hub: str | None = None
    tag: str | int | float | None = None


class GatewayComponent(Component, frozen=True, kw_only=True):
    """One of `components.ingressGateways` and `components.egressGateways`."""

    name: str | None = None
    label: dict[str, str] | None = None


class Components(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={"istiod_remote": "istiodRemote", "ingress_gateways": "ingressGateways", "egress_gateways": "egressGateways"},
):
    """`components`."""

    base: BaseComponent | None = None
    pilot: Component | None = None
    cni: Component | None = None
    ztunnel: Component | None = None
    istiod_remote: Component | None = None
    ingress_gateways: tuple[GatewayComponent, ...] | None = None
    egress_gateways: tuple[GatewayComponent, ...] | None = None


class IstioOperator(
    IstioStruct,
    frozen=True,
    kw_only=True,
    rename={
        "install_package_path": "installPackagePath",
        "compatibility_version": "compatibilityVersion",
        "mesh_config": "meshConfig",
        "unvalidated_values": "unvalidatedValues",
    },
):
    """The `spec`."""

    profile: str | None = None
    install_package_path: str | None = None
    hub: str | None = None
    tag: str | int | float | None = None
    namespace: str | None = None
    revision: str | None = None
    compatibility_version: str | None = None
    mesh_config: FreeForm | None = None
    components: Components | None = None
    values: FreeForm | None = None
    unvalidated_values: FreeForm | None = None
