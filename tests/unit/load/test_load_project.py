"""meshgen.yaml: what it may hold, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgen.diagnostics import Origin
from meshgen.load.load import Options, load
from meshgen.load.positions import locate
from meshgen.load.project import Source, find_project, parse_project

FULL = b"""
apiVersion: meshgen/v1
kind: Project
metadata: {name: storefront}
spec:
  sources: [mesh, {path: ./templates/*.yaml, templated: true}]
  environments:
    production:
      overlays: [overlays/production]
      vars: {canary_weight: 25, names: [a, b]}
  outputs:
    istio:
      directory: out
      layout: namespace
      kustomization: false
      deliver: {argocd: {repository: ssh://git/mesh}, flux: {repository: mesh}}
    envoy: {directory: envoy, delivery: filesystem}
  targets:
    istio: "1.31"
    proxies:
      - {name: storefront, namespace: shop, role: gateway, labels: {istio: ingressgateway}}
      - {name: catalog, serviceAccount: catalog, locality: a/b/c, ip: 127.0.0.2, bind: loopback}
  defaults: {namespace: shop}
"""


def test_a_full_project_is_read():
    project, diagnostics = parse_project(FULL)
    assert not diagnostics
    assert project is not None
    assert project.sources == [Source(path="mesh"), Source(path="templates/*.yaml", templated=True)]
    assert project.environments["production"].vars == {"canary_weight": 25, "names": ["a", "b"]}
    assert project.output_directories == ("out", "envoy")
    assert [(p.role, p.service_account, p.bind) for p in project.targets.proxies] == [
        ("ingress", "default", "iptables"),  # `gateway` is another word for it
        ("sidecar", "catalog", "loopback"),
    ]


def test_an_empty_project_reads_the_directory_mesh():
    project, diagnostics = parse_project(b"apiVersion: meshgen/v1\nkind: Project\n")
    assert not diagnostics
    assert project is not None
    assert project.sources == [Source(path="mesh")]
    assert project.output_directories == ("out/istio",)


def spec(text: str) -> list[tuple[str, tuple[str | int, ...], str]]:
    project, diagnostics = parse_project(f"apiVersion: meshgen/v1\nkind: Project\nspec: {text}\n".encode())
    assert project is None
    return [(d.code.number, d.origin.path, d.help) for d in diagnostics]


@pytest.mark.parametrize(
    ("text", "code", "path", "hint"),
    [
        ("{source: [mesh]}", "MG0082", ("spec", "source"), "did you mean `sources`?"),
        ("{outputs: {istoi: {}}}", "MG0082", ("spec", "outputs", "istoi"), "did you mean `istio`?"),
        (
            "{outputs: {istio: {deliver: {flux: {repository: a, repo: b}}}}}",
            "MG0082",
            ("spec", "outputs", "istio", "deliver", "flux", "repo"),
            "",
        ),
        (
            "{targets: {proxies: [{name: a, service_acount: b}]}}",
            "MG0082",
            ("spec", "targets", "proxies", 0, "service_acount"),
            "did you mean `serviceAccount`?",
        ),
        (
            "{environments: {dev: {overlay: [a]}}}",
            "MG0082",
            ("spec", "environments", "dev", "overlay"),
            "did you mean `overlays`?",
        ),
        ("{sources: [../mesh]}", "MG0081", ("spec", "sources", 0, "path"), ""),
        ("{sources: [/mesh]}", "MG0081", ("spec", "sources", 0, "path"), ""),
        ("{sources: mesh}", "MG0081", ("spec", "sources"), ""),
        ("{sources: [{path: a, templated: yes}]}", "MG0081", ("spec", "sources", 0, "templated"), ""),
        ("{outputs: {istio: {layout: services}}}", "MG0081", ("spec", "outputs", "istio", "layout"), ""),
        ("{targets: {proxies: [{namespace: a}]}}", "MG0081", ("spec", "targets", "proxies", 0, "name"), ""),
        ("{targets: {istio: 1.31}}", "MG0081", ("spec", "targets", "istio"), ""),
        ("{targets: {istio: latest}}", "MG0081", ("spec", "targets", "istio"), ""),
        ('{targets: {istio: "1.23.4"}}', "MG0084", ("spec", "targets", "istio"), 'write a release from "1.24" to "1.32"'),
        ('{targets: {envoy: "1.31"}}', "MG0930", ("spec", "targets", "envoy"), 'write `"1.36"`, the nearest that it knows'),
        ('{targets: {envoy: "2.0.1"}}', "MG0930", ("spec", "targets", "envoy"), 'write `"1.40"`, the nearest that it knows'),
        ('{targets: {istio: "2.0"}}', "MG0084", ("spec", "targets", "istio"), 'write a release from "1.24" to "1.32"'),
        ('{targets: {istio: "1.\u0663"}}', "MG0081", ("spec", "targets", "istio"), ""),
        ("{defaults: {namespace: Shop}}", "MG0081", ("spec", "defaults", "namespace"), ""),
        ("[]", "MG0081", ("spec",), ""),
    ],
)
def test_a_mistake_is_reported_at_its_place(text: str, code: str, path: tuple[str | int, ...], hint: str):
    assert spec(text) == [(code, path, hint)]


def test_all_mistakes_are_reported_at_once():
    assert [code for code, *_ in spec("{sources: 5, outputs: {istio: {directory: ../x, x: 1}}}")] == [
        "MG0081",
        "MG0081",
        "MG0082",
    ]


def test_messages_are_in_our_style_and_their_places_can_be_found():
    text = b"apiVersion: meshgen/v1\nkind: Project\nspec:\n  outputs:\n    istio: {layout: x}\n"
    (finding,) = parse_project(text)[1]
    assert finding.message == "`layout`: should be `service`, `namespace`, `kind` or `single`"
    assert (locate(text, finding.origin).line, locate(text, finding.origin).column) == (5, 21)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a: [",
        b"[]",
        b"kind: Project",
        b"apiVersion: v1\nkind: Project",
        b"apiVersion: meshgen/v1\nkind: Project\n---\na: 1",
        b"\xff",
    ],
)
def test_a_file_that_is_no_project_is_an_error(text: bytes):
    project, diagnostics = parse_project(text)
    assert project is None
    assert diagnostics


def test_an_unknown_environment_is_an_error_that_names_the_known():
    project, _ = parse_project(FULL)
    assert project is not None
    assert project.environment(None, Origin("f"))[1] == ()
    assert project.environment("porduction", Origin("f"))[1][0].help == "did you mean `production`?"
    assert project.environment("x", Origin("f"))[1][0].help == "the project has `production`"
    assert project.environment("production", Origin("f")) == (project.environments["production"], ())


def test_the_nearest_project_above_is_found(tmp_path: Path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) is None or tmp_path not in find_project(inner).parents  # type: ignore[union-attr]
    (tmp_path / "meshgen.yaml").touch()
    assert find_project(inner) == (tmp_path / "meshgen.yaml").resolve()
    (inner / "meshgen.yaml").touch()
    assert find_project(inner) == (inner / "meshgen.yaml").resolve()


def test_where_a_map_is_meant_the_message_says_map():
    text = b"apiVersion: meshgen/v1\nkind: Project\nspec: {outputs: {istio: out/istio}}\n"
    assert [finding.message for finding in parse_project(text)[1]] == ["`istio`: must be a map"]


def test_an_unknown_environment_is_all_that_is_said(tmp_path: Path):
    (tmp_path / "meshgen.yaml").write_text(
        "apiVersion: meshgen/v1\nkind: Project\nspec: {environments: {prod: {vars: {names: []}}}}\n"
    )
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "a.py").write_text("def mesh(env):\n    yield from env.vars['names']\n")
    _, found = load(tmp_path, Options(environment="prd"))
    assert [(each.code.number, each.help) for each in found] == [("MG0083", "did you mean `prod`?")]
