"""Gateway: listeners at the edge of the mesh."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Labels, PortNumber, is_host
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import NOT_EMPTY
from meshgen.json import JsonObject, JsonValue
from meshgen.values import Protocol, parse_protocol

TlsVersion = Literal["auto", "1.0", "1.1", "1.2", "1.3"]


class GatewayWorkload(Model):
    """The Pods that serve a gateway."""

    selector: Labels
    """Their labels; `{}` means every gateway of the mesh."""
    namespace: DnsLabel | None = None
    """Their namespace, for policies on the gateway; the Gateway's own where absent."""
    service_account: str | None = None
    """The account they run as, for Access that names the gateway as a caller; `default` where absent."""


class ServerTls(Model):
    """TLS of a listener. Certificates and keys by reference: names of Secrets, or paths in the proxy. Short: the mode alone.

    `simple` shows a certificate, `mutual` asks the client for one as well, `optionalMutual` takes one if there is one;
    `passthrough` hands the connection on by its SNI, `autoPassthrough` to the cluster that the SNI names (east-west),
    `istioMutual` uses the mesh's own certificates.
    """

    SHORT_SCHEMA: ClassVar[JsonObject | None] = {"enum": ["passthrough", "autoPassthrough", "istioMutual"]}

    mode: Literal["simple", "mutual", "optionalMutual", "passthrough", "autoPassthrough", "istioMutual"]
    credential: str | None = None
    """Name of a Secret in the namespace of the gateway's Pods (Istio: `credentialName`)."""
    credentials: Annotated[Many[str], NOT_EMPTY] | None = None
    """Two Secrets, for an RSA and an ECDSA certificate (Istio: `credentialNames`)."""
    ca_cert_credential: str | None = None
    """Name of a Secret with the CA for client certificates (Istio: `caCertCredentialName`)."""
    server_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None
    ca_crl: str | None = None
    subject_alt_names: Many[str] | None = None
    verify_certificate_hash: Many[str] | None = None
    verify_certificate_spki: Many[str] | None = None
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None
    cipher_suites: Many[str] | None = None
    ecdh_curves: Many[str] | None = None
    insecure_skip_verify: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"mode": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in ("credential", "credentials", "server_certificate") if getattr(self, name) is not None]
        if len(given) > 1:
            raise broken("a listener has one of `credential`, `credentials` and `serverCertificate`", kind="exclusive")
        if len(self.credentials or ()) > 2:
            raise broken("a listener has two `credentials` at most", kind="value", at="credentials")
        own = self.mode in {"simple", "mutual", "optionalMutual"}
        if own and not given:
            raise broken(
                f"TLS mode `{self.mode}` needs a certificate", help="name a Secret: `credential: shop-cert`", kind="missing"
            )
        if given and not own:
            raise broken(
                f"TLS mode `{self.mode}` shows no certificate of its own", help=f"leave `{given[0]}` out", kind="exclusive"
            )
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The mode, if it stands alone."""
        return long["mode"] if len(long) == 1 else long


def _protocol(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if not isinstance(value, str):
        return value
    known = parse_protocol(value)
    return value if known is Protocol.UNSUPPORTED else known.value


def _known(value: str) -> str:
    if parse_protocol(value) is Protocol.UNSUPPORTED:
        raise broken(
            f"`{value}` is not a protocol", help="write one of `HTTP`, `HTTPS`, `HTTP2`, `GRPC`, `TCP`, `TLS`", kind="value"
        )
    return value


def _gateway_host(value: str) -> str:
    namespace, _, host = value.rpartition("/")
    if not is_host(host) or " " in namespace or "*" in namespace.removeprefix("*"):
        raise broken(f"`{value}` is not a host of a gateway: `host` or `namespace/host`", kind="value")
    return value


class Listener(Model):
    """One server of a gateway (Istio: `servers[]`).

    An absent protocol is HTTP without `tls`, HTTPS where the listener ends TLS, TLS where it passes it through.
    """

    port: PortNumber
    hosts: Annotated[Many[Annotated[str, AfterValidator(_gateway_host)]], NOT_EMPTY]
    """Hosts, `*` for all; `namespace/host` takes them from Routes of that namespace alone."""
    protocol: Annotated[str, BeforeValidator(_protocol), AfterValidator(_known)] | None = None
    name: str | None = None
    """A name for the listener (Istio: `servers[].name`)."""
    port_name: str | None = None
    """Name of the port; protocol and number where absent: `https-443`."""
    target_port: PortNumber | None = None
    bind: str | None = None
    tls: ServerTls | None = None
    redirect_to_https: bool | None = None
    """Answers every request with 301 to https (Istio: `tls.httpsRedirect`)."""
    default_endpoint: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.redirect_to_https and self.tls is not None:
            raise broken("a listener that redirects to https has no `tls` itself", kind="exclusive")
        return self


class Gateway(Intent):
    """Listeners, and the Pods that serve them. Gives an Istio Gateway."""

    KIND: ClassVar[str] = "Gateway"

    workload: GatewayWorkload
    listeners: Annotated[Many[Listener], NOT_EMPTY]

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @property
    def workload_namespace(self) -> str:
        """Where its Pods run."""
        return self.workload.namespace or self.namespace
