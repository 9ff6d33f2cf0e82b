"""Generated route tables and requests: the simulator and a real Envoy decide alike.

Each example is a handful of listeners ("worlds"), each with its own connection manager, filters and route table, served by one
Envoy; every request goes through Envoy and through `trace`, which reads Envoy's own `/config_dump`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from harness import EchoServer, Response, http_request, start_envoy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshgen.trace import Decision, EnvoyConfig, Outcome, Request, trace

pytestmark = pytest.mark.envoy

TYPES = "type.googleapis.com/envoy.extensions"
HTTP = f"{TYPES}.filters.http"
Json = dict[str, Any]


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def drop(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value is not None}


values = st.sampled_from(["", "1", "a", "A", "ab", "a,b", "12", "-3", "10"])
names = st.sampled_from(["x-a", "x-b", "x-c"])
regexes = st.sampled_from(["a.*", "[a-z]+", "(a|b)*", ".+", "/api/.*", "/[^/]+", "1|a", r"\d+"])
segments = st.sampled_from([
    "",
    "a",
    "A",
    "api",
    "apiary",
    "%61pi",
    "..",
    ".",
    "b.c",
    "%2Fa",
    "%5Cb",
    "a%20b",
    "~x",
    "%C3%A9",
    "a|b",
    "%2e%2E",
])
paths = st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts))
prefixes = st.sampled_from(["/", "/a", "/A", "/api", "/api/", "/apiary", "/a/api", "/b.c", "/a%20b"])

string_matchers = st.one_of(
    *(
        st.builds(lambda kind, value, ignore: {kind: value, "ignore_case": ignore}, st.just(kind), texts, st.booleans())
        for kind, texts in (
            ("exact", values),
            ("prefix", values.filter(bool)),
            ("suffix", values.filter(bool)),
            ("contains", values.filter(bool)),
        )
    ),
    regexes.map(lambda pattern: {"safe_regex": {"regex": pattern}}),
)
header_kinds = st.one_of(
    string_matchers.map(lambda matcher: {"string_match": matcher}),
    st.booleans().map(lambda present: {"present_match": present}),
    st.just({"range_match": {"start": "-5", "end": "12"}}),
    st.just({}),
)
header_matchers = st.builds(
    lambda name, kind, invert, empty: {
        "name": name, **kind, "invert_match": invert, "treat_missing_header_as_empty": empty
    },
    names | st.sampled_from([":method", ":authority", ":path", "host"]),
    header_kinds, st.booleans(), st.booleans(),
)  # fmt: skip
query_matchers = st.builds(
    lambda name, kind: {"name": name, **kind},
    st.sampled_from(["k", "a%20b"]),
    st.one_of(
        string_matchers.map(lambda matcher: {"string_match": matcher}),
        st.booleans().map(lambda present: {"present_match": present}),
        st.just({}),
    ),
)


def template(text: str) -> Json:
    config = {"@type": f"{TYPES}.path.match.uri_template.v3.UriTemplateMatchConfig", "path_template": text}
    return {"name": "envoy.path.match.uri_template.uri_template_matcher", "typed_config": config}


path_kinds = st.one_of(
    prefixes.map(lambda text: {"prefix": text}),
    prefixes.map(lambda text: {"path": text}),
    regexes.map(lambda text: {"safe_regex": {"regex": text}}),
    prefixes.filter(lambda text: not text.endswith("/")).map(lambda text: {"path_separated_prefix": text}),
    st.sampled_from(["/a/*", "/**", "/{x}/api", "/api/{y=a/*}"]).map(lambda t: {"path_match_policy": template(t)}),
)
matches = st.builds(
    lambda path, case, headers, query: {
        **path,
        **({} if "safe_regex" in path or "path_match_policy" in path else {"case_sensitive": case}),
        "headers": headers,
        "query_parameters": query,
    },
    path_kinds,
    st.booleans(),
    st.lists(header_matchers, max_size=2),
    st.lists(query_matchers, max_size=1),
)
header_options = st.builds(
    lambda name, value, action: {"header": {"key": name, "value": value}, "append_action": action},
    names | st.just("X-New"),
    st.sampled_from(["1", "z", "50%%", "%REQ(x-a)%", "%PROTOCOL%"]),
    st.sampled_from(["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"]),
)
operations = st.fixed_dictionaries(
    {},
    optional={
        "request_headers_to_add": st.lists(header_options, max_size=2),
        "request_headers_to_remove": st.lists(names, max_size=1),
    },
)
rewrites = st.one_of(
    st.just({}),
    st.sampled_from(["/", "/new", "/new/"]).map(lambda text: {"prefix_rewrite": text}),
    st.sampled_from(["/a", "(/)(a)", "api.*"]).map(
        lambda p: {"regex_rewrite": {"pattern": {"regex": p}, "substitution": r"/z\0"}}
    ),
)
hosts_rewrites = st.sampled_from([{}, {"host_rewrite_literal": "new.example"}, {"host_rewrite_header": "x-a"}])
forwards = st.builds(
    lambda path, host, timeout, more: {"route": {"cluster": "echo", **path, **host, **timeout, **more}},
    rewrites,
    hosts_rewrites,
    st.sampled_from([{}, {"timeout": "0s"}, {"timeout": "2.5s"}, {"timeout": "1s", "max_grpc_timeout": "0s"}]),
    st.sampled_from([
        {},
        {"upgrade_configs": [{"upgrade_type": "websocket"}]},
        {"upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}]},
        {"retry_policy": {"retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.4s"}},
    ]),
)
redirects = st.fixed_dictionaries(
    {},
    optional={
        "https_redirect": st.just(True),
        "host_redirect": st.just("other.example"),
        "port_redirect": st.sampled_from([8443, 80]),
        "path_redirect": st.sampled_from(["/moved", "moved", "/moved?x=1"]),
        "strip_query": st.booleans(),
        "response_code": st.sampled_from(["FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"]),
    },
)
prefix_redirects = st.just({"prefix_rewrite": "/moved"})
actions = st.one_of(
    forwards,
    (redirects | prefix_redirects).map(lambda redirect: {"redirect": redirect}),
    st.sampled_from([200, 201, 204, 302, 404, 503]).map(lambda status: {"direct_response": {"status": status}}),
    st.just({"direct_response": {"status": 418, "body": {"inline_string": "teapot"}}}),
    st.sampled_from(["nobody", "missing"]).map(lambda name: {"route": {"cluster": name}}),
)
aborts = st.builds(
    lambda status, headers: {
        "@type": f"{HTTP}.fault.v3.HTTPFault",
        "abort": {"http_status": status, "percentage": {"numerator": 100}},
        "headers": headers,
    },
    st.sampled_from([418, 503]),
    st.lists(header_matchers, min_size=1, max_size=1),
)
cors = st.builds(
    lambda origins, forward, more: {
        "@type": f"{HTTP}.cors.v3.CorsPolicy",
        "allow_origin_string_match": origins,
        "forward_not_matching_preflights": forward,
        **more,
    },
    st.lists(st.sampled_from([{"exact": "http://a"}, {"prefix": "http://"}, {"exact": "*"}]), max_size=2),
    st.booleans(),
    st.sampled_from([{}, {"allow_methods": "GET", "max_age": "5"}, {"allow_credentials": True, "expose_headers": "x"}]),
)
filters_of_routes = st.builds(
    lambda fault, policy: drop({"envoy.filters.http.fault": fault, "envoy.filters.http.cors": policy}),
    sometimes(aborts),
    sometimes(cors),
)


def route(match: Json, action: Json, more: Json, filters: Json) -> Json:
    if "path_match_policy" in match:  # Envoy refuses it beside a prefix rewrite
        action = {kind: {k: v for k, v in fields.items() if k != "prefix_rewrite"} for kind, fields in action.items()}
    return {"match": match, **action, **more, "typed_per_filter_config": filters}


routes = st.builds(
    route,
    matches,
    actions,
    operations,
    filters_of_routes,
)
DOMAINS = ["shop.example", "*.shop.example", "*.example", "*-x.example", "a.*", "shop.*", "*", "a.shop.example", "10.0.0.1"]


@st.composite
def route_configs(draw: st.DrawFn) -> Json:
    domains = draw(st.permutations(DOMAINS))
    hosts = []
    for index in range(draw(st.integers(1, 4))):
        own = domains[2 * index : 2 * index + 2]
        table = draw(st.lists(routes, max_size=4))
        for place, route in enumerate(table):
            route["name"] = f"{index}.{place}"
            route["response_headers_to_add"] = [{"header": {"key": "x-route", "value": route["name"]}}]
        tls = draw(st.sampled_from(["NONE", "NONE", "NONE", "ALL"]))
        count = draw(st.booleans())
        host = {"name": f"host{index}", "domains": own, "routes": table, "require_tls": tls, **draw(operations)}
        hosts.append({**host, "include_request_attempt_count": count})
    config = {"name": "table", "virtual_hosts": hosts, "validate_clusters": False, **draw(operations)}
    config["ignore_port_in_host_matching"] = draw(st.booleans())
    config["most_specific_header_mutations_wins"] = draw(st.booleans())
    return config


def rbac_rules(header: Json, path: Json, address: str, action: str, negate: bool) -> Json:
    permission: Json = {"or_rules": {"rules": [{"header": header}, {"url_path": {"path": path}}]}}
    principal = {"remote_ip": {"address_prefix": address, "prefix_len": 8}}
    policy = {
        "permissions": [{"not_rule": permission} if negate else permission],
        "principals": [{"or_ids": {"ids": [principal, {"header": {"name": "x-b"}}]}}],
    }
    return {"action": action, "policies": {"p": policy}}


rbacs = st.builds(
    rbac_rules,
    header_matchers,
    st.sampled_from([{"prefix": "/a"}, {"suffix": "i"}, {"exact": "/api"}]),
    st.sampled_from(["127.0.0.0", "10.0.0.0"]),
    st.sampled_from(["ALLOW", "DENY", "LOG"]),
    st.booleans(),
)
managers = st.fixed_dictionaries(
    {},
    optional={
        "normalize_path": st.booleans(),
        "merge_slashes": st.booleans(),
        "path_with_escaped_slashes_action": st.sampled_from([
            "KEEP_UNCHANGED",
            "REJECT_REQUEST",
            "UNESCAPE_AND_REDIRECT",
            "UNESCAPE_AND_FORWARD",
        ]),
        "use_remote_address": st.booleans(),
        "xff_num_trusted_hops": st.integers(0, 2),
        "strip_any_host_port": st.booleans(),
        "strip_trailing_host_dot": st.booleans(),
        "server_name": st.just("here"),
        "upgrade_configs": st.sampled_from([
            [{"upgrade_type": "websocket"}],
            [{"upgrade_type": "WebSocket", "enabled": False}],
            [{"upgrade_type": "other"}],
        ]),
        "internal_address_config": st.just({"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}),
    },
)
worlds = st.tuples(managers, sometimes(rbacs), route_configs())
requests = st.builds(
    lambda method, host, path, query, headers: (method, host, path + query, tuple(headers)),
    st.sampled_from(["GET", "GET", "POST", "HEAD", "OPTIONS", "PUT", "get"]),
    st.sampled_from(
        ["shop.example", "a.shop.example", "A.Shop.Example", "b-x.example", "shop.example:80", "a.b", "z.", "10.0.0.1:9",
         "shop.example.", ".shop.example", "[::1]:80"]
    ),
    paths,
    st.sampled_from(["", "", "?", "?k", "?k=1", "?k=a&k=1", "?a%20b=ab", "?x=/a//b&k=", "?k=A#f"]),
    st.lists(
        st.tuples(names, values)
        | st.sampled_from([
            ("origin", "http://a"), ("origin", "http://b"), ("access-control-request-method", "GET"),
            ("x-forwarded-proto", "https"), ("x-forwarded-for", "10.1.1.1, 10.2.2.2"), ("x-envoy-max-retries", "3"),
            ("x-envoy-original-path", "/fake"), ("te", "trailers"), ("te", "gzip"),
            ("x-forwarded-client-cert", "URI=a"), ("x-envoy-external-address", "9.9.9.9"),
            ("connection", "x-b"), ("x-envoy-internal", "true"), ("x-envoy-decorator-operation", "me"),
            ("content-type", "application/grpc"), ("content-type", "application/grpc+proto"), ("grpc-timeout", "2S"),
            ("x-envoy-upstream-rq-timeout-ms", "1500"), ("x-envoy-upstream-rq-timeout-ms", "x"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "300"), ("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "0"),
            ("connection", "Upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c"), ("upgrade", "other"),
        ]),
        max_size=4, unique_by=lambda pair: pair if pair[0].startswith("x-") and len(pair[0]) == 3 else pair[0],
    ),
)  # fmt: skip


def bootstrap(echo_port: int, places: list[str], generated: list[Any]) -> Json:
    """Each listener at an address of its own with whatever port is free, so that nothing can be in the way."""
    listeners = [listener(place, *world) for place, world in zip(places, generated, strict=True)]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": echo_port}}
    group = {"lb_endpoints": [{"endpoint": {"address": address}}]}
    echo = {"name": "echo", "type": "STATIC", "load_assignment": {"cluster_name": "echo", "endpoints": [group]}}
    return {"static_resources": {"listeners": listeners, "clusters": [echo, {"name": "nobody", "type": "STATIC"}]}}


def listener(place: str, manager: Json, rules: Json | None, routes: Json) -> Json:
    filters = [("rbac", f"{HTTP}.rbac.v3.RBAC", {"rules": rules} if rules is not None else {})]
    filters += [("fault", f"{HTTP}.fault.v3.HTTPFault", {}), ("cors", f"{HTTP}.cors.v3.Cors", {})]
    filters.append(("router", f"{HTTP}.router.v3.Router", {}))
    config = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main",
        "route_config": routes,
        "http_filters": [
            {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **more}} for name, kind, more in filters
        ],
        **manager,
    }
    address = {"socket_address": {"address": place, "port_value": 0}}
    return {"name": place, "address": address, "filter_chains": [{"filters": [{"name": "h", "typed_config": config}]}]}


# Random, the codec's, and what names the machine's own address for a loopback peer.
NOT_TOLD = ("x-request-id", "content-length", "x-forwarded-for")


def observed(answer: Response, decision: Decision) -> Json:
    names = {"location", "x-route", "server", "grpc-status", "grpc-message",
             "access-control-allow-origin", "access-control-allow-methods",
             "access-control-allow-credentials", "access-control-expose-headers", "access-control-max-age"}  # fmt: skip
    if answer.status in (400, 307) and decision.route is None:
        names.remove("x-route")  # Envoy asks a route for headers even where it answers before it routes
    headers = sorted(pair for pair in answer.headers if pair[0] in names)
    if answer.header("content-type") != "application/json":
        return {"status": answer.status, "headers": headers, "body": answer.body.decode()}
    seen = answer.json() if answer.body else None  # a HEAD request has no body to tell
    upstream = None
    if seen is not None:
        kept = sorted((n, v) for n, v in seen["headers"] if n not in NOT_TOLD)
        upstream = {"method": seen["method"], "path": seen["path"], "host": seen["host"], "headers": kept}
    return {"status": "routed", "headers": headers, "upstream": upstream}


def foretold(decision: Decision, method: str) -> Json:
    headers = sorted(pair for pair in decision.response_headers if pair[0] != "content-type")
    if decision.outcome is not Outcome.ROUTED:
        body = "" if method == "HEAD" else decision.body
        return {"status": decision.status, "headers": headers, "body": body}
    kept = sorted(pair for pair in decision.request_headers if pair[0] not in NOT_TOLD)
    upstream = {"method": decision.method, "path": decision.path, "host": decision.host, "headers": kept}
    return {"status": "routed", "headers": headers, "upstream": None if method == "HEAD" else upstream}


class Example:
    """One Envoy's listeners and the requests that all of them get; too large to show when a test fails."""

    def __init__(self, worlds: list[Any], requests: list[Any]) -> None:
        self.worlds, self.requests = worlds, requests


@st.composite
def examples(draw: st.DrawFn) -> Example:
    listeners = draw(st.lists(worlds, min_size=6, max_size=10))
    return Example(listeners, draw(st.lists(requests, min_size=25, max_size=40)))


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(examples())
def test_generated_tables_are_decided_as_envoy_decides_them(example: Example):
    places = [f"127.0.0.{10 + index}" for index in range(len(example.worlds))]
    differences = []
    with (
        tempfile.TemporaryDirectory() as directory,
        EchoServer() as echo,
        start_envoy(bootstrap(echo.port, places, example.worlds), Path(directory)) as envoy,
    ):
        config = EnvoyConfig.from_config_dump(envoy.config_dump())
        for place in places:
            port = envoy.listener_port(place)
            for method, host, path, headers in example.requests:
                answer = http_request(port, path, method=method, host=host, headers=headers, address=place)
                request = Request(method=method, host=host, path=path, headers=headers, port=0, address=place)
                decision = trace(config, request)
                real, told = observed(answer, decision), foretold(decision, method)
                if real != told:
                    differences.append({"place": place, "request": request_line(request), "envoy": real, "trace": told})
    assert not differences, f"{len(differences)}: " + json.dumps(differences[:5], indent=1)


def request_line(request: Request) -> str:
    headers = "".join(f" {name}={value!r}" for name, value in request.headers)
    return f"{request.method} {request.host} {request.path}{headers}"
