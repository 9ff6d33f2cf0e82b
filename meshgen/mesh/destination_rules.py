"""Which destination rule is in effect for a host, rules of one host and namespace merged.

Follows istiod's `setDestinationRules`, `mergeDestinationRule` and `destinationRule` (envoy-mapping.md §4.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import fully_qualified, most_specific
from meshgen.istio.object import IstioObject
from meshgen.mesh.selection import selects
from meshgen.mesh.visibility import OWN_NAMESPACE, PUBLIC

Rule = IstioObject[DestinationRule]


@dataclass(slots=True)
class _Merged:
    """One rule, or several of one host merged."""

    rule: Rule
    export_to: frozenset[str]  # names of namespaces and "*"
    selector: Mapping[str, str] | None
    sources: list[Rule]


_ByHost = dict[str, list[_Merged]]


class DestinationRuleIndex:
    """Answers `which rule acts for this host, seen from this namespace`."""

    def __init__(self, rules: Sequence[Rule], default_export_to: tuple[str, ...], root_namespace: str) -> None:
        self._root = root_namespace
        self._local: dict[str, _ByHost] = {}
        self._exported: dict[str, _ByHost] = {}
        self._private_root: _ByHost = {}
        for rule in sorted(rules, key=lambda found: found.order):
            self._add(rule, default_export_to)

    def _add(self, rule: Rule, default_export_to: tuple[str, ...]) -> None:
        namespace = rule.namespace
        given = rule.spec.export_to or default_export_to
        exported = frozenset(namespace if name == OWN_NAMESPACE else name for name in given)
        selector = rule.spec.workload_selector
        if selector is not None and selector.match_labels:
            exported = frozenset((namespace,))  # a rule for some workloads never leaves its namespace
        private = exported == {namespace}
        if PUBLIC in exported or namespace in exported:
            _merge_into(self._local.setdefault(namespace, {}), rule, exported)
        if not private:
            _merge_into(self._exported.setdefault(namespace, {}), rule, exported)
        elif namespace == self._root:
            _merge_into(self._private_root, rule, exported)

    def find(self, host: str, namespace: str, service_namespace: str, labels: Mapping[str, str]) -> Rule | None:
        """The rule for a fully qualified host: the client's namespace, then the service's, then the root namespace."""
        found = self._candidates(host, namespace, service_namespace)
        catch_all: Rule | None = None
        for merged in found:
            if merged.selector is None:
                catch_all = merged.rule
            elif merged.rule.namespace == namespace and selects(merged.selector, labels):
                return merged.rule
        return catch_all

    def _candidates(self, host: str, namespace: str, service_namespace: str) -> Sequence[_Merged]:
        own = self._private_root if namespace == self._root else self._local.get(namespace)
        found = most_specific(host, own) if own else None
        if found:
            return found
        for owner in (service_namespace, self._root):
            visible = self._exported_from(owner, host, namespace) if owner else ()
            if visible:
                return visible
        return ()

    def _exported_from(self, owner: str, host: str, namespace: str) -> Sequence[_Merged]:
        rules = self._exported.get(owner)
        found = most_specific(host, rules) if rules else None
        return [merged for merged in found or () if PUBLIC in merged.export_to or namespace in merged.export_to]


def _merge_into(rules: _ByHost, rule: Rule, export_to: frozenset[str]) -> None:
    """Adds a rule to those of its host: united with one of the same audience, beside one of another."""
    selector = rule.spec.workload_selector
    labels = (selector.match_labels or {}) if selector is not None else None
    known = rules.setdefault(fully_qualified(rule.spec.host, rule.namespace), [])
    apart = True
    for merged in known:
        other_workloads = merged.selector is not None and labels is not None and merged.selector != labels
        if merged.export_to != export_to or other_workloads:
            continue
        if merged.selector == labels:
            apart = False
        _unite(merged, rule)
    if apart:
        known.append(_Merged(rule, export_to, labels, [rule]))


def _unite(merged: _Merged, rule: Rule) -> None:
    """Adds the other rule's subsets (a name that is there stays) and its traffic policy where there is none."""
    first, origins = merged.rule.spec, dict(merged.rule.origins)
    subsets = list(first.subsets or ())
    names = {subset.name for subset in subsets}
    for index, subset in enumerate(rule.spec.subsets or ()):
        if subset.name not in names:
            origins["spec", "subsets", len(subsets)] = rule.origin_of("spec", "subsets", index)
            subsets.append(subset)
    spec = structs.replace(first, subsets=tuple(subsets), traffic_policy=first.traffic_policy or rule.spec.traffic_policy)
    merged.rule = structs.replace(merged.rule, spec=spec, origins=origins, native=None)
    merged.sources.append(rule)
