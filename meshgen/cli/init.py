"""`meshgen init`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from meshgen.cli.session import CANNOT_RUN, stop

FILES = {
    "meshgen.yaml": "meshgen.yaml",
    "mesh/webapp.yaml": "webapp.yaml",
    "mesh/catalog.yaml": "catalog.yaml",
    ".gitignore": "gitignore",
}
"""What a new project has, and the template of each file."""


@click.command(epilog="\b\nExamples:\n  meshgen init\n  meshgen init ../shop && cd ../shop && meshgen compile")
@click.argument("directory", default=".", type=click.Path(path_type=Path, file_okay=False))
def command(directory: Path) -> None:
    """Make a project that compiles: two services, a gateway and a canary to change into your own.

    Files that exist are never overwritten.
    """
    present = [name for name in FILES if (directory / name).exists() and name != ".gitignore"]
    if present:
        click.echo(f"{directory / present[0]} exists; `meshgen init` does not overwrite", err=True)
        stop(CANNOT_RUN)
    templates = resources.files("meshgen.cli") / "templates"
    try:
        for name, template in FILES.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text((templates / template).read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        click.echo(f"cannot write {error.filename}: {error.strerror}", err=True)
        stop(CANNOT_RUN)
    place = "" if directory == Path() else f"cd {directory} && "
    click.echo(f"made {', '.join(FILES)}\nnow: {place}meshgen compile")
