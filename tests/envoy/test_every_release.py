"""A real Envoy of each release that is known takes every golden case, every example and every recorded mesh, and says nothing.

Each is made for that release (`targets.envoy`). What is the same in several is served once (`merged.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from goldens import SOUND, for_envoy
from harness import EchoServer, free_port, http_request, start_envoy
from merged import merge
from mesh_text import mesh_of
from meshes import bootstrap, echo_endpoint, service, sidecar
from oracle import PROXIES, load_case
from releases import PATCHES, envoy_of
from validation import real_files, refusal, said_of_configuration, with_real_files

from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.emit.envoy.versions import DIFFERENCES
from meshgen.envoy_version import NEWEST_ENVOY, OLDEST_ENVOY, EnvoyVersion, parse_envoy_version

Json: TypeAlias = Any

pytestmark = [pytest.mark.envoy, pytest.mark.releases, pytest.mark.xdist_group("releases")]


def version_of(release: str) -> EnvoyVersion:
    found = parse_envoy_version(release)
    assert found is not None
    return found


def test_every_release_that_meshgen_writes_for_is_here():
    minors = range(OLDEST_ENVOY.minor, NEWEST_ENVOY.minor + 1)
    assert list(PATCHES) == [EnvoyVersion(1, minor).release for minor in minors]
    assert {each.since.release for each in DIFFERENCES} <= set(PATCHES)


def everything(version: EnvoyVersion) -> Iterator[tuple[str, Snapshot]]:
    for name in SOUND:
        for snapshot in for_envoy(name, version):
            yield f"{name} {snapshot.proxy.id}", snapshot
    for case, name in PROXIES:
        loaded = load_case(case)
        yield f"{case} {name}", emit_envoy(loaded.mesh, replace(loaded.proxies[name], envoy_version=version))[0]


@cache
def bootstraps(version: EnvoyVersion) -> tuple[tuple[str, Json], ...]:
    """Whose, and what: of all proxies, for this release."""
    options = BootstrapOptions(admin_port=0)
    return tuple((owner, static_bootstrap(snapshot, options)) for owner, snapshot in everything(version))


WITHOUT_WASM = {"1.38"}
"""Releases whose binary, as it is packaged, was built without a runtime for WebAssembly."""


def served_by(release: str) -> tuple[tuple[str, Json], ...]:
    """What is made for a release, less what its binary cannot run."""
    made = bootstraps(alike(release))
    return tuple(each for each in made if release not in WITHOUT_WASM or "envoy.wasm.runtime" not in json.dumps(each[1]))


def alike(release: str) -> EnvoyVersion:
    """The oldest release that is given the same as this one: what is made for one serves for the other."""

    def given(version: EnvoyVersion) -> list[bool]:
        return [each.holds_in(version) for each in DIFFERENCES if each.written]

    return next(version for version in map(version_of, PATCHES) if given(version) == given(version_of(release)))


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[tuple[str, Json]]]:
    """The few bootstraps that hold all, for a release."""
    files = real_files(tmp_path_factory.mktemp("files"))
    made: dict[tuple[EnvoyVersion, bool], list[tuple[str, Json]]] = {}

    def find(release: str) -> list[tuple[str, Json]]:
        kind = (alike(release), release in WITHOUT_WASM)
        if kind not in made:
            made[kind] = list(merge((owner, with_real_files(each, files)) for owner, each in served_by(release)))
        return made[kind]

    return find


def complaints(bootstrap: Json, directory: Path, binary: Path) -> str:
    """What an Envoy says that serves this, but for the signal that ends it; or why it does not."""
    try:
        with start_envoy(bootstrap, directory, binary=binary) as envoy:
            pass
    except AssertionError as refused:
        return str(refused)
    said = said_of_configuration(envoy.log.read_text(errors="replace"))
    return "\n".join(line for line in said.splitlines() if "caught ENVOY_SIGTERM" not in line)


@pytest.mark.parametrize("release", PATCHES)
def test_it_serves_all_that_is_made_for_it_without_a_warning(
    release: str, merged: Callable[[str], list[tuple[str, Json]]], tmp_path: Path
):
    binary = envoy_of(release)
    assert len(bootstraps(alike(release))) > len(SOUND)
    said = {owner: text for owner, each in merged(release) if (text := complaints(each, tmp_path, binary))}
    assert said == {}, f"told one by one: {complaints_of_each(release, tmp_path)}"


def complaints_of_each(release: str, directory: Path) -> dict[str, str]:
    """Whose they are: what the Envoy says against each bootstrap by itself."""
    files, binary = real_files(directory), envoy_of(release)
    each = ((owner, with_real_files(found, files)) for owner, found in served_by(release))
    said = {owner: refusal(found, directory / "bootstrap.json", binary) for owner, found in each}
    return {owner: text for owner, text in said.items() if text}


# --- rows of the table, seen -----------------------------------------------------------------------------------------------
ADMINS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {x-role: {exact: admin}}}]
    directResponse: {status: 299}
  - route: [{destination: {host: web}}]
"""


@pytest.mark.parametrize(("release", "admin", "query"), [("1.38", 200, 400), ("1.39", 299, 400), ("1.40", 299, 200)])
def test_what_the_table_says_of_repeated_headers_and_of_query_is_so(release: str, admin: int, query: int, tmp_path: Path):
    port = free_port()
    with EchoServer("web") as web:
        mesh = mesh_of(ADMINS, service("web", port), *echo_endpoint("web", web))
        with start_envoy(bootstrap(mesh, sidecar("webapp")), tmp_path, binary=envoy_of(release)):
            both = http_request(port, host="web", headers=[("x-role", "user"), ("x-role", "admin")])
            asked = http_request(port, host="web", method="QUERY", headers=[("content-type", "text/plain")])
    assert (both.status, asked.status) == (admin, query)
