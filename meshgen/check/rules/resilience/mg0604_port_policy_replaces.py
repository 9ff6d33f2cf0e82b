"""MG0604: settings of a port replace the whole traffic policy for it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import JsonPath, Related
from meshgen.diagnostics.catalogue.resilience import PORT_POLICY_REPLACES
from meshgen.istio.destination_rule import DestinationRule, TrafficPolicy

_BLOCKS = {
    "connection_pool": "connectionPool",
    "load_balancer": "loadBalancer",
    "outlier_detection": "outlierDetection",
    "tls": "tls",
}


def find(context: Context) -> Iterator[Answer]:
    """Entries of `portLevelSettings` without a block that their traffic policy has."""
    for rule in context.mesh.of_kind(DestinationRule):
        for path, policy in _policies(rule.spec):
            for index, entry in enumerate(policy.port_level_settings or ()):
                lost = [w for n, w in _BLOCKS.items() if getattr(policy, n) is not None and getattr(entry, n) is None]
                if lost and entry.port is not None:
                    yield PORT_POLICY_REPLACES.at(
                        rule.origin_of("spec", *path, "portLevelSettings", index),
                        f"on port {entry.port.number} of `{rule.spec.host}` the rule's "
                        f"{', '.join(f'`{block}`' for block in lost)} does not hold",
                        label="an entry for a port replaces the whole traffic policy",
                        help="repeat the blocks here",
                        related=[Related(rule.origin_of("spec", *path, lost[0]), "what is left out")],
                    )


def _policies(spec: DestinationRule) -> Iterator[tuple[JsonPath, TrafficPolicy]]:
    if spec.traffic_policy is not None:
        yield ("trafficPolicy",), spec.traffic_policy
    for index, subset in enumerate(spec.subsets or ()):
        if subset.traffic_policy is not None:
            yield ("subsets", index, "trafficPolicy"), subset.traffic_policy


RULE = Rule(code=PORT_POLICY_REPLACES, find=find)
