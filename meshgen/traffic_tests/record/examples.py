"""Example requests for what routes and policies ask for, as TrafficTests write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from urllib.parse import quote

from meshgen.istio.authorization_policy import AuthorizationPolicy, Condition, Operation, Rule
from meshgen.istio.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy
from meshgen.traffic_tests.record.texts import text_of, text_of_pattern

_CLAIM = "request.auth.claims["
_HEADER = "request.headers["
_MOST = 24  # operations of one rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request to a host, and what sets it apart in words; `sender_labels` are those that a route asks of its caller."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    token: tuple[tuple[str, JsonValue], ...] = ()  # claims, `iss` and `sub` among them
    address: str = ""
    port: int | None = None
    sender_labels: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    is_open: bool = True  # whether the path may go on, and the method be another

    def at(self, operation: Example) -> Example:
        """The same request for what an operation of a policy names, below its own path."""
        path, mark, query = self.path.partition("?")
        method = operation.method if self.method == "GET" else self.method
        return replace(
            self,
            path=f"{path.rstrip('/')}{operation.path}{mark}{query}",
            method=method,
            headers=(*self.headers, *operation.headers),
        )

    def request(self, scheme: str, host: str, port: int) -> JsonObject:
        """The request of a row, in its long form."""
        asked = self.port or port
        usual = asked == {"http": 80, "https": 443}[scheme]
        found: JsonObject = {"url": f"{scheme}://{host}{'' if usual else f':{asked}'}{self.path}"}
        if self.method != "GET":
            found["method"] = self.method
        if self.headers:
            found["headers"] = dict(self.headers)
        if self.token:
            found["token"] = _token(dict(self.token))
        return found


def _token(claims: JsonObject) -> JsonObject:
    others = {name: value for name, value in claims.items() if name not in {"iss", "sub"}}
    subject: JsonObject = {"subject": claims["sub"]} if "sub" in claims else {}
    return {"issuer": claims["iss"], **subject, **({"claims": others} if others else {})}


def examples_of_routes(service: VirtualService) -> Iterator[Example]:
    """An example for each match of each HTTP rule; none where no example was found."""
    for route in service.http or ():
        for match in route.match or (None,):
            example = _of_match(match)
            if example is not None:
                yield replace(example, words=_words(route, match))


def _of_match(match: HTTPMatchRequest | None) -> Example | None:
    if match is None:
        return Example()
    texts = {
        "path": _text(match.uri, "/"),
        "method": _text(match.method, "GET"),
    }
    headers = {name: text_of(each) for name, each in (match.headers or {}).items() if not name.startswith("@")}
    query = {name: text_of(each) for name, each in (match.query_params or {}).items()}
    if None in texts.values() or None in headers.values() or None in query.values():
        return None
    asked = "&".join(f"{quote(name)}={quote(text or '')}" for name, text in query.items())
    return Example(
        method=texts["method"] or "GET",
        path=(texts["path"] or "/") + (f"?{asked}" if asked else ""),
        headers=tuple((name.lower(), text or "") for name, text in headers.items()),
        port=match.port,
        is_open=match.uri is None or (match.uri.exact is None and match.uri.regex is None),
        sender_labels=tuple((match.source_labels or {}).items()),
    )


def _text(match: StringMatch | None, default: str) -> str | None:
    return default if match is None else text_of(match)


def _words(route: HTTPRoute, match: HTTPMatchRequest | None) -> tuple[str, ...]:
    """What a rule is about: its name, else what it asks for."""
    if route.name:
        return (route.name,)
    if match is None:
        return ()
    found = [] if match.uri is None else [f"path {_described(match.uri)}"]
    found += [] if match.method is None else [f"method {_described(match.method)}"]
    found += [f"{name}: {_described(each)}" for name, each in (match.headers or {}).items()]
    found += [f"?{name}={_described(each)}" for name, each in (match.query_params or {}).items()]
    return tuple(found)


def _described(match: StringMatch) -> str:
    if match.exact is not None:
        return match.exact
    if match.prefix is not None:
        return f"{match.prefix}*"
    return f"~ {match.regex}" if match.regex is not None else "any"


def is_sent_by(example: Example, proxy: Proxy) -> bool:
    """Whether a workload has the labels that an example asks of its sender."""
    return all(proxy.labels.get(name) == value for name, value in example.sender_labels)


# --- policies -------------------------------------------------------------------------------------------------------
def examples_of_policies(policies: Iterable[AuthorizationPolicy], issuers: tuple[str, ...]) -> Iterator[Example]:
    """An example for each operation that a rule names or excludes, with the tokens and addresses that it asks for."""
    for policy in policies:
        for rule in policy.rules or ():
            callers = list(_callers(rule, issuers))
            for operation in _operations(rule):
                yield from (_both(operation, caller) for caller in callers)


def _operations(rule: Rule) -> Iterator[Example]:
    found = [each for to in rule.to or () if to.operation is not None for each in _of_operation(to.operation)]
    yield from found[:_MOST] or (Example(),)


def _of_operation(operation: Operation) -> Iterator[Example]:
    methods = [text_of_pattern(each) or "GET" for each in (*(operation.methods or ()), *(operation.not_methods or ()))] or ["GET"]
    paths = [text_of_pattern(each) or "/" for each in (*(operation.paths or ()), *(operation.not_paths or ()))] or ["/"]
    for method in methods:
        yield from (Example(method=method, path=path if path.startswith("/") else f"/{path}") for path in paths)


def _callers(rule: Rule, issuers: tuple[str, ...]) -> Iterator[Example]:
    """The callers of a rule as far as a request shows them: by address and token, with the conditions of the rule."""
    under = _under(rule.when or ())
    for each in rule.from_ or (None,):
        source = each.source if each is not None else None
        blocks = ((source.remote_ip_blocks or source.ip_blocks or ()) if source is not None else ())[:1]
        principals = ((source.request_principals or ()) if source is not None else ())[:1]
        example = Example(address=_address(blocks[0])) if blocks else Example()
        claims = {**_claims(principals[0], issuers), **dict(under.token)} if principals else dict(under.token)
        if claims:
            claims.setdefault("iss", next(iter(issuers), "https://issuer.example"))
        yield replace(example, headers=under.headers, token=tuple(claims.items()))


def _claims(principal: str, issuers: tuple[str, ...]) -> dict[str, JsonValue]:
    """Issuer and subject of a request principal, `https://auth.example.com/*`."""
    issuer, _, subject = principal.rpartition("/")
    known = issuer if issuer and "*" not in issuer else next(iter(issuers), "https://issuer.example")
    return {"iss": known, **({"sub": subject} if subject and "*" not in subject else {})}


def _under(conditions: Iterable[Condition]) -> Example:
    headers: list[tuple[str, str]] = []
    claims: JsonObject = {}
    for condition in conditions:
        value = text_of_pattern((condition.values or ("x",))[0]) or "x"
        if condition.key.startswith(_HEADER) and condition.values:
            headers.append((condition.key.removeprefix(_HEADER).rstrip("]").lower(), value))
        elif condition.key.startswith(_CLAIM) and condition.values:
            _put(claims, condition.key.removeprefix("request.auth.claims").strip("[]").split("]["), value)
    return Example(headers=tuple(headers), token=tuple(claims.items()))


def _put(claims: JsonObject, path: list[str], value: str) -> None:
    for name in path[:-1]:
        inner = claims.setdefault(name, {})
        claims = inner if isinstance(inner, dict) else {}
    claims[path[-1]] = value


def _address(block: str) -> str:
    network = ip_network(block, strict=False)
    return str(network[1] if network.num_addresses > 2 else network[0])


def _both(operation: Example, caller: Example) -> Example:
    return replace(operation, headers=caller.headers, token=caller.token, address=caller.address)


@dataclass(slots=True)
class Once:
    """Examples, each once, in the order in which they come."""

    _known: dict[tuple[object, ...], Example] = field(default_factory=dict)

    def add(self, examples: Iterable[Example]) -> None:
        """Keeps those that are new."""
        for each in examples:
            key = (each.method, each.path, each.headers, repr(each.token), each.address, each.port, each.sender_labels)
            self._known.setdefault(key, each)

    def __iter__(self) -> Iterator[Example]:
        """All of them."""
        return iter(self._known.values())
