"""Templated sources: Jinja2 in its sandbox, only for files that the project marks `templated: true`.

Rendered in the process of the Python sources (meshgen.load.python), whose limits end what the sandbox cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_RENDERED = 16 * 1024 * 1024
"""Characters that one template may render to."""


class TemplateError(Exception):
    """Why a template does not render; `line` is counted from 1, `kind` is `template` or `too-large`."""

    def __init__(self, message: str, line: int, kind: str = "template") -> None:
        super().__init__(message)
        self.line, self.kind = line, kind


def render(text: str, variables: Mapping[str, Any], environment: str) -> str:
    """The text of a template, which sees `vars` and `environment` and nothing else: no files, no modules, no clock.

    Raises TemplateError. An undefined name is an error, since an empty value would change the mesh in silence.
    """
    jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    try:
        template = jinja.from_string(text)
        return _bounded(template.generate(vars=dict(variables), environment=environment))
    except TemplateSyntaxError as error:
        raise TemplateError(error.message or "a syntax error", error.lineno) from None
    except TemplateError:
        raise
    except (JinjaError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise TemplateError(str(error) or type(error).__name__, _line(error)) from None


def _bounded(chunks: Any) -> str:  # noqa: ANN401 - an iterator of strings, as Jinja2 types it
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_RENDERED:
            raise TemplateError(f"it renders to more than {MAX_RENDERED:,} characters", 1, "too-large")
    return "".join(parts)


def _line(error: BaseException) -> int:
    """The line of the template: Jinja2 rewrites tracebacks to template lines, in frames of a file named `<template>`."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
