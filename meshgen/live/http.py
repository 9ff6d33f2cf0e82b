"""HTTP/1.1 on a stream: as little as tests need, and the PROXY protocol in front of it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from meshgen.live.process import LOOPBACK

Headers = tuple[tuple[str, str], ...]
_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or a response: its first line, header names in lower case, and the body."""

    start: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """All values of a header, joined; empty where there is none."""
        return ",".join(value for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer."""

    status: int
    headers: Headers
    body: bytes


async def read_message(reader: asyncio.StreamReader, *, of_head: bool = False) -> Message | None:
    """The next message; None at the end of the stream. `of_head`: it answers a HEAD request, and has no body.

    Raises:
        ValueError: for what is no HTTP/1.1.
    """
    first = await reader.readline()
    if not first:
        return None
    headers: list[tuple[str, str]] = []
    while (line := await reader.readline()) not in (b"\r\n", b"\n"):
        if not line:
            return None
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.strip().lower(), value.strip()))
    start = first.decode("latin-1").strip()
    values = dict(headers)
    body = b"" if of_head or _has_no_body(start) else await _read_body(reader, values, is_answer=start.startswith("HTTP/"))
    return Message(start=start, headers=tuple(headers), body=body)


def _has_no_body(start: str) -> bool:
    status = start.split(" ")[1] if start.startswith("HTTP/") else ""
    return status[:1] == "1" or status in {"204", "304"}


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str], *, is_answer: bool) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read() if is_answer and headers.get("connection", "") == "close" else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    while await reader.readline() not in (b"\r\n", b"\n", b""):
        pass
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where and how a client connects: a port of loopback, what the PROXY protocol says of it, and its TLS."""

    port: int
    source: str = ""  # the address that the server takes for the client's; empty for no PROXY header
    destination: str = ""
    destination_port: int = 0
    tls: ssl.SSLContext | None = None
    sni: str = ""


class Client:
    """One connection, kept for the next request as long as the server keeps it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, headers: Headers) -> Response | None:
        """The answer; None where the connection is refused or closed before there is one, or none comes in time."""
        try:
            return await asyncio.wait_for(self._send(method, path, headers), _SECONDS)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            await self.close()
            return None

    async def _send(self, method: str, path: str, headers: Headers) -> Response | None:
        reader, writer = self._streams or await self._connect()
        self._streams = (reader, writer)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("utf-8", "surrogateescape"))
        await writer.drain()
        answer = await read_message(reader, of_head=method == "HEAD")
        if answer is None:
            await self.close()
            return None
        if answer.header("connection").lower() == "close":
            await self.close()
        return Response(status=int(answer.start.split(" ")[1]), headers=answer.headers, body=answer.body)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        door = self._door
        reader, writer = await asyncio.open_connection(LOOPBACK, door.port)
        if door.source:
            family = "TCP6" if ":" in door.source else "TCP4"
            header = f"PROXY {family} {door.source} {door.destination} 40000 {door.destination_port}\r\n"
            writer.write(header.encode())
            await writer.drain()
        if door.tls is not None:
            await writer.start_tls(door.tls, server_hostname=door.sni or None)
        return reader, writer

    async def close(self) -> None:
        """Ends the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
