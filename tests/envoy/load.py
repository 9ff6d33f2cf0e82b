"""Requests in a loop while something changes: which servers answered, and what failed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness import http_request


@dataclass
class Load:
    """Requests in a loop until it is told to stop, at most `limit` in each of its threads."""

    port: int
    limit: int = 20_000
    servers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for _ in range(self.limit):
            if self._stop.is_set():
                return
            self.ask()

    def ask(self) -> None:
        try:
            answer = http_request(self.port, "/", host="catalog")
        except OSError as error:
            self.failures.append(repr(error))
        else:
            if answer.status == 200:
                self.servers[answer.json()["server"]] += 1
            else:
                self.failures.append(f"{answer.status} {answer.body!r}")

    @contextmanager
    def running(self, threads: int = 2) -> Iterator[None]:
        workers = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            self._stop.set()
            for worker in workers:
                worker.join(30)
