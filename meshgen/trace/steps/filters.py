"""The HTTP filters in the order of the connection manager, each by its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, messages, string, typed_config
from meshgen.trace.steps import cors, ext_authz, fault, jwt, rate_limit, rbac
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

_HTTP = "envoy.extensions.filters.http."
FILTERS: dict[str, Callable[[Walk, JsonObject], Answer | None]] = {
    f"{_HTTP}cors.v3.Cors": cors.apply,
    f"{_HTTP}ext_authz.v3.ExtAuthz": ext_authz.apply_http,
    f"{_HTTP}fault.v3.HTTPFault": fault.apply,
    f"{_HTTP}jwt_authn.v3.JwtAuthentication": jwt.apply,
    f"{_HTTP}local_ratelimit.v3.LocalRateLimit": rate_limit.apply,
    f"{_HTTP}ratelimit.v3.RateLimit": rate_limit.apply_global,
    f"{_HTTP}rbac.v3.RBAC": rbac.apply_http,
}
# Filters that observe, or shape what is sent without changing where it goes.
HARMLESS = frozenset({
    f"{_HTTP}compressor.v3.Compressor",
    f"{_HTTP}grpc_stats.v3.FilterConfig",
    f"{_HTTP}grpc_web.v3.GrpcWeb",
    f"{_HTTP}router.v3.Router",
    f"{_HTTP}set_filter_state.v3.Config",
    "io.istio.http.peer_metadata.Config",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "stats.PluginConfig",
})


def run_filters(walk: Walk) -> Answer | None:
    """Run the filters until one answers; what nobody can foretell (Lua, Wasm, …) is named in `walk.opaque`."""
    for entry in messages(walk.manager, "http_filters"):
        name, (kind, config) = string(entry, "name"), typed_config(entry)
        if _is_disabled(walk, entry, name):
            walk.note(name, "skipped", "disabled")
            continue
        apply = FILTERS.get(kind)
        if apply is not None:
            answer = apply(walk, config)
        elif kind not in HARMLESS:
            answer = _opaque(walk, name or kind)
        else:
            answer = None
        if answer is not None:
            return answer
    return None


def _opaque(walk: Walk, name: str) -> Answer | None:
    """What the request says that the filter answers, else the request goes on under reserve."""
    answer = walk.request.answers.get(name)
    if isinstance(answer, int) and answer != 200:
        walk.note(name, str(answer), "as the request says that it answers")
        return Answer(outcome=Outcome.DIRECT, status=answer)
    walk.opaque.append(name)
    walk.note(name, "not simulated", "this filter may change the outcome")
    return None


def _is_disabled(walk: Walk, entry: JsonObject, name: str) -> bool:
    found = walk.matched.per_filter(name) if walk.matched else None
    if found is not None and found[0].endswith("route.v3.FilterConfig"):
        return boolean(found[1], "disabled")
    return boolean(entry, "disabled") and found is None
