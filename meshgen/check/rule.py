"""What a rule is, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from meshgen.check.context import Context
from meshgen.diagnostics import Code, Diagnostic


class Inventory(StrEnum):
    """What a rule must know to judge; a tree that declares none of it leaves the rule unasked."""

    SERVICES = "Services"
    WORKLOADS = "workloads"
    SECRETS = "Secrets"
    SERVICE_ACCOUNTS = "ServiceAccounts"


@dataclass(frozen=True, slots=True)
class Lacking:
    """One place that a rule did not judge, for lack of something (`Services of namespace payments`)."""

    what: str


Answer = Diagnostic | Lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of fault and the search for it."""

    code: Code
    find: Callable[[Context], Iterator[Answer]]
    needs: tuple[Inventory, ...] = ()
