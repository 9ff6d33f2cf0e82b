"""Python sources and templates: run in one process of their own, with limits, their findings placed."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from meshgen.diagnostics import Code, Diagnostic, Origin
from meshgen.diagnostics.catalogue.sources import (
    NOT_A_RESOURCE,
    PYTHON_DIED,
    PYTHON_FAILED,
    PYTHON_LIMIT,
    PYTHON_OUTPUT,
    PYTHON_WITHOUT_MESH,
    TEMPLATE_FAILED,
    TEMPLATE_TOO_LARGE,
)
from meshgen.json import JsonValue
from meshgen.load.document import Document, flatten_lists

if TYPE_CHECKING:
    import subprocess

_RUNNER = Path(__file__).with_name("python_runner.py")
_GRACE = 3.0  # seconds between the alarm in the process, which knows the line, and its end by force
_MAX_ANSWER = 512 * 1024 * 1024  # characters that the process may answer with


@dataclass(frozen=True, slots=True)
class Limits:
    """What all Python sources and templates of one load may use together."""

    seconds: float = 60.0  # wall clock
    memory: int = 2 * 1024**3  # bytes of address space


@dataclass(frozen=True, slots=True)
class Job:
    """One file to run or to render."""

    file: str  # relative to the project's root
    text: str
    template: bool = False


@dataclass(slots=True)
class Ran:
    """What came of the jobs."""

    documents: dict[str, tuple[Document, ...]] = field(default_factory=dict)  # by source; none for one that failed
    rendered: dict[str, str] = field(default_factory=dict)  # by template
    diagnostics: list[Diagnostic] = field(default_factory=list)


def run_jobs(
    jobs: Iterable[Job], root: Path, environment: str, variables: Mapping[str, JsonValue], limits: Limits | None = None
) -> Ran:
    """Run sources and render templates, in order. `root` is where the files lie on disk, for their imports.

    A source gives its documents only where it ran to its end. The process has no environment variables, hashes strings the
    same way in every run, and may not outlive `limits`.
    """
    listed = tuple(jobs)
    if not listed:
        return Ran()
    chosen = limits or Limits()
    request = {
        "root": str(root),
        "sys_path": [str(Path(__file__).resolve().parents[2]), *sys.path[1:]],
        "seconds": chosen.seconds,
        "memory": chosen.memory,
        "environment": environment,
        "vars": dict(variables),
        "jobs": [{"file": job.file, "text": job.text, "kind": "template" if job.template else "python"} for job in listed],
    }
    answer, ending = _run(json.dumps(request).encode(), chosen)
    return _collect(listed, answer, ending, chosen)


def _run(request: bytes, limits: Limits) -> tuple[list[dict[str, Any]], str]:
    """The events that the process wrote, and how it ended: nothing, `time`, or what it left on standard error."""
    import subprocess  # noqa: PLC0415 (only for those who have Python sources)
    import tempfile  # noqa: PLC0415 (as above)

    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as noise:
        process = subprocess.Popen(  # noqa: S603 - our own runner, by our own interpreter
            [sys.executable, "-s", "-P", str(_RUNNER), str(writing)],
            stdin=subprocess.PIPE,
            stdout=noise,
            stderr=noise,
            pass_fds=(writing,),
            env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
            start_new_session=True,
        )
        os.close(writing)
        ending = _wait(process, request, reader := _Reader(reading), limits.seconds + _GRACE)
        if process.returncode and not ending:
            noise.seek(0, os.SEEK_END)
            noise.seek(max(0, noise.tell() - 2000))
            said = noise.read().decode(errors="replace").strip()
            ending = said.splitlines()[-1] if said else f"exit status {process.returncode}"
    return reader.events, ending


class _Reader:
    """Reads the process's answer while it is being written, so that neither waits for the other."""

    def __init__(self, descriptor: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.thread = threading.Thread(target=self._read, args=(os.fdopen(descriptor, encoding="utf-8"),), daemon=True)
        self.thread.start()

    def _read(self, pipe: IO[str]) -> None:
        size = 0
        with pipe, suppress(ValueError):  # a line cut off by the end of the process
            while size < _MAX_ANSWER and (line := pipe.readline(_MAX_ANSWER)):
                size += len(line)
                self.events.append(json.loads(line))


def _wait(process: subprocess.Popen[bytes], request: bytes, reader: _Reader, seconds: float) -> str:
    import signal  # noqa: PLC0415 (only for those who have Python sources)
    import subprocess  # noqa: PLC0415 (as above)

    ending = ""
    try:
        process.communicate(request, timeout=seconds)
    except subprocess.TimeoutExpired:
        ending = "time"
    finally:
        with suppress(ProcessLookupError, PermissionError):  # its children, too; the leader may be gone already
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        reader.thread.join()
    return ending


def _collect(jobs: tuple[Job, ...], events: list[dict[str, Any]], ending: str, limits: Limits) -> Ran:
    ran = Ran()
    templates = {job.file for job in jobs if job.template}
    by_job: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_job.setdefault(event["job"], []).append(event)
    failed = _unfinished(jobs, events, ending)
    for job in jobs:
        mine = by_job.get(job.file, [])
        texts = [event["text"] for event in mine if event["event"] == "text"]
        errors = [_finding(event, job.file in templates, limits) for event in mine if event["event"] == "error"]
        ran.diagnostics += [_printed(event) for event in mine if event["event"] == "print"] + errors
        if texts:
            ran.rendered[job.file] = texts[0]
        elif not errors and job.file not in failed:
            ran.documents[job.file] = flatten_lists(tuple(_document(e) for e in mine if e["event"] == "document"))
    ran.diagnostics += [_ended(file, ending, limits) for file in failed]
    return ran


def _unfinished(jobs: tuple[Job, ...], events: list[dict[str, Any]], ending: str) -> tuple[str, ...]:
    """The job that the process ended in, where it did not end by itself, and those after it."""
    if not ending:
        return ()
    started = [event["job"] for event in events if event["event"] == "start"]
    files = [job.file for job in jobs]
    return tuple(files[files.index(started[-1]) :] if started else files)


def _ended(file: str, ending: str, limits: Limits) -> Diagnostic:
    if ending == "time":
        return _limit(Origin(file, line=1), "time", limits)
    return PYTHON_DIED.at(Origin(file, line=1), f"the process of the Python sources ended in `{file}`", label=ending)


def _limit(origin: Origin, kind: str, limits: Limits) -> Diagnostic:
    allowed = f"{limits.seconds:g} s" if kind == "time" else f"{limits.memory // 1024**2} MiB of memory"
    return PYTHON_LIMIT.at(origin, f"it needs more than the {allowed} that all Python sources have together")


_CODES: dict[str, Code] = {
    "raised": PYTHON_FAILED,
    "no-mesh": PYTHON_WITHOUT_MESH,
    "no-resource": NOT_A_RESOURCE,
    "template": TEMPLATE_FAILED,
    "too-large": TEMPLATE_TOO_LARGE,
}
_HELP = {"no-mesh": "name what it gives: `mesh = [...]`, or `def mesh(env):` that yields"}


def _finding(event: dict[str, Any], template: bool, limits: Limits) -> Diagnostic:
    origin = Origin(event.get("file") or event["job"], line=event["line"])
    if event["kind"] in {"time", "memory"}:
        return _limit(origin, event["kind"], limits)
    message = event["text"] if template or event["kind"] != "raised" else f"the source raised {event['text']}"
    return _CODES[event["kind"]].at(origin, message, help=_HELP.get(event["kind"], ""))


def _printed(event: dict[str, Any]) -> Diagnostic:
    return PYTHON_OUTPUT.at(Origin(event["job"], line=event["line"]), f"printed: {event['text']}")


def _document(event: dict[str, Any]) -> Document:
    return Document(event["value"], Origin(event["file"], event["index"], (), event["line"]))
