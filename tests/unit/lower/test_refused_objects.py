"""What intents give is held to Istio's types and rules."""

from __future__ import annotations

import pytest
from lowered_mesh import lower_text

from meshgen.diagnostics import Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.service import Service
from meshgen.istio.destination_rule import DestinationRule, LoadBalancerSettings, OutlierDetection, RetryBudget, TrafficPolicy
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import ConnectionPoolSettings, TCPSettings
from meshgen.istio.struct import IstioStruct
from meshgen.istio.traffic_extension import LuaConfig, TrafficExtension
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.lower.admission import refused
from meshgen.lower.result import Made

INTENT = IntentObject(
    Service.model_validate({"metadata": {"name": "a", "namespace": "shop"}}),
    Origin("a.yaml"),
)


def findings(spec: IstioStruct, target: IstioVersion = DEFAULT_TARGET) -> list[tuple[str, tuple[str | int, ...], str]]:
    origins = {("spec", "trafficPolicy"): Origin("a.yaml", path=("spec", "traffic"))}
    made = IstioObject(kind=type(spec).__name__, name="a", namespace="shop", spec=spec, origin=Origin("a.yaml"), origins=origins)
    return [(each.code.number, each.origin.path, each.message) for each in refused([Made(made, (INTENT,))], target)]


def test_a_type_that_the_constructor_did_not_check_is_refused_at_the_intents_line():
    spec = DestinationRule(host="a", traffic_policy=TrafficPolicy(outlier_detection=OutlierDetection(max_ejection_percent=2**31)))
    ((code, path, message),) = findings(spec)
    assert (code, path) == ("MG0063", ("spec", "traffic"))
    refusal = "Istio would refuse the DestinationRule `shop/a` of Service `a`: "
    assert message == refusal + "`maxEjectionPercent` must be at most 2147483647, not 2147483648"


def test_every_violation_is_told():
    pool = ConnectionPoolSettings(tcp=TCPSettings(connect_timeout="1us", max_connection_duration="2us"))
    spec = DestinationRule(host="a", traffic_policy=TrafficPolicy(connection_pool=pool))
    assert [message.partition(": ")[2] for *_, message in findings(spec)] == [
        "`1us` is not a duration of at least 1ms",
        "`2us` is not a duration of at least 1ms",
    ]


@pytest.mark.parametrize(
    ("spec", "target", "message"),
    [
        (
            DestinationRule(host="a", traffic_policy=TrafficPolicy(retry_budget=RetryBudget(percent=20))),
            (1, 26),
            "Istio 1.26 has no `retryBudget` in `TrafficPolicy`: it came with 1.27",
        ),
        (
            TrafficExtension(lua=LuaConfig(inline_code="-- nothing")),
            (1, 29),
            "Istio 1.29 has no `TrafficExtension`: it came with 1.30",
        ),
    ],
)
def test_what_the_target_does_not_have_yet_is_refused(spec: IstioStruct, target: tuple[int, int], message: str):
    ((code, _, found),) = findings(spec, IstioVersion(*target))
    assert (code, found.partition("; ")[0]) == ("MG0062", message)


def test_what_the_target_has_is_taken():
    spec = DestinationRule(host="a", traffic_policy=TrafficPolicy(load_balancer=LoadBalancerSettings(simple="RANDOM")))
    assert findings(spec, IstioVersion(1, 24)) == []


def test_a_patch_is_held_to_the_rules_at_its_own_line():
    result = lower_text("""
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  traffic: {loadBalancer: random}
  patches:
    - kind: DestinationRule
      patch: {spec: {trafficPolicy: {connectionPool: {tcp: {connectTimeout: 1us}}}}}
""")
    found = result.only()
    assert (found.code.number, found.message) == ("MG0124", "after the patch `1us` is not a duration of at least 1ms")
    assert found.origin.path[-2:] == ("tcp", "connectTimeout")
