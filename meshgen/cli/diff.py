"""`meshgen diff`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import color_option, env_option, json_option, no_python_option, project_option, quiet_option, use_color
from meshgen.cli.session import FINDINGS, Session, compile_sources, exit_code, project_root, stop
from meshgen.diagnostics import suggest
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.compare import Comparison
    from meshgen.pipeline import Result

EXAMPLES = """\b
Examples:
  meshgen diff                               HEAD and the work tree
  meshgen diff main                          a revision and the work tree
  meshgen diff v1.2 v1.3                     two revisions; the work tree is not touched
  meshgen diff -d deploy/old deploy/new      two directories of sources or of Istio YAML
  meshgen diff --live                        the cluster of the kubeconfig (get and list only)
  meshgen diff --envoy http://127.0.0.1:15000 --proxy shop/webapp
  meshgen diff main --markdown               for a pull request's comment
"""


@click.command(epilog=EXAMPLES)
@click.argument("sides", nargs=-1, metavar="[BEFORE] [AFTER]")
@click.option("-d", "--directories", is_flag=True, help="BEFORE and AFTER are directories, not git revisions.")
@click.option("--live", is_flag=True, help="Compare the live cluster with the compiled objects.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="For --live; by default $KUBECONFIG or ~/.kube/config.")
@click.option("--context", help="For --live: the kubeconfig's context.")
@click.option("--envoy", metavar="URL|FILE", help="Compare a running Envoy's admin address, or a saved config dump.")
@click.option("-p", "--proxy", metavar="NAMESPACE/NAME", help="For --envoy: whose configuration it runs.")
@click.option("--objects-only", is_flag=True, help="Do not say what happens to requests.")
@click.option("--full", is_flag=True, help="Print the content of added and removed objects.")
@click.option("--markdown", is_flag=True, help="Markdown for a pull request.")
@env_option
@project_option
@no_python_option
@color_option
@quiet_option
@json_option
def command(
    sides: tuple[str, ...],
    directories: bool,
    live: bool,
    kubeconfig: Path | None,
    context: str | None,
    envoy: str | None,
    proxy: str | None,
    objects_only: bool,
    full: bool,
    markdown: bool,
    environment: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show what a change does: requests first, then objects and fields with the lines that made them.

    Exit code 0 when nothing differs, 1 when something does, 2 when the two sides cannot be compared.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    if (live or envoy) and sides:
        message = "--live and --envoy compare with the work tree; they take no BEFORE and AFTER"
        raise click.UsageError(message)
    if live or envoy:
        after = compile_sources((), directory, environment=environment, python=not no_python)
        _stop_on_errors(session, after)
        comparison = _live(after, kubeconfig, context) if live else _envoy(after, envoy or "", proxy)
    else:
        before, after = _two_sides(sides, directories, directory, environment, python=not no_python)
        _stop_on_errors(session, before, after)
        from meshgen.compare import compare

        comparison = compare(before, after, traffic=not objects_only, watch=session.watch)
    session.report(comparison.diagnostics, after.texts)
    _print(comparison, after, markdown=markdown, as_json=as_json, full=full, color=use_color(color, sys.stdout))
    stop(max(exit_code(comparison.diagnostics), FINDINGS if comparison.differs else 0))


def _two_sides(
    sides: tuple[str, ...], directories: bool, project: Path | None, environment: str | None, *, python: bool
) -> tuple[Result, Result]:
    if len(sides) == 1 and ".." in sides[0] and not directories:
        sides = tuple(sides[0].replace("...", "..").split("..", 1))
    if directories:
        if len(sides) != 2:
            message = "--directories takes two directories, BEFORE and AFTER"
            raise click.UsageError(message)
        before, after = (_directory(Path(side), environment, python=python) for side in sides)
        return before, after
    if len(sides) > 2:
        message = f"two revisions are compared, and `{sides[2]}` is a third"
        raise click.UsageError(message)
    first, second = (*(side or "HEAD" for side in sides), None, None)[:2]
    root = project_root(project, "-d BEFORE AFTER")
    return (
        compile_sources((), root, environment=environment, python=python, revision=first or "HEAD"),
        compile_sources((), root, environment=environment, python=python, revision=second),
    )


def _directory(path: Path, environment: str | None, *, python: bool) -> Result:
    """A directory with a project file is compiled; any other is a tree of Istio YAML and intent."""
    from meshgen.load.load import Options
    from meshgen.load.project import PROJECT_FILE, Project, Source
    from meshgen.pipeline import compile_project

    if not path.is_dir():
        message = f"there is no directory `{path}`"
        raise click.UsageError(message)
    project = None if (path / PROJECT_FILE).is_file() else Project(sources=[Source(path="")])
    return compile_project(path, Options(environment=environment, python=python, project=project))


def _stop_on_errors(session: Session, *results: Result) -> None:
    if any(result.failed for result in results):
        session.give_up(*results)


def _live(after: Result, kubeconfig: Path | None, context: str | None) -> Comparison:
    from meshgen.compare import compare_live, owned_objects

    path = kubeconfig or Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or Path.home() / ".kube" / "config")
    return compare_live(after, path, context, owned_objects(after))


def _envoy(after: Result, source: str, name: str | None) -> Comparison:
    from meshgen.compare import compare_envoy

    known = {proxy.id: proxy for proxy in after.proxies}
    if name not in known:
        hint = suggest(name or "", known)
        message = f"there is no proxy `{name}`; {hint}" if name else f"say with --proxy whose configuration it is; {hint}"
        raise click.UsageError(message)
    return compare_envoy(after, known[name], source)


def _print(comparison: Comparison, after: Result, *, markdown: bool, as_json: bool, full: bool, color: bool) -> None:
    if as_json:
        from meshgen.report.json import changes_to_json, impact_to_json

        traffic = impact_to_json(comparison.impact) if comparison.impact is not None else None
        parts: dict[str, JsonValue] = {"changes": changes_to_json(comparison.changes, after.texts), "impact": traffic}
        Session(as_json=True).print_json(comparison.diagnostics, after.texts, parts)
    elif markdown:
        from meshgen.report.markdown import render_markdown

        marker = f"meshgen:{after.environment}" if after.environment else "meshgen"
        click.echo(render_markdown(comparison.changes, comparison.impact, after.texts, marker=marker), nl=False)
    else:
        from meshgen.report.terminal_diff import render_diff

        click.echo(render_diff(comparison.changes, comparison.impact, after.texts, color=color, full=full), color=color)
