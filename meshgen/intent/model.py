"""The base of all intent models: strict, frozen, camelCase outside and snake_case inside, aware of its place in a source."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Annotated, Any, ClassVar, LiteralString, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Strict, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from meshgen.json import JsonObject, JsonValue

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(strict=False)]
"""A list in YAML, a list or tuple in Python, a tuple in the model. Its items stay strict."""


class Source(NamedTuple):
    """Where a Python source built an intent."""

    file: str
    line: int


class IntentError(ValueError):
    """A constructor in a Python source was given something that the intent language does not have. The text is for the user."""


def camel(name: str) -> str:
    """The YAML key of a field: `per_try_timeout` is `perTryTimeout`, `from_` is `from`.

    >>> camel("per_try_timeout"), camel("from_"), camel("consecutive_5xx")
    ('perTryTimeout', 'from', 'consecutive5xx')
    """
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def broken(message: str, *, help: str = "", kind: LiteralString = "exclusive", at: str = "") -> PydanticCustomError:
    """An error for a validator to raise: `message` and `help` are shown as they are, `kind` chooses the code (see errors.py).

    `at` is the field of the model that is wrong, if it is one.
    """
    return PydanticCustomError(kind, "{message}", {"message": message, "help": help, "at": at})


class Model(BaseModel):
    """A part of an intent. Fields that were not given stay out of what is made of it (`model_fields_set` knows them)."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        alias_generator=camel,
        validate_by_alias=True,
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )

    SHORT_SCHEMA: ClassVar[Mapping[str, object] | None] = None
    """JSON Schema of the short form that the model also takes, for editors."""

    COMPLETED: ClassVar[tuple[str, ...]] = ()
    """Keys that may be left out, since they follow from others."""

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 (a user's values, which are checked here)
        construct(self, values)

    # pydantic-core calls a custom __init__ for each nested map; this one only places errors, so it need not be called for YAML.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # a mark of pydantic's

    @property
    def source(self) -> Source | None:
        """The place of the constructor call in a Python source; None for what was read from YAML."""
        return self.__dict__.get("__source__")

    def to_short(self, long: JsonObject) -> JsonValue:
        """The short form of this value, given its long form; the long form itself where there is no shorter one."""
        return long

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The long form, or any of the short form and the long form."""
        reference = handler(schema)
        target = handler.resolve_ref_schema(reference)
        if cls.COMPLETED:
            target["required"] = [name for name in target["required"] if name not in cls.COMPLETED]
        if cls.SHORT_SCHEMA is not None:
            long = dict(target)
            target.clear()
            target.update({"title": long.get("title"), "anyOf": [dict(cls.SHORT_SCHEMA), long]})
        return reference


# pydantic evaluates the annotations of a base again for each of its two hundred models, and JsonObject goes deep: a third of
# what it costs to import them. The names stay class variables; those who set one write a bare `ClassVar`, which costs nothing.
Model.__annotations__.clear()


def construct(model: Model, values: Mapping[str, Any]) -> None:
    """Fills a model from a Python constructor's arguments.

    Raises IntentError with messages of the intent language, each with its place among the arguments.
    """
    refuse_sets(type(model).__name__, values)
    try:
        model.__pydantic_validator__.validate_python(dict(values), self_instance=model)
    except ValidationError as error:
        from meshgen.intent.errors import explain_constructor  # noqa: PLC0415 (only on failure)

        raise IntentError(explain_constructor(type(model), error, values)) from None
    model.__dict__["__source__"] = _caller(sys._getframe(1))  # noqa: SLF001 (inspect.stack would read every file)


def refuse_sets(name: str, values: Mapping[str, Any]) -> None:
    """Raises IntentError for a set: its order differs from run to run, and the order of rules and hosts means something."""
    for key, value in values.items():
        if isinstance(value, set | frozenset):
            raise IntentError(f"`{name}({key}=…)` is a set, which has no order; write a list")


def _caller(frame: FrameType | None) -> Source | None:
    """The nearest frame outside of the intent room and pydantic."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("meshgen.intent", "pydantic")):
        frame = frame.f_back
    return Source(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
