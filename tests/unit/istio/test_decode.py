"""Native objects: every violation in one run, at its place, in words for the user."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgen.diagnostics import Origin
from meshgen.istio.decode import decode_object
from meshgen.istio.virtual_service import VirtualService

FILE = Origin("mesh.yaml")


def virtual_service(**spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": "shop"},
        "spec": spec,
    }


def findings(value: dict[str, Any]) -> list[tuple[str, str, str]]:
    decoded, diagnostics = decode_object(value, FILE)
    assert (decoded is None) == bool(diagnostics)
    return [(d.code.number, ".".join(map(str, d.origin.path)), d.message) for d in diagnostics]


def test_a_good_object_keeps_its_json_and_gives_a_typed_spec():
    value = virtual_service(hosts=["catalog"], http=[{"retries": {"attempts": 0}, "timeout": "5s"}])
    decoded, diagnostics = decode_object(value, FILE)
    assert diagnostics == ()
    assert decoded is not None
    assert decoded.to_json() is value
    assert isinstance(decoded.spec, VirtualService)
    assert decoded.spec.http is not None
    assert decoded.spec.http[0].retries is not None
    assert decoded.spec.http[0].retries.attempts == 0
    assert msgspec.json.decode(msgspec.json.encode(decoded.spec)) == value["spec"]


def test_all_violations_are_found_in_one_run_each_at_its_place():
    value = virtual_service(
        hosts="catalog",
        http=[
            {"timeout": 5, "retrys": {}, "retries": {"attempts": "three"}, "match": [{"uri": {"exact": "/a", "prefix": "/"}}]},
            {"route": [{}]},
        ],
        tls=[{"match": []}, {}],
    )
    assert findings(value) == [
        ("MG0041", "spec.hosts", "`hosts` must be a list, not `catalog`"),
        ("MG0041", "spec.http.0.timeout", "`timeout` must be a duration of at least 1ms, not `5`"),
        ("MG0042", "spec.http.0.retrys", "`HTTPRoute` has no field `retrys`"),
        ("MG0041", "spec.http.0.retries.attempts", "`attempts` must be a whole number, not `three`"),
        ("MG0041", "spec.http.0.match.0.uri", "only one of `exact`, `prefix` can be given"),
        ("MG0041", "spec.http.1.route.0", "`destination` is missing in `HTTPRouteDestination`"),
        ("MG0041", "spec.tls.1", "`match` is missing in `TLSRoute`"),
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"exportTo": [5]}, "`exportTo[0]` must be a string, not `5`"),
        ({"hosts": [None]}, "`hosts[0]` must be a string, not `null`"),
        ({"http": {}}, "`http` must be a list, not a map"),
        ({"http": [{"headers": []}]}, "`headers` must be a map, not a list"),
        ({"http": [{"directResponse": {"status": -1}}]}, "`status` must be at least 0, not -1"),
        ({"http": [{"match": [{"port": 2**32}]}]}, "`port` must be at most 4294967295, not 4294967296"),
        ({"http": [{"match": [{"ignoreUriCase": "yes"}]}]}, "`ignoreUriCase` must be `true` or `false`, not `yes`"),
        (
            {"http": [{"corsPolicy": {"unmatchedPreflights": "FORWAR"}}]},
            "`unmatchedPreflights` must be one of `FORWARD`, `IGNORE`, `UNSPECIFIED`, not `FORWAR`",
        ),
        ({"http": [{"fault": {"abort": {"percentage": {"value": "50%"}}}}]}, "`value` must be a number, not `50%`"),
        ({"http": [{"timeout": "0s"}]}, "`timeout` must be a duration of at least 1ms, not `0s`"),
        (
            {"http": [{"redirect": {"port": 1, "derivePort": "FROM_REQUEST_PORT"}}]},
            "only one of `port`, `derivePort` can be given",
        ),
    ],
)
def test_each_kind_of_violation_says_what_is_wrong(spec: dict[str, Any], message: str):
    assert [text for _, _, text in findings(virtual_service(**spec))] == [message]


def test_null_counts_as_absent_as_an_api_server_reads_it():
    assert findings(virtual_service(hosts=["a"], http=None)) == []


@pytest.mark.parametrize(
    ("change", "message", "help"),
    [
        ({"kind": "VirtualServise"}, "Istio has no kind `VirtualServise`", "did you mean `VirtualService`?"),
        (
            {"apiVersion": "networking.istio.io/v2"},
            "`networking.istio.io/v2` does not have the kind `VirtualService`",
            "write `networking.istio.io/v1` or `networking.istio.io/v1beta1` or `networking.istio.io/v1alpha3`",
        ),
        ({"metadata": {"namespace": "shop"}}, "`name` is missing in `Metadata`", ""),
    ],
)
def test_wrong_heads_are_named_with_what_to_write(change: dict[str, Any], message: str, help: str):
    _, diagnostics = decode_object(virtual_service(hosts=["a"]) | change, FILE)
    assert [(d.message, d.help) for d in diagnostics] == [(message, help)]
