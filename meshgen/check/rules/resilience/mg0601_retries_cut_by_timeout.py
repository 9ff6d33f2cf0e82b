"""MG0601: the timeout ends a request before its retries can run."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.resilience import RETRIES_CUT
from meshgen.istio.virtual_service import HTTPRoute, VirtualService
from meshgen.values import format_duration, parse_duration

_DEFAULT_ATTEMPTS = 2


def find(context: Context) -> Iterator[Answer]:
    """Rules whose tries together may take longer than the timeout."""
    for holder in context.mesh.of_kind(VirtualService):
        for number, route in enumerate(holder.spec.http or ()):
            tries, each, total = _times(route)
            if tries and each * tries > total:
                yield RETRIES_CUT.at(
                    holder.origin_of("spec", "http", number, "retries"),
                    f"the timeout of {route.timeout} ends requests of virtual service `{holder.name}` before all tries have run",
                    label=f"{tries} tries of {format_duration(each)} take up to {format_duration(each * tries)}",
                    help=f"set `timeout: {format_duration(each * tries)}`, or lower `attempts` or `perTryTimeout`",
                )


def _times(route: HTTPRoute) -> tuple[int, int, int]:
    """Tries (the first included), nanoseconds each, and nanoseconds for all; no tries where nothing is to compare."""
    retries = route.retries
    if retries is None or retries.per_try_timeout is None or route.timeout is None:
        return 0, 0, 0
    attempts = _DEFAULT_ATTEMPTS if retries.attempts is None else retries.attempts
    try:
        each, total = parse_duration(retries.per_try_timeout), parse_duration(route.timeout)
    except ValueError:
        return 0, 0, 0
    return (attempts + 1 if attempts > 0 and total else 0), each, total


RULE = Rule(code=RETRIES_CUT, find=find)
