"""Rules, canaries and mirrors: what becomes of requests."""

from __future__ import annotations

from typing import Any

import pytest
from lowered_mesh import lower_text

CATALOG = """
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  workload: {selector: {app: catalog}}
  versions: [v1, v2, v3]
  routes: %s
---
"""
INTENT = "apiVersion: meshgen/v1\nkind: %s\nmetadata: {name: %s, namespace: shop}\nspec: %s\n---\n"
HOST = "catalog.shop.svc.cluster.local"


def catalog(routes: str) -> str:
    return CATALOG % routes


def intent(kind: str, name: str, spec: str) -> str:
    return INTENT % (kind, name, spec)


def to(version: str, weight: int | None = None) -> dict[str, Any]:
    destination = {"destination": {"host": HOST, "subset": version}}
    return destination if weight is None else {**destination, "weight": weight}


def test_rules_keep_their_order_and_point_to_where_they_were_written():
    result = lower_text(catalog("[{match: {headers: {x-cohort: internal}}, to: v2}, {to: v1, timeout: 2s}]"))
    assert result.http("catalog") == [
        {"match": [{"headers": {"x-cohort": {"exact": "internal"}}}], "route": [to("v2")]},
        {"route": [to("v1")], "timeout": "2s"},
    ]
    service = result.object("VirtualService", "catalog")
    assert service.origin_of("spec", "http", 1, "timeout").path == ("spec", "routes", 1)
    assert service.spec.hosts == (HOST,)


def test_every_version_is_a_subset():
    result = lower_text(catalog("[{to: v1}]"))
    assert [subset["name"] for subset in result.spec("DestinationRule", "catalog")["subsets"]] == ["v1", "v2", "v3"]


def test_a_canary_shares_the_requests_of_every_rule_to_its_version():
    text = catalog("[{match: {path: /a}, to: v1}, {match: {path: /b}, to: v2}, {to: v1, timeout: 1s}]")
    result = lower_text(text + intent("Canary", "c", "{service: catalog, from: v1, to: v2, weight: 10}"))
    assert [rule["route"] for rule in result.http("catalog")] == [
        [to("v1", 90), to("v2", 10)],
        [to("v2")],
        [to("v1", 90), to("v2", 10)],
    ]
    service = result.object("VirtualService", "catalog")
    assert service.origin_of("spec", "http", 0, "route", 1).path == ("spec", "weight")
    assert service.origin_of("spec", "http", 0).path == ("spec", "routes", 0)


def test_a_canary_reaches_the_rules_of_a_gateway():
    route = intent("Route", "edge", "{gateways: [edge], hosts: [shop.example.com], rules: [{to: catalog@v1}, {to: 'catalog@*'}]}")
    result = lower_text(catalog("[{to: v1}]") + route + intent("Canary", "c", "{service: catalog, from: v1, to: v2, weight: 25}"))
    assert [rule["route"] for rule in result.http("edge")] == [[to("v1", 75), to("v2", 25)], [{"destination": {"host": HOST}}]]
    assert result.spec("VirtualService", "edge")["gateways"] == ["shop/edge"]


def test_a_canary_with_a_match_puts_a_narrower_rule_before_each():
    text = catalog("[{match: {path: /a*}, to: v1}, {to: v1}]")
    result = lower_text(text + intent("Canary", "c", "{service: catalog, from: v1, to: v2, match: {headers: {x-beta: '1'}}}"))
    beta = {"x-beta": {"exact": "1"}}
    assert result.http("catalog") == [
        {"match": [{"uri": {"prefix": "/a"}, "headers": beta}], "route": [to("v1", 0), to("v2", 100)]},
        {"match": [{"uri": {"prefix": "/a"}}], "route": [to("v1")]},
        {"match": [{"headers": beta}], "route": [to("v1", 0), to("v2", 100)]},
        {"route": [to("v1")]},
    ]


def test_a_canary_whose_match_a_rule_excludes_adds_nothing_there():
    text = catalog("[{match: {headers: {x-beta: '0'}}, to: v1}, {to: v2}]")
    result = lower_text(text + intent("Canary", "c", "{service: catalog, from: v1, to: v3, match: {headers: {x-beta: '1'}}}"))
    assert len(result.http("catalog")) == 2


def test_canaries_for_some_come_before_the_one_for_all():
    canaries = intent("Canary", "all", "{service: catalog, from: v1, to: v2, weight: 10}") + intent(
        "Canary", "beta", "{service: catalog, from: v1, to: v3, weight: 50, match: {headers: {x-beta: '1'}}}"
    )
    result = lower_text(catalog("[{to: v1}]") + canaries)
    assert [rule["route"] for rule in result.http("catalog")] == [[to("v1", 50), to("v3", 50)], [to("v1", 90), to("v2", 10)]]


def test_a_service_without_rules_gets_one_by_its_canary():
    text = CATALOG.replace("  routes: %s\n", "") + intent("Canary", "c", "{service: catalog, from: v1, to: v2, weight: 10}")
    assert lower_text(text).http("catalog") == [{"route": [to("v1", 90), to("v2", 10)]}]


def test_a_canary_over_a_tcp_service_shares_its_connections():
    text = CATALOG.replace("  routes: %s\n", "").replace("[80]", "[{name: tcp, port: 9000}]")
    result = lower_text(text + intent("Canary", "c", "{service: catalog, from: v1, to: v2, weight: 10}"))
    assert result.spec("VirtualService", "catalog") == {
        "hosts": [HOST],
        "tcp": [{"match": [{"port": 9000}], "route": [to("v1", 90), to("v2", 10)]}],
    }


def test_a_mirror_is_added_to_every_rule_of_its_version_and_survives_a_canary():
    changes = intent("Mirror", "m", "{service: catalog, from: v1, to: v3, percent: 25}") + intent(
        "Canary", "c", "{service: catalog, from: v1, to: v2, weight: 10}"
    )
    result = lower_text(catalog("[{match: {path: /x}, to: v2}, {to: v1}]") + changes)
    mirror = {"destination": {"host": HOST, "subset": "v3"}, "percentage": {"value": 25}}
    first, second = result.http("catalog")
    assert "mirrors" not in first
    assert second == {"route": [to("v1", 90), to("v2", 10)], "mirrors": [mirror]}


def test_a_mirror_without_a_version_concerns_every_rule_and_may_leave_the_service():
    text = catalog("[{match: {path: /x}, to: v2}, {to: v1}]")
    result = lower_text(text + intent("Mirror", "m", "{service: catalog, to: {service: audit, namespace: logs}}"))
    mirror = {"destination": {"host": "audit.logs.svc.cluster.local"}}
    assert [rule["mirrors"] for rule in result.http("catalog")] == [[mirror], [mirror]]


def test_a_mirror_with_a_match_goes_before_the_rule():
    text = catalog("[{to: v1}]") + intent("Mirror", "m", "{service: catalog, from: v1, to: v3, match: {method: GET}}")
    first, second = lower_text(text).http("catalog")
    assert (first["match"], "mirrors" in first, "mirrors" in second) == ([{"method": {"exact": "GET"}}], True, False)


EDGE = "{gateways: [edge], hosts: [shop.example.com], rules: %s}"


def edge(own: str, rules: str) -> list[dict[str, Any]]:
    result = lower_text(catalog(own) + intent("Route", "edge", EDGE % rules))
    assert result.diagnostics == ()
    return result.http("edge")


def test_a_service_without_a_version_is_the_service_as_it_routes_itself():
    own = "[{match: {headers: {x-cohort: internal}}, to: v2}, {to: v1, timeout: 2s}]"
    assert edge(own, "[{match: {path: /api/*}, to: catalog, rewrite: {path: /}}]") == [
        {
            "match": [{"uri": {"prefix": "/api/"}, "headers": {"x-cohort": {"exact": "internal"}}}],
            "route": [to("v2")],
            "rewrite": {"uri": "/"},
        },
        {"match": [{"uri": {"prefix": "/api/"}}], "route": [to("v1")], "rewrite": {"uri": "/"}, "timeout": "2s"},
    ]


@pytest.mark.parametrize(
    ("outer", "becomes", "inner", "expected"),
    [
        ("/api/*", "/", "/items*", {"prefix": "/api/items"}),
        ("/api/*", "/", "/items", {"exact": "/api/items"}),
        ("/api/*", "/v2/", "/v2*", {"prefix": "/api/"}),
        ("/api/*", "/v2/", "/v3*", None),
        ("/api", "/items/1", "/items*", {"exact": "/api"}),
        ("/api", "/items/1", "/other", None),
    ],
)
def test_the_services_rules_read_the_path_after_the_routes_rewrite(
    outer: str, becomes: str, inner: str, expected: dict[str, str] | None
):
    own = f"[{{match: {{path: '{inner}'}}, to: v2}}, {{to: v1}}]"
    rules = edge(own, f"[{{match: {{path: '{outer}'}}, to: catalog, rewrite: {{path: '{becomes}'}}}}]")
    found = [rule["match"][0]["uri"] for rule in rules if rule["route"] == [to("v2")]]
    assert found == ([] if expected is None else [expected])


def test_what_a_service_does_not_answer_is_not_found_behind_a_gateway_either():
    rules = edge("[{match: {path: /items*}, to: v1}]", "[{match: {path: '/*'}, to: catalog}, {to: webapp}]")
    assert [rule.get("directResponse") for rule in rules] == [None, {"status": 404}, None]


def test_the_route_decides_where_both_say_something():
    own = "[{to: v1, timeout: 2s, retries: 1, headers: {request: {set: {a: service, b: service}}}}]"
    rules = "[{to: catalog, timeout: 9s, headers: {request: {set: {a: route, c: route}}}}]"
    (rule,) = edge(own, rules)
    assert (rule["timeout"], rule["retries"]) == ("9s", {"attempts": 1})
    assert rule["headers"]["request"]["set"] == {"a": "service", "b": "service", "c": "route"}


def test_a_service_without_rules_of_its_own_is_a_plain_host():
    result = lower_text(intent("Service", "webapp", "{ports: [80]}") + intent("Route", "edge", EDGE % "[{to: webapp}]"))
    assert result.http("edge") == [{"route": [{"destination": {"host": "webapp.shop.svc.cluster.local"}}]}]


def test_services_that_send_to_each_other_are_followed_once():
    text = intent("Service", "a", "{ports: [80], routes: [{to: {service: b}}]}") + intent(
        "Service", "b", "{ports: [80], routes: [{to: {service: a}, timeout: 3s}]}"
    )
    result = lower_text(text)
    assert result.diagnostics == ()
    assert result.http("a")[0]["timeout"] == "3s"


def test_routes_in_the_mesh_name_their_hosts_in_full():
    text = intent("Service", "webapp", "{ports: [80]}") + intent(
        "Route", "r", "{hosts: [webapp.shop, other, x.example.com], rules: [{to: webapp}]}"
    )
    spec = lower_text(text).spec("VirtualService", "r")
    assert spec["hosts"] == ["webapp.shop.svc.cluster.local", "other.shop.svc.cluster.local", "x.example.com"]
    assert "gateways" not in spec


def test_two_routes_for_one_host_become_one_list_and_it_is_said():
    first = intent(
        "Route", "api", "{order: -1, gateways: [edge], hosts: [a.example.com], rules: [{match: {path: /api*}, to: x}]}"
    )
    second = intent("Route", "aaa", "{gateways: [edge], hosts: [a.example.com], rules: [{to: y}]}")
    result = lower_text(second + first)
    assert result.names("VirtualService") == ["api"]
    assert [rule["route"][0]["destination"]["host"][0] for rule in result.http("api")] == ["x", "y"]
    assert result.findings() == [("MG0120", "the rules of Route `aaa` for `a.example.com` come after those of Route `api`")]


def test_routes_that_share_one_of_their_hosts_share_its_object_only():
    first = intent(
        "Route", "one", "{gateways: [edge], hosts: [a.example.com, b.example.com], rules: [{match: {path: /1}, to: x}]}"
    )
    second = intent(
        "Route", "two", "{gateways: [edge], hosts: [b.example.com, c.example.com], rules: [{match: {path: /2}, to: y}]}"
    )
    result = lower_text(first + second)
    hosts = {name: result.spec("VirtualService", name)["hosts"] for name in result.names("VirtualService")}
    assert hosts == {"one": ["a.example.com"], "one-b-example-com": ["b.example.com"], "two": ["c.example.com"]}
    assert len(result.http("one-b-example-com")) == 2


def test_a_route_without_hosts_is_one_to_delegate_to():
    result = lower_text(intent("Route", "inner", "{rules: [{to: x}]}"))
    assert list(result.spec("VirtualService", "inner")) == ["http"]


def test_every_action_reaches_istio():
    rules = """[
      {name: a, match: [{path: {regex: /x.*}, ignoreUriCase: true, scheme: https, method: GET, authority: a.b, port: 80, name: m,
        queryParams: {q: '*'}, withoutHeaders: {h: x*}, sourceLabels: {app: w}, sourceNamespace: n, gateways: [mesh, edge],
        statPrefix: s}],
        split: [{service: x, weight: 30, headers: {response: {remove: [server]}}}, {service: y, weight: 70}],
        rewrite: {authority: b, pathRegex: {match: a, rewrite: b}}, headers: {request: {add: {a: b}}}, timeout: 90s,
        retries: {attempts: 2, on: [5xx, 503], backoff: 10ms, remoteLocalities: true, ignorePreviousHosts: false},
        fault: {delay: {percent: 0.5, fixedDelay: 1s}, abort: {percent: 1, grpcStatus: UNAVAILABLE}},
        cors: {allowOrigins: ['https://a*'], allowMethods: [GET], maxAge: 24h,
          allowCredentials: true, unmatchedPreflights: ignore},
        mirror: [z, {to: w, percent: 5}]},
      {match: {path: /r}, redirect: {path: /to, authority: a, scheme: https, derivePort: fromRequestPort, code: 308}},
      {match: {path: /d}, directResponse: {status: 503, body: closed}},
      {match: {path: /e}, delegate: other/inner}]"""
    result = lower_text(intent("Route", "r", f"{{gateways: [edge, mesh], hosts: [a.example.com], rules: {rules}}}"))
    first, *answers = result.http("r")
    assert first["match"] == [
        {
            "name": "m",
            "gateways": ["mesh", "shop/edge"],
            "port": 80,
            "uri": {"regex": "/x.*"},
            "scheme": {"exact": "https"},
            "method": {"exact": "GET"},
            "authority": {"exact": "a.b"},
            "ignoreUriCase": True,
            "queryParams": {"q": {}},
            "sourceLabels": {"app": "w"},
            "sourceNamespace": "n",
            "statPrefix": "s",
            "withoutHeaders": {"h": {"prefix": "x"}},
        }
    ]
    assert first["route"][0]["headers"] == {"response": {"remove": ["server"]}}
    assert first["rewrite"] == {"authority": "b", "uriRegexRewrite": {"match": "a", "rewrite": "b"}}
    assert first["retries"] == {
        "attempts": 2,
        "retryOn": "5xx,503",
        "backoff": "10ms",
        "retryIgnorePreviousHosts": False,
        "retryRemoteLocalities": True,
    }
    assert first["fault"] == {
        "delay": {"percentage": {"value": 0.5}, "fixedDelay": "1s"},
        "abort": {"percentage": {"value": 1}, "grpcStatus": "UNAVAILABLE"},
    }
    assert first["corsPolicy"] == {
        "allowCredentials": True,
        "allowMethods": ["GET"],
        "allowOrigins": [{"prefix": "https://a"}],
        "maxAge": "24h",
        "unmatchedPreflights": "IGNORE",
    }
    assert [mirror["destination"]["host"][0] for mirror in first["mirrors"]] == ["z", "w"]
    assert [next(key for key in rule if key != "match") for rule in answers] == ["redirect", "directResponse", "delegate"]
    assert answers[0]["redirect"]["derivePort"] == "FROM_REQUEST_PORT"
    assert answers[1]["directResponse"] == {"body": {"string": "closed"}, "status": 503}
    assert answers[2]["delegate"] == {"name": "inner", "namespace": "other"}


def test_tcp_and_tls_rules_reach_istio():
    spec = """{gateways: [edge], hosts: ['*.example.com'],
      tcp: [{match: {port: 31400, destinationSubnets: [10.0.0.0/8]}, split: {x: 50, 'y:9000': 50}}],
      tls: [{match: {sniHosts: [a.example.com]}, to: x:443}]}"""
    found = lower_text(intent("Route", "r", spec)).spec("VirtualService", "r")
    assert found["tcp"][0]["match"] == [{"port": 31400, "destinationSubnets": ["10.0.0.0/8"]}]
    assert found["tcp"][0]["route"][1] == {
        "destination": {"host": "y.shop.svc.cluster.local", "port": {"number": 9000}},
        "weight": 50,
    }
    assert found["tls"][0]["match"] == [{"sniHosts": ["a.example.com"]}]
