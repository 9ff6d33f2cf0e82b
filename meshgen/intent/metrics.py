"""Metrics that proxies report: their tags, which of them are reported, and new ones."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import model_validator

from meshgen.intent.leaves import Duration
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.observation import Providers, Side
from meshgen.intent.shorts import LIST, ONE_OR_MANY
from meshgen.json import JsonObject, JsonValue

REMOVE = "remove"
"""The tag's value that removes it; no CEL attribute has this name."""


class MetricTag(Model):
    """A tag's value. Short: a CEL expression, `request.host`, or `remove`.

    `classes` sorts requests into a few: the first class whose condition holds is the value. It takes the place of Istio's
    attribute generation filter (`istio.attributegen`), which its proxies no longer have, by one conditional expression.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A CEL expression, or `remove`."}

    value: str | None = None
    """A CEL expression over Envoy's attributes: `request.host`, `filter_state.upstream_peer.version`, `xds.node.id`."""
    remove: Literal[True] | None = None
    """The tag goes; only Istio's own tags can."""
    classes: dict[str, str] | None = None
    """Values of the tag, in order, and the CEL condition of each: `getItems: "request.url_path == '/items'"`."""
    otherwise: str | None = None
    """The value where no condition of `classes` holds; `unknown` where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str):
            return {"remove": True} if value == REMOVE else {"value": value}
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.value, self.remove, self.classes)) != 1:
            raise broken("a tag has one of `value`, `remove` and `classes`", kind="exclusive")
        if self.otherwise is not None and self.classes is None:
            raise broken("`otherwise` goes with `classes`", kind="exclusive")
        if self.classes is not None and not self.classes:
            raise broken("`classes` is empty", help="name a value and its condition", kind="value")
        if self.value is not None and not self.value.strip():
            raise broken("a tag's value is empty", help="write a CEL expression, or `remove`", kind="value")
        return self

    @property
    def expression(self) -> str | None:
        """The value as one CEL expression; None for a tag that is removed."""
        if self.classes is None:
            return self.value
        parts = [f"({condition}) ? {quoted(name)} : " for name, condition in self.classes.items()]
        return "".join(parts) + quoted(self.otherwise or "unknown")

    def to_short(self, long: JsonObject) -> JsonValue:
        """The expression or `remove`, if it stands alone."""
        if set(long) == {"remove"}:
            return REMOVE
        return long["value"] if set(long) == {"value"} and long["value"] != REMOVE else long


def quoted(text: str) -> str:
    r"""A text as a string literal of CEL.

    >>> quoted("a'b")
    "'a\\'b'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


class MetricChange(Model):
    """What is changed of a metric."""

    side: Side | None = None
    disabled: bool | None = None
    tags: dict[str, MetricTag] | None = None
    """Tags that are added, set, or removed."""


Changes: TypeAlias = Annotated[Many[MetricChange], ONE_OR_MANY]
"""One change, or one for each side."""

MetricName: TypeAlias = Literal[
    "all",
    "requestCount",
    "requestDuration",
    "requestSize",
    "responseSize",
    "tcpOpenedConnections",
    "tcpClosedConnections",
    "tcpSentBytes",
    "tcpReceivedBytes",
    "grpcRequestMessages",
    "grpcResponseMessages",
]


class MetricOverride(MetricChange):
    """A change of one metric in a list whose order counts: the later entry wins."""

    metric: MetricName | None = None
    """All where absent."""
    custom: str | None = None
    """A metric that is not Istio's own, by its name."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.metric is not None and self.custom is not None:
            raise broken("an override is of a `metric` or of a `custom` one, not both", kind="exclusive")
        return self


STANDARD = (
    "requests_total",
    "request_duration_milliseconds",
    "request_bytes",
    "response_bytes",
    "request_messages_total",
    "response_messages_total",
    "tcp_connections_opened_total",
    "tcp_connections_closed_total",
    "tcp_sent_bytes_total",
    "tcp_received_bytes_total",
)
"""Istio's own metrics, as its statistics filter names them (without `istio_`)."""


class NewMetric(Model):
    """A metric that Istio does not have. Short: the CEL expression of a counter's value.

    Prometheus sees it as `istio_<name>`. There is no field of Istio's API for it: it is a patch of Istio's statistics filter (an
    EnvoyFilter), for HTTP requests, bound to the proxies of the target release.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A CEL expression, the value of a counter."}

    value: str
    """A CEL expression with a whole number, by request: `request.method == 'GET' ? 1 : 0`."""
    type: Literal["counter", "gauge", "histogram"] | None = None
    """`counter` where absent: the values are added up."""
    side: Side | None = None
    tags: dict[str, MetricTag] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, tag in (self.tags or {}).items():
            if tag.remove:
                raise broken(f"a new metric has no tag `{name}` that could be removed", help="leave it out", kind="value")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The value, if it stands alone."""
        return long["value"] if set(long) == {"value"} else long


class Metrics(Model):
    """Changes of the metrics that proxies report, and new metrics.

    `all` comes first, then the single metrics, then `overrides` in their order; of two changes of one thing the later one acts.
    """

    providers: Providers | None = None
    """`prometheus` where the Mesh says nothing else."""
    reporting_interval: Duration | None = None
    """How often long TCP connections and gRPC streams report; 5s where absent."""
    all: Changes | None = None
    request_count: Changes | None = None
    """`istio_requests_total`"""
    request_duration: Changes | None = None
    """`istio_request_duration_milliseconds`"""
    request_size: Changes | None = None
    """`istio_request_bytes`"""
    response_size: Changes | None = None
    """`istio_response_bytes`"""
    tcp_opened_connections: Changes | None = None
    """`istio_tcp_connections_opened_total`"""
    tcp_closed_connections: Changes | None = None
    """`istio_tcp_connections_closed_total`"""
    tcp_sent_bytes: Changes | None = None
    """`istio_tcp_sent_bytes_total`"""
    tcp_received_bytes: Changes | None = None
    """`istio_tcp_received_bytes_total`"""
    grpc_request_messages: Changes | None = None
    """`istio_request_messages_total`"""
    grpc_response_messages: Changes | None = None
    """`istio_response_messages_total`"""
    overrides: Annotated[Many[MetricOverride], LIST] | None = None
    """Changes whose order counts, and those of metrics that are not Istio's own."""
    new: dict[str, NewMetric] | None = None
    """New metrics by name, without `istio_` before it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.new or {}:
            if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) is None:
                raise broken(f"`{name}` is not a metric's name: letters, digits and `_`", kind="value", at="new")
            if name.removeprefix("istio_") in STANDARD:
                raise broken(
                    f"`{name}` is one of Istio's own metrics, which cannot be defined anew",
                    help="change its tags, or give the new one another name",
                    kind="value",
                    at="new",
                )
        return self
