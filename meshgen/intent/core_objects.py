"""The core Kubernetes objects that a Service gives on request."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from meshgen.intent.leaves import Count, Labels
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.json import JsonObject, JsonValue

_TRUE: JsonObject = {"const": True}


def _as_map(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    return {} if value is True else value


class CoreService(Model):
    """More about the core Service; its ports and selector are the intent's, `exportTo` becomes its annotation. Short: `true`."""

    SHORT_SCHEMA: ClassVar = _TRUE

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    headless: Literal[True] | None = None
    """Without an address of its own: clients know each Pod by itself (`clusterIP: None`)."""
    labels: Labels | None = None
    annotations: Labels | None = None
    traffic_distribution: str | None = None
    """Which endpoints are near: `PreferClose`, `PreferSameZone`, `PreferSameNode`."""
    internal_traffic_policy: Literal["Cluster", "Local"] | None = None
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    publish_not_ready_addresses: bool | None = None
    session_affinity: Literal["None", "ClientIP"] | None = None
    ip_families: Annotated[Many[Literal["IPv4", "IPv6"]], LIST] | None = None
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] | None = None
    health_check_node_port: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return _as_map(value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.headless and self.type not in {None, "ClusterIP"}:
            raise broken(f"a headless Service has no type `{self.type}`", kind="exclusive", at="type")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`true`, if nothing else is said."""
        return long or True


class CoreServiceAccount(Model):
    """More about the ServiceAccount, whose name is that of `workload.serviceAccount`. Short: `true`."""

    SHORT_SCHEMA: ClassVar = _TRUE

    labels: Labels | None = None
    annotations: Labels | None = None
    automount_token: bool | None = None
    """Kubernetes: `automountServiceAccountToken`."""
    image_pull_secrets: Annotated[Many[str], LIST] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return _as_map(value)

    def to_short(self, long: JsonObject) -> JsonValue:
        """`true`, if nothing else is said."""
        return long or True


class CoreObjects(Model):
    """Which core objects are given. Short: `true` is `{service: true}`."""

    SHORT_SCHEMA: ClassVar = _TRUE

    service: CoreService | None = None
    service_account: CoreServiceAccount | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"service": {}} if value is True else value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.service is None and self.service_account is None:
            raise broken("nothing is asked for", kind="missing", help="write `service: true` or `serviceAccount: true`")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`true`, if it is a Service about which nothing else is said."""
        return True if long in ({"service": {}}, {"service": True}) else long
