"""`meshgen adopt`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import color_option, env_option, json_option, no_python_option, project_option, quiet_option
from meshgen.cli.session import CANNOT_RUN, FINDINGS, Session, exit_code, project_root, source_options, stop

if TYPE_CHECKING:
    from meshgen.adopt.project import AdoptionResult
    from meshgen.diagnostics import Diagnostic

EXAMPLES = """\b
Examples:
  meshgen adopt istio/                    print the intent, and say what stays native and why
  meshgen adopt istio/ -o mesh            write it: a directory a namespace, a file a name
  meshgen adopt istio/ --json | jq .summary
  kubectl get vs,dr,gw,authorizationpolicy -A -o yaml | meshgen adopt -

\b
Exit codes: 0 all objects are intent, 1 some stay native, 2 cannot run.
"""


@click.command(epilog=EXAMPLES)
@click.argument("sources", nargs=-1, metavar="[SOURCES]...")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Write below this directory.")
@click.option("--short/--long", default=True, show_default=True, help="The form of the intent.")
@click.option("--force", is_flag=True, help="Overwrite files of meshgen's own that somebody edited.")
@env_option
@project_option
@no_python_option
@color_option
@quiet_option
@json_option
def command(
    sources: tuple[str, ...],
    output: Path | None,
    short: bool,
    force: bool,
    environment: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Turn native Istio objects into intent that compiles to the same objects.

    Reads SOURCES (files, directories, `-` for standard input), or the project's. Each object is compiled back and compared before
    it counts as adopted; one that intent cannot say stays native, with the reason. Core objects (Services, Deployments, …) are
    read as facts and stay where they are. Without -o the YAML goes to standard output and the report to standard error. Sources
    are never changed.
    """
    from meshgen.adopt.project import adopt_project
    from meshgen.load.load import Options

    session = Session(color=color, quiet=quiet, as_json=as_json)
    options = Options(environment=environment, python=not no_python)
    if sources:
        root, options = source_options(sources, options)
    else:
        root = project_root(directory, "SOURCES")
    _refuse_sources(output, sources, root)
    result = adopt_project(root, options)
    if result.failed:
        _give_up(session, result, ())
    session.report(result.diagnostics, result.texts)
    problems: list[Diagnostic] = []
    if output is not None:
        problems = _write(session, result, output, short=short, force=force)
    elif not as_json:
        from meshgen.emit.istio.yaml_writer import dump_documents

        sys.stdout.buffer.write(dump_documents(list(result.adoption.documents(short=short))))
        sys.stdout.flush()
    _tell(session, result, problems, err=output is None)
    stop(FINDINGS if result.adoption.left else 0)


def _refuse_sources(output: Path | None, sources: tuple[str, ...], root: Path) -> None:
    """Raises click.UsageError where the output would lie among what is read."""
    if output is None:
        return
    place = output.resolve()
    for source in sources or (str(root),):
        if source != "-" and (place == Path(source).resolve() or place.is_relative_to(Path(source).resolve())):
            message = f"`{output}` lies in `{source}`, which is read: the next run would find both; choose a directory beside it"
            raise click.UsageError(message)


def _give_up(session: Session, result: AdoptionResult, problems: tuple[Diagnostic, ...]) -> None:
    diagnostics = (*result.diagnostics, *problems)
    if session.as_json:
        session.print_json(diagnostics, result.texts)
    session.report(diagnostics, result.texts)
    if not (session.as_json or session.quiet):
        click.echo("nothing is adopted", err=True)
    stop(CANNOT_RUN)


def _write(session: Session, result: AdoptionResult, output: Path, *, short: bool, force: bool) -> list[Diagnostic]:
    from meshgen.adopt.files import adoption_files
    from meshgen.cli.compile import write_trees
    from meshgen.outputs import OutputTree

    tree = OutputTree(directory=output, files=adoption_files(result.adoption, short=short))
    _, problems = write_trees(session, [tree], force=force)
    if exit_code(problems):
        _give_up(session, result, tuple(problems))
    session.report(problems, {})
    return problems


def _tell(session: Session, result: AdoptionResult, problems: list[Diagnostic], *, err: bool) -> None:
    from meshgen.adopt.report import adoption_to_json, render_adoption

    if session.as_json:
        session.print_json((*result.diagnostics, *problems), result.texts, adoption_to_json(result.adoption, result.texts))
    elif not session.quiet:
        click.echo(render_adoption(result.adoption, result.texts).rstrip(), err=err)
        if result.facts and result.adoption.adopted:
            click.echo(f"\n{result.facts} core objects were read as facts: keep them among the sources", err=err)
