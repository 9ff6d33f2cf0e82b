"""`meshgen check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import color_option, env_option, json_option, no_python_option, project_option, quiet_option, use_color
from meshgen.cli.session import CANNOT_RUN, Session, compile_sources, exit_code, stop
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.pipeline import Result


@click.command(
    epilog="\b\nExamples:\n  meshgen check\n  meshgen check --env prod --not-checked\n  meshgen check istio-yaml/ --json"
)
@click.argument("sources", nargs=-1, metavar="[SOURCES]...")
@click.option("--not-checked", is_flag=True, help="List what could not be checked, and for lack of what.")
@env_option
@project_option
@no_python_option
@color_option
@quiet_option
@json_option
def command(
    sources: tuple[str, ...],
    not_checked: bool,
    environment: str | None,
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
    result = compile_sources(sources, directory, environment=environment, python=not no_python, instead="SOURCES")
    if as_json:
        lacking: list[JsonValue] = [
            {"code": each.code.number, "lacks": each.lacking, "places": each.count} for each in result.not_checked
        ]
        session.print_json(result.diagnostics, result.texts, {"notChecked": lacking})
    session.report(result.diagnostics, result.texts, err=False)
    if not (as_json or quiet):
        _summary(result, listed=not_checked, color=use_color(color, sys.stdout))
    stop(CANNOT_RUN if result.project is None else exit_code(result.diagnostics, strict=True))


def _summary(result: Result, *, listed: bool, color: bool) -> None:
    from meshgen.report.terminal import summarize

    objects = "1 Istio object" if len(result.objects) == 1 else f"{len(result.objects)} Istio objects"
    lines = [f"{objects} checked: {summarize(result.diagnostics, color=color)}"]
    if listed:
        lines += [f"not checked: {each.code.number} {each.code.slug}, for lack of {each.lacking}" for each in result.not_checked]
    elif result.not_checked:
        number = len(result.not_checked)
        verb = "check lacks what it needs" if number == 1 else "checks lack what they need"
        lines.append(f"{number} {verb} to know; --not-checked lists them")
    click.echo("\n".join(lines))
