"""Writing a tree: what is touched, what is refused, what is left when something goes wrong."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meshgen.deliver import exchange, journal, renames
from meshgen.deliver.exchange import sibling_of
from meshgen.deliver.lock import LockedError, locked
from meshgen.deliver.manifest import MANIFEST, digest
from meshgen.deliver.plan import Action, Change, check, plan_writes
from meshgen.deliver.write import WriteResult, is_interrupted, recover, write

OLD = {
    "shop/catalog.yaml": b"catalog: 1\n",
    "shop/forum.yaml": b"forum: 1\n",
    "gone/a.yaml": b"a\n",
    "kustomization.yaml": b"k: 1\n",
}
NEW = {
    "shop/catalog.yaml": b"catalog: 2\n",
    "shop/forum.yaml": b"forum: 1\n",
    "new/b.yaml": b"b\n",
    "kustomization.yaml": b"k: 2\n",
}


def put(files: Mapping[str, bytes], root: Path, *, force: bool = False, rank: Callable[[str], int] | None = None) -> WriteResult:
    return write(plan_writes(files, root, force=force, rank=rank), wait=5)


def tree(root: Path) -> dict[str, bytes]:
    """Every file but the writer's own; empty directories as such, so that one left behind is seen."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] in (MANIFEST, journal.STAGING):
            continue
        if not path.is_dir():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[f"{name}/"] = b""
    return found


def codes(result: WriteResult) -> list[str]:
    return [d.code.number for d in result.diagnostics]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deploy" / "mesh"


@pytest.fixture(params=["exchange", "journal"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of writing; the second is forced by a system that has no renameat2."""
    if request.param == "journal":
        monkeypatch.setattr(renames, "_function", lambda: None)
    return str(request.param)


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_a_tree_becomes_the_new_one_and_keeps_nothing_of_the_old(root: Path):
    assert put(OLD, root).created == tuple(sorted(OLD))
    assert tree(root) == OLD
    result = put(NEW, root)
    assert tree(root) == NEW
    assert (result.created, result.replaced, result.removed) == (
        ("new/b.yaml",),
        ("kustomization.yaml", "shop/catalog.yaml"),
        ("gone/a.yaml",),
    )
    assert result.unchanged == 1
    assert not is_interrupted(root)
    assert [path.name for path in root.parent.iterdir()] == ["mesh"]


@pytest.mark.usefixtures("way")
def test_the_manifest_says_what_was_written_and_is_the_same_each_time(root: Path, tmp_path: Path):
    put(OLD, root)
    put(NEW, root)
    put(dict(reversed(NEW.items())), tmp_path / "other")
    manifest = (root / MANIFEST).read_bytes()
    assert json.loads(manifest)["files"] == {path: digest(content) for path, content in sorted(NEW.items())}
    assert manifest == (tmp_path / "other" / MANIFEST).read_bytes()


@pytest.mark.usefixtures("way")
def test_files_whose_bytes_stay_are_not_written(root: Path):
    put(OLD, root)
    long_ago = 1_000_000_000
    for path in OLD:
        os.utime(root / path, (long_ago, long_ago))
    inode = (root / "shop/forum.yaml").stat().st_ino
    put(NEW, root)
    assert (root / "shop/forum.yaml").stat().st_mtime == long_ago
    assert (root / "shop/forum.yaml").stat().st_ino == inode
    assert (root / "shop/catalog.yaml").stat().st_mtime > long_ago


def test_a_tree_that_is_up_to_date_is_not_touched_at_all(root: Path):
    put(OLD, root)
    before = {path: path.stat() for path in (root, *root.rglob("*"))}
    assert put(OLD, root) == WriteResult(unchanged=len(OLD))
    assert {path: path.stat() for path in (root, *root.rglob("*"))} == before


def test_another_version_of_meshgen_is_no_reason_to_write(root: Path):
    put(OLD, root)
    manifest = (root / MANIFEST).read_text().replace('"meshgen": "', '"meshgen": "9.')
    (root / MANIFEST).write_text(manifest)
    assert check(OLD, root) == ((), ())
    put(OLD, root)
    assert (root / MANIFEST).read_text() == manifest


@pytest.mark.usefixtures("way")
def test_permissions_of_files_and_directories_stay(root: Path):
    put(OLD, root)
    (root / "shop/catalog.yaml").chmod(0o640)
    (root / "shop").chmod(0o750)
    root.chmod(0o711)
    put(NEW, root)
    assert [(root / path).stat().st_mode & 0o777 for path in ("shop/catalog.yaml", "shop", ".")] == [0o640, 0o750, 0o711]


@pytest.mark.usefixtures("way")
def test_a_file_can_become_a_directory_and_a_directory_a_file(root: Path):
    one = {"a": b"1", "b/c": b"2", "d": b"3"}
    other = {"a/x/y": b"4", "b": b"5", "d": b"6"}
    for files in (one, other, one):
        assert put(files, root).diagnostics == ()
        assert tree(root) == files


@pytest.mark.usefixtures("way")
def test_everything_can_be_removed(root: Path):
    put(OLD, root)
    assert put({}, root).removed == tuple(sorted(OLD))
    assert tree(root) == {}


def test_nothing_to_write_makes_no_directory(root: Path):
    assert put({}, root) == WriteResult()
    assert not root.exists()


# --- files of others --------------------------------------------------------------------------------------------------


def test_files_of_others_stay_as_they_are(root: Path):
    put(OLD, root)
    foreign = {"README.md": b"mine\n", "gone/notes.txt": b"mine\n", "other/x.yaml": b"mine\n"}
    for path, content in foreign.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(content)
    (root / "empty").mkdir()
    before = {path: (root / path).stat() for path in foreign}
    inode = root.stat().st_ino
    assert put(NEW, root).removed == ("gone/a.yaml",)
    assert tree(root) == {**NEW, **foreign, "empty/": b""}
    assert {path: (root / path).stat() for path in foreign} == before
    assert root.stat().st_ino == inode


@pytest.mark.parametrize("force", [False, True])
def test_a_file_of_somebody_else_in_the_way_stops_everything(root: Path, force: bool):
    put(OLD, root)
    (root / "new").mkdir()
    (root / "new/b.yaml").write_bytes(b"mine\n")
    result = put(NEW, root, force=force)
    assert codes(result) == ["MG0802"]
    assert tree(root) == {**OLD, "new/b.yaml": b"mine\n"}


@pytest.mark.parametrize("make", ["directory", "link", "pipe"])
def test_what_is_no_file_in_the_way_stops_everything(root: Path, make: str):
    put(OLD, root)
    (root / "new").mkdir()
    path = root / "new/b.yaml"
    if make == "directory":
        (path / "mine").mkdir(parents=True)
    elif make == "link":
        path.symlink_to(root / "shop/forum.yaml")
    else:
        os.mkfifo(path)
    assert codes(put(NEW, root, force=True)) == ["MG0802"]
    assert (root / "shop/catalog.yaml").read_bytes() == OLD["shop/catalog.yaml"]


def test_a_file_of_somebody_else_that_has_the_same_bytes_is_taken_over(root: Path):
    root.mkdir(parents=True)
    (root / "shop").mkdir()
    (root / "shop/forum.yaml").write_bytes(OLD["shop/forum.yaml"])
    assert put(OLD, root).diagnostics == ()
    assert put({}, root).removed == tuple(sorted(OLD))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("path", ["shop/catalog.yaml", "gone/a.yaml"])
def test_a_file_that_a_person_edited_is_overwritten_or_removed_only_by_force(root: Path, path: str):
    put(OLD, root)
    (root / path).write_bytes(b"edited\n")
    assert codes(put(NEW, root)) == ["MG0803"]
    assert tree(root) == {**OLD, path: b"edited\n"}
    assert put(NEW, root, force=True).diagnostics == ()
    assert tree(root) == NEW


def test_a_file_that_a_person_deleted_comes_back(root: Path):
    put(OLD, root)
    (root / "shop/forum.yaml").unlink()
    assert put(OLD, root).created == ("shop/forum.yaml",)
    assert tree(root) == OLD


def test_an_edit_that_is_what_would_be_written_anyway_is_no_problem(root: Path):
    put(OLD, root)
    (root / "shop/catalog.yaml").write_bytes(NEW["shop/catalog.yaml"])
    assert put(NEW, root).diagnostics == ()
    assert tree(root) == NEW


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "/etc/a",
        "a/../../b",
        "a/./b",
        "",
        "a//b",
        "a/",
        "..",
        "a\\b",
        "C:/a",
        "a\0b",
        MANIFEST,
        ".meshgen-staging/0",
        "x" * 256,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(root: Path, path: str):
    assert codes(put({"ok": b"1", path: b"2"}, root)) == ["MG0801"]
    assert not root.exists()


def test_a_path_below_another_file_is_refused(root: Path):
    assert codes(put({"a": b"1", "a/b": b"2"}, root)) == ["MG0801"]


@pytest.mark.parametrize("files", [NEW, {"kustomization.yaml": b"k: 2\n"}])
def test_a_directory_that_is_a_link_is_not_followed(root: Path, tmp_path: Path, files: dict[str, bytes]):
    put(OLD, root)
    elsewhere = tmp_path / "elsewhere"
    (root / "shop").rename(elsewhere)
    (root / "shop").symlink_to(elsewhere)
    before = tree(elsewhere)
    assert set(codes(put(files, root, force=True))) == {"MG0801"}
    assert tree(elsewhere) == before


def test_an_output_directory_that_is_a_link_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert codes(put(OLD, tmp_path / "link")) == ["MG0807"]
    assert tree(tmp_path / "real") == {}
    (tmp_path / "file").write_bytes(b"")
    assert codes(put(OLD, tmp_path / "file")) == ["MG0807"]


def test_a_link_above_the_output_directory_is_followed(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert put(OLD, tmp_path / "link" / "out").diagnostics == ()
    assert put(NEW, tmp_path / "link" / "out").diagnostics == ()
    assert tree(tmp_path / "real" / "out") == NEW
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["out"]


def test_the_directory_that_the_user_stands_in_is_not_exchanged(root: Path, monkeypatch: pytest.MonkeyPatch):
    put(OLD, root)
    monkeypatch.chdir(root)
    assert put(NEW, Path()).diagnostics == ()
    assert sorted(path.name for path in Path.cwd().iterdir()) == [MANIFEST, "kustomization.yaml", "new", "shop"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<<<<<<< HEAD\n",
        b"[]",
        b'{"format": 2, "files": {}}',
        b'{"format": 1, "files": {"../a": "' + b"0" * 64 + b'"}}',
        b'{"format": 1, "files": {"a": "x"}}',
        b"\xff",
    ],
)
def test_a_manifest_that_cannot_be_read_stops_everything(root: Path, content: bytes):
    put(OLD, root)
    (root / MANIFEST).write_bytes(content)
    assert codes(put(NEW, root)) == ["MG0804"]
    assert tree(root) == OLD
    assert check(NEW, root)[1][0].code.number == "MG0804"


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_says_what_differs_and_changes_nothing(root: Path):
    put(OLD, root)
    (root / "shop/forum.yaml").write_bytes(b"edited\n")
    before = {path: path.stat() for path in (root, *root.rglob("*"))}
    changes, diagnostics = check(NEW, root)
    assert [(change.path, change.action) for change in changes] == [
        (MANIFEST, Action.REPLACE),
        ("gone/a.yaml", Action.REMOVE),
        ("kustomization.yaml", Action.REPLACE),
        ("new/b.yaml", Action.CREATE),
        ("shop/catalog.yaml", Action.REPLACE),
        ("shop/forum.yaml", Action.REPLACE),
    ]
    assert diagnostics == ()
    after = {path: path.stat() for path in (root, *root.rglob("*"))}
    assert [(s.st_mtime_ns, s.st_ino) for s in after.values()] == [(s.st_mtime_ns, s.st_ino) for s in before.values()]


def test_check_of_a_tree_that_is_up_to_date_or_absent(root: Path):
    assert [change.path for change in check(OLD, root)[0]] == [MANIFEST, *sorted(OLD)]
    put(OLD, root)
    assert check(OLD, root) == ((), ())
    (root / MANIFEST).unlink()
    assert check(OLD, root)[0] == (Change(MANIFEST, Action.CREATE, None),)


# --- when the system refuses ------------------------------------------------------------------------------------------


def in_child(act: Callable[[], None]) -> int:
    """Runs this in a forked process; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.usefixtures("way")
def test_a_full_disk_leaves_the_old_tree_and_a_diagnostic(root: Path, tmp_path: Path):
    put(OLD, root)
    large = {**NEW, "shop/large.yaml": b"x" * 100_000}

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        (tmp_path / "codes").write_text(" ".join(codes(put(large, root))))

    in_child(limited)
    assert (tmp_path / "codes").read_text() == "MG0806"
    assert tree(root) == OLD
    assert not is_interrupted(root)
    assert put(large, root).diagnostics == ()
    assert tree(root) == large


@pytest.mark.parametrize("name", ["mkdir", "open", "write"])
def test_a_refusal_before_the_commit_leaves_the_old_tree(root: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    put(OLD, root)
    plan = plan_writes(NEW, root)

    def refuse(*args: object, **_options: object) -> int:
        if name != "open" or (isinstance(args[1], int) and args[1] & os.O_CREAT):
            raise PermissionError(13, "Permission denied", str(root))
        return real(*args)  # type: ignore[no-any-return,operator]

    real = getattr(os, name)
    with monkeypatch.context() as context:
        context.setattr(os, name, refuse)
        result = write(plan)
    assert codes(result) == ["MG0806"]
    assert "permission denied" in result.diagnostics[0].message
    assert tree(root) == OLD
    assert not is_interrupted(root)


def test_a_refusal_after_the_commit_is_completed_by_the_next_run(root: Path, monkeypatch: pytest.MonkeyPatch):
    put(OLD, root)
    (root / "README.md").write_bytes(b"mine\n")
    real = journal.move

    def refuse(source: str, target: str, *, replace: bool) -> None:
        if target.endswith("b.yaml"):
            raise OSError(28, "No space left on device", target)
        real(source, target, replace=replace)

    with monkeypatch.context() as context:
        context.setattr(journal, "move", refuse)
        result = put(NEW, root)
    assert codes(result) == ["MG0806"]
    assert "the next run completes it" in result.diagnostics[0].message
    assert check(NEW, root)[0] != ()
    assert recover(root) == ()
    assert tree(root) == {**NEW, "README.md": b"mine\n"}
    assert check(NEW, root) == ((), ())


# --- two at once ------------------------------------------------------------------------------------------------------


def test_a_second_writer_gives_up_after_a_while(root: Path):
    put(OLD, root)
    with locked(str(root), 0):
        result = write(plan_writes(NEW, root), wait=0.05)
    assert codes(result) == ["MG0805"]
    assert tree(root) == OLD


@pytest.mark.usefixtures("way")
def test_many_writers_at_once_leave_one_of_their_trees(root: Path):
    trees = [{f"shop/{name}.yaml": f"{writer} {name}".encode() * 50 for name in range(writer, writer + 6)} for writer in range(6)]
    children = []
    for files in trees:
        child = os.fork()
        if child == 0:
            failed = True
            try:
                for _ in range(5):
                    result = write(plan_writes(files, root), wait=30)
                    failed = bool(result.diagnostics)
            finally:
                os._exit(int(failed))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
    assert tree(root) in trees
    assert not is_interrupted(root)
    assert check(tree(root), root) == ((), ())


def test_a_plan_that_is_out_of_date_is_made_again(root: Path):
    put(OLD, root)
    stale = plan_writes(NEW, root)
    put({"shop/other.yaml": b"1", "gone/a.yaml": OLD["gone/a.yaml"]}, root)
    assert write(stale).diagnostics == ()
    assert tree(root) == NEW


def test_an_edit_between_plan_and_write_is_noticed(root: Path):
    put(OLD, root)
    plan = plan_writes(NEW, root)
    (root / "shop/catalog.yaml").write_bytes(b"edited\n")
    assert codes(write(plan)) == ["MG0803"]
    assert tree(root) == {**OLD, "shop/catalog.yaml": b"edited\n"}


# --- order ------------------------------------------------------------------------------------------------------------


def test_a_watched_tree_changes_by_renames_in_rank_order_and_loses_files_in_reverse(root: Path, monkeypatch: pytest.MonkeyPatch):
    ranks = {"sds": 0, "eds": 1, "cds": 2, "rds": 3, "lds": 4}

    def rank(path: str) -> int:
        return ranks[path.split("/", maxsplit=1)[0]]

    put({f"{kind}/{name}.json": b"1" for kind in ranks for name in "ab"}, root, rank=rank)
    inode, seen = root.stat().st_ino, []
    move, unlink = journal.move, Path.unlink

    def moved(source: str, target: str, *, replace: bool) -> None:
        seen.append(f"+{Path(target).parent.name}")
        move(source, target, replace=replace)

    def unlinked(self: Path, missing_ok: bool = False) -> None:
        seen.append(f"-{self.parent.name}")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(journal, "move", moved)
    monkeypatch.setattr(Path, "unlink", unlinked)
    put({f"{kind}/{name}.json": b"2" for kind in ranks for name in "bc"}, root, rank=rank)
    steps = [step for step in seen if step[1:] in ranks]
    assert steps == [*(f"+{kind}" for kind in ranks for _ in "bc"), *(f"-{kind}" for kind in reversed(ranks))]
    assert root.stat().st_ino == inode


# --- killed -----------------------------------------------------------------------------------------------------------

CALLS = ("open", "write", "mkdir", "link", "rename", "replace", "unlink", "rmdir", "chmod")


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Runs this in a child that is killed at its so-many-th system call; whether it got that far."""

    def run() -> None:
        count = 0

        def counting(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*args: object, **options: object) -> object:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **options)

            return counted

        for name in CALLS:
            setattr(os, name, counting(getattr(os, name)))
        renames._renameat2 = counting(renames._renameat2)  # type: ignore[assignment]
        act()

    return os.WIFSIGNALED(in_child(run))


def every_kill(
    root: Path, foreign: Mapping[str, bytes], way: Callable[[], object], old: Mapping[str, bytes] = OLD
) -> list[dict[str, bytes]]:
    """What a reader sees after a kill at each step of the way from OLD; each time the next run recovers."""
    seen, step, killed = [], 0, True
    while killed:
        step += 1
        put(old, root)
        assert tree(root) == {**old, **foreign}
        killed = killed_at(step, way)
        seen.append(tree(root))
        assert foreign.items() <= seen[-1].items()
        for path, content in seen[-1].items():
            assert path.endswith("/") or content in (old.get(path), NEW.get(path), foreign.get(path))
        assert recover(root) == ()
        assert not is_interrupted(root)
        assert tree(root) in ({**old, **foreign}, {**NEW, **foreign})
        assert put(NEW, root).diagnostics == ()
        assert tree(root) == {**NEW, **foreign}
    assert step > 20
    return seen


def test_a_kill_at_any_moment_shows_the_old_tree_or_the_new_one(root: Path):
    seen = every_kill(root, {}, lambda: put(NEW, root))
    assert all(one in (OLD, NEW) for one in seen)
    assert OLD in seen
    assert NEW in seen
    assert not Path(sibling_of(str(root))).exists()


def test_a_kill_while_one_file_changes_shows_the_old_tree_or_the_new_one(root: Path):
    one = {**NEW, "shop/catalog.yaml": OLD["shop/catalog.yaml"]}
    (root).mkdir(parents=True)
    (root / "README.md").write_bytes(b"mine\n")
    seen = every_kill(root, {"README.md": b"mine\n"}, lambda: put(NEW, root), old=one)
    assert {one["shop/catalog.yaml"], NEW["shop/catalog.yaml"]} == {files["shop/catalog.yaml"] for files in seen}


def test_a_kill_among_files_of_others_is_completed_or_undone_by_the_next_run(root: Path):
    root.mkdir(parents=True)
    foreign = {"README.md": b"mine\n", "gone/mine.txt": b"mine\n"}
    (root / "gone").mkdir()
    for path, content in foreign.items():
        (root / path).write_bytes(content)
    every_kill(root, foreign, lambda: put(NEW, root))


def test_a_kill_of_the_recovery_is_recovered_from_too(root: Path):
    root.mkdir(parents=True)
    (root / "README.md").write_bytes(b"mine\n")
    put(OLD, root)
    steps = 0
    while not (root / journal.STAGING / "journal").exists():  # the first kill that leaves a journal
        steps += 1
        assert killed_at(steps, lambda: put(NEW, root))
    step, killed = 0, True
    while killed:
        step += 1
        killed = killed_at(step, lambda: recover(root))
    assert tree(root) == {**NEW, "README.md": b"mine\n"}
    assert check(NEW, root) == ((), ())


def test_a_kill_of_the_first_write_leaves_nothing_or_everything(tmp_path: Path):
    step, killed = 0, True
    while killed:
        step += 1
        root = tmp_path / str(step)
        killed = killed_at(step, lambda root=root: put(NEW, root))  # type: ignore[misc]
        assert (tree(root) if root.exists() else {}) in ({}, NEW)
        assert put(NEW, root).diagnostics == ()
        assert tree(root) == NEW
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def interrupted_by_a_kill(root: Path) -> None:
    """A tree with a journal of which not one step has been taken."""
    root.mkdir(parents=True)
    (root / "README.md").write_bytes(b"mine\n")
    put(OLD, root)
    step = 0
    while not (root / journal.STAGING / "journal").exists():
        step += 1
        assert killed_at(step, lambda: put(NEW, root))
    assert (root / "shop/catalog.yaml").read_bytes() == OLD["shop/catalog.yaml"]


def test_an_edit_after_a_kill_is_not_lost_by_completing_the_write(root: Path):
    interrupted_by_a_kill(root)
    (root / "shop/catalog.yaml").write_bytes(b"edited\n")
    assert [d.code.number for d in recover(root)] == ["MG0808"]
    assert codes(put(NEW, root)) == ["MG0803"]
    assert (root / "shop/catalog.yaml").read_bytes() == b"edited\n"
    assert put(NEW, root, force=True).diagnostics == ()
    assert tree(root) == {**NEW, "README.md": b"mine\n"}


def test_a_file_of_somebody_else_after_a_kill_is_not_lost_even_by_force(root: Path):
    interrupted_by_a_kill(root)
    (root / "new").mkdir()
    (root / "new/b.yaml").write_bytes(b"mine\n")
    assert [d.code.number for d in recover(root)] == ["MG0808"]
    assert codes(put(NEW, root, force=True)) == ["MG0802"]
    assert (root / "new/b.yaml").read_bytes() == b"mine\n"


def test_damaged_staged_content_is_never_moved_into_the_tree(root: Path):
    interrupted_by_a_kill(root)
    (root / journal.STAGING / "0").write_bytes(b"")
    assert [d.code.number for d in recover(root)] == ["MG0808"]
    assert put(NEW, root, force=True).diagnostics == ()
    assert tree(root) == {**NEW, "README.md": b"mine\n"}


@pytest.mark.parametrize("path", ["../outside", "/tmp/outside", MANIFEST])
def test_a_journal_that_leads_elsewhere_is_thrown_away(root: Path, path: str):
    interrupted_by_a_kill(root)
    staging = root / journal.STAGING
    (staging / "0").write_bytes(b"evil")
    (staging / "journal").write_text(json.dumps({"clear": [], "moves": [["0", path, None, digest(b"evil")]], "removals": []}))
    recover(root)
    assert tree(root) == {**OLD, "README.md": b"mine\n"}
    assert not (root.parent / "outside").exists()


def test_a_file_that_somebody_puts_into_the_old_tree_while_it_is_exchanged_is_carried_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    put(OLD, root)
    real = renames._renameat2

    def late(source: str, target: str, flags: int) -> None:
        if flags == renames._EXCHANGE:
            (root / "shop/mine.txt").write_bytes(b"mine\n")
        real(source, target, flags)

    monkeypatch.setattr(renames, "_renameat2", late)
    assert put(NEW, root).diagnostics == ()
    assert tree(root) == {**NEW, "shop/mine.txt": b"mine\n"}
    assert not is_interrupted(root)


def test_a_directory_beside_the_tree_that_is_not_ours_is_left_alone(root: Path):
    put(OLD, root)
    beside = Path(sibling_of(str(root)))
    beside.mkdir()
    (beside / "mine.txt").write_bytes(b"mine\n")
    assert codes(put(NEW, root)) == ["MG0808"]
    assert tree(root) == OLD
    assert tree(beside) == {"mine.txt": b"mine\n"}


def test_a_removal_after_a_kill_spares_a_file_that_was_edited_since(root: Path):
    interrupted_by_a_kill(root)
    (root / "gone/a.yaml").write_bytes(b"edited\n")
    assert recover(root) == ()
    assert tree(root) == {**NEW, "README.md": b"mine\n", "gone/a.yaml": b"edited\n"}


def test_a_file_of_somebody_else_that_appears_while_we_write_is_not_overwritten(root: Path, monkeypatch: pytest.MonkeyPatch):
    put(OLD, root)
    (root / "README.md").write_bytes(b"mine\n")
    real = journal.move

    def late(source: str, target: str, *, replace: bool) -> None:
        if target.endswith("b.yaml"):
            Path(target).parent.mkdir(exist_ok=True)
            Path(target).write_bytes(b"mine\n")
        real(source, target, replace=replace)

    monkeypatch.setattr(journal, "move", late)
    assert codes(put(NEW, root)) == ["MG0806"]
    assert (root / "new/b.yaml").read_bytes() == b"mine\n"


def test_the_new_tree_is_locked_until_the_old_one_is_cleared_away(root: Path, monkeypatch: pytest.MonkeyPatch):
    put(OLD, root)
    clear, tried = exchange.clear_sibling, []

    def clearing(directory: str) -> str:
        with pytest.raises(LockedError), locked(directory, 0):
            tried.append("got it")
        tried.append("refused")
        return clear(directory)

    monkeypatch.setattr(exchange, "clear_sibling", clearing)
    assert put(NEW, root).diagnostics == ()
    assert tried == ["refused"]
