"""Annotations for fields that take a short form: one value for a list of one, a map for a list of pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from meshgen.intent.model import broken
from meshgen.json import JsonObject, JsonValue


@dataclass(frozen=True, eq=False)
class Short:
    """Marks a field whose value is normalised by `expand` before it is checked, and printed by `fold`.

    `expand` gets any value and returns the long form, or the value itself where it is no short form. `fold` gets the model's
    value and its long form as JSON.
    """

    expand: Callable[[Any], Any]
    fold: Callable[[Any, JsonValue], JsonValue]
    schema: JsonObject | None = None  # the short form's JSON Schema; None: any item of the list by itself

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The field's own schema behind the normaliser."""
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form."""
        long = handler(schema)
        short = self.schema if self.schema is not None else long.get("items", {})
        return {"anyOf": [short, long]}


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise broken("the list is empty", help="name at least one", kind="value")
    return values


NOT_EMPTY = AfterValidator(_some)
"""A list with at least one entry; unlike a length of pydantic's it says nothing about a list whose entries are wrong already."""


def _as_list(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    return value if value is None or isinstance(value, list | tuple) else (value,)


def _as_one(_: object, long: JsonValue) -> JsonValue:
    return long[0] if isinstance(long, list) and len(long) == 1 else long


def _as_it_is(_: object, long: JsonValue) -> JsonValue:
    return long


ONE_OR_MANY = Short(expand=_as_list, fold=_as_one)
"""A single value stands for a list of one."""

LIST = Short(expand=_as_list, fold=_as_it_is)
"""As `ONE_OR_MANY`, but printed as a list always: the field's name is a plural."""
