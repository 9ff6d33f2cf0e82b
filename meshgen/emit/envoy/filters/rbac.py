"""AuthorizationPolicies as RBAC filters: AUDIT, DENY, ALLOW, in the order of their decision (envoy-mapping.md §5.1).

A policy's rule is found again by its name, `ns[<namespace>]-policy[<name>]-rule[<index>]`, which Envoy also counts and logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from meshgen.emit.envoy.filters.rbac_matchers import (
    HOSTS,
    IP_BLOCKS,
    METHODS,
    NAMESPACES,
    PATHS,
    PORTS,
    PRINCIPALS,
    REMOTE_IP_BLOCKS,
    REQUEST_PRINCIPALS,
    TRUST_DOMAINS,
    Clause,
    Field,
    clause_to_rules,
    condition,
    service_accounts,
)
from meshgen.emit.envoy.names import TYPE
from meshgen.istio.authorization_policy import AuthorizationPolicy, Condition, Operation, Rule, Source
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Proxy

HTTP_RBAC: Final = "envoy.filters.http.rbac"
NETWORK_RBAC: Final = "envoy.filters.network.rbac"
_DRY_RUN = "istio.io/dry-run"
# LOG never refuses; a DENY goes before any ALLOW; only ALLOW policies refuse what they do not name.
_ACTIONS: Final = (("AUDIT", "LOG"), ("DENY", "DENY"), ("ALLOW", "ALLOW"))


def http_filters(mesh: Mesh, proxy: Proxy) -> tuple[JsonObject, ...]:
    """The HTTP RBAC filters of a workload (a sidecar's inbound chains, or a gateway), those that exist."""
    return tuple(_filters(mesh, proxy, tcp=False))


def network_filters(mesh: Mesh, proxy: Proxy) -> tuple[JsonObject, ...]:
    """The same for connections that are not HTTP, where HTTP fields mean nothing."""
    return tuple(_filters(mesh, proxy, tcp=True))


def _filters(mesh: Mesh, proxy: Proxy, *, tcp: bool) -> Iterator[JsonObject]:
    policies = mesh.authorization_policies(proxy.namespace, proxy.labels)
    for action, envoy_action in _ACTIONS:
        mine = [policy for policy in policies if (policy.spec.action or "ALLOW") == action]
        enforced = [policy for policy in mine if not is_dry_run(policy)]
        shadowed = [policy for policy in mine if is_dry_run(policy)]
        config: JsonObject = {}
        if enforced:
            config["rules"] = rbac_rules(enforced, envoy_action, mesh.config, tcp=tcp)
        if shadowed:
            config["shadow_rules"] = rbac_rules(shadowed, envoy_action, mesh.config, tcp=tcp)
            config["shadow_rules_stat_prefix"] = f"istio_dry_run_{action.lower()}_"
        if config:
            yield rbac_filter(config, tcp=tcp)


def is_dry_run(policy: IstioObject[AuthorizationPolicy]) -> bool:
    """Whether a policy is only counted, not enforced."""
    return policy.annotations.get(_DRY_RUN, "").lower() == "true"


def rbac_filter(config: JsonObject, *, tcp: bool) -> JsonObject:
    """The filter around a configuration."""
    name = NETWORK_RBAC if tcp else HTTP_RBAC
    kind = f"{TYPE}envoy.extensions.filters.{'network' if tcp else 'http'}.rbac.v3.RBAC"
    return {"name": name, "typed_config": {"@type": kind, **config, **({"stat_prefix": "tcp."} if tcp else {})}}


def rbac_rules(
    policies: Sequence[IstioObject[AuthorizationPolicy]],
    action: str,
    config: MeshConfig,
    *,
    tcp: bool,
    prefix: str = "",
    suffix: str = "",
) -> JsonObject:
    """Envoy's RBAC with one policy for each rule; without any it refuses all (ALLOW) or nothing (DENY, LOG)."""
    found: dict[str, JsonValue] = {}
    for policy in policies:
        for index, rule in enumerate(policy.spec.rules or (None,)):
            translated = _policy(rule, policy, action, config, tcp=tcp)
            if translated is not None:
                found[f"{prefix}ns[{policy.namespace}]-policy[{policy.name}]-rule[{index}]{suffix}"] = translated
    rules: JsonObject = {"action": action}
    return rules | ({"policies": found} if found else {})


def _policy(
    rule: Rule | None, policy: IstioObject[AuthorizationPolicy], action: str, config: MeshConfig, *, tcp: bool
) -> JsonObject | None:
    """One rule; None where it can never match.

    On TCP an ALLOW rule with an HTTP field is dropped, for nobody could prove to fulfil it; other actions drop the field alone
    and so match more, which is istiod's choice.
    """
    if rule is None:  # a policy without rules matches nothing: `{}` as ALLOW refuses all
        return {"permissions": [{"not_rule": {"any": True}}], "principals": [{"not_id": {"any": True}}]}
    conditions = _conditions(rule.when or (), policy.namespace, config)
    if conditions is None:
        return None
    operations = [_operation(entry.operation or Operation()) for entry in rule.to or ()] or [[]]
    sources = [_source(entry.source or Source(), policy.namespace, config) for entry in rule.from_ or ()] or [[]]
    clauses = [*conditions, *(clause for group in (*operations, *sources) for clause in group)]
    if tcp and action == "ALLOW" and any(clause.field.is_http for clause in clauses):
        return None
    permissions = [clause for clause in conditions if clause.field.is_permission]
    principals = [clause for clause in conditions if not clause.field.is_permission]
    return {
        "permissions": [_conjunction([*group, *permissions], "and_rules", "rules", tcp=tcp) for group in operations],
        "principals": [_conjunction([*group, *principals], "and_ids", "ids", tcp=tcp) for group in sources],
    }


def _conjunction(clauses: Sequence[Clause], outer: str, inner: str, *, tcp: bool) -> JsonObject:
    usable = [clause for clause in clauses if not (tcp and clause.field.is_http)]
    rules = [matcher for clause in usable for matcher in clause_to_rules(clause)]
    return {outer: {inner: rules or [{"any": True}]}}


def _operation(operation: Operation) -> list[Clause]:
    return _present(
        (HOSTS, operation.hosts, operation.not_hosts),
        (METHODS, operation.methods, operation.not_methods),
        (PATHS, operation.paths, operation.not_paths),
        (PORTS, operation.ports, operation.not_ports),
    )


def _source(source: Source, namespace: str, config: MeshConfig) -> list[Clause]:
    return _present(
        (PRINCIPALS, _with_aliases(source.principals, config), _with_aliases(source.not_principals, config)),
        (REQUEST_PRINCIPALS, source.request_principals, source.not_request_principals),
        (service_accounts(namespace), source.service_accounts, source.not_service_accounts),
        (NAMESPACES, source.namespaces, source.not_namespaces),
        (TRUST_DOMAINS, source.trust_domains, source.not_trust_domains),
        (REMOTE_IP_BLOCKS, source.remote_ip_blocks, source.not_remote_ip_blocks),
        (IP_BLOCKS, source.ip_blocks, source.not_ip_blocks),
    )


def _present(*fields: tuple[Field, Sequence[str] | None, Sequence[str] | None]) -> list[Clause]:
    return [
        Clause(field=field, values=values or (), not_values=not_values or ())
        for field, values, not_values in fields
        if values or not_values
    ]


def _conditions(conditions: Sequence[Condition], namespace: str, config: MeshConfig) -> list[Clause] | None:
    """The clauses of `when`; None where a key is unknown, which makes the rule void."""
    clauses: list[Clause] = []
    for entry in conditions:
        field = condition(entry.key, namespace)
        if field is None:
            return None
        values: Sequence[str] | None = entry.values
        not_values: Sequence[str] | None = entry.not_values
        if field is PRINCIPALS:
            values, not_values = _with_aliases(values, config), _with_aliases(not_values, config)
        clauses += _present((field, values, not_values))
    return clauses


def _with_aliases(principals: Sequence[str] | None, config: MeshConfig) -> Sequence[str] | None:
    """Each principal of the mesh's trust domain, once for the domain and once for each of its aliases.

    `cluster.local` stands for the mesh's own trust domain, whatever that is called.
    """
    if principals is None:
        return None
    domains = (config.trust_domain, *config.trust_domain_aliases)
    found: list[str] = []
    for principal in principals:
        domain, slash, rest = principal.partition("/")
        if not slash or domain == "*" or len(principal.split("/")) != 5 or not _is_own(domain, domains):
            found.append(principal)
        else:
            found += [f"{name}/{rest}" for name in domains if "*" not in domain or _matches(name, domain)]
    return found


def _is_own(domain: str, domains: Sequence[str]) -> bool:
    return domain == "cluster.local" or any(_matches(name, domain) for name in domains)


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
