"""Permissions and principals (envoy.config.rbac.v3): whether they match, and in words why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshgen.trace.fields import boolean, integer, message, messages, string, typed_config
from meshgen.trace.match import why_not_header, why_not_metadata, why_not_string, why_not_template, why_not_url_path
from meshgen.trace.message import HttpMessage
from meshgen.trace.steps.arrival import in_range

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

# What matchers see on a connection that carries no HTTP: no headers at all.
_NO_MESSAGE = HttpMessage(method="", path="", host="", scheme="", headers=())
NOTHING = "it matches nothing"
"""Why a policy without a rule does not match."""
_SAID = 3  # alternatives whose failures are told
_LISTS = {"and_rules": "rules", "or_rules": "rules", "and_ids": "ids", "or_ids": "ids"}


def why_none(walk: Walk, rules: Sequence[JsonObject]) -> str | None:
    """Why none of some permissions or principals matches; None if one does."""
    failures: list[str] = []
    for rule in rules:
        failure = _why_not(walk, rule)
        if failure is None:
            return None
        failures.append(failure)
    if not failures:
        return "it names none"
    told = list(dict.fromkeys(failures))
    more = f"; and {len(told) - _SAID} more" if len(told) > _SAID else ""
    return f"{'; '.join(told[:_SAID])}{more}"


def _why_not(walk: Walk, rule: JsonObject) -> str | None:
    """A `Permission` or a `Principal`, which has one field."""
    failure: str | None = "it is of a kind that is not known here"
    for kind in rule:
        failure = _why_not_kind(walk, kind, rule)
        if failure is None:
            return None
    return failure


def _why_not_kind(walk: Walk, kind: str, rule: JsonObject) -> str | None:
    if kind in _LISTS:
        inner = messages(message(rule, kind), _LISTS[kind])
        if kind.startswith("or_"):
            return why_none(walk, inner)
        return next((failure for each in inner if (failure := _why_not(walk, each)) is not None), None)
    if kind in ("not_rule", "not_id"):
        excluded = message(rule, kind)
        if "any" in excluded:
            return NOTHING
        return None if _why_not(walk, excluded) is not None else f"{_described(excluded)} is excluded"
    connection = _why_not_connection(walk, kind, rule)
    return connection[0] if connection is not None else _why_not_sent(walk, kind, rule)


def _why_not_connection(walk: Walk, kind: str, rule: JsonObject) -> tuple[str | None] | None:  # noqa: PLR0911 - a table of kinds
    """What is asked of the connection; None for a kind that is about the request."""
    content, request = message(rule, kind), walk.request
    match kind:
        case "destination_ip":
            return (_why_not_in("destination address", request.address or "", content),)
        case "destination_port":
            wanted = integer(rule, kind)
            return (None if request.port == wanted else f"port {request.port} is not {wanted}",)
        case "destination_port_range":
            start, end = integer(content, "start"), integer(content, "end")
            return (None if start <= request.port < end else f"port {request.port} is not in [{start}, {end})",)
        case "requested_server_name":
            failure = why_not_string(content, request.server_name)
            return (None if failure is None else f"server name {failure}",)
        case "authenticated":
            return (_why_not_authenticated(walk, content),)
        case "direct_remote_ip" | "source_ip":
            return (_why_not_in("peer address", request.source_ip, content),)
        case "remote_ip":
            return (_why_not_in("client address", walk.remote_ip or request.source_ip, content),)
    return None


def _why_not_in(what: str, address: str, cidr: JsonObject) -> str | None:
    if in_range(address, cidr):
        return None
    return f"{what} `{address}` is not in {string(cidr, 'address_prefix')}/{integer(cidr, 'prefix_len')}"


def _why_not_sent(walk: Walk, kind: str, rule: JsonObject) -> str | None:  # noqa: PLR0911 - as above
    content, sent = message(rule, kind), walk.message or _NO_MESSAGE
    match kind:
        case "any":
            return None if boolean(rule, kind) else "it is about nobody"
        case "header":
            return why_not_header(content, sent)
        case "url_path":
            return why_not_url_path(content, sent)
        case "uri_template":
            return why_not_template(content, sent.bare_path)
        case "metadata":
            return why_not_metadata(content, walk.metadata)
        case "sourced_metadata":
            return why_not_metadata(message(content, "metadata_matcher"), walk.metadata)
    unknown = f"rbac {kind}: {typed_config(content)[0]}".removesuffix(": ")
    walk.opaque.append(unknown)
    return f"{unknown} is not simulated"


def _why_not_authenticated(walk: Walk, matcher: JsonObject) -> str | None:
    """By the client certificate that this proxy has verified: its URI, or an empty subject where it has none."""
    if not walk.has_tls:
        return "the caller speaks plaintext, so nobody knows who it is"
    if "principal_name" not in matcher:
        return None if walk.has_certificate else "the caller presents no certificate"
    principal = walk.request.principal if walk.has_certificate else ""
    wanted = message(matcher, "principal_name")
    failure = why_not_string(wanted, f"spiffe://{principal}" if principal else "")
    if failure is None:
        return None
    return f"caller {failure}" if principal else "the caller presents no identity"


def _described(rule: JsonObject) -> str:
    """A rule in a few words, for one that is excluded."""
    kind = next(iter(rule), "")
    content = message(rule, kind)
    if kind in _LISTS:
        inner = [_described(each) for each in messages(content, _LISTS[kind])]
        joint = " and " if kind.startswith("and_") else " or "
        return joint.join(inner[:_SAID]) + (", …" if len(inner) > _SAID else "")
    if kind == "header":
        return f"header `{string(content, 'name')}`{_text_of(message(content, 'string_match'))}"
    if kind in ("url_path", "authenticated"):
        inner_kind = {"url_path": "path", "authenticated": "principal_name"}[kind]
        return f"{'path' if kind == 'url_path' else 'caller'}{_text_of(message(content, inner_kind))}"
    if "address_prefix" in content:
        return f"address {string(content, 'address_prefix')}/{integer(content, 'prefix_len')}"
    return f"port {integer(rule, kind)}" if kind == "destination_port" else kind.replace("_", " ")


def _text_of(matcher: JsonObject) -> str:
    for kind in ("exact", "prefix", "suffix", "contains"):
        if kind in matcher:
            return f" {'' if kind == 'exact' else f'with {kind} '}`{string(matcher, kind)}`"
    return f" matching `{string(message(matcher, 'safe_regex'), 'regex')}`" if "safe_regex" in matcher else ""
