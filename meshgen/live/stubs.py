"""Stub applications on loopback: HTTP/1.1 servers that remember what they get and answer 200, or as the request asks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field

from meshgen.live.http import Headers, read_message
from meshgen.live.process import LOOPBACK

TEST = "x-meshgen-test"
"""The header by which a request is known again, wherever it is seen."""

ANSWER = "x-meshgen-answer"
"""The header that tells a stub how to fail: a status, or `reset`."""

BRING = "x-meshgen-bring"
"""The header that tells a stub which headers to answer with, separated by commas."""

OURS = frozenset({TEST, ANSWER, BRING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as a stub got it."""

    stub: str
    test: str
    method: str
    path: str
    host: str
    headers: Headers


@dataclass(slots=True)
class Stubs:
    """The stubs of a run, each on a port of its own. Entered, they serve; what they get is in `arrivals`."""

    arrivals: list[Arrival] = field(default_factory=list)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _served: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = field(default_factory=dict)

    async def add(self, name: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """One more stub, on this port."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._served[writer] = asyncio.current_task()
            try:
                while await self._answer(name, reader, writer):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError, ValueError):
                pass  # the peer went away, or does not speak HTTP/1.1
            finally:
                writer.close()
                self._served.pop(writer, None)

        self._servers.append(await asyncio.start_server(serve, LOOPBACK, port, ssl=tls))

    async def close(self) -> None:
        """Stops all of them, and waits until nobody is served."""
        for server in self._servers:
            server.close()
        tasks = [task for task in self._served.values() if task is not None]
        for writer in tuple(self._served):
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Reads one request and answers it; whether the connection goes on."""
        message = await read_message(reader)
        if message is None:
            return False
        method, path = message.start.split(" ")[:2]
        values = dict(reversed(message.headers))
        kept = tuple(pair for pair in message.headers if pair[0] != "host")
        self.arrivals.append(
            Arrival(stub=name, test=values.get(TEST, ""), method=method, path=path, host=values.get("host", ""), headers=kept)
        )
        wanted = values.get(ANSWER, "200")
        if wanted == "reset":
            writer.transport.abort()
            return False
        brought = "".join(f"{header}: stub\r\n" for header in _listed(values.get(BRING, "")))
        body = b"" if method == "HEAD" else b"stub"
        writer.write(
            f"HTTP/1.1 {wanted} -\r\ncontent-length: {4 if method == 'HEAD' else len(body)}\r\n{brought}\r\n".encode() + body
        )
        await writer.drain()
        return values.get("connection", "").lower() != "close"


def _listed(text: str) -> Iterable[str]:
    return (name.strip() for name in text.split(",") if name.strip())
