"""`envoy.filters.http.router`: the last HTTP filter, which sends the request on."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.json import JsonObject

_TYPE: Final = "envoy.extensions.filters.http.router.v3.Router"
ROUTER: Final[JsonObject] = extension("envoy.filters.http.router", _TYPE)
SILENT_ROUTER: Final[JsonObject] = extension("envoy.filters.http.router", _TYPE, {"suppress_envoy_headers": True})
"""One that adds no `x-envoy-…` headers."""
