"""`meshgen diff`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import compile_options, use_color
from meshgen.cli.session import FINDINGS, Session, Wanted, exit_code, project_root, stop
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
@compile_options
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
    cluster: str | None,
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
    wanted = Wanted(directory=directory, environment=environment, python=not no_python)
    if live or envoy:
        after = replace(wanted, cluster=cluster).compile_one()
        _stop_on_errors(session, (after,))
        comparison = _live(after, kubeconfig, context) if live else _envoy(after, envoy or "", proxy)
        found = [Difference(cluster=after.cluster if cluster else "", comparison=comparison, after=after)]
    else:
        before, later = _two_sides(sides, wanted, directories=directories)
        _stop_on_errors(session, before, later)
        found = _differences(session, before, later, cluster, traffic=not objects_only)
    for each in found:
        session.report(each.comparison.diagnostics, each.after.texts)
    _print(found, markdown=markdown, as_json=as_json, full=full, color=use_color(color, sys.stdout))
    findings = [diagnostic for each in found for diagnostic in each.comparison.diagnostics]
    stop(max(exit_code(findings), FINDINGS if any(each.comparison.differs for each in found) else 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs in one cluster; `""` in a mesh without clusters."""

    cluster: str
    comparison: Comparison
    after: Result


def _differences(
    session: Session, before: Sequence[Result], after: Sequence[Result], cluster: str | None, *, traffic: bool
) -> list[Difference]:
    """Compares each cluster, or the one that is named."""
    from meshgen.clusters import pairs
    from meshgen.compare import compare

    sides = {old.cluster or new.cluster: (old, new) for old, new in pairs(before, after)}
    if cluster is not None and cluster not in sides:
        message = f"there is no cluster `{cluster}`; {suggest(cluster, filter(None, sides))}"
        raise click.UsageError(message)
    return [
        Difference(cluster=name, comparison=compare(old, new, traffic=traffic, watch=session.watch), after=new)
        for name, (old, new) in sides.items()
        if cluster in {None, name}
    ]


def _two_sides(sides: tuple[str, ...], wanted: Wanted, *, directories: bool) -> tuple[tuple[Result, ...], tuple[Result, ...]]:
    if len(sides) == 1 and ".." in sides[0] and not directories:
        sides = tuple(sides[0].replace("...", "..").split("..", 1))
    if directories:
        if len(sides) != 2:
            message = "--directories takes two directories, BEFORE and AFTER"
            raise click.UsageError(message)
        before, after = (_directory(Path(side), wanted) for side in sides)
        return before, after
    if len(sides) > 2:
        message = f"two revisions are compared, and `{sides[2]}` is a third"
        raise click.UsageError(message)
    first, second = (*(side or "HEAD" for side in sides), None, None)[:2]
    here = replace(wanted, directory=project_root(wanted.directory, "-d BEFORE AFTER"))
    return replace(here, revision=first or "HEAD").compile_each(), replace(here, revision=second).compile_each()


def _directory(path: Path, wanted: Wanted) -> tuple[Result, ...]:
    """A directory with a project file is compiled; any other is a tree of Istio YAML and intent."""
    from meshgen.load.load import Options
    from meshgen.load.project import PROJECT_FILE, Project, Source
    from meshgen.pipeline import compile_clusters

    if not path.is_dir():
        message = f"there is no directory `{path}`"
        raise click.UsageError(message)
    project = None if (path / PROJECT_FILE).is_file() else Project(sources=[Source(path="")])
    return compile_clusters(path, Options(environment=wanted.environment, python=wanted.python, project=project))


def _stop_on_errors(session: Session, *sides: Sequence[Result]) -> None:
    if any(result.failed for results in sides for result in results):
        session.give_up(*sides)


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


def _print(found: Sequence[Difference], *, markdown: bool, as_json: bool, full: bool, color: bool) -> None:
    if as_json:
        parts: dict[str, JsonValue] = {each.cluster: _to_json(each) for each in found}
        texts = {file: text for each in found for file, text in each.after.texts.items()}
        diagnostics = [diagnostic for each in found for diagnostic in each.comparison.diagnostics]
        alone = found[0] if len(found) == 1 and not found[0].cluster else None
        Session(as_json=True).print_json(diagnostics, texts, _to_json(alone) if alone is not None else {"clusters": parts})
        return
    shown = [each for each in found if each.comparison.differs] or found[:1]
    for each in shown:
        if markdown:
            click.echo(_to_markdown(each), nl=False)
        else:
            _print_terminal(each, full=full, color=color)


def _to_json(found: Difference) -> dict[str, JsonValue]:
    from meshgen.report.json import changes_to_json, impact_to_json

    impact = found.comparison.impact
    traffic = impact_to_json(impact) if impact is not None else None
    return {"changes": changes_to_json(found.comparison.changes, found.after.texts), "impact": traffic}


def _to_markdown(found: Difference) -> str:
    from meshgen.report.markdown import render_markdown

    marker = ":".join(filter(None, ("meshgen", found.after.environment, found.cluster)))
    text = render_markdown(found.comparison.changes, found.comparison.impact, found.after.texts, marker=marker)
    if not (found.cluster and found.comparison.differs):
        return text
    first, rest = text.split("\n", 1)
    return f"{first}\n## Cluster `{found.cluster}`\n\n{rest}"


def _print_terminal(found: Difference, *, full: bool, color: bool) -> None:
    from meshgen.report.terminal_diff import render_diff

    if found.cluster and found.comparison.differs:
        click.echo(click.style(f"cluster {found.cluster}", bold=color), color=color)
    comparison = found.comparison
    click.echo(render_diff(comparison.changes, comparison.impact, found.after.texts, color=color, full=full), color=color)
