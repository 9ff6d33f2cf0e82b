"""The command line: one file a verb. Commands parse arguments, call the API and pick a reporter; they hold no logic."""


def main() -> None:
    """Runs `meshgen`. Exit codes: 0 fine, 1 differences or findings, 2 cannot run."""
    from meshgen.cli.app import cli

    cli()
