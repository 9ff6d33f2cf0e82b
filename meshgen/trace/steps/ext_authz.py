"""External authorization: whether somebody is asked, and what the request says that they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, message, percent, string
from meshgen.trace.match import why_not_metadata
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

NAME = "envoy.filters.http.ext_authz"


def apply_http(walk: Walk, config: JsonObject) -> Answer | None:
    """The HTTP filter: a refusal is 403 unless the answer names another status."""
    per_route = walk.matched.per_filter(NAME) if walk.matched else None
    if per_route is not None and boolean(per_route[1], "disabled"):
        walk.note("ext_authz", "skipped", "disabled for this route")
        return None
    answer = _ask(walk, config)
    if answer in (None, "allow", 200):
        return None
    status = answer if isinstance(answer, int) else 403
    return Answer(outcome=Outcome.DENIED, status=status)


def apply_network(walk: Walk, config: JsonObject) -> Answer | None:
    """The network filter: a refusal closes the connection."""
    answer = _ask(walk, config)
    return None if answer in (None, "allow", 200) else Answer(outcome=Outcome.DENIED)


def _ask(walk: Walk, config: JsonObject) -> str | int | None:
    """The answer, or None where nobody is asked or nobody has answered."""
    failure = _why_not_asked(walk, config)
    service = service_of(config)
    if failure is not None:
        walk.note("ext_authz", "skipped", failure)
        return None
    walk.asked.append(service)
    answer = walk.request.answers.get(service, walk.request.answers.get(NAME))
    if answer is None:
        walk.is_pending = True
        walk.note("ext_authz", "asked", f"`{service}` decides; no answer is given, so the rest holds if it allows")
        return None
    walk.note("ext_authz", "allowed" if answer in ("allow", 200) else "denied", f"`{service}` answers `{answer}`")
    return answer


def _why_not_asked(walk: Walk, config: JsonObject) -> str | None:
    if "filter_enabled" in config and percent(message(config, "filter_enabled")) == 0:
        return "enabled for none of the requests"
    if "filter_enabled_metadata" in config:
        return why_not_metadata(message(config, "filter_enabled_metadata"), walk.metadata)
    return None


def service_of(config: JsonObject) -> str:
    """The cluster that is asked, over gRPC or HTTP."""
    over_http = string(message(config, "http_service", "server_uri"), "cluster")
    return over_http or string(message(config, "grpc_service", "envoy_grpc"), "cluster_name")
