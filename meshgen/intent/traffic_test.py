"""TrafficTest: requests and what must happen to them."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, model_validator

from meshgen.intent.expectation import Expect
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import IpRange
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import GatewayName
from meshgen.intent.shorts import LIST, NOT_EMPTY, ONE_OR_MANY
from meshgen.json import JsonObject, JsonValue

OUTSIDE = "outside"


class Sender(Model):
    """Who sends a request: a workload of the mesh, or a client outside of it.

    Short: `webapp` is a workload of the same namespace, `shop/webapp` one of another; `outside` is a client outside of the mesh,
    at the gateway that serves the host. In Python a Service or a Gateway stands for itself.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A workload, `webapp` or `shop/webapp`, or `outside`."}

    workload: str | None = None
    """A workload by the name of its proxy, its Service or its `app` label."""
    service_account: str | None = None
    """Whatever runs as this service account, `webapp` or `shop/webapp`."""
    plaintext: Literal[True] | None = None
    """Something in the cluster that has no sidecar, and calls without mutual TLS."""
    outside: Literal[True] | None = None
    """A client outside of the mesh, at the gateway that serves the host."""
    gateway: GatewayName | None = None
    """A client outside of the mesh, at this gateway."""
    certificate: str | None = None
    """The SPIFFE identity that a client outside presents, without `spiffe://`."""
    address: IpRange | None = None
    """The address from which it sends."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if value == OUTSIDE:
            return {"outside": True}
        if isinstance(value, str):
            return {"workload": value}
        if type(value).__name__ in {"Service", "Gateway"} and hasattr(value, "namespace"):
            name = f"{value.namespace}/{value.name}"
            return {"workload": name} if type(value).__name__ == "Service" else {"gateway": name}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        senders = ("workload", "service_account", "plaintext", "outside", "gateway")
        given = [name for name in senders if getattr(self, name) is not None]
        if len(given) > 1:
            raise broken("a sender is one of a `workload`, a `serviceAccount`, `plaintext`, `outside` and at a `gateway`")
        if self.certificate is not None and given and given[0] in {"workload", "service_account", "plaintext"}:
            raise broken("only a client outside says which certificate it presents", at="certificate")
        if self.address is not None and "/" in self.address:
            raise broken(f"`{self.address}` is a CIDR, and one address sends", kind="value", at="address")
        for name in (self.workload, self.service_account):
            if name is not None and re.fullmatch(r"([a-z0-9][-a-z0-9]*/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name) is None:
                raise broken(f"`{name}` is not a workload", help="write `name` or `namespace/name`", kind="value")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`webapp`, `shop/webapp` or `outside`."""
        if set(long) == {"workload"} and long["workload"] != OUTSIDE:
            return long["workload"]
        return OUTSIDE if long == {"outside": True} else long


class Token(Model):
    """A token with a good signature, and what it says."""

    issuer: str
    subject: str | None = None
    """`test` where absent; Istio's policies know a caller with a token by issuer and subject."""
    audiences: Annotated[Many[str], LIST] | None = None
    claims: dict[str, Any] | None = None
    """Whatever else it says: `{group: admin}`."""

    def payload(self) -> JsonObject:
        """The claims as the token has them (RFC 7519)."""
        named: JsonObject = {"iss": self.issuer, "sub": self.subject if self.subject is not None else "test"}
        if self.audiences is not None:
            named["aud"] = list(self.audiences)
        return {**named, **(self.claims or {})}


_SCHEMES = ("http", "https", "ws", "wss", "grpc", "grpcs", "tcp", "tls")
_METHOD = r"[A-Z][A-Z-]*"


def _check_url(text: str) -> str:
    if re.fullmatch(rf"({'|'.join(_SCHEMES)})://[^\s/]\S*", text) is None:
        help_ = f"write a scheme ({', '.join(_SCHEMES)}), a host, and what follows, as in `http://catalog/items`"
        raise broken(f"`{text}` is not a URL that is asked for", help=help_, kind="value")
    return text


def _check_method(text: str) -> str:
    if re.fullmatch(_METHOD, text) is None:
        raise broken(f"`{text}` is not a method", help="write it in upper case, as in `GET`", kind="value")
    return text


def _some_url(urls: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_check_url, urls))


def _some_method(methods: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_check_method, methods))


class TrafficRequest(Model):
    """A request; of lists, one request for each of their values, in all combinations.

    Short: `GET http://catalog/items`, or the URL alone, which is a GET; `curl …` is the request that this command sends.
    """

    SHORT_SCHEMA: ClassVar = {
        "type": "string",
        "description": "`GET http://catalog/items`, `http://catalog/items`, or a line of curl.",
    }

    url: Annotated[Many[str], NOT_EMPTY, AfterValidator(_some_url), ONE_OR_MANY] | None = None
    """Where it goes: `http://catalog/items?x=1`, `https://shop.example.com/`, `grpc://…`, `tcp://db:5432`, `tls://db:5432`."""
    method: Annotated[Many[str], NOT_EMPTY, AfterValidator(_some_method), ONE_OR_MANY] | None = None
    """`GET` where absent."""
    headers: dict[str, str] | None = None
    token: Token | None = None
    """A token with a good signature, sent as `Authorization: Bearer …`."""
    sni: str | None = None
    """The server name of TLS, where it is not the URL's host; empty for none."""
    http: Literal["1.0", "1.1", "2"] | None = None
    """`1.1` where absent."""
    curl: str | None = None
    """The request of a line of curl, in place of all of the above but the token."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        if re.match(r"curl(\.exe)?\s", value.lstrip()):
            return {"curl": value}
        method, space, url = value.strip().partition(" ")
        if not space:
            return {"url": value}
        if re.fullmatch(_METHOD, method) is None:
            raise broken(f"`{value}` is not a request", help="write `GET http://catalog/items`, or a line of curl", kind="value")
        return {"method": method, "url": url.strip()}

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.curl is not None and self.model_fields_set - {"curl", "token"}:
            raise broken("a line of `curl` says all of a request", help="leave the other fields out", at="curl")
        return self

    def over(self, other: "TrafficRequest | None") -> "TrafficRequest":
        """This request with what it does not say taken from another one; headers of both, this one's first."""
        if other is None or self.curl is not None:
            return self
        given = {name: getattr(other, name) for name in other.model_fields_set} | {
            name: getattr(self, name) for name in self.model_fields_set
        }
        if self.headers is not None and other.headers is not None:
            given["headers"] = {**other.headers, **self.headers}
        return TrafficRequest.model_construct(**given)

    def to_short(self, long: JsonObject) -> JsonValue:
        """`GET http://catalog/items`, the URL, or the line of curl."""
        if set(long) == {"curl"}:
            return long["curl"]
        url, method = long.get("url"), long.get("method", "")
        if not isinstance(url, str) or not isinstance(method, str) or not set(long) <= {"url", "method"}:
            return long
        return f"{method} {url}".strip()


class TrafficRow(Model):
    """One expectation, of one request or of several."""

    name: str | None = None
    """What it is about; where absent, the request."""
    from_: Annotated[Many[Sender], NOT_EMPTY, ONE_OR_MANY] | None = None
    """Who sends; several in turn."""
    request: Annotated[Many[TrafficRequest], NOT_EMPTY, ONE_OR_MANY]
    """What is sent; several requests in turn."""
    expect: Expect


class TrafficTest(Intent):
    """Requests and what must happen to them: `meshgen test` asks the compiled mesh, or a real Envoy.

    It gives no objects. A row with several senders, requests, methods or URLs stands for all of their combinations.
    """

    KIND: ClassVar[str] = "TrafficTest"

    from_: Annotated[Many[Sender], NOT_EMPTY, ONE_OR_MANY] | None = None
    """Who sends the requests of rows that do not say; a client outside of the mesh where nobody says."""
    request: TrafficRequest | None = None
    """What rows do not say of their requests: headers that all of them have, a token, a URL."""
    tests: Annotated[Many[TrafficRow], NOT_EMPTY]

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for index, row in enumerate(self.tests):
            for request in row.request:
                whole = request.over(self.request)
                if whole.url is None and whole.curl is None:
                    raise broken(
                        f"the request of test {index + 1} has no URL", help="write `GET http://catalog/items`", at="tests"
                    )
        return self
