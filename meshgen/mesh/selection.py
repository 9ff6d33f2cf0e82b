"""Label selection in both directions, without walking all objects for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_Pair = tuple[str, str]


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether labels carry all pairs of a selector; an empty selector picks everything."""
    return all(labels.get(key) == value for key, value in selector.items())


class SelectorIndex(Generic[T]):
    """From labels to the objects whose selector picks them, within a namespace, in the order of insertion.

    An object is filed under one pair of its selector, so that a question looks only at objects that share a pair with the labels.
    """

    def __init__(self) -> None:
        self._everything: dict[str, list[tuple[int, T]]] = {}
        self._by_pair: dict[str, dict[_Pair, list[tuple[int, Mapping[str, str], T]]]] = {}
        self._size = 0

    def add(self, value: T, namespace: str, selector: Mapping[str, str]) -> None:
        """Adds an object; with an empty selector it is picked by any labels of the namespace."""
        self._size += 1
        if not selector:
            self._everything.setdefault(namespace, []).append((self._size, value))
            return
        pairs = self._by_pair.setdefault(namespace, {})
        pairs.setdefault(min(selector.items()), []).append((self._size, selector, value))

    def picking(self, namespace: str, labels: Mapping[str, str]) -> tuple[T, ...]:
        """All objects of a namespace whose selector picks these labels."""
        found = list(self._everything.get(namespace, ()))
        pairs = self._by_pair.get(namespace)
        if pairs:
            for pair in labels.items():
                for number, selector, value in pairs.get(pair, ()):
                    if selects(selector, labels):
                        found.append((number, value))
        found.sort(key=_number)
        return tuple(value for _, value in found)


class LabelIndex(Generic[T]):
    """From a selector to the labelled values that it picks, within a namespace, in the order of insertion."""

    def __init__(self, values: Sequence[tuple[str, Mapping[str, str], T]]) -> None:
        self._by_pair: dict[str, dict[_Pair, list[tuple[Mapping[str, str], T]]]] = {}
        self._by_namespace: dict[str, list[T]] = {}
        for namespace, labels, value in values:
            self._by_namespace.setdefault(namespace, []).append(value)
            pairs = self._by_pair.setdefault(namespace, {})
            entry = (labels, value)
            for pair in labels.items():
                pairs.setdefault(pair, []).append(entry)

    def picked(self, namespace: str, selector: Mapping[str, str]) -> tuple[T, ...]:
        """The values of a namespace that carry all pairs of the selector; all of them for an empty one."""
        if not selector:
            return tuple(self._by_namespace.get(namespace, ()))
        pairs = self._by_pair.get(namespace, {})
        lists = [pairs.get(pair, ()) for pair in selector.items()]
        if len(lists) == 1:
            return tuple([value for _, value in lists[0]])
        return tuple([value for labels, value in min(lists, key=len) if selects(selector, labels)])


def _number(entry: tuple[int, T]) -> int:
    return entry[0]
