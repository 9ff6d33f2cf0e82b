"""Weights and priorities of localities, as one proxy sees them from where it runs (envoy-mapping.md §4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.traffic_policy import EffectivePolicy
from meshgen.istio.destination_rule import (
    DestinationRule,
    LoadBalancerSettings,
    LocalityDistribute,
    LocalityFailover,
    LocalityLoadBalancerSetting,
    ZoneAwareLoadBalancerSetting,
)
from meshgen.istio.mesh_config import MeshConfig
from meshgen.mesh import Endpoint, Mesh, Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalityGroup:
    """The endpoints of one locality that share a priority."""

    locality: str  # "region/zone/subzone"
    endpoints: tuple[Endpoint, ...]
    priority: int = 0
    weight: int = 0  # the sum of the endpoints' unless a rule distributes


def locality_setting(policy: EffectivePolicy, config: MeshConfig) -> LocalityLoadBalancerSetting | None:
    """The setting in effect: the rule's, else the mesh's; None where it is switched off."""
    own = policy.load_balancer.locality_lb_setting if policy.load_balancer else None
    setting = own or config.locality_lb_setting
    return None if setting.enabled is False else setting


def place(mesh: Mesh, proxy: Proxy) -> tuple[Hashable, ...]:
    """All of a proxy that its endpoints' weights and priorities may hang on: proxies of one place see the same."""

    def by_labels() -> bool:
        config = mesh.config
        mesh_wide = (config.locality_lb_setting, config.zone_aware_lb_setting)
        of_rules = (each for found in _settings(mesh) for each in (found.locality_lb_setting, found.zone_aware_lb_setting))
        return any(setting.failover_priority for setting in (*mesh_wide, *of_rules) if setting is not None)

    labels = tuple(sorted(proxy.labels.items())) if once(mesh, ("failover by labels",), None, by_labels) else ()
    return proxy.locality, proxy.network, labels


def _settings(mesh: Mesh) -> Iterator[LoadBalancerSettings]:
    """The load balancing of every destination rule, at each of its levels."""
    for rule in mesh.of_kind(DestinationRule):
        policies = (rule.spec.traffic_policy, *(subset.traffic_policy for subset in rule.spec.subsets or ()))
        for policy in policies:
            for level in (policy, *((policy.port_level_settings or ()) if policy else ())):
                if level and level.load_balancer:
                    yield level.load_balancer


def zone_setting(policy: EffectivePolicy, config: MeshConfig) -> ZoneAwareLoadBalancerSetting | None:
    """The zone-aware setting in effect: the rule's, else the mesh's; None where zones decide nothing."""
    own = policy.load_balancer.zone_aware_lb_setting if policy.load_balancer else None
    setting = own or config.zone_aware_lb_setting
    return setting if setting is not None and setting.enabled else None


def is_locality_weighted(policy: EffectivePolicy, setting: LocalityLoadBalancerSetting | None) -> bool:
    """Whether Envoy must honour locality weights; otherwise not, since that would disturb least request."""
    if setting is None:
        return False
    fails_over = policy.outlier_detection is not None and bool(setting.failover or setting.failover_priority)
    return fails_over or bool(setting.distribute)


def group_by_locality(
    endpoints: Sequence[Endpoint],
    policy: EffectivePolicy,
    setting: LocalityLoadBalancerSetting | None,
    proxy: Proxy,
    zones: ZoneAwareLoadBalancerSetting | None = None,
) -> tuple[LocalityGroup, ...]:
    """The endpoints by locality (sorted), with the weights and priorities that the setting gives them for this proxy.

    Failover needs outlier detection: without it Envoy would never leave a priority.
    """
    groups = _by_locality(endpoints)
    if zones is not None:
        # Envoy weighs the zones of the first priority by itself: other regions wait behind it.
        if zones.failover_priority:
            groups = _by_labels(groups, zones.failover_priority, proxy)
        return _by_region(groups, zones.failover or (), proxy.locality)
    if setting is None:
        return groups
    if setting.distribute:
        return _distribute(groups, setting.distribute, proxy.locality)
    if policy.outlier_detection is None:
        return groups
    if setting.failover_priority:
        groups = _by_labels(groups, setting.failover_priority, proxy)
        return _fail_over(groups, setting.failover, proxy.locality) if setting.failover else groups
    return _fail_over(groups, setting.failover or (), proxy.locality)


def _by_locality(endpoints: Sequence[Endpoint]) -> tuple[LocalityGroup, ...]:
    found: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        found.setdefault(endpoint.locality, []).append(endpoint)
    return tuple(_group(locality, found[locality]) for locality in sorted(found))


def _group(locality: str, endpoints: Sequence[Endpoint], priority: int = 0) -> LocalityGroup:
    weight = sum(endpoint.weight for endpoint in endpoints)
    return LocalityGroup(locality=locality, endpoints=tuple(endpoints), priority=priority, weight=weight)


def split_locality(locality: str) -> tuple[str, str, str]:
    """Region, zone and subzone; what is missing is empty."""
    region, zone, subzone = (*locality.split("/", 2), "", "")[:3]
    return region, zone, subzone


def _matches(locality: str, pattern: str) -> bool:
    """Whether a locality is one of `region/zone/*`; `*` alone and a shorter pattern match what is below."""
    for part, wanted in zip(split_locality(locality), split_locality(pattern), strict=True):
        if wanted in {"*", ""}:
            return True
        if part != wanted:
            return False
    return True


# --- distribute -----------------------------------------------------------------------------------------------------
def _distribute(
    groups: tuple[LocalityGroup, ...], entries: Sequence[LocalityDistribute], locality: str
) -> tuple[LocalityGroup, ...]:
    """Weights by the first entry whose `from` is where the proxy runs; localities that it does not list get nothing."""
    entry = next((entry for entry in entries if _matches(locality, entry.from_ or "")), None)
    if entry is None:
        return groups
    owners = _owners(groups, entry.to or {})
    totals: dict[str, int] = {}
    for group, owner in zip(groups, owners, strict=True):
        totals[owner] = totals.get(owner, 0) + group.weight
    shares = entry.to or {}
    return tuple(
        replace(group, weight=math.ceil(group.weight * shares[owner] / totals[owner])) if owner else replace(group, endpoints=())
        for group, owner in zip(groups, owners, strict=True)
    )


def _owners(groups: Sequence[LocalityGroup], to: Mapping[str, int]) -> tuple[str, ...]:
    """The entry of `to` that each group belongs to, the narrowest first; empty for none."""
    patterns = sorted(to, key=lambda pattern: (pattern.count("*"), -pattern.count("/"), pattern))
    return tuple(next((name for name in patterns if _matches(group.locality, name)), "") for group in groups)


# --- failover -------------------------------------------------------------------------------------------------------
def _fail_over(
    groups: tuple[LocalityGroup, ...], entries: Sequence[LocalityFailover], locality: str
) -> tuple[LocalityGroup, ...]:
    """Priorities by distance: same subzone 0, zone 1, region 2, elsewhere 3; 4 where `failover` prefers another region."""
    region = split_locality(locality)[0]
    preferred = next((entry.to for entry in entries if (entry.from_ or "") == region), None)

    def rank(group: LocalityGroup) -> int:
        distance = _distance(locality, group.locality)
        if distance == 3 and preferred is not None and split_locality(group.locality)[0] != preferred:
            distance = 4
        return group.priority * 5 + distance

    return _compacted(groups, rank)


def _by_region(
    groups: tuple[LocalityGroup, ...], entries: Sequence[LocalityFailover], locality: str
) -> tuple[LocalityGroup, ...]:
    """Priorities by region: the proxy's own 0, the one that `failover` prefers 1, all others 2."""
    region = split_locality(locality)[0]
    preferred = next((entry.to for entry in entries if (entry.from_ or "") == region), None)

    def rank(group: LocalityGroup) -> int:
        its = split_locality(group.locality)[0]
        return group.priority * 3 + (0 if its == region else 1 if its == preferred else 2)

    return _compacted(groups, rank)


def _distance(here: str, there: str) -> int:
    mine, its = split_locality(here), split_locality(there)
    common = next((index for index in range(3) if mine[index] != its[index]), 3)
    return 3 - common


def _compacted(groups: Sequence[LocalityGroup], rank: Callable[[LocalityGroup], int]) -> tuple[LocalityGroup, ...]:
    """Priorities without gaps, as Envoy wants them: 0 to N."""
    ranks = [rank(group) for group in groups]
    order = sorted(set(ranks))
    return tuple(replace(group, priority=order.index(value)) for group, value in zip(groups, ranks, strict=True))


def _by_labels(groups: Sequence[LocalityGroup], wanted: Sequence[str], proxy: Proxy) -> tuple[LocalityGroup, ...]:
    """Splits each locality by how many of the labels, in their order, an endpoint shares with the proxy."""
    mine = _labels_of(proxy)
    split: list[LocalityGroup] = []
    for group in groups:
        by_priority: dict[int, list[Endpoint]] = {}
        for endpoint in group.endpoints:
            by_priority.setdefault(_label_distance(endpoint, wanted, mine), []).append(endpoint)
        split.extend(_group(group.locality, by_priority[priority], priority) for priority in sorted(by_priority))
    return _compacted(split, lambda group: group.priority)


def _label_distance(endpoint: Endpoint, wanted: Sequence[str], mine: Mapping[str, str]) -> int:
    its = _topology(endpoint.locality, endpoint.network) | dict(endpoint.labels)
    for index, entry in enumerate(wanted):
        label, given, value = entry.partition("=")
        if its.get(label, "") != (value if given else mine.get(label, "")):
            return len(wanted) - index
    return 0


def _labels_of(proxy: Proxy) -> dict[str, str]:
    return _topology(proxy.locality, proxy.network) | dict(proxy.labels)


def _topology(locality: str, network: str) -> dict[str, str]:
    """The labels that istiod derives from where something runs."""
    region, zone, subzone = split_locality(locality)
    labels = {
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
        "topology.istio.io/subzone": subzone,
        "topology.istio.io/network": network,
    }
    return {key: value for key, value in labels.items() if value}
