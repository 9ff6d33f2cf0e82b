"""What `meshgen push` says and leaves behind: Envoy refuses, the push is killed, two run at once, others have files there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import EchoServer, RunningEnvoy, free_port, http_request, start_envoy, wait_until
from mesh_text import mesh_of
from meshes import FileTree, echo_endpoint, service, sidecar

from meshgen.deliver.push import Watch, push

pytestmark = pytest.mark.envoy


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


@pytest.fixture
def tree(tmp_path: Path) -> FileTree:
    return FileTree(tmp_path / "xds", sidecar("webapp"))


def files_for(tree: FileTree, echo: EchoServer, *ports: int) -> dict[str, bytes]:
    """What the proxy gets in a mesh of a service for each port."""
    names = {f"service{port}": port for port in ports}
    ends = [document for name in names for document in echo_endpoint(name, echo)]
    return tree.files(mesh_of("", *(service(name, port) for name, port in names.items()), *ends))


def compiled(place: Path, files: dict[str, bytes]) -> Path:
    """The files as `meshgen compile` would leave them."""
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    return place


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "meshgen", "push", *map(str, arguments)]


def pushed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def running(tree: FileTree, echo: EchoServer, tmp_path: Path) -> Iterator[tuple[RunningEnvoy, int]]:
    """An Envoy that serves one service on a port."""
    port = free_port()
    tree.push(files_for(tree, echo, port))
    with ExitStack() as stack:
        envoy = stack.enter_context(start_envoy(tree.bootstrap(), tmp_path / "envoy", arguments=("--drain-time-s", "1")))
        yield envoy, port


def test_the_command_says_each_wave_and_then_that_nothing_is_left(
    running: tuple[RunningEnvoy, int], tree: FileTree, echo: EchoServer, tmp_path: Path
):
    envoy, port = running
    second = free_port()
    source = compiled(tmp_path / "out", files_for(tree, echo, port, second))
    said = pushed(source, "--into", tree.directory, "--admin", f"127.0.0.1:{envoy.admin_port}")
    assert (said.returncode, said.stderr) == (0, "")
    assert [line.partition(":")[0] for line in said.stdout.splitlines()] == ["clusters", "routes", "listeners"]
    assert http_request(second, "/", host=f"service{second}").status == 200
    again = pushed(source, "--into", tree.directory, "--admin", f"127.0.0.1:{envoy.admin_port}")
    assert again.stdout == f"{tree.directory}: nothing to change\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "counter"),
    [
        ("lds/listeners.json", '"filter_chains"', '"unknown"', "lds.update_rejected"),
        ("cds/clusters.json", '"connect_timeout": "10s"', '"connect_timeout": "-1s"', "cds.update_rejected"),
    ],
)
def test_what_envoy_refuses_is_taken_back(
    path: str, old: str, new: str, counter: str, running: tuple[RunningEnvoy, int], tree: FileTree, echo: EchoServer
):
    tree.envoy, port = running
    good = files_for(tree, echo, port)
    broken = good[path].decode().replace(old, new).replace('"version_info": "', '"version_info": "broken-')
    done = tree.push({**good, path: broken.encode()})
    assert [diagnostic.code.number for diagnostic in done.diagnostics] == ["MG0942"]
    assert counter in done.diagnostics[0].message
    assert (tree.directory / path).read_bytes() == good[path]
    assert http_request(port, "/", host=f"service{port}").status == 200
    assert tree.push(good).diagnostics == []


def test_a_push_that_is_killed_is_healed_by_the_next_and_two_do_not_meet(
    running: tuple[RunningEnvoy, int], tree: FileTree, echo: EchoServer, tmp_path: Path
):
    envoy, port = running
    second = free_port()
    wanted = files_for(tree, echo, second)
    source = compiled(tmp_path / "out", wanted)
    with subprocess.Popen(command(source, "--into", tree.directory, "--pause", "1h"), stderr=subprocess.DEVNULL) as first:
        clusters = tree.directory / "cds" / "clusters.json"
        wait_until(lambda: f"service{second}." in clusters.read_text(), "the first wave was written")
        assert f"service{port}." in clusters.read_text()
        other = push(wanted, tree.directory, Watch(), wait=0.1)
        assert [diagnostic.code.number for diagnostic in other.diagnostics] == ["MG0805"]
        first.kill()
    assert http_request(port, "/", host=f"service{port}").status == 200
    tree.envoy = envoy
    assert tree.push(wanted).diagnostics == []
    assert http_request(second, "/", host=f"service{second}").status == 200
    held = {path: (tree.directory / path).read_bytes() for path in wanted}
    assert held == wanted
    assert f"service{port}." not in clusters.read_text()


def test_files_of_others_are_left_alone_and_stop_the_push_where_they_are_in_the_way(tree: FileTree, echo: EchoServer):
    wanted = files_for(tree, echo, 8000)
    notes = tree.directory / "eds" / "notes.json"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    tree.push(wanted)
    assert notes.read_text() == "mine"
    routes = tree.directory / "rds" / "9000.json"
    routes.write_text("mine")
    done = tree.push(files_for(tree, echo, 8000, 9000))
    assert [diagnostic.code.number for diagnostic in done.diagnostics] == ["MG0802"]
    assert routes.read_text() == "mine"


def test_while_old_connections_drain_their_clusters_stay_until_the_next_push(tree: FileTree, echo: EchoServer, tmp_path: Path):
    first, second = free_port(), free_port()
    tree.push(files_for(tree, echo, first, second))
    with start_envoy(tree.bootstrap(), tmp_path / "envoy") as envoy:  # it drains for ten minutes
        tree.envoy = envoy
        wanted = files_for(tree, echo, first)
        done = tree.push(wanted, wait=5)
        assert [diagnostic.code.number for diagnostic in done.diagnostics] == ["MG0948"]
        assert f"service{second}." in (tree.directory / "cds" / "clusters.json").read_text()
    tree.envoy = None
    tree.push(wanted)
    assert f"service{second}." not in (tree.directory / "cds" / "clusters.json").read_text()


def test_an_envoy_that_does_not_read_the_directory_is_said(tree: FileTree, echo: EchoServer, tmp_path: Path):
    elsewhere = FileTree(tmp_path / "other", sidecar("webapp"))
    elsewhere.push(files_for(elsewhere, echo, free_port()))
    tree.push(files_for(tree, echo, 8000))
    with start_envoy(elsewhere.bootstrap(), tmp_path / "envoy") as envoy:
        tree.envoy = envoy
        done = tree.push(files_for(tree, echo, 8000, 9000), wait=1)
    assert [diagnostic.code.number for diagnostic in done.diagnostics] == ["MG0943"]
    assert "`lds/listeners.json`" not in done.diagnostics[0].message  # clusters go first


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["out/static"], "MG0940", "outputs.envoy.delivery: filesystem"),
        (["out/many"], "MG0940", "name the directory of one proxy: `out/many/shop/webapp`"),
        (["out/broken"], "MG0940", "is not what meshgen writes for Envoy"),
        (["out/good", "--admin", "10.0.0.1:15000"], "", "asked on loopback only"),
        (["out/good", "--admin", "15000"], "", "write it as `127.0.0.1:15000`"),
        (["out/good", "--wait", "soon"], "", "`soon` is no duration"),
    ],
)
def test_what_cannot_be_pushed_is_said(
    arguments: list[str],
    code: str,
    words: str,
    tree: FileTree,
    echo: EchoServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    good = files_for(tree, echo, 8000)
    compiled(tmp_path / "out/good", good)
    compiled(tmp_path / "out/many/shop/webapp", good)
    compiled(tmp_path / "out/static", {"bootstrap.json": b"{}"})
    compiled(tmp_path / "out/broken", {**good, "rds/8000.json": b"{"})
    said = pushed(*arguments, "--into", "target")
    assert said.returncode == 2
    assert f"{code}]" in said.stderr if code else "Usage:" in said.stderr
    assert words in " ".join(said.stderr.split())
    assert not (tmp_path / "target").exists()


def test_an_envoy_that_is_not_running_and_files_for_elsewhere_are_said(tree: FileTree, echo: EchoServer, tmp_path: Path):
    source = compiled(tmp_path / "out", files_for(tree, echo, 8000))
    said = pushed(source, "--into", tmp_path / "target", "--admin", f"127.0.0.1:{free_port()}", "--json")
    found = json.loads(said.stdout)
    assert said.returncode == 0
    assert [each["code"] for each in found["diagnostics"]] == ["MG0941", "MG0944"]
    assert [wave["wave"] for wave in found["waves"]] == ["clusters", "routes", "listeners"]


def test_a_bootstrap_that_changes_is_said(tree: FileTree, echo: EchoServer):
    wanted = files_for(tree, echo, 8000)
    tree.push(wanted)
    changed = {**wanted, "bootstrap.json": wanted["bootstrap.json"].replace(b"webapp.shop", b"webapp.other")}
    said = tree.push(changed).diagnostics
    assert [diagnostic.code.number for diagnostic in said] == ["MG0945", "MG0944"]
