"""`meshgen check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import compile_options, use_color
from meshgen.cli.session import CANNOT_RUN, Session, Wanted, exit_code, stop
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.check.engine import NotChecked
    from meshgen.diagnostics import Diagnostic
    from meshgen.pipeline import Result


@click.command(
    epilog="\b\nExamples:\n  meshgen check\n  meshgen check --env prod --not-checked\n  meshgen check istio-yaml/ --json"
)
@click.argument("sources", nargs=-1, metavar="[SOURCES]...")
@click.option("--not-checked", is_flag=True, help="List what could not be checked, and for lack of what.")
@compile_options
def command(
    sources: tuple[str, ...],
    not_checked: bool,
    environment: str | None,
    cluster: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Report everything that is wrong with a mesh, without writing.

    Exit code 0 when nothing is wrong, 1 for warnings, 2 for errors. Infos change neither.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    wanted = Wanted(
        sources=sources,
        directory=directory,
        environment=environment,
        cluster=cluster,
        python=not no_python,
        instead="SOURCES",
    )
    results = wanted.compile_each()
    from meshgen.clusters import findings
    from meshgen.clusters import not_checked as unchecked

    found, lacks, texts = findings(results), unchecked(results), results[0].texts
    if as_json:
        lacking: list[JsonValue] = [{"code": each.code.number, "lacks": each.lacking, "places": each.count} for each in lacks]
        session.print_json(found, texts, {"notChecked": lacking})
    session.report(found, texts, err=False)
    if not (as_json or quiet):
        _summary(results, found, lacks, listed=not_checked, color=use_color(color, sys.stdout))
    stop(CANNOT_RUN if results[0].project is None else exit_code(found, strict=True))


def _summary(
    results: Sequence[Result], found: Sequence[Diagnostic], lacks: Sequence[NotChecked], *, listed: bool, color: bool
) -> None:
    from meshgen.report.terminal import summarize

    count = sum(len(result.objects) for result in results)
    objects = "1 Istio object" if count == 1 else f"{count} Istio objects"
    where = f" in {len(results)} clusters" if len(results) > 1 else ""
    lines = [f"{objects}{where} checked: {summarize(found, color=color)}"]
    if listed:
        lines += [f"not checked: {each.code.number} {each.code.slug}, for lack of {each.lacking}" for each in lacks]
    elif lacks:
        number = len(lacks)
        verb = "check lacks what it needs" if number == 1 else "checks lack what they need"
        lines.append(f"{number} {verb} to know; --not-checked lists them")
    click.echo("\n".join(lines))
