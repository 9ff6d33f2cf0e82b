"""RequestAuthentications as jwt_authn (envoy-mapping.md §5.3): a bad token is refused with 401, a missing one is let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from meshgen.emit.envoy.names import TYPE, jwks_cluster, outbound_cluster
from meshgen.istio.request_authentication import JWTRule
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy
from meshgen.values import duration_to_envoy

JWT_AUTHN: Final = "envoy.filters.http.jwt_authn"
# Claims that are a list in one string; istiod always splits these two.
_SPACE_DELIMITED: Final = ("permission", "scope")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where remote JSON Web Keys come from, where that is no service of the mesh."""

    host: str
    port: int
    tls: bool

    @property
    def cluster(self) -> str:
        """The cluster that fetches them."""
        return jwks_cluster(self.host, self.port)


def http_filter(mesh: Mesh, proxy: Proxy) -> JsonObject | None:
    """The filter of a workload (a sidecar's inbound chains, or a gateway); None where no policy concerns it."""
    rules = jwt_rules(mesh, proxy)
    if not rules:
        return None
    providers: JsonObject = {f"origins-{index}": _provider(rule, mesh, proxy) for index, rule in enumerate(rules)}
    config: JsonObject = {
        "@type": f"{TYPE}envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": _requirements(rules)}}}],
        # A browser's preflight carries no token.
        "bypass_cors_preflight": True,
    }
    return {"name": JWT_AUTHN, "typed_config": config}


def jwt_rules(mesh: Mesh, proxy: Proxy) -> tuple[JWTRule, ...]:
    """All rules of all policies in effect, by issuer; rules of one issuer keep the order of their policies."""
    policies = mesh.request_authentications(proxy.namespace, proxy.labels)
    rules = (rule for policy in policies for rule in policy.spec.jwt_rules or ())
    return tuple(sorted(rules, key=lambda rule: rule.issuer or ""))


def _requirements(rules: tuple[JWTRule, ...]) -> list[JsonValue]:
    """One token of any issuer, or none at all; `presence: REQUIRED` takes the latter away for its issuer."""
    named: list[JsonValue] = [{"provider_name": f"origins-{index}"} for index in range(len(rules))]
    missing: JsonObject = {"allow_missing": {}}
    if len(rules) == 1:
        return [named[0]] if rules[0].presence == "REQUIRED" else [named[0], missing]
    each: list[JsonValue] = [
        name if rule.presence == "REQUIRED" else {"requires_any": {"requirements": [name, missing]}}
        for name, rule in zip(named, rules, strict=True)
    ]
    return [*named, {"requires_all": {"requirements": each}}]


def _provider(rule: JWTRule, mesh: Mesh, proxy: Proxy) -> JsonObject:
    headers: list[JsonValue] = [
        drop_none({"name": header.name, "value_prefix": header.prefix or None}) for header in rule.from_headers or ()
    ]
    claims: list[JsonValue] = [
        {"claim_name": entry.claim, "header_name": entry.header} for entry in rule.output_claim_to_headers or ()
    ]
    delimited = [*_SPACE_DELIMITED, *(rule.space_delimited_claims or ())]
    provider: JsonObject = {
        "issuer": rule.issuer or None,
        "audiences": list(rule.audiences) if rule.audiences else None,
        **_keys(rule, mesh, proxy),
        "from_headers": headers or None,
        "from_params": list(rule.from_params) if rule.from_params else None,
        "from_cookies": list(rule.from_cookies) if rule.from_cookies else None,
        "forward": True if rule.forward_original_token else None,
        "forward_payload_header": rule.output_payload_to_header or None,
        "claim_to_headers": claims or None,
        "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": list(dict.fromkeys(delimited))},
        # Routes may match on claims at a gateway, so the route is chosen anew once the claims are known.
        "clear_route_cache": True if proxy.is_gateway else None,
    }
    return drop_none(provider)


def _keys(rule: JWTRule, mesh: Mesh, proxy: Proxy) -> JsonObject:
    """Inline keys as they are; a URI is fetched by Envoy, since there is no istiod to inline its answer."""
    uri = _uri(rule)
    if rule.jwks or not uri:
        # Without keys nothing can be verified, so every token is refused, as with istiod's unusable key.
        return {"local_jwks": {"inline_string": rule.jwks or '{"keys":[]}'}}
    source = key_source(uri)
    service = mesh.service(source.host, proxy.namespace)
    cluster = outbound_cluster(source.port, "", source.host) if service and service.port(source.port) else source.cluster
    timeout = duration_to_envoy(rule.timeout) if rule.timeout else "5s"
    http_uri: JsonObject = {"uri": uri, "cluster": cluster, "timeout": timeout}
    return {"remote_jwks": {"http_uri": http_uri, "cache_duration": "300s"}}


def _uri(rule: JWTRule) -> str:
    return rule.jwks_uri or rule.jwks_uri_deprecated or ""


def key_source(uri: str) -> KeySource:
    """Host and port of a key set's URI."""
    parts = urlsplit(uri)
    tls = parts.scheme == "https"
    return KeySource(parts.hostname or "", parts.port or (443 if tls else 80), tls)


def key_sources(mesh: Mesh, proxy: Proxy) -> tuple[KeySource, ...]:
    """The sources that need a cluster of their own: those that are no service of the mesh, sorted by cluster name."""
    found: dict[str, KeySource] = {}
    for rule in jwt_rules(mesh, proxy):
        if not rule.jwks and _uri(rule):
            source = key_source(_uri(rule))
            service = mesh.service(source.host, proxy.namespace)
            if service is None or service.port(source.port) is None:
                found[source.cluster] = source
    return tuple(found[name] for name in sorted(found))
