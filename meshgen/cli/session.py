"""What the verbs share when they run: finding the project, compiling it, printing findings, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from meshgen.cli.options import use_color
from meshgen.diagnostics import Diagnostic, Severity
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.load.load import Options
    from meshgen.load.project import Project
    from meshgen.mesh import Proxy
    from meshgen.pipeline import Result

FINDINGS, CANNOT_RUN = 1, 2

MANY = 20
"""Proxies whose Envoy configuration takes long enough to be watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How this run talks to its user."""

    color: str = "auto"
    quiet: bool = False
    as_json: bool = False

    def report(self, diagnostics: Iterable[Diagnostic], texts: Mapping[str, bytes], *, err: bool = True) -> None:
        """Prints findings: for people to standard error, for machines (--json) nothing, since the verb's JSON holds them."""
        shown = [d for d in diagnostics if not self.quiet or d.severity is Severity.ERROR]
        if self.as_json or not shown:
            return
        from meshgen.report.terminal import render_diagnostics

        color = use_color(self.color, sys.stderr if err else sys.stdout)
        click.echo(render_diagnostics(shown, texts, color=color), err=err, color=color)

    def watch(self, proxies: Sequence[Proxy], label: str) -> Iterator[Proxy]:
        """The proxies one by one, with a progress bar on a terminal's standard error where there are many."""
        if len(proxies) < MANY or self.quiet or self.as_json or not sys.stderr.isatty():
            yield from proxies
            return
        with click.progressbar(proxies, label=label, file=sys.stderr, color=use_color(self.color, sys.stderr)) as bar:
            yield from bar

    def say(self, line: str) -> None:
        """Prints a line about what was done, unless this run is quiet or prints JSON."""
        if not (self.quiet or self.as_json):
            click.echo(line)

    def print_json(
        self, diagnostics: Iterable[Diagnostic], texts: Mapping[str, bytes], parts: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Prints the one JSON object of a run with --json: its findings, and what the verb adds."""
        from meshgen.report.json import diagnostics_to_json, render_json

        sys.stdout.buffer.write(render_json({"diagnostics": diagnostics_to_json(diagnostics, texts), **(parts or {})}))

    def give_up(self, *sides: Sequence[Result]) -> NoReturn:
        """Ends a run that found errors: says them, and that they are why nothing was done.

        A side is one compile: a result for each cluster.
        """
        from meshgen.clusters import findings

        found = [each for results in sides for each in findings(results)]
        if self.as_json:
            self.print_json(found, _texts(result for results in sides for result in results))
        for results in sides:
            self.report(findings(results), results[0].texts)
        if not (self.as_json or self.quiet):
            from meshgen.report.terminal import summarize

            click.echo(f"stopped by {summarize(found, color=use_color(self.color, sys.stderr))}", err=True)
        stop(CANNOT_RUN)


def _texts(results: Iterable[Result]) -> dict[str, bytes]:
    return {file: text for result in results for file, text in result.texts.items()}


def project_root(directory: Path | None, instead: str = "") -> Path:
    """The directory of the project: the one given, or the nearest above. `instead` is what this verb takes in its place.

    Raises click.UsageError where there is none.
    """
    from meshgen.load.project import PROJECT_FILE, find_project

    if directory is not None:
        return directory.parent if directory.is_file() else directory
    found = find_project(Path.cwd())
    if found is None:
        other = f", and {instead} can be given instead" if instead else ""
        message = f"there is no {PROJECT_FILE} here or above; `meshgen init` makes one{other}"
        raise click.UsageError(message)
    return found.parent


def loose_project(sources: Iterable[str]) -> Project:
    """A project for sources given on the command line, which need no project file."""
    from meshgen.load.project import Project, Source

    return Project(sources=[Source(path=source) for source in sources if source != "-"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run compiles: the project, or the sources given on the command line (`-` is standard input)."""

    sources: tuple[str, ...] = ()
    directory: Path | None = None
    environment: str | None = None
    cluster: str | None = None
    revision: str | None = None
    python: bool = True
    instead: str = ""  # what this verb takes in place of a project
    beside: tuple[str, ...] = ()  # paths from the project's directory that are read as well

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Wanted:
        """What the options of a verb name that takes `-f SOURCES` in place of a project."""
        return cls(
            sources=options["sources"],
            directory=options["directory"],
            environment=options["environment"],
            cluster=options["cluster"],
            python=not options["no_python"],
            instead="-f",
        )

    def compile_one(self) -> Result:
        """The project's result; of several clusters that of the one that is named."""
        from meshgen.pipeline import compile_project

        return compile_project(*self._place())

    def compile_each(self) -> tuple[Result, ...]:
        """A result for each cluster, or for the one that is named."""
        from meshgen.pipeline import compile_clusters

        return compile_clusters(*self._place())

    def _place(self) -> tuple[Path, Options]:
        from meshgen.load.load import Options

        options = Options(
            environment=self.environment,
            cluster=self.cluster,
            revision=self.revision,
            python=self.python,
            beside=self.beside,
        )
        if not self.sources:
            return project_root(self.directory, self.instead), options
        return source_options(self.sources, options)


def source_options(sources: tuple[str, ...], options: Options) -> tuple[Path, Options]:
    """The root and the options to load sources given on the command line, `-` among them standard input.

    Sources outside of this directory are read from their nearest common directory. Raises click.UsageError for one that is not
    there.
    """
    import os
    from dataclasses import replace

    paths = [Path(source).absolute() for source in sources if source != "-"]
    missing = [source for source in sources if source != "-" and not Path(source).exists()]
    if missing:
        message = f"there is no `{missing[0]}`"
        raise click.UsageError(message)
    root = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in paths])) if paths else Path.cwd()
    root = Path.cwd() if root.is_relative_to(Path.cwd()) else root
    stdin = options.stdin if options.stdin is not None or "-" not in sources else sys.stdin.buffer.read()
    return root, replace(options, stdin=stdin, project=loose_project(path.relative_to(root).as_posix() for path in paths))


def stop(code: int) -> NoReturn:
    """Ends the run with an exit code."""
    raise SystemExit(code)


def exit_code(diagnostics: Iterable[Diagnostic], *, strict: bool = False) -> int:
    """2 for errors; with `strict` 1 for warnings; else 0."""
    severities = {diagnostic.severity for diagnostic in diagnostics}
    if Severity.ERROR in severities:
        return CANNOT_RUN
    return FINDINGS if strict and Severity.WARNING in severities else 0
