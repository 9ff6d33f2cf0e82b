"""Which files a project reads: work tree, git revision, environments, standard input."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from meshgen.diagnostics import Origin
from meshgen.load.git import read_revision
from meshgen.load.load import Loaded, Options, load
from meshgen.load.project import Project, Source
from meshgen.load.sources import Reading, read_sources
from meshgen.load.tree import MAX_FILE, MemoryTree, WorkTree, compile_glob


def resource(name: str, kind: str = "Service", spec: str = "{}") -> str:
    return f"apiVersion: meshgen/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def write(root: Path, **files: str) -> Path:
    for path, text in files.items():
        target = root / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return root


def project(root: Path, spec: str = "{}") -> Path:
    (root / "meshgen.yaml").write_text(f"apiVersion: meshgen/v1\nkind: Project\nspec: {spec}\n")
    return root


def names(loaded: Loaded) -> list[str]:
    return [document.name for document in loaded.workspace.documents]


def loaded(root: Path, **options: object) -> tuple[list[str], list[tuple[str, str]]]:
    result, diagnostics = load(root, Options(**options))  # type: ignore[arg-type]
    return names(result), [(d.code.number, d.origin.file) for d in diagnostics]


def test_a_directory_is_read_in_sorted_order_without_what_is_no_source(tmp_path: Path):
    project(tmp_path)
    for path in ("mesh/b.yaml", "mesh/a/z.yml", "mesh/c.json", "mesh/.hidden.yaml", "mesh/.git/x.yaml", "mesh/readme.md"):
        write(tmp_path, **{path: resource(path.replace("/", "-").lower().strip("."))})
    write(tmp_path, **{"mesh/c.json": '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "json"}}'})
    write(tmp_path, **{"mesh/kustomization.yaml": "resources: []", "mesh/d.py": "mesh = []", "mesh/_e.py": "1/0"})
    assert loaded(tmp_path) == (["mesh-a-z.yml", "mesh-b.yaml", "json"], [])


def test_sources_are_files_directories_and_patterns_each_file_once(tmp_path: Path):
    project(tmp_path, "{sources: [x/two.yaml, 'x/*.yaml', 'y/**/deep?.yaml']}")
    write(tmp_path, x__one=resource("no"), **{"x/one.yaml": resource("one"), "x/two.yaml": resource("two")})
    write(tmp_path, **{"x/sub/no.yaml": resource("no"), "y/deep1.yaml": resource("deep1"), "y/a/b/deep2.yaml": resource("deep2")})
    assert loaded(tmp_path) == (["two", "one", "deep2", "deep1"], [])


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "a/b.yaml", False),
        ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "a/b/c.yaml", True),
        ("a/**", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_are_those_of_the_shell(pattern: str, path: str, matches: bool):
    assert (compile_glob(pattern).fullmatch(path) is not None) == matches


def test_the_output_is_no_source(tmp_path: Path):
    project(tmp_path, "{sources: ['.'], outputs: {istio: {directory: out}}}")
    write(tmp_path, **{"a.yaml": resource("a"), "out/a.yaml": resource("b"), "outer/c.yaml": resource("c")})
    assert loaded(tmp_path) == (["a", "c"], [])


def test_a_source_that_names_nothing_is_an_error_at_its_entry(tmp_path: Path):
    project(tmp_path, "{sources: [mesh, messh, '*.json']}")
    write(tmp_path, **{"mesh/a.yaml": resource("a")})
    _, diagnostics = load(tmp_path)
    assert [(d.code.number, d.origin.path, d.help) for d in diagnostics] == [
        ("MG0020", ("spec", "sources", 1), "did you mean `mesh`?"),
        ("MG0020", ("spec", "sources", 2), ""),
    ]


def test_links_are_followed_but_not_in_circles(tmp_path: Path):
    project(tmp_path)
    write(tmp_path, **{"mesh/a.yaml": resource("a"), "other/b.yaml": resource("b")})
    (tmp_path / "mesh" / "loop").symlink_to(tmp_path / "mesh")
    (tmp_path / "mesh" / "self").symlink_to("self")
    (tmp_path / "mesh" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "mesh" / "gone.yaml").symlink_to("nowhere")
    assert loaded(tmp_path) == (["a", "b"], [("MG0024", "mesh/loop"), ("MG0021", "mesh/gone.yaml")])


def test_what_cannot_be_read_is_an_error_and_the_rest_is_read(tmp_path: Path):
    project(tmp_path)
    write(tmp_path, **{"mesh/a.yaml": resource("a"), "mesh/pipe.yaml/b.yaml": resource("b")})
    os.mkfifo(tmp_path / "mesh" / "fifo.yaml")  # reading it would never end
    os.truncate(write(tmp_path, **{"mesh/huge.yaml": ""}) / "mesh" / "huge.yaml", MAX_FILE + 1)
    assert loaded(tmp_path) == (["a", "b"], [("MG0021", "mesh/fifo.yaml"), ("MG0022", "mesh/huge.yaml")])


def test_a_file_that_vanishes_between_listing_and_reading_is_an_error():
    class Vanishing(MemoryTree):
        def read(self, path: str) -> None:
            assert path == "mesh/a.yaml"

    read = read_sources(Vanishing({"mesh/a.yaml": b""}), [Source(path="mesh")], Reading(), Origin("meshgen.yaml"))
    assert [(d.code.number, d.message) for d in read.diagnostics] == [("MG0020", "`mesh/a.yaml` is gone")]


def test_without_a_project_there_is_a_finding_and_nothing_else(tmp_path: Path):
    assert loaded(tmp_path) == ([], [("MG0080", "meshgen.yaml")])
    assert loaded(tmp_path / "nowhere") == ([], [("MG0080", "meshgen.yaml")])


def test_a_directory_without_a_project_is_read_with_one_that_is_given(tmp_path: Path):
    write(tmp_path, **{"x/a.yaml": resource("a")})
    assert loaded(tmp_path, project=Project(sources=[Source(path="")])) == (["a"], [])


def test_standard_input_stands_beside_the_sources(tmp_path: Path):
    project(tmp_path)
    write(tmp_path, **{"mesh/a.yaml": resource("a")})
    assert loaded(tmp_path, stdin=resource("b").encode()) == (["a", "b"], [])
    assert loaded(tmp_path, stdin=b"x: [")[1] == [("MG0001", "<stdin>")]


def test_python_is_refused_where_it_is_not_allowed(tmp_path: Path):
    project(tmp_path)
    write(tmp_path, **{"mesh/a.py": "open('ran', 'w')", "mesh/b.yaml": resource("b")})
    assert loaded(tmp_path, python=False) == (["b"], [("MG0030", "mesh/a.py")])
    assert not (tmp_path / "ran").exists()


def test_python_and_yaml_and_templates_stand_side_by_side_in_order(tmp_path: Path):
    project(tmp_path, "{sources: [mesh, {path: t, templated: true}], environments: {dev: {vars: {n: fromvars}}}}")
    python = "def mesh(env): return {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': env.vars['n']}}"
    write(tmp_path, **{"mesh/a.yaml": resource("a"), "mesh/b.py": python, "mesh/c.yaml": resource("c")})
    write(tmp_path, **{"t/d.yaml.j2": "# {{ environment }}\n" + resource("{{ vars.n }}-t"), "t/e.yaml": "a: [{{ 1 }}"})
    result, diagnostics = load(tmp_path, Options(environment="dev"))
    assert sorted(names(result)) == ["a", "c", "fromvars", "fromvars-t"]
    assert [(d.code.number, d.origin.file) for d in diagnostics] == [("MG0001", "t/e.yaml (rendered)")]
    assert result.workspace.texts["t/d.yaml.j2 (rendered)"].startswith(b"# dev\n")


OVERLAYS = "{environments: {prod: {overlays: [mesh/prod, {path: 'mesh/*.prod.yaml'}]}, dev: {}}}"


def test_overlays_apply_in_their_environment_only(tmp_path: Path):
    project(tmp_path, OVERLAYS)
    write(tmp_path, **{"mesh/a.yaml": resource("a", spec="{ports: [80]}")})
    write(tmp_path, **{"mesh/prod/a.yaml": resource("a", spec="{ports: [81]}"), "mesh/b.prod.yaml": resource("z")})
    base, diagnostics = load(tmp_path, Options(environment="dev"))
    assert (base.workspace.intents[0].value["spec"], diagnostics) == ({"ports": [80]}, ())
    changed, diagnostics = load(tmp_path, Options(environment="prod"))
    (document,) = changed.workspace.intents
    assert document.value["spec"] == {"ports": [81]}
    assert document.origin_of("spec", "ports", 0).file == "mesh/prod/a.yaml"
    assert [(d.code.number, d.origin.file) for d in diagnostics] == [("MG0060", "mesh/b.prod.yaml")]
    assert loaded(tmp_path, environment="x")[1] == [("MG0083", "meshgen.yaml")]


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose project lies in a subdirectory, with two commits and a changed work tree."""
    root = tmp_path / "repo"
    (root / "infra").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    project(root / "infra")
    program = "import _names\nmesh = [{'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': n}} for n in _names.NAMES]\n"
    write(root / "infra", **{"mesh/a.yaml": resource("old"), "mesh/p.py": program, "mesh/_names.py": "NAMES = ['python-old']\n"})
    (root / "infra" / "mesh" / "link.yaml").symlink_to("a.yaml")
    write(root, **{"outside.yaml": resource("outside")})
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    write(root / "infra", **{"mesh/a.yaml": resource("new"), "mesh/_names.py": "NAMES = ['python-new']\n"})
    git(root, "commit", "-q", "-a", "-m", "two")
    write(root / "infra", **{"mesh/a.yaml": "broken: ["})
    return root / "infra"


def test_a_revision_is_read_without_touching_the_work_tree(repository: Path):
    before = git(repository, "status", "--porcelain")
    link = [("MG0027", "mesh/link.yaml")]
    assert loaded(repository, revision="HEAD~1") == (["old", "python-old"], link)
    assert loaded(repository, revision="main") == (["new", "python-new"], link)
    assert git(repository, "status", "--porcelain") == before


def test_a_directory_deep_in_the_repository_is_read_and_need_not_be_there_now(repository: Path):
    deep = repository / "out" / "envoy" / "shop"
    write(deep, **{"a.yaml": resource("deep")})
    git(repository, "add", "out")
    git(repository, "commit", "-q", "-m", "deep")
    shutil.rmtree(repository / "out")
    tree, _ = read_revision(deep, "HEAD")
    assert tree is not None
    assert list(tree.contents) == ["a.yaml"]
    tree, _ = read_revision(repository / "out" / "other", "HEAD")
    assert tree is not None
    assert tree.contents == {}


def test_submodules_are_left_out_with_a_note(repository: Path, tmp_path: Path):
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "x")
    git(repository.parent, "submodule", "add", "-q", str(inner), "infra/mesh/sub")
    git(repository.parent, "commit", "-q", "-m", "three")
    tree, notes = read_revision(repository, "HEAD")
    assert tree is not None
    assert ("MG0027", "mesh/sub") in [(d.code.number, d.origin.file) for d in notes]
    assert not any(path.startswith("mesh/sub") for path in tree.contents)


@pytest.mark.parametrize(
    "revision", ["nothing", "HEAD~9", "", "-1", "--help", "HEAD:infra", "a b", "\x00", "@{yesterday", ":/x", "é"]
)
def test_a_bad_revision_is_a_finding(repository: Path, revision: str):
    assert [code for code, _ in loaded(repository, revision=revision)[1]] == ["MG0025"]


def revision_help(directory: Path, revision: str) -> str:
    (finding,) = read_revision(directory, revision)[1]
    return finding.help


def test_a_bad_revision_is_told_with_what_there_is(repository: Path, tmp_path: Path):
    assert revision_help(repository, "mian") == "did you mean `main`?"
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository.parent}", str(shallow))
    git(shallow, "checkout", "-q", "-b", "feature")
    git(shallow, "branch", "-q", "-D", "main")
    assert revision_help(shallow, "main") == "write `origin/main`, or `git fetch origin main:main` first"
    assert "shallow" in revision_help(shallow, "HEAD~1")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    git(fresh, "init", "-q")
    assert revision_help(fresh, "HEAD") == "the repository has no commit yet"


def test_an_empty_directory_matches_nothing(tmp_path: Path):
    project(tmp_path)
    (tmp_path / "mesh").mkdir()
    assert [code for code, _ in loaded(tmp_path)[1]] == ["MG0020"]


def test_a_revision_needs_a_repository(tmp_path: Path):
    assert [code for code, _ in loaded(tmp_path, revision="HEAD")[1]] == ["MG0026"]


def test_a_revision_from_before_the_project_has_no_project(repository: Path):
    git(repository, "checkout", "-q", "--orphan", "empty")
    git(repository, "rm", "-rqf", "--cached", ".")
    write(repository.parent, **{"x.txt": ""})
    git(repository.parent, "add", "x.txt")
    git(repository.parent, "commit", "-q", "-m", "other")
    assert [code for code, _ in loaded(repository, revision="empty")[1]] == ["MG0080"]


def test_both_trees_list_the_same_files_in_the_same_order(tmp_path: Path):
    for path in ("b/a.yaml", "a-b/x.yaml", "a/x.yaml", "a.yaml", "a/.x/y.yaml", "B.yaml"):
        write(tmp_path, **{path: path})
    contents = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert WorkTree(tmp_path).files("")[0] == MemoryTree(contents).files("")[0]
    assert WorkTree(tmp_path).files("a")[0] == MemoryTree(contents).files("a")[0] == ("a/x.yaml",)
