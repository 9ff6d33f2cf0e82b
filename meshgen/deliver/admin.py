"""The admin interface of a running Envoy, asked on loopback only: who reaches it may do anything with the Envoy."""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass

from meshgen.json import JsonObject

_SECONDS = 10.0
_REFUSED = "update_rejected"
_DRAINING = ("listener_manager.total_listeners_draining", "listener_manager.total_filter_chains_draining")


class AdminError(Exception):
    """Envoy gave no answer, or none that can be read; says what was met."""


@dataclass(frozen=True, slots=True)
class Admin:
    """Where an Envoy's admin interface is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def config_dump(self) -> JsonObject:
        """`/config_dump`. Raises AdminError."""
        try:
            value = json.loads(self._get("/config_dump"))
        except ValueError as error:
            message = f"`{self}` answers `/config_dump` with something that is no JSON"
            raise AdminError(message) from error
        return value if isinstance(value, dict) else {}

    def refused(self) -> Mapping[str, int]:
        """How many updates Envoy has refused, by the counter's name; those without any are left out. Raises AdminError."""
        return {name: count for name, count in self._stats(f"{_REFUSED}$").items() if count}

    def versions(self) -> frozenset[str]:
        """The versions that its subscriptions have, endpoints among them. Raises AdminError."""
        lines = self._get("/stats?type=TextReadouts&filter=version_text%24").decode().splitlines()
        return frozenset(line.rpartition(": ")[2].strip('"') for line in lines)

    def draining(self) -> int:
        """The listeners and filter chains that old connections still use. Raises AdminError."""
        return sum(self._stats(f"^({'|'.join(_DRAINING)})$").values())

    def _stats(self, pattern: str) -> dict[str, int]:
        lines = self._get(f"/stats?filter={pattern.replace('^', '%5E').replace('|', '%7C').replace('$', '%24')}").decode()
        found = (line.rpartition(": ") for line in lines.splitlines())
        return {name: int(value) for name, _, value in found if value.isdigit()}

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "strerror", None) or type(error).__name__).lower()
            message = f"no Envoy answers at `{self}` ({reason})"
            raise AdminError(message) from error
        finally:
            connection.close()
        if answer.status != 200:
            message = f"`{self}` answers `{path.partition('?')[0]}` with status {answer.status}"
            raise AdminError(message)
        return content


def parse_admin(text: str) -> Admin:
    """An admin interface from `host:port`, with `http://` or without. Raises ValueError where it is none, or not on loopback."""
    host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or not 0 < int(port) < 65536 or not host:
        message = f"`{text}` is no address of an admin interface; write it as `127.0.0.1:15000`"
        raise ValueError(message)
    if not _is_loopback(host):
        message = f"`{text}` is not on this machine: an admin interface is asked on loopback only, for it may do anything"
        raise ValueError(message)
    return Admin(host, int(port))


def admin_of(bootstrap: JsonObject) -> Admin | None:
    """The admin interface that a bootstrap opens on loopback, if it opens one there."""
    match bootstrap:
        case {"admin": {"address": {"socket_address": {"address": str(host), "port_value": int(port)}}}}:
            return Admin(host, port) if port and _is_loopback(host) else None
        case _:
            return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
