"""Fields of an AuthorizationPolicy rule as RBAC permissions and principals (envoy-mapping.md §5.1)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from meshgen.emit.envoy.names import TYPE
from meshgen.json import JsonObject, JsonValue

_TEMPLATE = f"{TYPE}envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
_JWT = "envoy.filters.http.jwt_authn"
_ANY_TEXT: Final[JsonObject] = {"safe_regex": {"regex": ".+"}}
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


@dataclass(frozen=True, slots=True)
class Field:
    """What a value of a field becomes."""

    matcher: Callable[[str], JsonObject]
    is_permission: bool = False  # else a principal
    is_http: bool = False  # means nothing on a TCP connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One field of a rule with its values and the values that it must not have."""

    field: Field
    values: Sequence[str]
    not_values: Sequence[str]


def clause_to_rules(clause: Clause) -> list[JsonValue]:
    """The matchers that a clause adds to a conjunction: one of the values, and none of the not-values."""
    kind = ("or_rules", "rules", "not_rule") if clause.field.is_permission else ("or_ids", "ids", "not_id")
    found: list[JsonValue] = []
    if clause.values:
        found.append({kind[0]: {kind[1]: [clause.field.matcher(value) for value in clause.values]}})
    if clause.not_values:
        refused: JsonObject = {kind[0]: {kind[1]: [clause.field.matcher(value) for value in clause.not_values]}}
        found.append({kind[2]: refused})
    return found


# --- strings --------------------------------------------------------------------------------------------------------
def quote(text: str) -> str:
    """`text` as a literal in RE2."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def string_match(value: str) -> JsonObject:
    """Istio's wildcards: `*` any text but none, `*x` suffix, `x*` prefix."""
    if value == "*":
        return _ANY_TEXT
    if value.startswith("*"):
        return {"suffix": value[1:]}
    if value.endswith("*"):
        return {"prefix": value[:-1]}
    return {"exact": value}


def header(name: str, *, ignore_case: bool = False) -> Callable[[str], JsonObject]:
    """A header matcher; `*` means that the header is there."""

    def match(value: str) -> JsonObject:
        if value == "*":
            return {"header": {"name": name, "present_match": True}}
        matcher = string_match(value) | ({"ignore_case": True} if ignore_case else {})
        return {"header": {"name": name, "string_match": matcher}}

    return match


# --- permissions ----------------------------------------------------------------------------------------------------
def _path(value: str) -> JsonObject:
    if "{*}" in value or "{**}" in value:
        template = value.replace("{*}", "*").replace("{**}", "**")
        config: JsonObject = {"@type": _TEMPLATE, "path_template": template}
        return {"uri_template": {"name": "uri-template", "typed_config": config}}
    return {"url_path": {"path": string_match(value)}}


def _port(value: str) -> JsonObject:
    return {"destination_port": int(value)}


def _cidr(key: str) -> Callable[[str], JsonObject]:
    def match(value: str) -> JsonObject:
        address, _, length = value.partition("/")
        bits = int(length) if length else ipaddress.ip_address(address).max_prefixlen
        return {key: {"address_prefix": address, "prefix_len": bits}}

    return match


def _server_name(value: str) -> JsonObject:
    return {"requested_server_name": string_match(value)}


def _dynamic_metadata(key: str) -> Callable[[str], JsonObject]:
    """`experimental.envoy.filters.<filter>[<key>]`: a list's item in `[value]`, else a string."""
    name, _, path = key.removeprefix("experimental.").rstrip("]").partition("[")

    def match(value: str) -> JsonObject:
        if value.startswith("[") and value.endswith("]"):
            wanted: JsonObject = {"list_match": {"one_of": {"string_match": string_match(value[1:-1])}}}
        else:
            wanted = {"string_match": string_match(value)}
        return _metadata({"filter": name, "path": [{"key": path}], "value": wanted})

    return match


def _metadata(matcher: JsonObject) -> JsonObject:
    """Dynamic metadata, in the form that followed `metadata` (istiod still writes that one)."""
    return {"sourced_metadata": {"metadata_matcher": matcher}}


# --- principals -----------------------------------------------------------------------------------------------------
def _authenticated(matcher: JsonObject) -> JsonObject:
    return {"authenticated": {"principal_name": matcher}}


def _principal(value: str) -> JsonObject:
    """A certificate's identity, written without `spiffe://`; `*` is any, so mutual TLS must be there."""
    if value == "*":
        return _authenticated(_ANY_TEXT)
    if value.startswith("*"):
        return _authenticated({"safe_regex": {"regex": f"spiffe://.*{quote(value[1:])}"}})
    if value.endswith("*"):
        return _authenticated({"prefix": f"spiffe://{value[:-1]}"})
    return _authenticated({"exact": f"spiffe://{value}"})


def _namespace(value: str) -> JsonObject:
    pattern = quote(value).replace(r"\*", ".*")
    return _authenticated({"safe_regex": {"regex": f".*/ns/{pattern}/.*"}})


def _service_account(policy_namespace: str) -> Callable[[str], JsonObject]:
    def match(value: str) -> JsonObject:
        namespace, _, account = value.rpartition("/")
        path = f"{quote(namespace or policy_namespace)}/(.+/|)sa/{quote(account)}(/.+)?"
        return _authenticated({"safe_regex": {"regex": f"spiffe://.+/ns/{path}"}})

    return match


def _trust_domain(value: str) -> JsonObject:
    return _authenticated({"prefix": "spiffe://" if value == "*" else f"spiffe://{value}/"})


def _claim(path: Sequence[str], value: JsonObject) -> JsonObject:
    keys: list[JsonValue] = [{"key": key} for key in ("payload", *path)]
    return _metadata({"filter": _JWT, "path": keys, "value": value})


def _request_principal(value: str) -> JsonObject:
    """`issuer/subject`, split at the last slash."""
    issuer, slash, subject = value.rpartition("/")
    if value == "*":
        matchers = (_ANY_TEXT, _ANY_TEXT)
    elif slash:
        matchers = (string_match(issuer), string_match(subject))
    elif value.startswith("*"):
        matchers = (_ANY_TEXT, string_match(value))
    else:
        matchers = (string_match(value), _ANY_TEXT)
    claims: list[JsonValue] = [
        _claim([name], {"string_match": matcher}) for name, matcher in zip(("iss", "sub"), matchers, strict=True)
    ]
    return {"and_ids": {"ids": claims}}


def _claim_values(*path: str) -> Callable[[str], JsonObject]:
    """A claim that is the value, or a list that holds it."""

    def match(value: str) -> JsonObject:
        matcher: JsonObject = {"string_match": string_match(value)}
        return _claim(path, {"or_match": {"value_matchers": [{"list_match": {"one_of": matcher}}, matcher]}})

    return match


# --- the fields -----------------------------------------------------------------------------------------------------
HOSTS = Field(header(":authority", ignore_case=True), is_permission=True, is_http=True)
METHODS = Field(header(":method"), is_permission=True, is_http=True)
PATHS = Field(_path, is_permission=True, is_http=True)
PORTS = Field(_port, is_permission=True)

PRINCIPALS = Field(_principal)
NAMESPACES = Field(_namespace)
TRUST_DOMAINS = Field(_trust_domain)
REQUEST_PRINCIPALS = Field(_request_principal, is_http=True)
IP_BLOCKS = Field(_cidr("direct_remote_ip"))
REMOTE_IP_BLOCKS = Field(_cidr("remote_ip"))

_CONDITIONS: Final[dict[str, Field]] = {
    "destination.ip": Field(_cidr("destination_ip"), is_permission=True),
    "destination.port": PORTS,
    "connection.sni": Field(_server_name, is_permission=True),
    "source.ip": IP_BLOCKS,
    "remote.ip": REMOTE_IP_BLOCKS,
    "source.namespace": NAMESPACES,
    "source.principal": PRINCIPALS,
    "source.trustDomain": TRUST_DOMAINS,
    "request.auth.principal": REQUEST_PRINCIPALS,
    "request.auth.audiences": Field(_claim_values("aud"), is_http=True),
    "request.auth.presenter": Field(_claim_values("azp"), is_http=True),
}
_BRACKETED = re.compile(r"\[([^\]]+)\]")


def service_accounts(policy_namespace: str) -> Field:
    """`serviceAccounts`: `account` of the policy's namespace, or `namespace/account`."""
    return Field(_service_account(policy_namespace))


def condition(key: str, policy_namespace: str) -> Field | None:
    """The field of a `when` key; None for a key that Istio does not know."""
    if key == "source.serviceAccount":
        return service_accounts(policy_namespace)
    return _CONDITIONS.get(key) or _bracketed(key)


def _bracketed(key: str) -> Field | None:
    inner = _BRACKETED.findall(key)
    if not inner:
        return None
    if key.startswith("request.headers["):
        return Field(header(inner[0]), is_http=True)
    if key.startswith("request.auth.claims["):
        return Field(_claim_values(*inner), is_http=True)
    if key.startswith("experimental.envoy.filters."):
        return Field(_dynamic_metadata(key), is_permission=True)
    return None
