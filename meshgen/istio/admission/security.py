"""What istiod refuses of AuthorizationPolicies, RequestAuthentications and what selects workloads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from meshgen.diagnostics.catalogue.admission import EMPTY_SELECTOR, PRIVATE_KEY_IN_JWKS
from meshgen.istio.admission.hosts import is_subnet
from meshgen.istio.admission.said import ignored, wrong
from meshgen.istio.authorization_policy import AuthorizationPolicy, Condition, Operation, Rule, Source
from meshgen.istio.request_authentication import JWTRule
from meshgen.istio.rules import Rules
from meshgen.istio.shared import NetworkingWorkloadSelector, PolicyTargetReference, WorkloadSelector
from meshgen.istio.violation import Violation, show

_TARGETS: Final = frozenset({
    *(("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry")),
    *(("gateway.networking.k8s.io", "Gateway"), ("gateway.networking.k8s.io", "GatewayClass")),
})
_CUSTOM_SOURCES: Final = {
    "namespaces": "namespaces",
    "not_namespaces": "notNamespaces",
    "service_accounts": "serviceAccounts",
    "not_service_accounts": "notServiceAccounts",
    "trust_domains": "trustDomains",
    "not_trust_domains": "notTrustDomains",
    "principals": "principals",
    "not_principals": "notPrincipals",
    "request_principals": "requestPrincipals",
    "not_request_principals": "notRequestPrincipals",
}
_CUSTOM_KEYS: Final = ("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal", "request.auth.")
_PLAIN_KEYS: Final = frozenset({
    *("source.namespace", "source.principal", "request.auth.principal", "request.auth.audiences"),
    *("request.auth.presenter", "connection.sni"),
})
_MAP_KEYS: Final = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")
_GONE_KEYS: Final = {
    "destination.namespace": "the policy's own namespace says it",
    "destination.labels": "the policy's `selector` says it",
    "destination.name": "it was an attribute of v1alpha1 only",
    "destination.user": "it was an attribute of v1alpha1 only",
}
_HEADER = re.compile(r"[-_A-Za-z0-9]+")
_PATH_PART = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")


def selector(spec: WorkloadSelector) -> Iterator[Violation]:
    """A selector that selects."""
    if not spec.match_labels:
        yield _empty("matchLabels")


def networking_selector(spec: NetworkingWorkloadSelector) -> Iterator[Violation]:
    """A selector that selects, and by what labels have."""
    for key in spec.labels or ():
        if not key or "*" in key:
            yield wrong(f"{show(key)} is no key of a label", "labels", key)
    if not spec.labels:
        yield _empty("labels")


def _empty(name: str) -> Violation:
    message = "an empty selector is for all workloads of the namespace"
    return Violation((), message, f"name labels in `{name}`, or leave the selector out", EMPTY_SELECTOR)


def target(reference: PolicyTargetReference) -> Iterator[Violation]:
    """What a policy can be for."""
    if (reference.group or "", reference.kind) not in _TARGETS:
        group = f"{reference.group}/" if reference.group else ""
        hint = "a Service, an Istio ServiceEntry, or a Gateway or GatewayClass of the Gateway API, with its `group`"
        yield wrong(f"a policy cannot be for a {show(group + reference.kind)}", "kind", help=hint)


def authorization_policy(spec: AuthorizationPolicy) -> Iterator[Violation]:
    """The action, and what goes with it."""
    if spec.action == "CUSTOM":
        yield from _custom(spec)
    elif spec.provider is not None:
        yield wrong("`provider` is for `action: CUSTOM`", "provider", help="write `action: CUSTOM`, or remove it")
    if spec.action in {"DENY", "CUSTOM"} and spec.rules is None:
        yield wrong(
            f"`action: {spec.action}` without `rules` does nothing", "action", help="write `rules: [{}]` for every request"
        )


def _custom(spec: AuthorizationPolicy) -> Iterator[Violation]:
    if spec.rules is not None and (spec.provider is None or not spec.provider.name):
        yield wrong("`action: CUSTOM` needs the name of a `provider`", "provider" if spec.provider is not None else "action")
    for number, rule in enumerate(spec.rules or ()):
        for index, origin in enumerate(rule.from_ or ()):
            for attribute, name in _CUSTOM_SOURCES.items():
                if origin.source is not None and getattr(origin.source, attribute):
                    yield wrong(f"`action: CUSTOM` cannot ask for `{name}`", "rules", number, "from", index, "source", name)
        for index, condition in enumerate(rule.when or ()):
            if condition.key.startswith(_CUSTOM_KEYS):
                yield wrong(f"`action: CUSTOM` cannot ask for {show(condition.key)}", "rules", number, "when", index, "key")


def rule(spec: Rule) -> Iterator[Violation]:
    """Lists with something in them."""
    for name, entries, inner in (("from", spec.from_, "source"), ("to", spec.to, "operation")):
        if entries is not None and not entries:
            yield ignored(f"an empty `{name}` is as none, and matches all", name, help="remove it, or say who or what is meant")
        for index, entry in enumerate(entries or ()):
            value = getattr(entry, inner)
            if value is None:
                yield wrong(f"`{inner}` is missing", name, index)
            elif not any(getattr(value, field) for field in value.__struct_fields__):
                yield wrong(f"`{inner}` must not be empty", name, index, inner, help="say who or what is meant")


def _each(values: Iterable[str] | None, name: str, fits: Callable[[str], bool], what: str) -> Iterator[Violation]:
    for index, value in enumerate(values or ()):
        if not value:
            yield wrong("an empty value is not allowed here", name, index)
        elif not fits(value):
            yield wrong(f"{show(value)} is {what}", name, index)


def _anything(_: str) -> bool:
    return True


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is not None and int(text) <= 65535


def _is_account(text: str) -> bool:
    return "*" not in text and text.count("/") <= 1 and all(text.split("/"))


def _is_pattern(text: str) -> bool:
    return "*" not in text[1:-1] and text.count("*") <= 1


def _is_trust_domain(text: str) -> bool:
    return "/" not in text and _is_pattern(text)


def _is_path(path: str) -> bool:
    """Whether a path is one, or a template that Envoy can match: `{*}` for a segment, `{**}` for the rest."""
    templated = "{*}" in path or "{**}" in path
    rest = False
    for segment in path.strip("/").split("/"):
        if segment in {"{*}", "{**}"}:
            if rest:
                return False
            rest = segment == "{**}"
        elif "{" in segment or "}" in segment or (templated and _PATH_PART.fullmatch(segment) is None):
            return False
    return True


_NO_ADDRESS: Final = "no IP address and no range of them"


def source(spec: Source) -> Iterator[Violation]:
    """Who."""
    for name, values in (
        ("ipBlocks", spec.ip_blocks),
        ("notIpBlocks", spec.not_ip_blocks),
        ("remoteIpBlocks", spec.remote_ip_blocks),
        ("notRemoteIpBlocks", spec.not_remote_ip_blocks),
    ):
        yield from _each(values, name, is_subnet, _NO_ADDRESS)
    for name, values in (
        ("principals", spec.principals),
        ("notPrincipals", spec.not_principals),
        ("requestPrincipals", spec.request_principals),
        ("notRequestPrincipals", spec.not_request_principals),
        ("namespaces", spec.namespaces),
        ("notNamespaces", spec.not_namespaces),
    ):
        yield from _each(values, name, _anything, "")
    for name, values in (("serviceAccounts", spec.service_accounts), ("notServiceAccounts", spec.not_service_accounts)):
        yield from _each(values, name, _is_account, "not of the form `account` or `namespace/account`")
    for name, values in (("trustDomains", spec.trust_domains), ("notTrustDomains", spec.not_trust_domains)):
        yield from _each(values, name, _is_trust_domain, "no trust domain; `*` is at its beginning or its end")


def operation(spec: Operation) -> Iterator[Violation]:
    """What."""
    for name, values in (("ports", spec.ports), ("notPorts", spec.not_ports)):
        yield from _each(values, name, _is_port, "no port")
    for name, values in (("paths", spec.paths), ("notPaths", spec.not_paths)):
        yield from _each(values, name, _is_path, "no path; `{*}` is a whole segment, and `{**}` the last template")
    for name, values in (
        ("hosts", spec.hosts),
        ("notHosts", spec.not_hosts),
        ("methods", spec.methods),
        ("notMethods", spec.not_methods),
    ):
        yield from _each(values, name, _anything, "")


def condition(spec: Condition) -> Iterator[Violation]:
    """When: a key that Istio knows, and values of its kind."""
    if not spec.values and not spec.not_values:
        yield wrong(f"the condition on {show(spec.key)} has neither `values` nor `notValues`")
    gone = next((why for key, why in _GONE_KEYS.items() if spec.key.startswith(key)), "")
    if gone:
        yield wrong(f"{show(spec.key)} is no key any more", "key", help=gone)
        return
    fits, what = _values_of(spec.key)
    if fits is None:
        yield wrong(f"{show(spec.key)} is no key that Istio knows", "key", help=what)
        return
    yield from _each(spec.values, "values", fits, what)
    yield from _each(spec.not_values, "notValues", fits, what)


def _values_of(key: str) -> tuple[Callable[[str], bool] | None, str]:
    """What the values of a key are to be; None, and help, where there is no such key."""
    if key.startswith(_MAP_KEYS):
        opened = key.find("[")
        fits = key.endswith("]") and 0 < opened < len(key) - 2
        return (_anything, "") if fits else (None, "write it with its name, as `request.headers[x-user]`")
    table: dict[str, tuple[Callable[[str], bool], str]] = {
        "source.ip": (is_subnet, _NO_ADDRESS),
        "remote.ip": (is_subnet, _NO_ADDRESS),
        "destination.ip": (is_subnet, _NO_ADDRESS),
        "destination.port": (_is_port, "no port"),
        "source.serviceAccount": (_is_account, "not of the form `account` or `namespace/account`"),
        "source.trustDomain": (_is_pattern, "no trust domain; `*` is at its beginning or its end"),
    }
    if key in _PLAIN_KEYS:
        return _anything, ""
    return table.get(key, (None, "Istio's reference of conditions has the keys"))


def jwt_rule(spec: JWTRule) -> Iterator[Violation]:
    """Where tokens come from, where they are, and where claims go."""
    if not spec.issuer and not spec.jwks_uri:
        yield wrong("a rule for tokens needs an `issuer` or a `jwksUri`")
    for name, values in (("audiences", spec.audiences), ("fromParams", spec.from_params), ("fromCookies", spec.from_cookies)):
        yield from _each(values, name, _anything, "")
    for index, header in enumerate(spec.from_headers or ()):
        if not header.name:
            yield wrong("a header's name must not be empty", "fromHeaders", index, "name")
    for index, claim in enumerate(spec.output_claim_to_headers or ()):
        if not claim.claim or not claim.header:
            yield wrong("a claim and a header are both needed", "outputClaimToHeaders", index)
        elif _HEADER.fullmatch(claim.header) is None:
            yield wrong(f"{show(claim.header)} is no name of a header", "outputClaimToHeaders", index, "header")
    if spec.jwks:
        yield from _keys(spec.jwks)


def _keys(text: str) -> Iterator[Violation]:
    try:
        value = json.loads(text)
    except ValueError:
        yield wrong("`jwks` is no JSON", "jwks", help="paste the whole JSON Web Key Set")
        return
    keys = value.get("keys", [value]) if isinstance(value, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and isinstance(key.get("kty"), str) for key in keys):
        yield wrong("`jwks` is no JSON Web Key Set", "jwks", help='it has the form `{"keys": [{"kty": …}]}`')
        return
    if any("d" in key or key["kty"] == "oct" for key in keys):
        message = "`jwks` holds a private key, which nobody needs to verify a token"
        yield Violation(("jwks",), message, "keep only the public part, and take the key out of use", PRIVATE_KEY_IN_JWKS)


RULES: Final[Rules] = {
    WorkloadSelector: (selector,),
    NetworkingWorkloadSelector: (networking_selector,),
    PolicyTargetReference: (target,),
    AuthorizationPolicy: (authorization_policy,),
    Rule: (rule,),
    Source: (source,),
    Operation: (operation,),
    Condition: (condition,),
    JWTRule: (jwt_rule,),
}
