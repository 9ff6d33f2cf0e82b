"""The documents that Argo CD and Flux take a tree by."""

from __future__ import annotations

import yaml

from meshgen.deliver.gitops import (
    ARGOCD_PATH,
    FLUX_PATH,
    Delivery,
    OwnedElsewhere,
    argocd_application,
    flux_objects,
    gitops_files,
    keep_from_substitution,
    placeholders,
)
from meshgen.diagnostics import UNKNOWN, Origin
from meshgen.emit.istio.artifact import Artifact
from meshgen.json import JsonObject

DELIVERY = Delivery(
    name="mesh-production", repo_url="https://git.example.com/shop/mesh.git", target_revision="main", path="deploy/mesh"
)
CANARY = OwnedElsewhere(
    group="networking.istio.io", kind="VirtualService", name="catalog", namespace="shop", json_pointers=("/spec/http",)
)


def test_an_application_applies_the_tree_and_follows_it():
    assert argocd_application(DELIVERY) == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "mesh-production",
            "namespace": "argocd",
            "annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"},
        },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": "https://git.example.com/shop/mesh.git",
                "targetRevision": "main",
                "path": "deploy/mesh",
                "directory": {"recurse": True},
            },
            "destination": {"server": "https://kubernetes.default.svc"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true", "PruneLast=true"],
            },
        },
    }


def spec(value: JsonObject) -> JsonObject:
    inner = value["spec"]
    assert isinstance(inner, dict)
    return inner


def test_a_tree_with_a_kustomization_is_not_read_as_a_plain_directory():
    application = argocd_application(Delivery(name="a", path="p", kustomization=True))
    assert "directory" not in spec(application)["source"]  # type: ignore[operator]


def test_differences_are_ignored_only_where_something_is_owned_elsewhere():
    application = spec(argocd_application(Delivery(name="a", owned_elsewhere=(CANARY,))))
    assert application["ignoreDifferences"] == [
        {
            "group": "networking.istio.io",
            "kind": "VirtualService",
            "name": "catalog",
            "namespace": "shop",
            "jsonPointers": ["/spec/http"],
        }
    ]
    assert "RespectIgnoreDifferences=true" in application["syncPolicy"]["syncOptions"]  # type: ignore[index,operator,call-overload]


def test_flux_takes_the_tree_from_a_repository_and_substitutes_nothing():
    repository, kustomization = flux_objects(DELIVERY)
    assert spec(repository) == {
        "interval": "5m",
        "url": "https://git.example.com/shop/mesh.git",
        "ref": {"branch": "main"},
    }
    assert kustomization["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
    assert spec(kustomization)["path"] == "./deploy/mesh"
    assert spec(kustomization)["prune"] is True
    assert spec(kustomization)["sourceRef"] == {"kind": "GitRepository", "name": "mesh-production"}
    assert "postBuild" not in spec(kustomization)


def test_a_revision_is_a_branch_a_reference_or_a_commit():
    revisions = ("release/1", "refs/tags/v1", "a" * 40)
    references = [spec(flux_objects(Delivery(name="a", target_revision=revision))[0])["ref"] for revision in revisions]
    assert references == [{"branch": "release/1"}, {"name": "refs/tags/v1"}, {"commit": "a" * 40}]


def test_the_documents_stand_in_directories_of_their_own_under_names_that_kustomize_does_not_take():
    files = gitops_files(DELIVERY)
    assert list(files) == [ARGOCD_PATH, FLUX_PATH] == ["argocd/application.yaml", "flux/sync.yaml"]
    assert [d["kind"] for content in files.values() for d in yaml.safe_load_all(content)] == [
        "Application",
        "GitRepository",
        "Kustomization",
    ]
    assert list(gitops_files(DELIVERY, flux=False)) == [ARGOCD_PATH]


def test_what_the_project_does_not_say_is_a_placeholder_with_a_diagnostic():
    delivery = Delivery(name="mesh", path="deploy")
    text = b"".join(gitops_files(delivery).values()).decode()
    assert text.count("REPLACE-ME.example/REPLACE-ME.git") == 2
    found = placeholders(delivery, Origin("meshgen.yaml"))
    assert [(d.code.number, d.message.split("`")[3]) for d in found] == [("MG0809", "repository"), ("MG0809", "revision")]
    assert placeholders(DELIVERY, UNKNOWN) == ()
    assert b"REPLACE-ME" not in b"".join(gitops_files(DELIVERY).values())


def test_objects_that_flux_would_change_are_annotated_and_others_are_not():
    lua = Artifact(
        object={"kind": "EnvoyFilter", "metadata": {"name": "lua"}, "spec": {"code": ["local a = '${var}'"]}},
        origin=UNKNOWN,
        owner="lua",
    )
    plain = Artifact(object={"kind": "Gateway", "metadata": {"name": "g"}, "spec": {"a": "$x {y}"}}, origin=UNKNOWN, owner="g")
    key = Artifact(object={"kind": "A", "metadata": {"name": "k", "annotations": {"${k}": "v"}}}, origin=UNKNOWN, owner="k")
    kept = keep_from_substitution((lua, plain, key))
    assert kept[0].object["metadata"] == {
        "name": "lua",
        "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
    }
    assert kept[1] is plain
    assert kept[2].object["metadata"]["annotations"]["${k}"] == "v"  # type: ignore[index,call-overload]
    assert lua.object["metadata"] == {"name": "lua"}
