"""From Istio objects to sentences on traffic: link, translate, trace, compare."""

from __future__ import annotations

import pytest
from mesh_text import mesh_of

from meshgen.diff.impact import Impact, impact
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Mesh
from meshgen.mesh.proxies import derive_proxies

MESH = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  selector: {app: catalog}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog, namespace: shop}
spec:
  selector: {matchLabels: {app: catalog}}
  template: {metadata: {labels: {app: catalog}}, spec: {serviceAccountName: catalog}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: webapp, namespace: shop}
spec:
  selector: {matchLabels: {app: webapp}}
  template: {metadata: {labels: {app: webapp}}, spec: {serviceAccountName: webapp}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec:
  host: catalog
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
  - match: [{headers: {x-cohort: {exact: internal}}}]
    route: [{destination: {host: catalog, subset: v2}}]
  - route:
    - {destination: {host: catalog, subset: v1}, weight: 90}
    - {destination: {host: catalog, subset: v2}, weight: 10}
    timeout: 2s
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: catalog, namespace: shop}
spec:
  selector: {matchLabels: {app: catalog}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/webapp]}}]
    to: [{operation: {methods: [GET], paths: ["/items*"]}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template: {metadata: {labels: {istio: ingressgateway}}, spec: {serviceAccountName: edge}}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec:
  clusterIP: 10.96.0.9
  selector: {istio: ingressgateway}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.2
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: SIMPLE, credentialName: c}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http:
  - match: [{uri: {prefix: /api}}]
    route: [{destination: {host: catalog, subset: v1}}]
  - route: [{destination: {host: web}}]
"""
ABORT = "fault: {abort: {httpStatus: 500, percentage: {value: 10}}}"


def after(*changes: tuple[str, str]) -> Impact:
    text = MESH
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    one, two = mesh_of(MESH), mesh_of(text)
    return impact(snapshots(one), snapshots(two))


def snapshots(mesh: Mesh) -> list:  # type: ignore[type-arg] - of Snapshot
    return [emit_envoy(mesh, proxy)[0] for proxy in derive_proxies(mesh)]


CANARY = (("weight: 90", "weight: 75"), ("weight: 10", "weight: 25"))
FORUM = (("sa/webapp]", "sa/webapp, cluster.local/ns/shop/sa/forum]"),)
OPEN = (("sa/webapp]}}]", "sa/webapp]}}, {source: {namespaces: [payments]}}]"),)


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (CANARY, ["10% → 25% of requests to catalog go to v2; requests with x-cohort: internal are unaffected"]),
        (FORUM, ["forum gains access to catalog with method GET, path /items*"]),
        (OPEN, ["namespace payments gains access to catalog with method GET, path /items*"]),
        (
            (("[GET]", "[GET, POST]"),),
            [
                (
                    "webapp gains access to catalog with method POST, path /items*; "
                    "requests with method GET, path /items* were already let in"
                )
            ],
        ),
        (
            (("{methods: [GET], paths", "{paths"),),  # GET was all that was let in: another method tells
            [("webapp gains access to catalog with path /items*; requests with method GET, path /items* were already let in")],
        ),
        (
            (('["/items*"]', '["/items/*"]'),),
            [
                (
                    "webapp loses access to catalog with method GET, path /items*; "
                    "requests with method GET, path /items/* are still let in"
                )
            ],
        ),
        (
            (
                ("hosts: [shop.example.com]}\n", "hosts: [shop.example.com, www.example.com]}\n"),
                ("hosts: [shop.example.com]\n", "hosts: [shop.example.com, www.example.com]\n"),
            ),
            [
                "requests to www.example.com are now routed to web instead of answered 404 for want of a route",
                (
                    "requests to www.example.com with path /api* are now routed to catalog v1 "
                    "instead of answered 404 for want of a route"
                ),
            ],
        ),
        (
            (("sa/webapp]", "sa/batch]"),),
            [
                "batch gains access to catalog with method GET, path /items*",
                "webapp loses access to catalog",
            ],
        ),
        (
            (("timeout: 2s", "timeout: 5s"),),
            ["the timeout of requests to catalog is 5s instead of 2s; requests with x-cohort: internal are unaffected"],
        ),
        (
            (("mode: STRICT", "mode: PERMISSIVE"),),
            [
                "callers without mTLS gain access to web and webapp: plaintext is accepted now",
            ],
        ),
        (
            (("subset: v1}}]", "subset: v2}}]"),),
            [
                (
                    "requests to shop.example.com with path /api* go to catalog v2 instead of catalog v1; "
                    "requests of other kinds are unaffected"
                )
            ],
        ),
        (
            (("hosts: [shop.example.com]}\n", "hosts: [shop.example.com], tls: {httpsRedirect: true}}\n"),),
            [
                (
                    "requests to shop.example.com are now redirected to https://shop.example.com/ with the same path (301) "
                    "instead of routed to web (on port 8080)"
                ),
                (
                    "requests to shop.example.com with path /api* are now redirected to https://shop.example.com/ "
                    "with the same path (301) instead of routed to catalog v1 (on port 8080)"
                ),
            ],
        ),
        (
            (("route: [{destination: {host: web}}]", f"{ABORT}\n    route: [{{destination: {{host: web}}}}]"),),
            [
                (
                    "requests to shop.example.com meet an abort with 500 (10%) instead of none; "
                    "requests with path /api* are unaffected"
                )
            ],
        ),
        ((("timeout: 2s", "timeout: 2000ms"),), ["no request changes"]),
        ((("[catalog]\n  http", "[catalog.shop.svc.cluster.local]\n  http"),), ["no request changes"]),
    ],
)
def test_a_change_of_objects_is_told_as_what_it_does_to_requests(changes: tuple[tuple[str, str], ...], sentences: list[str]):
    assert list(after(*changes).sentences) == sentences


ONE_MORE = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: more, namespace: %s}
spec: %s
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: more, namespace: %s}
spec:
  selector: {matchLabels: {%s}}
  jwtRules: [{issuer: https://login.example, jwks: '{"keys": []}'}]
"""


def with_policy(spec: str, *, namespace: str = "shop", label: str = "app: catalog", text: str = MESH) -> str:
    return text + ONE_MORE % (namespace, spec, namespace, label)


def between(before: str, after: str) -> list[str]:
    return list(impact(snapshots(mesh_of(before)), snapshots(mesh_of(after))).sentences)


def test_callers_by_token_gain_access_by_what_their_token_says():
    when = "[{key: 'request.auth.claims[group]', values: [admin]}]"
    rule = f"{{from: [{{source: {{requestPrincipals: ['https://login.example/*']}}}}], when: {when}}}"
    before = with_policy("{selector: {matchLabels: {app: catalog}}}")
    after = with_policy(f"{{selector: {{matchLabels: {{app: catalog}}}}, rules: [{rule}]}}")
    assert between(before, after) == ["any workload with a token of https://login.example, group: admin gains access to catalog"]


def test_the_first_policy_of_a_workload_shuts_the_others_out():
    before = with_policy("{selector: {matchLabels: {app: other}}}")
    after = with_policy("{selector: {matchLabels: {app: webapp}}, rules: [{from: [{source: {principals: ['*/sa/edge']}}]}]}")
    assert between(before, after) == [
        "any other workload loses access to webapp",
        "any other workload loses access to webapp over TCP",
    ]
    assert between(after, before) == [
        "any other workload gains access to webapp",
        "any other workload gains access to webapp over TCP",
    ]


def test_routes_of_a_gateway_with_policies_are_compared_for_callers_that_are_let_in():
    rule = "{from: [{source: {ipBlocks: [192.0.2.0/24]}}]}"
    spec = f"{{selector: {{matchLabels: {{istio: ingressgateway}}}}, rules: [{rule}]}}"
    before = with_policy(spec, namespace="istio-system", label="istio: ingressgateway")
    moved = before.replace("subset: v1}}]", "subset: v2}}]")
    closed = before.replace("192.0.2.0", "198.51.100.0")
    assert between(before, moved) == [
        (
            "requests to shop.example.com with path /api* go to catalog v2 instead of catalog v1; "
            "requests of other kinds are unaffected"
        )
    ]
    assert between(before, closed) == [
        "anyone from 198.51.100.0/24 gains access to shop.example.com",
        "anyone from 192.0.2.0/24 loses access to shop.example.com",
    ]


def test_a_host_that_shares_its_rules_with_another_is_named_with_it():
    both = MESH.replace("hosts: [shop.example.com]", "hosts: [shop.example.com, www.example.com]")
    assert between(both, both.replace("{host: web}}]", "{host: web}}]\n    timeout: 1s")) == [
        (
            "the timeout of requests to shop.example.com and www.example.com is 1s instead of none; "
            "requests with path /api* are unaffected"
        )
    ]


def test_where_no_rule_names_a_caller_the_sentence_speaks_of_any_workload():
    denied = with_policy("{selector: {matchLabels: {app: web}}, action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}")
    before = with_policy("{selector: {matchLabels: {app: none}}}")
    assert between(before, denied) == [
        "any workload loses access to web over TCP (on other ports)",
        "any workload loses access to web with path /admin",
    ]


def test_a_service_that_is_gone_has_no_timeout_to_speak_of():
    catalog = MESH.index("apiVersion: v1\nkind: Service\nmetadata: {name: catalog")
    gone = MESH[:catalog] + MESH[MESH.index("apiVersion: apps/v1", catalog) :]
    virtual_service = gone.index("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: catalog")
    gone = gone[:virtual_service] + gone[gone.index("apiVersion: security.istio.io/v1", virtual_service) :]
    told = " ".join(each for each in between(MESH, gone) if "requests to catalog" in each)
    assert "go to where the client meant them to go" in told
    assert "timeout" not in told
    assert "retried" not in told


GATE = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gate, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: gate, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules: [{issuer: https://login.example, jwks: '{"keys": []}'}]
"""


def test_a_gateway_that_asks_for_no_token_any_more_is_told_before_all_else():
    closed = MESH + GATE
    opened = closed.replace('[{from: [{source: {requestPrincipals: ["*"]}}]}]', "[{}]").replace("weight: 90", "weight: 80")
    found = impact(snapshots(mesh_of(closed)), snapshots(mesh_of(opened)))
    first = found.findings[0]
    assert first.kind.value == "open"
    assert first.text.startswith("anyone gains access to shop.example.com")
    assert first.text.endswith("without a token, which was needed before")
    assert not first.witness.request.claims
    assert (first.witness.before.status, first.witness.after.status) == (403, None)


def test_a_rule_on_the_server_name_tells_the_hosts_of_one_certificate_apart():
    both = MESH.replace("hosts: [shop.example.com], tls", "hosts: [www.example.com, shop.example.com], tls")
    both = both.replace("hosts: [shop.example.com]\n", "hosts: [www.example.com, shop.example.com]\n")
    rules = "rules: [{when: [{key: connection.sni, values: [shop.example.com]}]}]"
    spec = f"{{selector: {{matchLabels: {{istio: ingressgateway}}}}, action: DENY, {rules}}}"
    label = "istio: ingressgateway"
    before = with_policy("{selector: {matchLabels: {app: none}}}", namespace="istio-system", label=label, text=both)
    found = between(before, with_policy(spec, namespace="istio-system", label=label, text=both))
    assert any("with SNI shop.example.com" in each for each in found)


def test_origins_of_browsers_have_sentences_of_their_own():
    cors = "corsPolicy: {allowOrigins: [{exact: https://a.example}], allowMethods: [GET]}"
    sentences = after(("route: [{destination: {host: web}}]", f"{cors}\n    route: [{{destination: {{host: web}}}}]")).sentences
    assert len(sentences) == 2
    assert sentences[0].startswith("pages of https://a.example may read answers to requests to shop.example.com")
    assert "are now answered by the proxy with allow-methods: GET, allow-origin: https://a.example" in sentences[1]


def test_how_servers_are_spoken_to_is_told():
    rule = "host: catalog\n  trafficPolicy: {tls: {mode: DISABLE}}\n  subsets"
    (sentence,) = [each for each in after(("host: catalog\n  subsets", rule)).sentences if "requests to catalog " in each]
    assert "are sent on in plaintext instead of mTLS" in sentence


def test_callers_and_hosts_that_share_a_sentence_are_named_in_one():
    two = "sa/webapp, cluster.local/ns/shop/sa/forum, cluster.local/ns/shop/sa/batch]"
    assert after(("sa/webapp]", two)).sentences == ("batch and forum gain access to catalog with method GET, path /items*",)


def test_a_new_workload_is_said_to_be_one_with_what_it_takes():
    more = MESH.replace("webapp", "batch")
    found = impact(snapshots(mesh_of(MESH)), snapshots(mesh_of(more)))
    assert found.only_after == ("shop/batch",)
    assert found.meanings["shop/batch"].startswith("a workload that takes requests")


def test_several_changes_are_told_together_access_first():
    found = after(*CANARY, *FORUM)
    assert [finding.kind.value for finding in found.findings] == ["gain", "share"]


def test_the_same_change_gives_the_same_words_each_time():
    assert after(*CANARY, *FORUM) == after(*CANARY, *FORUM)
