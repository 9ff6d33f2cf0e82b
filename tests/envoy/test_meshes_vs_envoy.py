"""Whole generated meshes, compiled: what the simulator says becomes of a request is what real Envoys do with it.

`MESHGEN_REQUESTS=20000` is the nightly setting; each difference that was ever found stays in `differences.yaml`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy_judge import Bench, Stage, agree, running
from generated import inventory, meshes
from generated_calls import Call, calls_for
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from meshgen.istio.authorization_policy import AuthorizationPolicy

pytestmark = pytest.mark.envoy

REQUESTS = int(os.environ.get("MESHGEN_REQUESTS", "1000"))
PER_MESH = 200
Json = dict[str, Any]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Upstreams, ports, certificates and keys of all meshes here."""
    with ExitStack() as stack:
        yield Bench(stack, tmp_path_factory.mktemp("bench"))


def differences(stage: Stage, calls: list[Call]) -> list[Json]:
    """The calls that end otherwise than foretold."""
    seen = [(call, stage.seen(call), stage.told(call)) for call in calls]
    found = [{"call": asdict(call), "envoy": real, "trace": told} for call, real, told in seen if not agree(real, told)]
    if "destination.ip" in str(stage.journeys.mesh.of_kind(AuthorizationPolicy)):
        return found  # a journey does not know at which of its addresses a gateway is dialled
    for call, _, told in seen:
        if is_for_journeys(call) and stage.journey(call) not in (may_be := {each.get("status") for each in told}):
            found.append({"call": asdict(call), "journey": stage.journey(call), "trace": sorted(map(str, may_be))})
    return found


def is_for_journeys(call: Call) -> bool:
    """Whether a journey means the same: it takes tokens as current, and a sidecar without iptables refuses strange hosts."""
    if call.token == "expired" or call.entry in ("edge-tcp", "orders"):
        return False
    return call.entry != "webapp" or call.host.lower() in ("catalog", "orders")


def test_generated_meshes_answer_as_they_are_traced(bench: Bench):
    sent, found = [0], list[Json]()

    @seed(int(os.environ.get("MESHGEN_SEED", "2026")))
    @settings(
        max_examples=-(-REQUESTS // PER_MESH) * 2,  # a mesh may have too few rules for as many requests
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(meshes(), st.integers(0, 2**32))
    def judge(mesh: list[Json], number: int) -> None:
        if sent[0] >= REQUESTS:
            return
        calls = calls_for(mesh, number, min(PER_MESH, REQUESTS - sent[0]))
        with running(bench, mesh) as stage:
            found.extend({"mesh": mesh, **each} for each in differences(stage, calls))
        sent[0] += len(calls)

    judge()
    assert sent[0] == REQUESTS
    assert not found, f"{len(found)} of {sent[0]}: " + json.dumps(found[:3], indent=1)


# --- what was found -------------------------------------------------------------------------------------------------
CASES = yaml.safe_load((Path(__file__).parent / "differences.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["mesh"] for case in CASES])
def test_every_difference_that_was_found_stays_mended(bench: Bench, case: Json):
    objects = [{"apiVersion": f"{each.pop('group')}.istio.io/v1", **each} for each in map(dict, case["objects"])]
    for each in objects:
        each["metadata"] = {"name": each["metadata"], "namespace": "shop"}
    with running(bench, [*inventory(), *objects]) as stage:
        for entry in case["calls"]:
            fields = {name: value for name, value in entry.items() if name not in ("about", "ends")}
            call = Call(**{**fields, "headers": tuple(map(tuple, fields.get("headers", ())))})
            real, told = stage.seen(call), stage.told(call)
            assert agree(real, told), f"{entry['about']}: {real} is none of {told}"
            plain = json.loads(json.dumps(real))
            assert {name: plain.get(name) for name in entry["ends"]} == entry["ends"], entry["about"]
