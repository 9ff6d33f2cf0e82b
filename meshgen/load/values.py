"""Nodes to JSON values: duplicate keys, merge keys, tags, numbers, and the bounds of aliases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, Related
from meshgen.diagnostics.catalogue.yaml import (
    ALIAS_EXPANSION,
    DUPLICATE_KEY,
    INVALID_MERGE_KEY,
    KEY_NOT_STRING,
    NOT_A_JSON_NUMBER,
    TOO_DEEP,
    UNKNOWN_TAG,
    YAML_VERSIONS_DIFFER,
)
from meshgen.json import JsonObject, JsonValue
from meshgen.load.nodes import MAX_DEPTH, Alias, Mapping, Mark, Node, Scalar, Sequence
from meshgen.load.scalars import NotJsonError, octal_trap, resolve, yaml11_reading

MAX_ALIASED = 100_000
"""Values that the aliases of one document may add to it."""

MERGE = "<<"
_CORE = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
}


class _Stop(Exception):  # noqa: N818 - ends one document's reading, whose diagnostic is already written
    """The document cannot be read to its end."""


@dataclass(slots=True)
class Reader:
    """Reads the nodes of one document; findings collect in `diagnostics`, a value is complete only where none is an error."""

    file: str
    document: int
    diagnostics: list[Diagnostic] = field(default_factory=list)
    ambiguous: list[tuple[JsonPath, str, Mark]] = field(default_factory=list)  # plain scalars that 1.1 reads otherwise
    aliased: int = 0
    aliases: int = 0  # how many aliases we stand in
    depth: int = 0  # how many collections we stand in, those that merge keys draw from included

    def read(self, node: Node) -> JsonValue:
        """The value of a document's root."""
        try:
            return self._value(node, ())
        except _Stop:
            return None

    def warn(self, is_intent: Callable[[JsonPath], bool]) -> None:
        """Say which plain scalars YAML 1.1 reads otherwise; `is_intent` tells for a path whether it lies in an intent."""
        for path, text, mark in self.ambiguous:
            if is_intent(path) and not octal_trap(text):
                continue
            ours = resolve(text)
            reading = f'the string "{ours}"' if isinstance(ours, str) else f"the number {ours}"
            message = f"`{text}` is {reading} here, and {yaml11_reading(text)} for YAML 1.1 readers such as kubectl"
            hint = f'write "{text}" for the string' if isinstance(ours, str) else f'write {ours}, or "{text}" for the string'
            self.diagnostics.append(YAML_VERSIONS_DIFFER.at(self._at(mark, path), message, help=hint))

    def _at(self, mark: Mark, path: JsonPath = ()) -> Origin:
        return Origin(self.file, self.document, path, mark.line + 1, mark.column + 1)

    def _value(self, node: Node, path: JsonPath) -> JsonValue:
        if self.aliases:
            self._count(node)
        match node:
            case Alias():
                return self._alias(node, path)
            case Scalar():
                return self._scalar(node, path)
            case Sequence() | Mapping():
                return self._collection(node, path)

    def _count(self, node: Node) -> None:
        self.aliased += 1
        if self.aliased > MAX_ALIASED:
            message = f"the aliases of this document stand for more than {MAX_ALIASED:,} values"
            self.diagnostics.append(ALIAS_EXPANSION.at(self._at(node.start), message, help="write the values out"))
            raise _Stop

    def _alias(self, node: Alias, path: JsonPath) -> JsonValue:
        self.aliases += 1
        value = self._value(node.node, path)
        self.aliases -= 1
        return value

    def _collection(self, node: Sequence | Mapping, path: JsonPath) -> JsonValue:
        if node.tag not in {None, "!", _CORE + ("map" if isinstance(node, Mapping) else "seq")}:
            self._unknown_tag(node.tag or "", node.start)
        if self.depth >= MAX_DEPTH:
            self.diagnostics.append(TOO_DEEP.at(self._at(node.start), f"more than {MAX_DEPTH} levels of nesting"))
            raise _Stop
        self.depth += 1
        value: JsonValue
        if isinstance(node, Mapping):
            value = self._mapping(node, path)
        else:
            value = [self._value(item, (*path, index)) for index, item in enumerate(node.items)]
        self.depth -= 1
        return value

    def _scalar(self, node: Scalar, path: JsonPath) -> JsonValue:
        try:
            if not node.plain:
                return self._tagged(node)
            value = resolve(node.text)
        except NotJsonError as error:
            shown = node.text if len(node.text) <= 40 else node.text[:40] + "…"
            message = f"`{shown}` is {error}" if str(error).startswith(("too", "an ")) else f"`{shown}`: {error}"
            hint = "write it in quotes if a string is meant"
            self.diagnostics.append(NOT_A_JSON_NUMBER.at(self._at(node.start), message, help=hint))
            return None
        if yaml11_reading(node.text):
            self.ambiguous.append((path, node.text, node.start))
        return value

    def _tagged(self, node: Scalar) -> JsonValue:
        if node.tag in {None, "!", _CORE + "str"}:
            return node.text
        name = (node.tag or "").removeprefix(_CORE)
        types = _TYPES.get(name)
        value = resolve(node.text)
        if types is None or (node.tag or "").startswith("!") or not isinstance(value, types):
            self._unknown_tag(node.tag or "", node.start)
            return None
        if isinstance(value, bool) and bool not in types:
            self._unknown_tag(node.tag or "", node.start)
            return None
        return float(value) if name == "float" and isinstance(value, int) else value

    def _unknown_tag(self, tag: str, mark: Mark) -> None:
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        message = f"the tag `{shown}` does not name a type that this value can have"
        self.diagnostics.append(UNKNOWN_TAG.at(self._at(mark), message, help="leave the tag out; quotes make a string"))

    def _mapping(self, node: Mapping, path: JsonPath) -> JsonObject:
        value: JsonObject = {}
        seen: dict[str, Mark] = {}
        merged: JsonObject = {}
        for key_node, value_node in node.entries:
            key = self._key(key_node, path)
            if key is None:
                self._value(value_node, path)
            elif key in seen:
                self._duplicate(key, key_node.start, seen[key], path)
            else:
                seen[key] = key_node.start
                if is_merge(key_node):
                    merged = self._merge(value_node, path)
                else:
                    value[key] = self._value(value_node, (*path, key))
        for key, inherited in merged.items():
            value.setdefault(key, inherited)
        return value

    def _key(self, node: Node, path: JsonPath) -> str | None:
        target = node.node if isinstance(node, Alias) else node
        key = self._value(target, path) if isinstance(target, Scalar) and not is_merge(target) else None
        if isinstance(target, Scalar):
            # `8080:`, as in portLevelMtls, is one number to every reader, and kubectl makes this very text of it.
            if is_merge(target) or isinstance(key, str) or (type(key) is int and str(key) == target.text):
                return target.text
            shown = target.text if len(target.text) <= 40 else target.text[:40] + "…"
            message = f"the key `{shown}` is not a string"
            hint = f'write "{shown}" in quotes'
        else:
            message, hint = "a list or map as a key", "keys are strings"
        self.diagnostics.append(KEY_NOT_STRING.at(self._at(node.start), message, help=hint))
        return None

    def _duplicate(self, key: str, mark: Mark, first: Mark, path: JsonPath) -> None:
        related = [Related(self._at(first), "first here")]
        message = f"the key `{key}` is given twice"
        self.diagnostics.append(DUPLICATE_KEY.at(self._at(mark, path), message, label="again here", related=related))

    def _merge(self, node: Node, path: JsonPath) -> JsonObject:
        sources = merge_sources(node)
        if sources is None:
            message = "`<<` merges a map or a list of maps, and this is neither"
            self.diagnostics.append(INVALID_MERGE_KEY.at(self._at(node.start), message, help='write "<<" for a key of that name'))
            return {}
        merged: JsonObject = {}
        self.aliases += 1
        for source in sources:
            value = self._value(source, path)
            for key, inherited in value.items() if isinstance(value, dict) else ():
                merged.setdefault(key, inherited)
        self.aliases -= 1
        return merged


def is_merge(node: Node) -> bool:
    """Whether this key is YAML 1.1's merge key, which Kubernetes' readers know; in quotes it is a key like any other."""
    return isinstance(node, Scalar) and node.plain and node.text == MERGE


def merge_sources(node: Node) -> list[Mapping] | None:
    """The maps that a merge key draws from, the strongest first; None where its value is something else."""
    target = node.node if isinstance(node, Alias) else node
    if isinstance(target, Mapping):
        return [target]
    if not isinstance(target, Sequence):
        return None
    items = [item.node if isinstance(item, Alias) else item for item in target.items]
    maps = [item for item in items if isinstance(item, Mapping)]
    return maps if len(maps) == len(items) else None
