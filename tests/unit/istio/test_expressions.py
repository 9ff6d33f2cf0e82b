"""CEL expressions of Telemetry: what can be read, and which attributes they ask for."""

from __future__ import annotations

import pytest

from meshgen.istio.attributes import unknown_attribute
from meshgen.istio.expressions import ExpressionError, attributes

READABLE = [
    ("response.code >= 400", [("response", "code")]),
    ("has(request.host) ? request.host : 'unknown'", [("request", "host")]),
    ("string(destination.port)", [("destination", "port")]),
    ("request.headers['x-user'].startsWith('a')", [("request", "headers", "x-user")]),
    ("request.headers[request.id]", [("request", "id"), ("request", "headers")]),
    ("!connection.mtls || -1 < 2", [("connection", "mtls")]),
    ("request.url_path.matches(r'^/items/\\d+$')", [("request", "url_path")]),
    ("[1, 2u, 0x1F, 1.5e3,].exists(code, code == response.code)", [("response", "code")]),
    ("{'a': request.path, \"b\": b'x'}['a']", [("request", "path")]),
    ("'x-a' in request.headers", [("request", "headers")]),
    ("true ? null : '''three\nlines'''", []),
    ("duration('1s') < request.duration // slow", [("request", "duration")]),
    ("xds.node.metadata['MESH_ID']", [("xds", "node", "metadata", "MESH_ID")]),
    ("google.protobuf.Duration{seconds: 1} == request.duration", [("request", "duration")]),
    ("a ? b : c ? d : e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
    (r"'\x41\u0041\101\\d' == request.path", [("request", "path")]),
    ("[,] == [] && a{} == b{c: 1,}", []),
    ("'żółw' == request.path", [("request", "path")]),
    (" : ".join(["response.code == 1 ? 'x'"] * 2000) + " : 'y'", [("response", "code")]),
]
BROKEN = [
    ("", "is empty"),
    ("  // nothing", "is empty"),
    ("response.code >=", "cannot be read at its end"),
    ("response.code = 400", "has `=`, which CEL does not have, at character 15"),
    ("request.path | 'x'", "has `|`, which CEL does not have, at character 14"),
    ("request.path == 'x", "has a string that does not end at character 17"),
    ("(request.path", "cannot be read at its end"),
    ("request.path)", "cannot be read before `)`"),
    ("request..path", "cannot be read before `.path`"),
    ("a b", "cannot be read before `b`"),
    ("a ? b", "cannot be read at its end"),
    ("for == 1", "cannot be read before `for == 1`"),
    ("f(1, )x", "cannot be read before `)x`"),
    ("{'a' 1}", "cannot be read before `1}`"),
    ("(" * 5000, "has too many brackets in each other"),
    ("!-a", "cannot be read before `-a`"),
    ("f(1, )", "cannot be read before `)`"),
    ("[1,, 2]", "cannot be read before `, 2]`"),
    ("has(request.id == 1)", "asks `has` for what is no field, before `has(request.id == 1)`"),
    ("request.in", "cannot be read before `in`"),
    ("true(1)", "cannot be read before `(1)`"),
    ("has(request.headers['x'])", "asks `has` for what is no field, before `has(request.headers[`"),
    (r"request.path.matches('^/\d+$')", r"has `\d` in a string, which CEL does not have (write `r'…'`), at character 25"),
    ("[" * 5000, "has too many brackets in each other"),
]


@pytest.mark.parametrize(("expression", "found"), READABLE)
def test_attributes_in_their_order(expression: str, found: list[tuple[str, ...]]):
    assert attributes(expression) == tuple(found)


@pytest.mark.parametrize(("expression", "message"), BROKEN)
def test_what_cannot_be_read_is_said(expression: str, message: str):
    with pytest.raises(ExpressionError) as error:
        attributes(expression)
    assert str(error.value) == message


def test_names_that_no_proxy_knows():
    assert unknown_attribute(("request", "headers", "x")) is None
    assert unknown_attribute(("metadata", "filter_metadata", "mine")) is None
    assert unknown_attribute(("filter_state", "upstream_peer", "app")) is None
    assert unknown_attribute(("filter_state", "wasm.istio_operationId")) is None
    assert unknown_attribute(("node", "id")) == ("node", "write `xds.node.id`")
    assert unknown_attribute(("upstream_peer", "app")) == ("upstream_peer", "write `filter_state.upstream_peer.app`")
    assert unknown_attribute(("requests", "path")) == ("requests", "did you mean `request`?")
    assert unknown_attribute(("request", "methods")) == ("request.methods", "did you mean `method`?")
    assert unknown_attribute(("filter_state", "wasm.upstream_peer")) == (
        "filter_state['wasm.upstream_peer']",
        "write `filter_state.upstream_peer`",
    )
    assert unknown_attribute(("filter_state", "upstream_peer", "ap")) == (
        "filter_state.upstream_peer.ap",
        "did you mean `app`?",
    )
    assert "attributes begin with `request`" in unknown_attribute(("istio_operationId",))[1]  # type: ignore[index]
