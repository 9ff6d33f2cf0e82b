"""`meshgen schema`."""

from __future__ import annotations

import sys

import click
import orjson


@click.command(epilog="\b\nExamples:\n  meshgen schema > meshgen.schema.json\n")
def command() -> None:
    """Print the JSON Schema of the intent language, for editors and for other tools."""
    from meshgen.intent.schema import json_schema
    from meshgen.load.project import project_schema

    schema = json_schema({"Project": project_schema()})
    sys.stdout.buffer.write(orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
