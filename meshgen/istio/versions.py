"""Releases of Istio: what the output is made for (`targets.istio` of meshgen.yaml)."""

from __future__ import annotations

from typing import Final

from meshgen.values import Release, parse_release


class IstioVersion(Release):
    """One release of Istio."""

    __slots__ = ()


OLDEST: Final = IstioVersion(1, 24)
"""The first release whose API is known here."""

NEWEST: Final = IstioVersion(1, 32)
"""The release whose CRDs the structs are generated from."""

DEFAULT_TARGET: Final = NEWEST
"""What the output is made for where the project names nothing."""


def parse_version(text: str) -> IstioVersion | None:
    """A release as `1.31` or `1.31.2`; None where it is no version."""
    return parse_release(IstioVersion, text)


def is_known(version: IstioVersion) -> bool:
    """Whether the API of a release is known here, whatever its patch."""
    return OLDEST[:2] <= version[:2] <= NEWEST[:2]
