"""Documents by what they are; what is no resource; what is secret."""

from __future__ import annotations

import pytest

from meshgen.diagnostics import Diagnostic
from meshgen.load.workspace import Workspace, build_workspace
from meshgen.load.yaml import parse_documents


def workspace(text: str, **options: str) -> tuple[Workspace, tuple[Diagnostic, ...]]:
    documents, diagnostics = parse_documents(text.encode(), "f.yaml")
    assert not diagnostics
    return build_workspace(documents, texts={"f.yaml": text.encode()}, **options)


@pytest.mark.parametrize(
    ("api_version", "kind", "room"),
    [
        ("meshgen/v1", "Service", "intents"),
        ("meshgen/v1", "Servise", "intents"),  # the intent room knows its kinds and says so
        ("networking.istio.io/v1", "VirtualService", "natives"),
        ("security.istio.io/v1", "PeerAuthentication", "natives"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "gateway_api"),
        ("v1", "Service", "core"),
        ("apps/v1", "Deployment", "core"),
        ("discovery.k8s.io/v1", "EndpointSlice", "core"),
        ("flagger.app/v1beta1", "Canary", "others"),
        ("notistio.io/v1", "VirtualService", "others"),
    ],
)
def test_documents_go_by_their_group(api_version: str, kind: str, room: str):
    held, diagnostics = workspace(f"{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: a}}}}")
    assert not diagnostics
    assert [d.kind for d in getattr(held, room)] == [kind]
    assert len(held.documents) == 1


def test_a_missing_namespace_is_the_projects():
    text = "apiVersion: {}\nkind: {}\nmetadata: {{name: a}}\n"
    natives, _ = workspace(text.format("networking.istio.io/v1", "Gateway"), namespace="shop")
    assert natives.natives[0].namespace == "shop"
    intents, _ = workspace(text.format("meshgen/v1", "Service"), namespace="shop")
    assert intents.intents[0].namespace == "shop"
    cluster, _ = workspace(text.format("v1", "Namespace"), namespace="shop")
    assert "namespace" not in cluster.core[0].value["metadata"]  # type: ignore[operator]


def test_a_resource_given_twice_names_both_places():
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    text = service + "---\n" + service.replace("name: a", "name: a, namespace: default")
    held, (finding,) = workspace(text)
    assert len(held.core) == 1
    assert finding.code.number == "MG0072"
    assert (finding.origin.document, finding.related[0].origin.document) == (1, 0)


def test_the_same_name_in_another_group_or_namespace_is_another_resource():
    text = (
        "{apiVersion: v1, kind: Service, metadata: {name: a}}\n---\n"
        "{apiVersion: meshgen/v1, kind: Service, metadata: {name: a}}\n---\n"
        "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: b}}\n"
    )
    assert workspace(text)[1] == ()


def test_one_resource_in_two_versions_of_its_group_is_given_twice():
    text = (
        "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a}}\n---\n"
        "{apiVersion: networking.istio.io/v1beta1, kind: Gateway, metadata: {name: a}}\n"
    )
    assert [d.code.number for d in workspace(text)[1]] == ["MG0072"]


@pytest.mark.parametrize(
    ("text", "code", "help_text"),
    [
        ("kind: A", "MG0070", ""),
        ("apiversion: v1\nkind: A", "MG0070", "`apiversion` is written `apiVersion`"),
        ("apiVersion: v1\nkind: [A]", "MG0070", ""),
        ("apiVersion: v1\nkind: Service\nmetadata: {}", "MG0073", ""),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: 5}", "MG0073", ""),
        ("apiVersion: v1\nkind: Service\nmetadata: []", "MG0073", ""),
    ],
)
def test_a_document_that_is_no_resource_is_an_error(text: str, code: str, help_text: str):
    held, (finding,) = workspace(text)
    assert (finding.code.number, finding.help) == (code, help_text)
    assert held.documents == ()


KEY = "-----BEGIN RSA PRIVATE KEY-----"


def test_of_a_secret_only_the_name_is_kept():
    text = (
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: cert\n  annotations: {last: tops3cret}\n"
        f"data: {{tls.key: tops3cret}}\nstringData: {{k: '{KEY}'}}\n"
    )
    held, diagnostics = workspace(text)
    assert held.core[0].value == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "cert", "namespace": "default"},
    }
    assert {d.code.number for d in diagnostics} == {"MG0075"}
    assert "tops3cret" not in repr((held, diagnostics))


def test_a_private_key_in_any_other_document_is_an_error_at_its_place():
    text = (
        f"apiVersion: meshgen/v1\nkind: Gateway\nmetadata: {{name: a}}\nspec:\n  listeners:\n  - key: |\n      {KEY}\n      x\n"
    )
    _, (finding,) = workspace(text)
    assert finding.code.number == "MG0074"
    assert finding.origin.path == ("spec", "listeners", 0, "key")
