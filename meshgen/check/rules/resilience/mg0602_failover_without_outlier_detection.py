"""MG0602: locality failover is set without outlier detection and never acts."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.resilience import FAILOVER_WITHOUT_OUTLIERS
from meshgen.istio.destination_rule import DestinationRule, LoadBalancerSettings


def find(context: Context) -> Iterator[Answer]:
    """Failover settings at a level where no outlier detection is in force."""
    for rule in context.mesh.of_kind(DestinationRule):
        for path in _levels(rule.spec):
            yield FAILOVER_WITHOUT_OUTLIERS.at(
                rule.origin_of("spec", *path, "trafficPolicy", "loadBalancer", "localityLbSetting"),
                f"the locality failover of destination rule `{rule.name}` never acts without outlier detection",
                help="add `outlierDetection` to the traffic policy",
            )


def _levels(spec: DestinationRule) -> Iterator[JsonPath]:
    top = spec.traffic_policy
    watched = top is not None and top.outlier_detection is not None
    if top is not None and not watched and _fails_over(top.load_balancer):
        yield ()
    for index, subset in enumerate(spec.subsets or ()):
        own = subset.traffic_policy
        if own is not None and own.outlier_detection is None and not watched and _fails_over(own.load_balancer):
            yield "subsets", index


def _fails_over(balancer: LoadBalancerSettings | None) -> bool:
    setting = balancer.locality_lb_setting if balancer is not None else None
    return setting is not None and setting.enabled is not False and bool(setting.failover or setting.failover_priority)


RULE = Rule(code=FAILOVER_WITHOUT_OUTLIERS, find=find)
