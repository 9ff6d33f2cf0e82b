"""What the reference rules say in the cases in which others are noisy: visibility, missing inventory, other namespaces."""

from __future__ import annotations

import pytest
from mesh_text import mesh_of
from rule_cases import HTTP_SERVER, V1_V2, deployment, gateway, istio, policy, route, rule, service

from meshgen.check import CheckResult, check
from meshgen.check.rules import RULES
from meshgen.diagnostics import Diagnostic

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---"""


def run(text: str, *numbers: str) -> CheckResult:
    return check(mesh_of(text.rstrip("-\n")), rules=[rule for rule in RULES if rule.code.number in numbers])


def only(text: str, number: str) -> Diagnostic:
    (found,) = run(text, number).diagnostics
    return found


def to(host: str, namespace: str = "shop") -> str:
    return route(f"{{hosts: [web], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}", namespace=namespace)


def test_a_slip_in_a_service_name_is_answered_with_the_near_one():
    assert only(service() + to("catlog"), "MG0104").help == "did you mean `catalog`?"


def test_a_short_name_of_another_namespaces_service_is_answered_with_the_full_name():
    found = only(service() + service("api", "infra") + to("catalog", "infra"), "MG0104")
    assert found.label == "read as `catalog.infra.svc.cluster.local`"
    assert found.help == "there is a `catalog` in namespace `shop`: write `catalog.shop.svc.cluster.local`"


def test_a_wildcard_service_entry_is_no_destination_for_a_host_below_it():
    entry = istio("ServiceEntry", "out", "{hosts: ['*.example.com'], ports: [{number: 80, name: http, protocol: HTTP}]}")
    assert only(entry + to("api.example.com"), "MG0104").help == (
        "the ServiceEntry for `*.example.com` is a destination only under that name"
    )


def test_a_namespace_of_which_no_service_is_declared_is_not_judged():
    result = run(service() + to("ledger.payments.svc.cluster.local"), "MG0104")
    assert result.diagnostics == ()
    assert [(missing.lacking, missing.count) for missing in result.not_checked] == [("Services of namespace payments", 1)]


def test_a_namespace_that_is_not_among_the_declared_ones_is_judged():
    text = NAMESPACE + service() + to("catalog.shp.svc.cluster.local")
    assert only(text, "MG0104").help.endswith("write `catalog.shop.svc.cluster.local`")


def test_without_any_service_the_rule_is_not_asked():
    result = run(to("catalog"), "MG0104")
    assert result.diagnostics == ()
    assert [(missing.lacking, missing.count) for missing in result.not_checked] == [("Services", 0)]


def test_a_hidden_service_is_no_unknown_one():
    text = service("ledger", "payments", annotations="networking.istio.io/exportTo: .") + to("ledger.payments.svc.cluster.local")
    assert [found.code.number for found in run(text, "MG0104", "MG0105").diagnostics] == ["MG0105"]


def test_a_gateways_clients_are_where_its_workload_runs():
    gateway_workload = deployment("edge", "infra").replace("{app: edge", "{istio: edge")
    hidden = service(annotations='networking.istio.io/exportTo: "., payments"')
    bound = route("{hosts: [a.example], gateways: [edge], http: [{route: [{destination: {host: catalog}}]}]}")
    found = only(hidden + gateway_workload + gateway(HTTP_SERVER) + bound, "MG0105")
    assert found.message == "service `catalog` is not visible to clients in namespace `infra`"


def test_a_wildcard_rule_of_the_clients_namespace_hides_the_services_subsets():
    text = (
        service()
        + rule(f"{{host: catalog, {V1_V2}}}")
        + rule("{host: '*.local'}", "wide", "web")
        + route(
            "{hosts: [a.example], http: [{route: [{destination: {host: catalog.shop.svc.cluster.local, subset: v1}}]}]}",
            namespace="web",
        )
    )
    found = only(text, "MG0106")
    assert found.label == "`web/wide` acts here and has no subsets"
    assert [related.origin.document for related in found.related] == [2]


def test_a_mirror_to_nowhere_is_found_too():
    text = service() + route("{hosts: [catalog], http: [{route: [{destination: {host: catalog}}], mirror: {host: shadow}}]}")
    assert only(text, "MG0104").message == "virtual service `web` mirrors to unknown service `shadow`"


def test_virtual_services_that_no_namespace_sees_both_of_share_a_host_in_peace():
    text = route("{hosts: [x.example], exportTo: [a], http: []}", "one") + route("{hosts: [x.example], exportTo: [b]}", "two")
    assert run(text, "MG0115").diagnostics == ()


def test_a_gateways_virtual_services_may_share_a_host():
    text = route("{hosts: [x.example], gateways: [g]}", "one") + route("{hosts: [x.example], gateways: [g]}", "two")
    assert run(text, "MG0115").diagnostics == ()


def test_the_older_virtual_service_is_named_as_the_one_that_acts():
    older = route("{hosts: [x.example]}", "z").replace("name: z,", "name: z, creationTimestamp: '2026-01-01T00:00:00Z',")
    newer = route("{hosts: [x.example]}", "a").replace("name: a,", "name: a, creationTimestamp: '2026-02-01T00:00:00Z',")
    found = only(newer + older, "MG0115")
    assert (found.origin.document, [related.origin.document for related in found.related]) == (0, [1])


def test_a_selector_that_a_service_has_is_taken_for_real_without_its_workloads():
    assert run(service() + deployment("forum") + policy("{selector: {matchLabels: {app: catalog}}}"), "MG0110").diagnostics == ()


def test_a_namespace_without_declared_workloads_is_not_judged():
    result = run(deployment("forum", "web") + policy("{selector: {matchLabels: {app: catalog}}}"), "MG0110")
    assert [(missing.lacking, missing.count) for missing in result.not_checked] == [("workloads of namespace shop", 1)]


def test_a_server_host_of_another_namespace_does_not_serve_the_virtual_service():
    server = HTTP_SERVER.replace("a.example", "payments/a.example")
    text = gateway(server) + route("{hosts: [a.example], gateways: [edge]}")
    assert run(text, "MG0108").diagnostics == ()
    assert only(text, "MG0505").help == "write it in that namespace, or add `shop/a.example` to the gateway's hosts"


@pytest.mark.parametrize("name", ["./edge", "shop/edge", "edge", "edge.shop.svc.cluster.local"])
def test_a_gateway_is_known_by_every_form_of_its_name(name: str):
    assert run(gateway(HTTP_SERVER) + route(f"{{hosts: [a.example], gateways: [{name}]}}"), "MG0107").diagnostics == ()


def test_a_deny_rule_bound_to_the_http_port_and_a_sniffed_port_widen_nothing():
    http_only = service(ports="{name: http, port: 80}, {name: '', port: 81}")
    assert run(http_only + policy("{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}"), "MG0402").diagnostics == ()
