"""Native Istio objects: from JSON to typed, with every violation found and placed.

The fast path is one call of msgspec, which stops at the first error, and the rules on what it gives; only an object that fails is
walked again to collect all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean, origin_in
from meshgen.diagnostics.catalogue.load import UNKNOWN_FIELD, UNSERVED_VERSION
from meshgen.istio.kinds import KINDS, Kind
from meshgen.istio.object import IstioObject
from meshgen.istio.rules import Rules
from meshgen.istio.since import kind_violation
from meshgen.istio.struct import DURATION_OR_ZERO_PATTERN, DURATION_PATTERN, IstioStruct
from meshgen.istio.validate import schema_rules, schema_violations
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.istio.violation import Violation, name_of, show
from meshgen.json import JsonObject


def decode_object(
    value: JsonObject,
    origin: Origin,
    origins: Mapping[JsonPath, Origin] | None = None,
    target: IstioVersion = DEFAULT_TARGET,
) -> tuple[IstioObject[IstioStruct] | None, tuple[Diagnostic, ...]]:
    """A native object as a typed one, or the diagnostics that say why not.

    `value` is a document of an `istio.io` group, with a string `kind`; it is kept as written
    in `native`. `origins` names the parts that an overlay changed; `target` is the release of Istio that is to take it.
    """
    kind = KINDS.get(str(value.get("kind")))
    group, _, version = str(value.get("apiVersion")).partition("/")
    if kind is None or group != kind.group or version not in kind.versions:
        return None, (_unserved(value, origin),)
    if target < kind.since:
        return None, (_diagnose(kind_violation(kind.name, kind.since, target), origin, origins or {}),)
    metadata = value.get("metadata")
    spec: Any = value.get("spec")
    try:
        typed = msgspec.convert({} if spec is None else spec, kind.spec)
        meta = msgspec.convert(metadata, Metadata)
    except msgspec.ValidationError:
        return None, tuple(_diagnose(violation, origin, origins or {}) for violation in violations(value, kind, target))
    found = tuple(_diagnose(problem.under("spec"), origin, origins or {}) for problem in schema_violations(typed, target))
    if found:
        return None, found
    istio_object = IstioObject(
        kind=kind.name,
        name=meta.name,
        namespace=meta.namespace,
        spec=typed,
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        created=meta.creationTimestamp or "",
        owner=meta.name,
        origin=origin,
        origins=origins or {},
        native=value,
    )
    return istio_object, ()


class Metadata(msgspec.Struct):
    """The part of metadata that is read; the rest is let through."""

    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creationTimestamp: str | None = None  # noqa: N815 (the wire name)


def violations(value: JsonObject, kind: Kind, target: IstioVersion = DEFAULT_TARGET) -> Iterator[Violation]:
    """Every place where an object is not what its kind's schema and rules say."""
    metadata: Any = value.get("metadata")
    if not isinstance(metadata, dict):
        yield Violation(("metadata",), "`metadata` with a `name` is missing")
    else:
        yield from _walk(metadata, inspect.type_info(Metadata), ("metadata",), {})
    spec = value.get("spec")
    yield from _walk({} if spec is None else spec, inspect.type_info(kind.spec), ("spec",), schema_rules(target))


def struct_violations(value: object, kind: type[msgspec.Struct]) -> Iterator[Violation]:
    """Every place where a value is not what a struct of the API says, MeshConfig for one."""
    if not isinstance(value, dict):  # there is no path to name it by
        yield Violation((), f"`{kind.__name__}` must be a map, not {show(value)}")
        return
    yield from _walk(value, inspect.type_info(kind), (), {})


def struct_diagnostics(value: object, kind: type[msgspec.Struct], origin: Origin) -> Iterator[Diagnostic]:
    """The same, each said at its place inside of the value."""
    return (_diagnose(violation, origin, {}) for violation in struct_violations(value, kind))


def _unserved(value: JsonObject, origin: Origin) -> Diagnostic:
    kind, api_version = str(value.get("kind")), str(value.get("apiVersion"))
    known = KINDS.get(kind)
    if known is None:
        hint = did_you_mean(kind, KINDS) or f"Istio's kinds are {', '.join(f'`{name}`' for name in KINDS)}"
        return UNSERVED_VERSION.at(origin.at("kind"), f"Istio has no kind `{kind}`", help=hint)
    served = " or ".join(f"`{known.group}/{version}`" for version in known.versions)
    return UNSERVED_VERSION.at(
        origin.at("apiVersion"), f"`{api_version}` does not have the kind `{kind}`", help=f"write {served}"
    )


def _diagnose(violation: Violation, origin: Origin, origins: Mapping[JsonPath, Origin]) -> Diagnostic:
    return violation.code.at(origin_in(origin, origins, violation.path), violation.message, help=violation.help)


def _walk(value: object, kind: inspect.Type, path: JsonPath, rules: Rules) -> Iterator[Violation]:
    """The violations of a value; null counts as absent, as API servers read it."""
    match kind:
        case inspect.StructType():
            yield from _walk_struct(value, kind, path, rules)
        case inspect.UnionType():
            if value is not None:
                yield from _walk(value, next(t for t in kind.types if not isinstance(t, inspect.NoneType)), path, rules)
        case inspect.VarTupleType():
            if not isinstance(value, list):
                yield _expected("a list", value, path)
                return
            yield from _length(len(value), kind, path, "entries")
            for index, item in enumerate(value):
                yield from _walk(item, kind.item_type, (*path, index), rules)
        case inspect.DictType():
            if not isinstance(value, dict):
                yield _expected("a map", value, path)
                return
            yield from _length(len(value), kind, path, "entries")
            for key, item in value.items():
                yield from _walk(item, kind.value_type, (*path, key), rules)
        case _:
            yield from _walk_leaf(value, kind, path)


def _walk_struct(value: object, kind: inspect.StructType, path: JsonPath, rules: Rules) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _expected("a map", value, path)
        return
    fields = {field.encode_name: field for field in kind.fields}
    sound = dict(value)
    for name, item in value.items():
        if name in fields:
            for violation in _walk(item, fields[name].type, (*path, name), rules):
                sound.pop(name, None)
                yield violation
        elif kind.forbid_unknown_fields:
            sound.pop(name, None)
            yield Violation(
                (*path, name), f"`{kind.cls.__name__}` has no field `{name}`", _known_fields(name, fields), UNKNOWN_FIELD
            )
    missing = [name for name, field in fields.items() if field.required and value.get(name) is None]
    for name in missing:
        yield Violation(path, f"`{name}` is missing in `{kind.cls.__name__}`")
    yield from _construct(sound, kind, path, rules, whole=len(sound) == len(value) and not missing)


def _construct(
    value: dict[str, Any], kind: inspect.StructType, path: JsonPath, rules: Rules, *, whole: bool
) -> Iterator[Violation]:
    """What only the struct can tell: its own rules, and fields of MeshConfig that exclude each other.

    Where fields had to be left out, only what the rules say of fields that are there.
    """
    try:
        struct = msgspec.convert(value, kind.cls)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        if whole and place in ("", "`$`"):  # deeper ones were yielded where they stand
            yield Violation(path, message[0].lower() + message[1:])
        return
    for rule in rules.get(kind.cls, ()) if issubclass(kind.cls, IstioStruct) else ():
        for violation in rule(struct):
            if whole or (violation.path and violation.path[0] in value):
                yield violation.under(*path)


def _known_fields(name: str, fields: Mapping[str, inspect.Field]) -> str:
    return did_you_mean(name, fields) or f"it has {', '.join(f'`{field}`' for field in fields)}"


def _walk_leaf(value: object, kind: inspect.Type, path: JsonPath) -> Iterator[Violation]:
    match kind:
        case inspect.LiteralType():
            yield from _walk_choice(value, kind, path)
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield _expected("`true` or `false`", value, path)
        case inspect.IntType() | inspect.FloatType():
            yield from _walk_number(value, kind, path)
        case inspect.StrType():
            yield from _walk_string(value, kind, path)
        case _:
            return


def _walk_choice(value: object, kind: inspect.LiteralType, path: JsonPath) -> Iterator[Violation]:
    if value not in kind.values:
        choices = ", ".join(f"`{choice}`" for choice in kind.values)
        hint = did_you_mean(value, [str(choice) for choice in kind.values]) if isinstance(value, str) else ""
        yield Violation(path, f"`{name_of(path)}` must be one of {choices}, not {show(value)}", help=hint)


def _walk_number(value: object, kind: inspect.IntType | inspect.FloatType, path: JsonPath) -> Iterator[Violation]:
    whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != int(value)):
        yield _expected("a whole number" if whole else "a number", value, path)
        return
    if kind.ge is not None and value < kind.ge:
        yield Violation(path, f"`{name_of(path)}` must be at least {kind.ge}, not {value}")
    if kind.le is not None and value > kind.le:
        yield Violation(path, f"`{name_of(path)}` must be at most {kind.le}, not {value}")


def _walk_string(value: object, kind: inspect.StrType, path: JsonPath) -> Iterator[Violation]:
    duration = kind.pattern == DURATION_PATTERN
    if duration and not (isinstance(value, str) and re.search(DURATION_PATTERN, value)):
        message = f"`{name_of(path)}` must be a duration of at least 1ms, not {show(value)}"
        yield Violation(path, message, help="write a number with a unit, as in `500ms`, `2s` or `1m30s`")
    elif not isinstance(value, str):
        yield _expected("a string", value, path, help="put it in quotes" if isinstance(value, int | float) else "")
    elif kind.pattern == DURATION_OR_ZERO_PATTERN and re.search(kind.pattern, value) is None:
        message = f"`{name_of(path)}` must be a duration, not {show(value)}"
        yield Violation(path, message, help="write a number with a unit, as in `500ms`, `2s` or `1m30s`")
    else:
        yield from _length(len(value), kind, path, "characters")
        if kind.pattern is not None and re.search(kind.pattern, value) is None:
            shown = kind.pattern.replace(r"\Z", "$")
            yield Violation(path, f"`{name_of(path)}` must match `{shown}`, and {show(value)} does not")


def _length(
    size: int, kind: inspect.VarTupleType | inspect.DictType | inspect.StrType, path: JsonPath, what: str
) -> Iterator[Violation]:
    if kind.min_length is not None and size < kind.min_length:
        yield Violation(path, f"`{name_of(path)}` needs at least {kind.min_length} {what}, and has {size}")
    if kind.max_length is not None and size > kind.max_length:
        yield Violation(path, f"`{name_of(path)}` may have at most {kind.max_length} {what}, and has {size}")


def _expected(what: str, value: object, path: JsonPath, help: str = "") -> Violation:
    return Violation(path, f"`{name_of(path)}` must be {what}, not {show(value)}", help=help)
