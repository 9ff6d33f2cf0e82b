"""Which object made a piece of Envoy configuration, read from its metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshgen.trace.decision import Source
from meshgen.trace.fields import message, string

if TYPE_CHECKING:
    from meshgen.json import JsonObject

_ISTIO_CONFIG = re.compile(r"/apis/[^/]+/[^/]+/namespaces/(?P<namespace>[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)")
_POLICY = re.compile(r"ns\[(?P<namespace>[^]]*)\]-policy\[(?P<name>[^]]*)\]-rule\[(?P<rule>\d+)\]")


def source_of(resource: JsonObject) -> Source | None:
    """From `metadata.filter_metadata`: `meshgen` as this compiler writes it, else `istio.config` as istiod does."""
    metadata = message(resource, "metadata", "filter_metadata")
    ours = message(metadata, "meshgen")
    if ours:
        fields = {name: string(ours, name) for name in ("kind", "namespace", "name", "path")}
        return Source(**fields)
    found = _ISTIO_CONFIG.fullmatch(string(message(metadata, "istio"), "config"))
    if found is None:
        return None
    kind = "".join(part.capitalize() for part in found["kind"].split("-"))
    return Source(kind=kind, namespace=found["namespace"], name=found["name"])


def source_of_policy(policy: str) -> Source | None:
    """From the name that an RBAC policy has in istiod's configuration and in ours: `ns[a]-policy[b]-rule[0]`."""
    found = _POLICY.search(policy)
    if found is None:
        return None
    path = f"spec.rules[{found['rule']}]"
    return Source(kind="AuthorizationPolicy", namespace=found["namespace"], name=found["name"], path=path)
