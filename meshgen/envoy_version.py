"""Releases of Envoy: what its configuration is made for (`targets.envoy`), and which one a release of Istio carries."""

from __future__ import annotations

from typing import Final

from meshgen.istio.versions import IstioVersion
from meshgen.values import Release, parse_release


class EnvoyVersion(Release):
    """One release of Envoy."""

    __slots__ = ()


OLDEST_ENVOY: Final = EnvoyVersion(1, 36)
"""The first release whose differences are known (`emit/envoy/versions.py`)."""

NEWEST_ENVOY: Final = EnvoyVersion(1, 40)

_MINORS_APART: Final = 8
"""Istio 1.18 carries Envoy 1.26, and each release after it the next one (istio.io, "Supported Envoy Versions")."""


def parse_envoy_version(text: str) -> EnvoyVersion | None:
    """A release as `1.39` or `1.39.3`; None where it is no version."""
    return parse_release(EnvoyVersion, text)


def nearest_envoy(version: EnvoyVersion) -> EnvoyVersion:
    """The version itself where its release is known, whatever its patch; else the known release that is nearest to it."""
    if version[:2] < OLDEST_ENVOY[:2]:
        return OLDEST_ENVOY
    return NEWEST_ENVOY if version[:2] > NEWEST_ENVOY[:2] else version


def envoy_of_istio(istio: IstioVersion) -> EnvoyVersion:
    """The Envoy whose configuration suits a mesh with this release of Istio: the one that it carries, or the nearest known."""
    return nearest_envoy(EnvoyVersion(istio.major, istio.minor + _MINORS_APART))
