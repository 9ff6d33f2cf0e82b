"""Bringing the compiled files of one proxy to the Envoy that watches a directory, wave by wave (decision 4).

Every wave is a write of its own, all or nothing under the directory's lock (`write.py`), and the next one begins when Envoy has
taken it. Nothing is remembered between runs: what stands in the directory is where the next run goes on from, so one that was
interrupted is healed by pushing again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TypeVar

import orjson

from meshgen.deliver.admin import Admin, AdminError
from meshgen.deliver.lock import WAIT, LockedError, locked
from meshgen.deliver.plan import WritePlan, look, os_problem
from meshgen.deliver.tree import read_file
from meshgen.deliver.write import output_locked, recover_held, write_held
from meshgen.diagnostics import Diagnostic, Origin, Severity
from meshgen.diagnostics.catalogue.envoy_delivery import (
    BOOTSTRAP_CHANGED,
    CLUSTERS_STAY,
    ENVOY_NOT_ASKED,
    FILES_FOR_ELSEWHERE,
    NO_FILES_FOR_ENVOY,
    UPDATE_NOT_TAKEN,
    UPDATE_REFUSED,
)
from meshgen.emit.envoy.delivery import BOOTSTRAP, DIRECTORIES, rank
from meshgen.emit.envoy.transition import Step, Wave, name_of, not_taken, objects, transition
from meshgen.json import JsonObject

_POLL = 0.02  # seconds between two questions to Envoy
_T = TypeVar("_T")

_IN_PAUSES = "waves are written with pauses between them, which is less safe; open an admin interface on loopback"
_ROOTS = {"lds": "lds/listeners.json", "cds": "cds/clusters.json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is asked whether a wave was taken, and how long is waited for it."""

    admins: Sequence[Admin] = ()
    wait: float = 30.0  # seconds for each wave
    pause: float = 2.0  # seconds between waves where nobody can be asked


@dataclass(slots=True, kw_only=True)
class Pushed:
    """What was done: the files of each wave that was taken, and what is to be said."""

    waves: list[tuple[Wave, tuple[str, ...]]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


class _StopError(Exception):
    """The push ends here, with a diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class _RefusedError(_StopError):
    """As _StopError, for what Envoy will not take."""


# --- what is compiled -----------------------------------------------------------------------------------------------
def read_source(source: Path) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """The files of one proxy as `meshgen compile` wrote them, by their path in its directory."""
    try:
        found = {path: content for path, content in _read(source) if content is not None}
    except OSError as error:
        return {}, (os_problem(source, error),)
    missing = [path for path in _ROOTS.values() if path not in found]
    if missing:
        return {}, (_no_tree(source, f"has no `{missing[0]}`", _advice(source, found)),)
    broken = next((path for path, content in found.items() if not _is_readable(path, content)), None)
    if broken is not None:
        return {}, (_no_tree(source / broken, "is not what meshgen writes for Envoy", "compile again"),)
    return found, ()


def _no_tree(place: Path, problem: str, advice: str) -> Diagnostic:
    return NO_FILES_FOR_ENVOY.at(Origin(str(place)), f"`{place}` {problem}", help=advice)


def _advice(source: Path, found: Mapping[str, bytes]) -> str:
    if BOOTSTRAP in found:
        return "this is a static bootstrap; compile with `outputs.envoy.delivery: filesystem`"
    below = sorted(path.parent.relative_to(source).as_posix() for path in source.glob(f"*/*/{BOOTSTRAP}"))
    if below:
        return f"name the directory of one proxy: {', '.join(f'`{source / name}`' for name in below[:5])}"
    return "name the directory of one proxy that `meshgen compile` wrote with `outputs.envoy.delivery: filesystem`"


def _read(root: Path) -> Iterator[tuple[str, bytes | None]]:
    yield BOOTSTRAP, _bytes(root, BOOTSTRAP)
    for kind in DIRECTORIES:
        for path in sorted((root / kind).glob("*.json")):
            yield f"{kind}/{path.name}", _bytes(root, f"{kind}/{path.name}")


def _bytes(root: Path, path: str) -> bytes | None:
    content = read_file(str(root), path)
    return content if isinstance(content, bytes) else None


def _is_readable(path: str, content: bytes) -> bool:
    """Whether a file has what the waves go by."""
    try:
        value = orjson.loads(content)
    except ValueError:
        return False
    if path == BOOTSTRAP:
        return isinstance(value, dict)
    match value:
        case {"version_info": str(), "resources": [*resources]}:
            return all(isinstance(each, dict) for each in resources)
        case _:
            return False


def read_bootstrap(directory: Path) -> JsonObject:
    """The bootstrap that stands in a directory; empty where none does, or none that can be read."""
    content = _bytes(directory, BOOTSTRAP)
    value = orjson.loads(content) if content is not None and _is_readable(BOOTSTRAP, content) else {}
    return value if isinstance(value, dict) else {}


# --- pushing --------------------------------------------------------------------------------------------------------
def push(files: Mapping[str, bytes], directory: Path, watch: Watch, *, force: bool = False, wait: float = WAIT) -> Pushed:
    """Makes the directory hold these files (`read_source`), in waves; files of others are not touched.

    What Envoy refuses is taken back, so that it also finds a state that it takes when it starts anew.
    """
    done = Pushed()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with locked(str(directory), wait):
            _Push(files, directory, watch, force=force, done=done).run()
    except LockedError:
        done.diagnostics.append(output_locked(directory))
    except _StopError as stop:
        done.diagnostics.append(stop.diagnostic)
    except OSError as error:
        done.diagnostics.append(os_problem(directory, error))
    return done


class _Push:
    """One push, the directory's lock held."""

    def __init__(self, files: Mapping[str, bytes], directory: Path, watch: Watch, *, force: bool, done: Pushed) -> None:
        self.files = files
        self.directory = directory
        self.watch = watch
        self.force = force
        self.done = done
        self.present: dict[str, bytes] = {}
        self.was_there = False  # whether some Envoy may use what is in the directory
        self.seen = False  # whether it can be asked

    def run(self) -> None:
        problems = recover_held(str(self.directory), force=self.force)
        plan = look(self._plan(self.files))
        self.done.diagnostics += problems or plan.diagnostics
        if problems or plan.blocked:
            return
        self.present = dict(self._ours(plan.owned))
        self.was_there = bool(self.present)
        self.done.diagnostics += self._said()
        steps = transition({path: content for path, content in self.present.items() if _is_readable(path, content)}, self.files)
        self.seen = self._reach() if steps else False
        if self.seen:
            changed = {step.path for step in steps}
            self._settle(
                {path: content for path, content in self.present.items() if path not in changed}, "before the first wave"
            )
        for wave, group in groupby(steps, key=lambda step: step.wave):
            if not self._take(wave, list(group)):
                return
        if not steps:
            self._write(self.files)  # the manifest may still be to be written

    def _ours(self, owned: frozenset[str]) -> Iterator[tuple[str, bytes]]:
        """What stands there of meshgen's own, and what somebody put there that is wanted just so."""
        for path in sorted(owned | self.files.keys()):
            content = _bytes(self.directory, path)
            if content is not None:
                yield path, content

    def _said(self) -> Iterator[Diagnostic]:
        place = Origin(str(self.directory))
        root = _root_of(self.files)
        if root and root not in {str(self.directory.absolute()), str(self.directory.resolve())}:
            message = f"these files are for an Envoy that finds them in `{root}`, and they go to `{self.directory}`"
            yield FILES_FOR_ELSEWHERE.at(
                place, message, help="fine where this is the same directory; else set `outputs.envoy.root`"
            )
        old = self.present.get(BOOTSTRAP)
        if old is not None and old != self.files.get(BOOTSTRAP):
            message = f"`{self.directory / BOOTSTRAP}` changes, and a running Envoy reads it never again"
            yield BOOTSTRAP_CHANGED.at(place, message, help="restart it when this push is done")

    def _reach(self) -> bool:
        """Whether every Envoy answers; what is not running can lose nothing."""
        place, admins = Origin(str(self.directory)), self.watch.admins
        try:
            for admin in admins:
                admin.refused()
        except AdminError as error:
            self.done.diagnostics.append(ENVOY_NOT_ASKED.at(place, f"{error}; files are written all the same", help=_IN_PAUSES))
            return False
        if not admins and self.present:
            message = "nobody says when Envoy has taken a wave, for its admin interface is not known"
            self.done.diagnostics.append(ENVOY_NOT_ASKED.at(place, message, help=_IN_PAUSES))
        return bool(admins)

    # --- one wave -----------------------------------------------------------------------------------------------
    def _take(self, wave: Wave, steps: list[Step]) -> bool:
        """Writes a wave and waits for it; False where the rest is left to a later push."""
        if self.seen and wave in {Wave.LEAVING, Wave.REMOVAL} and not self._is_drained():
            names = ", ".join(f"`{step.path}`" for step in steps)
            message = f"old connections are still being drained, so {names} stays as it is until the next push"
            self.done.diagnostics.append(CLUSTERS_STAY.at(Origin(str(self.directory)), message, help="push again later"))
            return False
        before = dict(self.present)
        refused = self._refused()
        for step in steps:
            if step.content is None:
                self.present.pop(step.path, None)
            else:
                self.present[step.path] = step.content
        self._write(self.present)
        if self.seen:
            try:
                written = {step.path: step.content for step in steps if step.content is not None}
                self._settle(written, f"in the wave of {wave.label}", refused)
            except _RefusedError as refusal:
                self._write(before)
                raise _StopError(refusal.diagnostic) from None
        elif self.was_there:
            time.sleep(self.watch.pause)
        self.done.waves.append((wave, tuple(step.path for step in steps)))
        return True

    def _write(self, files: Mapping[str, bytes]) -> None:
        result = write_held(look(self._plan(files)))
        for diagnostic in result.diagnostics:
            if diagnostic.severity is Severity.ERROR:
                raise _StopError(diagnostic)

    def _plan(self, files: Mapping[str, bytes]) -> WritePlan:
        return WritePlan(directory=self.directory, files=dict(files), force=self.force, rank=rank)

    # --- what Envoy says ----------------------------------------------------------------------------------------
    def _refused(self) -> dict[Admin, Mapping[str, int]]:
        return {admin: self._asked(admin.refused) for admin in self.watch.admins} if self.seen else {}

    def _is_drained(self) -> bool:
        return self._until(lambda: not any(self._asked(admin.draining) for admin in self.watch.admins))

    def _settle(self, files: Mapping[str, bytes], when: str, refused: Mapping[Admin, Mapping[str, int]] | None = None) -> None:
        """Waits until every Envoy shows these files. Raises _StopError where one does not, _RefusedError where one will not."""
        late: dict[Admin, tuple[str, ...]] = {}

        def is_taken() -> bool:
            for admin in self.watch.admins:
                dump = self._asked(admin.config_dump)
                late[admin] = not_taken(dump, files, self._asked(admin.versions))
                if refused is not None:
                    self._look_for_refusal(admin, refused.get(admin, {}), dump)
            return not any(late.values())

        if self._until(is_taken):
            return
        admin, names = next((admin, names) for admin, names in late.items() if names)
        message = f"Envoy at `{admin}` does not show {_listed(names)} after {self.watch.wait:g} s, {when}"
        root = _root_of(self.files)
        advice = f"its log says why, and whether it reads `{root}`; what is written stays, and the next push goes on from there"
        raise _StopError(UPDATE_NOT_TAKEN.at(Origin(str(self.directory)), message, help=advice))

    def _look_for_refusal(self, admin: Admin, before: Mapping[str, int], dump: JsonObject) -> None:
        now = self._asked(admin.refused)
        names = [name for name, count in now.items() if count > before.get(name, 0)]
        if not names:
            return
        reason = next(_errors(dump), "")
        message = f"Envoy at `{admin}` refused the update: {_listed(names)} went up{f' ({reason})' if reason else ''}"
        advice = "the files are as before; its log says what it met, and `meshgen trace` or `envoy --mode validate` where"
        raise _RefusedError(UPDATE_REFUSED.at(Origin(str(self.directory)), message, help=advice))

    def _asked(self, question: Callable[[], _T]) -> _T:
        try:
            return question()
        except AdminError as error:
            advice = "what is written stays, and the next push goes on from there"
            raise _StopError(UPDATE_NOT_TAKEN.at(Origin(str(self.directory)), str(error), help=advice)) from None

    def _until(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self.watch.wait
        while not condition():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True


def _listed(names: Sequence[str]) -> str:
    """The first names, those of files in backticks."""
    shown = [name if "`" in name else f"`{name}`" for name in names[:3]]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _root_of(files: Mapping[str, bytes]) -> str:
    """Where the bootstrap says that Envoy finds these files; empty where it does not."""
    bootstrap = files.get(BOOTSTRAP)
    match orjson.loads(bootstrap) if bootstrap is not None else None:
        case {"dynamic_resources": {"lds_config": {"path_config_source": {"path": str(path)}}}}:
            return str(PurePosixPath(path).parent.parent)
        case _:
            return ""


def _errors(dump: JsonObject) -> Iterator[str]:
    """What listeners and clusters of a dump say of the last update that they did not take."""
    for config in objects(dump.get("configs")):
        for kind in ("dynamic_listeners", "dynamic_active_clusters", "dynamic_warming_clusters", "dynamic_route_configs"):
            for entry in objects(config.get(kind)):
                match entry.get("error_state"):
                    case {"details": str(details)}:
                        yield f"{name_of(entry)}: {details}".removeprefix(": ").replace("\n", " ")
