"""MG0702: an expression asks for an attribute that no proxy knows."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.expressions import telemetry_expressions
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.telemetry import UNKNOWN_ATTRIBUTE
from meshgen.istio.attributes import unknown_attribute


def find(context: Context) -> Iterator[Answer]:
    """Attributes that are not Envoy's, nor what Istio's proxies know of their peers."""
    for expression in context.once(telemetry_expressions):
        for path in expression.attributes:
            unknown = unknown_attribute(path)
            if unknown is not None:
                name, hint = unknown
                message = f"{expression.what} of Telemetry `{expression.owner}` asks for `{name}`, which no proxy knows"
                yield UNKNOWN_ATTRIBUTE.at(expression.origin, message, help=hint)


RULE = Rule(code=UNKNOWN_ATTRIBUTE, find=find)
