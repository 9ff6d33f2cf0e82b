"""README.md here names a live test for each group of fields that acts in Envoy, and each is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [line.strip("| ").split(" | ") for line in (HERE / "README.md").read_text().splitlines() if "::" in line]

GROUPS = """
server names; ALPN; transport; TLS at gateways; certificates from files and SDS; HTTP/1 and HTTP/2; gRPC; WebSocket; TCP;
hosts and their precedence; matches; weights; rewrites; redirects; header operations; retries; timeouts; faults; CORS; mirrors;
hashing; direct responses; delegation; load balancing; localities; warm-up; connection pools; outlier detection; keep-alive;
TLS to upstreams; automatic mutual TLS; resolutions of a ServiceEntry; REGISTRY_ONLY and ALLOW_ANY; scopes and exportTo;
authorization; tokens; external authorizers; dry runs; access logs; tracing; Lua; WebAssembly; local rate limits;
global rate limits; EnvoyFilter
"""
"""All that has to be seen."""


def test_every_group_of_fields_is_seen_in_a_live_test():
    assert [group for group, _ in ROWS] == re.split(r";\s+", GROUPS.strip())


def test_every_test_that_the_table_names_is_there():
    named = [each for _, tests in ROWS for each in re.findall(r"`([^`]+)`", tests)]
    present = {
        f"{path.name}::{name}"
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert [each for each in named if each not in present] == []
