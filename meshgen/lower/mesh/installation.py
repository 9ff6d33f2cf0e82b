"""How Istio is installed, as values of its Helm charts. Charts and istioctl take one and the same tree of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.intent import mesh_install as intent
from meshgen.intent.gateway_deployment import Resources
from meshgen.intent.mesh_settings import Injection
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.lower.mesh.installed import CONTROL_PLANE, GatewayRelease, Installation
from meshgen.lower.mesh.said import given, label_selector, plain

if TYPE_CHECKING:
    from meshgen.diagnostics import Diagnostic
    from meshgen.intent.decode import IntentObject
    from meshgen.intent.mesh import Mesh

HELM_PROFILES = ("ambient", "demo", "preview", "remote", "stable")
"""Profiles that are values; the others of istioctl only say which components there are."""


def installation(mesh: IntentObject[Mesh], said: JsonObject, report: list[Diagnostic]) -> Installation:
    """The installation of a Mesh. Values that fit no chart are findings."""
    install, injection = mesh.model.install, mesh.model.injection
    if install is None and injection is None:
        return Installation(mesh_config=said)
    values = _values(install or intent.Install(), injection)
    if install is None:
        return Installation(mesh_config=said, values=values)
    if install.values:
        values = merge_patch(values, install.values)
    gateways = tuple(_gateway(name, gateway, install) for name, gateway in (install.gateways or {}).items())
    _check(mesh, install, values, gateways, report)
    return Installation(mesh_config=said, settings=install, values=values, base=_base(install), gateways=gateways)


def _check(
    mesh: IntentObject[Mesh],
    install: intent.Install,
    values: JsonObject,
    gateways: tuple[GatewayRelease, ...],
    report: list[Diagnostic],
) -> None:
    """Values of the user's own against the charts' types; ours fit."""
    given_values = [name for name, gateway in (install.gateways or {}).items() if gateway.values]
    if not (install.values or given_values):
        return
    from meshgen.istio.chart_values import gateway_findings, istiod_findings  # noqa: PLC0415 (types that few need)

    if install.values:
        report.extend(istiod_findings(values, mesh.at("spec", "install", "values")))
    for release in gateways:
        if release.name in given_values:
            report.extend(gateway_findings(release.values, mesh.at("spec", "install", "gateways", release.name, "values")))


def _values(install: intent.Install, injection: Injection | None) -> JsonObject:
    """Values of the chart `istiod`, without MeshConfig."""
    pilot = _pilot(install.istiod or intent.Istiod())
    if install.cni is not None:
        pilot["cni"] = {"enabled": install.cni}
    return given(
        **_of_all_charts(install),
        revision=install.revision,
        revisionTags=install.revision_tags,
        **{"global": _global(install) or None},
        pilot=pilot or None,
        sidecarInjectorWebhook=None if injection is None else _injection(injection) or None,
    )


def _of_all_charts(install: intent.Install) -> JsonObject:
    profile = install.profile
    return given(
        profile="ambient" if profile == "openshift-ambient" else profile if profile in HELM_PROFILES else None,
        compatibilityVersion=install.compatibility_version,
    )


def _platform(install: intent.Install) -> str | None:
    """Where Kubernetes runs; under `global` for istiod and base, where IstioOperator takes it as well."""
    profile = install.profile
    return "openshift" if profile is not None and profile.startswith("openshift") else install.platform


def _global(install: intent.Install) -> JsonObject:
    istiod = install.istiod
    return given(
        istioNamespace=install.namespace if install.namespace != CONTROL_PLANE else None,
        platform=_platform(install),
        hub=install.hub,
        tag=install.tag or install.version,
        variant=install.variant,
        imagePullPolicy=install.image_pull_policy,
        imagePullSecrets=install.image_pull_secrets,
        logAsJson=install.log_as_json,
        logging=None if istiod is None or istiod.log_level is None else {"level": istiod.log_level},
        proxy=None if install.sidecar is None else _sidecar(install.sidecar),
    )


def _sidecar(sidecar: intent.SidecarContainer) -> JsonObject:
    def joined(some: tuple[object, ...] | None) -> str | None:
        return None if some is None else ",".join(str(each) for each in some)

    return given(
        resources=_resources(sidecar.resources),
        logLevel=sidecar.log_level,
        componentLogLevel=sidecar.component_log_level,
        clusterDomain=sidecar.cluster_domain,
        includeIPRanges=joined(sidecar.include_ip_ranges),
        excludeIPRanges=joined(sidecar.exclude_ip_ranges),
        includeInboundPorts=joined(sidecar.include_inbound_ports),
        excludeInboundPorts=joined(sidecar.exclude_inbound_ports),
        includeOutboundPorts=joined(sidecar.include_outbound_ports),
        excludeOutboundPorts=joined(sidecar.exclude_outbound_ports),
        privileged=sidecar.privileged,
    )


def _resources(resources: Resources | None) -> JsonObject | None:
    return None if resources is None else given(requests=resources.requests, limits=resources.limits)


def _pilot(istiod: intent.Istiod) -> JsonObject:
    scale = istiod.autoscale or intent.Autoscale()
    return given(
        autoscaleEnabled=scale.enabled,
        autoscaleMin=scale.min,
        autoscaleMax=scale.max,
        cpu=None if scale.cpu is None else {"targetAverageUtilization": scale.cpu},
        replicaCount=istiod.replicas,
        resources=_resources(istiod.resources),
        nodeSelector=istiod.node_selector,
        podAnnotations=istiod.pod_annotations,
        env=_environment(istiod) or None,
    )


def _environment(istiod: intent.Istiod) -> JsonObject:
    """Variables of istiod, all as text."""
    tuning = istiod.tuning or intent.Tuning()
    filtered = None if tuning.gateway_clusters is None else tuning.gateway_clusters == "referenced"
    settings: dict[str, object] = {
        "PILOT_DEBOUNCE_AFTER": tuning.debounce,
        "PILOT_DEBOUNCE_MAX": tuning.debounce_max,
        "PILOT_ENABLE_EDS_DEBOUNCE": tuning.debounce_endpoints,
        "PILOT_PUSH_THROTTLE": tuning.push_throttle,
        "PILOT_MAX_REQUESTS_PER_SECOND": tuning.max_requests_per_second,
        "PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": filtered,
        "PILOT_SCOPE_GATEWAY_TO_NAMESPACE": tuning.gateways_of_namespace,
        "PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION": istiod.register_virtual_machines,
        "PILOT_ENABLE_WORKLOAD_ENTRY_HEALTHCHECKS": istiod.check_virtual_machines,
    }
    words = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in settings.items()
        if value is not None
    }
    return {**words, **(istiod.environment or {})}


def _injection(injection: Injection) -> JsonObject:
    def selectors(some: tuple[object, ...] | None) -> list[JsonObject] | None:
        return None if some is None else [label_selector(each) for each in some]  # type: ignore[arg-type]  # of Selectors

    return given(
        enableNamespacesByDefault=None if injection.namespaces is None else injection.namespaces == "all",
        neverInjectSelector=selectors(injection.never),
        alwaysInjectSelector=selectors(injection.always),
        rewriteAppHTTPProbe=injection.rewrite_probes,
        injectedAnnotations=injection.annotations,
        templates=injection.templates,
        defaultTemplates=injection.default_templates,
    )


def _base(install: intent.Install) -> JsonObject:
    """Values of the chart `base`: which revision validates what is applied, and where the control plane is."""
    default = (install.revision or "default") if install.default_revision else "" if install.default_revision is False else None
    namespace = None if install.namespace in {None, CONTROL_PLANE} else install.namespace
    common = {key: value for key, value in _of_all_charts(install).items() if key != "compatibilityVersion"}
    everywhere = given(istioNamespace=namespace, platform=_platform(install))
    return given(**common, defaultRevision=default, **{"global": everywhere or None})


def _gateway(name: str, gateway: intent.InstalledGateway, install: intent.Install) -> GatewayRelease:
    scale = gateway.autoscale
    values = given(
        **_of_all_charts(install),
        platform=_platform(install),
        revision=gateway.revision or install.revision,
        labels=gateway.labels,
        replicaCount=gateway.replicas,
        autoscaling=None
        if scale is None
        else given(enabled=scale.enabled, minReplicas=scale.min, maxReplicas=scale.max, targetCPUUtilizationPercentage=scale.cpu),
        resources=_resources(gateway.resources),
        service=None if gateway.service is None else _service(gateway.service),
        networkGateway=gateway.network,
        env=gateway.environment,
        nodeSelector=gateway.node_selector,
        imagePullPolicy=install.image_pull_policy,
        imagePullSecrets=None if install.image_pull_secrets is None else [{"name": each} for each in install.image_pull_secrets],
    )
    return GatewayRelease(
        name=name,
        kind=gateway.kind or "ingress",
        namespace=gateway.namespace or install.namespace or CONTROL_PLANE,
        settings=gateway,
        values=merge_patch(values, gateway.values) if gateway.values else values,
    )


def _service(service: intent.InstalledService) -> JsonObject:
    return given(
        type=service.type,
        ports=service_ports(service),
        annotations=service.annotations,
        loadBalancerIP=service.load_balancer_ip,
        loadBalancerSourceRanges=service.load_balancer_source_ranges,
        externalTrafficPolicy=service.external_traffic_policy,
    )


def service_ports(service: intent.InstalledService) -> list[JsonValue] | None:
    """The ports of a gateway's Service; Kubernetes wants the target's port in both forms."""
    if service.ports is None:
        return None
    return [
        {"name": each.name, "port": each.port, "protocol": each.protocol or "TCP", "targetPort": plain(each.target or each.port)}
        for each in service.ports
    ]
