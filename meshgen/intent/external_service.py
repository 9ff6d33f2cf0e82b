"""ExternalService: hosts outside of the mesh, or inside of it and outside of Kubernetes."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.access import Target
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Count, Host, Labels, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import GatewayName
from meshgen.intent.rule import Rule, TcpRule, in_service
from meshgen.intent.service import Port, Version, distinct_ports, distinct_versions
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.intent.traffic import ClientTls, Traffic
from meshgen.json import JsonObject, JsonValue
from meshgen.values import Protocol, is_ip

Resolution = Literal["none", "static", "dns", "dnsRoundRobin", "dynamicDns"]

MAXIMUM_HOSTS = 256


class ExternalEndpoint(Model):
    """One address behind the hosts (Istio: WorkloadEntry).

    Short: `10.0.0.7`, `a.example.net`, `10.0.0.7:9080` for a service of one port, or `unix:///run/echo.sock`.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`10.0.0.7`, `a.example.net:9080`."}

    address: str | None = None
    """An IP address, a DNS name (resolution `dns`) or `unix://` and a path; absent for a whole `network`."""
    port: PortNumber | None = None
    """The port there, for a service of one port."""
    ports: dict[str, PortNumber] | None = None
    """The ports there, by the service's port names."""
    labels: Labels | None = None
    """What `versions` choose it by."""
    network: str | None = None
    locality: str | None = None
    """`region/zone/subzone`."""
    weight: Count | None = None
    service_account: str | None = None
    """The account that it shows in mTLS, for hosts inside of the mesh."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return _endpoint_from_text(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.port is not None and self.ports is not None:
            raise broken("an endpoint has a `port` or `ports`, not both", kind="exclusive")
        if self.address is None and self.network is None:
            raise broken("an endpoint has an `address`", kind="missing", help="or a `network`, for all of its gateways")
        if (self.address or "").startswith("unix:") and (self.port or self.ports):
            raise broken("a Unix socket has no port", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`10.0.0.7:9080`, if that is all."""
        if not set(long) <= {"address", "port"} or self.address is None:
            return long
        address = f"[{self.address}]" if ":" in self.address and self.port is not None else self.address
        text = address if self.port is None else f"{address}:{self.port}"
        return text if _endpoint_from_text(text) == long else long


def _endpoint_from_text(text: str) -> JsonObject:
    address, colon, port = text.rpartition(":")
    if not colon or is_ip(text) or text.startswith("unix:") or not port.isdecimal():
        return {"address": text}
    return {"address": address.removeprefix("[").removesuffix("]"), "port": int(port)}


class TlsOrigination(ClientTls):
    """Proxies speak TLS for clients that speak plainly. Short: the mode alone, `simple`.

    It holds for the plain ports (HTTP, gRPC, TCP …). A plain port 80 without a `targetPort` leads to 443.
    """

    SHORT_SCHEMA: ClassVar = {"enum": ["simple", "mutual"]}

    mode: Literal["simple", "mutual"]


def _number_only(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    for port in ports:
        if isinstance(port.target_port, str):
            raise broken(f"`targetPort: {port.target_port}` is not a number", kind="value", help="nothing outside has port names")
    return distinct_ports(ports)


def _without_endpoints(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    for version in versions:
        if version.endpoints is not None:
            message = f"version `{version.name}` has `endpoints`"
            raise broken(message, kind="exclusive", help="an ExternalService lists all of its `endpoints` beside the versions")
    return distinct_versions(versions)


class ExternalService(Intent):
    """Hosts that Istio's registry does not know by itself, and how clients treat them.

    Gives a ServiceEntry, a DestinationRule for each host (for versions, `traffic` and `tls`) and a VirtualService for each host
    (for its own rules and the canaries and mirrors over it). `through` leads everything over an egress gateway.
    """

    KIND: ClassVar[str] = "ExternalService"

    hosts: Annotated[Many[Host], LIST, NOT_EMPTY, Field(max_length=MAXIMUM_HOSTS)]
    """DNS names; `*.example.com` for all of a domain, with resolution `none` or `dynamicDns`."""
    ports: Annotated[Many[Port], AfterValidator(_number_only)] | None = None
    """Ports that clients use; `targetPort` is the one there."""
    resolution: Resolution | None = None
    """How addresses are found: `none` (where absent) goes where the client wanted to go, `static` to the `endpoints`, `dns`,
    `dnsRoundRobin` and `dynamicDns` ask DNS."""
    location: Literal["external", "mesh"] | None = None
    """`mesh`: workloads of the mesh outside of Kubernetes, which speak its mTLS. `external` where absent."""
    endpoints: Annotated[Many[ExternalEndpoint], LIST] | None = None
    addresses: Annotated[Many[str], LIST] | None = None
    """Virtual addresses or CIDRs by which clients reach it, for TCP."""
    subject_alt_names: Annotated[Many[str], LIST] | None = None
    """Names that the servers' certificates must show."""
    workload: Target | None = None
    """Pods and WorkloadEntries of the namespace, by labels, in place of `endpoints`."""
    versions: Annotated[Many[Version], AfterValidator(_without_endpoints)] | None = None
    """Endpoints by their labels."""
    traffic: Traffic | None = None
    """How clients treat it."""
    tls: TlsOrigination | None = None
    """TLS that proxies add for clients that speak plainly."""
    through: GatewayName | None = None
    """The egress Gateway over which all clients of the mesh reach it: with the mesh's mTLS up to there, and for TLS ports as it
    is, by SNI. Own rules and `tls` then hold at the gateway."""
    routes: Annotated[Many[Rule], AfterValidator(in_service)] | None = None
    """Its own HTTP rules, in order; a bare `to: v2` is one of its versions, `to: "@*"` the host itself."""
    tcp: Annotated[Many[TcpRule], AfterValidator(in_service)] | None = None
    export_to: Many[str] | None = None
    """Namespaces that see it: `.`, `*` or names. All where absent."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_hosts()
        self._check_endpoints()
        if self.tls is not None:
            self._check_tls(self.traffic)
        if self.through is not None and not self.ports:
            raise broken("what goes `through` a gateway has `ports`", kind="missing", at="through")
        return self

    def _check_hosts(self) -> None:
        wild = next((host for host in self.hosts if host.startswith("*")), None)
        if wild is None:
            return
        if self.resolution in {"dns", "dnsRoundRobin"}:
            help_ = "write `resolution: dynamicDns`, or name the hosts"
            raise broken(f"DNS has no answer for `{wild}`", kind="value", help=help_, at="hosts")
        if self.through is not None:
            help_ = "name the hosts one by one"
            raise broken(
                f"a gateway cannot lead `{wild}` on: it would not know where to", kind="exclusive", help=help_, at="through"
            )

    def _check_endpoints(self) -> None:
        if self.endpoints is not None and self.workload is not None:
            raise broken("an ExternalService has `endpoints` or a `workload`, not both", kind="exclusive")
        if self.resolution == "static" and not self.endpoints and self.workload is None:
            raise broken("resolution `static` has no `endpoints`", kind="missing", help="list them, or write `resolution: dns`")
        if self.endpoints and self.resolution in {None, "none", "dynamicDns"}:
            message = f"resolution `{self.resolution or 'none'}` has no use for `endpoints`"
            raise broken(message, kind="exclusive", help="write `resolution: static`", at="endpoints")
        for endpoint in self.endpoints or ():
            if endpoint.port is not None and len(self.ports or ()) != 1:
                raise broken(
                    "an endpoint's `port` is for a service of one port",
                    kind="exclusive",
                    help="write `ports`, by their names",
                    at="endpoints",
                )
            unknown = set(endpoint.ports or ()) - {port.name for port in self.ports or ()}
            if unknown:
                raise broken(f"the service has no port named `{min(unknown)}`", kind="value", at="endpoints")

    def _check_tls(self, traffic: Traffic | None) -> None:
        if traffic is not None and (traffic.tls is not None or any(port.tls is not None for port in traffic.ports or ())):
            raise broken("`tls` and `traffic.tls` both say how proxies speak", kind="exclusive", help="leave one of them out")
        if not self.plain_ports:
            help_ = "add the port that clients use, as `80`"
            raise broken("`tls` adds TLS to plain ports, and there is none", kind="missing", help=help_, at="tls")

    @property
    def plain_ports(self) -> tuple[Port, ...]:
        """The ports on which clients speak without TLS."""
        return tuple(port for port in self.ports or () if not Protocol(port.protocol).is_tls)


__all__ = ["ExternalEndpoint", "ExternalService", "TlsOrigination"]
