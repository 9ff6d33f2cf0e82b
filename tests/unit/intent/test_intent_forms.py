"""Short and long forms, and the way from a model back to a document."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from meshgen.intent.decode import decode_intents
from meshgen.intent.kind import Intent
from meshgen.intent.kinds import KINDS
from meshgen.intent.schema import json_schema
from meshgen.load.yaml import parse_documents


def read(kind: str, spec: str) -> Intent:
    text = f"apiVersion: meshgen/v1\nkind: {kind}\nmetadata: {{name: catalog, namespace: shop}}\nspec: {spec}\n"
    documents, problems = parse_documents(text.encode(), "mesh.yaml")
    assert problems == ()
    (intent,), diagnostics = decode_intents(documents)
    assert diagnostics == ()
    return intent.model


FORMS = [
    # short, long
    ("Service", "{ports: [80]}", "{ports: [{name: http, port: 80, protocol: HTTP}]}"),
    ("Service", "{ports: [443, 3306, 6379, 27017]}", None),
    ("Service", "{ports: [9090]}", "{ports: [{name: http-9090, port: 9090, protocol: HTTP}]}"),
    ("Service", "{ports: [{name: grpc-api, port: 9000, protocol: GRPC}]}", None),
    ("Service", "{versions: [v2]}", "{versions: [{name: v2, labels: {version: v2}}]}"),
    ("Service", "{versions: [{name: v2, labels: {track: canary}}]}", None),
    (
        "Service",
        "{calls: [forum, forum.social, api.example.com]}",
        "{calls: [{service: forum}, {service: forum, namespace: social}, {host: api.example.com}]}",
    ),
    ("Service", "{routes: [{to: v2}]}", "{routes: [{to: {version: v2}}]}"),
    ("Service", "{routes: [{to: {service: v2}}]}", None),
    (
        "Service",
        "{routes: [{split: {v1: 90, v2: 10}}]}",
        "{routes: [{split: [{version: v1, weight: 90}, {version: v2, weight: 10}]}]}",
    ),
    ("Service", "{routes: [{to: v1, mirror: v2}]}", "{routes: [{to: {version: v1}, mirror: [{to: {version: v2}}]}]}"),
    ("Service", "{routes: [{to: v1, retries: 0}]}", "{routes: [{to: {version: v1}, retries: {attempts: 0}}]}"),
    ("Service", "{traffic: {loadBalancer: random}}", "{traffic: {loadBalancer: {simple: random}}}"),
    ("Service", "{traffic: {tls: istioMutual}}", "{traffic: {tls: {mode: istioMutual}}}"),
    ("Service", "{endpoints: [10.0.0.7:9080]}", "{endpoints: [{address: 10.0.0.7, port: 9080}]}"),
    ("Service", "{endpoints: ['[::1]:80']}", "{endpoints: [{address: '::1', port: 80}]}"),
    ("Route", "{rules: [{to: catalog}]}", "{rules: [{to: {service: catalog}}]}"),
    (
        "Route",
        "{rules: [{to: 'catalog.shop:8080@v2'}]}",
        "{rules: [{to: {service: catalog, namespace: shop, port: 8080, version: v2}}]}",
    ),
    ("Route", "{rules: [{to: api.example.com:443}]}", "{rules: [{to: {host: api.example.com, port: 443}}]}"),
    ("Route", "{rules: [{to: 'catalog@*'}]}", "{rules: [{to: {service: catalog, version: '*'}}]}"),
    (
        "Route",
        "{rules: [{split: {catalog@v1: 50, forum: 50}}]}",
        "{rules: [{split: [{service: catalog, version: v1, weight: 50}, {service: forum, weight: 50}]}]}",
    ),
    (
        "Route",
        "{rules: [{match: {path: /api/*, headers: {a: b, c: '*'}}, to: catalog}]}",
        "{rules: [{match: [{path: {prefix: /api/}, headers: {a: {exact: b}, c: {present: true}}}], to: {service: catalog}}]}",
    ),
    (
        "Route",
        "{rules: [{match: {path: {exact: /a*}}, to: catalog}]}",
        "{rules: [{match: [{path: {exact: /a*}}], to: {service: catalog}}]}",
    ),
    ("Route", "{rules: [{directResponse: 503}]}", "{rules: [{directResponse: {status: 503}}]}"),
    ("Route", "{rules: [{delegate: other/inner}]}", "{rules: [{delegate: {name: inner, namespace: other}}]}"),
    (
        "Mirror",
        "{service: catalog, from: v1, to: v2, percent: 25}",
        "{service: catalog, from: v1, to: {version: v2}, percent: 25}",
    ),
    ("Access", "{allow: [{from: [webapp]}]}", "{allow: [{from: [{serviceAccount: webapp}]}]}"),
    ("Access", "{allow: [{from: [webapp.shop]}]}", "{allow: [{from: [{serviceAccount: webapp, namespace: shop}]}]}"),
    (
        "Access",
        "{deny: [{to: {methods: [GET], paths: [/a*, '*.p', '*', '/x/{*}']}}]}",
        "{deny: [{to: [{methods: [{exact: GET}], paths: [{prefix: /a}, {suffix: .p}, {present: true}, {template: '/x/{*}'}]}]}]}",
    ),
    (
        "Access",
        "{allow: [{when: {source.ip: 10.0.0.0/8}}]}",
        "{allow: [{when: [{key: source.ip, values: [10.0.0.0/8]}]}]}",
    ),
    ("Authentication", "{mtls: strict}", "{mtls: {mode: strict}}"),
    ("Mesh", "{accessLog: /dev/stdout}", "{accessLog: {file: /dev/stdout}}"),
    (
        "Mesh",
        "{observability: {prometheus: {goldenSignals: true}}}",
        "{observability: {prometheus: {goldenSignals: {}}}}",
    ),
    ("Telemetry", "{accessLog: envoy}", "{accessLog: [{providers: [envoy]}]}"),
    ("Telemetry", "{tracing: {sampling: 5, tags: {a: b}}}", "{tracing: [{sampling: 5, tags: {a: {literal: b}}}]}"),
    (
        "Telemetry",
        "{targets: [Gateway/edge], accessLog: envoy}",
        "{targets: [{kind: Gateway, name: edge}], accessLog: [{providers: [envoy]}]}",
    ),
    (
        "Telemetry",
        "{metrics: {requestCount: {tags: {a: request.host, b: remove}}, new: {calls: '1'}}}",
        "{metrics: [{requestCount: [{tags: {a: {value: request.host}, b: {remove: true}}}], new: {calls: {value: '1'}}}]}",
    ),
    ("Telemetry", "{metrics: {all: {tags: {a: {value: remove}}}}}", "{metrics: [{all: [{tags: {a: {value: remove}}}]}]}"),
]


@pytest.mark.parametrize(("kind", "short", "long"), FORMS, ids=[f"{form[0]} {form[1]}" for form in FORMS])
def test_a_short_form_means_its_long_form_and_both_can_be_printed(kind: str, short: str, long: str | None):
    model = read(kind, short)
    printed: Any = model.to_document(short=False)
    if long is not None:
        assert model == read(kind, long)
        assert printed["spec"] == spec_of(long)
    assert model.to_document(short=True)["spec"] == spec_of(short)


def spec_of(text: str) -> Any:  # noqa: ANN401 (JSON)
    ((document,), _) = parse_documents(f"spec: {text}".encode(), "x")
    return document.value["spec"]


@pytest.mark.parametrize(("kind", "short", "long"), FORMS, ids=[f"{form[0]} {form[1]}" for form in FORMS])
def test_the_schema_for_editors_takes_both_forms(kind: str, short: str, long: str | None):
    validator = jsonschema.Draft7Validator(json_schema())
    for text in (short, long or short):
        document = {"apiVersion": "meshgen/v1", "kind": kind, "metadata": {"name": "catalog"}, "spec": spec_of(text)}
        assert [error.message for error in validator.iter_errors(document)] == []


def test_a_value_alone_stands_for_a_list_of_one():
    one = read("Access", "{allow: {from: webapp, to: {methods: GET}, when: {key: source.ip, values: 10.0.0.1}}}")
    assert one == read(
        "Access", "{allow: [{from: [webapp], to: [{methods: [GET]}], when: [{key: source.ip, values: [10.0.0.1]}]}]}"
    )
    assert read("Service", "{endpoints: 10.0.0.7:9080}") == read("Service", "{endpoints: [10.0.0.7:9080]}")


def test_durations_are_printed_as_istio_writes_them():
    model = read("Service", "{routes: [{to: v1, timeout: 90s, retries: {attempts: 1, perTryTimeout: 0.5s}}]}")
    document: Any = model.to_document()
    rule = document["spec"]["routes"][0]
    assert (rule["timeout"], rule["retries"]["perTryTimeout"]) == ("1m30s", "500ms")


def test_what_was_not_given_is_not_printed():
    assert read("Service", "{ports: [80], versions: null}").to_document(short=True)["spec"] == {"ports": [80]}


def test_zero_and_empty_are_printed():
    spec = "{calls: [], routes: [{to: v1, retries: {attempts: 0}}], traffic: {}}"
    document: Any = read("Service", spec).to_document()
    assert document["spec"]["calls"] == []
    assert document["spec"]["traffic"] == {}
    assert document["spec"]["routes"][0]["retries"] == {"attempts": 0}


def test_the_schema_is_sound_and_refuses_what_the_models_refuse():
    schema = json_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for kind, spec in (
        ("Service", {"prts": [80]}),
        ("Service", {"ports": ["80"]}),
        ("Canary", {"from": "v1"}),
        ("Nothing", {}),
    ):
        document = {"apiVersion": "meshgen/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
        assert not validator.is_valid(document)


def test_the_schema_describes_every_kind_and_the_fields_that_have_a_docstring():
    definitions: Any = json_schema()["definitions"]
    for kind in KINDS:
        assert definitions[kind]["description"]
    weight = definitions["Canary"]["properties"]["spec"]["properties"]["weight"]
    assert weight["description"].startswith("Percent of the requests")
