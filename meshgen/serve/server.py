"""gRPC: Envoy's aggregated discovery service on a loopback address, state of the world and delta."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from envoy.service.discovery.v3 import ads_pb2_grpc

from meshgen.pipeline import Result
from meshgen.serve.messages import node_of, read_request, write_response
from meshgen.serve.service import Connection, Service
from meshgen.serve.watch import Seen, changed, look

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second server on the port is a mistake, and would get half of the Envoys
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.keepalive_time_ms", 30_000),  # a client that is gone without a word
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # Envoy's own keepalive would be taken for an attack
)
_SHARE = 20
"""The sources are looked at so that it takes at most one part in so many of the time."""

_LONGEST = 2.0
"""Seconds between two looks, however long one takes."""

_IDLE = 10
"""Looks without a change after which there is time to collect garbage."""


class PortInUseError(OSError):
    """The address cannot be bound."""


class _Ads(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """The two methods of the service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def StreamAggregatedResources(self, _: Any, context: Any) -> None:  # noqa: ANN401, N802 - grpc's names and types
        await self._talk(context, delta=False)

    async def DeltaAggregatedResources(self, _: Any, context: Any) -> None:  # noqa: ANN401, N802 - as above
        await self._talk(context, delta=True)

    async def _talk(self, context: Any, *, delta: bool) -> None:  # noqa: ANN401 - as above
        first = await context.read()
        if first is grpc.aio.EOF:
            return
        connection = await self._service.connect(node_of(first), delta=delta)
        if isinstance(connection, str):
            await context.abort(grpc.StatusCode.NOT_FOUND, connection)
            return
        tasks = [
            asyncio.create_task(self._read(first, connection, context)),
            asyncio.create_task(self._write(connection, context)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._service.disconnect(connection)

    async def _read(self, first: Any, connection: Connection, context: Any) -> None:  # noqa: ANN401 - as above
        message = first
        while message is not grpc.aio.EOF:
            request = read_request(message, delta=connection.stream.delta)
            if request is not None:
                self._service.receive(connection, request)
            message = await context.read()

    async def _write(self, connection: Connection, context: Any) -> None:  # noqa: ANN401 - as above
        while True:
            await connection.wake.wait()
            connection.wake.clear()
            for response in connection.stream.responses() if connection.has_target else ():
                await context.write(write_response(response, self._service.encoder, delta=connection.stream.delta))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is watched: the project's directory as it was before the first compile, and how it is compiled again."""

    root: Path
    seen: Seen
    compile_again: Callable[[], Result]
    interval: float  # seconds between two looks


async def serve(service: Service, sources: Sources, address: str, port: int, say_ready: Callable[[int], None]) -> None:
    """Serves until SIGINT or SIGTERM; `say_ready` is told the port, which the kernel chooses where it is 0.

    Raises:
        PortInUseError: where the address cannot be bound.
    """
    server = grpc.aio.server(options=_OPTIONS)
    ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(_Ads(service), server)
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        bound = server.add_insecure_port(where)
    except RuntimeError as error:
        raise PortInUseError(where) from error
    await server.start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    say_ready(bound)
    watching = asyncio.create_task(_watch(service, sources))
    ending = asyncio.create_task(ended.wait())
    await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    await server.stop(grace=0.2)
    service.close()
    if watching.done() and not watching.cancelled():
        watching.result()


async def _watch(service: Service, sources: Sources) -> None:
    """Compiles again whenever the sources have changed and then stayed as they are for one look: editors write in pieces."""
    clock = asyncio.get_running_loop().time
    known = seen = sources.seen
    idle, dirty = 0, False
    while True:
        now, took = await service.aside(lambda: _timed_look(sources.root, clock))
        await asyncio.sleep(max(sources.interval, min(took * _SHARE, _LONGEST)))
        settled, seen = now == seen, now
        idle = idle + 1 if now == known else 0
        if settled and now != known:
            files, known = changed(known, now, service.tried), now
            if files:
                dirty = True
                await service.update(await service.aside(sources.compile_again), files)
        if dirty and idle == _IDLE:  # no collection runs by itself (`cli/__init__.py`)
            dirty = False
            await service.aside(gc.collect)


def _timed_look(root: Path, clock: Callable[[], float]) -> tuple[Seen, float]:
    """A look, and how many seconds it took by itself: it may have waited for a compile to end."""
    began = clock()
    seen = look(root)
    return seen, clock() - began
