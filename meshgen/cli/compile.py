"""`meshgen compile`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import color_option, env_option, json_option, no_python_option, project_option, quiet_option
from meshgen.cli.session import CANNOT_RUN, FINDINGS, Session, compile_sources, exit_code, stop
from meshgen.diagnostics import did_you_mean

if TYPE_CHECKING:
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
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when the tree is out of date.")
@click.option("--force", is_flag=True, help="Overwrite files of meshgen's own that somebody edited.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print Istio YAML instead of writing files.")
@env_option
@project_option
@no_python_option
@color_option
@quiet_option
@json_option
def command(
    sources: tuple[str, ...],
    output: Path | None,
    targets: tuple[str, ...],
    proxies: tuple[str, ...],
    check_only: bool,
    force: bool,
    to_stdout: bool,
    environment: str | None,
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
    result = compile_sources(sources, directory, environment=environment, python=not no_python)
    session.report(result.diagnostics, result.texts)
    if result.failed or result.project is None:
        stop(CANNOT_RUN)
    if to_stdout or (sources and output is None):
        _print_istio(result)
        return
    trees = _trees(session, result, output, targets, _choose(result, proxies))
    stop(_check(session, trees) if check_only else _write(session, trees, force=force))


def _print_istio(result: Result) -> None:
    from meshgen.emit.istio.yaml_writer import dump_documents

    sys.stdout.buffer.write(dump_documents([artifact.object for artifact in result.artifacts]))


def _choose(result: Result, wanted: tuple[str, ...]) -> tuple[Proxy, ...]:
    """The proxies named on the command line; all of them where none is named."""
    known = {proxy.id: proxy for proxy in result.proxies}
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"known are {', '.join(known) or 'none'}"
            message = f"there is no proxy `{name}`; {hint}"
            raise click.UsageError(message)
    return tuple(known[name] for name in wanted) if wanted else result.proxies


def _trees(
    session: Session, result: Result, output: Path | None, targets: tuple[str, ...], proxies: tuple[Proxy, ...]
) -> list[OutputTree]:
    from meshgen.load.project import EnvoyOutput, IstioOutput
    from meshgen.outputs import delivery_tree, envoy_tree, istio_tree

    project = result.project
    assert project is not None, "checked by the caller"  # noqa: S101 (a bug of ours)
    istio, envoy = project.outputs.istio, project.outputs.envoy
    if targets:
        istio = (istio or IstioOutput()) if "istio" in targets else None
        envoy = (envoy or EnvoyOutput()) if "envoy" in targets else None
    elif envoy is None and project.targets.proxies:
        envoy = EnvoyOutput()
    trees = []
    if istio is not None:
        trees.append(istio_tree(result, istio, output / "istio" if output else result.root / istio.directory))
        base = output or (result.root / istio.directory).parent
        delivery = delivery_tree(project, result.root.absolute().name, base / "deliver")
        trees += [delivery] if delivery else []
    if envoy is not None:
        tree, found = envoy_tree(result, envoy, output / "envoy" if output else result.root / envoy.directory, proxies)
        session.report(found, result.texts)
        if exit_code(found):
            stop(CANNOT_RUN)
        trees.append(tree)
    return trees


def _check(session: Session, trees: list[OutputTree]) -> int:
    """Names each file that is not as it would be written; 1 if there is one."""
    from meshgen.deliver.plan import check

    status = 0
    rows = []
    for tree in trees:
        changes, found = check(tree.files, tree.directory)
        session.report(found, {})
        status = max(status, FINDINGS if changes else 0, exit_code(found))
        rows += [(change.action.value, str(_shown(tree.directory / change.path))) for change in changes]
    if session.as_json:
        _print_json([{"action": action, "path": path} for action, path in rows])
    elif not session.quiet:
        for action, path in rows:
            click.echo(f"would {action:8}{path}")
        click.echo("out of date: run `meshgen compile`" if rows else "up to date")
    return status


def _write(session: Session, trees: list[OutputTree], *, force: bool) -> int:
    """Plans all trees before the first is written, so that a refusal in one leaves all as they are."""
    from meshgen.deliver.plan import plan_writes
    from meshgen.deliver.write import recover, write

    found = [problem for tree in trees for problem in recover(tree.directory, force=force)]
    plans = [plan_writes(tree.files, tree.directory, force=force, rank=tree.rank) for tree in trees]
    found += [problem for plan in plans for problem in plan.diagnostics]
    if exit_code(found):
        session.report(found, {})
        return CANNOT_RUN
    rows = []
    for tree, plan in zip(trees, plans, strict=True):
        written = write(plan)
        found += written.diagnostics
        counts = (len(written.created), len(written.replaced), len(written.removed), written.unchanged)
        rows.append((str(_shown(tree.directory)), *counts))
    session.report(dict.fromkeys(found), {})
    if session.as_json:
        _print_json([dict(zip(("directory", "created", "changed", "removed", "unchanged"), row, strict=True)) for row in rows])
    elif not session.quiet:
        for place, created, changed, removed, same in rows:
            click.echo(f"{place}: {created} created, {changed} changed, {removed} removed, {same} unchanged")
    return exit_code(found)


def _shown(path: Path) -> Path:
    """Relative to this directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
