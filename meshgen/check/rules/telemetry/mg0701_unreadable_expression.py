"""MG0701: a CEL expression that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.expressions import telemetry_expressions
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.telemetry import EXPRESSION_HELP, UNREADABLE_EXPRESSION


def find(context: Context) -> Iterator[Answer]:
    """Filters of access logs and values of tags that are no CEL."""
    for expression in context.once(telemetry_expressions):
        if expression.error:
            message = f"{expression.what} of Telemetry `{expression.owner}` {expression.error}"
            yield UNREADABLE_EXPRESSION.at(expression.origin, message, help=EXPRESSION_HELP)


RULE = Rule(code=UNREADABLE_EXPRESSION, find=find)
