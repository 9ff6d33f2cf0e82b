"""Local rate limits with descriptors: the simulator counts as a real Envoy does."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import EchoServer, http_request, start_envoy
from test_trace_vs_envoy import HTTP, bootstrap

from meshgen.trace import EnvoyConfig, Outcome, Request, trace

pytestmark = pytest.mark.envoy

Json = dict[str, Any]
PLACE = "127.0.0.21"
BUCKET = {"max_tokens": 50, "tokens_per_fill": 50, "fill_interval": "3600s"}
WHOLE = {"default_value": {"numerator": 100}}


def few(tokens: int) -> Json:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "3600s"}


def filters() -> Json:
    limit = {
        "@type": f"{HTTP}.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limit",
        "token_bucket": BUCKET,
        "filter_enabled": WHOLE,
        "filter_enforced": WHOLE,
        "descriptors": [
            {"entries": [{"key": "user", "value": "ann"}], "token_bucket": few(2)},
            {"entries": [{"key": "user", "value": "ann"}, {"key": "plan", "value": "free"}], "token_bucket": few(1)},
            {"entries": [{"key": "kind", "value": "import"}], "token_bucket": few(1)},
        ],
    }
    return {"envoy.filters.http.local_ratelimit": limit}


def routes() -> Json:
    user = {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}}
    plan = {"request_headers": {"header_name": "x-plan", "descriptor_key": "plan", "skip_if_absent": True}}
    bulk = {
        "header_value_match": {
            "descriptor_key": "kind",
            "descriptor_value": "import",
            "headers": [{"name": "x-import", "string_match": {"exact": "yes"}}],
        }
    }
    action = {"cluster": "echo", "rate_limits": [{"actions": [user, plan]}, {"actions": [bulk]}]}
    table = [{"name": "all", "match": {"prefix": "/"}, "route": action, "typed_per_filter_config": filters()}]
    return {"name": "table", "virtual_hosts": [{"name": "host", "domains": ["*"], "routes": table}]}


CALLS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("x-user", "ann"),),
    (("x-user", "ann"),),
    (("x-user", "ann"),),
    (("x-user", "bob"),),
    (("x-user", "ann"), ("x-plan", "free")),
    (("x-user", "ann"), ("x-plan", "free")),
    (("x-import", "yes"),),
    (("x-import", "yes"),),
    (("x-import", "no"),),
    (),
)


def test_requests_are_counted_by_their_descriptors():
    listener = bootstrap(0, [PLACE], [({}, None, routes())])["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    kind = {"@type": f"{HTTP}.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limit"}
    manager["http_filters"].insert(0, {"name": "envoy.filters.http.local_ratelimit", "typed_config": kind})
    with tempfile.TemporaryDirectory() as directory, EchoServer() as echo:
        frame = bootstrap(echo.port, [], [])
        frame["static_resources"]["listeners"] = [listener]
        with start_envoy(frame, Path(directory)) as envoy:
            port, config = envoy.listener_port(PLACE), EnvoyConfig.from_config_dump(envoy.config_dump())
            seen: Counter[tuple[tuple[str, str], ...]] = Counter()
            for headers in CALLS:
                seen[headers] += 1
                answer = http_request(port, "/", host="a", headers=headers, address=PLACE)
                request = Request(host="a", headers=headers, port=0, address=PLACE, nth=seen[headers])
                decision = trace(config, request)
                told = 200 if decision.outcome is Outcome.ROUTED else decision.status
                assert (headers, seen[headers], told) == (headers, seen[headers], answer.status)
