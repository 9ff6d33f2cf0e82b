"""Which requests a rule is for."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from meshgen.intent.leaves import Labels, PortNumber, StringMatch
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import GatewayName
from meshgen.intent.shorts import NOT_EMPTY


class CallingWorkload(Model):
    """The calling workload, as its sidecar knows it; at a gateway nothing is known of it."""

    labels: Labels | None = None
    """Labels of its Pods (Istio: `sourceLabels`)."""
    namespace: str | None = None
    """Istio: `sourceNamespace`."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.labels and self.namespace is None:
            raise broken("a caller has `labels` or a `namespace`", kind="missing")
        return self


def _one_cookie(cookie: dict[str, StringMatch]) -> dict[str, StringMatch]:
    if len(cookie) != 1:
        message = f"{len(cookie)} cookies are asked for, and Istio can look for one: they all stand in one header"
        raise broken(message, help="write one cookie", kind="value")
    (name,) = cookie
    if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is None:
        raise broken(f"`{name}` is no name of a cookie", kind="value")
    return cookie


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
    cookie: Annotated[dict[str, StringMatch], AfterValidator(_one_cookie)] | None = None
    """One cookie by its name, among the others of the request: `{tester: "yes"}`; a regular expression on the `cookie` header."""
    caller: CallingWorkload | None = None
    """The calling workload: `{labels: {app: webapp}}`, `{namespace: shop}`; known to sidecars."""
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

    @model_validator(mode="after")
    def _once(self) -> Self:
        if self.cookie is not None and any(name.lower() == "cookie" for name in self.headers or ()):
            raise broken("the match has a `cookie` and the header `cookie`", help="write one of them", at="cookie")
        if self.caller is not None and (self.source_labels is not None or self.source_namespace is not None):
            raise broken("`caller` says what `sourceLabels` and `sourceNamespace` say", help="write one of them", at="caller")
        return self


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
