"""Gateway: listeners at the edge of the mesh."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator

from meshgen.intent.gateway_deployment import GatewayDeployment
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import DnsLabel, Labels, PortNumber, is_host
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import NOT_EMPTY
from meshgen.json import JsonObject, JsonValue
from meshgen.values import Protocol, parse_protocol

TlsVersion = Literal["auto", "1.0", "1.1", "1.2", "1.3"]


class GatewayWorkload(Model):
    """The Pods that serve a gateway."""

    selector: Labels | None = None
    """Their labels; `{}` means every gateway of the mesh. With `deploy` `istio: <name of the gateway>` where absent."""
    namespace: DnsLabel | None = None
    """Their namespace, for policies on the gateway; the Gateway's own where absent."""
    service_account: str | None = None
    """The account they run as, for Access that names the gateway as a caller; where absent the gateway's name with `deploy`, else
    `default`."""
    service: DnsLabel | None = None
    """The core Service in front of them, for what goes `through` the gateway; where absent the gateway's own with `deploy`, else
    one of the tree that selects them."""


class CertificateFiles(Model):
    """A certificate, its key and perhaps its authority, by their paths in the proxy (Istio: TLSCertificate)."""

    server_certificate: str
    private_key: str
    ca_certificates: str | None = None


class ServerTls(Model):
    """TLS of a listener. Certificates and keys by reference: names of Secrets, or paths in the proxy. Short: the mode alone.

    `simple` shows a certificate, `mutual` asks the client for one as well, `optionalMutual` takes one if there is one;
    `passthrough` hands the connection on by its SNI, `autoPassthrough` to the cluster that the SNI names (east-west),
    `istioMutual` uses the mesh's own certificates.
    """

    SHORT_SCHEMA: ClassVar = {"enum": ["simple", "passthrough", "autoPassthrough", "istioMutual"]}

    mode: Literal["simple", "mutual", "optionalMutual", "passthrough", "autoPassthrough", "istioMutual"]
    credential: str | None = None
    """Name of a Secret in the namespace of the gateway's Pods (Istio: `credentialName`)."""
    credentials: Annotated[Many[str], NOT_EMPTY] | None = None
    """Two Secrets, for an RSA and an ECDSA certificate (Istio: `credentialNames`)."""
    ca_cert_credential: str | None = None
    """Name of a Secret with the CA for client certificates (Istio: `caCertCredentialName`)."""
    server_certificate: str | None = None
    private_key: str | None = None
    certificate_files: Annotated[Many[CertificateFiles], NOT_EMPTY] | None = None
    """Two certificates in files, RSA and ECDSA (Istio: `tlsCertificates`)."""
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
        given = self.given
        if len(given) > 1:
            names = "`credential`, `credentials`, `serverCertificate` and `certificateFiles`"
            raise broken(f"a listener has one of {names}", kind="exclusive")
        for name, files in (("credentials", self.credentials), ("certificateFiles", self.certificate_files)):
            if len(files or ()) > 2:
                raise broken(f"a listener has two `{name}` at most", kind="value", at=name)
        if given and not self.needs_certificate:
            raise broken(
                f"TLS mode `{self.mode}` shows no certificate of its own", help=f"leave `{given[0]}` out", kind="exclusive"
            )
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """The fields that say which certificate is shown."""
        names = ("credential", "credentials", "server_certificate", "certificate_files")
        return tuple(name for name in names if getattr(self, name) is not None)

    @property
    def needs_certificate(self) -> bool:
        """Whether the listener shows a certificate of its own."""
        return self.mode in {"simple", "mutual", "optionalMutual"}

    def to_short(self, long: JsonObject) -> JsonValue:
        """The mode, if it stands alone."""
        return long["mode"] if len(long) == 1 else long


def protocol_name(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """A protocol in Istio's own spelling; any other value as it is."""
    if not isinstance(value, str):
        return value
    known = parse_protocol(value)
    return value if known is Protocol.UNSUPPORTED else known.value


def known_protocol(value: str) -> str:
    """The protocol, if Istio knows it."""
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


GatewayHost: TypeAlias = Annotated[str, AfterValidator(_gateway_host)]
"""A host, perhaps behind a namespace and a slash."""


class Listener(Model):
    """One server of a gateway (Istio: `servers[]`).

    An absent protocol is HTTP without `tls`, HTTPS where the listener ends TLS, TLS where it passes it through.
    """

    port: PortNumber
    hosts: Annotated[Many[GatewayHost], NOT_EMPTY] | None = None
    """Hosts, `*` for all; `namespace/host` takes them from Routes of that namespace alone."""
    certificates: dict[GatewayHost, str] | None = None
    """Hosts with a certificate each, chosen by SNI: `{shop.example.com: shop-cert}`, names of Secrets. Each host gets a server of
    its own, with all else that `tls` says; mode `simple` where that is absent."""
    protocol: Annotated[str, BeforeValidator(protocol_name), AfterValidator(known_protocol)] | None = None
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
        self._check_certificates()
        return self

    def _check_certificates(self) -> None:
        if (self.hosts is None) == (self.certificates is None):
            help_ = "`certificates` names hosts with a Secret each"
            if self.hosts is None:
                raise broken("a listener has `hosts`", kind="missing", help=help_)
            raise broken("a listener has `hosts` or `certificates`, not both", kind="exclusive", help=help_)
        if self.certificates is None:
            if self.tls is not None and self.tls.needs_certificate and not self.tls.given:
                message, help_ = f"TLS mode `{self.tls.mode}` needs a certificate", "name a Secret: `credential: shop-cert`"
                raise broken(message, help=help_, kind="missing", at="tls")
            return
        if not self.certificates:
            raise broken("`certificates` is empty", kind="value", help="name a Secret for each host", at="certificates")
        if self.redirect_to_https:
            raise broken("a listener that redirects to https shows no certificates", kind="exclusive", at="certificates")
        if self.tls is not None and (self.tls.given or not self.tls.needs_certificate):
            raise broken("`certificates` gives the certificates, and `tls` what else there is to say", kind="exclusive", at="tls")


class Gateway(Intent):
    """Listeners, and the Pods that serve them. Gives an Istio Gateway, and with `deploy` the Pods themselves.

    A platform team that owns the listeners writes their hosts as `namespace/host`: Routes of that namespace may then take them,
    and no others. A Gateway without listeners is for ExternalServices that go `through` it.
    """

    KIND: ClassVar[str] = "Gateway"

    workload: GatewayWorkload | None = None
    """The Pods; may be left out with `deploy`."""
    deploy: GatewayDeployment | None = None
    """Runs the Pods: a Deployment, a Service and what they need. Nothing where absent."""
    listeners: Annotated[Many[Listener], NOT_EMPTY] | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @property
    def workload_namespace(self) -> str:
        """Where its Pods run."""
        return (self.workload.namespace if self.workload is not None else None) or self.namespace

    @property
    def selector(self) -> dict[str, str]:
        """The labels of its Pods."""
        given = self.workload.selector if self.workload is not None else None
        return {"istio": self.name} if given is None else given

    @property
    def service_account(self) -> str:
        """The account that its Pods run as."""
        given = self.workload.service_account if self.workload is not None else None
        return given or (self.name if self.deploy is not None else "default")

    @property
    def service_name(self) -> str | None:
        """The core Service in front of its Pods, where the intent says it."""
        given = self.workload.service if self.workload is not None else None
        return given or (self.name if self.deploy is not None else None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        selector = self.workload.selector if self.workload is not None else None
        if selector is None and self.deploy is None:
            help_ = "add `workload: {selector: {istio: ingressgateway}}`, or `deploy: true` for Pods of its own"
            raise broken("nothing says which Pods serve the gateway", kind="missing", help=help_)
        if self.deploy is not None and selector == {}:
            raise broken("Pods that are deployed have labels", kind="value", help="leave the selector out", at="workload")
        return self
