"""The harness itself: a real Envoy comes up, routes to an echo server and goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from harness import EchoServer, http_request, start_envoy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.envoy

TYPES = "type.googleapis.com/envoy.extensions"


def bootstrap(upstream_port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"path": "/closed"}, "direct_response": {"status": 418}},
                        {"match": {"prefix": "/"}, "route": {"cluster": "echo"}},
                    ],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
            }
        ],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}
    cluster = {
        "name": "echo",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "echo",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    listener = {
        "name": "main",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def test_a_request_reaches_the_echo_server_through_envoy_and_envoy_stops(tmp_path: Path):
    with EchoServer("one") as echo, start_envoy(bootstrap(echo.port), tmp_path) as envoy:
        port = envoy.listener_port("main")
        answer = http_request(port, "/a?b=c", method="PURGE", host="shop.example", headers=[("x-one", "1")], body=b"hi")
        closed = http_request(port, "/closed")
        assert envoy.stat("cluster.echo.upstream_rq_200") == 1
        assert envoy.config_dump()["configs"]
    assert (answer.status, closed.status) == (200, 418)
    assert answer.json()["server"] == "one"
    received = echo.received[0]
    assert (received.method, received.path, received.host, received.body) == ("PURGE", "/a?b=c", "shop.example", b"hi")
    assert received.header("X-One") == "1"
    assert envoy.process.returncode == 0
