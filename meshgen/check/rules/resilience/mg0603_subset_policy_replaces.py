"""MG0603: a subset's block replaces the rule's whole block, not single fields."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.resilience import POLICY_REPLACED
from meshgen.istio.destination_rule import DestinationRule, TrafficPolicy
from meshgen.istio.struct import IstioStruct

_BLOCKS = (
    ("connection_pool", "connectionPool"),
    ("outlier_detection", "outlierDetection"),
    ("tls", "tls"),
)
"""Blocks of independent fields. A load balancer is one choice: that a subset's replaces the rule's is what anyone expects."""


def find(context: Context) -> Iterator[Answer]:
    """Subset blocks that lack fields of the rule's block of the same name."""
    for rule in context.mesh.of_kind(DestinationRule):
        top = rule.spec.traffic_policy
        for index, subset in enumerate(rule.spec.subsets or () if top is not None else ()):
            for wire, lost in _lost(top, subset.traffic_policy):
                yield POLICY_REPLACED.at(
                    rule.origin_of("spec", "subsets", index, "trafficPolicy", wire),
                    f"`{wire}` of subset `{subset.name}` drops {', '.join(f'`{field}`' for field in lost)} of the rule's own",
                    label="the whole block is replaced",
                    help="repeat here the fields that shall hold for the subset too",
                    related=[Related(rule.origin_of("spec", "trafficPolicy", wire), f"the rule's `{wire}`")],
                )


def _lost(top: TrafficPolicy | None, own: TrafficPolicy | None) -> Iterator[tuple[str, list[str]]]:
    for name, wire in _BLOCKS:
        first: IstioStruct | None = getattr(top, name, None)
        second: IstioStruct | None = getattr(own, name, None)
        if first is not None and second is not None:
            lost = sorted(set(given_fields(first)) - set(given_fields(second)))
            if lost:
                yield wire, lost


def given_fields(block: IstioStruct, prefix: str = "") -> Iterator[str]:
    """The names of the fields that a block gives, nested ones with their path (`tcp.maxConnections`)."""
    for name, wire in zip(block.__struct_fields__, block.__struct_encode_fields__, strict=True):
        value = getattr(block, name)
        if isinstance(value, IstioStruct):
            yield from given_fields(value, f"{prefix}{wire}.")
        elif value is not None:
            yield f"{prefix}{wire}"


RULE = Rule(code=POLICY_REPLACED, find=find)
