"""The command line: one file a verb. Commands parse arguments, call the API and pick a reporter; they hold no logic."""


def main() -> None:
    """Runs `meshgen`. Exit codes: 0 fine, 1 differences or findings, 2 cannot run, 130 interrupted."""
    import os
    import sys

    import click

    from meshgen.cli.app import cli

    try:
        code = cli(prog_name="meshgen", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # nobody reads on, as behind `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        click.echo(f"meshgen cannot run: {error}", err=True)
        sys.exit(2)
