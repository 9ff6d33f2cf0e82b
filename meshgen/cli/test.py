"""`meshgen test`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from meshgen.cli.options import compile_options, use_color
from meshgen.cli.session import CANNOT_RUN, FINDINGS, Session, Wanted, project_root, stop
from meshgen.json import JsonObject

if TYPE_CHECKING:
    from meshgen.pipeline import Result
    from meshgen.traffic_tests.cases import Case
    from meshgen.traffic_tests.coverage import Coverage
    from meshgen.traffic_tests.run import MakeEngine, TrafficReport

EXAMPLES = """\b
Examples:
  meshgen test                               all TrafficTests of the project
  meshgen test tests/catalog.yaml            those of a file or a directory, also of one that is no source
  meshgen test -k internal --fail-fast
  meshgen test --coverage --coverage-min 80  also which rules, policies and versions no test reaches
  meshgen test --junit report.xml            for CI
  meshgen test --engine envoy                on real Envoys, on this machine
  meshgen test --record -o tests/now.yaml    tests for what the mesh does now
"""


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("-k", "words", default="", metavar="TEXT", help="Only tests whose title has this text, whatever its case.")
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first test that does not pass.")
@click.option("-v", "--verbose", is_flag=True, help="List the tests that pass, too.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Say which rules, policies and versions no test reaches.")
@click.option(
    "--coverage-min",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail where the tests reach less; brings --coverage.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the result as JUnit's XML.")
@click.option(
    "--engine",
    type=click.Choice(["simulator", "envoy"]),
    default="simulator",
    show_default=True,
    help="Who answers: the simulator, or real Envoys on loopback with stub applications.",
)
@click.option("--envoy", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH", help="The binary for --engine envoy.")
@click.option("--record", is_flag=True, help="Run nothing: propose tests for what the mesh does now, as YAML that passes.")
@click.option("--from", "senders", multiple=True, metavar="[NAMESPACE/]NAME", help="For --record: only what this workload sends.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="For --record: a file.")
@compile_options
def command(paths: tuple[str, ...], color: str, quiet: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's way
    """Run TrafficTests on the compiled mesh: requests, and what must happen to them.

    Exit code 0 when all pass, 1 when one fails or too little is reached, 2 when one cannot be asked, or there are none.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    if not options["record"] and (options["senders"] or options["output"]):
        message = "`--from` and `--output` are for `--record`; choose tests with PATHS and `-k`"
        raise click.UsageError(message)
    if options["envoy"] is not None and options["engine"] != "envoy":
        message = "`--envoy` names the binary for `--engine envoy`, which is not asked for"
        raise click.UsageError(message)
    results, chosen = _compiled(paths, options)
    if any(result.failed for result in results) or results[0].project is None:
        session.give_up(results)
    if options["record"]:
        _record(session, results, options["senders"], options["output"])
    from meshgen.traffic_tests.coverage import coverage
    from meshgen.traffic_tests.run import run

    with _engine(options["engine"], options["envoy"]) as engine:
        report = run(results, _chooser(chosen, options["words"]), fail_fast=options["fail_fast"], engine=engine)
    least = options["coverage_min"]
    reached = coverage(results, report) if options["with_coverage"] or least is not None else None
    _write_junit(report, options["junit"])
    if as_json:
        _print_json(session, report, reached)
    else:
        _print(report, reached, results, verbose=options["verbose"] and not quiet, color=use_color(color, sys.stdout))
    too_little = reached is not None and least is not None and reached.percent < least
    if too_little and not as_json:
        click.echo(f"the tests reach less than {least:g}%", err=True)
    stop(max(report.exit_code, FINDINGS if too_little else 0))


@contextmanager
def _engine(name: str, envoy: Path | None) -> Iterator[MakeEngine]:
    """The engine of a run. What it starts is stopped, also where somebody ends this process."""
    if name == "simulator":
        from meshgen.traffic_tests.run import simulator

        yield simulator
        return
    try:
        from meshgen.live.process import EnvoyError
        from meshgen.traffic_tests.on_envoy import EnvoyEngine
    except ImportError as error:
        message = f"`--engine envoy` needs the package `{error.name}`; install `meshgen[envoy]`"
        raise click.UsageError(message) from error
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        yield lambda result, journeys: EnvoyEngine(result, journeys, envoy)
    except EnvoyError as error:
        raise click.ClickException(str(error)) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _ended(number: int, frame: object) -> NoReturn:  # noqa: ARG001 (as handlers are called)
    raise KeyboardInterrupt


def _record(session: Session, results: Sequence[Result], senders: tuple[str, ...], output: Path | None) -> NoReturn:
    """Writes proposed tests; a file that somebody else wrote stays as it is."""
    from meshgen.journey import UnanswerableError
    from meshgen.traffic_tests.record.propose import propose
    from meshgen.traffic_tests.record.write import MARK, document_text

    if len(results) > 1:
        message = f"the mesh has {len(results)} clusters; say which one is recorded with `--cluster`"
        raise click.UsageError(message)
    if output is not None and output.exists() and not output.read_bytes().startswith(MARK.encode()):
        message = f"`{output}` was not written by `meshgen test --record`, and stays as it is; name another file"
        raise click.UsageError(message)
    try:
        proposal = propose(results[0], senders)
    except UnanswerableError as error:
        raise click.UsageError(str(error)) from error
    if not proposal.documents:
        click.echo("there is nothing to record: no request gets anywhere that the mesh speaks of", err=True)
        stop(CANNOT_RUN)
    text = document_text(proposal)
    if output is None:
        sys.stdout.buffer.write(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(text)
        count = len(proposal.documents)
        session.say(f"{output}: {proposal.requests} requests in {count} TrafficTest{'s' if count > 1 else ''}, all of which pass")
    if proposal.dropped:
        click.echo(f"{proposal.dropped} requests do not come out the same when they are asked again, and are left out", err=True)
    stop(0)


def _compiled(paths: tuple[str, ...], options: dict[str, Any]) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    """The compiled clusters, and the files and directories whose tests are run, from the root; none for all."""
    from dataclasses import replace

    from meshgen.load.project import find_project

    wanted = Wanted(
        directory=options["directory"],
        environment=options["environment"],
        cluster=options["cluster"],
        python=not options["no_python"],
        instead="PATHS",
    )
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        message = f"there is no `{missing}`"
        raise click.UsageError(message)
    if paths and wanted.directory is None and find_project(Path.cwd()) is None:
        return replace(wanted, sources=paths).compile_each(), ()
    root = project_root(wanted.directory, "PATHS").resolve()
    found = tuple(_from_root(path, root) for path in paths)
    return replace(wanted, beside=found).compile_each(), found


def _from_root(path: str, root: Path) -> str:
    place = Path(path).resolve()
    if not place.is_relative_to(root):
        message = f"`{path}` lies outside of the project in `{root}`"
        raise click.UsageError(message)
    return place.relative_to(root).as_posix()


def _chooser(paths: Sequence[str], words: str) -> Any:  # noqa: ANN401 (a predicate of cases)
    def is_chosen(case: Case) -> bool:
        file = case.origin.file
        inside = not paths or any(path in {".", file} or file.startswith(f"{path}/") for path in paths)
        return inside and words.lower() in case.title.lower()

    return is_chosen


def _write_junit(report: TrafficReport, path: Path | None) -> None:
    if path is None:
        return
    from meshgen.traffic_tests.machine import report_to_junit

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(report_to_junit(report))


def _print_json(session: Session, report: TrafficReport, reached: Coverage | None) -> None:
    from meshgen.traffic_tests.machine import coverage_to_json, report_to_json

    parts: JsonObject = report_to_json(report)
    if reached is not None:
        parts["coverage"] = coverage_to_json(reached)
    session.print_json((), {}, parts)


def _print(report: TrafficReport, reached: Coverage | None, results: Sequence[Result], *, verbose: bool, color: bool) -> None:
    from meshgen.traffic_tests.report import render_coverage, render_report

    if not report.outcomes:
        known = sum(len(result.tests) for result in results)
        why = (
            "no test is chosen"
            if known
            else "there are no tests: write a TrafficTest, or let `meshgen test --record` propose some"
        )
        click.echo(why, err=True)
        stop(CANNOT_RUN)
    click.echo(render_report(report, verbose=verbose, color=color), color=color)
    if reached is not None:
        click.echo(render_coverage(reached, color=color), color=color)
