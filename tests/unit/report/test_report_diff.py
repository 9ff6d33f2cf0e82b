"""Diffs and decisions as text, Markdown and JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meshgen.diagnostics import Origin
from meshgen.diff.changes import Changes
from meshgen.diff.fate import FindingKind
from meshgen.diff.findings import Finding, Witness
from meshgen.diff.impact import Impact
from meshgen.diff.objects import diff_objects
from meshgen.emit.istio.artifact import Artifact
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import Destination, HTTPRoute, HTTPRouteDestination, VirtualService
from meshgen.report.json import changes_to_json, impact_to_json, render_json
from meshgen.report.markdown import code, inline, render_markdown
from meshgen.report.terminal_diff import render_diff
from meshgen.trace import Decision, Outcome, Request

TEXTS = {"shop.yaml": b"kind: Service\nroutes:\n- to: v1\n", "canary.yaml": b"kind: Canary\nspec:\n  weight: 25\n"}
SHOP, CANARY = Origin("shop.yaml", path=("routes", 0)), Origin("canary.yaml", path=("spec", "weight"))


def routed(weight: int, *, timeout: str | None = None) -> IstioObject[VirtualService]:
    split = (("v1", 100 - weight), ("v2", weight))
    route = tuple(HTTPRouteDestination(destination=Destination(host="catalog", subset=v), weight=w) for v, w in split)
    spec = VirtualService(hosts=("catalog",), http=(HTTPRoute(name="main", route=route, timeout=timeout),))
    origins = {("spec", "http", 0, "route"): CANARY}
    return IstioObject(kind="VirtualService", name="catalog", namespace="shop", spec=spec, origin=SHOP, origins=origins)


def gateway(name: str, **spec: Any) -> Artifact:  # noqa: ANN401 - JSON
    metadata = {"name": name, "namespace": "shop"}
    value = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}
    return Artifact(object=value, origin=SHOP, owner=name)


def a_diff() -> Changes:
    return diff_objects([routed(10), gateway("old")], [routed(25, timeout="2s"), gateway("new", selector={"istio": "edge"})])


def an_impact(text: str = "10% → 25% of requests to catalog go to v2") -> Impact:
    request = Request(host="catalog", path="/items", headers=(("x-cohort", "internal"),))
    decision = Decision(outcome=Outcome.ROUTED, cluster="outbound|80|v2|catalog")
    witness = Witness(proxy="shop/webapp", request=request, before=decision, after=decision)
    finding = Finding(kind=FindingKind.SHARE, text=text, proxies=("shop/webapp",), witness=witness)
    return Impact(findings=(finding,), proxies=1, classes=2)


def test_a_diff_begins_with_traffic_and_shows_objects_fields_and_their_lines():
    assert (
        render_diff(a_diff(), an_impact(), TEXTS)
        == """\
Traffic
  Where requests go
  • 10% → 25% of requests to catalog go to v2
      GET http://catalog/items 'x-cohort: internal' at shop/webapp
  (from 2 classes of requests that the configurations of 1 proxy tell apart)

+ Gateway shop/new  (shop.yaml:3)

- Gateway shop/old  (shop.yaml:3)

~ VirtualService shop/catalog  (shop.yaml:3)
    ~ spec.http[main].route: v1 90 → 75, v2 10 → 25
        canary.yaml:3 | weight: 25
    + spec.http[main].timeout: 2s

1 object added, 1 removed, 1 changed"""
    )


def test_the_content_of_added_objects_is_shown_on_request():
    text = render_diff(diff_objects([], [gateway("new", selector={"istio": "edge"})]), full=True)
    assert "    + spec:\n    +   selector:\n    +     istio: edge\n" in text


def test_values_of_several_lines_stand_below_their_field():
    before, after = gateway("a"), gateway("a", servers=[{"port": {"number": 80, "name": "http"}, "hosts": ["*"]}])
    text = render_diff(diff_objects([before], [after]))
    items = ("- port:", "    number: 80", "    name: http", "  hosts:", '  - "*"')
    assert "\n".join(["    + spec.servers:", *(f"        + {item}" for item in items)]) in text


def test_moves_and_no_ops_say_what_they_mean():
    one, two = ({"name": name, "timeout": "1s"} for name in ("one", "two"))
    key = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "a"}}
    before = {**key, "spec": {"gateways": ["a", "b"], "http": [one, two]}}
    after = {**key, "spec": {"gateways": ["b", "a"], "http": [{**two, "timeout": "1000ms"}, one]}}
    lines = render_diff(diff_objects([before], [after])).splitlines()
    assert lines[1:5] == [
        "    = spec.gateways[b]: moved from place 2 to 1, which means nothing",
        "    ~ spec.http[two]: moved from place 2 to 1",
        "    = spec.http[two].timeout: 1s → 1000ms, which means the same",
        "",
    ]


def test_no_differences_and_no_request_changes_are_said():
    assert render_diff(Changes(), Impact(proxies=2)).splitlines() == [
        "Traffic",
        "  no request changes",
        "  (from 0 classes of requests that the configurations of 2 proxies tell apart)",
        "",
        "no differences",
    ]


def test_keys_with_dots_are_quoted_in_paths():
    labels = {"app.kubernetes.io/name": "a"}
    before, after = gateway("a"), gateway("a")
    after.object["metadata"] = {"name": "a", "namespace": "shop", "labels": labels}
    before.object["metadata"] = {"name": "a", "namespace": "shop", "labels": {}}
    assert '+ metadata.labels["app.kubernetes.io/name"]: a' in render_diff(diff_objects([before], [after]))


def test_nothing_in_a_value_reaches_the_terminal_as_a_command():
    evil = "\x1b]0;title\x07\u202e"
    text = render_diff(
        diff_objects([gateway("a")], [gateway("a", x={evil: [evil]}, y=evil), gateway(evil)]), an_impact(evil), full=True
    )
    assert all(character.isprintable() or character == "\n" for character in text)
    markdown = render_markdown(diff_objects([gateway("a")], [gateway("a", x={evil: [evil]}, y=evil)]), an_impact(evil))
    assert "\x1b" not in markdown
    assert "\u202e" not in markdown


def test_colour_follows_the_symbol():
    lines = render_diff(a_diff(), color=True).splitlines()
    assert "\x1b[1;32m+ Gateway shop/new\x1b[0m" in lines[0]
    assert any(line.startswith("\x1b[33m    ~ spec.http[main].route") for line in lines)


def test_markdown_has_marker_traffic_table_and_folded_yaml_in_this_order():
    text = render_markdown(a_diff(), an_impact(), TEXTS, title="prod", marker="meshgen:prod")
    places = [
        text.index(part) for part in ("<!-- meshgen:prod -->", "## prod", "### Traffic", "### Objects", "| added |", "<details>")
    ]
    assert places == sorted(places)
    assert places[0] == 0
    assert "- 10% → 25% of requests to catalog go to v2  \n" in text
    fields = "`spec.http[main].route` v1 90 → 75, v2 10 → 25<br>added `spec.http[main].timeout` 2s"
    assert f"| changed | `VirtualService shop/catalog` | {fields} | `shop.yaml:3` |" in text
    assert "```diff\n" in text
    assert "\n-      weight: 90\n+      weight: 75\n" in text
    assert text.count("<details>") == text.count("</details>") == 3


@pytest.mark.parametrize("limit", [1_500, 4_000, 65_536])
def test_markdown_is_cut_between_pieces_and_says_what_is_missing(limit: int):
    changes = diff_objects([], [gateway(f"g{n}", note="😀" * 40) for n in range(400)])
    text = render_markdown(changes, an_impact("x" * 100), limit=limit)
    assert len(text.encode("utf-16-le")) // 2 <= limit
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    shown, missing = text.count("<details>"), re.search(r"_(\d+) more objects whose YAML is not shown", text)
    assert missing is not None
    assert shown + int(missing[1]) == 400


@pytest.mark.parametrize(
    "evil",
    [
        "[a](http://b)",
        "<img src=x onerror=y>",
        "@everyone",
        "a | b",
        "`code`",
        "**bold**",
        "www.example.com",
        "line\nbreak",
        "&lt;",
        "a#1",
    ],
)
def test_user_text_is_never_markup(evil: str):
    shown = inline(evil)
    assert not re.search(r"(?<!\\)[\[\]`*|<>]", shown.replace("&lt;", "").replace("&gt;", ""))
    assert "\n" not in shown
    assert not re.search(r"@\w|://|www\.\w|\w#\d", shown.replace("\\", ""))


@pytest.mark.parametrize(
    ("text", "expected"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("a|b", "`a\\|b`"), ("", "`  `")]
)
def test_a_code_span_cannot_be_left(text: str, expected: str):
    assert code(text, table=True) == expected


def test_text_in_a_folded_title_is_html_not_markdown():
    metadata = {"name": "a_b-<c>@d", "namespace": "shop"}
    value = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": metadata}
    assert "<summary>Gateway shop/a_b-&lt;c&gt;@\u200bd</summary>" in render_markdown(diff_objects([], [value]))


@pytest.mark.parametrize("text", ["# title", "- item", "+ item", "1. item", "2) item"])
def test_user_text_begins_no_list_and_no_heading(text: str):
    assert not re.match(r"[#+-] |[0-9]+[.)]", inline(text))


def test_a_fence_in_a_value_does_not_end_the_diff():
    value = gateway("a", script="```\n<script>\n```")
    text = render_markdown(diff_objects([], [value]))
    assert "````diff\n" in text


def test_a_marker_cannot_end_its_comment():
    assert render_markdown(Changes(), marker="a --> <b>").startswith("<!-- a-b- -->\n")


def test_changes_as_json_have_every_field_with_place_and_values():
    found = changes_to_json(a_diff(), TEXTS)
    assert isinstance(found["changed"], list)
    changed = found["changed"][0]
    assert isinstance(changed, dict)
    assert changed["name"] == "catalog"
    assert changed["fields"][0] == {
        "kind": "changed",
        "path": ["spec", "http", 0, "route", 0, "weight"],
        "name": "spec.http[main].route[v1].weight",
        "before": 90,
        "after": 75,
        "place": {"file": "canary.yaml", "document": 0, "line": 3, "column": 11, "endColumn": 13, "path": "spec.weight"},
    }
    assert changed["fields"][2]["kind"] == "added"
    assert "before" not in changed["fields"][2]
    assert found["meansSomething"] is True


def test_an_impact_as_json_has_its_sentences_and_witnesses():
    found = impact_to_json(an_impact())
    assert found["sentences"] == ["10% → 25% of requests to catalog go to v2"]
    assert isinstance(found["findings"], list)
    assert found["findings"][0]["witness"]["request"]["headers"] == [["x-cohort", "internal"]]
    assert b'"outcome": "routed"' in render_json(found)
