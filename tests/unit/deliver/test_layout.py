"""Which object goes into which file, under a name that every file system takes, in an order that is safe to apply."""

from __future__ import annotations

import random
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshgen.deliver.layout import Layout, kustomization_object, layout, render, safe_name
from meshgen.deliver.paths import path_problem
from meshgen.diagnostics import UNKNOWN
from meshgen.emit.istio.artifact import Artifact


def artifact(kind: str, name: str, namespace: str = "shop", owner: str = "catalog") -> Artifact:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return Artifact(object={"apiVersion": "example/v1", "kind": kind, "metadata": metadata}, origin=UNKNOWN, owner=owner)


ARTIFACTS = (
    artifact("VirtualService", "catalog"),
    artifact("AuthorizationPolicy", "catalog"),
    artifact("DestinationRule", "catalog-b"),
    artifact("DestinationRule", "catalog-a"),
    artifact("Telemetry", "catalog"),
    artifact("ServiceEntry", "catalog"),
    artifact("Gateway", "catalog"),
    artifact("PeerAuthentication", "catalog"),
    artifact("VirtualService", "forum", owner="forum"),
    artifact("VirtualService", "catalog", namespace="test"),
    artifact("Namespace", "shop", namespace="", owner="shop"),
)


def names(how: Layout) -> dict[str, list[str]]:
    return {plan.path: [f"{a.kind} {a.namespace}/{a.name}" for a in plan.artifacts] for plan in layout(ARTIFACTS, how)}


def test_by_service_each_owner_has_a_file_in_its_namespace_in_an_order_safe_to_apply():
    assert names(Layout.SERVICE) == {
        "_cluster/shop.yaml": ["Namespace /shop"],
        "shop/catalog.yaml": [
            "ServiceEntry shop/catalog",
            "Gateway shop/catalog",
            "DestinationRule shop/catalog-a",
            "DestinationRule shop/catalog-b",
            "PeerAuthentication shop/catalog",
            "AuthorizationPolicy shop/catalog",
            "Telemetry shop/catalog",
            "VirtualService shop/catalog",
        ],
        "shop/forum.yaml": ["VirtualService shop/forum"],
        "test/catalog.yaml": ["VirtualService test/catalog"],
    }


def test_by_namespace_kind_and_in_one_file():
    assert list(names(Layout.NAMESPACE)) == ["_cluster.yaml", "shop.yaml", "test.yaml"]
    assert names(Layout.KIND)["virtualservice.yaml"] == [
        "VirtualService shop/catalog",
        "VirtualService shop/forum",
        "VirtualService test/catalog",
    ]
    single = names(Layout.SINGLE)
    assert list(single) == ["mesh.yaml"]
    assert single["mesh.yaml"][0] == "Namespace /shop"
    assert single["mesh.yaml"][-1] == "VirtualService test/catalog"


@pytest.mark.parametrize("how", list(Layout))
def test_the_order_of_the_artifacts_does_not_matter_and_none_is_lost(how: Layout):
    expected = render(layout(ARTIFACTS, how))
    shuffled = list(ARTIFACTS)
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        assert list(render(layout(shuffled, how)).items()) == list(expected.items())
    documents = [document for content in expected.values() for document in yaml.safe_load_all(content)]
    assert len(documents) == len(ARTIFACTS)
    assert all(a.object in documents for a in ARTIFACTS)


def test_a_kustomization_lists_every_file_sorted():
    files = render(layout(ARTIFACTS), kustomization=True)
    assert yaml.safe_load(files["kustomization.yaml"]) == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["_cluster/shop.yaml", "shop/catalog.yaml", "shop/forum.yaml", "test/catalog.yaml"],
    }
    assert kustomization_object(["b", "a"])["resources"] == ["a", "b"]


@pytest.mark.parametrize("name", ["catalog", "catalog.shop", "a-b_c.v2", "0", "x" * 250])
def test_a_name_that_every_file_system_takes_stays(name: str):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a\\b", "a:b", "a\0b", "a\nb", "a b", "a.", "-a", ".a", "*.x.org", "\ud800"),
        *("Catalog", "con", "com1", "nul.shop", "kustomization", "chart", "bücher.example", "日本", "x" * 251, "é" * 200),
    ],
)
def test_a_name_that_some_file_system_does_not_take_gets_a_readable_part_and_a_hash(name: str):
    safe = safe_name(name)
    assert safe != name
    assert set(safe) <= set(string.ascii_lowercase + string.digits + "-")
    assert len(safe) <= 110
    assert safe == safe_name(name)


def test_names_that_a_file_system_takes_for_one_stay_apart():
    # Case, Unicode normalisation (é as one and as two characters), and a name that looks like another one's hash.
    owners = ["Catalog", "catalog", "CATALOG", "\xe9", "e\u0301", safe_name("Catalog")]
    plans = layout([artifact("VirtualService", "x", owner=owner) for owner in owners])
    assert len({plan.path.casefold() for plan in plans}) == len(owners)
    assert all(len(plan.artifacts) == 1 for plan in plans)


@given(st.sets(st.text(max_size=20) | st.sampled_from(["con", "CON", "a", "A", "..", "x" * 300, "x" * 301])))
def test_every_owner_has_a_path_of_its_own_that_the_writer_takes(owners: set[str]):
    plans = layout([artifact("VirtualService", "x", owner=owner) for owner in sorted(owners)])
    assert len({plan.path.casefold() for plan in plans}) == len(owners)
    assert [path_problem(plan.path) for plan in plans] == [""] * len(owners)
