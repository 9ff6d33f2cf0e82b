"""`meshgen check`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from meshgen.cli.options import color_option, env_option, json_option, no_python_option, project_option, quiet_option
from meshgen.cli.session import CANNOT_RUN, Session, compile_sources, exit_code, stop
from meshgen.diagnostics import Severity


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
    result = compile_sources(sources, directory, environment=environment, python=not no_python)
    if as_json:
        from meshgen.report.json import diagnostics_to_json, render_json

        findings = diagnostics_to_json(result.diagnostics, result.texts)
        lacking = [{"code": code, "lacks": lacks} for code, lacks in result.not_checked]
        sys.stdout.buffer.write(render_json({"diagnostics": findings, "notChecked": lacking}))
    session.report(result.diagnostics, result.texts, err=False)
    if not (as_json or quiet):
        _summary(
            result.diagnostics and Counter(d.severity for d in result.diagnostics), len(result.objects), len(result.not_checked)
        )
        for code, lacks in result.not_checked if not_checked else ():
            click.echo(f"not checked: {code}, for lack of {lacks}")
    stop(CANNOT_RUN if result.project is None else exit_code(result.diagnostics, strict=True))


def _summary(counts: object, objects: int, lacking: int) -> None:
    if not counts:
        rest = f"; {lacking} rules could not be checked (--not-checked lists them)" if lacking else ""
        click.echo(f"{objects} Istio objects checked: nothing is wrong{rest}")
    elif isinstance(counts, Counter):
        parts = [
            f"{counts[severity]} {severity.value}{'s' if counts[severity] > 1 else ''}"
            for severity in Severity
            if counts[severity]
        ]
        click.echo(f"{objects} Istio objects checked: {', '.join(parts)}")
