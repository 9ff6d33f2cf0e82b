"""Objects and fields: what a diff says, and that it says everything."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from apply_fields import apply_fields
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgen.diagnostics import Origin
from meshgen.diff.changes import ABSENT, ChangeKind
from meshgen.diff.content import content
from meshgen.diff.objects import diff_objects
from meshgen.emit.istio.artifact import Artifact
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import Destination, HTTPRoute, HTTPRouteDestination, VirtualService

MAIN, CANARY = Origin("shop.yaml", path=("main",)), Origin("canary.yaml", path=("spec", "weight"))


def virtual_service(http: list[Any], **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": "shop"},
        "spec": {"hosts": ["catalog"], **spec, "http": http},
    }


def to(subset: str, weight: int | None = None) -> dict[str, Any]:
    destination = {"destination": {"host": "catalog", "subset": subset}}
    return destination if weight is None else {**destination, "weight": weight}


def rule(name: str, *route: object, **more: object) -> dict[str, Any]:
    return {"name": name, "route": list(route), **more}


def fields(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    changes = diff_objects([before], [after])
    assert len(changes.changed) == 1
    change = changes.changed[0]
    assert content(apply_fields(before, change.fields)) == content(after)
    return [(each.kind.value, ".".join(each.names), each.before, each.after) for each in change.fields]


def test_a_changed_weight_is_told_by_the_names_of_its_rule_and_version():
    before = virtual_service([rule("main", to("v1", 90), to("v2", 10))])
    after = virtual_service([rule("main", to("v1", 75), to("v2", 25))])
    assert fields(before, after) == [
        ("changed", "spec.http.main.route.v1.weight", 90, 75),
        ("changed", "spec.http.main.route.v2.weight", 10, 25),
    ]


def test_destinations_keep_their_identity_when_they_change_places():
    before = virtual_service([rule("main", to("v1", 90), to("v2", 10))])
    after = virtual_service([rule("main", to("v2", 25), to("v1", 75))])
    assert fields(before, after) == [
        ("reordered", "spec.http.main.route.v2", 1, 0),
        ("changed", "spec.http.main.route.v2.weight", 10, 25),
        ("changed", "spec.http.main.route.v1.weight", 90, 75),
    ]


def test_a_rule_that_moves_in_front_of_another_is_moved_not_rewritten():
    rules = [rule("a", to("v1")), rule("b", to("v2")), rule("c", to("v1"))]
    moved = [rules[2], rules[0], rules[1]]
    assert fields(virtual_service(rules), virtual_service(moved)) == [("moved", "spec.http.c", 2, 0)]


def test_rules_without_a_name_are_known_by_what_they_match():
    match = [{"headers": {"x-cohort": {"exact": "internal"}}}]
    before = virtual_service([{"route": [to("v1")]}])
    after = virtual_service([{"match": match, "route": [to("v2")]}, {"route": [to("v1")], "timeout": "2s"}])
    assert fields(before, after) == [
        ("added", "spec.http.x-cohort: internal", ABSENT, {"match": match, "route": [to("v2")]}),
        ("added", "spec.http.default.timeout", ABSENT, "2s"),
    ]


def test_an_access_rule_that_gains_a_caller_is_still_the_same_rule():
    def policy(*principals: str) -> dict[str, Any]:
        rules = [{"from": [{"source": {"principals": list(principals)}}], "to": [{"operation": {"methods": ["GET"]}}]}]
        other = {"to": [{"operation": {"paths": ["/healthz"]}}]}
        key = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "a"}}
        return {**key, "spec": {"rules": [other, *rules] if len(principals) == 1 else [*rules, other]}}

    found = fields(policy("webapp"), policy("webapp", "forum"))
    assert [each for each in found if each[0] != "reordered"] == [
        ("added", "spec.rules.0.from.0.source.principals.forum", ABSENT, "forum")
    ]
    assert len(found) == 2


def test_a_list_whose_order_means_nothing_is_only_reordered():
    before, after = virtual_service([], gateways=["a", "b"]), virtual_service([], gateways=["b", "a"])
    assert fields(before, after) == [("reordered", "spec.gateways.b", 1, 0)]
    changes = diff_objects([before], [after])
    assert changes
    assert not changes.means_something
    assert not changes.meaningful()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"timeout": "1s"}, {"timeout": "1000ms"}),
        ({"timeout": "1m30s"}, {"timeout": "90s"}),
        ({"fault": {"abort": {"percentage": {"value": 50}}}}, {"fault": {"abort": {"percentage": {"value": 50.0}}}}),
    ],
)
def test_what_is_written_differently_and_means_the_same_is_a_no_op(before: dict[str, Any], after: dict[str, Any]):
    one, two = virtual_service([rule("main", **before)]), virtual_service([rule("main", **after)])
    assert [each[0] for each in fields(one, two)] == ["no-op"]
    assert [each[0] for each in fields(two, one)] == ["no-op"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"timeout": "1s"}, {"timeout": "1s1ms"}),
        ({"headers": {"request": {"set": {"a": "1s"}}}}, {"headers": {"request": {"set": {"a": "1000ms"}}}}),
        ({"rewrite": {"uri": ""}}, {"rewrite": {}}),
        ({"retries": None}, {}),
        ({"retries": {"attempts": 1}}, {"retries": {"attempts": True}}),
    ],
)
def test_nulls_and_text_that_looks_like_a_duration_and_true_which_is_no_1_are_changes(
    before: dict[str, Any], after: dict[str, Any]
):
    one, two = virtual_service([rule("main", **before)]), virtual_service([rule("main", **after)])
    assert [each[0] for each in fields(one, two)] in (["changed"], ["removed"])


def test_versions_of_one_kind_are_one_object():
    before = virtual_service([])
    after = {**before, "apiVersion": "networking.istio.io/v1beta1"}
    assert fields(before, after) == [("no-op", "apiVersion", "networking.istio.io/v1", "networking.istio.io/v1beta1")]


def test_empty_labels_are_no_labels():
    before = virtual_service([])
    after = {**before, "metadata": {**before["metadata"], "labels": {}}}
    assert fields(before, after) == [("no-op", "metadata.labels", ABSENT, {})]


def test_objects_are_added_and_removed_in_the_order_of_their_keys():
    def named(name: str, kind: str = "Gateway") -> dict[str, Any]:
        return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}}

    changes = diff_objects([named("b"), named("a")], [named("c"), named("a"), named("a", "Sidecar")])
    assert [str(change.key) for change in changes.added] == ["Gateway shop/c", "Sidecar shop/a"]
    assert [str(change.key) for change in changes.removed] == ["Gateway shop/b"]
    assert [str(change.key) for change in changes] == ["Gateway shop/b", "Gateway shop/c", "Sidecar shop/a"]


def test_the_origin_of_an_artifact_survives_on_its_change():
    before, after = virtual_service([]), virtual_service([rule("main", to("v1"))])
    old = Artifact(object=before, origin=Origin("old.yaml"), owner="catalog")
    new = Artifact(object=after, origin=Origin("new.yaml"), owner="catalog")
    assert diff_objects([old], [new]).changed[0].origin == Origin("new.yaml")
    assert diff_objects([old], []).removed[0].origin == Origin("old.yaml")
    assert diff_objects([], [new]).added[0].origin == Origin("new.yaml")


def istio_object(weight: int, *, timeout: str | None = None) -> IstioObject[VirtualService]:
    route = (
        HTTPRouteDestination(destination=Destination(host="catalog", subset="v1"), weight=100 - weight),
        HTTPRouteDestination(destination=Destination(host="catalog", subset="v2"), weight=weight),
    )
    spec = VirtualService(hosts=("catalog",), http=(HTTPRoute(name="main", route=route, timeout=timeout),))
    origins = {("spec", "http", 0): MAIN, ("spec", "http", 0, "route", 1): CANARY}
    return IstioObject(kind="VirtualService", name="catalog", namespace="shop", spec=spec, origin=MAIN, origins=origins)


def test_each_field_of_an_istio_object_points_to_the_line_that_made_it():
    change = diff_objects([istio_object(10, timeout="1s")], [istio_object(25)]).changed[0]
    assert [(each.names[-1], each.kind.value, each.origin) for each in change.fields] == [
        ("weight", "changed", MAIN),
        ("weight", "changed", CANARY),
        ("timeout", "removed", MAIN),
    ]


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from([1.0, "1s", "1000ms", "a", "b", "__c", ""]))
NAMES = st.sampled_from([
    "name",
    "match",
    "route",
    "http",
    "weight",
    "destination",
    "subsets",
    "timeout",
    "__a",
    "a'b[0]",
    "rules",
])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
KINDS = st.sampled_from(["VirtualService", "DestinationRule", "AuthorizationPolicy", "Unknown"])


def an_object(kind: str, spec: object) -> dict[str, Any]:
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}


@settings(deadline=None, max_examples=300)
@given(KINDS, VALUES, VALUES)
def test_applying_the_changes_to_before_gives_after(kind: str, before: object, after: object):
    old, new = an_object(kind, {"http": before, "x": after}), an_object(kind, {"http": after})
    untouched = deepcopy(old)
    changes = diff_objects([old], [new])
    for change in changes.changed:
        assert content(apply_fields(old, change.fields)) == content(new)
    assert old == untouched


@settings(deadline=None, max_examples=50)
@given(KINDS, VALUES)
def test_an_object_does_not_differ_from_itself(kind: str, spec: object):
    assert not diff_objects([an_object(kind, spec)], [an_object(kind, deepcopy(spec))])


@settings(deadline=None, max_examples=50)
@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_objects_does_not_matter(before: list[Any], after: list[Any], random: Random):
    old = [an_object("VirtualService", value) for value in before]
    new = [an_object("VirtualService", value) for value in after]
    expected = diff_objects(old, new)
    random.shuffle(old)
    random.shuffle(new)
    assert diff_objects(old, new) == expected


def test_meaningful_changes_are_those_that_could_change_behaviour():
    before = virtual_service([rule("main", to("v1"), timeout="1s", retries={"attempts": 1})], gateways=["a", "b"])
    after = virtual_service([rule("main", to("v1"), timeout="1000ms", retries={"attempts": 2})], gateways=["b", "a"])
    changes = diff_objects([before], [after])
    assert {each.kind for each in changes.changed[0].fields} == {ChangeKind.NO_OP, ChangeKind.REORDERED, ChangeKind.CHANGED}
    assert [each.names[-1] for each in changes.meaningful().changed[0].fields] == ["attempts"]
