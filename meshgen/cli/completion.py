"""`meshgen completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from meshgen.cli.app import cli


@click.command(epilog='\b\nExamples:\n  eval "$(meshgen completion bash)"\n  meshgen completion fish | source')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL; evaluate it in the shell's start-up file."""
    completion = get_completion_class(shell)
    if completion is None:
        message = f"there is no completion for {shell}"
        raise click.UsageError(message)
    click.echo(completion(cli, {}, "meshgen", "_MESHGEN_COMPLETE").source())
