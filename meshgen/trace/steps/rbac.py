"""Role-based access control, of HTTP requests and of connections (envoy.config.rbac.v3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import message, messages, string
from meshgen.trace.source import source_of_policy
from meshgen.trace.steps.rbac_rules import why_none
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

_NEAR = 20


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
    operation = why_none(walk, messages(policy, "permissions"))
    if operation is not None:
        return f"other operations: {operation}"
    caller = why_none(walk, messages(policy, "principals"))
    return f"other callers: {caller}" if caller is not None else None
