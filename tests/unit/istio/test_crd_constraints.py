"""Every constraint of Istio's CRDs at every place is enforced, one object for each: CEL, list-map keys, oneOf, ranges, words.

What a real API server says of the same objects is asked by tests/kubernetes/test_crd_constraints.py.
"""

from __future__ import annotations

import pytest
from crd_cases import CRDS, STRUCTS, VALUES, Case, cases, nodes, schema_of, texts

from meshgen.diagnostics import Origin, Severity
from meshgen.istio.decode import decode_object
from meshgen.istio.versions import NEWEST


def errors(case: Case, spec: dict[str, object]) -> list[tuple[tuple[str | int, ...], str]]:
    _, diagnostics = decode_object(case.document(spec), Origin("a.yaml"), target=NEWEST)
    return [(each.origin.path, each.message) for each in diagnostics if each.code.number in {"MG0041", "MG0042"}]


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_each_constraint_is_enforced_at_its_place_and_nothing_else_is_refused(kind: str):
    wrong = []
    for case in cases(kind):
        refused, found = errors(case, case.good), errors(case, case.bad)
        if refused or ("spec", *case.path) not in {path for path, _ in found}:
            wrong.append(f"{case}: {case.good} gives {refused}, {case.bad} gives {found}")
    assert not wrong, "\n".join(wrong)


def test_all_of_the_cel_rules_have_a_case():
    rules = [text for kind in CRDS for _, schema in nodes(schema_of(kind)) for text in texts(schema)]
    told = [case.what for kind in CRDS for case in cases(kind) if case.what.startswith("CEL ")]
    assert (len(rules), len(told)) == (159, 159)
    assert {text for text in rules if not text.endswith("<= 1")} == {*VALUES, *STRUCTS} - {
        text for text in STRUCTS if text.endswith("<= 1")
    }


def test_the_violations_of_one_object_are_all_found_in_one_run():
    case = next(case for case in cases("DestinationRule") if case.what == "CEL duration(self) >= duration('1ms')")
    pool = {"connectionPool": {"tcp": {"connectTimeout": "1us", "maxConnections": "many"}, "http": {"idleTimeout": "0s"}}}
    spec = {"host": "a", "trafficPolicy": pool, "workloadSelector": {"matchLabels": {"a*": "*"}}, "exprotTo": ["*"]}
    _, diagnostics = decode_object(case.document(spec), Origin("a.yaml"))
    assert sorted(".".join(map(str, each.origin.path[1:])) for each in diagnostics if each.code.severity is Severity.ERROR) == [
        "exprotTo",
        "trafficPolicy.connectionPool.http.idleTimeout",
        "trafficPolicy.connectionPool.tcp.connectTimeout",
        "trafficPolicy.connectionPool.tcp.maxConnections",
        "workloadSelector.matchLabels.a*",
        "workloadSelector.matchLabels.a*",
    ]
