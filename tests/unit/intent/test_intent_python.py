"""Intent in Python: the same models, by positional name and snake_case."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import meshgen
from meshgen import (
    Access,
    Allow,
    Canary,
    Destination,
    Gateway,
    IntentError,
    LogRule,
    Match,
    MetricChange,
    Metrics,
    MetricTag,
    Mirror,
    Operation,
    Route,
    Rule,
    Service,
    Telemetry,
)


def test_a_python_object_says_what_its_yaml_says():
    service = Service(
        "catalog",
        namespace="shop",
        ports=[80],
        versions=["v1", "v2"],
        routes=[Rule(match=Match(headers={"x-cohort": "internal"}), to="v2"), Rule(to="v1", timeout="2s")],
    )
    assert service.to_document(short=True) == {
        "apiVersion": "meshgen/v1",
        "kind": "Service",
        "metadata": {"name": "catalog", "namespace": "shop"},
        "spec": {
            "ports": [80],
            "versions": ["v1", "v2"],
            "routes": [{"match": {"headers": {"x-cohort": "internal"}}, "to": "v2"}, {"to": "v1", "timeout": "2s"}],
        },
    }


def test_a_telemetry_in_python_takes_the_service_itself():
    kinds = {"read": "request.method == 'GET'"}
    telemetry = Telemetry(
        "catalog",
        namespace="shop",
        service=Service("catalog", namespace="shop", ports=[80]),
        access_log=LogRule(providers=["envoy"], filter="response.code >= 500"),
        metrics=Metrics(request_count=MetricChange(tags={"protocol": "remove", "kind": MetricTag(classes=kinds)})),
    )
    assert telemetry.to_document(short=True)["spec"] == {
        "service": "catalog.shop",
        "metrics": {"requestCount": {"tags": {"protocol": "remove", "kind": {"classes": kinds}}}},
        "accessLog": {"providers": ["envoy"], "filter": "response.code >= 500"},
    }


def test_one_rule_may_stand_in_a_service_and_in_a_route():
    rule = Rule(to="v1")
    assert Service("a", versions=["v1"], routes=[rule]).routes[0].to == Destination(version="v1")
    assert Route("a", hosts=["x.example.com"], rules=[rule]).rules[0].to == Destination(service="v1")


def test_an_object_stands_for_its_name():
    service, gateway = (
        Service("catalog", namespace="shop"),
        Gateway("edge", namespace="shop", workload={"selector": {}}, listeners=[{"port": 80, "hosts": ["*"]}]),
    )
    assert Canary("c", service=service, from_="v1", to="v2", weight=1).service == "catalog.shop"
    assert Mirror("m", service="catalog", to=service).to == Destination(service="catalog", namespace="shop")
    assert Route("r", gateways=[gateway], hosts=["*"], rules=[Rule(to=service)]).gateways == ("shop/edge",)
    access = Access("a", service=service, allow=[Allow(from_=[service, gateway], to=Operation(methods=["GET"]))])
    assert [caller.model_fields_set for caller in access.allow[0].from_] == [{"service"}, {"gateway"}]
    assert Service("webapp", calls=[service]).calls[0].namespace == "shop"


def test_an_object_knows_the_line_of_its_constructor():
    line = inspect.currentframe().f_lineno + 1
    service = Service(
        "catalog",
        routes=[
            Rule(to="v1"),
        ],
    )
    assert (service.source.file, service.source.line) == (__file__, line)
    assert service.routes[0].source.line == line + 3


def test_a_mistake_is_told_in_the_words_of_the_language():
    with pytest.raises(IntentError, match=r"Rule\.timeout: `timeout` must be a string, not `2`"):
        Rule(to="v1", timeout=2)
    with pytest.raises(IntentError, match=r"`Service` has no field `prts` \(did you mean `ports`\?\)"):
        Service("catalog", prts=[80])
    with pytest.raises(IntentError, match="takes the name first"):
        Service("catalog", metadata={})


def test_a_set_is_refused_since_it_has_no_order():
    with pytest.raises(IntentError, match=r"`Route\(hosts=…\)` is a set, which has no order; write a list"):
        Route("r", hosts={"a.example.com"}, rules=[Rule(to="a")])


def test_a_model_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Rule(to="v1").timeout = "1s"


def test_every_public_name_can_be_imported():
    for name in meshgen.__all__:
        assert getattr(meshgen, name) is not None
    with pytest.raises(AttributeError, match="no attribute `Nothing`"):
        _ = meshgen.Nothing


def test_importing_meshgen_imports_nothing_else():
    code = "import sys, meshgen; print([name for name in sys.modules if name.startswith(('pydantic', 'msgspec', 'meshgen.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
