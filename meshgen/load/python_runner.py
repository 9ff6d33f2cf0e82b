"""Runs the Python sources and templates of one load, in a process of its own. Started by `meshgen.load.python`, by path.

Standard input: one JSON object, `{"root", "sys_path", "seconds", "memory", "environment", "vars", "jobs"}`, a job being
`{"file", "kind", "text"}`. The pipe whose number is the first argument: one JSON object a line, `{"job", "event", …}`, the event
being `start`, `print`, `document`, `error` or `text`.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import os
import resource
import signal
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

MAX_PRINTED = 64 * 1024
MAX_DEPTH = 100


class TimeLimitError(BaseException):
    """The time is over. No Exception, so that a source's own `except Exception` lets it pass."""


class Environment:
    """What a source's `mesh(env)` is given."""

    def __init__(self, name: str, variables: Mapping[str, Any]) -> None:
        self.name = name
        self.vars = dict(variables)


class Recorder:
    """Takes the place of standard output and tells which line of the source printed what."""

    def __init__(self, file: str, report: Callable[..., None]) -> None:
        self.file, self.report, self.left = file, report, MAX_PRINTED
        self.pending, self.line = "", 1

    def write(self, text: str) -> int:
        """Take text as a stream does; a line that is complete is reported."""
        self.line = line_of(self.file) or self.line
        self.pending += text[: max(self.left, 0)]
        self.left -= len(text)
        if self.pending.endswith("\n"):
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Report what is left."""
        if self.pending.strip():
            self.report(event="print", line=self.line, text=self.pending.rstrip("\n"))
        self.pending = ""


def line_of(file: str) -> int | None:
    """The line of the source that is being run, from the innermost frame that is in it."""
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to one's caller that is cheap
    while frame is not None:
        if frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return None


def plain(value: object, depth: int = 0) -> Any:  # noqa: ANN401 - this script stands alone, without our JSON types
    """The value as JSON has it. Raises TypeError or ValueError for what JSON does not have."""
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels of nesting")
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise TypeError(f"the key `{wrong!r}` is not a string")
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError("an integer beyond 64 bits")
    if isinstance(value, float) and value - value != 0:
        raise ValueError("infinities and not-a-number have no place in JSON")
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)  # an enum's value, not the enum
    raise TypeError(f"`{type(value).__name__}` is no JSON value")


class Source:
    """One Python source while it runs."""

    def __init__(self, job: dict[str, str], request: dict[str, Any], report: Callable[..., None]) -> None:
        self.shown, self.report, self.request = job["file"], report, request
        self.path = str(Path(request["root"], job["file"]))
        self.text = job["text"]
        self.given = 0

    def run(self) -> None:
        """Execute the file and report what its `mesh` gives."""
        module = types.ModuleType("meshgen_source")
        module.__file__ = self.path
        sys.modules[module.__name__] = module
        exec(compile(self.text, self.path, "exec", dont_inherit=True), vars(module))  # noqa: S102 - the user's program
        if not hasattr(module, "mesh"):
            self.report(event="error", kind="no-mesh", line=1, text="it has no `mesh`")
            return
        line = self.assignment()
        given = module.mesh
        if callable(given) and not hasattr(given, "to_document"):
            given = self.call(given)
        self.give(given, line)

    def call(self, function: Callable[..., object]) -> object:
        """What a `mesh` function gives, with the environment where it takes one."""
        environment = Environment(self.request["environment"], self.request["vars"])
        return function(environment) if inspect.signature(function).parameters else function()

    def assignment(self) -> int:
        """The line where `mesh` gets its value."""
        line = 1
        for node in ast.parse(self.text).body:
            names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
            line = node.lineno if "mesh" in names else line
        return line

    def give(self, value: object, line: int) -> None:
        """Report a resource, or each of several."""
        if hasattr(value, "to_document") or isinstance(value, Mapping):
            self.resource(value, line)
        elif isinstance(value, types.GeneratorType):
            for item in value:
                frame = value.gi_frame
                self.give(item, frame.f_lineno if frame is not None and frame.f_code.co_filename == self.path else line)
        elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            for item in value:
                self.give(item, line)
        else:
            self.wrong(f"`{type(value).__name__}` is no resource", line)

    def resource(self, value: Any, line: int) -> None:  # noqa: ANN401 - duck-typed: an intent or a map
        """Report one document."""
        place = getattr(value, "source", None) if hasattr(value, "to_document") else None
        file, line = (self.relative(place[0]), place[1]) if place else (self.shown, line)
        index, self.given = self.given, self.given + 1
        try:
            document = plain(value.to_document() if hasattr(value, "to_document") else value)
        except (TypeError, ValueError) as error:
            self.wrong(str(error), line, file)
            return
        self.report(event="document", file=file, line=line, index=index, value=document)

    def wrong(self, text: str, line: int, file: str = "") -> None:
        """Report something in `mesh` that is no resource."""
        self.report(event="error", kind="no-resource", file=file or self.shown, line=line, text=text)

    def relative(self, path: str) -> str:
        """A file below the project's root as the user knows it; else the source itself."""
        root = self.request["root"].rstrip("/") + "/"
        return path[len(root) :] if path.startswith(root) else self.shown

    def failed(self, error: BaseException) -> None:
        """Report an exception at the innermost line below the project's root."""
        file, line = self.shown, getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        trace = error.__traceback__
        found = False
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name == self.path or (self.relative(name) != self.shown and "site-packages" not in name):
                file, line, found = self.relative(name), trace.tb_lineno, True
            trace = trace.tb_next
        kind, text = describe(error)
        if isinstance(error, SyntaxError) and not found:
            text = f"{type(error).__name__}: {error.msg}"
        self.report(event="error", kind=kind, file=file, line=line or 1, text=text)


def describe(error: BaseException) -> tuple[str, str]:
    """What kind of end this is, and what it says, at most twenty lines of it."""
    if isinstance(error, TimeLimitError):
        return "time", ""
    if isinstance(error, MemoryError):
        return "memory", ""
    said = "\n".join(str(error).strip().splitlines()[:20])
    return "raised", f"{type(error).__name__}: {said}" if said else type(error).__name__


def run_source(job: dict[str, str], request: dict[str, Any], report: Callable[..., None]) -> None:
    """Run one source in a namespace of its own: modules that it imports from the project are forgotten afterwards."""
    source = Source(job, request, report)
    known = set(sys.modules)
    sys.path.insert(0, str(Path(source.path).parent))
    recorder: Any = Recorder(source.path, report)
    try:
        with contextlib.redirect_stdout(recorder), contextlib.redirect_stderr(recorder):
            try:
                source.run()
            finally:
                recorder.flush()
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of a source are its mistakes, too
        source.failed(error)
    finally:
        sys.path.pop(0)
        for name in sorted(set(sys.modules) - known):
            if str(getattr(sys.modules[name], "__file__", "") or "").startswith(request["root"]):
                del sys.modules[name]


def run_template(job: dict[str, str], request: dict[str, Any], report: Callable[..., None]) -> None:
    """Render one templated source."""
    from meshgen.load.template import TemplateError, render  # noqa: PLC0415 - only where there is a template

    try:
        report(event="text", text=render(job["text"], request["vars"], request["environment"]))
    except TemplateError as error:
        report(event="error", kind=error.kind, line=error.line, text=str(error))
    except (TimeLimitError, MemoryError) as error:
        report(event="error", kind=describe(error)[0], line=1, text="")


def limit(seconds: float, memory: int) -> None:
    """Bound this process. The parent kills it soon after `seconds`; the alarm comes first, to know the line."""

    def alarm(_number: int, _frame: types.FrameType | None) -> None:
        raise TimeLimitError

    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with contextlib.suppress(ValueError, OSError):  # some systems have no limit on the address space
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def reports(pipe: TextIO, file: str) -> Callable[..., None]:
    """A function that writes one event of a job."""

    def report(**event: object) -> None:
        pipe.write(json.dumps({"job": file, **event}) + "\n")
        pipe.flush()

    return report


def jobs_of(request: dict[str, Any]) -> Iterator[tuple[Callable[..., None], dict[str, str]]]:
    """Each job with the function that runs it."""
    for job in request["jobs"]:
        yield (run_template if job["kind"] == "template" else run_source), job


def main() -> None:
    """Run all jobs of the request."""
    request = json.loads(sys.stdin.buffer.read())
    sys.path[:] = [*sys.path, *(path for path in request["sys_path"] if path not in sys.path)]
    sys.dont_write_bytecode = True
    pipe = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")
    limit(request["seconds"], request["memory"])
    for run, job in jobs_of(request):
        report = reports(pipe, job["file"])
        report(event="start")
        run(job, request, report)
    pipe.close()


if __name__ == "__main__":
    main()
