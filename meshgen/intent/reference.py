"""References to other intents: by name, or in Python by the object itself."""

import re
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ModelWrapValidatorHandler, WithJsonSchema, model_validator

from meshgen.intent.leaves import DnsLabel, Host, PortNumber, is_host
from meshgen.intent.model import Model, broken
from meshgen.istio.hosts import CLUSTER_DOMAIN
from meshgen.json import JsonObject, JsonValue

ANY_VERSION = "*"
"""The version of a destination that means all endpoints of a service, whatever the service's own routes say."""

_DESTINATION = re.compile(r"(?P<host>[^:@]*)(:(?P<port>[0-9]+))?(@(?P<version>[^:@]+))?")


def _is_intent(value: object, kind: str) -> bool:
    return type(value).__name__ == kind and hasattr(value, "namespace")


def _service_name(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    return f"{value.name}.{value.namespace}" if _is_intent(value, "Service") else value


def _routed_name(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    return value.hosts[0] if _is_intent(value, "ExternalService") else _service_name(value)


def _check_routed_name(text: str) -> str:
    return text if is_host(text) and "." in text else _check_service_name(text)


def _check_service_name(text: str) -> str:
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)?", text) is None:
        raise broken(f"`{text}` is not a service: write `name` or `name.namespace`", kind="value")
    return text


ServiceName: TypeAlias = Annotated[
    str,
    AfterValidator(_check_service_name),
    BeforeValidator(_service_name),
    WithJsonSchema({"type": "string", "description": "A Service: `name`, or `name.namespace` of another namespace."}),
]
"""A Service by `name` (of the same namespace) or `name.namespace`; in Python also the Service itself."""

RoutedName: TypeAlias = Annotated[
    str,
    AfterValidator(_check_routed_name),
    BeforeValidator(_routed_name),
    WithJsonSchema({"type": "string", "description": "A Service, `name` or `name.namespace`, or a host of an ExternalService."}),
]
"""A `ServiceName`, or a host of an ExternalService; in Python also the one or the other itself."""


def _gateway_name(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    return f"{value.namespace}/{value.name}" if _is_intent(value, "Gateway") else value


def _check_gateway_name(text: str) -> str:
    if re.fullmatch(r"([a-z0-9][-a-z0-9]*/)?[a-z0-9][-a-z0-9.]*", text) is None:
        raise broken(f"`{text}` is not a gateway: write `name`, `namespace/name` or `mesh`", kind="value")
    return text


GatewayName: TypeAlias = Annotated[
    str,
    AfterValidator(_check_gateway_name),
    BeforeValidator(_gateway_name),
    WithJsonSchema({"type": "string", "description": "A Gateway: `name`, `namespace/name`, or `mesh` for all sidecars."}),
]
"""A Gateway by `name` (of the same namespace) or `namespace/name`; `mesh`: all sidecars. In Python also the Gateway itself."""


def split_service(reference: str, namespace: str) -> tuple[str, str]:
    """Namespace and name that a `ServiceName` in `namespace` means; a host is a name without a namespace."""
    if reference.count(".") > 1:
        return "", reference
    name, _, other = reference.partition(".")
    return other or namespace, name


class Destination(Model):
    """Where requests go: a Service of the mesh, or any `host` that Istio knows, on a `port`, in a `version`.

    A host of an ExternalService stands for it as a Service's name does for the Service.

    A Service without a version means **the Service as it routes itself**: a Route that sends to it takes over the Service's own
    rules (header rules, canaries, timeouts) there, so that a gateway and the mesh treat a request alike. `version: "*"` means all
    of its endpoints whatever their version, Istio's plain host. A Service that has no rules of its own is the same in both.

    Short: `catalog`, `catalog.shop`, `catalog.shop:8080@v2`, `catalog@*`; a name with more dots is a host. Inside a Service's own
    routes a bare name is one of its versions (`v2`), and `{service: …}` names another service.
    """

    SHORT_SCHEMA: ClassVar = {
        "type": "string",
        "description": "`catalog`, `catalog.shop:8080@v2`; inside a Service a bare name is one of its versions.",
    }

    service: DnsLabel | None = None
    """Name of a Service; absent inside of a Service's own routes, where it is that Service."""
    namespace: DnsLabel | None = None
    """The Service's namespace; the intent's own where absent."""
    host: Host | None = None
    """Any host of Istio's registry, instead of a Service."""
    port: PortNumber | None = None
    """The port; where absent, the service's only port or the one on which the request came."""
    version: str | None = None
    """A version of the Service (a subset in Istio), or `*` for all."""

    @model_validator(mode="wrap")
    @classmethod
    def _expand(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str | Weight):
            text, rest = (value, {}) if isinstance(value, str) else (value.text, {"weight": value.weight})
            long = destination_from_text(text)
            destination = handler({**long, **rest})
            if set(long) == {"service"}:
                destination.__dict__["__bare__"] = text
            return destination
        return handler(from_service(value))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.host is not None and (self.service is not None or self.namespace is not None):
            raise broken("a destination has a `service` or a `host`, not both", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`catalog.shop:8080@v2`, where the long form has nothing that the text cannot say."""
        if self.__dict__.get("__own__") and set(long) == {"service"}:
            return long  # a bare name would be a version here
        return self.bare if self.bare and len(long) == 1 else destination_to_text(long)

    @property
    def bare(self) -> str:
        """The name, if that is all that was written; its context decides what it is."""
        return str(self.__dict__.get("__bare__", ""))

    def as_version(self) -> Self:
        """The same inside of a Service's own routes, where a bare name is a version."""
        if self.bare and self.service is not None:
            values = {"service": None, "version": self.bare}
            copy = self.model_copy(update=values)
            copy.__pydantic_fields_set__.discard("service")
            return copy
        self.__dict__["__own__"] = True
        if self.version is not None and (self.service, self.namespace, self.host, self.port) == (None, None, None, None):
            self.__dict__["__bare__"] = self.version
        return self


class Weight(NamedTuple):
    """An entry of a split's short form, `{v1: 90}`."""

    text: str
    weight: object


def destination_from_text(text: str) -> dict[str, Any]:
    """The long form of a destination, with the bare name kept under `""` for the context to read."""
    parts = _DESTINATION.fullmatch(text)
    if parts is None or not text:
        raise broken(
            f"`{text}` is not a destination", help="write `catalog`, `catalog.shop:8080@v2`, or `v2` in a Service", kind="value"
        )
    long: dict[str, Any] = dict(_host_parts(parts["host"]))
    if parts["port"]:
        long["port"] = int(parts["port"])
    if parts["version"]:
        long["version"] = parts["version"]
    return long


def _host_parts(host: str) -> dict[str, str]:
    if not host:
        return {}
    labels = host.removesuffix(f".{CLUSTER_DOMAIN}").removesuffix(".svc").split(".")
    if len(labels) > 2 or "*" in host:
        return {"host": host}
    return dict(zip(("service", "namespace"), labels, strict=False))


def from_service(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """A Service object, or an ExternalService by its first host, as a reference to it; anything else as it is."""
    if _is_intent(value, "ExternalService"):
        return {"host": value.hosts[0]}
    return {"service": value.name, "namespace": value.namespace} if _is_intent(value, "Service") else value


def destination_to_text(long: JsonObject) -> JsonValue:
    """The short form of a destination, or the long form where there is none."""
    if not set(long) <= {"service", "namespace", "host", "port", "version"} or ("namespace" in long and "service" not in long):
        return long
    if set(long) == {"version"} and str(long["version"]) != ANY_VERSION:
        return f"@{long['version']}"
    text = str(long.get("host", long.get("service", "")))
    text += f".{long['namespace']}" if "namespace" in long else ""
    text += f":{long['port']}" if "port" in long else ""
    text += f"@{long['version']}" if "version" in long else ""
    return text if text and destination_from_text(text) == long else long
