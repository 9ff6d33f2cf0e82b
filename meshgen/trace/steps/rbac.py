"""Role-based access control, of HTTP requests and of connections (envoy.config.rbac.v3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, integer, message, messages, string, typed_config
from meshgen.trace.match import why_not_header, why_not_metadata, why_not_string, why_not_template, why_not_url_path
from meshgen.trace.message import HttpMessage
from meshgen.trace.source import source_of_policy
from meshgen.trace.steps.arrival import in_range
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

_NEAR = 20
# What matchers see on a connection that carries no HTTP: no headers at all.
_NO_MESSAGE = HttpMessage(method="", path="", host="", scheme="", headers=())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rules say: whether the request may pass, and the policy that decided, empty if none matched."""

    allowed: bool
    policy: str
    nearly: tuple[tuple[str, str], ...]


def apply_http(walk: Walk, config: JsonObject) -> Answer | None:
    """The HTTP filter: 403 where the rules do not allow; a route may bring rules of its own."""
    per_route = walk.matched.per_filter("envoy.filters.http.rbac") if walk.matched else None
    if per_route is not None and per_route[0].endswith("RBACPerRoute"):
        config = message(per_route[1], "rbac")
    if _denies(walk, config):
        body, headers = "RBAC: access denied", (("content-type", "text/plain"),)
        return Answer(outcome=Outcome.DENIED, status=403, body=body, headers=headers)
    return None


def apply_network(walk: Walk, config: JsonObject) -> Answer | None:
    """The network filter: the connection is closed where the rules do not allow."""
    return Answer(outcome=Outcome.DENIED) if _denies(walk, config) else None


def _denies(walk: Walk, config: JsonObject) -> bool:
    _note_shadow(walk, config)
    for field in ("matcher", "shadow_matcher"):
        if field in config:
            walk.opaque.append(f"rbac {field}")
    if "rules" not in config:
        return False
    rules = message(config, "rules")
    verdict = judge(walk, rules)
    action = string(rules, "action", "ALLOW")
    if action == "LOG":
        return False
    chosen = "allowed" if verdict.allowed else "denied"
    reason = f"policy `{verdict.policy}` matches ({action})" if verdict.policy else f"no {action} policy matches"
    walk.note("rbac", chosen, reason, verdict.nearly, source_of_policy(verdict.policy))
    return not verdict.allowed


def _note_shadow(walk: Walk, config: JsonObject) -> None:
    """Dry-run rules: their verdict goes to dynamic metadata, where ext_authz looks for it, and nowhere else."""
    if "shadow_rules" not in config:
        return
    prefix = string(config, "shadow_rules_stat_prefix")
    verdict = judge(walk, message(config, "shadow_rules"))
    values: JsonObject = {f"{prefix}shadow_engine_result": "allowed" if verdict.allowed else "denied"}
    if verdict.policy:
        values[f"{prefix}shadow_effective_policy_id"] = verdict.policy
    walk.set_metadata("envoy.filters.http.rbac", values)
    result = "allowed" if verdict.allowed else "denied"
    walk.shadow.append((prefix, f"{result} by {verdict.policy}" if verdict.policy else result))


def judge(walk: Walk, rules: JsonObject) -> Verdict:
    """Whether rules let the request pass: ALLOW needs a policy that matches, DENY none; LOG always lets it pass."""
    action = string(rules, "action", "ALLOW")
    nearly: list[tuple[str, str]] = []
    policies = message(rules, "policies")
    for name in sorted(policies):  # a map in protobuf, walked in the order of names (std::map)
        failure = _why_not_policy(walk, message(policies, name))
        if failure is None:
            return Verdict(action != "DENY", name, tuple(nearly))
        if len(nearly) < _NEAR:
            nearly.append((name, failure))
    return Verdict(action != "ALLOW", "", tuple(nearly))


def _why_not_policy(walk: Walk, policy: JsonObject) -> str | None:
    if "condition" in policy or "checked_condition" in policy:
        walk.opaque.append("rbac condition")
    if not any(_permits(walk, each) for each in messages(policy, "permissions")):
        return "it is about other operations"
    if not any(_is_principal(walk, each) for each in messages(policy, "principals")):
        return "it is about other callers"
    return None


def _sent(walk: Walk) -> HttpMessage:
    return walk.message or _NO_MESSAGE


def _permits(walk: Walk, rule: JsonObject) -> bool:
    """A `Permission`."""
    return any(_matches_permission(walk, kind, rule) for kind in rule)


def _matches_permission(walk: Walk, kind: str, rule: JsonObject) -> bool:  # noqa: PLR0911 - a table of kinds
    content = message(rule, kind)
    match kind:
        case "and_rules":
            return all(_permits(walk, each) for each in messages(content, "rules"))
        case "or_rules":
            return any(_permits(walk, each) for each in messages(content, "rules"))
        case "not_rule":
            return not _permits(walk, content)
        case "destination_ip":
            return in_range(walk.request.address or "", content)
        case "destination_port":
            return walk.request.port == integer(rule, kind)
        case "destination_port_range":
            return integer(content, "start") <= walk.request.port < integer(content, "end")
        case "requested_server_name":
            return why_not_string(content, walk.request.server_name) is None
        case "uri_template":
            return why_not_template(content, _sent(walk).bare_path) is None
        case _:
            return _matches_either(walk, kind, rule)


def _is_principal(walk: Walk, rule: JsonObject) -> bool:
    """A `Principal`."""
    return any(_matches_principal(walk, kind, rule) for kind in rule)


def _matches_principal(walk: Walk, kind: str, rule: JsonObject) -> bool:  # noqa: PLR0911 - a table of kinds
    content = message(rule, kind)
    match kind:
        case "and_ids":
            return all(_is_principal(walk, each) for each in messages(content, "ids"))
        case "or_ids":
            return any(_is_principal(walk, each) for each in messages(content, "ids"))
        case "not_id":
            return not _is_principal(walk, content)
        case "authenticated":
            return _is_authenticated(walk, content)
        case "direct_remote_ip" | "source_ip":
            return in_range(walk.request.source_ip, content)
        case "remote_ip":
            return in_range(walk.remote_ip or walk.request.source_ip, content)
        case _:
            return _matches_either(walk, kind, rule)


def _matches_either(walk: Walk, kind: str, rule: JsonObject) -> bool:
    """The kinds that permissions and principals share."""
    content = message(rule, kind)
    match kind:
        case "any":
            return boolean(rule, kind)
        case "header":
            return why_not_header(content, _sent(walk)) is None
        case "url_path":
            return why_not_url_path(content, _sent(walk)) is None
        case "metadata":
            return why_not_metadata(content, walk.metadata) is None
        case "sourced_metadata":
            return why_not_metadata(message(content, "metadata_matcher"), walk.metadata) is None
        case _:
            walk.opaque.append(f"rbac {kind}: {typed_config(content)[0]}".removesuffix(": "))
            return False


def _is_authenticated(walk: Walk, matcher: JsonObject) -> bool:
    """By the client certificate that this proxy has verified: its URI, or an empty subject where it has none."""
    if not walk.has_tls:
        return False
    if "principal_name" not in matcher:
        return walk.request.has_certificate
    wanted = message(matcher, "principal_name")
    return any(why_not_string(wanted, name) is None for name in _names(walk))


def _names(walk: Walk) -> Iterable[str]:
    principal = walk.request.principal if walk.request.has_certificate else ""
    return (f"spiffe://{principal}" if principal else "",)
