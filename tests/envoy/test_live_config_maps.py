"""ConfigMaps as a Pod sees them: a real Envoy follows the link `..data`, and no release of a hundred loses a request."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
import yaml
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy, wait_until
from load import Load
from mesh_text import mesh_of
from meshes import FileTree, echo_endpoint, options, service, sidecar, snapshot
from test_live_filesystem import Catalog

from meshgen.deliver.admin import Admin
from meshgen.deliver.config_maps import config_maps, released_files
from meshgen.emit.envoy.release import Files, next_release
from meshgen.emit.envoy.volume import CLUSTERS, LISTENERS, volume_files
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.mesh import Mesh

pytestmark = pytest.mark.envoy

PROXY = sidecar("webapp")


@dataclass
class Volume:
    """A volume of ConfigMaps, changed as a kubelet does: a new directory, a rename of `..data`, links for what is new."""

    directory: Path
    _releases: int = 0

    def mount(self, files: dict[str, str]) -> None:
        self._releases += 1
        fresh = self.directory / f"..release{self._releases}"
        fresh.mkdir(parents=True)
        for name, text in files.items():
            (fresh / name).write_text(text)
        data, old = self.directory / "..data", (self.directory / "..data").resolve()
        link = self.directory / "..data_tmp"
        link.symlink_to(fresh.name)
        os.replace(link, data)  # noqa: PTH105 - the rename is what is tested
        for name in files:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        for path in self.directory.iterdir():
            if path.is_symlink() and path.name != "..data" and path.name not in files:
                path.unlink()
        if old.name.startswith("..release"):
            shutil.rmtree(old)


@dataclass
class Fleet:
    """One Pod, and the tree in git that it follows."""

    volume: Volume
    envoy: RunningEnvoy | None = None
    released: bytes = b""  # the ConfigMaps as they were committed
    releases: int = 0
    _waited: list[str] = field(default_factory=list)

    def wanted(self, mesh: Mesh) -> Files:
        return volume_files(snapshot(mesh, PROXY), str(self.volume.directory), options())

    def release(self, mesh: Mesh) -> int:
        """Brings the Pod to a mesh, in as many releases as it takes; how many that were."""
        for number in (1, 2):
            release = next_release(released_files(self.released, "released"), self.wanted(mesh))
            artifacts, problems = config_maps(PROXY, release.files)
            assert not problems
            self.released = dump_documents([artifact.object for artifact in artifacts])
            self.volume.mount({name: text for each in artifacts for name, text in each.object["data"].items()})
            self._settle(release.files)
            if not release.waits_for:
                return number
        raise AssertionError("a third release")

    def _settle(self, files: Files) -> None:
        if self.envoy is None:
            return
        admin = Admin("127.0.0.1", self.envoy.admin_port)
        versions = {files[name]["version_info"] for name in (CLUSTERS, LISTENERS)}
        wait_until(lambda: versions <= admin.versions() and not warming(admin), "Envoy took the release")

    def bootstrap(self) -> dict[str, object]:
        return dict(json.loads((self.volume.directory / "bootstrap.json").read_text()))


def warming(admin: Admin) -> bool:
    return "dynamic_warming_clusters" in orjson.dumps(admin.config_dump()).decode()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(Volume(tmp_path / "volume"))


@pytest.fixture
def catalog(tmp_path: Path, fleet: Fleet) -> Iterator[Catalog]:
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(EchoServer(name)) for name in ("v1", "v2")}
        made = Catalog(free_port(), echoes, FileTree(tmp_path / "unused", PROXY))
        assert fleet.release(made.mesh(v1=50, v2=50)) == 1
        fleet.envoy = stack.enter_context(start_envoy(fleet.bootstrap(), tmp_path / "envoy", arguments=("--drain-time-s", "1")))
        yield made


def test_a_hundred_releases_of_weights_endpoints_routes_and_versions_lose_no_request(catalog: Catalog, fleet: Fleet):
    load, two = Load(catalog.port), []
    with ExitStack() as stack:
        stack.enter_context(load.running())
        for number in range(100):
            if number % 10 == 3:  # endpoints: v2 moves to another port
                catalog.echoes["v2"] = stack.enter_context(EchoServer(f"moved{number}"))
            weights = {"v1": number % 7 * 10, "v2": 100 - number % 7 * 10}
            if number % 10 == 6:  # a version that was not there takes it all, and goes again
                name = f"new{number}"
                catalog.echoes[name] = stack.enter_context(EchoServer(name))
                weights = {name: 100}
            if fleet.release(catalog.mesh(rule=number, **weights)) == 2:
                two.append(number)
    assert load.failures == []
    assert {"v1", "v2", "moved3", "moved93", "new6", "new96"} <= set(load.servers)
    assert [number for number in two if number % 10 == 6] == list(range(6, 100, 10))


def test_the_same_mesh_is_released_once_and_what_left_stays_until_the_next_change(catalog: Catalog, fleet: Fleet):
    fleet.release(catalog.mesh(v1=100))
    held = fleet.released
    assert b"|v2|" in held  # for Pods that still have the routes to it
    fleet.release(catalog.mesh(v1=100))
    assert fleet.released == held
    fleet.release(catalog.mesh(rule=1, v1=100))
    assert b"|v2|" not in fleet.released


def test_a_mesh_of_many_services_stands_in_several_config_maps_that_one_volume_joins(fleet: Fleet, tmp_path: Path):
    ports = [free_port() for _ in range(3)]
    with EchoServer() as echo:
        names = {f"s{number}": ports[number % 3] for number in range(500)}
        documents = [service(name, port) for name, port in names.items()]
        documents += [document for name in names for document in echo_endpoint(name, echo)]
        mesh = mesh_of("", *documents)
        assert fleet.release(mesh) == 1
        objects = list(yaml.load_all(fleet.released, yaml.CSafeLoader))
        assert [each["metadata"]["name"] for each in objects][:2] == ["webapp-envoy", "webapp-envoy-2"]
        sizes = [sum(len(key) + len(text.encode()) for key, text in each["data"].items()) for each in objects]
        assert max(sizes) <= 1_000_000
        with start_envoy(fleet.bootstrap(), tmp_path / "envoy") as envoy:
            assert http_request(ports[499 % 3], "/", host="s499").status == 200
            assert len(envoy.config_dump()["configs"]) > 0


def test_a_file_that_no_config_map_has_room_for_is_said():
    names = {f"service-{number}": 8000 for number in range(1500)}
    mesh = mesh_of("", *(service(name, port) for name, port in names.items()))
    _, problems = config_maps(PROXY, volume_files(snapshot(mesh, PROXY), "/etc/meshgen/envoy", options()))
    found = [(problem.code.number, problem.message.split("`")[1]) for problem in problems]
    assert found == [("MG0946", CLUSTERS), ("MG0946", "rds.8000.json")]
    assert "`calls`" in (problems[0].help or "")
