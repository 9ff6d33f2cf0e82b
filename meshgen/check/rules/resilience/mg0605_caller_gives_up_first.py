"""MG0605: a caller gives up while what it called still waits for what that calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.check.call_graph import HostRule, calls, rules_of_host
from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.resilience import CALLER_GIVES_UP_FIRST
from meshgen.values import format_duration


def find(context: Context) -> Iterator[Answer]:
    """Services whose every rule ends requests sooner than any rule of a service that they call would."""
    rules = rules_of_host(context)
    for caller, callees in calls(context).of.items():
        patient = _longest(rules.get(caller, ()))
        if patient is None:
            continue
        for callee, declared in callees.items():
            waits = _shortest(rules.get(callee, ()))
            if waits is None or waits[0] <= patient[0]:
                continue
            mine, theirs = format_duration(patient[0]), format_duration(waits[0])
            name, other = caller.partition(".")[0], callee.partition(".")[0]
            yield CALLER_GIVES_UP_FIRST.at(
                patient[1].place("timeout"),
                f"requests to `{name}` end after {mine}, and `{name}` waits up to {theirs} for `{other}`",
                label=f"`{name}` works on for nobody",
                help=f"give `{name}` a timeout of {theirs} at least, or `{other}` a shorter one",
                related=[
                    Related(waits[1].holder.origin_of("spec", "http", waits[1].index), f"the rule of `{other}`"),
                    Related(declared, f"`{name}` calls `{other}`"),
                ],
            )


def _longest(rules: Sequence[HostRule]) -> tuple[int, HostRule] | None:
    """The longest of the timeouts; None where a rule has none, for then nothing is certain."""
    times = [(rule.timeout, rule) for rule in rules]
    known = [(time, rule) for time, rule in times if time is not None]
    return max(known, key=lambda each: each[0]) if known and len(known) == len(times) else None


def _shortest(rules: Sequence[HostRule]) -> tuple[int, HostRule] | None:
    """The shortest of the times that a call may take; rules that limit nothing wait longer than any."""
    known = [(time, rule) for rule in rules if (time := rule.longest) is not None]
    return min(known, key=lambda each: each[0]) if known else None


RULE = Rule(code=CALLER_GIVES_UP_FIRST, find=find)
