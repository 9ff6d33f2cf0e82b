"""The tools that watch a mesh: how Prometheus finds it, Kiali, alerts for istiod, a runbook. All on request."""

import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.leaves import DnsLabel, Duration, Labels, ObjectName, Url
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.shorts import LIST
from meshgen.json import JsonObject, JsonValue


class GoldenSignals(Model):
    """Latency, traffic, errors and saturation of istiod, recorded by Prometheus, with alerts. Short: `true`."""

    SHORT_SCHEMA: ClassVar = {"const": True}

    latency: Duration | None = None
    """An alert where proxies wait longer for new configuration (99th percentile); `1s` where absent."""
    cpu: Annotated[float, Field(gt=0)] | None = None
    """An alert where one istiod uses more CPUs; none where absent, for it depends on what it may use."""
    for_: Duration | None = None
    """How long it must last; `5m` where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {} if value is True else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """`true`, if nothing is said."""
        return long or True


class PrometheusScrape(Model):
    """How Prometheus finds istiod and the proxies.

    Proxies are scraped on their own port (`http-envoy-prom`, 15090), which mutual TLS does not guard. What an application reports
    itself is merged into port 15020, for Prometheus installations that go by `prometheus.io/…` annotations.
    """

    operator: bool | None = None
    """`true`: a ServiceMonitor and a PodMonitor for the Prometheus operator. Else its configuration as a file beside the output
    (`prometheus/scrape.yaml`)."""
    namespace: DnsLabel | None = None
    """Where the monitors stand; istiod's namespace where absent."""
    labels: Labels | None = None
    """Labels by which a Prometheus picks its monitors and rules, such as `{release: prometheus}`."""
    interval: Duration | None = None
    """Prometheus's own where absent."""
    golden_signals: GoldenSignals | None = None
    """A PrometheusRule for istiod, or without the operator the file `prometheus/rules.yaml`."""


class KialiTracing(Model):
    """Where Kiali finds traces."""

    provider: Literal["jaeger", "tempo"] | None = None
    """`jaeger` where absent."""
    url: Url
    """As Kiali reaches it."""
    external_url: Url | None = None
    """As a browser reaches it."""
    grpc: bool | None = None
    """Whether it is asked over gRPC (Jaeger's port 16685)."""


class KialiGrafana(Model):
    """Where Kiali finds Grafana."""

    url: Url
    """As Kiali reaches it."""
    external_url: Url | None = None
    """As a browser reaches it."""


class Kiali(Model):
    """Kiali's configuration: the tools that it asks."""

    operator: bool | None = None
    """`true`: a Kiali for the Kiali operator. Else values of its Helm chart (`kiali/values.yaml`)."""
    namespace: DnsLabel | None = None
    """istiod's where absent."""
    auth: Literal["anonymous", "token", "openid", "openshift", "header"] | None = None
    """How people sign in; `token` where absent."""
    prometheus: Url
    tracing: KialiTracing | None = None
    grafana: KialiGrafana | None = None


def _check_dashboard(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise broken("a dashboard is not JSON", help="export it from Grafana as JSON", kind="value") from None
    if not isinstance(value, dict):
        raise broken("a dashboard is a map", help="export it from Grafana as JSON", kind="value")
    return text


class Dashboards(Model):
    """Grafana's dashboards as ConfigMaps, `dashboard-<name>`, for Grafana's sidecar or operator."""

    namespace: DnsLabel | None = None
    """Where the ConfigMaps stand; istiod's namespace where absent."""
    labels: Labels | None = None
    """Labels by which Grafana's sidecar picks them; `grafana_dashboard: "1"` where absent, as its chart has it."""
    files: Annotated[Many[str], LIST] | None = None
    """JSON files, by their paths from the project's directory; the file's name is the dashboard's."""
    texts: dict[ObjectName, Annotated[str, AfterValidator(_check_dashboard)]] | None = None
    """Dashboards in JSON, by name."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.files and not self.texts:
            raise broken("`dashboards` names none", help="write `files: [dashboards/mesh.json]`", kind="missing")
        return self


class Observability(Model):
    """Tools beside the mesh. Each gives its objects or files, and nothing is given that is not named."""

    prometheus: PrometheusScrape | None = None
    kiali: Kiali | None = None
    dashboards: Dashboards | None = None
    runbook: bool | None = None
    """A text in Markdown beside the output: the questions to Prometheus for each service and version, how to have one request
    traced, what response flags mean, what to ask istiod."""
