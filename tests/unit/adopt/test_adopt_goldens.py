"""What every golden case compiles to is adopted, and compiles to the same again."""

from __future__ import annotations

from pathlib import Path

import pytest
from adopted_tree import intents_of, keys, recompiled, tree_of

from meshgen.adopt.meaning import meaning
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.mesh import link
from meshgen.mesh.proxies import derive_proxies
from meshgen.testing.golden import read_case
from meshgen.testing.outputs import compile_case

ROOT = Path(__file__).parents[3]
CASES = sorted(
    path for top in ("golden", "examples") for path in (ROOT / top).rglob("istio.yaml") if (path.parent / "case.toml").exists()
)


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_compiled_mesh_that_is_adopted_compiles_to_the_same(path: Path):
    tree = tree_of(path.read_bytes())
    adoption = tree.adopted()
    again = recompiled(adoption, tree.facts)
    assert sorted(again) == keys(tree.natives)
    for native in tree.natives:
        assert meaning(again[native.key]) == meaning(native)
    second = tree_of(dump_documents([each.to_json() for each in again.values()])).adopted()
    assert intents_of(second) == intents_of(adoption)


ENVOY_CASES = [path for path in CASES if path.parent.parent.name in {"traffic", "security", "gateway"}]


@pytest.mark.parametrize("path", ENVOY_CASES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_envoys_are_configured_alike_by_an_adopted_mesh(path: Path):
    """An oracle that knows nothing of what adoption holds for the same: the bytes of every proxy's configuration."""
    result = compile_case(read_case(path.parent))
    natives = tree_of(path.read_bytes())
    facts = result.mesh.facts
    before = link(natives.natives, facts, result.mesh.config)
    after = link(tuple(recompiled(natives.adopted(), facts).values()), facts, result.mesh.config)
    for proxy in derive_proxies(before):
        one, other = emit_envoy(before, proxy)[0], emit_envoy(after, proxy)[0]
        for kind in ("listeners", "routes", "clusters", "endpoints"):
            assert bare(getattr(one, kind)) == bare(getattr(other, kind)), f"{kind} of {proxy.id}"


def bare(value: object) -> object:
    """Envoy configuration without the places that its parts were made from."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if key != "metadata"}
    return [bare(item) for item in value] if isinstance(value, list | tuple) else value
