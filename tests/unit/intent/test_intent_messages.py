"""What is said about intents that cannot be read, and where."""

from __future__ import annotations

import pytest

from meshgen.diagnostics import Diagnostic
from meshgen.intent.decode import decode_intents
from meshgen.load.yaml import parse_documents

SERVICE = "apiVersion: meshgen/v1\nkind: Service\nmetadata: {name: catalog, namespace: shop}\nspec:\n"


def findings(text: str) -> list[Diagnostic]:
    documents, problems = parse_documents(text.encode(), "mesh.yaml")
    assert problems == ()
    intents, diagnostics = decode_intents(documents)
    assert not (intents and diagnostics)
    return list(diagnostics)


def document(kind: str, spec: str) -> str:
    return f"apiVersion: meshgen/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {spec}\n"


CASES = [
    # a field that the kind does not have
    ("Service", "{prts: [80]}", "MG0051", ("spec", "prts"), "`Service` has no field `prts`", "did you mean `ports`?"),
    (
        "Service",
        "{routes: [{to: v1, timeuot: 2s}]}",
        "MG0051",
        ("spec", "routes", 0, "timeuot"),
        "`routes[0]` has no field `timeuot`",
        "did you mean `timeout`?",
    ),
    (
        "Service",
        "{routes: [{to: v1, match: {hedaers: {a: b}}}]}",
        "MG0051",
        ("spec", "routes", 0, "match", "hedaers"),
        "`match` has no field `hedaers`",
        "did you mean `headers`?",
    ),
    (
        "Service",
        "{metadata: {}}",
        "MG0051",
        ("spec", "metadata"),
        "`spec` has no field `metadata`",
        "`metadata` stands beside `spec`",
    ),
    # the wrong type
    (
        "Service",
        "{ports: ['80']}",
        "MG0052",
        ("spec", "ports", 0),
        "`ports[0]` must be a whole number or a map, not `80`",
        "leave the quotes away",
    ),
    (
        "Service",
        "{routes: [{to: v1, timeout: 2}]}",
        "MG0052",
        ("spec", "routes", 0, "timeout"),
        "`timeout` must be a string, not `2`",
        "put it in quotes, or give it a unit if it is a duration",
    ),
    ("Service", "{versions: v1}", "MG0052", ("spec", "versions"), "`versions` must be a list, not `v1`", ""),
    (
        "Service",
        "{routes: [{to: v1, retries: {attempts: 1, on: [[]]}}]}",
        "MG0052",
        ("spec", "routes", 0, "retries", "on", 0),
        "`on[0]` must be a string or a whole number, not a list",
        "",
    ),
    (
        "Gateway",
        "{workload: {selector: {}}, listeners: [{port: 80, hosts: ['*'], redirectToHttps: yes it is}]}",
        "MG0052",
        ("spec", "listeners", 0, "redirectToHttps"),
        "`redirectToHttps` must be `true` or `false`, not `yes it is`",
        "",
    ),
    # out of range, out of form
    (
        "Service",
        "{routes: [{to: v1, timeout: 2 seconds}]}",
        "MG0052",
        ("spec", "routes", 0, "timeout"),
        "`2 seconds` is not a duration; write a number with a unit, as in `500ms`, `2s` or `1m30s`",
        "",
    ),
    (
        "Service",
        "{routes: [{to: v1, timeout: 100us}]}",
        "MG0052",
        ("spec", "routes", 0, "timeout"),
        "`100us` is shorter than 1ms, the shortest duration that Istio takes",
        "",
    ),
    (
        "Service",
        "{traffic: {outliers: {maxEjected: 120%}}}",
        "MG0052",
        ("spec", "traffic", "outliers", "maxEjected"),
        "`maxEjected` must be at most 100, not `120`",
        "",
    ),
    (
        "Service",
        "{routes: [{to: 'a@b@c'}]}",
        "MG0052",
        ("spec", "routes", 0, "to"),
        "`a@b@c` is not a destination",
        "write `catalog`, `catalog.shop:8080@v2`, or `v2` in a Service",
    ),
    (
        "Service",
        "{routes: [{to: v1, match: {path: '*.png'}}]}",
        "MG0052",
        ("spec", "routes", 0, "match", "path"),
        "Istio has no suffix match here",
        r"write `{regex: '.*\.png'}`",
    ),
    (
        "Service",
        "{ports: [{port: 80, protocol: HTP}]}",
        "MG0052",
        ("spec", "ports", 0),
        "`HTP` is not a protocol",
        "write one of `HTTP`, `HTTPS`, `HTTP2`, `GRPC`, `GRPC-Web`, `TCP`, `TLS`, `UDP`, `Mongo`, `MySQL`, `Redis`, `HBONE`",
    ),
    ("Service", "{ports: [80, 80]}", "MG0052", ("spec", "ports"), "port 80 is given twice", ""),
    ("Service", "{versions: [v1, v1]}", "MG0052", ("spec", "versions"), "version `v1` is given twice", ""),
    ("Service", "{endpoints: [localhost]}", "MG0052", ("spec", "endpoints", 0), "`localhost` is not an IP address", ""),
    (
        "Route",
        "{hosts: ['shop example'], rules: [{to: a}]}",
        "MG0052",
        ("spec", "hosts", 0),
        "`shop example` is not a host: a DNS name, `*.` and a DNS name, or `*`",
        "",
    ),
    # a word that is none of the field's
    (
        "Service",
        "{traffic: {loadBalancer: leastRequst}}",
        "MG0052",
        ("spec", "traffic", "loadBalancer"),
        "`loadBalancer` must be one of `roundRobin`, `leastRequest`, `random`, `passthrough`, not `leastRequst`",
        "did you mean `leastRequest`?",
    ),
    (
        "Authentication",
        "{mtls: strct}",
        "MG0052",
        ("spec", "mtls"),
        "`mtls` must be one of `strict`, `permissive`, `disable`, `unset`, not `strct`",
        "did you mean `strict`?",
    ),
    (
        "Route",
        "{rules: [{redirect: {code: 300}}]}",
        "MG0052",
        ("spec", "rules", 0, "redirect", "code"),
        "`code` must be one of `301`, `302`, `303`, `307`, `308`, not `300`",
        "",
    ),
    (
        "Access",
        "{allow: [{from: ['*']}]}",
        "MG0052",
        ("spec", "allow", 0, "from", 0),
        "`*` is not a service account",
        "write a name, or `{anyone: true}`, `{namespace: …}`, `{principal: …}`",
    ),
    # missing
    ("Canary", "{service: catalog, from: v1, weight: 10}", "MG0053", ("spec",), "`to` is missing", ""),
    ("Canary", "{service: catalog, from: v1, to: v2}", "MG0053", ("spec",), "`weight` is missing", ""),
    (
        "Route",
        "{rules: [{to: a, fault: {abort: {httpStatus: 500}}}]}",
        "MG0053",
        ("spec", "rules", 0, "fault", "abort"),
        "`percent` is missing in `abort`",
        "",
    ),
    (
        "Gateway",
        "{workload: {selector: {}}, listeners: [{port: 443, hosts: ['*'], tls: {mode: simple}}]}",
        "MG0053",
        ("spec", "listeners", 0, "tls"),
        "TLS mode `simple` needs a certificate",
        "name a Secret: `credential: shop-cert`",
    ),
    # contradictions
    (
        "Route",
        "{rules: [{to: a, redirect: {path: /}}]}",
        "MG0054",
        ("spec", "rules", 0),
        "a rule has one of `to`, `split`, `redirect`, `directResponse` and `delegate`",
        "",
    ),
    (
        "Route",
        "{rules: [{timeout: 1s}]}",
        "MG0054",
        ("spec", "rules", 0),
        "a rule has one of `to`, `split`, `redirect`, `directResponse` and `delegate`",
        "add `to:` with where the requests go",
    ),
    ("Route", "{hosts: [a.example.com]}", "MG0054", ("spec",), "a Route has at least one rule in `rules`, `tcp` or `tls`", ""),
    (
        "Access",
        "{service: a, gateway: b, default: deny}",
        "MG0054",
        ("spec",),
        "one of `service`, `gateway` says what it is for",
        "",
    ),
    (
        "Access",
        "{default: allow, allow: [{}]}",
        "MG0054",
        ("spec",),
        "`default: allow` allows everything, whatever `allow` says",
        "leave one of them out",
    ),
    ("Canary", "{service: a, from: v1, to: v1, weight: 1}", "MG0054", ("spec", "to"), "the canary goes from `v1` to itself", ""),
    (
        "Service",
        "{traffic: {loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: x}}}}",
        "MG0054",
        ("spec", "traffic", "loadBalancer", "consistentHash"),
        "a consistent hash has one of `httpHeaderName`, `httpCookie`, `useSourceIp` and `httpQueryParameterName`",
        "",
    ),
    # splits
    (
        "Service",
        "{routes: [{split: {v1: 90, v2: 20}}]}",
        "MG0055",
        ("spec", "routes", 0, "split"),
        "the weights of the split add up to 110, not to 100",
        "",
    ),
    (
        "Service",
        "{routes: [{split: {v1: 90, v2: ten}}]}",
        "MG0052",
        ("spec", "routes", 0, "split", "v2"),
        "`v2` must be a whole number, not `ten`",
        "",
    ),
    # keys, and what comes later
    (
        "Authentication",
        "{jwt: {issuer: a, jwks: {keys: [{kty: RSA, n: x, e: AQAB, d: secret}]}}}",
        "MG0056",
        ("spec", "jwt", "jwks"),
        "`jwks` holds a private key",
        "give the public keys alone",
    ),
    (
        "Authentication",
        "{jwt: {issuer: a, jwks: '" + "[" * 5000 + "'}}",
        "MG0052",
        ("spec", "jwt", "jwks"),
        "`jwks` is not JSON",
        'write the key set, `{"keys": […]}`, or a `jwksUri`',
    ),
]


@pytest.mark.parametrize(("kind", "spec", "code", "path", "message", "help"), CASES, ids=[f"{c[2]} {c[4][:50]}" for c in CASES])
def test_a_mistake_is_named_at_its_place(kind: str, spec: str, code: str, path: tuple[str | int, ...], message: str, help: str):
    found = findings(document(kind, spec))
    assert [(each.code.number, each.origin.path, each.message, each.help) for each in found] == [(code, path, message, help)]


def test_every_mistake_of_a_document_is_found_in_one_run():
    text = SERVICE + "  ports: ['80']\n  verions: [v1]\n  routes: [{to: v1, timeout: 2}, {split: {v1: 1}}]\n"
    assert sorted(each.code.number for each in findings(text)) == ["MG0051", "MG0052", "MG0052", "MG0055"]


@pytest.mark.parametrize(
    ("head", "code", "message", "help"),
    [
        ("apiVersion: meshgen/v1\nkind: Servce", "MG0050", "meshgen has no kind `Servce`", "did you mean `Service`?"),
        ("apiVersion: meshgen/v2\nkind: Service", "MG0050", "meshgen has no API version `meshgen/v2`", "write `meshgen/v1`"),
    ],
)
def test_a_kind_that_does_not_exist_is_named(head: str, code: str, message: str, help: str):
    (found,) = findings(f"{head}\nmetadata: {{name: x}}\nspec: {{}}\n")
    assert (found.code.number, found.message, found.help) == (code, message, help)


def test_what_stands_beside_the_spec_is_checked():
    found = findings("apiVersion: meshgen/v1\nkind: Service\nmetadata: {name: UPPER, nmae: x}\nspecs: {}\n")
    assert [(each.code.number, each.message) for each in found] == [
        ("MG0051", "a document has no field `specs`"),
        ("MG0052", "`UPPER` is not a name: lower case letters, digits, `-` and `.`"),
        ("MG0051", "`metadata` has no field `nmae`"),
    ]


def test_an_intent_without_a_name_is_refused():
    (found,) = findings("apiVersion: meshgen/v1\nkind: Service\nspec: {}\n")
    assert (found.code.number, found.message) == ("MG0053", "`name` is missing in `metadata`")


def test_snake_case_is_no_yaml():
    (found,) = findings(SERVICE + "  routes: [{to: v1, direct_response: 200}]\n")
    assert (found.message, found.help) == ("`routes[0]` has no field `direct_response`", "did you mean `directResponse`?")


def test_a_field_that_is_misspelt_is_not_missing_too():
    (finding,) = findings(document("Service", "{routes: [{to: v1, retries: {attemps: 3}}]}"))
    assert (finding.message, finding.help) == ("`retries` has no field `attemps`", "did you mean `attempts`?")


@pytest.mark.parametrize("host", ["bücher.example.com", "*.*.example.com", "a b.example.com", "shop/", "a*.example.com"])
def test_a_host_that_no_gateway_takes_is_refused(host: str):
    spec = f"{{workload: {{selector: {{a: b}}}}, listeners: [{{port: 80, hosts: ['{host}']}}]}}"
    (finding,) = findings(document("Gateway", spec))
    assert finding.message == f"`{host}` is not a host of a gateway: `host` or `namespace/host`"


@pytest.mark.parametrize(
    "host", ["*", "*/*", "./shop.example.com", "shop/*.example.com", "xn--bcher-kva.example.com", "10.0.0.1"]
)
def test_a_host_that_a_gateway_takes_is_taken(host: str):
    spec = f"{{workload: {{selector: {{a: b}}}}, listeners: [{{port: 80, hosts: ['{host}']}}]}}"
    assert findings(document("Gateway", spec)) == []
