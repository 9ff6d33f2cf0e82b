"""The root command. Verbs are imported when they run, so that `meshgen --help` starts fast."""

from __future__ import annotations

import importlib

import click

# name → (what it does, the module, which holds a command named `command`)
VERBS: dict[str, tuple[str, str]] = {
    "adopt": ("Turn native Istio objects into intent that compiles to the same.", "meshgen.cli.adopt"),
    "check": ("Report everything that is wrong with a mesh, without writing.", "meshgen.cli.check"),
    "compile": ("Compile intent to Istio YAML and Envoy configuration.", "meshgen.cli.compile"),
    "completion": ("Print the shell's completion script.", "meshgen.cli.completion"),
    "diff": ("Show what a change does: objects, fields and requests.", "meshgen.cli.diff"),
    "explain": ("Explain a code such as MG0104.", "meshgen.cli.explain"),
    "fmt": ("Write intent in its short or long form, comments kept.", "meshgen.cli.fmt"),
    "init": ("Make a project that compiles.", "meshgen.cli.init"),
    "push": ("Bring compiled files to a running Envoy without losing a request.", "meshgen.cli.push"),
    "query": ("Answer questions about the mesh: who can call whom, what is open.", "meshgen.cli.query"),
    "schema": ("Print the JSON Schema of the intent language, for editors.", "meshgen.cli.schema"),
    "serve": ("Serve proxies to Envoys on this machine, and follow the sources.", "meshgen.cli.serve"),
    "test": ("Run TrafficTests: requests and what must happen to them.", "meshgen.cli.test"),
    "trace": ("Say what will happen to a request, step by step.", "meshgen.cli.trace"),
}


class Verbs(click.Group):
    """A group that knows its commands' summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """The verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """The verb's command, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][1]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a suggestion for a verb that does not exist."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from meshgen.diagnostics import did_you_mean

            hint = did_you_mean(args[0], VERBS)
            ctx.fail(f"there is no command `{args[0]}`" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """The list in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (summary, _) in VERBS.items()])


EXAMPLES = """\b
Examples:
  meshgen init                          a project in this directory
  meshgen compile                       write the output tree
  meshgen compile --check               fail when the tree is out of date
  meshgen diff main                     what this branch changes for requests
  meshgen trace --from shop/webapp http://catalog/items
"""


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EXAMPLES + "\nExit codes: 0 fine, 1 differences or findings, 2 cannot run.",
)
@click.version_option(package_name="meshgen", message="meshgen %(version)s")
def cli() -> None:
    """Compile mesh intent to Istio and Envoy, and know what a request will do before it is deployed."""
