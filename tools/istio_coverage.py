"""Which field of the intent language gives which field of Istio's API, found out by adopting a corpus that uses all of them.

For each leaf field of each kind an object of the corpus (tests/data/adopt) that has it is adopted twice: as it is, and with
another value there. Where the two intents differ is the field of the intent that says it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import inspect

from meshgen.adopt.adopt import Adoption, adopt
from meshgen.istio.decode import decode_object
from meshgen.istio.kinds import KINDS
from meshgen.istio.object import IstioObject
from meshgen.istio.versions import NEWEST
from meshgen.kubernetes import CoreFacts
from meshgen.load.kubernetes import decode_facts
from meshgen.load.workspace import build_workspace
from meshgen.load.yaml import parse_documents

CORPUS = Path(__file__).resolve().parent.parent / "tests/data/adopt"
PathOf: TypeAlias = tuple[str | int, ...]
Native: TypeAlias = IstioObject[Any]

NATIVE, IGNORED = "native object", "nothing: Istio ignores it, or takes no value"
TRIES = 6
"""Occurrences of a leaf that are tried."""
_EXAMPLES = {"protocol": ("TCP", "HTTP2")}
"""Other values of fields that take a few words and are no enums."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A leaf field in one object of the corpus."""

    native: Native
    path: PathOf
    others: tuple[PathOf, ...]  # where else the object has it


@cache
def _type_of(kind: str) -> inspect.Type:
    return inspect.type_info(KINDS[kind].spec)


def coverage() -> dict[str, str]:
    """By leaf field of the CRDs, in the order of the kinds and fields: the intent's field that gives it, or another way."""
    natives, facts = _corpus()
    whole = adopt(natives, (), facts, NEWEST)
    mates = _mates(whole)
    occurrences: dict[str, list[Occurrence]] = {}
    for native in natives:
        found: dict[str, list[PathOf]] = {}
        for leaf, path in _occurrences(_spec(native), _type_of(native.kind), native.kind, ()):
            found.setdefault(leaf, []).append(path)
        for leaf, paths in found.items():
            occurrences.setdefault(leaf, []).extend(
                Occurrence(native, path, tuple(other for other in paths if other != path)) for path in paths
            )
    return {
        leaf: _how(_best(occurrences.get(leaf, []), whole), mates, facts)
        for kind in sorted(KINDS)
        for leaf in _leaves(_type_of(kind), kind)
    }


def _corpus() -> tuple[list[Native], CoreFacts]:
    documents = [
        document for path in sorted(CORPUS.glob("*.yaml")) for document in parse_documents(path.read_bytes(), path.name)[0]
    ]
    workspace, _ = build_workspace(documents)
    decoded = [decode_object(each.value, each.origin, each.origins, NEWEST)[0] for each in workspace.natives]
    facts, _ = decode_facts((each.value, each.origin) for each in workspace.core)
    return [native for native in decoded if native is not None], facts


def _spec(native: Native) -> dict[str, Any]:
    assert native.native is not None
    spec: Any = native.native.get("spec")
    return spec if isinstance(spec, dict) else {}


def _bare(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def _leaves(kind: inspect.Type, path: str) -> Iterator[str]:
    kind = _bare(kind)
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from _leaves(field.type, f"{path}.{field.encode_name}")
    elif isinstance(kind, inspect.VarTupleType):
        yield from _leaves(kind.item_type, path + "[]")
    elif isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType):
        yield from _leaves(kind.value_type, path + "{}")
    else:
        yield path


def _occurrences(value: Any, kind: inspect.Type, leaf: str, path: PathOf) -> Iterator[tuple[str, PathOf]]:
    kind = _bare(kind)
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        types = {field.encode_name: field.type for field in kind.fields}
        for key, item in value.items():
            yield from _occurrences(item, types[key], f"{leaf}.{key}", (*path, key))
    elif isinstance(kind, inspect.VarTupleType):
        for index, item in enumerate(value):
            yield from _occurrences(item, kind.item_type, leaf + "[]", (*path, index))
    elif isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType):
        for key, item in value.items():
            yield from _occurrences(item, kind.value_type, leaf + "{}", (*path, key))
    else:
        yield leaf, path


def _mates(adoption: Adoption) -> dict[tuple[str, str, str], list[Native]]:
    """By object, those that one intent gives together."""
    groups: dict[int, list[Native]] = {}
    for each in adoption.adopted:
        groups.setdefault(id(each.intent), []).append(each.object)
    return {native.key: group for group in groups.values() for native in group}


def _best(found: list[Occurrence], adoption: Adoption) -> list[Occurrence]:
    """The occurrences in objects that become intent, without a patch first, small objects first."""
    patched = {each.object.key: each.patched for each in adoption.adopted}
    known = [each for each in found if each.native.key in patched]
    return sorted(known, key=lambda each: (patched[each.native.key], len(json.dumps(each.native.native))))[:TRIES]


def _how(found: list[Occurrence], mates: dict[tuple[str, str, str], list[Native]], facts: CoreFacts) -> str:
    """What gives a leaf: the answer of the first object that has one."""
    ignored = refused = False
    for each in found:
        group = mates[each.native.key]
        before = _intent(group, each.native, facts)
        for spec in _variants(each):
            changed = _changed(each.native, spec)
            if changed is None or before is None:
                continue
            after = _intent([changed if one is each.native else one for one in group], changed, facts)
            refused = refused or after is None
            if after is None or before[0] != after[0]:
                continue
            paths = sorted({path for path in before[1].keys() | after[1].keys() if before[1].get(path) != after[1].get(path)})
            if paths:
                return _spoken(before[0], paths, each)
            ignored = True
    return IGNORED if ignored and not refused else NATIVE


def _intent(natives: list[Native], of: Native, facts: CoreFacts) -> tuple[str, dict[PathOf, Any]] | None:
    """The kind and the fields of the intent that gives an object; None where it stays native."""
    adoption = adopt(natives, (), facts, NEWEST)
    model = next((each.intent.model for each in adoption.adopted if each.object.key == of.key), None)
    if model is None:
        return None
    document: dict[str, Any] = model.to_document(short=False)
    return model.KIND, dict(_flat({"metadata": document["metadata"], **document["spec"]}, ()))


def _flat(value: Any, path: PathOf) -> Iterator[tuple[PathOf, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _flat(item, (*path, index))
    else:
        yield path, value


def _changed(native: Native, spec: dict[str, Any]) -> Native | None:
    assert native.native is not None
    return decode_object({**native.native, "spec": spec}, native.origin, None, NEWEST)[0]


def _variants(each: Occurrence) -> Iterator[dict[str, Any]]:
    """The spec with another value in place of the leaf's: a like one, that of another occurrence, none."""
    spec = _spec(each.native)
    value = _at(spec, each.path)
    for other in _likes(value, each.native.kind, each.path):
        yield _with(spec, each.path, other)
    for path in [path for path in each.others if _at(spec, path) != value][:1]:
        swapped = _with(spec, each.path, _at(spec, path))
        yield _with(swapped, path, value)
        if len(path) == len(each.path) and path[:-1] != each.path[:-1]:
            whole, other = _at(spec, each.path[:-1]), _at(spec, path[:-1])
            yield _with(_with(spec, each.path[:-1], other), path[:-1], whole)
    yield _with(spec, each.path, None)


def _at(value: Any, path: PathOf) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(spec: dict[str, Any], path: PathOf, value: Any) -> dict[str, Any]:
    """A copy with another value at a path; None takes it away."""
    result = copy.deepcopy(spec)
    place = _at(result, path[:-1])
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


def _likes(value: Any, kind: str, path: PathOf) -> Iterator[Any]:
    """Other values of the same type."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        yield value - 1
    elif isinstance(value, dict):
        yield {**value, "added": True}
    elif isinstance(value, str):
        choices = _choices(kind, path)
        if choices:
            yield from (choice for choice in choices if choice != value)
        elif path[-1] in _EXAMPLES:
            yield from _EXAMPLES[str(path[-1])]
        elif re.fullmatch(r"[0-9]+(ms|s|m|h)", value):
            yield "7" + value
        else:
            yield from (f"{value}x", f"x{value}", re.sub(r"[0-9](?=[^0-9]*$)", "3", value))


def _choices(kind: str, path: PathOf) -> tuple[str, ...]:
    found: inspect.Type = _type_of(kind)
    for key in path:
        found = _bare(found)
        if isinstance(found, inspect.StructType):
            found = next(field.type for field in found.fields if field.encode_name == key)
        elif isinstance(found, inspect.VarTupleType):
            found = found.item_type
        elif isinstance(found, inspect.DictType):
            found = found.value_type
    found = _bare(found)
    return tuple(str(value) for value in found.values) if isinstance(found, inspect.LiteralType) else ()


def _spoken(kind: str, paths: list[PathOf], each: Occurrence) -> str:
    """The fields of an intent as people write them: `Service.versions[].traffic.outliers.interval`."""
    if all(path[0] == "patches" for path in paths):
        return f"`{kind}` with a patch"
    own = {str(key) for key in each.path}
    said = [path for path in paths if path[0] not in {"metadata", "names", "patches"}]  # these follow from a change elsewhere
    named = [path for path in paths if path[0] == "metadata"]  # or the intent's own name says it
    texts = dict.fromkeys(_text(kind, path, own) for path in said or named or paths)
    return ", ".join(f"`{text}`" for text in sorted(texts, key=lambda text: (len(text), text))[:2])


def _text(kind: str, path: PathOf, own: set[str]) -> str:
    """A path with its indexes as `[]`, and names that users chose as `{}`."""
    text = kind
    for key in path:
        if isinstance(key, int):
            text += "[]"
        elif re.fullmatch(r"[a-z][a-zA-Z0-9]*", key) and not (key in own and key not in _WORDS):
            text += f".{key}"
        else:
            text += "{}"
    return text


_WORDS = frozenset(
    word
    for kind in KINDS.values()
    for leaf in _leaves(_type_of(kind.name), kind.name)
    for word in re.findall(r"[a-zA-Z0-9_]+", leaf)
)


def coverage_page() -> str:
    """The table as Markdown, a section a kind."""
    rows = coverage()
    counts = {
        "intent": sum(how.startswith("`") and not how.endswith("patch") for how in rows.values()),
        "patch": sum(how.endswith("patch") for how in rows.values()),
        "native": sum(how == NATIVE for how in rows.values()),
        "ignored": sum(how == IGNORED for how in rows.values()),
    }
    lines = [
        "# Istio's API, field by field\n",
        "For each leaf field of each of Istio's custom resources the field of the intent language that gives it. The table is",
        "found out, not written: an object of a corpus (`tests/data/adopt`) is adopted with two values of the field, and what",
        "differs between the two intents is the answer. Whatever is here can also be written as a native object, and any single",
        "field can be given by `patches:` on an intent.\n",
        f"{len(rows)} fields: {counts['intent']} have a field of intent, {counts['patch']} are given by a patch,",
        f"{counts['native']} by native objects alone, {counts['ignored']} mean nothing to Istio.",
    ]
    kind = ""
    for leaf, how in rows.items():
        head, _, field = leaf.partition(".")
        if head != kind:
            kind = head
            lines += ["", f"## {kind}\n", "| field | is given by |", "| --- | --- |"]
        lines.append(f"| `{field}` | {how} |")
    return "\n".join(lines) + "\n"
