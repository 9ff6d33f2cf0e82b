"""`meshgen fmt`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshgen.cli.options import color_option, quiet_option
from meshgen.cli.session import CANNOT_RUN, FINDINGS, Session, exit_code, stop


@click.command(
    epilog="\b\nExamples:\n  meshgen fmt mesh/\n  meshgen fmt --long mesh/catalog.yaml\n  meshgen fmt --check mesh/    (for CI)"
)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--short/--long", default=True, show_default=True, help="The form to write.")
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when a file is not formatted.")
@color_option
@quiet_option
def command(sources: tuple[Path, ...], short: bool, check_only: bool, color: str, quiet: bool) -> None:
    """Write intent in its short or long form. Comments, key order and native objects stay; `-` formats standard input."""
    from meshgen.fmt import format_source

    session = Session(color=color, quiet=quiet)
    status = 0
    for path in _files(sources):
        stdin = str(path) == "-"
        data = sys.stdin.buffer.read() if stdin else path.read_bytes()
        result, found = format_source(data, "<stdin>" if stdin else str(path), short=short)
        session.report(found, {"<stdin>" if stdin else str(path): data})
        status = max(status, exit_code(found))
        if stdin:
            sys.stdout.buffer.write(result)
        elif result != data:
            status = max(status, FINDINGS if check_only else 0)
            _apply(path, result, check_only=check_only, quiet=quiet)
    stop(status)


def _apply(path: Path, result: bytes, *, check_only: bool, quiet: bool) -> None:
    if not check_only:
        from meshgen.deliver.tree import write_file

        temporary = path.with_name(f".{path.name}.meshgen")
        write_file(str(temporary), result, path.stat().st_mode & 0o777)
        temporary.replace(path)
    if not quiet:
        click.echo(f"{'would format' if check_only else 'formatted'} {path}")


def _files(sources: tuple[Path, ...]) -> list[Path]:
    """The YAML files of the sources, directories searched."""
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += sorted(path for pattern in ("*.yaml", "*.yml") for path in source.rglob(pattern) if path.is_file())
        elif source.is_file() or str(source) == "-":
            files.append(source)
        else:
            click.echo(f"there is no `{source}`", err=True)
            stop(CANNOT_RUN)
    return files
