"""Releases of Istio: what the output is made for (`targets.istio` of meshgen.yaml)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class IstioVersion(NamedTuple):
    """One release, comparable: `target >= IstioVersion(1, 30)`. The patch is 0 where nobody named one."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        """As istiod and a proxy's metadata write it: `1.31.0`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def release(self) -> str:
        """Without the patch, which neither kinds nor fields come with: `1.31`."""
        return f"{self.major}.{self.minor}"


OLDEST: Final = IstioVersion(1, 24)
"""The first release whose API is known here."""

NEWEST: Final = IstioVersion(1, 32)
"""The release whose CRDs the structs are generated from."""

DEFAULT_TARGET: Final = NEWEST
"""What the output is made for where the project names nothing."""


def parse_version(text: str) -> IstioVersion | None:
    """A release as `1.31` or `1.31.2`; None where it is no version."""
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}(\.[0-9]{1,6})?", text, re.ASCII):
        return None
    return IstioVersion(*(int(part) for part in text.split(".")))


def is_known(version: IstioVersion) -> bool:
    """Whether the API of a release is known here, whatever its patch."""
    return OLDEST[:2] <= version[:2] <= NEWEST[:2]
