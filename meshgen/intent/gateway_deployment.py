"""The Pods of a gateway on request: what Kubernetes objects run them, with the proxy that istiod injects."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meshgen.intent.leaves import Count, DnsLabel, Labels, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.json import JsonObject, JsonValue

Whole = Annotated[int, Field(ge=1, le=100)]
ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
IpFamilyPolicy = Literal["SingleStack", "PreferDualStack", "RequireDualStack"]


class GatewayPort(Model):
    """A port of the gateway's core Service. Short: the number, for a port besides those of the listeners."""

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 1, "maximum": 65535}

    port: PortNumber
    name: DnsLabel | None = None
    """The listener's protocol and the number where absent, `https-443`; `tcp-…` where no listener has it."""
    target_port: PortNumber | None = None
    node_port: PortNumber | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"port": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The number, if it stands alone."""
        return long["port"] if len(long) == 1 else long


class GatewayService(Model):
    """The core Service in front of the gateway's Pods. Short: its type.

    Its ports are those of the listeners of all Gateways that these Pods serve, and of what goes `through` it, besides 15021, the
    proxy's own health.
    """

    SHORT_SCHEMA: ClassVar = {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}

    type: ServiceType = "LoadBalancer"
    ports: Annotated[Many[GatewayPort], LIST] | None = None
    """Ports that no listener has, or more about one that a listener has: its name, `targetPort`, `nodePort`."""
    labels: Labels | None = None
    annotations: Labels | None = None
    load_balancer_class: str | None = None
    load_balancer_ip: str | None = None
    load_balancer_source_ranges: Annotated[Many[str], LIST] | None = None
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    """`Local` keeps the client's address."""
    external_ips: Annotated[Many[str], LIST] | None = None
    ip_families: Annotated[Many[Literal["IPv4", "IPv6"]], LIST] | None = None
    ip_family_policy: IpFamilyPolicy | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"type": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The type, if it stands alone."""
        return long["type"] if set(long) == {"type"} else long


class Autoscaling(Model):
    """How many Pods there are, by their load (a HorizontalPodAutoscaler)."""

    min: Annotated[int, Field(ge=1)]
    max: Annotated[int, Field(ge=1)]
    cpu: Whole | None = None
    """Percent of the requested CPU that is aimed at; 80 where neither this nor `memory` is given, as in Istio's chart."""
    memory: Whole | None = None

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.max < self.min:
            raise broken(f"`max: {self.max}` is less than `min: {self.min}`", kind="value", at="max")
        return self


class DisruptionBudget(Model):
    """How many Pods stay while nodes are drained (a PodDisruptionBudget). Short: the number that must be available."""

    SHORT_SCHEMA: ClassVar = {"type": ["integer", "string"]}

    min_available: int | str | None = None
    """A number, or a share, `50%`."""
    max_unavailable: int | str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"minAvailable": value} if isinstance(value, int | str) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.min_available is None) == (self.max_unavailable is None):
            raise broken("a disruption budget has a `minAvailable` or a `maxUnavailable`", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """What must be available, if it stands alone."""
        return long["minAvailable"] if set(long) == {"minAvailable"} else long


class Resources(Model):
    """What the proxy's container asks for and may use at most, as `{cpu: 100m, memory: 128Mi}`."""

    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class GatewayDeployment(Model):
    """A Deployment whose proxy istiod injects, its Service, its ServiceAccount, and the right to read the namespace's Secrets.

    Short: `true`. All stands in the namespace of the gateway's workload under the gateway's name.
    """

    SHORT_SCHEMA: ClassVar = {"const": True}

    replicas: Count | None = None
    """One where absent; with `autoscaling` that decides."""
    service: GatewayService | None = None
    autoscaling: Autoscaling | None = None
    disruption_budget: DisruptionBudget | None = None
    revision: DnsLabel | None = None
    """The revision of istiod that injects (label `istio.io/rev`)."""
    labels: Labels | None = None
    """Of the Pods, besides the workload's selector."""
    annotations: Labels | None = None
    """Of the Pods, besides the injection's."""
    resources: Resources | None = None
    environment: dict[str, str] | None = None
    """Variables of the proxy's container."""
    privileged_ports: bool = True
    """Whether the Pods may listen below 1024 without root, by a sysctl, as Istio's documentation has it."""
    read_secrets: bool = True
    """Whether the account may read Secrets of its namespace, for the listeners' certificates (a Role and a RoleBinding)."""
    service_account_annotations: Labels | None = None
    node_selector: Labels | None = None
    tolerations: Many[dict[str, Any]] | None = None
    affinity: dict[str, Any] | None = None
    topology_spread: Many[dict[str, Any]] | None = None
    """Kubernetes: `topologySpreadConstraints`."""
    priority_class: str | None = None
    termination_grace_period_seconds: Count | None = None
    image_pull_secrets: Annotated[Many[str], LIST] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {} if value is True else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.autoscaling is not None and self.replicas is not None:
            raise broken("`autoscaling` decides how many `replicas` there are", kind="exclusive", at="replicas")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`true`, if nothing else is said."""
        return long or True
