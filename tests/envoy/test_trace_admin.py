"""`meshgen trace --admin` over a running Envoy: its configuration, and the endpoints that it has."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness import EchoServer, http_request, start_envoy
from test_trace_vs_envoy import bootstrap

from meshgen.cli.app import cli

pytestmark = pytest.mark.envoy

PLACE = "127.0.0.22"


def test_a_running_envoy_is_traced_as_it_answers():
    routes = [
        {"name": "here", "match": {"prefix": "/a"}, "route": {"cluster": "echo", "timeout": "2s"}},
        {"name": "gone", "match": {"prefix": "/"}, "direct_response": {"status": 410}},
    ]
    table = {"name": "table", "virtual_hosts": [{"name": "host", "domains": ["shop.example"], "routes": routes}]}
    with socket.create_server((PLACE, 0)) as taken:
        port = taken.getsockname()[1]
    frame = bootstrap(0, [PLACE], [({}, None, table)])
    frame["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = port
    with (
        tempfile.TemporaryDirectory() as directory,
        EchoServer() as echo,
        start_envoy(
            {
                "static_resources": {
                    **bootstrap(echo.port, [], [])["static_resources"],
                    "listeners": frame["static_resources"]["listeners"],
                }
            },
            Path(directory),
        ) as envoy,
    ):
        admin = f"http://127.0.0.1:{envoy.admin_port}"
        for path in ("/a", "/b"):
            real = http_request(port, path, host="shop.example", address=PLACE).status
            arguments = [
                "trace",
                "--json",
                "--admin",
                admin,
                "curl",
                "--connect-to",
                f"::{PLACE}:{port}",
                f"http://shop.example{path}",
            ]
            told = CliRunner().invoke(cli, arguments)
            found = json.loads(told.stdout)
            status = found["answer"].get("status", 200 if found["answer"]["outcome"] == "routed" else None)
            assert (path, status) == (path, real)
