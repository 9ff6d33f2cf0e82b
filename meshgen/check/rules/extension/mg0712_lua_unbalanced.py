"""MG0712: a Lua program that Envoy cannot read."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from meshgen.check.context import Context
from meshgen.check.lua_programs import lua_programs
from meshgen.check.lua_text import unbalanced
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.extension import LUA_UNBALANCED


def find(context: Context) -> Iterator[Answer]:
    """Programs with something left open; in a file of its own at its line."""
    for program in lua_programs(context.mesh):
        found = unbalanced(program.code)
        if found is not None:
            own = program.origin.line == 1 and program.origin.file.endswith(".lua")
            origin = replace(program.origin, line=found.line) if own else program.origin
            where = "" if own else f" in line {found.line}"
            message = f"the Lua program of {program.title} cannot be read{where}: {found.message}"
            yield LUA_UNBALANCED.at(origin, message, help="close it, or remove what is too much")


RULE = Rule(code=LUA_UNBALANCED, find=find)
