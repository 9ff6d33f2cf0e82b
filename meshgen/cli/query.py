"""`meshgen query`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from meshgen.cli.options import cluster_option, color_option, env_option, no_python_option, project_option, use_color
from meshgen.cli.session import FINDINGS, Session, Wanted, stop

if TYPE_CHECKING:
    from meshgen.pipeline import Result
    from meshgen.query import Answer

EXAMPLES = """\b
Questions:
  callers SERVICE    who can call it                 who can call payments?
  reach WORKLOAD     what it can reach               what can webapp reach?
  ways SERVICE       all chains of calls to it       which ways lead to payments?
  exposed            hosts that gateways open        which hosts are open to the internet?
  open               those that need no token        which hosts are open to the internet without a token?
  plaintext          ports without mutual TLS        which services still accept plaintext?
  unprotected        ports open to any workload      which services let in any workload?
  egress             hosts outside, and who goes     which hosts outside are reached?

\b
Examples:
  meshgen query 'who can call payments?'
  meshgen query callers payments --assert shop/webapp,istio-ingress/gateway
  meshgen query plaintext --assert none
  meshgen query open --assert www.example.com
  meshgen query ways payments --format mermaid
  meshgen query --assertions         all of the project's, for CI
"""


@click.command(epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="QUESTION")
@click.option(
    "-f", "--sources", multiple=True, metavar="PATH", help="Read this in place of a project's sources; may be repeated."
)
@click.option(
    "--assert",
    "allowed",
    multiple=True,
    metavar="NAMES",
    help="Fail unless the answer names these alone, with commas and patterns (`shop/*`); `none` for nobody.",
)
@click.option("--assertions", is_flag=True, help="Ask what the project's `assertions` ask, and fail unless all of them hold.")
@click.option("--all", "with_refusals", is_flag=True, help="Show also who is kept out, and by what.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "mermaid", "dot"]),
    default="table",
    show_default=True,
    help="A table, JSON, or a graph.",
)
@click.option("--json", "as_json", is_flag=True, help="As `--format json`.")
@env_option
@cluster_option
@project_option
@no_python_option
@color_option
def command(**options: Any) -> None:  # noqa: ANN401 - click's own way to hand over options
    """Answer questions about the whole mesh: who can call whom, what is open to the internet, what takes plaintext.

    Answers come from the configuration that proxies get: every caller is traced, as `meshgen trace` traces one request.

    Exit code 0, 1 when an assertion does not hold, 2 when the question cannot be answered.
    """
    from meshgen.journey import UnanswerableError
    from meshgen.query import answer, read_question
    from meshgen.query.scene import Scene

    as_json = options["as_json"] or options["form"] == "json"
    wanted = Wanted.of(options)
    try:
        asked = None if options["assertions"] else read_question(options["words"])
        result = wanted.compile_one()
        if result.failed:
            Session(color=options["color"], as_json=as_json).give_up((result,))
        if asked is None:
            stop(FINDINGS if _hold_to_assertions(result, as_json=as_json) else 0)
        found = answer(Scene(result), asked)
    except UnanswerableError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        _print_json(result, found, options["allowed"])
    else:
        _print(found, options)
    stop(FINDINGS if options["allowed"] and _is_broken(found, options["allowed"]) else 0)


def _hold_to_assertions(result: Result, *, as_json: bool) -> int:
    """How many of the project's assertions do not hold, each said."""
    from meshgen.query.gate import hold

    held = hold(result)
    if not held:
        message = "the project has no `assertions`; write some under `spec` of its meshgen.yaml"
        raise click.UsageError(message)
    broken = sum(bool(each.breaches) for each in held)
    if as_json:
        Session(as_json=True).print_json(result.diagnostics, result.texts, {"assertions": [each.to_json() for each in held]})
        return broken
    for each in held:
        click.echo(f"{'FAILED' if each.breaches else 'holds '} {each.query}")
        for breach in each.breaches:
            click.echo(f"       not allowed: {breach.line}")
        for name in each.unmet:
            click.echo(f"       note: `{name}` is allowed, and nothing holds for it")
    click.echo(f"{len(held) - broken} of {len(held)} assertions hold")
    return broken


def _is_broken(found: Answer, allowed: tuple[str, ...]) -> bool:
    from meshgen.query.gate import breaches

    return bool(breaches(found, allowed))


def _print(found: Answer, options: dict[str, Any]) -> None:
    from meshgen.query.gate import breaches, unmet
    from meshgen.query.render import render_dot, render_mermaid, render_table

    if options["form"] == "table":
        color = use_color(options["color"], sys.stdout)
        click.echo(render_table(found, color=color, with_refusals=options["with_refusals"]), nl=False, color=color)
    else:
        click.echo((render_mermaid if options["form"] == "mermaid" else render_dot)(found), nl=False)
    if not options["allowed"]:
        return
    broken = breaches(found, options["allowed"])
    for breach in broken:
        click.echo(f"not allowed: {breach.line}", err=True)
    for name in unmet(found, options["allowed"]):
        click.echo(f"note: `{name}` is allowed, and nothing holds for it", err=True)
    click.echo(f"the assertion does not hold: {len(broken)} not allowed" if broken else "the assertion holds", err=True)


def _print_json(result: Result, found: Answer, allowed: tuple[str, ...]) -> None:
    from meshgen.query.gate import breaches
    from meshgen.query.render import to_json

    parts = {"answer": to_json(found)}
    if allowed:
        broken = breaches(found, allowed)
        parts["assertion"] = {"allowed": [*allowed], "holds": not broken, "breaches": [each.text for each in broken]}
    Session(as_json=True).print_json(result.diagnostics, result.texts, parts)
