"""What pydantic finds wrong, in meshgen's words and at the place in the document."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meshgen.diagnostics import JsonPath, did_you_mean
from meshgen.intent.model import Model
from meshgen.intent.place import place_in


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with an intent. `kind` chooses the code."""

    path: JsonPath  # in the document as written
    kind: str  # unknown, missing, value, exclusive, split or secret
    message: str
    help: str = ""


def findings(model: type[Model], error: ValidationError, value: Mapping[str, object]) -> tuple[Finding, ...]:
    """All that is wrong, each at its place in `value`, several complaints about one value as one."""
    found: dict[tuple[JsonPath, str], Finding] = {}
    for details in error.errors(include_url=False):
        finding = _finding(model, details, value)
        key = (finding.path, finding.kind if finding.kind == "value" else finding.message)
        found[key] = _joined(found[key], finding) if key in found else finding
    misspelt = {(each.path[:-1], each.help) for each in found.values() if each.kind == "unknown"}
    return tuple(each for each in found.values() if not _is_misspelt(each, misspelt))


def _is_misspelt(finding: Finding, misspelt: Collection[tuple[JsonPath, str]]) -> bool:
    """Whether a field is only missing because it is written wrongly beside: one fault, one finding."""
    name = "".join(finding.message.split("`")[1:2]) if finding.kind == "missing" else ""
    return bool(name) and (finding.path, did_you_mean(name, [name])) in misspelt


def _joined(first: Finding, second: Finding) -> Finding:
    """One finding of two about the same value: it may be of either type."""
    before, not_first, rest = first.message.partition(", not ")
    also, _, again = second.message.partition(", not ")
    if first.message == second.message or not not_first or rest != again or " must be " not in also:
        return first
    return replace(first, message=f"{before} or {also.partition(' must be ')[2]}, not {rest}")


def _finding(model: type[Model], details: ErrorDetails, value: Mapping[str, object]) -> Finding:
    location, kind = details["loc"], details["type"]
    context = details.get("ctx", {})
    path = place_in(value, (*location, context["at"]) if context.get("at") else location)
    if "message" in context and "help" in context:
        return Finding(path, kind, str(context["message"]), str(context["help"]))
    if kind == "extra_forbidden":
        return _unknown(model, location, path)
    if kind == "missing":
        return Finding(place_in(value, location[:-1]), "missing", f"`{location[-1]}` is missing{_inside(location[:-1])}")
    if kind in _MAP_EXPECTED:
        return _map_expected(model, details, path)
    message, hint = _describe(kind, _name(path, model), details["input"], context)
    return Finding(path, "value", message, hint)


_MAP_EXPECTED = {"model_type", "model_attributes_type"}
_SHORT_TYPES = {"integer": "a whole number", "string": "a string"}


def _map_expected(model: type[Model], details: ErrorDetails, path: JsonPath) -> Finding:
    """A value that is neither the map of a model nor its short form."""
    owner = model_at(model, details["loc"])
    short = owner.SHORT_SCHEMA if owner is not None else None
    word = _SHORT_TYPES.get(str((short or {}).get("type")), "")
    if isinstance((short or {}).get("enum"), list):
        word = "a word"
    expected = f"{word} or a map" if word else "a map"
    hint = _type_help("int_type", details["input"]) if word == "a whole number" else ""
    return Finding(path, "value", f"{_name(path, model)} must be {expected}, not {show(details['input'])}", hint)


def _unknown(model: type[Model], location: tuple[str | int, ...], path: JsonPath) -> Finding:
    owner = model_at(model, location[:-1])
    known = [field.alias or name for name, field in owner.model_fields.items()] if owner is not None else []
    if owner is model and "metadata" in known:
        known.remove("metadata")
    name = str(location[-1])
    hint = did_you_mean(name, known) or f"it has {', '.join(f'`{field}`' for field in known)}"
    return Finding(path, "unknown", f"{_name(path[:-1], model)} has no field `{name}`", hint)


def _inside(location: tuple[str | int, ...]) -> str:
    return f" in {_label(location)}" if any(isinstance(part, str) for part in location) else ""


def _name(path: JsonPath, model: type[Model]) -> str:
    return _label(path) if any(isinstance(part, str) for part in path) else f"`{model.__name__}`"


def _label(path: tuple[str | int, ...]) -> str:
    """The last name of a path with the indexes behind it: `hosts[0]`, in backticks."""
    last = max(index for index, part in enumerate(path) if isinstance(part, str))
    return f"`{path[last]}" + "".join(f"[{index}]" for index in path[last + 1 :]) + "`"


_EXPECTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "dict_type": "a map",
    "tuple_type": "a list",
}


def _describe(kind: str, name: str, given: object, context: Mapping[str, Any]) -> tuple[str, str]:
    """Message and help for one of pydantic's own errors."""
    if kind in _EXPECTED:
        return f"{name} must be {_EXPECTED[kind]}, not {show(given)}", _type_help(kind, given)
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'|\b(\d+|True)\b", str(context.get("expected", "")))
        words = [(text or number).replace("True", "true") for text, number in choices]
        hint = did_you_mean(given, words) if isinstance(given, str) else ""
        return f"{name} must be {_one_of(words)}, not {show(given)}", hint
    for limit, phrase in _LIMITS.items():
        if limit in context:
            return f"{name} must be {phrase.format(context[limit])}, not {show(given)}", ""
    if kind in {"too_short", "too_long"}:
        phrase = "needs at least" if kind == "too_short" else "may have at most"
        bound = context.get("min_length", context.get("max_length"))
        return f"{name} {phrase} {bound} {'entry' if bound == 1 else 'entries'}, and has {context.get('actual_length')}", ""
    if kind == "string_pattern_mismatch":
        return f"{name} must match `{context.get('pattern')}`, and {show(given)} does not", ""
    return f"{name} cannot be {show(given)}", ""


_LIMITS = {"ge": "at least {}", "le": "at most {}", "gt": "more than {}", "lt": "less than {}"}


def _one_of(words: list[str]) -> str:
    shown = ", ".join(f"`{word}`" for word in words)
    return f"one of {shown}" if len(words) > 1 else shown


def _type_help(kind: str, given: object) -> str:
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        return "put it in quotes, or give it a unit if it is a duration"
    if kind in {"int_type", "float_type"} and isinstance(given, str) and re.fullmatch(r"[0-9.]+", given):
        return "leave the quotes away"
    if kind == "bool_type" and isinstance(given, str) and given in {"yes", "no", "on", "off", "true", "false"}:
        return "write `true` or `false`, without quotes"
    return ""


def show(value: object) -> str:
    """A value as the user knows it, short."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text[:60]}{'…' if len(text) > 60 else ''}`"


def model_at(model: type[Model], location: Iterable[str | int]) -> type[Model] | None:
    """The model of the value at a place, None where it is no model."""
    here: object = model
    for part in location:
        if isinstance(part, int):
            continue
        here = _member(here, part)
    return next(_models(here), None)


def _member(annotation: object, name: str) -> object:
    """The annotation of a field of a model, or of the values of a map."""
    found = next(_models(annotation), None)
    if found is not None:
        return next((field.annotation for key, field in found.model_fields.items() if name in {field.alias, key}), None)
    return next((get_args(part)[1] for part in _parts(annotation) if get_origin(part) is dict), None)


def _parts(annotation: object) -> Iterator[object]:
    """An annotation without what is around it: optionality, metadata, tuples."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in {Union, types.UnionType, tuple}:
        for argument in get_args(annotation):
            yield from _parts(argument)
    else:
        yield annotation


def _models(annotation: object) -> Iterator[type[Model]]:
    return (part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, Model))


def explain_constructor(model: type[Model], error: ValidationError, values: Mapping[str, Any]) -> str:
    """The findings as text, for the exception that a constructor in a Python source raises."""
    return "\n".join(_sentence(model.__name__, finding) for finding in findings(model, error, values))


def _sentence(name: str, finding: Finding) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in finding.path)
    text = f"{name}{where}: {finding.message}"
    return f"{text} ({finding.help})" if finding.help else text
