"""From a place in a model to the place in the document that said it: short forms have fewer steps than their long forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshgen.diagnostics import JsonPath


def place_in(value: object, path: Sequence[str | int]) -> JsonPath:
    """The longest path of `value` that follows `path`, a path of the long form.

    A value alone may stand for a list of one, and a map for a list of pairs: then an index is skipped, or counts the keys.

    >>> place_in({"match": {"port": 80}}, ("match", 0, "port"))
    ('match', 'port')
    >>> place_in({"split": {"v1": 90, "v2": 10}}, ("split", 1, "weight"))
    ('split', 'v2')
    """
    found: list[str | int] = []
    for position, step in enumerate(path):
        if type(value) is dict and step in value:  # the usual step, taken without looking at the next one
            value = value[step]
            found.append(step)
            continue
        following = path[position + 1] if position + 1 < len(path) else None
        taken = _step(value, step, following)
        if taken is None:
            break
        if taken is not _SKIPPED:
            key, value = taken
            found.append(key)
    return tuple(found)


_SKIPPED = ("", None)


def _step(value: object, step: str | int, following: str | int | None) -> tuple[str | int, object] | None:
    """The key that a step takes and what is there; `_SKIPPED` where there is no such step, None where the document ends."""
    if isinstance(value, Mapping):
        if step in value:
            return step, value[step]
        if not isinstance(step, int):
            return None
        keys = list(value)
        if following in value or step >= len(keys):
            return _SKIPPED if step == 0 else None
        return (keys[step], value[keys[step]]) if following is not None else _SKIPPED
    if isinstance(value, list | tuple):
        return (step, value[step]) if isinstance(step, int) and step < len(value) else None
    return _SKIPPED if step == 0 and isinstance(step, int) else None
