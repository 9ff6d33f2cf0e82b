"""MG0606: retries of services that call each other multiply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from meshgen.check.call_graph import HostRule, calls, rules_of_host
from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Origin, Related
from meshgen.diagnostics.catalogue.resilience import RETRIES_MULTIPLY

_MANY = 10
"""Requests at the last service for one at the first, above which it is said."""
_DEEPEST = 32


def find(context: Context) -> Iterator[Answer]:
    """Chains of declared calls along which every request is retried at each step; the longest ones only."""
    graph = calls(context).of
    if not graph:
        return
    retried = {host: rule for host, rules in rules_of_host(context).items() if (rule := _least(rules)) is not None}
    called = {callee for caller, callees in graph.items() if caller in retried for callee in callees}
    for start in retried:
        if start in called:
            continue
        for chain in _chains(start, graph, retried, (start,)):
            tries = [retried[host].tries for host in chain]
            if len(chain) > 1 and prod(tries) > _MANY:
                names = [host.partition(".")[0] for host in chain]
                others = [
                    Related(retried[host].place("retries"), f"the retries of `{name}`")
                    for host, name in zip(chain, names, strict=True)
                ]
                yield RETRIES_MULTIPLY.at(
                    retried[chain[-1]].place("retries"),
                    f"one request to `{names[0]}` may become {prod(tries)} at `{names[-1]}`",
                    label=" x ".join(f"{each} at {name}" for each, name in zip(tries, names, strict=True)),
                    help="retry at one of them, nearest to the caller, and give the others a `retryBudget`",
                    related=others[:-1],
                )


def _least(rules: tuple[HostRule, ...]) -> HostRule | None:
    """The rule with the fewest tries, if every rule of the host retries."""
    least = min(rules, key=lambda rule: rule.tries, default=None)
    return least if least is not None and least.tries > 1 else None


def _chains(
    host: str, graph: Mapping[str, Mapping[str, Origin]], retried: Mapping[str, HostRule], before: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    """The chains of retried services from a host on, as long as they go."""
    following = [callee for callee in graph.get(host, ()) if callee in retried and callee not in before]
    if not following or len(before) >= _DEEPEST:
        yield before
    else:
        for callee in following:
            yield from _chains(callee, graph, retried, (*before, callee))


RULE = Rule(code=RETRIES_MULTIPLY, find=find)
