"""What `emit_envoy` makes of the recorded meshes against what istiod made of them, and what becomes of the recorded calls.

Three proofs for each of the recorded proxies: the listeners and routes are istiod's (after `normalise.py`), every recorded call
ends as it was recorded when it is traced over our output, and Envoy's protos parse all of it. `tests/envoy/test_emitted_loads.py`
has a real Envoy load all of them.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from envoy_protos import CLUSTER, LISTENER, LOAD_ASSIGNMENT, ROUTES, SECRET, Json, canonical
from normalise import normalised
from oracle import CASES, PROXIES, load_case, load_recorded
from test_trace_oracle import ARGUED, Recorded, compare, record_files, recorded_calls, request_of

from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.trace import EnvoyConfig, trace

for _module in (  # messages that only these meshes bring
    "envoy.config.trace.v3.zipkin_pb2",
    "envoy.extensions.access_loggers.filters.cel.v3.cel_pb2",
    "envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2",
    "envoy.extensions.filters.http.lua.v3.lua_pb2",
):
    importlib.import_module(_module)

each_proxy = pytest.mark.parametrize(("case", "name"), PROXIES)

OUT_OF_REACH: dict[tuple[str, str], str] = {}
"""(case, proxy): why its listeners and routes cannot be istiod's. None is left."""


@cache
def emitted(case: str, name: str) -> Snapshot:
    loaded = load_case(case)
    return emit_envoy(loaded.mesh, loaded.proxies[name])[0]


@cache
def config_of(case: str, name: str) -> EnvoyConfig:
    snapshot = emitted(case, name)
    return EnvoyConfig.from_snapshot(
        {},
        listeners=snapshot.listeners,
        clusters=snapshot.clusters,
        routes=snapshot.routes,
        endpoints=snapshot.endpoints,
    )


def differences(record: Json, ours: Json, path: str = "") -> Iterator[str]:
    """Each place where two values differ."""
    if isinstance(record, dict) and isinstance(ours, dict):
        for key in sorted(record.keys() | ours.keys()):
            yield from differences(record.get(key), ours.get(key), f"{path}.{key}")
    elif isinstance(record, list) and isinstance(ours, list) and len(record) == len(ours):
        for index, (left, right) in enumerate(zip(record, ours, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif record != ours:
        yield f"{path}: istiod {json.dumps(record)[:200]}, meshgen {json.dumps(ours)[:200]}"


def by_name(resources: Any) -> dict[str, Json]:  # noqa: ANN401 - JSON of any shape
    return {resource["name"]: normalised(resource) for resource in resources}


@each_proxy
def test_listeners_and_routes_are_those_of_istiod(case: str, name: str):
    snapshot, recorded = emitted(case, name), load_recorded(case, name)
    found = [
        *differences(by_name(recorded["listeners"]), by_name(snapshot.listeners), "listeners"),
        *differences(by_name(recorded["routes"]), by_name(snapshot.routes), "routes"),
    ]
    if (case, name) in OUT_OF_REACH:
        assert found, "no longer out of reach: take it off the list"
    else:
        assert not found, "\n".join(found)


def observing(listener: Json) -> Iterator[tuple[str, Json]]:
    """What logs and traces in a listener, by place; the tags that only Istio's telemetry reads are left out."""
    yield "listener", listener.get("access_log", [])
    for index, chain in enumerate(chains_of(listener)):
        for one in chain["filters"]:
            config = one["typed_config"]
            if one["name"].startswith("envoy.") and "access_log" in config:
                yield f"{index} {one['name']}", config["access_log"]
            if "provider" in config.get("tracing", {}):
                block = dict(config["tracing"])
                block["custom_tags"] = [tag for tag in block.get("custom_tags", []) if not tag["tag"].startswith("istio.")]
                yield f"{index} tracing", block


def chains_of(listener: Json) -> list[Json]:
    default = listener.get("default_filter_chain")
    found = [*listener["filter_chains"], *([default] if default else [])]
    return sorted(found, key=lambda chain: json.dumps(chain.get("filter_chain_match", {}), sort_keys=True))


@pytest.mark.parametrize("name", ["webapp", "catalog-v1"])
def test_access_logs_and_tracing_are_those_of_istiod(name: str):
    ours, recorded = emitted("40-telemetry", name), load_recorded("40-telemetry", name)
    wanted = {found["name"]: without_options(dict(observing(found))) for found in recorded["listeners"]}
    assert wanted == {found["name"]: dict(observing(found)) for found in ours.listeners}
    traced = any("tracing" in place for places in wanted.values() for place in places)
    assert traced is (name == "webapp")  # catalog-v1 reports no spans


def without_options(value: Json) -> Json:
    """Without the empty `json_format_options` that istiod writes beside a JSON format."""
    if isinstance(value, dict):
        return {key: without_options(item) for key, item in value.items() if key != "json_format_options"}
    return [without_options(item) for item in value] if isinstance(value, list) else value


def undecided(recorded: Recorded) -> list[str]:
    """What of a recorded call ends otherwise with our output."""
    decision = trace(config_of(recorded.case, recorded.proxy), request_of(recorded))
    return [
        f"{recorded} {field}: recorded {wanted!r}, ours {found!r}"
        for field, wanted, found in compare(recorded, decision)
        if (recorded.case, recorded.proxy, recorded.call["name"], field) not in ARGUED
    ]


@pytest.mark.parametrize("path", record_files(), ids=lambda path: f"{path.parent.parent.name}-{path.name.split('.')[0]}")
def test_recorded_calls_end_over_our_output_as_they_ended_over_that_of_istiod(path: Path):
    failures = [line for recorded in recorded_calls(path) for line in undecided(recorded)]
    assert not failures, "\n".join(failures)


def test_every_recorded_call_of_every_case_is_compared(capsys: pytest.CaptureFixture[str]):
    calls = [recorded for path in record_files() for recorded in recorded_calls(path)]
    equal = sum(not undecided(recorded) for recorded in calls)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what this is for
            f"\nenvoy oracle: {len(CASES)} cases, {len(PROXIES)} proxies, {len(calls)} calls, {equal} equal,"
            f" {len(calls) - equal} different, {len(OUT_OF_REACH)} proxies out of reach"
        )
    assert (len(CASES), len(PROXIES), len(calls), equal) == (50, 82, 662, 662)


@each_proxy
def test_the_protos_of_envoy_parse_all_that_is_emitted(case: str, name: str):
    snapshot = emitted(case, name)
    for kind, resources in (
        (LISTENER, snapshot.listeners),
        (ROUTES, snapshot.routes),
        (CLUSTER, snapshot.clusters),
        (LOAD_ASSIGNMENT, snapshot.endpoints),
        (SECRET, snapshot.secrets),
    ):
        for resource in resources:
            canonical(resource, kind)


def routes_of(snapshot: Snapshot) -> Iterator[Json]:
    tables: Json = snapshot.routes
    for table in tables:
        for host in table["virtual_hosts"]:
            yield from host.get("routes", [])


@each_proxy
def test_every_route_names_the_rule_that_it_came_from(case: str, name: str):
    rules: Json = {
        (found.namespace, found.name): found.spec for found in load_case(case).objects if found.kind == "VirtualService"
    }
    for route in routes_of(emitted(case, name)):
        if route["name"] in {"allow_any", "block_all"}:
            continue
        source = route["metadata"]["filter_metadata"]["meshgen"]
        if source["kind"] == "VirtualService":
            index = int(source["path"].removeprefix("spec.http[").removesuffix("]"))
            written = rules[source["namespace"], source["name"]].http[index].name
            # A delegate's rule is named `<root>-<delegate>`, one entry of a match `<rule>.<match>`.
            assert written
            assert route["name"].endswith(written) or route["name"].startswith(f"{written}.")
        else:
            assert source["kind"] in {"Service", "ServiceEntry"}
            assert route["name"] == "default"


def test_a_rule_that_a_delegate_brought_in_names_the_delegate():
    sources = {
        route["name"]: route["metadata"]["filter_metadata"]["meshgen"] for route in routes_of(emitted("15-delegates", "edge"))
    }
    assert {source["name"] for source in sources.values()} - {"root"}
