"""`envoy.filters.http.router`: the last HTTP filter, which sends the request on."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.json import JsonObject

ROUTER: Final[JsonObject] = extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
