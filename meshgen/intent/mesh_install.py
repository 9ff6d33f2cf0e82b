"""How Istio is installed: profile, version, istiod, gateways. Gives Helm values, an IstioOperator and a runbook."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.gateway_deployment import Resources
from meshgen.intent.leaves import Count, DnsLabel, Duration, Labels, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.json import JsonObject, JsonValue

Profile = Literal[
    "default", "demo", "minimal", "empty", "ambient", "preview", "remote", "stable", "openshift", "openshift-ambient"
]


class Autoscale(Model):
    """A HorizontalPodAutoscaler. Short: `false`."""

    SHORT_SCHEMA: ClassVar = {"enum": [False], "description": "The number of Pods does not change by itself."}

    enabled: bool | None = None
    min: Annotated[int, Field(ge=1)] | None = None
    max: Annotated[int, Field(ge=1)] | None = None
    cpu: Annotated[int, Field(ge=1, le=100)] | None = None
    """Percent of the CPU at which it scales."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"enabled": False} if value is False else value

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise broken(f"`min` is {self.min}, more than `max`, {self.max}", kind="value")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`false`, if it says nothing else."""
        return False if long == {"enabled": False} else long


class Tuning(Model):
    """How istiod gathers events and sends configuration. Each is a variable of its environment."""

    debounce: Duration | None = None
    """The quiet that it waits for before it pushes; 100 ms where absent (`PILOT_DEBOUNCE_AFTER`)."""
    debounce_max: Duration | None = None
    """The longest that events are gathered; 10 s where absent (`PILOT_DEBOUNCE_MAX`)."""
    debounce_endpoints: bool | None = None
    """Changes of endpoints wait, too; on where absent (`PILOT_ENABLE_EDS_DEBOUNCE`)."""
    push_throttle: Count | None = None
    """Pushes at a time; by the size of the machine where absent (`PILOT_PUSH_THROTTLE`)."""
    max_requests_per_second: Count | None = None
    """Requests of proxies for configuration (`PILOT_MAX_REQUESTS_PER_SECOND`)."""
    gateway_clusters: Literal["all", "referenced"] | None = None
    """`referenced`: gateways get only the clusters that their routes name (`PILOT_FILTER_GATEWAY_CLUSTER_CONFIG`)."""
    gateways_of_namespace: bool | None = None
    """A gateway takes Gateway objects of its own namespace only (`PILOT_SCOPE_GATEWAY_TO_NAMESPACE`)."""


class Istiod(Model):
    """The control plane."""

    replicas: Annotated[int, Field(ge=1)] | None = None
    autoscale: Autoscale | None = None
    resources: Resources | None = None
    tuning: Tuning | None = None
    register_virtual_machines: bool | None = None
    """A virtual machine that connects gets its WorkloadEntry (`PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION`)."""
    check_virtual_machines: bool | None = None
    """Virtual machines are health checked (`PILOT_ENABLE_WORKLOAD_ENTRY_HEALTHCHECKS`)."""
    environment: dict[str, str] | None = None
    """Other variables of istiod's environment."""
    log_level: str | None = None
    """`default:info`, or by scope: `ads:debug`."""
    node_selector: Labels | None = None
    pod_annotations: Labels | None = None

    @model_validator(mode="after")
    def _scaled_once(self) -> Self:
        if self.replicas is not None and (self.autoscale is None or self.autoscale.enabled is not False):
            message = "`replicas` says nothing while istiod scales by itself"
            raise broken(message, help="add `autoscale: false`, or write `autoscale: {min: …}`", at="replicas")
        return self


class SidecarContainer(Model):
    """The proxy's container in injected Pods (`global.proxy`)."""

    resources: Resources | None = None
    log_level: Literal["trace", "debug", "info", "warning", "error", "critical", "off"] | None = None
    component_log_level: str | None = None
    cluster_domain: str | None = None
    """`cluster.local` where absent."""
    include_ip_ranges: Annotated[Many[str], LIST] | None = None
    exclude_ip_ranges: Annotated[Many[str], LIST] | None = None
    include_inbound_ports: Annotated[Many[PortNumber], LIST] | None = None
    exclude_inbound_ports: Annotated[Many[PortNumber], LIST] | None = None
    include_outbound_ports: Annotated[Many[PortNumber], LIST] | None = None
    exclude_outbound_ports: Annotated[Many[PortNumber], LIST] | None = None
    privileged: bool | None = None


class InstalledPort(Model):
    """A port of a gateway's Service. Short: the number."""

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 1, "maximum": 65535}

    name: DnsLabel
    port: PortNumber
    target: PortNumber | None = None
    """The port of the Pod; the same where absent."""
    protocol: Literal["TCP", "UDP"] | None = None

    COMPLETED: ClassVar[tuple[str, ...]] = ("name",)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = {"port": value}
        if isinstance(value, dict) and "name" not in value and isinstance(value.get("port"), int):
            names = {80: "http2", 443: "https", 15021: "status-port", 15443: "tls"}
            value = {"name": names.get(value["port"], f"tcp-{value['port']}"), **value}
        return value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The number, if the name follows from it."""
        port = long.get("port")
        alone = set(long) == {"name", "port"} and type(self).model_validate({"port": port}).name == self.name
        return port if alone else long


class InstalledService(Model):
    """The Service of a gateway."""

    type: Literal["LoadBalancer", "NodePort", "ClusterIP"] | None = None
    ports: Many[InstalledPort] | None = None
    annotations: Labels | None = None
    load_balancer_ip: str | None = None
    load_balancer_source_ranges: Many[str] | None = None
    external_traffic_policy: Literal["Cluster", "Local"] | None = None


class InstalledGateway(Model):
    """A gateway's Deployment and Service, from Istio's chart `gateway`.

    Its Pods have the label `istio` with its name (without `istio-` in front), where `labels` says no other.
    """

    kind: Literal["ingress", "egress"] | None = None
    """`ingress` where absent; decides which list of an IstioOperator it stands in."""
    namespace: DnsLabel | None = None
    """The control plane's where absent."""
    labels: Labels | None = None
    replicas: Annotated[int, Field(ge=1)] | None = None
    autoscale: Autoscale | None = None
    resources: Resources | None = None
    service: InstalledService | None = None
    network: str | None = None
    """The network that it is the door of (`networkGateway`, east-west gateways)."""
    revision: str | None = None
    """The revision of istiod that configures it; the mesh's where absent."""
    environment: dict[str, str] | None = None
    node_selector: Labels | None = None
    values: dict[str, Any] | None = None
    """Other values of the chart `gateway`, merged at the end."""


class Install(Model):
    """How Istio is installed. Gives Helm values of each chart, an IstioOperator of the same meaning, and a runbook."""

    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?([-.][-.A-Za-z0-9]+)?$")] | None = None
    """Istio's release, `1.30.2`: of charts and images (`tag`)."""
    tag: str | None = None
    """The images' tag where it is not the version."""
    hub: str | None = None
    """The registry of images."""
    variant: Literal["debug", "distroless"] | None = None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: Many[str] | None = None
    """Names of Secrets."""
    profile: Profile | None = None
    platform: Literal["gke", "k3d", "k3s", "microk8s", "minikube", "openshift"] | None = None
    compatibility_version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+$")] | None = None
    """Behave as this older release where defaults have changed since."""
    namespace: DnsLabel | None = None
    """`istio-system` where absent."""
    revision: DnsLabel | None = None
    """The control plane's revision, for upgrades side by side."""
    revision_tags: Many[DnsLabel] | None = None
    """Names that stand for this revision, such as `prod`."""
    default_revision: bool | None = None
    """This revision validates configuration, and injects where a namespace names no revision."""
    istiod: Istiod | None = None
    sidecar: SidecarContainer | None = None
    gateways: dict[DnsLabel, InstalledGateway] | None = None
    """Gateways by name; none but these are installed."""
    cni: bool | None = None
    """Istio's CNI plugin redirects traffic, so that Pods need no privileged init container."""
    ztunnel: bool | None = None
    """The node proxy of ambient mode."""
    log_as_json: bool | None = None
    values: dict[str, Any] | None = None
    """Other values of Istio's charts, merged at the end: `{pilot: {taint: {enabled: true}}}`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "meshConfig" in (self.values or {}):
            raise broken("`values` has a `meshConfig`", help="write it under the Mesh's `config`", at="values", kind="exclusive")
        if self.revision == "default":
            raise broken("`default` is the revision that has no name", help="leave `revision` out", at="revision", kind="value")
        return self
