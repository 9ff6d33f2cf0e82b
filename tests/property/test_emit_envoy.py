"""The same mesh gives the same bytes, in whatever order its objects were read."""

from __future__ import annotations

from random import Random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import PROXIES, load_case

from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import link


def as_bytes(snapshot: Snapshot) -> bytes:
    return orjson.dumps((snapshot.listeners, snapshot.routes, snapshot.clusters, snapshot.endpoints, snapshot.secrets))


@settings(max_examples=60, deadline=None)
@given(which=st.sampled_from(PROXIES), random=st.randoms(use_true_random=False))
def test_the_order_of_the_sources_never_changes_the_envoy_output(which: tuple[str, str], random: Random):
    case, name = which
    loaded = load_case(case)
    shuffled = list(loaded.objects)
    random.shuffle(shuffled)
    first, reported = emit_envoy(loaded.mesh, loaded.proxies[name])
    second, again = emit_envoy(link(tuple(shuffled), loaded.facts, loaded.config), loaded.proxies[name])
    assert as_bytes(first) == as_bytes(second)
    assert reported == again


def test_emitting_a_proxy_leaves_no_trace_in_what_the_next_one_gets():
    for case in sorted({case for case, _ in PROXIES}):
        loaded = load_case(case)
        together = loaded.mesh
        for name, proxy in loaded.proxies.items():
            shared = as_bytes(emit_envoy(together, proxy)[0])
            assert shared == as_bytes(emit_envoy(loaded.mesh, proxy)[0]), name
