"""Traffic sentences, from configuration that istiod made."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from meshgen.diff.classes.words import Pattern, telling_words
from meshgen.diff.impact import impact
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.mesh import Proxy, Role
from meshgen.trace import EnvoyConfig, trace
from meshgen.trace.match import full_match

ORACLE = Path(__file__).parents[2] / "oracle"
VHOST = "catalog.shop.svc.cluster.local:8000"


@cache
def record(case: str, proxy: str) -> str:
    return (ORACLE / case / "istiod" / f"{proxy}.json").read_text()


def configuration(case: str, proxy: str) -> dict[str, Any]:
    return json.loads(record(case, proxy))


def snapshot(value: dict[str, Any], *, name: str = "webapp", app: str = "webapp") -> Snapshot:
    proxy = Proxy(name=name, namespace="shop", role=Role.SIDECAR, labels={"app": app})
    lists = {kind: tuple(value[kind]) for kind in ("listeners", "routes", "clusters", "endpoints")}
    return Snapshot(proxy=proxy, **lists)


def routes(value: dict[str, Any], name: str = VHOST) -> list[dict[str, Any]]:
    hosts = [host for table in value["routes"] for host in table["virtual_hosts"]]
    return next(host["routes"] for host in hosts if host["name"] == name)


def cluster(subset: str) -> str:
    return f"outbound|8000|{subset}|catalog.shop.svc.cluster.local"


def to(*shares: tuple[str, int], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    clusters = [{"name": cluster(name), "weight": weight} for name, weight in shares]
    return {"route": {"weighted_clusters": {"clusters": clusters}, "timeout": "0s", **more}, "match": {"prefix": "/"}}


COHORT = {"match": {"prefix": "/", "headers": [{"name": "x-cohort", "string_match": {"exact": "internal"}}]}}


def splitting(*rules: dict[str, Any]) -> Snapshot:
    value = configuration("07-weighted-split", "webapp")
    routes(value)[:] = deepcopy(list(rules))
    return snapshot(value)


def internal(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, **COHORT}


def test_a_canary_that_grows_is_told_with_who_is_not_affected():
    before = splitting(internal(to(("v2", 100))), to(("v1", 90), ("v2", 10)))
    after = splitting(internal(to(("v2", 100))), to(("v1", 75), ("v2", 25)))
    found = impact([before], [after])
    assert found.sentences == ("10% → 25% of requests to catalog go to v2; requests with x-cohort: internal are unaffected",)
    assert found.reach == "from 2 classes of requests that the configurations of 1 proxy tell apart"


def test_a_rule_that_changes_for_some_requests_says_which_and_leaves_the_others_alone():
    before = splitting(internal(to(("v1", 100))), to(("v1", 100)))
    after = splitting(internal(to(("v2", 100))), to(("v1", 100)))
    assert impact([before], [after]).sentences == (
        "requests to catalog with x-cohort: internal go to v2 instead of v1; requests of other kinds are unaffected",
    )


def test_what_holds_for_all_requests_is_said_once():
    before = splitting(internal(to(("v1", 90), ("v2", 10))), to(("v1", 90), ("v2", 10)))
    after = splitting(internal(to(("v1", 80), ("v2", 20))), to(("v1", 80), ("v2", 20)))
    assert impact([before], [after]).sentences == ("10% → 20% of requests to catalog go to v2",)


def test_a_witness_shows_each_sentence_to_be_true():
    before, after = splitting(to(("v1", 100))), splitting(internal(to(("v2", 100))), to(("v1", 100)))
    witness = impact([before], [after]).findings[0].witness
    assert witness.request.headers == (("x-cohort", "internal"),)
    assert witness.proxy == "shop/webapp"
    for side, decision in ((before, witness.before), (after, witness.after)):
        config = EnvoyConfig.from_snapshot({}, side.listeners, side.clusters, side.routes, side.endpoints)
        assert trace(config, witness.request) == decision


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (to(("v1", 100), timeout="2s"), "the timeout of requests to catalog is 2s instead of none"),
        (
            to(("v1", 100), retry_policy={"num_retries": 3, "retry_on": "5xx"}),
            "requests to catalog are retried 3 times on 5xx instead of never",
        ),
        (
            to(
                ("v1", 100),
                request_mirror_policies=[{"cluster": cluster("v2"), "runtime_fraction": {"default_value": {"numerator": 25}}}],
            ),
            "0% → 25% of requests to catalog are mirrored to v2",
        ),
        (
            {**to(), "route": {"cluster": cluster("v1"), "timeout": "0s", "prefix_rewrite": "/api"}},
            "requests to catalog arrive with path /api instead of /",
        ),
        (
            {"match": {"prefix": "/"}, "direct_response": {"status": 418}},
            "requests to catalog are now answered 418 by the proxy instead of routed to v1",
        ),
        (
            {"match": {"prefix": "/"}, "redirect": {"host_redirect": "shop.example"}},
            "requests to catalog are now redirected to http://shop.example/ with the same path (301) instead of routed to v1",
        ),
        (
            {"match": {"prefix": "/shop"}, "route": {"cluster": cluster("v1"), "timeout": "0s"}},
            (
                "requests to catalog are now answered 404 for want of a route instead of routed to v1; "
                "requests with path /shop* are unaffected"
            ),
        ),
        (
            {
                **to(("v1", 100)),
                "request_headers_to_add": [
                    {"header": {"key": "x-from", "value": "mesh"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                ],
            },
            "requests to catalog get other headers: + x-from: mesh",
        ),
    ],
)
def test_each_part_of_a_route_that_changes_has_a_sentence(after: dict[str, Any], sentence: str):
    assert impact([splitting(to(("v1", 100)))], [splitting(after)]).sentences == (sentence,)


def test_a_change_that_no_request_feels_is_said_to_be_none():
    before, after = to(("v1", 100)), to(("v1", 100))
    after["decorator"] = {"operation": "renamed"}
    found = impact([splitting(before)], [splitting(after)])
    assert found.sentences == ("no request changes",)
    assert found.classes == 1


def test_equal_configurations_are_not_traced():
    same = splitting(to(("v1", 100)))
    found = impact([same], [deepcopy(same)])
    assert (found.sentences, found.classes, found.proxies) == (("no request changes",), 0, 1)


def catalog(change: Any = None, *, name: str = "catalog-v1") -> Snapshot:  # noqa: ANN401 - a function or None
    """The sidecar in front of catalog, with its ALLOW policies changed in every chain."""
    value = configuration("34-authz-allow-deny", "catalog-v1")
    for listener in value["listeners"]:
        for chain in listener.get("filter_chains", ()):
            for each in chain["filters"]:
                for entry in each["typed_config"].get("http_filters", ()):
                    rules = entry["typed_config"].get("rules")
                    if change and entry["name"] == "envoy.filters.http.rbac" and "action" not in rules:
                        change(rules["policies"])
    return snapshot(value, name=name, app="catalog")


def policy(permission: dict[str, Any], who: str) -> dict[str, Any]:
    name = {"exact": f"spiffe://cluster.local/ns/shop/sa/{who}"}
    return {"permissions": [permission], "principals": [{"authenticated": {"principal_name": name}}]}


def method(name: str) -> dict[str, Any]:
    return {"header": {"name": ":method", "string_match": {"exact": name}}}


def test_a_caller_that_a_policy_names_gains_access():
    def let_forum_in(policies: dict[str, Any]) -> None:
        policies["ns[shop]-policy[forum]-rule[0]"] = policy(method("GET"), "forum")

    found = impact([catalog()], [catalog(let_forum_in)])
    assert found.sentences == ("forum gains access to catalog with method GET",)
    witness = found.findings[0].witness
    assert (witness.request.principal, witness.before.status) == ("cluster.local/ns/shop/sa/forum", 403)


def test_callers_lose_access_when_their_policy_goes():
    def shut_webapp_out(policies: dict[str, Any]) -> None:
        del policies["ns[shop]-policy[read]-rule[0]"]

    assert impact([catalog()], [catalog(shut_webapp_out)]).sentences == ("webapp loses access to catalog",)


def test_a_policy_that_lets_everyone_in_says_so():
    def open_up(policies: dict[str, Any]) -> None:
        policies["ns[shop]-policy[open]-rule[0]"] = {"permissions": [{"any": True}], "principals": [{"any": True}]}

    sentences = impact([catalog()], [catalog(open_up)]).sentences
    assert sentences == ("any workload and callers without mTLS gain access to catalog",)


def test_proxies_of_one_workload_share_a_sentence_and_a_lone_one_is_named():
    def let_forum_in(policies: dict[str, Any]) -> None:
        policies["ns[shop]-policy[forum]-rule[0]"] = policy({"any": True}, "forum")

    def rename_only(policies: dict[str, Any]) -> None:
        policies["ns[shop]-policy[reads]-rule[0]"] = policies.pop("ns[shop]-policy[read]-rule[0]")

    names = ("catalog-v1", "catalog-v2")
    before = [catalog(name=name) for name in names]
    both = impact(before, [catalog(let_forum_in, name=name) for name in names])
    one = impact(before, [catalog(let_forum_in, name="catalog-v1"), catalog(rename_only, name="catalog-v2")])
    assert [(each.proxies, "(at" in each.text) for each in both.findings] == [(("shop/catalog-v1", "shop/catalog-v2"), False)]
    assert [each.text.endswith("(at shop/catalog-v1)") for each in one.findings] == [True]


def test_strict_mtls_shuts_callers_without_it_out():
    value = configuration("33-peer-authentication", "catalog-v1")
    before, after = snapshot(value, name="c", app="catalog"), deepcopy(value)
    for listener in [each for each in after["listeners"] if each["name"] == "virtualInbound"]:
        chains = listener["filter_chains"]
        listener["filter_chains"] = [
            chain for chain in chains if chain.get("filter_chain_match", {}).get("transport_protocol") != "raw_buffer"
        ]
    sentences = impact([before], [snapshot(after, name="c", app="catalog")]).sentences
    assert list(sentences) == [
        "any workload loses access to catalog: mTLS is refused now (on port 8082)",
        "callers without mTLS lose access to catalog: plaintext is refused now (on port 8080 and 8082 and others)",
    ]


def test_proxies_on_one_side_only_are_named_and_not_traced():
    found = impact([splitting(to(("v1", 100)))], [catalog()])
    assert (found.only_before, found.only_after, found.proxies) == (("shop/webapp",), ("shop/catalog-v1",), 0)


def test_an_expression_that_cannot_be_read_makes_the_answer_a_sample_which_is_said():
    odd = {"match": {"safe_regex": {"regex": r"/shop\b.*"}}, "route": {"cluster": cluster("v2"), "timeout": "0s"}}
    found = impact([splitting(to(("v1", 100)))], [splitting(odd, to(("v1", 100)))])
    assert found.sampled == ("path",)
    assert found.reach.endswith("; no more than a sample for path")


def test_expressions_that_overlap_are_told_apart_where_some_request_does():
    one = {"match": {"safe_regex": {"regex": "/items/[0-9]+"}}, "route": {"cluster": cluster("v2"), "timeout": "0s"}}
    narrow = {"match": {"safe_regex": {"regex": "/items/[0-9]{3}"}}, "route": {"cluster": cluster("v2"), "timeout": "0s"}}
    found = impact([splitting(one, to(("v1", 100)))], [splitting(narrow, to(("v1", 100)))])
    (sentence,) = found.findings
    assert sentence.text.startswith("requests to catalog with path ~ /items/[0-9]+ go to v1 instead of v2")
    assert not found.sampled
    assert full_match("/items/[0-9]+", sentence.witness.request.path)
    assert not full_match("/items/[0-9]{3}", sentence.witness.request.path)


@pytest.mark.parametrize(
    "pattern",
    [
        "^int(ernal)?$",
        ".*/ns/payments/.*",
        "/items/[0-9]+(/.*)?",
        "a{3}b|c",
        r"[^/]+\.png",
        r"(?P<x>a|b)[\d]+",
        r"\w+@[a-z]{2,3}",
        "(?:/v[12])?/.+",
    ],
)
def test_the_words_that_tell_an_expression_apart_are_taken_by_re2_or_not(pattern: str):
    words, complete = telling_words([Pattern("regex", pattern)], ".*")
    assert complete
    assert sorted(full_match(pattern, word) for word in words) == [False, True]


@pytest.mark.parametrize("pattern", ["(", "(?i)abc", "a(?P<", "[", "a{9999999999}", "\\", ""])
def test_an_expression_that_is_too_odd_is_said_to_be_sampled_or_told_apart(pattern: str):
    words, complete = telling_words([Pattern("regex", pattern)], ".*")
    assert words
    assert not complete or any(full_match(pattern, word) for word in words)


RECORDS = sorted(path for path in ORACLE.glob("*/istiod/*.json") if not path.name.endswith(".calls.json"))


@pytest.mark.parametrize("case", sorted({path.parts[-3] for path in RECORDS}))
def test_every_recorded_configuration_can_be_compared_with_one_whose_routes_are_gone(case: str):
    for path in [each for each in RECORDS if each.parts[-3] == case]:
        value = json.loads(path.read_text())
        before, after = snapshot(value), deepcopy(value)
        for table in after["routes"]:
            for host in table["virtual_hosts"]:
                host["routes"] = host.get("routes", [])[1:]
        found = impact([before], [snapshot(after)])
        assert found.sentences
        assert impact([before], [snapshot(value)]).sentences == ("no request changes",)
        if any(host.get("routes") for table in value["routes"] for host in table["virtual_hosts"]):
            assert found.classes
