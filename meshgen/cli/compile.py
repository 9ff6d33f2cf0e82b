"""`meshgen compile`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import compile_options
from meshgen.cli.session import FINDINGS, Session, Wanted, exit_code, stop
from meshgen.diagnostics import Diagnostic, suggest
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.load.project import EnvoyOutput
    from meshgen.mesh import Proxy
    from meshgen.outputs import OutputTree
    from meshgen.pipeline import Result

EXAMPLES = """\b
Examples:
  meshgen compile                                   write what the project says
  meshgen compile --env prod -o deploy/prod
  meshgen compile --target envoy --proxy shop/webapp
  meshgen compile --check                           for CI: exit 1 when the tree is out of date
  cat shop.yaml | meshgen compile -                 no project: YAML to standard output
"""


@click.command(epilog=EXAMPLES)
@click.argument("sources", nargs=-1, metavar="[SOURCES]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write below this directory instead of the project's.")
@click.option(
    "-t", "--target", "targets", type=click.Choice(["istio", "envoy"]), multiple=True, help="Only this backend; may be repeated."
)
@click.option("-p", "--proxy", "proxies", multiple=True, metavar="NAMESPACE/NAME", help="Only this proxy; may be repeated.")
@click.option(
    "--released", metavar="REV", help="The git revision of the ConfigMaps that the fleet runs, in place of the project's."
)
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when the tree is out of date.")
@click.option("--force", is_flag=True, help="Overwrite files of meshgen's own that somebody edited.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print Istio YAML instead of writing files.")
@compile_options
def command(
    sources: tuple[str, ...],
    output: Path | None,
    targets: tuple[str, ...],
    proxies: tuple[str, ...],
    released: str | None,
    check_only: bool,
    force: bool,
    to_stdout: bool,
    environment: str | None,
    cluster: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compile intent to Istio YAML and Envoy configuration.

    Without SOURCES the project (meshgen.yaml) says what is read and where it is written. With SOURCES (files, directories, `-`
    for standard input) no project is needed, and YAML goes to standard output unless -o names a directory.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    printing = to_stdout or (bool(sources) and output is None)
    if printing and (check_only or as_json):
        message = (
            f"{'--check' if check_only else '--json'} is about written files, and this prints YAML; name a directory with -o"
        )
        raise click.UsageError(message)
    wanted = Wanted(
        sources=sources, directory=directory, environment=environment, cluster=cluster, python=not no_python, instead="SOURCES"
    )
    results = wanted.compile_each()
    if any(result.failed or result.project is None for result in results):
        session.give_up(results)
    from meshgen.clusters import findings

    said, texts = findings(results), results[0].texts
    session.report(said, texts)
    if printing:
        _print_istio(results)
        return
    trees, found = _all_trees(session, results, output, targets, _choose(results, proxies), cluster, released)
    if exit_code(found):
        session.give_up([replace(result, diagnostics=(*result.diagnostics, *found)) for result in results])
    session.report(found, texts)
    rows, problems = _check(session, trees) if check_only else write_trees(session, trees, force=force)
    session.report(problems, {})
    if as_json:
        session.print_json((*said, *found, *problems), texts, {"files" if check_only else "outputs": rows})
    stop(exit_code(problems) or (FINDINGS if check_only and rows else 0))


def _print_istio(results: Sequence[Result]) -> None:
    from meshgen.emit.istio.yaml_writer import dump_documents

    if len(results) > 1:
        message = f"YAML of one cluster is printed; name it with --cluster: {', '.join(result.cluster for result in results)}"
        raise click.UsageError(message)
    sys.stdout.buffer.write(dump_documents([artifact.object for artifact in results[0].artifacts]))


def _choose(results: Sequence[Result], wanted: tuple[str, ...]) -> frozenset[str] | None:
    """The proxies named on the command line; None where none is named."""
    known = sorted({proxy.id for result in results for proxy in result.proxies})
    for name in wanted:
        if name not in known:
            message = f"there is no proxy `{name}`; {suggest(name, known)}"
            raise click.UsageError(message)
    return frozenset(wanted) if wanted else None


def _all_trees(
    session: Session,
    results: Sequence[Result],
    output: Path | None,
    targets: tuple[str, ...],
    proxies: frozenset[str] | None,
    cluster: str | None,
    released: str | None,
) -> tuple[Sequence[OutputTree], tuple[Diagnostic, ...]]:
    """What is to be written for all clusters, or for one, beside what the others have."""
    from meshgen.outputs import joined, with_other_clusters

    trees: list[OutputTree] = []
    diagnostics: list[Diagnostic] = []
    for result in results:
        chosen = None if proxies is None else tuple(proxy for proxy in result.proxies if proxy.id in proxies)
        made, found = _trees(session, result, output, targets, chosen, released)
        trees += made
        diagnostics += found
    together = joined(trees)
    if cluster is not None:
        together = tuple(with_other_clusters(tree, cluster) for tree in together)
    return together, tuple(dict.fromkeys(diagnostics))


def _trees(
    session: Session,
    result: Result,
    output: Path | None,
    targets: tuple[str, ...],
    wanted: tuple[Proxy, ...] | None,
    released: str | None,
) -> tuple[list[OutputTree], tuple[Diagnostic, ...]]:
    """What is to be written: Istio objects, their delivery, Envoy configuration; and what is missing for it, or is left out."""
    from meshgen.load.project import EnvoyOutput, IstioOutput
    from meshgen.outputs import delivery_tree, envoy_tree, istio_tree, with_other_proxies

    project = result.project
    assert project is not None, "checked by the caller"  # noqa: S101 (a bug of ours)
    istio, envoy = project.outputs.istio, project.outputs.envoy
    if targets:
        istio = (istio or IstioOutput()) if "istio" in targets else None
        envoy = (envoy or EnvoyOutput()) if "envoy" in targets else None
    elif envoy is None and project.targets.proxies:
        envoy = EnvoyOutput()
    trees = []
    diagnostics: tuple[Diagnostic, ...] = ()
    if istio is not None:
        trees.append(istio_tree(result, istio, output / "istio" if output else result.root / istio.directory))
        base = output or (result.root / istio.directory).parent
        delivery, diagnostics = delivery_tree(result, istio, base / "deliver")
        trees += [delivery] if delivery else []
    if envoy is None:
        return trees, diagnostics
    directory = output / "envoy" if output else result.root / envoy.directory
    proxies = session.watch(result.output_proxies if wanted is None else wanted, "Envoy configuration")
    if envoy.delivery == "configmap":
        made, found = _config_maps(result, envoy, directory, proxies, released)
        return [*trees, *(made if wanted is None else [with_other_proxies(each, result, wanted) for each in made])], (
            *diagnostics,
            *found,
        )
    tree, found = envoy_tree(result, envoy, directory, proxies)
    trees.append(tree if wanted is None else with_other_proxies(tree, result, wanted))
    return trees, (*diagnostics, *found)


def _config_maps(
    result: Result, output: EnvoyOutput, directory: Path, proxies: Iterator[Proxy], revision: str | None
) -> tuple[Sequence[OutputTree], tuple[Diagnostic, ...]]:
    from meshgen.deliver.config_map_tree import read_release
    from meshgen.outputs import config_map_trees

    released, problems = read_release(directory, revision or output.config_maps.released)
    if problems:
        return (), problems
    return config_map_trees(result, output, directory, proxies, released)


def _check(session: Session, trees: Sequence[OutputTree]) -> tuple[list[JsonValue], list[Diagnostic]]:
    """Names each file that is not as it would be written."""
    from meshgen.deliver.plan import check

    rows: list[JsonValue] = []
    problems: list[Diagnostic] = []
    for tree in trees:
        changes, found = check(tree.files, tree.directory)
        problems += found
        for change in changes:
            path = str(_shown(tree.directory / change.path))
            rows.append({"action": change.action.value, "path": path})
            session.say(f"would {change.action.value:8}{path}")
    if not exit_code(problems):
        session.say("out of date: run `meshgen compile`" if rows else "up to date")
    return rows, problems


def write_trees(session: Session, trees: Sequence[OutputTree], *, force: bool) -> tuple[list[JsonValue], list[Diagnostic]]:
    """Plans all trees before the first is written, so that a refusal in one leaves all as they are."""
    from meshgen.deliver.plan import plan_writes
    from meshgen.deliver.write import recover, write

    problems = [problem for tree in trees for problem in recover(tree.directory, force=force)]
    plans = [plan_writes(tree.files, tree.directory, force=force, rank=tree.rank) for tree in trees]
    problems += [problem for plan in plans for problem in plan.diagnostics]
    if exit_code(problems):
        return [], problems
    rows: list[JsonValue] = []
    for tree, plan in zip(trees, plans, strict=True):
        done = write(plan)
        problems += done.diagnostics
        place, created, changed, removed = str(_shown(tree.directory)), len(done.created), len(done.replaced), len(done.removed)
        rows.append({"directory": place, "created": created, "changed": changed, "removed": removed, "unchanged": done.unchanged})
        session.say(f"{place}: {created} created, {changed} changed, {removed} removed, {done.unchanged} unchanged")
    return rows, list(dict.fromkeys(problems))


def _shown(path: Path) -> Path:
    """Relative to this directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path
