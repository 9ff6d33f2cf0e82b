"""A real Envoy on loopback for tests: start it with a bootstrap, send requests through it to echo servers, stop it.

`with start_envoy(bootstrap, tmp_path) as envoy:` runs Envoy as a direct child until the block ends. Listeners may bind
port 0: ask `envoy.listener_port(name)` for the port that the kernel chose. Nothing here sleeps for a fixed time:
everything polls with a deadline.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from meshgen.live.process import EnvoyError, find_envoy, free_port, launch

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["EchoServer", "RunningEnvoy", "find_envoy", "free_port", "http_request", "start_envoy", "wait_until"]

Headers = Iterable[tuple[str, str]]


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Poll until the condition holds; fails with `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting until {what}"
        pause.wait(0.02)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer: header names lower-case, in the order received."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """The body as JSON; an echo server's body is `{server, method, path, host, headers, body}`."""
        return json.loads(self.body)


def named_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers of keyword arguments: `x_user` is `x-user`."""
    return [(name.replace("_", "-"), value) for name, value in headers.items()]


def http_request(
    port: int,
    path: str = "/",
    *,
    method: str = "GET",
    host: str | None = None,
    headers: Headers = (),
    body: bytes | None = None,
    tls: SSLContext | None = None,
    sni: str | None = None,
    address: str = "127.0.0.1",
    source: str | None = None,
    timeout: float = 10.0,
) -> Response:
    """One HTTP/1.1 request on a connection of its own; sends exactly the headers given, and Host.

    With `tls` the connection is wrapped with that context and `sni`: the host without it, no server name if empty. A
    connection that the server ends raises what http.client raises (ConnectionError, RemoteDisconnected, ssl.SSLError).
    """
    connection = http.client.HTTPConnection(address, port, timeout=timeout, source_address=(source, 0) if source else None)
    connection.connect()
    if tls is not None:
        connection.sock = tls.wrap_socket(connection.sock, server_hostname=(host if sni is None else sni) or None)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host if host is not None else f"{address}:{port}")
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        received = tuple((name.lower(), value) for name, value in answer.getheaders())
        return Response(answer.status, received, answer.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Received:
    """A request as an echo server saw it: header names lower-case, Host apart from the other headers."""

    method: str
    path: str
    host: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


Answer = tuple[int, Headers, bytes]


class EchoServer:
    """An HTTP/1.1 upstream in threads: records what it gets and answers with it as JSON, or what `respond` says.

    `respond` takes the request and gives `(status, headers, body)`; it may block to play a slow server. With `tls` it speaks
    HTTPS.
    """

    def __init__(
        self, name: str = "echo", respond: Callable[[Received], Answer] | None = None, tls: SSLContext | None = None
    ) -> None:
        self.name = name
        self.received: list[Received] = []
        self._respond = respond or self.echo
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def echo(self, request: Received) -> Answer:
        """200 with the request as JSON."""
        record = {
            "server": self.name,
            "method": request.method,
            "path": request.path,
            "host": request.host,
            "headers": request.headers,
            "body": request.body.decode("latin-1"),
        }
        return 200, (("content-type", "application/json"),), json.dumps(record).encode()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                fields = tuple((name.lower(), value) for name, value in self.headers.items())
                request = Received(
                    method=self.command,
                    path=self.requestline.split(" ")[1],  # http.server's own `path` folds leading slashes
                    host=self.headers.get("host") or "",
                    headers=tuple(field for field in fields if field[0] != "host"),
                    body=self.rfile.read(length),
                )
                owner.received.append(request)
                status, headers, body = owner._respond(request)
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):  # any method at all, also one that http.server does not know
                    return self.do_any
                raise AttributeError(name)

            def log_message(self, *arguments: object) -> None:
                """Keep tests quiet."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # Envoy may reset a connection; that is not the server's failure
                    self.close_connection = True

        return Handler


class RunningEnvoy:
    """A live Envoy: its admin interface and what is read from it."""

    def __init__(self, process: subprocess.Popen[bytes], admin_port: int, log: Path) -> None:
        self.process = process
        self.admin_port = admin_port
        self.log = log

    def admin(self, path: str, method: str = "GET") -> Response:
        """Ask the admin interface."""
        return http_request(self.admin_port, path, method=method)

    def config_dump(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """`/config_dump` with endpoints, as JSON."""
        return self.admin("/config_dump?include_eds").json()

    def listener_port(self, name: str) -> int:
        """The port that a listener is bound to."""
        listeners = self.admin("/listeners?format=json").json()["listener_statuses"]
        address = next(entry["local_address"] for entry in listeners if entry["name"] == name)
        return int(address["socket_address"]["port_value"])

    def stat(self, name: str) -> int:
        """A counter or gauge; 0 where Envoy has not made it yet."""
        lines = self.admin(f"/stats?filter=^{quote(name)}$").body.decode().splitlines()
        return next((int(line.rpartition(":")[2]) for line in lines if line.startswith(f"{name}:")), 0)


@contextmanager
def start_envoy(
    bootstrap: Mapping[str, Any],
    directory: Path,
    *,
    arguments: Iterable[str] = (),
    seconds: float = 30.0,
    binary: Path | None = None,
) -> Iterator[RunningEnvoy]:
    """Run Envoy with this bootstrap until the block ends; files (bootstrap, log) go to `directory`.

    It is the Envoy that is installed beside this interpreter, or `binary`. An admin interface on a free loopback port is added
    where there is none. Fails with Envoy's log when it does not come up.
    """
    admin: dict[str, Any] = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
    process = launch(binary or find_envoy(), {"admin": admin, **bootstrap}, directory, arguments)
    try:
        process.wait_ready(seconds)
        yield RunningEnvoy(process.process, process.admin_port, process.log)
    except EnvoyError as error:
        raise AssertionError(str(error)) from error
    finally:
        process.stop()
