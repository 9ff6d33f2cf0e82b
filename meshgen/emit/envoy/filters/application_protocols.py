"""What mesh TLS offers for a request on a sniffed port, in the place of Istio's `istio.alpn` filter (envoy-mapping.md §0)."""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.json import JsonObject

OFFERED: Final = ("istio-http/1.1", "istio-h2", "istio")
"""HTTP of any version. None of them is in a server's own list, so nothing is negotiated and the server looks at the bytes."""

# A cluster's list is fixed, and that of a sniffed port is for TCP. Here the connection is known to be HTTP; without this
# the server's sidecar would take it for TCP, where policies on paths and methods mean nothing or refuse all.
SNIFFED_HTTP: Final[JsonObject] = extension(
    "envoy.filters.http.set_filter_state",
    "envoy.extensions.filters.http.set_filter_state.v3.Config",
    {
        "on_request_headers": [
            {
                "object_key": "envoy.network.application_protocols",
                "format_string": {"text_format_source": {"inline_string": ",".join(OFFERED)}},
                "shared_with_upstream": "ONCE",
            }
        ]
    },
)
"""The HTTP filter; it changes nothing for endpoints that are spoken to in plaintext."""
