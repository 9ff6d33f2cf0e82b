"""Objects that break one constraint of Istio's CRDs each, for every constraint at every place, and the same objects mended.

Made from the schemas by other code than the generator's: one test asks meshgen what it says of them, another a real API server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CRDS = {
    crd["spec"]["names"]["kind"]: crd["spec"]
    for crd in yaml.load_all((Path(__file__).parents[1] / "data/istio-crds.yaml").read_text(), yaml.CSafeLoader)
    if crd
}

Steps = tuple[str, ...]
"""A place in a schema: field names, `[]` for a list's item, `{}` for a map's value."""

KEY = "8080"  # of an entry of a map: also a label's key, a port's name and its number

# A value of a leaf, a list or a map that breaks a CEL rule, one that keeps it, and where below the value the fault is placed.
VALUES: dict[str, tuple[Any, Any, Steps]] = {
    'self.all(key, !key.contains("*"))': ({"a*": "b"}, {"a": "b"}, ("a*",)),
    "self.all(key, key.size() != 0)": ({"": "b"}, {"a": "b"}, ()),
    '!self.contains("*")': ("a*", "a", ()),
    "self.size() == 0": ("other", "", ()),
    'isURL(self) ? (url(self).getScheme() in ["", "http", "https", "file", "oci"]) : (isURL("http://" + self) && '
    'url("http://" + self).getScheme() in ["", "http", "https", "file", "oci"])': ("ftp://a/b", "oci://a/b", ()),
    'isURL(self) ? (url(self).getScheme() in ["", "http", "https", "oci", "file"]) : (isURL("http://" + self) && '
    'url("http://" + self).getScheme() in ["", "http", "https", "oci", "file"])': ("localhost:5000/b", "127.0.0.1:5000/b", ()),
    "duration(self) >= duration('1ms')": ("999us", "1ms", ()),
    "0 < self && self <= 65535": (65536, 65535, ()),
    'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true': (
        "unix://a",
        "unix:///a",
        (),
    ),
    'self.startsWith("unix://") ? !self.endsWith("/") : true': ("unix:///a/", "unix://@a", ()),
    'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))': (
        {"a-": 80},
        {"a-b": 80},
        ("a-",),
    ),
    'self != "*"': ("*", "*.example.com", ()),
    'self in ["", "HTTP", "HTTPS"]': ("TCP", "HTTPS", ()),
    "self.all(key, 0 < int(key) && int(key) <= 65535)": ({"http": {"mode": "STRICT"}}, {"80": {"mode": "STRICT"}}, ("http",)),
    'url(self).getScheme() in ["http", "https"]': ("/a", "https://a/b", ()),
    "self.all(l1, self.exists_one(l2, l1.number == l2.number))": (
        [{"number": 80, "name": "a"}, {"number": 80, "name": "b"}],
        [{"number": 80, "name": "a"}, {"number": 81, "name": "b"}],
        ("1", "number"),
    ),
}

# Fields of a struct that break a CEL rule, some that keep it, and where the fault is placed.
STRUCTS: dict[str, tuple[dict[str, Any], dict[str, Any], Steps]] = {
    "has(self.wasm) != has(self.lua)": ({"wasm": None, "lua": None}, {"lua": {"inlineCode": "-- a"}}, ()),
    '(has(self.valueFrom) ? self.valueFrom : "") != "HOST" || !has(self.value)': (
        {"valueFrom": "HOST", "value": "a"},
        {"valueFrom": "HOST"},
        ("value",),
    ),
    'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)': (
        {"waypoint": {}},
        {"waypoint": {}, "context": "WAYPOINT"},
        (),
    ),
    '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && '
    '!((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))': (
        {"addresses": ["10.0.0.0/8"], "resolution": "DNS"},
        {"addresses": ["10.0.0.0/8"]},
        ("addresses", "0"),
    ),
    '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true': (
        {"endpoints": [], "resolution": None},
        {"endpoints": [], "resolution": "STATIC"},
        ("endpoints",),
    ),
    '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : [])'
    ".size() <= 1) : true": (
        {"endpoints": [{"address": "a.example.com"}, {"address": "b.example.com"}], "resolution": "DNS_ROUND_ROBIN"},
        {"endpoints": [{"address": "a.example.com"}], "resolution": "DNS_ROUND_ROBIN"},
        ("endpoints",),
    ),
    "has(self.address) || has(self.network)": ({"address": None}, {"address": None, "network": "a"}, ()),
    '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true': (
        {"address": "unix:///a", "ports": {}},
        {"address": "10.0.0.1", "ports": {}},
        ("ports",),
    ),
    "(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) && !has(self.notPrincipals) && "
    "!has(self.namespaces) && !has(self.notNamespaces)) : true": (
        {"serviceAccounts": ["a"], "notNamespaces": ["b"]},
        {"serviceAccounts": ["a"], "trustDomains": ["b"]},
        (),
    ),
    "has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? self.selector.matchLabels : {})"
    ".size() > 0) : true": (
        {"portLevelMtls": {"80": {}}, "selector": {"matchLabels": {}}},
        {"portLevelMtls": {"80": {}}, "selector": {"matchLabels": {"a": "b"}}},
        ("portLevelMtls",),
    ),
    '((has(self.operation) ? self.operation : "") == "UPSERT") ? (self.value != "") : true': (
        {"operation": "UPSERT", "value": ""},
        {"operation": "UPSERT", "value": "a"},
        (),
    ),
    '((has(self.operation) ? self.operation : "") == "REMOVE") ? !has(self.value) : true': (
        {"operation": "REMOVE", "value": "a"},
        {"operation": "REMOVE"},
        ("value",),
    ),
}

# What a minimal object needs beside what its schema requires, where the case says nothing else.
SEEDS: dict[str, dict[str, Any]] = {
    "TrafficExtension": {"lua": {"inlineCode": "-- a"}},
    "ServiceEntry": {"resolution": "STATIC"},
    "PeerAuthentication": {"selector": {"matchLabels": {"a": "b"}}},
    "WorkloadEntry": {"address": "10.0.0.1"},
}


@dataclass(frozen=True)
class Case:
    """A broken spec and a sound one, what is broken, and the path below `spec` at which meshgen is to say so."""

    kind: str
    what: str  # the schema's keyword, with its text where it is CEL
    place: Steps
    bad: dict[str, Any]
    good: dict[str, Any]
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"{self.kind}.{'.'.join(self.place)} {self.what}"[:160]

    def document(self, spec: dict[str, Any], version: str = "", name: str = "a") -> dict[str, Any]:
        crd = CRDS[self.kind]
        api_version = f"{crd['group']}/{version or crd['versions'][0]['name']}"
        return {"apiVersion": api_version, "kind": self.kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def schema_of(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = CRDS[kind]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def texts(schema: dict[str, Any]) -> list[str]:
    return [" ".join(rule["rule"].split()) for rule in schema.get("x-kubernetes-validations", ())]


def nodes(schema: dict[str, Any], place: Steps = ()) -> Iterator[tuple[Steps, dict[str, Any]]]:
    yield place, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, (*place, name))
    if schema.get("type") == "array":
        yield from nodes(schema["items"], (*place, "[]"))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], (*place, "{}"))


def least(schema: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
    """A smallest value that the schema takes."""
    for text in texts(schema):
        if text in VALUES:
            return VALUES[text][1]
    kind = schema.get("type")
    if kind == "object":
        return least_object(schema)
    if kind == "string" and "enum" in schema:
        return "REMOVE" if "REMOVE" in schema["enum"] else schema["enum"][0]
    if kind == "string":
        return "a" * (64 if "{64}" in schema.get("pattern", "") else max(1, schema.get("minLength", 1)))
    if kind == "array":
        return [least(schema["items"]) for _ in range(schema.get("minItems", 0))]
    return True if kind == "boolean" else max(1, int(schema.get("minimum", 1)))


def least_object(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        value = {name: least(schema["properties"][name]) for name in schema.get("required", ())}
        return value | ({"address": "10.0.0.1"} if "has(self.address) || has(self.network)" in texts(schema) else {})
    return {KEY: least(schema["additionalProperties"])} if schema.get("minProperties") else {}


def built(kind: str, place: Steps, value: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    """A smallest object of a kind with a value at a place; an absent field is None."""

    def build(schema: dict[str, Any], steps: Steps) -> Any:  # noqa: ANN401 (JSON)
        if not steps:
            if isinstance(value, dict) and "properties" in schema:
                return {name: each for name, each in {**least(schema), **value}.items() if each is not None}
            return value
        step, rest = steps[0], steps[1:]
        if step == "[]":
            inner = build(schema["items"], rest)
            return [inner, *[least(schema["items"]) for _ in range(1, schema.get("minItems", 1))]]
        if step == "{}":
            return {KEY: build(schema["additionalProperties"], rest)}
        fields = {**least(schema), step: build(schema["properties"][step], rest)}
        if step == "waypoint":
            fields["context"] = "WAYPOINT"
        return fields

    spec: dict[str, Any] = build(schema_of(kind), place)
    at_root = value if not place and isinstance(value, dict) else {}
    for name, seed in SEEDS.get(kind, {}).items():
        if name not in spec and name not in at_root and not (kind == "TrafficExtension" and "wasm" in spec):
            spec[name] = seed
    if kind == "ServiceEntry" and "endpoints" in spec and "workloadSelector" in spec and at_root == {}:
        del spec["endpoints"]
    return spec


def path_of(place: Steps, suffix: Steps = ()) -> tuple[str | int, ...]:
    steps = [0 if step == "[]" else KEY if step == "{}" else step for step in place]
    return (*steps, *(int(step) if step.isdigit() and len(step) == 1 else step for step in suffix))


def cases(kind: str) -> Iterator[Case]:
    """Every constraint of a kind at every place, but types and unknown fields."""
    for place, schema in nodes(schema_of(kind)):
        for what, bad, good, suffix in (*broken_cel(schema), *broken_keywords(schema)):
            yield Case(kind, what, place, built(kind, place, bad), built(kind, place, good), path_of(place, suffix))


def broken_cel(schema: dict[str, Any]) -> Iterator[tuple[str, Any, Any, Steps]]:
    for text in texts(schema):
        if text in VALUES:
            bad, good, suffix = VALUES[text]
        elif text in STRUCTS:
            bad, good, suffix = STRUCTS[text]
        else:
            assert text.endswith("<= 1"), f"a rule without a case: {text}"
            fields = list(dict.fromkeys(part.split(")")[0] for part in text.split("has(self.")[1:]))
            bad = {name: least(schema["properties"][name]) for name in fields[:2]}
            good, suffix = dict(list(bad.items())[:1]), ()
        yield f"CEL {text}", bad, good, suffix


def out_of(keyword: str, schema: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
    """A value that breaks a keyword of the schema."""
    limit = schema[keyword]
    match keyword:
        case "enum":
            return "NOPE"
        case "minimum" | "maximum":
            return int(limit) - 1 if keyword == "minimum" else int(limit) + 1
        case "minItems" | "minProperties" | "minLength":
            return {"minItems": [], "minProperties": {}, "minLength": ""}[keyword]
        case "maxItems":
            return many(schema["items"], limit + 1)
        case "maxProperties":
            return {str(number + 1): least(schema["additionalProperties"]) for number in range(limit + 1)}
    return "a\n" if keyword == "pattern" else "a" * (limit + 1)


KEYWORDS = (
    *("enum", "minimum", "maximum", "minLength", "maxLength", "pattern"),
    *("minItems", "maxItems", "minProperties", "maxProperties"),
)


def many(schema: dict[str, Any], count: int) -> list[Any]:
    """Items of which no two are alike where that can matter."""
    item = least(schema)
    if isinstance(item, dict) and ("number" in item or "name" in item):
        return [item | {key: number + 1 if key == "number" else f"a{number}" for key in item} for number in range(count)]
    return [item] * count


def broken_keywords(schema: dict[str, Any]) -> Iterator[tuple[str, Any, Any, Steps]]:
    for keyword in KEYWORDS:
        if keyword in schema:
            yield keyword, out_of(keyword, schema), least(schema), ()
    if schema.get("format") == "int32":
        if "maximum" not in schema:
            yield "int32", 2**31, 1, ()
        if "minimum" not in schema:
            yield "int32", -(2**31) - 1, 1, ()
    for name in schema.get("required", ()):
        yield f"required {name}", {name: None}, {}, ()
    for key in schema.get("x-kubernetes-list-map-keys", ()):
        item = {"name": "a", "number": 80}
        item = {name: item[name] for name in schema["items"]["required"]}
        other = item | {name: "b" for name in item if name == "name"} | {name: 81 for name in item if name == "number"}
        yield f"list-map-key {key}", [item, other | {key: item[key]}], [item, other], ("1", key)
    for group in (schema, *schema.get("allOf", ())):
        names = [option["required"][0] for option in group.get("oneOf", ()) if "required" in option]
        if len(names) > 1:
            both = {name: least(schema["properties"][name]) for name in names[:2]}
            yield f"oneOf {' '.join(names)}", both, {**dict.fromkeys(names), names[0]: both[names[0]]}, ()
