"""Diagnostics and their codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from meshgen.diagnostics.origin import Origin


class Severity(StrEnum):
    """How much a finding weighs: an error stops the output, a warning fails `check`, an info does neither."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return ("error", "warning", "info").index(self.value)


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that a diagnostic speaks of, with a short note (`payments is declared here`)."""

    origin: Origin
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One kind of finding: a stable number, a slug, a severity and the page that `meshgen explain` shows.

    Numbers are never reused. Ranges: 00 load, 01 lower and link, 03 traffic, 04 security, 05 gateway, 06 resilience, 07 telemetry
    and extensions, 08 delivery and rollout order, 09 what a backend cannot do.
    """

    number: str  # "MG0104"
    slug: str  # "unknown-service"
    severity: Severity
    title: str  # what is wrong in general, one line
    page: str  # Markdown: what it means, why it matters, an example, what to write instead
    same_as: tuple[str, ...] = ()  # istioctl's and Kiali's codes for the same thing
    of_reference: bool = False  # says that something named is not there or not so; moot where that could not be read
    at_key: bool = False  # the caret stands under the key, as for a field that does not exist
    secret: bool = False  # the source line is not printed, since key material stands in it

    def at(self, origin: Origin, message: str, *, label: str = "", help: str = "", related: Iterable[Related] = ()) -> Diagnostic:
        """A finding of this kind.

        `message` says what is wrong with the user's own value: lower case, no full stop, backticks around identifiers. `label`
        stands under the caret; `help` says what to write.
        """
        return Diagnostic(code=self, origin=origin, message=message, label=label, help=help, related=tuple(related))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding at one place."""

    code: Code
    origin: Origin
    message: str
    label: str = ""
    help: str = ""
    related: tuple[Related, ...] = ()

    @property
    def severity(self) -> Severity:
        """The code's severity; a finding has no mood of its own."""
        return self.code.severity


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By place, then severity, then code; exact repetitions once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.origin.sort_key(), d.severity.rank, d.code.number, d.message)))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean `payments`?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean `shop/payments`?`, or all known names where none is near."""
    names = tuple(known)
    return did_you_mean(name, names) or f"known are {', '.join(names) or 'none'}"
