"""The same mesh gives the same bytes, in whatever order its objects were read."""

from __future__ import annotations

from random import Random
from typing import TypeVar

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import PROXIES, load_case

from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.kubernetes import CoreFacts
from meshgen.mesh import link

T = TypeVar("T")


def as_bytes(snapshot: Snapshot) -> bytes:
    return orjson.dumps((snapshot.listeners, snapshot.routes, snapshot.clusters, snapshot.endpoints, snapshot.secrets))


def mixed(values: tuple[T, ...], random: Random) -> tuple[T, ...]:
    shuffled = list(values)
    random.shuffle(shuffled)
    return tuple(shuffled)


@settings(max_examples=60, deadline=None)
@given(which=st.sampled_from(PROXIES), random=st.randoms(use_true_random=False))
def test_the_order_of_the_sources_never_changes_the_envoy_output(which: tuple[str, str], random: Random):
    case, name = which
    loaded = load_case(case)
    facts = {field: mixed(getattr(loaded.facts, field), random) for field in loaded.facts.__struct_fields__}
    first, reported = emit_envoy(loaded.mesh, loaded.proxies[name])
    second, again = emit_envoy(link(mixed(loaded.objects, random), CoreFacts(**facts), loaded.config), loaded.proxies[name])
    assert as_bytes(first) == as_bytes(second)
    assert reported == again


def test_emitting_a_proxy_leaves_no_trace_in_what_the_next_one_gets():
    for case in sorted({case for case, _ in PROXIES}):
        loaded = load_case(case)
        together = loaded.mesh
        for name, proxy in loaded.proxies.items():
            shared = as_bytes(emit_envoy(together, proxy)[0])
            assert shared == as_bytes(emit_envoy(loaded.mesh, proxy)[0]), name
