"""PeerAuthentications and RequestAuthentications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.authentication import Authentication
from meshgen.intent.decode import IntentObject
from meshgen.istio import peer_authentication as peer
from meshgen.istio import request_authentication as request
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import Scope, scope_of

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.authentication import JwtIssuer, MutualTls

MODES: dict[str, Literal["STRICT", "PERMISSIVE", "DISABLE", "UNSET"]] = {
    "strict": "STRICT",
    "permissive": "PERMISSIVE",
    "disable": "DISABLE",
    "unset": "UNSET",
}


def authentications(index: Index, report: Report) -> Iterator[Made]:
    """The objects of all Authentication intents."""
    for authentication in index.of(Authentication):
        scope = scope_of(authentication, index, report)
        if scope is None:
            continue
        if authentication.model.mtls is not None:
            yield _peer(authentication, authentication.model.mtls, scope)
        if authentication.model.jwt is not None:
            yield _request(authentication, authentication.model.jwt, scope)


def mutual_tls(mode: str) -> peer.MutualTLS:
    """A mode in Istio's words."""
    return peer.MutualTLS(mode=MODES[mode])


def _peer(authentication: IntentObject[Authentication], mtls: MutualTls, scope: Scope) -> Made:
    ports = None
    if mtls.ports:
        ports = {port: mutual_tls(mode) for port, mode in sorted(mtls.ports.items(), key=lambda item: int(item[0]))}
    spec = peer.PeerAuthentication(
        selector=scope.selector, mtls=None if mtls.mode is None else mutual_tls(mtls.mode), port_level_mtls=ports
    )
    origins: dict[JsonPath, Origin] = {("spec", "mtls"): authentication.at("spec", "mtls")}
    origins["spec", "portLevelMtls"] = authentication.at("spec", "mtls", "ports")
    return make(authentication, spec, namespace=scope.namespace, owner=scope.owner, origins=origins)


def _request(authentication: IntentObject[Authentication], issuers: tuple[JwtIssuer, ...], scope: Scope) -> Made:
    spec = request.RequestAuthentication(selector=scope.selector, target_refs=scope.targets, jwt_rules=tuple(map(_rule, issuers)))
    origins: dict[JsonPath, Origin] = {
        ("spec", "jwtRules", position): authentication.at("spec", "jwt", position) for position in range(len(issuers))
    }
    return make(authentication, spec, namespace=scope.namespace, owner=scope.owner, origins=origins)


def _rule(issuer: JwtIssuer) -> request.JWTRule:
    headers, claims = issuer.from_headers, issuer.claims_to_headers
    return request.JWTRule(
        issuer=issuer.issuer,
        audiences=issuer.audiences,
        jwks=issuer.jwks,
        jwks_uri=issuer.jwks_uri,
        from_headers=None if headers is None else tuple(request.JWTHeader(name=h.name, prefix=h.prefix) for h in headers),
        from_params=issuer.from_params,
        from_cookies=issuer.from_cookies,
        forward_original_token=issuer.forward,
        output_payload_to_header=issuer.output_payload_to_header,
        output_claim_to_headers=None
        if claims is None
        else tuple(request.ClaimToHeader(header=header, claim=claim) for header, claim in claims.items()),
        space_delimited_claims=issuer.space_delimited_claims,
        presence=None if issuer.presence is None else "OPTIONAL" if issuer.presence == "optional" else "REQUIRED",
        timeout=issuer.timeout,
    )
