"""Meshes that Hypothesis makes: order never matters, documents are stable, nothing raises."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.intent.decode import IntentObject, decode_intents
from meshgen.intent.kind import Intent
from meshgen.intent.kinds import KINDS
from meshgen.json import JsonObject
from meshgen.kubernetes import CoreFacts
from meshgen.load.document import Document
from meshgen.lower.lower import Lowered, lower

SERVICES = ("catalog", "forum", "webapp")
VERSIONS = ("v1", "v2", "v3")
PATHS = st.sampled_from(["/*", "/api/*", "/api", "/items*", {"regex": "/x.*"}])
HEADERS = st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.sampled_from(["1", "2*", "*"]), min_size=1, max_size=2)
MATCHES = st.fixed_dictionaries({}, optional={"path": PATHS, "headers": HEADERS, "method": st.sampled_from(["GET", "POST"])})
ACTIONS: dict[str, st.SearchStrategy[Any]] = {
    "timeout": st.sampled_from(["1s", "90s", "500ms"]),
    "retries": st.integers(0, 3) | st.just({"attempts": 2, "on": ["5xx", 503]}),
    "rewrite": st.sampled_from([{"path": "/"}, {"authority": "x"}]),
    "match": MATCHES | st.lists(MATCHES, min_size=1, max_size=2),
}


def rules(destinations: st.SearchStrategy[Any], splits: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    sent = st.fixed_dictionaries({"to": destinations}, optional=ACTIONS)
    shared = st.fixed_dictionaries({"split": splits}, optional=ACTIONS)
    answered = st.fixed_dictionaries({"directResponse": st.sampled_from([404, 503])}, optional={"match": MATCHES})
    return st.lists(sent | shared | answered, min_size=1, max_size=3)


OWN_RULES = rules(st.sampled_from(VERSIONS) | st.just({"service": "forum"}), st.just({"v1": 60, "v2": 40}))
ROUTE_RULES = rules(
    st.sampled_from(["catalog", "forum", "catalog@v1", "webapp@*", "forum.other", "api.example.com:443"]),
    st.just({"catalog@v1": 50, "forum@*": 50}),
)
HOSTS = st.lists(st.sampled_from(["a.example.com", "b.example.com", "*", "catalog"]), min_size=1, max_size=2, unique=True)
ACCESS_RULES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "from": st.lists(
                st.sampled_from(["webapp", {"namespace": "x"}, {"service": "forum"}, {"jwt": {"claims": {"g": "a"}}}]), max_size=2
            ),
            "to": st.just({"methods": ["GET"], "paths": ["/a*"]}),
        },
    ),
    max_size=2,
)
TAGS = st.dictionaries(
    st.sampled_from(["a", "b"]), st.sampled_from(["request.host", "remove", {"classes": {"x": "request.id == ''"}}]), max_size=2
)
CHANGES = st.fixed_dictionaries({}, optional={"side": st.sampled_from(["client", "server"]), "tags": TAGS})
METRICS = st.fixed_dictionaries(
    {},
    optional={
        "all": CHANGES | st.lists(CHANGES, max_size=2),
        "requestCount": CHANGES,
        "overrides": st.lists(st.just({"metric": "requestSize", "disabled": True}), max_size=2),
        "new": st.just({"calls": "1"}),
    },
)
SPECS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "Service": st.fixed_dictionaries(
        {"ports": st.just([80]), "versions": st.just(list(VERSIONS)), "workload": st.just({"selector": {"app": "x"}})},
        optional={
            "routes": OWN_RULES,
            "calls": st.lists(st.sampled_from(SERVICES), max_size=2),
            "traffic": st.sampled_from([{"loadBalancer": "random"}, {"outliers": {"consecutive5xx": 5}}]),
        },
    ),
    "Route": st.fixed_dictionaries(
        {"hosts": HOSTS, "rules": ROUTE_RULES},
        optional={"gateways": st.sampled_from([["edge"], ["mesh"], ["edge", "mesh"]]), "order": st.integers(-1, 1)},
    ),
    "Canary": st.fixed_dictionaries(
        {
            "service": st.sampled_from(SERVICES),
            "from": st.just("v1"),
            "to": st.sampled_from(["v2", "v3"]),
            "weight": st.integers(0, 100),
        },
        optional={"match": MATCHES},
    ),
    "Mirror": st.fixed_dictionaries(
        {"service": st.sampled_from(SERVICES), "to": st.sampled_from(["v2", {"service": "forum"}])},
        optional={"from": st.just("v1"), "percent": st.integers(0, 100), "match": MATCHES},
    ),
    "Access": st.fixed_dictionaries({"service": st.sampled_from(SERVICES), "allow": ACCESS_RULES}),
    "Mesh": st.fixed_dictionaries({}, optional={"mtls": st.just("strict"), "access": st.just("deny")}),
    "Telemetry": st.fixed_dictionaries(
        {"accessLog": st.sampled_from(["envoy", {"side": "server", "filter": "response.code > 399"}])},
        optional={
            "service": st.sampled_from(SERVICES),
            "metrics": METRICS | st.lists(METRICS, min_size=1, max_size=2),
            "tracing": st.sampled_from([{"sampling": 5}, {"disabled": True, "tags": {"a": "b", "c": {"header": "x"}}}]),
            "stats": st.just({"prefixes": ["cluster"]}),
        },
    ),
}


@st.composite
def meshes(draw: st.DrawFn) -> list[Document]:
    """Documents of some intents, each with its own name."""
    kinds = draw(st.lists(st.sampled_from(list(SPECS)), min_size=1, max_size=8))
    documents = []
    for number, kind in enumerate(["Service", "Service", *kinds]):
        name = SERVICES[number % 3] if kind == "Service" else f"{kind.lower()}-{number}"
        value: JsonObject = {
            "apiVersion": "meshgen/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "shop"},
            "spec": draw(SPECS[kind]),
        }
        documents.append(Document(value, Origin("mesh.yaml", number)))
    return documents


def read(documents: list[Document]) -> tuple[IntentObject[Intent], ...]:
    intents, diagnostics = decode_intents(documents)
    assert diagnostics == ()
    return intents


def outcome(documents: list[Document]) -> tuple[Any, tuple[Diagnostic, ...], Lowered]:
    lowered, diagnostics = lower(read(documents), (), CoreFacts())
    objects = [(each.to_json(), each.owner, each.origin, dict(each.origins)) for each in lowered.objects]
    return objects, diagnostics, lowered


@given(meshes(), st.randoms())
@settings(max_examples=150, deadline=None)
def test_the_order_of_documents_never_changes_the_lowering(documents: list[Document], random: Random):
    objects, diagnostics, lowered = outcome(documents)
    shuffled = list(documents)
    random.shuffle(shuffled)
    again = outcome(shuffled)
    assert again[0] == objects
    assert again[1] == diagnostics
    assert again[2].facts == lowered.facts
    assert again[2].config == lowered.config


@given(meshes())
@settings(max_examples=100, deadline=None)
def test_no_two_objects_share_a_name_and_every_subset_is_defined(documents: list[Document]):
    _, _, lowered = outcome(documents)
    keys = [each.key for each in lowered.objects]
    assert len(set(keys)) == len(keys)
    subsets: dict[str, set[str]] = {}
    for each in lowered.objects:
        if each.kind == "DestinationRule":
            spec: Any = each.to_json()["spec"]
            subsets[spec["host"]] = {subset["name"] for subset in spec.get("subsets", ())}
    for each in lowered.objects:
        spec = each.to_json()["spec"]
        for rule in spec.get("http", ()) if each.kind == "VirtualService" else ():
            for destination in (part["destination"] for part in (*rule.get("route", ()), *rule.get("mirrors", ()))):
                assert destination.get("subset") in {None, *subsets.get(destination["host"], ())}
            weights = [part["weight"] for part in rule.get("route", ()) if "weight" in part]
            assert not weights or sum(weights) == 100


@given(meshes())
@settings(max_examples=100, deadline=None)
def test_a_document_survives_the_model_in_both_forms(documents: list[Document]):
    for intent in read(documents):
        for short in (False, True):
            written = intent.model.to_document(short=short)
            (again,) = read([Document(written, intent.origin)])
            assert again.model == intent.model
            assert again.model.to_document(short=short) == written


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def keys_of(kind: str) -> list[str]:
    return [field.alias or name for name, field in KINDS[kind].model_fields.items()]


@st.composite
def nonsense(draw: st.DrawFn) -> JsonObject:
    """A document of a known kind, with any values under its own fields."""
    kind = draw(st.sampled_from(list(KINDS)))
    spec = draw(st.dictionaries(st.sampled_from(keys_of(kind)) | st.text(max_size=6), JSON, max_size=5) | JSON)
    return {"apiVersion": "meshgen/v1", "kind": kind, "metadata": draw(st.just({"name": "x"}) | JSON), "spec": spec}


@given(nonsense())
@settings(max_examples=400, deadline=None)
def test_any_values_at_all_give_diagnostics_and_no_traceback(value: JsonObject):
    intents, diagnostics = decode_intents([Document(value, Origin("x.yaml"))])
    assert bool(intents) != bool(diagnostics)
    for diagnostic in diagnostics:
        assert "Input should" not in diagnostic.message
        assert "validation error" not in diagnostic.message
    lower(intents, (), CoreFacts())


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401 (JSON)
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:  # noqa: ANN401 (JSON)
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@given(meshes(), st.data())
@settings(max_examples=400, deadline=None)
def test_one_wrong_value_anywhere_is_one_intent_less_and_no_traceback(documents: list[Document], data: st.DataObject):
    number = data.draw(st.integers(0, len(documents) - 1))
    value: Any = documents[number].value
    path = data.draw(st.sampled_from(places(value["spec"])))
    wrong = {
        **value,
        "spec": replaced(value["spec"], path, data.draw(JSON | st.sampled_from(["a@b", "x.y", "@v1", ":80", "*", "/"]))),
    }
    documents[number] = Document(wrong, Origin("mesh.yaml", number))
    intents, diagnostics = decode_intents(documents)
    assert len(intents) == len(documents) - bool(diagnostics)
    lowered, found = lower(intents, (), CoreFacts())
    assert outcome_of(lowered) == outcome_of(lower(intents[::-1], (), CoreFacts())[0])
    for diagnostic in (*diagnostics, *found):
        assert diagnostic.message == diagnostic.message.strip(" .")
        assert "Input should" not in diagnostic.message


def outcome_of(lowered: Lowered) -> list[JsonObject]:
    return [each.to_json() for each in lowered.objects]
