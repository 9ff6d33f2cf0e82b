"""Models back to documents, in long or short forms (`meshgen fmt`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, get_args, get_origin

from meshgen.intent.kind import API_VERSION, Intent
from meshgen.intent.model import Model
from meshgen.intent.shorts import Short
from meshgen.json import JsonObject, JsonValue


def to_document(intent: Intent, *, short: bool) -> JsonObject:
    """The document that gives this intent again: what was given, in the models' order, and `names` and `patches` last."""
    spec = _fields(intent, short=short)
    metadata = spec.pop("metadata")
    spec |= {key: spec.pop(key) for key in ("names", "patches") if key in spec}  # last, as an afterthought is read
    document: JsonObject = {"apiVersion": API_VERSION, "kind": intent.KIND, "metadata": metadata}
    return {**document, "spec": spec}


def _fields(model: Model, *, short: bool) -> JsonObject:
    given = model.model_fields_set
    folds = _folds(type(model)) if short else {}
    values: JsonObject = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in given and value is not None:
            long = _encode(value, short=short)
            values[field.alias or name] = folds[name].fold(value, long) if name in folds else long
    return values


def _encode(value: object, *, short: bool) -> JsonValue:
    if isinstance(value, Model):
        long = _fields(value, short=short)
        return value.to_short(long) if short else long
    if isinstance(value, tuple | list):
        return [_encode(item, short=short) for item in value]
    if isinstance(value, dict):
        return {str(key): _encode(item, short=short) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    message = f"{type(value).__name__} is no part of an intent"
    raise TypeError(message)


@lru_cache(maxsize=256)
def _folds(model: type[Model]) -> dict[str, Short]:
    """The short forms of a model's fields."""
    folds = {}
    for name, field in model.model_fields.items():
        found = [mark for mark in field.metadata if isinstance(mark, Short)] or _marks(field.annotation)
        if found:
            folds[name] = found[0]
    return folds


def _marks(annotation: object) -> list[Short]:
    """The short forms around a field's type, optional or not; those inside of a map or a list belong to its items."""
    if get_origin(annotation) is Annotated:
        return [mark for mark in get_args(annotation)[1:] if isinstance(mark, Short)]
    if get_origin(annotation) in {dict, tuple}:
        return []
    return [mark for argument in get_args(annotation) for mark in _marks(argument)]
