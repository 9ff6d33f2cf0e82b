"""Which requests a rule is for."""

from typing import Annotated

from meshgen.intent.leaves import Labels, PortNumber, StringMatch
from meshgen.intent.model import Many, Model
from meshgen.intent.reference import GatewayName
from meshgen.intent.shorts import NOT_EMPTY


class Match(Model):
    """HTTP requests, by Istio's HTTPMatchRequest (`path` is its `uri`); all fields that are given must hold."""

    name: str | None = None
    """A name for access logs and metrics, behind the rule's."""
    path: StringMatch | None = None
    """The path without its query."""
    ignore_uri_case: bool | None = None
    """Whether `path` (exact and prefix) ignores upper and lower case."""
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    """The Host header, perhaps with a port."""
    headers: dict[str, StringMatch] | None = None
    """Header names in lower case; `@request.auth.claims.group` reads a claim of the JWT, at gateways."""
    without_headers: dict[str, StringMatch] | None = None
    query_params: dict[str, StringMatch] | None = None
    port: PortNumber | None = None
    """The port on which the request came."""
    gateways: Many[GatewayName] | None = None
    """Only through these gateways (`mesh`: sidecars), of those that the Route names."""
    source_labels: Labels | None = None
    """Labels of the calling workload; known to sidecars."""
    source_namespace: str | None = None
    stat_prefix: str | None = None


class TcpMatch(Model):
    """TCP connections, by Istio's L4MatchAttributes."""

    port: PortNumber | None = None
    destination_subnets: Many[str] | None = None
    gateways: Many[GatewayName] | None = None
    source_labels: Labels | None = None
    source_namespace: str | None = None
    source_subnet: str | None = None


class TlsMatch(Model):
    """TLS connections that are passed on as they are, by Istio's TLSMatchAttributes."""

    sni_hosts: Annotated[Many[str], NOT_EMPTY]
    """Server names of the handshake, perhaps with `*.`; they lie within the hosts of the Route."""
    port: PortNumber | None = None
    destination_subnets: Many[str] | None = None
    gateways: Many[GatewayName] | None = None
    source_labels: Labels | None = None
    source_namespace: str | None = None
