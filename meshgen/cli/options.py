"""Options that several verbs take."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option: Callable[[F], F] = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")

color_option: Callable[[F], F] = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour; `auto` means on a terminal where NO_COLOR is not set.",
)

quiet_option: Callable[[F], F] = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")

env_option: Callable[[F], F] = click.option(
    "-e", "--env", "environment", metavar="NAME", help="The project's environment, such as `prod`."
)

cluster_option: Callable[[F], F] = click.option("--cluster", metavar="NAME", help="One of the Mesh's clusters, such as `west`.")

project_option: Callable[[F], F] = click.option(
    "-C",
    "--project",
    "directory",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="The project's directory, or its meshgen.yaml; by default the nearest one above this directory.",
)

no_python_option: Callable[[F], F] = click.option("--no-python", is_flag=True, help="Refuse Python sources.")


def compile_options(command: F) -> F:
    """The options of a verb that compiles: what is compiled, and how it is told."""
    for option in (json_option, quiet_option, color_option, no_python_option, project_option, cluster_option, env_option):
        command = option(command)  # the last one stands first in the help
    return command


def use_color(choice: str, stream: TextIO) -> bool:
    """Whether to print colour on a stream."""
    if choice == "auto":
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"
