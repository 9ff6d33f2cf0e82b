"""The storefront: sound, the same from YAML and from Python, and 25% in prod."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgen.intent.decode import decode_intents
from meshgen.load.kubernetes import decode_facts
from meshgen.load.load import Options, load
from meshgen.lower.lower import Lowered, lower

EXAMPLES = Path(__file__).parents[3] / "examples"


@lru_cache(maxsize=8)
def lowered(example: str, environment: str | None) -> Lowered:
    loaded, problems = load(EXAMPLES / example, Options(environment=environment))
    assert [problem.message for problem in problems] == []
    intents, problems = decode_intents(loaded.workspace.intents)
    assert [problem.message for problem in problems] == []
    facts, problems = decode_facts((each.value, each.origin) for each in loaded.workspace.core)
    assert problems == ()
    result, diagnostics = lower(intents, (), facts)
    assert [diagnostic.message for diagnostic in diagnostics] == []
    return result


def without_origins(facts: msgspec.Struct) -> Any:  # noqa: ANN401 (JSON)
    plain = msgspec.to_builtins(facts)
    for facts_of_a_kind in plain.values():
        for fact in facts_of_a_kind:
            del fact["origin"]
    return {kind: sorted(map(str, some)) for kind, some in plain.items()}


@pytest.mark.parametrize("environment", [None, "prod"])
def test_yaml_and_python_say_the_same(environment: str | None):
    yaml, python = lowered("storefront", environment), lowered("storefront-python", environment)
    assert [(each.to_json(), each.owner) for each in yaml.objects] == [(each.to_json(), each.owner) for each in python.objects]
    assert yaml.config == python.config
    assert without_origins(yaml.facts) == without_origins(python.facts)


@pytest.mark.parametrize(("environment", "weights"), [(None, [90, 10]), ("prod", [75, 25])])
def test_the_canary_has_its_share_in_the_mesh_and_at_the_gateway(environment: str | None, weights: list[int]):
    services: dict[str, Any] = {
        each.name: each.to_json()["spec"] for each in lowered("storefront", environment).objects if each.kind == "VirtualService"
    }
    for rules in (services["catalog"]["http"], services["storefront"]["http"][:2]):
        cohort, everybody = rules
        assert cohort["match"][0]["headers"] == {"x-cohort": {"exact": "internal"}}
        assert [part["destination"]["subset"] for part in cohort["route"]] == ["v2"]
        assert [part["weight"] for part in everybody["route"]] == weights


def test_a_python_rule_points_to_its_line():
    service = next(
        each for each in lowered("storefront-python", None).objects if each.key == ("VirtualService", "shop", "catalog")
    )
    assert (service.origin.file, service.origin.line is not None) == ("storefront.py", True)


def test_everybody_but_the_named_callers_is_denied():
    policies = {each.name: each for each in lowered("storefront", None).objects if each.kind == "AuthorizationPolicy"}
    assert policies["mesh"].to_json()["spec"] == {}
    assert policies["mesh"].namespace == "istio-system"
    catalog: Any = policies["catalog-callers"].to_json()["spec"]
    assert [each["source"]["principals"] for each in catalog["rules"][0]["from"]] == [
        ["cluster.local/ns/shop/sa/webapp"],
        ["cluster.local/ns/istio-ingress/sa/ingressgateway"],
    ]
