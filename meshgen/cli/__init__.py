"""The command line: one file a verb. Commands parse arguments, call the API and pick a reporter; they hold no logic."""


def main() -> None:
    """Runs `meshgen`. Exit codes: 0 fine, 1 differences or findings, 2 cannot run, 130 interrupted."""
    import gc
    import os
    import sys

    import click

    # A run makes millions of values and next to no cycles; looking for those takes half of a large compile, and finds nothing.
    gc.disable()
    # What else is installed beside meshgen must not change how intent is read; looking for it takes 25 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from meshgen.cli.app import cli

    try:
        code = cli(prog_name="meshgen", standalone_mode=False)
        _leave(code if isinstance(code, int) else 0)
    except SystemExit as ending:
        if not isinstance(ending.code, int):
            raise
        _leave(ending.code)
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


def _leave(code: int) -> None:
    """Ends the process at once: to give back every value of a large mesh takes longer than to write its files."""
    import os
    import sys

    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
