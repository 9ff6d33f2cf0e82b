"""The proxies of one project: what each is to have, and who is connected. Everything here runs in one event loop.

What takes long (compiling, translating, encoding) runs in one thread beside it, so that a large mesh does not keep answers
waiting; a stream has its own place in the loop, so that a client that does not read keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from meshgen.diagnostics import Diagnostic, suggest
from meshgen.emit.envoy.bootstrap import BootstrapOptions, node
from meshgen.emit.envoy.delivery import Delivery
from meshgen.emit.envoy.limits import delivery_limits
from meshgen.json import JsonValue
from meshgen.pipeline import Result, envoy_snapshots
from meshgen.serve.blame import not_encoded, refused
from meshgen.serve.messages import Encoder, EncodingError
from meshgen.serve.ordering import History, Refusal, Request, Stream
from meshgen.serve.snapshots import EMPTY, Served, served

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that whoever watches wants to know."""

    name: str  # stable, for machines
    message: str
    proxy: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, bytes] = field(default_factory=dict)
    more: Mapping[str, JsonValue] = field(default_factory=dict)


Say = Callable[[Event], None]


@dataclass(eq=False, slots=True, kw_only=True)
class Connection:
    """One stream of one client."""

    proxy: str
    stream: Stream
    has_target: bool
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    told: bool = False


class Service:
    """What is served, as of the last compile that went well."""

    def __init__(self, result: Result, say: Say, wanted: frozenset[str] = frozenset(), certificates: str = "") -> None:
        """`wanted` are the proxies that are served; all where it is empty."""
        self.encoder = Encoder()
        self._say = say
        self._wanted = wanted
        self._options = BootstrapOptions(certificates=certificates) if certificates else BootstrapOptions()
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._connections: set[Connection] = set()
        self._histories: dict[str, History] = {}
        self._unknown: set[str] = set()
        self._said: frozenset[Diagnostic] = frozenset()
        self._served: dict[str, Served] = {}
        self._broken: tuple[Diagnostic, ...] = ()
        self.tried = result  # the last compile, good or not
        self._set(result)

    def _set(self, result: Result) -> None:
        self._result = result
        self.proxies = {each.id: each for each in result.output_proxies if not self._wanted or each.id in self._wanted}
        self._nodes = {str(node(each)["id"]): each.id for each in self.proxies.values()} | {each: each for each in self.proxies}

    async def aside(self, work: Callable[[], T]) -> T:
        """Runs what takes long in the one thread beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    # --- the sources ------------------------------------------------------------------------------------------------
    async def update(self, result: Result, changed: Iterable[str] = ()) -> None:
        """Takes a new compile. A broken one is said once, and what was served stays; any other goes to the connected proxies."""
        files = list(changed)
        self.tried = result
        if result.failed:
            if result.diagnostics != self._broken:
                text = "the sources are broken; Envoys keep the last good configuration"
                self._report("broken", text, result.diagnostics, result.texts, {"files": [*files]})
            self._broken = result.diagnostics
            return
        mended, self._broken = bool(self._broken), ()
        news = frozenset(result.diagnostics) - frozenset(self._result.diagnostics)
        self._set(result)
        text = "the sources are in order again" if mended else f"compiled: {_some(files)}"
        kept = tuple(each for each in result.diagnostics if each in news)
        self._report("mended" if mended else "compiled", text, kept, result.texts, {"files": [*files]})
        before = self._served
        connected = sorted({each.proxy for each in self._connections})
        made = await self.aside(lambda: {name: self._make(name, before.get(name)) for name in connected})
        self._served = {name: each for name, each in made.items() if each is not None}
        for connection in tuple(self._connections):
            if connection.proxy not in made:
                continue  # it came meanwhile, and has the new state
            self._retarget(connection, before.get(connection.proxy), made[connection.proxy])
        self.encoder.forget_unused()

    def _retarget(self, connection: Connection, before: Served | None, now: Served | None) -> None:
        if now is None:
            return
        connection.stream.retarget(now)
        connection.told = connection.told and before is not None and now.resources == before.resources
        connection.has_target = True
        connection.wake.set()

    def _make(self, name: str, before: Served | None) -> Served | None:
        """What a proxy is to have; what it had where there is none, or where it cannot be sent. Runs beside the loop."""
        proxy, result = self.proxies.get(name), self._result
        if proxy is None:
            return before
        snapshots, found = envoy_snapshots(result.mesh, [proxy])
        found += delivery_limits(result.mesh, result.mesh.view(proxy), Delivery.ADS, self._options)
        kept = [each for each in result.suppressions.keep(found)[0] if each not in self._said]
        self._said |= frozenset(kept)
        if kept:
            self._say(Event(name="limits", message="", proxy=name, diagnostics=tuple(kept), texts=result.texts))
        made = served(snapshots[0], self._options.certificates)
        try:
            self.encoder.encode_all(made)
        except EncodingError as error:
            each = made.resources[error.kind][error.name]
            said = not_encoded(result, proxy, error.kind, each, error.reason)
            self._report("not-encoded", f"{name} keeps what it had", (said,), result.texts, {}, proxy=name)
            return before
        return made

    def _report(
        self,
        name: str,
        message: str,
        diagnostics: tuple[Diagnostic, ...],
        texts: Mapping[str, bytes],
        more: Mapping[str, JsonValue],
        *,
        proxy: str = "",
    ) -> None:
        self._say(Event(name=name, message=message, proxy=proxy, diagnostics=diagnostics, texts=texts, more=more))

    # --- clients ----------------------------------------------------------------------------------------------------
    async def connect(self, node_id: str, *, delta: bool) -> Connection | str:
        """A stream for the proxy of a node; for a node that is none's, why not."""
        name = self._nodes.get(node_id)
        if name is None:
            return self._stranger(node_id)
        if name not in self._served:
            made = await self.aside(lambda: self._make(name, None))
            if made is not None:
                self._served.setdefault(name, made)
        target = self._served.get(name)
        history = self._histories.setdefault(name, History())
        connection = Connection(proxy=name, stream=Stream(target or EMPTY, history, delta=delta), has_target=target is not None)
        self._connections.add(connection)
        self._say(Event(name="connected", message=f"{name} connected", proxy=name, more={"delta": delta}))
        return connection

    def _stranger(self, node_id: str) -> str:
        """Said once: Envoy asks again and again."""
        parts = node_id.split("~")
        asked = "/".join(reversed(parts[2].split(".", 1))) if len(parts) == 4 and "." in parts[2] else node_id
        text = f"no proxy has the node id `{node_id}`; {suggest(asked, self.proxies)}"
        if node_id not in self._unknown:
            self._unknown.add(node_id)
            self._say(Event(name="unknown-node", message=text, more={"node": node_id}))
        return text

    def disconnect(self, connection: Connection) -> None:
        """The stream has ended, for whatever reason."""
        self._connections.discard(connection)
        self._say(Event(name="disconnected", message=f"{connection.proxy} disconnected", proxy=connection.proxy))

    def receive(self, connection: Connection, request: Request) -> None:
        """Takes note of what a client says."""
        refusal = connection.stream.receive(request)
        if refusal is not None:
            self._refused(connection.proxy, refusal)
        if not connection.told and connection.has_target and connection.stream.is_settled:
            connection.told = True
            self._say(Event(name="taken", message=f"{connection.proxy} has taken it", proxy=connection.proxy))
        connection.wake.set()

    def _refused(self, name: str, refusal: Refusal) -> None:
        result, proxy = self._result, self.proxies.get(name)
        if proxy is None:  # it is no longer of the project; what it had was good once
            return
        said = refused(result, proxy, refusal)
        more: dict[str, JsonValue] = {"type": refusal.kind.value, "resources": [each.name for each in refusal.resources]}
        self._report("refused", f"{name} refuses its {refusal.kind.value}", (said,), result.texts, more, proxy=name)

    def close(self) -> None:
        """Gives up the thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _some(files: list[str]) -> str:
    """The first few of the files that changed."""
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
