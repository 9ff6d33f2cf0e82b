"""MG0711: a Lua program without a function that Envoy calls."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.lua_programs import lua_programs
from meshgen.check.lua_text import handlers, unbalanced
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.extension import LUA_WITHOUT_HANDLER


def find(context: Context) -> Iterator[Answer]:
    """Programs that can be read and have neither function."""
    for program in lua_programs(context.mesh):
        if not handlers(program.code) and unbalanced(program.code) is None:
            message = f"the Lua program of {program.title} has no function that Envoy calls"
            hint = "name one `envoy_on_request` or `envoy_on_response`"
            yield LUA_WITHOUT_HANDLER.at(program.origin, message, help=hint)


RULE = Rule(code=LUA_WITHOUT_HANDLER, find=find)
