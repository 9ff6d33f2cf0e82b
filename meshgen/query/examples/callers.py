"""Who may be meant by an access rule: an example caller for each alternative of an RBAC principal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

from meshgen.diff.classes.matchers import describe
from meshgen.json import JsonObject, JsonValue
from meshgen.query.examples.texts import text_for
from meshgen.trace import Request
from meshgen.trace.fields import integer, message, messages, string

_JWT = "envoy.filters.http.jwt_authn"
_UNNAMED = "cluster.local/ns/other/sa/other"
_MOST = 64  # combinations of one principal's alternatives
_ANY_IDENTITY = ".+"  # what istiod makes of the principal `*`: any caller that is not plaintext
_NOBODY = "callers without mTLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a verified token says: the path within its payload, an example value, and the rule's words for it."""

    path: tuple[str, ...]
    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A workload (its name and SPIFFE identity without scheme), where it calls from, and what its token says."""

    workload: str = ""
    principal: str = ""
    network: str = ""
    source_ip: str = "10.255.255.1"
    claims: tuple[Claim, ...] = ()

    def name(self, *, inbound: bool, mutual: bool, namespace: str) -> str:
        """How sentences speak of the caller; workloads of `namespace` go without it."""
        base = self.workload.removeprefix(f"{namespace}/") or "any other workload"
        if not mutual:
            base = _NOBODY if inbound else "anyone"
        return base + (f" from {self.network}" if self.network else "") + self._token_name()

    def _token_name(self) -> str:
        if not self.claims:
            return ""
        issuer = next((f" of {claim.words}" for claim in self.claims if claim.path == ("iss",)), "")
        others = [
            f"{'.'.join(claim.path)}: {claim.words}"
            for claim in self.claims
            if claim.path != ("iss",) and not claim.words.startswith("~")
        ]
        return f" with a token{issuer}{''.join(f', {other}' for other in others)}"

    def sends(self, request: Request, issuers: tuple[str, ...]) -> Request:
        """The request as this caller sends it; `issuers` are those whose tokens the proxy verifies."""
        principal = (self.principal or _UNNAMED) if request.tls == "mtls" else ""
        sent = replace(request, principal=principal, source_ip=self.source_ip)
        if not self.claims:
            return sent
        payload: JsonObject = {}
        for claim in self.claims:
            _put(payload, claim.path, claim.value)
        issuer = payload.setdefault("iss", next(iter(issuers), ""))
        claims: Mapping[str, JsonObject] = {str(issuer): payload}
        return replace(sent, claims=claims)


ANYBODY = Caller()
"""A caller that no rule names."""


def _put(payload: JsonObject, path: tuple[str, ...], value: str) -> None:
    for name in path[:-1]:
        inner = payload.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        payload = inner
    payload[path[-1]] = value


def callers_of(principal: JsonObject) -> list[Caller]:
    """A caller for each alternative of an RBAC `Principal`; empty where none was found."""
    if "and_ids" in principal:
        parts = [callers_of(each) for each in messages(message(principal, "and_ids"), "ids")]
        combined = [_both(combination) for _, combination in zip(range(_MOST), product(*parts), strict=False)]
        return [caller for caller in combined if caller is not None]
    if "or_ids" in principal:
        return [caller for each in messages(message(principal, "or_ids"), "ids") for caller in callers_of(each)]
    if "authenticated" in principal:
        return _authenticated(message(principal, "authenticated", "principal_name"))
    metadata = message(principal, "sourced_metadata", "metadata_matcher") or message(principal, "metadata")
    if metadata:
        return _token(metadata)
    for field in ("direct_remote_ip", "remote_ip", "source_ip"):
        if field in principal:
            return [_address(message(principal, field))]
    # What is excluded is rarely what an unnamed caller has; the trace decides.
    return [ANYBODY] if "any" in principal or "not_id" in principal else []


def _both(callers: tuple[Caller, ...]) -> Caller | None:
    """One caller with the traits of all; None where two of them would have to be different workloads."""
    result = ANYBODY
    for each in callers:
        if each.principal and result.principal and each.principal != result.principal:
            return None
        if each.network and result.network:
            return None
        result = Caller(
            workload=each.workload or result.workload,
            principal=each.principal or result.principal,
            network=each.network or result.network,
            source_ip=each.source_ip if each.network else result.source_ip,
            claims=(*result.claims, *each.claims),
        )
    return result


def _authenticated(matcher: JsonObject) -> list[Caller]:
    if not matcher or message(matcher, "safe_regex").get("regex") == _ANY_IDENTITY:
        return [ANYBODY]
    text = text_for(matcher)
    if text is None:
        return []
    identity = text.removeprefix("spiffe://")
    complete, parts = _complete(identity), identity.split("/")
    if "ns" in parts[:-1] and "sa" not in parts:
        return [Caller(workload=f"namespace {parts[parts.index('ns') + 1]}", principal=complete)]
    if "sa" in parts[:-1]:
        return [Caller(workload=_identity_name(complete), principal=complete)]
    return [Caller(workload=f"identity {describe(matcher)}", principal=complete)]


def _complete(identity: str) -> str:
    """A whole identity around the part that a pattern asks for: `/ns/payments/` as `cluster.local/ns/payments/sa/any`."""
    text = identity
    if text.startswith("/sa/"):
        text = f"/ns/default{text}"
    if text.startswith("/"):
        text = f"cluster.local{text}"
    return f"{text}sa/any" if text.endswith("/") and "/sa/" not in text else text


def _identity_name(identity: str) -> str:
    """`shop/webapp` for `cluster.local/ns/shop/sa/webapp`."""
    parts = identity.split("/")
    if len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa":
        return f"{parts[2]}/{parts[4]}"
    return identity


def _address(cidr: JsonObject) -> Caller:
    prefix = string(cidr, "address_prefix")
    return Caller(network=f"{prefix}/{integer(cidr, 'prefix_len')}", source_ip=prefix)


def _token(matcher: JsonObject) -> list[Caller]:
    """A token with the claim that a matcher on jwt_authn's metadata asks for."""
    keys = tuple(string(segment, "key") for segment in messages(matcher, "path"))
    wanted = _string_matcher(message(matcher, "value"))
    text = text_for(wanted)
    if string(matcher, "filter") != _JWT or len(keys) < 2 or keys[0] != "payload" or text is None:
        return []
    return [Caller(claims=(Claim(path=keys[1:], value=text, words=describe(wanted)),))]


def _string_matcher(value: JsonValue) -> JsonObject:
    """The string matcher in a `ValueMatcher`; claims that may be lists have it twice, in an `or_match`."""
    if not isinstance(value, dict):
        return {}
    if "or_match" in value:
        inner = [_string_matcher(each) for each in messages(message(value, "or_match"), "value_matchers")]
        return next((each for each in inner if each), {})
    if "list_match" in value:
        return _string_matcher(message(value, "list_match").get("one_of"))
    return message(value, "string_match")
