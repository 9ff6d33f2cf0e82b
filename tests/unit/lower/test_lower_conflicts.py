"""Intents that contradict each other or name what is not there: the message, the place, the other place."""

from __future__ import annotations

import pytest
from lowered_mesh import lower_text

from meshgen.diagnostics import JsonPath
from meshgen.intent.decode import decode_intents
from meshgen.kubernetes import CoreFacts
from meshgen.load.yaml import parse_documents
from meshgen.lower.lower import lower

HEAD = "apiVersion: meshgen/v1\nkind: %s\nmetadata: {name: %s, namespace: shop}\nspec: %s\n---\n"


def intents(*parts: tuple[str, str, str]) -> str:
    return "".join(HEAD % part for part in parts)


CATALOG = ("Service", "catalog", "{ports: [80], workload: {selector: {app: catalog}}, versions: [v1, v2], routes: [{to: v1}]}")
V2 = "{service: catalog, from: v1, to: v2, weight: 10}"

CASES = {
    "a version that the service does not have": (
        intents(("Service", "catalog", "{versions: [v1, v2], routes: [{to: v3}]}")),
        "MG0100",
        "Service `catalog` names version `v3` of `catalog`, which has no such version",
        (0, ("spec", "routes", 0, "to")),
        "its versions are `v1`, `v2`",
        (0, ("spec", "versions")),
    ),
    "a version in a split": (
        intents(CATALOG, ("Route", "r", "{hosts: [a.example.com], rules: [{split: {catalog@v1: 50, catalog@beta: 50}}]}")),
        "MG0100",
        "Route `r` names version `beta` of `catalog`, which has no such version",
        (1, ("spec", "rules", 0, "split", "catalog@beta")),
        "its versions are `v1`, `v2`",
        (0, ("spec", "versions")),
    ),
    "a service where a version is meant": (
        intents(CATALOG, ("Service", "webapp", "{routes: [{to: catalog}]}")),
        "MG0100",
        "Service `webapp` names version `catalog` of `webapp`, which has no such version",
        (1, ("spec", "routes", 0, "to")),
        "write `{service: catalog}` for the service `catalog`",
        (1, ()),
    ),
    "a canary to an unknown version": (
        intents(CATALOG, ("Canary", "c", "{service: catalog, from: v1, to: v9, weight: 10}")),
        "MG0100",
        "Canary `c` names version `v9` of `catalog`, which has no such version",
        (1, ("spec", "to")),
        "its versions are `v1`, `v2`",
        (0, ("spec", "versions")),
    ),
    "a canary of an unknown service": (
        intents(CATALOG, ("Canary", "c", "{service: catalgo, from: v1, to: v2, weight: 10}")),
        "MG0101",
        "Canary `c` is about the service `catalgo`, which nobody declares",
        (1, ("spec", "service")),
        "did you mean `catalog`?",
        None,
    ),
    "an access to a service of another namespace": (
        intents(CATALOG).replace("namespace: shop", "namespace: other")
        + intents(("Access", "a", "{service: catalog, default: deny}")),
        "MG0101",
        "Access `a` is for the service `catalog`, which nobody declares",
        (1, ("spec", "service")),
        "there is a `catalog.other`",
        None,
    ),
    "an access that lets an unknown service in": (
        intents(CATALOG, ("Access", "a", "{service: catalog, allow: [{from: [{service: webap}]}]}")),
        "MG0101",
        "Access `a` lets the service `webap` in, which nobody declares",
        (1, ("spec", "allow", 0, "from", 0, "service")),
        "the namespace `shop` has no service of this name",
        None,
    ),
    "an authentication for an unknown gateway": (
        intents(("Authentication", "a", "{gateway: edge, mtls: strict}")),
        "MG0101",
        "Authentication `a` is for the gateway `edge`, which no Gateway intent declares",
        (0, ("spec", "gateway")),
        "name the Pods instead: `workload: {selector: …}`",
        None,
    ),
    "two canaries over one version": (
        intents(CATALOG, ("Canary", "a", V2), ("Canary", "b", V2)),
        "MG0102",
        "Canary `b` and Canary `a` both take requests from `v1`",
        (2, ("spec", "from")),
        "run one after the other, or write the shares as a `split` in the Service's routes",
        (1, ("spec", "from")),
    ),
    "a canary over a split": (
        intents(("Service", "catalog", "{versions: [v1, v2], routes: [{split: {v1: 90, v2: 10}}]}"), ("Canary", "c", V2)),
        "MG0103",
        "Canary `c` takes requests from `v1`, whose share a `split` fixes",
        (1, ("spec", "from")),
        "write `to: v1` in the rule, or remove the canary",
        (0, ("spec", "routes", 0, "split", "v1")),
    ),
    "two meshes": (
        intents(("Mesh", "a", "{mtls: strict}"), ("Mesh", "b", "{mtls: strict}")),
        "MG0118",
        "there are two Meshes",
        (1, ()),
        "make them one; an overlay changes it for an environment",
        (0, ()),
    ),
    "a route that another one hides": (
        intents(
            ("Route", "a", "{gateways: [edge], hosts: [x.example.com], rules: [{to: webapp}]}"),
            ("Route", "b", "{gateways: [edge], hosts: [x.example.com], rules: [{match: {path: /b}, to: webapp}]}"),
        ),
        "MG0119",
        "Route `b` is never asked about `x.example.com`: Route `a` takes every request first",
        (1, ()),
        "give it the lower `order`, or write the rules in one intent",
        (0, ("spec", "rules", 0)),
    ),
    "an object that is given twice": (
        intents(CATALOG, ("Route", "catalog", "{gateways: [edge], hosts: [x.example.com], rules: [{to: catalog@v1}]}")),
        "MG0121",
        "Service `catalog` gives the VirtualService `shop/catalog`, which is given already",
        (0, ()),
        "give the intent another name",
        (1, ()),
    ),
    "an object that is native already": (
        intents(CATALOG)
        + "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        + "metadata: {name: catalog, namespace: shop}\nspec: {host: x}\n",
        "MG0121",
        "Service `catalog` gives the DestinationRule `shop/catalog`, which is given already",
        (0, ()),
        "rename the intent, or remove the native object",
        (1, ()),
    ),
    "a canary that no rule is about": (
        intents(("Service", "catalog", "{versions: [v1, v2], routes: [{to: v2}]}"), ("Canary", "c", V2)),
        "MG0122",
        "no rule sends to version `v1` of `catalog`, which Canary `c` is about",
        (1, ("spec", "from")),
        "name the version that has the requests now",
        None,
    ),
    "rules that cannot be combined": (
        intents(
            ("Service", "catalog", "{versions: [v1, v2], routes: [{match: {path: {regex: /i.*}}, to: v2}, {to: v1}]}"),
            ("Route", "r", "{gateways: [edge], hosts: [x.example.com], rules: [{match: {path: /a*}, to: catalog}]}"),
        ),
        "MG0123",
        "Route `r` and the own rules of `catalog` both speak of the path",
        (1, ("spec", "rules", 0)),
        "name a version, `catalog@v1`, or `catalog@*` for all endpoints whatever their version",
        (0, ("spec", "routes", 0)),
    ),
    "two rewrites": (
        intents(
            ("Service", "catalog", "{versions: [v1], routes: [{to: v1, rewrite: {path: /}}]}"),
            (
                "Route",
                "r",
                "{gateways: [edge], hosts: [x.example.com], rules: [{match: {path: /a*}, to: catalog, rewrite: {path: /b}}]}",
            ),
        ),
        "MG0123",
        "Route `r` and the own rules of `catalog` both speak of the path: both rewrite the request",
        (1, ("spec", "rules", 0)),
        "name a version, `catalog@v1`, or `catalog@*` for all endpoints whatever their version",
        (0, ("spec", "routes", 0)),
    ),
    "a canary whose match cannot be combined": (
        intents(
            ("Service", "catalog", "{versions: [v1, v2], routes: [{match: {headers: {a: {regex: x+}}}, to: v1}]}"),
            ("Canary", "c", "{service: catalog, from: v1, to: v2, match: {headers: {a: xx}}}"),
        ),
        "MG0123",
        "Canary `c` and a rule that it is about both speak of the header `a`",
        (1, ("spec", "match")),
        "write the canary's rule out before this one",
        (0, ("spec", "routes", 0)),
    ),
    "a split that sends to a service without a version": (
        intents(CATALOG, ("Route", "r", "{hosts: [x.example.com], rules: [{split: {catalog: 50, forum: 50}}]}")),
        "MG0127",
        "the split sends to `catalog` without a version, and `catalog` has rules of its own",
        (1, ("spec", "rules", 0, "split", "catalog")),
        "write `catalog@` and a version, or `catalog@*` for all endpoints",
        (0, ()),
    ),
    "a policy for a service whose Pods nobody names": (
        intents(("Service", "catalog", "{ports: [80]}"), ("Access", "a", "{service: catalog, default: deny}")),
        "MG0126",
        "Access `a` is for `catalog`, and nothing says which Pods that has",
        (1, ("spec", "service")),
        "add `workload: {selector: {app: catalog}}` to the Service, or the core Service to the tree",
        (0, ()),
    ),
    "calls of a service whose Pods nobody names": (
        intents(("Service", "catalog", "{ports: [80], calls: [forum]}")),
        "MG0126",
        "Service `catalog` declares its calls, and nothing says which Pods it has",
        (0, ("spec", "calls")),
        "add `workload: {selector: {app: catalog}}`, or the core Service to the tree",
        (0, ()),
    ),
    "ports that the core Service does not have": (
        intents(("Service", "catalog", "{ports: [80]}"))
        + "apiVersion: v1\nkind: Service\nmetadata: {name: catalog, namespace: shop}\nspec: {ports: [{port: 8080}]}\n",
        "MG0125",
        "Service `catalog` has the ports `80`, and the core Service `8080`",
        (0, ("spec", "ports")),
        "leave it out of the intent: the core Service says it",
        (1, ()),
    ),
    "a patch for an object that is not there": (
        intents(("Service", "catalog", "{versions: [v1], patches: [{kind: DestinationRul, patch: {}}]}")),
        "MG0124",
        "Service `catalog` gives no `DestinationRul`",
        (0, ("spec", "patches", 0, "kind")),
        "did you mean `DestinationRule`?",
        None,
    ),
    "a patch that Istio does not take": (
        intents(
            ("Service", "catalog", "{versions: [v1], patches: [{kind: DestinationRule, patch: {spec: {trafficPolcy: {}}}}]}"),
        ),
        "MG0124",
        "after the patch `DestinationRule` has no field `trafficPolcy`",
        (0, ("spec", "patches", 0, "patch", "spec", "trafficPolcy")),
        "did you mean `trafficPolicy`?",
        None,
    ),
    "a patch that renames": (
        intents(("Service", "catalog", "{versions: [v1], patches: [{kind: DestinationRule, patch: {metadata: {name: x}}}]}")),
        "MG0124",
        "a patch cannot change `metadata.name`",
        (0, ("spec", "patches", 0, "patch", "metadata", "name")),
        "patch `spec`, or labels and annotations",
        None,
    ),
}


@pytest.mark.parametrize(("text", "code", "message", "place", "help", "related"), CASES.values(), ids=CASES)
def test_a_contradiction_is_told_with_both_places(
    text: str, code: str, message: str, place: tuple[int, JsonPath], help: str, related: tuple[int, JsonPath] | None
):
    found = lower_text(text).only()
    assert (found.code.number, found.message, found.help) == (code, message, help)
    assert (found.origin.document, found.origin.path) == place
    others = [(each.origin.document, each.origin.path) for each in found.related]
    assert others == ([] if related is None else [related])


def test_one_intent_twice_is_told_even_where_no_workspace_did():
    documents, _ = parse_documents(intents(CATALOG, CATALOG).encode(), "mesh.yaml")
    decoded, _ = decode_intents(documents)
    for order in (decoded, decoded[::-1]):
        lowered, (found,) = lower(order, (), CoreFacts())
        assert (found.code.number, found.message) == ("MG0118", "Service shop/catalog is declared twice")
        assert (found.origin.document, found.related[0].origin.document) == (1, 0)
        assert [each.kind for each in lowered.objects] == ["DestinationRule", "VirtualService"]


def test_two_canaries_with_a_match_each_may_stand_together():
    text = intents(
        CATALOG,
        ("Canary", "a", "{service: catalog, from: v1, to: v2, match: {headers: {x: a}}}"),
        ("Canary", "b", "{service: catalog, from: v1, to: v2, match: {headers: {x: b}}}"),
    )
    result = lower_text(text)
    assert result.diagnostics == ()
    assert len(result.http("catalog")) == 3


def test_what_is_wrong_in_one_intent_leaves_the_others():
    result = lower_text(intents(CATALOG, ("Service", "webapp", "{versions: [v1], routes: [{to: v9}]}")))
    assert [number for number, _ in result.findings()] == ["MG0100"]
    assert result.names("VirtualService") == ["catalog"]


def test_rules_for_a_host_of_another_team_are_not_merged_with_that_teams_rules():
    gateway = intents((
        "Gateway",
        "door",
        "{workload: {selector: {a: b}}, listeners: [{port: 80, hosts: [shop/*.example.com, lab/b.example.com]}]}",
    ))
    route = "apiVersion: meshgen/v1\nkind: Route\nmetadata: {name: %s, namespace: %s}\nspec: %s\n---\n"
    rules = "{gateways: [shop/door], hosts: [%s], rules: [{directResponse: 200}]}"
    result = lower_text(
        gateway
        + route % ("own", "shop", rules % "a.example.com")
        + route % ("greedy", "cinema", rules % "a.example.com")
        + route % ("lab", "lab", rules % "b.example.com")
        + route % ("both", "shop", rules % "b.example.com")
    )
    made = {each.key[1:]: each.to_json()["spec"] for each in result.lowered.objects if each.kind == "VirtualService"}
    assert {key: len(spec["http"]) for key, spec in made.items()} == {
        ("shop", "own"): 1,
        ("cinema", "greedy"): 1,
        ("lab", "lab"): 2,  # both namespaces are let, and speak of one host: one object
    }
