"""An HTTP request on its way through Envoy: what filters see and change."""

from __future__ import annotations

from dataclasses import dataclass, replace

HeaderList = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMessage:
    """The request as the HTTP connection manager hands it to filters: lower-case header names, pseudo-headers apart."""

    method: str
    path: str | None  # with the query; None for CONNECT, which has none
    host: str
    scheme: str
    headers: HeaderList

    @property
    def bare_path(self) -> str:
        """The path without query and fragment, which is what matchers see."""
        path = self.path or ""
        return path.partition("?")[0].partition("#")[0]

    @property
    def query(self) -> str:
        """What stands after `?`, without the fragment."""
        return (self.path or "").partition("?")[2].partition("#")[0]

    def header(self, name: str) -> str | None:
        """The value of a header or pseudo-header, several joined by `,`; None if missing."""
        values = self.header_values(name)
        return ",".join(values) if values else None

    def header_values(self, name: str) -> list[str]:
        """The values of a header or pseudo-header, one by one."""
        name = name.lower()
        if name.startswith(":") or name == "host":
            value = self._pseudo(name)
            return [] if value is None else [value]
        return [value for key, value in self.headers if key == name]

    def _pseudo(self, name: str) -> str | None:
        if name == ":path":
            return self.path
        return {":method": self.method, ":authority": self.host, "host": self.host, ":scheme": self.scheme}.get(name)

    def query_values(self, name: str) -> list[str]:
        """The values of a query parameter as they stand in the URL, undecoded."""
        pairs = (item.partition("=") for item in self.query.split("&") if item)
        return [value for key, _, value in pairs if key == name]

    def without(self, *names: str) -> HttpMessage:
        """A copy without some headers."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] not in names))

    def with_header(self, name: str, value: str) -> HttpMessage:
        """A copy where a header has this one value, at its first place or at the end."""
        headers = list(self.headers)
        places = [index for index, (key, _) in enumerate(headers) if key == name]
        if not places:
            return replace(self, headers=(*self.headers, (name, value)))
        headers[places[0]] = (name, value)
        return replace(self, headers=tuple(pair for index, pair in enumerate(headers) if index not in places[1:]))
