"""Service: ports, workload, versions, how clients treat it, how its own requests are routed, whom it calls."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, model_validator

from meshgen.intent.core_objects import CoreObjects
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Host, Labels, PortNumber
from meshgen.intent.mesh_proxy import WorkloadProxy
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import destination_from_text, destination_to_text, from_service
from meshgen.intent.rule import Rule, TcpRule, TlsRule, in_service
from meshgen.intent.shorts import LIST
from meshgen.intent.sidecar import SidecarSettings
from meshgen.intent.traffic import Traffic
from meshgen.json import JsonObject, JsonValue
from meshgen.values import Protocol, is_ip, parse_protocol, protocol_of_port

WELL_KNOWN_PORTS = {80: "http", 443: "https", 3306: "mysql", 6379: "redis", 27017: "mongo"}
"""Names of ports given by number alone; every other number is HTTP, `http-8080`."""


class Port(Model):
    """A port of a service.

    Short: the number. `80` is `{name: http, port: 80, protocol: HTTP}`, 443 HTTPS, 3306 MySQL, 6379 Redis, 27017 Mongo, every
    other one HTTP under the name `http-8080`. In the long form an absent protocol follows from the name (`grpc-api`: gRPC, as
    Istio reads it), and an absent name from the protocol (`tcp-9000`).
    """

    SHORT_SCHEMA: ClassVar = {"type": "integer", "minimum": 1, "maximum": 65535}
    COMPLETED: ClassVar[tuple[str, ...]] = ("name", "protocol")

    name: DnsLabel
    port: PortNumber
    protocol: str
    """HTTP, HTTP2, GRPC, GRPC-Web, HTTPS, TLS, TCP, UDP, Mongo, MySQL or Redis."""
    target_port: PortNumber | DnsLabel | None = None
    """The workload's port, or its name; the same number where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _port_from_number(value)
        if isinstance(value, dict):
            return _complete_port(value)
        return value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The number, if the rest follows from it."""
        return self.port if long == _port_from_number(self.port) else long


def _port_from_number(number: int) -> dict[str, Any]:
    name = WELL_KNOWN_PORTS.get(number)
    if name is None:
        return {"name": f"http-{number}", "port": number, "protocol": Protocol.HTTP.value}
    return {"name": name, "port": number, "protocol": protocol_of_port(name).value}


def _complete_port(value: dict[str, Any]) -> dict[str, Any]:
    name, protocol = value.get("name"), value.get("protocol")
    if isinstance(protocol, str):
        known = parse_protocol(protocol)
        if known is Protocol.UNSUPPORTED and protocol != known.value:
            choices = ", ".join(f"`{choice.value}`" for choice in Protocol if choice is not Protocol.UNSUPPORTED)
            raise broken(f"`{protocol}` is not a protocol", help=f"write one of {choices}", kind="value")
        value = {**value, "protocol": known.value}
        if name is None and isinstance(value.get("port"), int):
            value["name"] = f"{known.value.lower()}-{value['port']}"
    elif protocol is None and isinstance(name, str):
        value = {**value, "protocol": protocol_of_port(name).value}
    elif protocol is None and name is None and isinstance(value.get("port"), int):
        value = {**_port_from_number(value["port"]), **value}
    return value


class Workload(Model):
    """The Pods behind the service. Where absent, the core Service of the same name says it."""

    selector: Labels | None = None
    service_account: str | None = None
    """Where absent that of the Pods or Deployments of the tree, else `default`."""
    sidecar: bool = True
    """Whether the Pods have a sidecar; only read where no Pod of the tree says it."""


class Endpoint(Model):
    """One address of a version, where no EndpointSlice of the tree says it.

    Short: `10.0.0.7`, or `10.0.0.7:9080` for a service of one port.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`10.0.0.7` or `10.0.0.7:9080`."}

    address: str
    port: PortNumber | None = None
    """The workload's port, for a service of one port."""
    ports: dict[str, PortNumber] | None = None
    """The workload's ports by the service's port names."""
    locality: str | None = None
    """`region/zone/subzone`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        address, colon, port = value.rpartition(":")
        if not colon or is_ip(value):
            return {"address": value}
        if not re.fullmatch("[0-9]{1,5}", port):
            raise broken(f"`{value}` is not an address", help="write `10.0.0.7` or `10.0.0.7:9080`", kind="value")
        return {"address": address.removeprefix("[").removesuffix("]"), "port": int(port)}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not is_ip(self.address):
            raise broken(f"`{self.address}` is not an IP address", kind="value")
        if self.port is not None and self.ports is not None:
            raise broken("an endpoint has a `port` or `ports`, not both", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`10.0.0.7:9080`, if that is all."""
        if not set(long) <= {"address", "port"}:
            return long
        address = f"[{self.address}]" if ":" in self.address and self.port is not None else self.address
        return address if self.port is None else f"{address}:{self.port}"


class Version(Model):
    """A version of a service, a subset in Istio. Short: `v2` is `{name: v2, labels: {version: v2}}`."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`v2` is `{name: v2, labels: {version: v2}}`."}
    COMPLETED: ClassVar[tuple[str, ...]] = ("labels",)

    name: DnsLabel
    labels: Labels
    """What its Pods have, besides the service's selector; `version: <name>` where absent."""
    traffic: Traffic | None = None
    """In place of what the service says for all versions, field by field, as in Istio."""
    endpoints: Many[Endpoint] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str):
            return {"name": value, "labels": {"version": value}}
        if isinstance(value, dict) and "labels" not in value and isinstance(value.get("name"), str):
            return {**value, "labels": {"version": value["name"]}}
        return value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The name, if the labels follow from it and there is nothing else."""
        return self.name if set(long) == {"name", "labels"} and self.labels == {"version": self.name} else long


class Call(Model):
    """A service that this one depends on. Short: `forum`, `forum.social`; a name with more dots is a host."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`forum`, `forum.social` or a host."}

    service: DnsLabel | None = None
    namespace: DnsLabel | None = None
    host: Host | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return destination_from_text(value) if isinstance(value, str) else from_service(value)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.service is None) == (self.host is None):
            raise broken("a call has a `service` or a `host`", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`forum.social`, or the host."""
        return destination_to_text(long)


def distinct_ports(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """The ports, if no number and no name comes twice."""
    for index, port in enumerate(ports):
        for other in ports[:index]:
            if other.port == port.port and (other.protocol == "UDP") == (port.protocol == "UDP"):
                raise broken(f"port {port.port} is given twice", kind="value")
            if other.name == port.name:
                raise broken(f"two ports are named `{port.name}`", kind="value")
    return ports


def distinct_versions(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """The versions, no two of one name."""
    names = [version.name for version in versions]
    for name in names:
        if names.count(name) > 1:
            raise broken(f"version `{name}` is given twice", kind="value")
    return versions


class Service(Intent):
    """A service of the mesh.

    Gives a DestinationRule (for versions and `traffic`), a VirtualService for the mesh (for its own rules and the canaries and
    mirrors over it), a Sidecar (for `calls` and `sidecar`) and core objects (for `kubernetes`); and it counts as a core Service,
    with the Pods of the endpoints that its versions name.
    """

    KIND: ClassVar[str] = "Service"

    ports: Annotated[Many[Port], AfterValidator(distinct_ports)] | None = None
    """Where absent, the core Service of the same name says them."""
    workload: Workload | None = None
    proxy: WorkloadProxy | None = None
    """Settings of its Pods' proxies (ProxyConfig), from their next start."""
    versions: Annotated[Many[Version], AfterValidator(distinct_versions)] | None = None
    endpoints: Annotated[Many[Endpoint], LIST] | None = None
    """Addresses of a service without versions."""
    calls: Many[Call] | None = None
    """The services that it depends on. Its Sidecar shows these, those whose Access names it, and the root namespace; no more."""
    sidecar: SidecarSettings | None = None
    """What its Pods' proxies listen on and let out, besides `calls`."""
    kubernetes: CoreObjects | None = None
    """The core Service and ServiceAccount, for who has no other source for them. Nothing where absent."""
    traffic: Traffic | None = None
    """How clients treat it."""
    routes: Annotated[Many[Rule], AfterValidator(in_service)] | None = None
    """Its own HTTP rules, in order, for requests from inside the mesh; a bare `to: v2` is one of its versions."""
    tcp: Annotated[Many[TcpRule], AfterValidator(in_service)] | None = None
    tls: Annotated[Many[TlsRule], AfterValidator(in_service)] | None = None
    export_to: Many[str] | None = None
    """Namespaces that see its rules and its traffic policy: `.`, `*` or names. All where absent."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)


__all__ = ["Call", "Endpoint", "Port", "Service", "Version", "Workload", "distinct_versions"]
