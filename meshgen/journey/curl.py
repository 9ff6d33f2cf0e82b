"""A curl command as a question: what it sends, without running it."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from meshgen.diagnostics import did_you_mean
from meshgen.journey.certificate import certificate_identity
from meshgen.journey.curl_options import HARMLESS, HARMLESS_VALUES, SHORT, UNMODELLED, UNMODELLED_VALUES
from meshgen.journey.question import Question, UnanswerableError

_SHELL = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "2>", "2>&1", "<"})
_ANSI_C = re.compile(r"\$'((?:[^'\\]|\\.)*)'")
_GLOB = re.compile(r"\{[^{}]*,[^{}]*\}|\[(?:\d+-\d+|[a-zA-Z]-[a-zA-Z])(?::\d+)?\]")
_PLACE = re.compile(r"(?P<host>\[[^]]*\]|[^:]*):(?P<port>\d*):(?P<rest>.*)")
_MAKES_SEVERAL = "next"
_OURS = frozenset({"from", "gateway", "to", "explain", "format", "claim", "token", "principal", "env", "cluster", "admin"})


def is_curl(words: Sequence[str]) -> bool:
    """Whether words from a command line are a curl command, as words or as one text."""
    return bool(words) and (words[0] in ("curl", "curl.exe") or words[0].lstrip().startswith(("curl ", "curl.exe ")))


def read_curl(words: Sequence[str]) -> Question:
    """The request that a curl command sends; `words` may be one text with the whole command, as it stands in a shell.

    What curl would do and the trace does not stands in the question's notes.

    Raises:
        UnanswerableError: for an option that curl does not have, one without its value, no URL or several.
    """
    split = list(words)
    if len(split) == 1 and split[0].lstrip().startswith(("curl ", "curl.exe ")):
        split = _split(split[0])
    command = _Command()
    _read_words(command, iter(split[1:] if split[:1] in (["curl"], ["curl.exe"]) else split))
    return command.question()


def _split(text: str) -> list[str]:
    """The words of a command in a shell, up to a pipe or a redirection."""
    joined = re.sub(r"[\\^]\r?\n", " ", text)  # lines that go on, in sh and in cmd.exe
    plain = _ANSI_C.sub(lambda found: shlex.quote(_unescaped(found[1])), joined)
    try:
        words = shlex.split(plain)
    except ValueError as error:
        message = f"the curl command cannot be read: {str(error)[:1].lower()}{str(error)[1:]}"
        raise UnanswerableError(message) from error
    end = next((index for index, word in enumerate(words) if word in _SHELL), len(words))
    return words[:end]


def _unescaped(text: str) -> str:
    simple = {"n": "\n", "r": "\r", "t": "\t"}
    pattern = re.compile(r"\\(?:u(?P<u>[0-9a-fA-F]{1,4})|x(?P<x>[0-9a-fA-F]{1,2})|(?P<c>.))", re.DOTALL)
    return pattern.sub(lambda m: chr(int(m["u"] or m["x"], 16)) if m["c"] is None else simple.get(m["c"], m["c"]), text)


@dataclass(slots=True)
class _Command:
    """What has been read of a command so far."""

    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)  # headers of curl's own that are not sent
    data: list[str] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    content_type: str = "application/x-www-form-urlencoded"
    own: dict[str, str] = field(default_factory=lambda: {"user-agent": "curl/8.5.0", "accept": "*/*"})
    flags: set[str] = field(default_factory=set)
    target: str = ""
    resolved: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    http: str = "1.1"
    certificate: str | None = None
    notes: list[str] = field(default_factory=list)

    def question(self) -> Question:
        if not self.urls:
            message = "the curl command names no URL; write it as in `curl http://catalog/items`"
            raise UnanswerableError(message)
        if len(self.urls) > 1:
            message = f"one URL is traced at a time; `{self.urls[1]}` is left over"
            raise UnanswerableError(message)
        url = self._url(self.urls[0])
        identity = certificate_identity(Path(self.certificate)) if self.certificate is not None else ""
        if self.certificate is not None and not identity:
            self.notes.append(f"which identity `{self.certificate}` has is not known; say it with `--principal` before `curl`")
        return Question(
            url=url,
            method=self._method(),
            headers=tuple(self._headers()),
            client_certificate=identity,
            has_certificate=self.certificate is not None,
            http=self.http,
            connect_to=self._connection(url),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _method(self) -> str:
        if self.method:
            return self.method
        if "head" in self.flags:
            return "HEAD"
        if "upload-file" in self.flags:
            return "PUT"
        return "POST" if self.data and "get" not in self.flags else "GET"

    def _headers(self) -> Iterator[tuple[str, str]]:
        given = {name.lower() for name, _ in self.headers}
        own = dict(self.own)
        if self.data and "get" not in self.flags:
            own["content-length"] = str(len("&".join(self.data).encode()))
            own["content-type"] = self.content_type
        yield from ((name, value) for name, value in own.items() if name not in given | self.removed)
        yield from self.headers

    def _url(self, text: str) -> str:
        if "globoff" not in self.flags and (found := _GLOB.search(text)):
            message = f"`{found.group()}` in the URL stands for several requests; write one of them, or `--globoff`"
            raise UnanswerableError(message)
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
        except ValueError:
            return url  # which the question refuses
        path = parts.path if "path-as-is" in self.flags else _without_dots(parts.path)
        query = [parts.query, *self.query, *(self.data if "get" in self.flags else ())]
        changed = parts._replace(path=path, query="&".join(each for each in query if each))
        if self.target.startswith("/"):
            path, _, asked = self.target.partition("?")
            changed = changed._replace(path=path, query=asked)
        return urlunsplit(changed)

    def _connection(self, url: str) -> tuple[str, int | None]:
        """Where the connection goes: the first `--connect-to` for this host and port, then `--resolve` of what it leads to."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", _port_of(url)
        dialled, dialled_port = host, port
        for text in self.connected:
            place = _PLACE.fullmatch(text)
            rest = _PLACE.fullmatch(f"{place['rest']}:") if place else None
            if place is None or rest is None:
                message = f"`{text}` is no `--connect-to`; write it as in `HOST1:PORT1:HOST2:PORT2`"
                raise UnanswerableError(message)
            if place["host"].lower() in ("", host) and place["port"] in ("", str(port)):
                dialled, dialled_port = rest["host"].strip("[]") or host, int(rest["port"] or port or 0)
                break
        for text in self.resolved:
            place = _PLACE.fullmatch(text.lstrip("+"))
            if text.startswith("-"):
                continue
            if place is None or not place["rest"]:
                message = f"`{text}` is no `--resolve`; write it as in `HOST:PORT:ADDRESS`"
                raise UnanswerableError(message)
            if place["host"].lower() in ("*", dialled) and place["port"] == str(dialled_port):
                dialled = place["rest"].partition(",")[0].strip("[]")
                break
        same_port = dialled_port == port or not dialled_port
        return ("" if dialled == host else dialled), None if same_port else dialled_port


def _port_of(url: str) -> int | None:
    parts = urlsplit(url)
    try:
        return parts.port or {"http": 80, "https": 443, "ws": 80, "wss": 443}.get(parts.scheme)
    except ValueError:
        return None


def _without_dots(path: str) -> str:
    """The path without `.` and `..`, as curl sends it (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


_Take = Callable[[_Command, str], None]


def _take_header(command: _Command, text: str) -> None:
    if text.startswith("@"):
        for line in _lines(command, text[1:], "the headers"):
            _take_header(command, line)
        return
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        command.headers.append((text[:-1].strip(), ""))
    elif not colon or not name.strip():
        message = f"`{text}` is no header; write it as in `-H 'x-cohort: internal'`"
        raise UnanswerableError(message)
    elif not value.strip():
        command.removed.add(name.strip().lower())
    else:
        command.headers.append((name.strip(), value.strip()))


def _lines(command: _Command, file: str, what: str) -> list[str]:
    try:
        return [line for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeError):
        command.notes.append(f"{what} of `{file}` are missing: it cannot be read")
        return []


def _take_data(command: _Command, text: str) -> None:
    command.data.append("".join(_lines(command, text[1:], "the data")) if text.startswith("@") else text)


def _take_raw_data(command: _Command, text: str) -> None:
    command.data.append(text)


def _take_json(command: _Command, text: str) -> None:
    _take_data(command, text)
    command.content_type = "application/json"
    command.own["accept"] = "application/json"


def _encoded(text: str) -> str:
    name, equals, value = text.partition("=")
    if not equals:
        return quote(text, safe="")
    return f"{name}={quote(value, safe='')}" if name else quote(value, safe="")


def _take_form(command: _Command, text: str) -> None:
    command.data.append(text)
    command.content_type = "multipart/form-data; boundary=------------------------meshgen"


def _take_cookie(command: _Command, text: str) -> None:
    if "=" in text:
        command.own["cookie"] = "; ".join(each for each in (command.own.get("cookie", ""), text) if each)
    else:
        command.notes.append(f"the cookies of `{text}` are not read")


def _take_user(command: _Command, text: str) -> None:
    command.own["authorization"] = f"Basic {base64.b64encode(text.encode()).decode()}"


def _own(name: str, prefix: str = "") -> _Take:
    def take(command: _Command, text: str) -> None:
        command.own[name] = f"{prefix}{text}"

    return take


def _set(attribute: str) -> _Take:
    def take(command: _Command, text: str) -> None:
        setattr(command, attribute, text)

    return take


def _add(attribute: str) -> _Take:
    def take(command: _Command, text: str) -> None:
        getattr(command, attribute).append(text)

    return take


_VALUES: dict[str, _Take] = {
    "cert": lambda command, text: setattr(command, "certificate", text.partition(":")[0]),
    "connect-to": _add("connected"),
    "cookie": _take_cookie,
    "data": _take_data,
    "data-ascii": _take_data,
    "data-binary": _take_data,
    "data-raw": _take_raw_data,
    "data-urlencode": lambda command, text: command.data.append(_encoded(text)),
    "form": _take_form,
    "form-string": _take_form,
    "header": _take_header,
    "json": _take_json,
    "oauth2-bearer": _own("authorization", "Bearer "),
    "range": _own("range", "bytes="),
    "referer": lambda command, text: command.own.update({"referer": text.removesuffix(";auto")}),
    "request": _set("method"),
    "request-target": _set("target"),
    "resolve": _add("resolved"),
    "upload-file": lambda command, text: command.flags.add("upload-file"),  # noqa: ARG005 - what is sent is not looked at
    "url": _add("urls"),
    "url-query": lambda command, text: command.query.append(text[1:] if text.startswith("+") else _encoded(text)),
    "user": _take_user,
    "user-agent": _own("user-agent"),
}
_FLAGS: dict[str, Callable[[_Command], None]] = {
    "compressed": lambda command: command.own.update({"accept-encoding": "deflate, gzip, br, zstd"}),
    "get": lambda command: command.flags.add("get"),
    "head": lambda command: command.flags.add("head"),
    "http1.0": lambda command: setattr(command, "http", "1.0"),
    "http1.1": lambda command: setattr(command, "http", "1.1"),
    "http2": lambda command: setattr(command, "http", "2"),
    "http2-prior-knowledge": lambda command: setattr(command, "http", "2"),
}


def _read_words(command: _Command, words: Iterator[str]) -> None:
    for word in words:
        if word == "--":
            command.urls += list(words)
        elif word.startswith("--"):
            _read_long(command, word[2:], words)
        elif word.startswith("-") and len(word) > 1:
            _read_short(command, word[1:], words)
        else:
            command.urls.append(word)


def _read_long(command: _Command, word: str, words: Iterator[str]) -> None:
    name, equals, value = word.partition("=")
    if _takes_value(name):
        _take_value(command, name, f"--{name}", value if equals else next(words, None))
    elif equals and _is_flag(name):
        message = f"`--{name}` takes no value"
        raise UnanswerableError(message)
    else:
        _take_flag(command, name, f"--{name}")


def _read_short(command: _Command, letters: str, words: Iterator[str]) -> None:
    """Flags in one word, `-sSv`; the first that takes a value takes the rest of the word, `-XPOST`."""
    for index, letter in enumerate(letters):
        name = SHORT.get(letter)
        if name is None:
            message = f"curl has no option `-{letter}`"
            raise UnanswerableError(message)
        if _takes_value(name):
            rest = letters[index + 1 :]
            _take_value(command, name, f"-{letter}", rest or next(words, None))
            return
        _take_flag(command, name, f"-{letter}")


def _takes_value(name: str) -> bool:
    return name in _VALUES or name in HARMLESS_VALUES or name in UNMODELLED_VALUES


def _is_flag(name: str) -> bool:
    return name in _FLAGS or name in HARMLESS or name in UNMODELLED


def _take_value(command: _Command, name: str, written: str, value: str | None) -> None:
    if value is None:
        message = f"`{written}` of the curl command has no value"
        raise UnanswerableError(message)
    if name in _VALUES:
        _VALUES[name](command, value)
    elif name in UNMODELLED_VALUES:
        command.notes.append(f"`{written}`: {UNMODELLED_VALUES[name]}")


def _take_flag(command: _Command, name: str, written: str) -> None:
    if name == _MAKES_SEVERAL:
        message = f"`{written}` begins a second request; one is traced at a time"
        raise UnanswerableError(message)
    if name in _FLAGS:
        _FLAGS[name](command)
    elif name in UNMODELLED:
        command.notes.append(f"`{written}`: {UNMODELLED[name]}")
        if name.startswith("http3"):
            command.http = "2"
    elif name in HARMLESS or _is_flag(name.removeprefix("no-")):
        command.flags.add(name)
    elif name in _OURS:
        message = f"`{written}` is an option of `meshgen trace`: write it before `curl`"
        raise UnanswerableError(message)
    else:
        known = [*_FLAGS, *_VALUES, *HARMLESS, *HARMLESS_VALUES, *UNMODELLED, *UNMODELLED_VALUES]
        near = did_you_mean(written, [f"--{each}" for each in known])
        message = f"curl has no option `{written}`" + (f"; {near}" if near else "")
        raise UnanswerableError(message)
