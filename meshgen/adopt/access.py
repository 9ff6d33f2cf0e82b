"""AuthorizationPolicies → Access.

Policies that an Access would name after itself (`x`, `x-deny`) and that are for the same Pods are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from meshgen.adopt.meaning import own_marks
from meshgen.adopt.meaning_of_policies import MAX_SOURCES
from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, Unsaid, each, fields, plain, scope
from meshgen.intent.access import Access
from meshgen.json import JsonObject, JsonValue

_DRY_RUN = "istio.io/dry-run"
_FIELDS = {"ALLOW": "allow", "DENY": "deny", "AUDIT": "audit", "CUSTOM": "external"}
_SUFFIXES = {"DENY": "-deny", "AUDIT": "-audit"}


def access(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Access that gives one policy."""
    yield _proposal((native,), native.name, beside)


def together(natives: Iterable[Native], beside: Surroundings) -> Iterator[Proposal]:
    """An Access for each set of policies that it would give under its own names: `x` with `x-deny`, or `x-deny` alone."""
    by_name: dict[tuple[str, str], list[Native]] = {}
    taken = {(native.namespace, native.name) for native in natives}
    for native in natives:
        name = native.name.removesuffix(_suffix(native))
        by_name.setdefault((native.namespace, name), []).append(native)
    for (namespace, name), group in by_name.items():
        derived = [native for native in group if native.name != name]
        alone = len(group) == 1 and (namespace, name) not in taken
        if derived and name and (alone or _alike(group)):
            yield _proposal(tuple(group), name, beside)


def _suffix(native: Native) -> str:
    if native.spec.action == "CUSTOM" and native.spec.provider is not None:
        return f"-{native.spec.provider.name}"
    return _SUFFIXES.get(native.spec.action, "")


def _alike(group: list[Native]) -> bool:
    actions = [native.spec.action or "ALLOW" for native in group]
    if len(set(actions)) < len(actions):
        return False
    first = group[0]
    return all(
        (own_marks(each.labels), own_marks(each.annotations)) == (own_marks(first.labels), own_marks(first.annotations))
        and (each.spec.selector, each.spec.target_ref, each.spec.target_refs)
        == (first.spec.selector, first.spec.target_ref, first.spec.target_refs)
        for each in group
    )


def _proposal(natives: tuple[Native, ...], name: str, beside: Surroundings) -> Proposal:
    first = natives[0]
    said = scope(first, beside)
    for native in natives:
        said |= _rules(native, beside)
    annotations = dict(first.annotations)
    if annotations.get(_DRY_RUN) == "true":
        del annotations[_DRY_RUN]
        said["dryRun"] = True
    return Proposal(
        kind=Access,
        name=name,
        namespace=first.namespace,
        spec=said,
        objects=natives,
        names={} if _follows(natives, name) else {first.kind: first.name},
        labels=first.labels,
        annotations=annotations,
    )


def _follows(natives: tuple[Native, ...], name: str) -> bool:
    """Whether the names of the policies follow from the name of the Access."""
    return all(native.name == f"{name}{_suffix(native)}" for native in natives)


def _rules(native: Native, beside: Surroundings) -> JsonObject:
    spec = native.spec
    action = spec.action or "ALLOW"
    if action == "ALLOW" and not spec.rules:
        return {"default": "deny"}
    reader = _Rules(native.namespace, beside)
    rules: list[JsonValue] = [reader.rule(rule) for rule in spec.rules or ()]
    if action == "CUSTOM":
        if spec.provider is None or not spec.provider.name:
            raise Unsaid("its action is CUSTOM, and it names no provider")
        rules = [{**rule, "provider": spec.provider.name} for rule in rules if isinstance(rule, dict)]
        if not rules:
            raise Unsaid("its action is CUSTOM, and it has no rules")
    return {_FIELDS[action]: rules}


_EXCLUDED = {
    "not_principals": "principal",
    "not_namespaces": "namespace",
    "not_trust_domains": "trustDomain",
    "not_ip_blocks": "ip",
    "not_remote_ip_blocks": "remoteIp",
    "not_request_principals": "requestPrincipal",
    "not_service_accounts": "serviceAccount",
}
_NAMED = {
    "principals": "principal",
    "namespaces": "namespace",
    "trust_domains": "trustDomain",
    "ip_blocks": "ip",
    "remote_ip_blocks": "remoteIp",
    "request_principals": "requestPrincipal",
    "service_accounts": "serviceAccount",
}
_CONDITION: Table = {"key": "key", "values": "values", "not_values": "notValues"}


class _Rules:
    """Reads the rules of one policy."""

    def __init__(self, namespace: str, beside: Surroundings) -> None:
        self.namespace = namespace
        self.account = re.compile(rf"{re.escape(beside.trust_domain)}/ns/([^/*]+)/sa/([^/*]+)")

    def rule(self, rule: Any) -> JsonObject:  # noqa: ANN401 (Rule)
        """A rule: callers, operations, conditions."""
        said: JsonObject = {}
        if rule.from_:
            said["from"] = [caller for source in rule.from_ for caller in self._callers(source.source)]
        if rule.to:
            said["to"] = [_operation(each.operation) for each in rule.to]
        if rule.when:
            said["when"] = [fields(condition, _CONDITION) for condition in rule.when]
        return said

    def _callers(self, source: Any) -> Iterator[JsonObject]:  # noqa: ANN401 (Source)
        """A caller for each combination of the values of a source, all of which must hold."""
        named = [(key, getattr(source, name)) for name, key in _NAMED.items() if getattr(source, name, None)]
        excluded = [
            self._identity({key: value}) for name, key in _EXCLUDED.items() for value in getattr(source, name, None) or ()
        ]
        combinations = list(product(*(values for _, values in named)))
        if len(combinations) > MAX_SOURCES:
            raise Unsaid(f"a source of a rule stands for {len(combinations)} callers")
        for values in combinations:
            caller = _token(self._identity(dict(zip((key for key, _ in named), values, strict=True))))
            if excluded:
                caller = {**(caller or {"anyone": True}), "not": list[JsonValue](excluded)}
            yield caller

    def _identity(self, caller: JsonObject) -> JsonObject:
        """A principal as the service account that it is; an account by itself is that of any trust domain."""
        said = dict(caller)
        own = said.pop("serviceAccount", None)
        if isinstance(own, str):
            if "namespace" in said:
                raise Unsaid("a source names a namespace beside a service account")
            place, _, name = own.rpartition("/")
            elsewhere: JsonObject = {"namespace": place} if place and place != self.namespace else {}
            return {"serviceAccount": name, "anyTrustDomain": True, **elsewhere, **said}
        principal = said.get("principal")
        account = self.account.fullmatch(principal) if isinstance(principal, str) else None
        if account is not None and "namespace" not in said:
            del said["principal"]
            said = {"serviceAccount": account[2], **({"namespace": account[1]} if account[1] != self.namespace else {}), **said}
        return said


def _token(caller: JsonObject) -> JsonObject:
    """Any certificate of the mesh, and the issuer and subject of a token, as people write them."""
    said = dict(caller)
    if said.get("principal") == "*":
        said = {"authenticated": True, **{key: value for key, value in said.items() if key != "principal"}}
    principal = said.get("requestPrincipal")
    if principal == "*":
        del said["requestPrincipal"]
        said["jwt"] = {}
    elif isinstance(principal, str) and "/" in principal:
        issuer, _, subject = principal.rpartition("/")
        if issuer and subject:
            del said["requestPrincipal"]
            parts = {"issuer": issuer, "subject": subject}
            said["jwt"] = {key: part for key, part in parts.items() if part != "*"}
    return said


def _operation(operation: Any) -> JsonObject:  # noqa: ANN401 (Operation)
    lists: Table = {
        "methods": ("methods", each(_pattern)),
        "paths": ("paths", each(_pattern)),
        "hosts": ("hosts", each(_pattern)),
        "ports": ("ports", each(_port)),
        "not_methods": ("notMethods", each(_pattern)),
        "not_paths": ("notPaths", each(_pattern)),
        "not_hosts": ("notHosts", each(_pattern)),
        "not_ports": ("notPorts", each(_port)),
    }
    return fields(operation, lists)


def _pattern(text: str) -> JsonValue:
    return plain(text)


def _port(text: str) -> JsonValue:
    if not (text.isascii() and text.isdigit()):
        raise Unsaid(f"`{text}` is no port")
    return int(text)
