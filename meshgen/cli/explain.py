"""`meshgen explain`."""

from __future__ import annotations

import sys

import click

from meshgen.cli.options import json_option
from meshgen.diagnostics import did_you_mean
from meshgen.diagnostics.catalogue import CODES


@click.command(epilog="\b\nExamples:\n  meshgen explain MG0104\n  meshgen explain unknown-service\n  meshgen explain")
@click.argument("code", required=False)
@json_option
def command(code: str | None, as_json: bool) -> None:
    """Explain a code: what it means, why it matters, an example, and what to write instead. Without CODE, list all codes."""
    slugs = {known.slug: number for number, known in CODES.items()}
    if code is None:
        chosen = list(CODES.values())
    else:
        number = slugs.get(code.lower(), code.upper())
        if number not in CODES:
            hint = did_you_mean(code.upper(), CODES) or did_you_mean(code.lower(), slugs)
            message = f"there is no code `{code}`" + (f"; {hint}" if hint else "; `meshgen explain` lists them all")
            raise click.UsageError(message)
        chosen = [CODES[number]]
    if as_json:
        import orjson

        rows = [
            {
                "code": c.number,
                "slug": c.slug,
                "severity": c.severity.value,
                "title": c.title,
                "page": c.page.strip(),
                "sameAs": list(c.same_as),
            }
            for c in chosen
        ]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif code is None:
        for known in chosen:
            click.echo(f"{known.number}  {known.severity.value:8} {known.slug:36} {known.title}")
    else:
        known = chosen[0]
        click.echo(f"{known.number} {known.slug} ({known.severity.value}): {known.title}\n\n{known.page.strip()}")
        if known.same_as:
            click.echo(f"\nElsewhere: {', '.join(known.same_as)}")
