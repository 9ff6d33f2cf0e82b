"""Who sees what: `exportTo` of services, virtual services, destination rules and service entries.

Follows istiod's `model/push_context.go`: what is private to a namespace comes before what other namespaces export to it, and that
before what is public. Rules and emitters never read `exportTo` themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

PUBLIC, OWN_NAMESPACE, NOBODY = "*", ".", "~"

T = TypeVar("T")


def is_exported(export_to: Iterable[str], owner: str, namespace: str) -> bool:
    """Whether something of the namespace `owner` is visible in `namespace`."""
    names = tuple(export_to)
    if PUBLIC in names:
        return True
    if NOBODY in names:
        return False
    return namespace in names or (OWN_NAMESPACE in names and namespace == owner)


class Exported(Generic[T]):
    """Values by who sees them; each group keeps the order of insertion."""

    def __init__(self) -> None:
        self._private: dict[str, list[T]] = {}
        self._exported: dict[str, list[T]] = {}
        self._public: list[T] = []

    def add(self, value: T, owner: str, export_to: Sequence[str]) -> None:
        """Adds a value of the namespace `owner`."""
        if PUBLIC in export_to:
            self._public.append(value)
            return
        if NOBODY in export_to:
            return
        for target in export_to:
            if target in (OWN_NAMESPACE, owner):
                self._private.setdefault(owner, []).append(value)
            else:
                self._exported.setdefault(target, []).append(value)

    def visible_in(self, namespace: str) -> tuple[T, ...]:
        """What a namespace sees: its own private values, those exported to it by name, the public ones."""
        return (*self._private.get(namespace, ()), *self._exported.get(namespace, ()), *self._public)


def audience(owner: str, export_to: Sequence[str]) -> tuple[str, ...]:
    """The namespaces that see something of the namespace `owner`, sorted; just `*` for all of them."""
    if PUBLIC in export_to:
        return (PUBLIC,)
    if NOBODY in export_to:
        return ()
    return tuple(sorted({owner if name == OWN_NAMESPACE else name for name in export_to}))
