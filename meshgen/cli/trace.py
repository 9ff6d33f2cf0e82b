"""`meshgen trace`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import cluster_option, color_option, env_option, json_option, no_python_option, project_option, use_color
from meshgen.cli.session import Session, Wanted, stop
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.journey import Hop
    from meshgen.pipeline import Result

EXAMPLES = """\b
Examples:
  meshgen trace --from shop/webapp http://catalog/items
  meshgen trace --from shop/webapp -X POST -H 'x-cohort: internal' http://catalog/items
  meshgen trace https://shop.example.com/api/items            a client outside, at the gateway
  meshgen trace -f istio-yaml/ https://shop.example.com/      no project: native Istio YAML
"""


@click.command(epilog=EXAMPLES)
@click.argument("words", nargs=-1, required=True, metavar="[curl] URL")
@click.option(
    "-f", "--sources", multiple=True, metavar="PATH", help="Read this in place of a project's sources; may be repeated."
)
@click.option("--from", "source", default="", metavar="NAMESPACE/NAME", help="The caller's proxy; without it, a client outside.")
@click.option("--gateway", default="", metavar="NAMESPACE/NAME", help="The gateway, where more than one serves the host.")
@click.option("-X", "--request", "method", default="GET", show_default=True, help="The method.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header; may be repeated.")
@click.option("--principal", default="", help="The SPIFFE identity that a client outside presents, without `spiffe://`.")
@click.option("--explain", is_flag=True, help="Say also what was nearly chosen, and why it was not.")
@env_option
@cluster_option
@project_option
@no_python_option
@color_option
@json_option
def command(
    words: tuple[str, ...],
    sources: tuple[str, ...],
    source: str,
    gateway: str,
    method: str,
    headers: tuple[str, ...],
    principal: str,
    explain: bool,
    environment: str | None,
    cluster: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    as_json: bool,
) -> None:
    """Say what will happen to a request, step by step: listener, virtual host, rule, shares, policies.

    Exit code 0 when the request reaches somebody or is answered, 1 when it is denied or fails, 2 when it cannot be traced.
    """
    from meshgen.journey import Question, UnanswerableError, ask

    url = words[1] if len(words) == 2 and words[0] == "curl" else words[0]
    if len(words) > 1 and url == words[0]:
        message = f"one URL is traced at a time; `{words[1]}` is left over"
        raise click.UsageError(message)
    pairs = tuple(_header(header) for header in headers)
    wanted = Wanted(
        sources=sources, directory=directory, environment=environment, cluster=cluster, python=not no_python, instead="-f"
    )
    result = wanted.compile_one()
    if result.failed:
        Session(color=color, as_json=as_json).give_up((result,))
    question = Question(url=url, method=method, headers=pairs, source=source, gateway=gateway, client_certificate=principal)
    try:
        hops = ask(result.mesh, result.proxies, question)
    except UnanswerableError as error:
        raise click.UsageError(str(error)) from error
    _show(result, hops, explain=explain, color=use_color(color, sys.stdout), as_json=as_json)
    stop(0 if all(_reaches(hop) for hop in hops) else 1)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message = f"`{text}` is no header; write it as in `-H 'x-cohort: internal'`"
        raise click.UsageError(message)
    return name.strip(), value.strip()


def _reaches(hop: Hop) -> bool:
    from meshgen.trace import Outcome

    return hop.decision.outcome in (Outcome.ROUTED, Outcome.DIRECT, Outcome.REDIRECT, Outcome.NEEDS_ANSWER)


def _show(result: Result, hops: tuple[Hop, ...], *, explain: bool, color: bool, as_json: bool) -> None:
    if as_json:
        from meshgen.trace import to_json

        rows: list[JsonValue] = [{"side": hop.side, "proxy": hop.proxy.id, "decision": to_json(hop.decision)} for hop in hops]
        Session(as_json=True).print_json(result.diagnostics, result.texts, {"hops": rows})
        return
    from meshgen.journey import source_line, without_alternatives
    from meshgen.report.terminal_trace import render_decision

    for hop in hops:
        decision = hop.decision if explain else without_alternatives(hop.decision)
        click.echo(click.style(f"{hop.side} {hop.proxy.id}", bold=color), color=color)
        click.echo(render_decision(decision, color=color, locate=lambda source: source_line(result, source)), color=color)
