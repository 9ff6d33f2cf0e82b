"""JSON Schema (draft-07) of the intent language, short forms included, for editors (yaml-language-server)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from pydantic.json_schema import models_json_schema

from meshgen.intent.kind import API_VERSION
from meshgen.intent.kinds import KINDS
from meshgen.intent.model import Model
from meshgen.json import JsonObject, JsonValue


def json_schema(beside: Mapping[str, JsonObject] | None = None) -> JsonObject:
    """The schema of one document: any of the kinds, told apart by `kind`; documents of other API groups may be anything.

    `beside` has the schemas of documents that are no intents, by kind, with what they refer to under `$defs`: the project file.
    """
    others = {kind: _tidy(schema, f"#/definitions/{kind}/$defs/") for kind, schema in (beside or {}).items()}
    kinds: list[JsonValue] = [*KINDS, *others]
    _, schema = models_json_schema([(kind, "validation") for kind in KINDS.values()], by_alias=True)
    definitions: dict[str, Any] = {name: _tidy(value) for name, value in schema["$defs"].items()}
    for model in _models(Model):
        if model.__name__ in definitions:
            _describe(definitions[model.__name__], model)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "meshgen intent",
        "description": "One document of the intent language, `meshgen/v1`.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}},
        # Native objects may stand in the same file, and an editor knows them by other schemas.
        "if": {"properties": {"apiVersion": {"pattern": "^meshgen/"}}},
        "then": {
            "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": kinds}},
            "allOf": [_case(str(kind)) for kind in kinds],
        },
        "definitions": {
            **{name: _document(definitions[name], name) if name in KINDS else definitions[name] for name in sorted(definitions)},
            **others,
        },
    }


def _case(kind: str) -> JsonObject:
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
        "then": {"$ref": f"#/definitions/{kind}"},
    }


def _document(schema: dict[str, Any], kind: str) -> JsonObject:
    """The schema of a kind's document: its fields go under `spec`."""
    fields = dict(schema["properties"])
    metadata = fields.pop("metadata")
    required = [name for name in schema.get("required", []) if name != "metadata"]
    spec: JsonObject = {"type": "object", "additionalProperties": False, "properties": fields}
    document: JsonObject = {
        "title": kind,
        "description": schema.get("description", ""),
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, "metadata": metadata, "spec": spec},
    }
    if required:
        spec["required"] = list(required)
        document["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return document


def _tidy(value: Any, definitions: str = "#/definitions/") -> Any:  # noqa: ANN401 (JSON)
    """The schema as draft-07 has it: definitions under their old name, no null (a field is left out), no made-up titles."""
    if isinstance(value, list):
        return [_tidy(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(item, definitions) for key, item in value.items() if not (key == "title" and isinstance(item, str))}
    reference = tidy.get("$ref")
    if isinstance(reference, str):
        tidy["$ref"] = reference.replace("#/$defs/", definitions)
    options = tidy.get("anyOf")
    if "default" in tidy and tidy["default"] is None:
        del tidy["default"]
    elif _means_null(tidy):
        return tidy
    if isinstance(options, list):
        kept = [option for option in options if option != {"type": "null"}]
        rest = {key: item for key, item in tidy.items() if key != "anyOf"}
        tidy = {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}
    return tidy


def _means_null(schema: dict[str, Any]) -> bool:
    """Whether `null` says something else than nothing: a field of the project that has another default."""
    options = schema.get("anyOf")
    return isinstance(options, list) and len(options) == 2 and "$ref" in options[0] and {"type": "null"} in options


def _describe(schema: dict[str, Any], model: type[Model]) -> None:
    """Adds titles and the docstrings of the fields, which pydantic would have to read at every start."""
    long = schema["anyOf"][-1] if "anyOf" in schema else schema
    schema["title"] = model.__name__
    schema["description"] = inspect.getdoc(model) or ""
    if long is not schema:
        long.pop("description", None)
    for name, field in model.model_fields.items():
        text = field_docs(model).get(name)
        entry = long["properties"].get(field.alias or name)
        if text and isinstance(entry, dict):
            long["properties"][field.alias or name] = (
                {"allOf": [entry], "description": text} if "$ref" in entry else {**entry, "description": text}
            )


@lru_cache(maxsize=256)
def field_docs(model: type[Model]) -> dict[str, str]:
    """The strings that stand under the fields of a model, by field, those of its bases included."""
    docs: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not (issubclass(owner, Model) and owner.__module__.startswith("meshgen.")):
            continue
        (body,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                value = text.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    docs[field.target.id] = inspect.cleandoc(value.value)
    return docs


def _models(base: type[Model]) -> list[type[Model]]:
    found: list[type[Model]] = []
    for model in base.__subclasses__():
        found += [model, *_models(model)]
    return found
