"""The CEL expressions of Telemetries, with their places and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshgen.check.context import Context
from meshgen.diagnostics import Origin
from meshgen.istio.expressions import AttributePath, ExpressionError, attributes
from meshgen.istio.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression: what it is (`filter of access logs`), what it asks for, or why it cannot be read."""

    what: str
    owner: str
    text: str
    origin: Origin
    attributes: tuple[AttributePath, ...] = ()
    error: str = ""


def telemetry_expressions(context: Context) -> tuple[Expression, ...]:
    """All expressions of the Telemetries of the mesh."""
    return tuple(_read(*found) for found in _written(context))


def _written(context: Context) -> Iterator[tuple[str, str, str, Origin]]:
    for telemetry in context.mesh.of_kind(Telemetry):
        for position, log in enumerate(telemetry.spec.access_logging or ()):
            if log.filter is not None and log.filter.expression:
                place = telemetry.origin_of("spec", "accessLogging", position, "filter", "expression")
                yield "the filter of access logs", telemetry.name, log.filter.expression, place
        for position, metrics in enumerate(telemetry.spec.metrics or ()):
            for number, override in enumerate(metrics.overrides or ()):
                for name, tag in (override.tag_overrides or {}).items():
                    if tag.value:
                        path = ("spec", "metrics", position, "overrides", number, "tagOverrides", name, "value")
                        yield f"the value of tag `{name}`", telemetry.name, tag.value, telemetry.origin_of(*path)


def _read(what: str, owner: str, text: str, origin: Origin) -> Expression:
    try:
        return Expression(what, owner, text, origin, attributes(text))
    except ExpressionError as error:
        return Expression(what, owner, text, origin, error=str(error))
