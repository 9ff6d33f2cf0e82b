"""Parts of the texts that are given for people: runbooks and READMEs."""

from __future__ import annotations


def commands(*lines: str) -> str:
    """A block of shell commands."""
    return "\n".join(("```sh", *lines, "```"))
