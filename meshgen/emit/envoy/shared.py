"""Parts of configuration that many proxies share: made once for all of them to which they are the same.

A mesh of 10,000 services is 30,000 clusters to each sidecar that no Sidecar resource scopes, and nearly all of them are the same
to all. Whoever makes a part says in its key all that it hangs on, the proxy's traits among them; equal keys get the same object,
which nobody changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from meshgen.mesh import Mesh

T = TypeVar("T")

_Table = dict[tuple[Hashable, ...], tuple[object, object]]
_PARTS: WeakKeyDictionary[Mesh, _Table] = WeakKeyDictionary()


def once(mesh: Mesh, key: tuple[Hashable, ...], alive: object, make: Callable[[], T]) -> T:
    """What `make` gave for this key of this mesh the first time.

    `alive` is what the key names by `id`, kept so that the number stays its own. What is made must not hold the mesh.
    """
    table = _PARTS.setdefault(mesh, {})
    found = table.get(key)
    if found is None:
        found = table[key] = (make(), alive)
    return cast("T", found[0])


def known(mesh: Mesh, key: tuple[Hashable, ...]) -> object:
    """What `once` has for this key, or None."""
    found = _PARTS.get(mesh, {}).get(key)
    return found[0] if found is not None else None
