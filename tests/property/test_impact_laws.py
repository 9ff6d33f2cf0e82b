"""Impact is never silent about a request whose fate changes, and never speaks of one whose fate does not.

`MESHGEN_IMPACT_PAIRS` is how many pairs of meshes are compared: some in CI, thousands in the nightly run.
"""

from __future__ import annotations

import json
import os

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from impact_meshes import Json, pairs, requests
from mesh_text import mesh_of

from meshgen.diff.classes.comparison import Comparison, Sample, compare_place, lets_in
from meshgen.diff.classes.places import Configs, places_of, upstream_tls
from meshgen.diff.fate import compare_fates
from meshgen.diff.impact import configs_of
from meshgen.diff.sentences import sentences_of
from meshgen.diff.touched import alike_proxies, touched_proxies
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Mesh
from meshgen.mesh.proxies import derive_proxies
from meshgen.trace import Decision, Request, trace

PAIRS = int(os.environ.get("MESHGEN_IMPACT_PAIRS", "120"))
IDENTITIES = ("cluster.local/ns/shop/sa/catalog", "cluster.local/ns/pay/sa/web")
WHERE = {"gateway": ("istio-system/edge",), "in": ("shop/catalog",), "out": ("pay/web", "pay/batch", "shop/catalog")}


def mesh_from(documents: list[Json]) -> Mesh:
    return mesh_of("\n---\n".join(map(json.dumps, documents)))


def snapshots(mesh: Mesh) -> dict[str, Snapshot]:
    proxies = {("istio-system/edge" if each.is_gateway else each.id): each for each in derive_proxies(mesh)}
    return {name: emit_envoy(mesh, proxy)[0] for name, proxy in proxies.items()}


def differs(configs: Configs, request: Request) -> bool:
    before, after = trace(configs.before, request), trace(configs.after, request)
    if lets_in(before) != lets_in(after):
        return True
    if compare_fates(before, after, request.host, request.path):
        return True
    return spoken(configs, 0, before) != spoken(configs, 1, after)


def spoken(configs: Configs, side: int, decision: Decision) -> list[str]:
    names = [decision.cluster] if decision.cluster else [each.cluster for each in decision.weights]
    return [upstream_tls(configs.both[side], name) for name in names if name]


def told(comparison: Comparison) -> list[Sample]:
    return [sentence.sample for sentence in sentences_of(comparison)]


class Example:
    """Two meshes and requests; too large to show when a test fails."""

    def __init__(self, pair: tuple[list[Json], list[Json]], asked: list[tuple[str, Request]]) -> None:
        self.pair, self.asked = pair, asked


@st.composite
def examples(draw: st.DrawFn) -> Example:
    return Example(draw(pairs()), draw(st.lists(requests, min_size=60, max_size=60)))


@settings(
    max_examples=PAIRS,
    deadline=None,
    derandomize=PAIRS < 1000,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(examples())
def test_no_change_is_passed_over_and_none_is_made_up(example: Example):
    pair = example.pair
    meshes = [mesh_from(each) for each in pair]
    before, after = map(snapshots, meshes)
    proxies = [after[name].proxy for name in after if name in before and before[name].proxy == after[name].proxy]
    touched = touched_proxies(meshes[0], meshes[1], proxies)
    for name in (name for name in after if after[name].proxy in proxies and after[name].proxy not in touched):
        assert before[name] == after[name], f"{name} is left out though its configuration differs"
    alike = alike_proxies(meshes[0], meshes[1], [proxy for proxy in proxies if proxy in touched])
    configs = {name: configs_of(before[name], after[name]) for name in before if name in after}
    compared = {name: [compare_place(place, IDENTITIES) for place in places_of(each)] for name, each in configs.items()}
    for name, comparisons in compared.items():
        for comparison in comparisons:
            for sample in told(comparison):
                assert differs(configs[name], sample.request), explain("a false alarm", pair, name, configs[name], sample.request)
    for where, request in example.asked:
        for leader, others in alike.items() if where == "out" else ():
            felt = {differs(configs[name], request) for name in (leader, *(each.id for each in others))}
            assert len(felt) == 1, explain("sidecars that are not alike", pair, leader, configs[leader], request)
        for name in WHERE[where]:
            if name in configs and differs(configs[name], request):
                named = any(comparison.names(request) for comparison in compared[name])
                assert named, explain("a false silence", pair, name, configs[name], request)


def explain(what: str, pair: tuple[list[Json], list[Json]], name: str, configs: Configs, request: Request) -> str:
    decisions = [trace(config, request) for config in configs.both]
    changed = [[each for each in side if each not in other] for side, other in (pair, pair[::-1])]
    shown = [f"{each.outcome} {each.status} {each.cluster} {each.virtual_host} {each.route}" for each in decisions]
    texts = ["\n---\n".join(yaml.safe_dump(each) for each in side) for side in changed]
    return f"{what} at {name}: {request}\n{shown[0]}\n{shown[1]}\nbefore:\n{texts[0]}\nafter:\n{texts[1]}"
