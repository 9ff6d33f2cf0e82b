"""MG0106: a destination's subset is defined by no destination rule in effect."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context, split_cluster_host
from meshgen.check.destinations import Place, Standing, destinations, standing
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.link import UNKNOWN_SUBSET
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.object import IstioObject


def find(context: Context) -> Iterator[Answer]:
    """Subsets that the rule which acts for the client does not have; an unknown host is another rule's."""
    acting: dict[tuple[str, str], IstioObject[DestinationRule] | None] = {}
    for place in destinations(context):
        subset = place.destination.subset
        if not subset or standing(context, place.host) is Standing.UNKNOWN:
            continue
        for client in context.client_namespaces(place.holder):
            key = (place.host, client)
            if key not in acting:
                acting[key] = context.mesh.destination_rule_for(place.host, client, _owner(context, place.host, client))
            rule = acting[key]
            if subset not in _names(rule):
                yield _finding(context, place, subset, client, rule)
                break


def _owner(context: Context, host: str, client: str) -> str:
    service = context.mesh.service(host, client)
    parts = split_cluster_host(host)
    return service.namespace if service else parts[1] if parts else ""


def _names(rule: IstioObject[DestinationRule] | None) -> tuple[str, ...]:
    return tuple(subset.name for subset in (rule.spec.subsets or ())) if rule else ()


def _finding(context: Context, place: Place, subset: str, client: str, rule: IstioObject[DestinationRule] | None) -> Diagnostic:
    names = _names(rule)
    if rule is None:
        label = f"no destination rule acts for it in namespace `{client}`"
    else:
        label = f"`{rule.namespace}/{rule.name}` acts here and has {', '.join(f'`{n}`' for n in names) or 'no subsets'}"
    return UNKNOWN_SUBSET.at(
        place.holder.origin_of(*place.path, "subset"),
        f"`{place.destination.host}` has no subset `{subset}` for clients in namespace `{client}`",
        label=label,
        help=context.near(subset, names) or f"define `{subset}` in the destination rule of `{place.host}`",
        related=[Related(rule.origin, f"destination rule `{rule.name}`")] if rule else [],
    )


RULE = Rule(code=UNKNOWN_SUBSET, find=find)
