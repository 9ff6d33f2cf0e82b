"""Sidecar: what the proxies beside some Pods, or beside all of a namespace, listen on and let out."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from meshgen.intent.access import Target
from meshgen.intent.gateway import ServerTls, known_protocol, protocol_name
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import is_host
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.intent.traffic import Connections
from meshgen.json import JsonObject, JsonValue

Capture = Literal["default", "iptables", "none"]
ListenerPort = Annotated[int, Field(ge=0, le=65535)]


def _seen_host(value: str) -> str:
    namespace, slash, host = value.partition("/")
    if not slash or not namespace or not is_host(host):
        help_ = "write `shop/catalog.shop.svc.cluster.local`, `shop/*`, `./*` or `*/*`"
        raise broken(f"`{value}` is not `namespace/host`", help=help_, kind="value")
    return value


SeenHost = Annotated[str, AfterValidator(_seen_host)]
"""`namespace/host`, as Istio's Sidecar writes it: `.` is the own namespace, `*` any, `~/*` nothing."""


class _Listener(Model):
    """What listeners of both directions have."""

    protocol: Annotated[str, BeforeValidator(protocol_name), AfterValidator(known_protocol)] | None = None
    """HTTP where absent."""
    port_name: str | None = None
    """Protocol and number where absent: `http-9080`."""
    bind: str | None = None
    """An IP address, or `unix://` and a path, then without a port."""
    capture: Capture | None = None
    """How connections get there: by `iptables`, or `none` (the application knows the address)."""


def _own_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    here = host in {"127.0.0.1", "0.0.0.0", "[::1]", "[::]"} and port.isascii() and port.isdigit() and 0 < int(port) < 65536  # noqa: S104
    if not here and not text.startswith("unix:///"):
        help_ = "write `127.0.0.1:8080`, `0.0.0.0:8080`, `[::1]:8080`, `[::]:8080` or `unix:///run/app.sock`"
        raise broken(f"`{text}` is no place where the workload itself listens", help=help_, kind="value")
    return text


class InboundListener(_Listener):
    """Where a sidecar takes connections for its workload (Istio: `ingress[]`)."""

    port: ListenerPort
    forward_to: Annotated[str, AfterValidator(_own_address)] | None = None
    """Where the workload listens: `127.0.0.1:8080`, `0.0.0.0:8080` or `unix:///run/app.sock` (Istio: `defaultEndpoint`)."""
    tls: ServerTls | None = None
    connections: Connections | None = None


class OutboundListener(_Listener):
    """Where a sidecar takes connections of its workload, for some hosts (Istio: `egress[]`)."""

    port: ListenerPort | None = None
    hosts: Annotated[Many[SeenHost], LIST, NOT_EMPTY]
    target_port: ListenerPort | None = None


class UnknownHosts(Model):
    """What becomes of connections to hosts that the mesh does not know. Short: the policy."""

    SHORT_SCHEMA: ClassVar = {"enum": ["registryOnly", "allowAny"]}

    policy: Literal["registryOnly", "allowAny"] | None = None
    through: Destination | None = None
    """A service that takes them all (Istio: `egressProxy`)."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"policy": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The policy, if it stands alone."""
        return long["policy"] if set(long) == {"policy"} else long


class SidecarSettings(Model):
    """What a sidecar does besides showing what its service `calls`; what is absent is Istio's own, or the namespace's."""

    inbound: Annotated[Many[InboundListener], LIST] | None = None
    """In place of the listeners that Istio makes for the workload's services."""
    outbound: Annotated[Many[OutboundListener], LIST] | None = None
    """Listeners for some hosts alone, before the one for all that is called."""
    unknown_hosts: UnknownHosts | None = None
    inbound_connections: Connections | None = None
    """Limits on the connections that the workload takes (Istio: `inboundConnectionPool`)."""


class Sidecar(Intent):
    """The sidecars of Pods by their labels, or of a whole namespace; in the root namespace of the whole mesh.

    Gives an Istio Sidecar. A Service says the same for its own Pods with `calls` and `sidecar`.
    """

    KIND: ClassVar[str] = "Sidecar"

    workload: Target | None = None
    """The Pods, by labels; all of the namespace where absent."""
    sees: Annotated[Many[SeenHost], LIST, NOT_EMPTY] | None = None
    """The hosts that the workloads may call and get configuration for, `namespace/host`."""
    inbound: Annotated[Many[InboundListener], LIST] | None = None
    outbound: Annotated[Many[OutboundListener], LIST] | None = None
    unknown_hosts: UnknownHosts | None = None
    inbound_connections: Connections | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.inbound and self.workload is None:
            help_ = "add `workload: {selector: …}`"
            raise broken("`inbound` listeners are those of some Pods", kind="missing", help=help_, at="inbound")
        if self.sees is None and self.settings == SidecarSettings():
            raise broken("a Sidecar says something", help="write `sees: [./*, istio-system/*]`", kind="missing")
        return self

    @property
    def settings(self) -> SidecarSettings:
        """What a Service says under `sidecar`."""
        names = ("inbound", "outbound", "unknown_hosts", "inbound_connections")
        return SidecarSettings.model_construct(**{name: getattr(self, name) for name in names})
