"""Servers and clients below HTTP: bytes on connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self

Handler = Callable[[socket.socket], None]


class ByteServer:
    """A TCP server on loopback that gives each connection to `handle`, in a thread of its own, and closes it after that."""

    def __init__(self, handle: Handler, address: str = "127.0.0.1") -> None:
        self._handle = handle
        self._socket = socket.create_server((address, 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.accepted = 0

    @property
    def port(self) -> int:
        """The port that the kernel chose."""
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed: the test is over
                return
            self.accepted += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._handle(connection)
            except OSError:
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def says(words: bytes) -> Handler:
    """Greets whoever connects, and then sends back what it gets."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(words)
        while received := connection.recv(4096):
            connection.sendall(received)

    return handle


def upgrades(connection: socket.socket) -> None:
    """Takes any upgrade and then sends back what it gets, as a WebSocket server would its frames."""
    head = read_until(connection, b"\r\n\r\n")
    assert b"upgrade: websocket" in head.lower()
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
    while received := connection.recv(4096):
        connection.sendall(received)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What comes up to `end`, or until the peer closes."""
    found = b""
    while end not in found and (received := connection.recv(4096)):
        found += received
    return found


def connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection to a port of loopback."""
    return socket.create_connection((address, port), timeout=10)


def restored(port: int, destination: str, destination_port: int) -> socket.socket:
    """A connection that says where it was going: by the PROXY protocol, in place of the record that iptables leaves."""
    connection = connect(port)
    connection.sendall(f"PROXY TCP4 127.0.0.1 {destination} 40000 {destination_port}\r\n".encode())
    return connection
