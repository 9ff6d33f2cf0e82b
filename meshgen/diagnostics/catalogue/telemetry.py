"""Codes MG07xx, telemetry and extensions, and MG0157 to MG0159, what telemetry asks of others."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNREADABLE_EXPRESSION = Code(
    number="MG0701",
    slug="unreadable-expression",
    severity=Severity.ERROR,
    title="a CEL expression of a Telemetry cannot be read",
    page="""
The filter of access logs, and the value of a tag, is an expression in CEL. istiod refuses a filter that it cannot
read; a proxy leaves out a tag that it cannot read.

```yaml
kind: Telemetry
spec: {accessLog: {providers: [envoy], filter: "response.code = 500"}}
```

CEL compares with `==`, joins with `&&` and `||`, has its strings in quotes (`'GET'`) and no `|` for a default:
`has(request.host) ? request.host : 'unknown'`.
""",
)

EXPRESSION_HELP = "CEL compares with `==`, joins with `&&` and `||`, and has its strings in quotes"

UNKNOWN_ATTRIBUTE = Code(
    number="MG0702",
    slug="unknown-attribute",
    severity=Severity.WARNING,
    title="a CEL expression asks for an attribute that no proxy knows",
    page="""
Expressions of Telemetry see Envoy's attributes (`request.`, `response.`, `connection.`, `source.`, `destination.`,
`upstream.`, `xds.`, `metadata`, `filter_state`). A tag whose expression asks for anything else is `unknown` always,
and a filter never holds.

```yaml
kind: Telemetry
spec: {metrics: {requestCount: {tags: {caller: downstream_peer.app}}}}
```

What a proxy knows of its peer is `filter_state.upstream_peer` at the caller and `filter_state.downstream_peer` at the
callee, with `app`, `version`, `namespace`, `workload` and others; its own node is `xds.node`. The shorter names were
Istio's before 1.24. The attributes of the filter `istio.attributegen` are gone with it: give the tag `classes`.
""",
)

LOG_WITHOUT_PROVIDER = Code(
    number="MG0703",
    slug="log-without-provider",
    severity=Severity.WARNING,
    title="access logs are asked for, and there is no provider to write them",
    page="""
An entry of `accessLogging` without providers goes to those of the next wider Telemetry, then to the mesh's default
providers. Where neither names one, nothing is logged.

```yaml
kind: Telemetry
spec: {accessLog: {filter: "response.code >= 500"}}
```

Name a provider: `providers: [envoy]` writes to the proxy's standard output.
""",
    same_as=("IST0157",),
)

UNKNOWN_PROVIDER = Code(
    number="MG0704",
    slug="unknown-provider",
    severity=Severity.ERROR,
    title="a Telemetry names a provider that the mesh does not have",
    of_reference=True,
    page="""
Providers are MeshConfig's `extensionProviders` (`providers` of the Mesh), and `envoy`, `prometheus` and `stackdriver`,
which every istiod has. What goes to any other is not logged, counted or traced, without a word.

```yaml
kind: Telemetry
spec: {tracing: {providers: zipkni}}     # the Mesh has `zipkin`
```

Write the provider's name as the Mesh has it, or add it there.
""",
)

TELEMETRY_TAKEN = Code(
    number="MG0705",
    slug="telemetry-taken",
    severity=Severity.WARNING,
    title="two Telemetries are for the same proxies, and one of them does nothing",
    page="""
Of the Telemetries of a namespace without a selector the oldest acts, and so it is for those that select one workload.
The others are dropped, without a word and by their age, which no file tells.

```yaml
kind: Telemetry
metadata: {name: logs, namespace: shop}
spec: {accessLog: envoy}
---
kind: Telemetry
metadata: {name: tags, namespace: shop}
spec: {metrics: {requestCount: {tags: {request_protocol: remove}}}}
```

Make them one. A Telemetry of a workload beside one of its namespace is no trouble: the narrower one acts where it
says something.
""",
    same_as=("IST0159", "IST0160"),
)

TAG_NOT_THERE = Code(
    number="MG0706",
    slug="tag-not-there",
    severity=Severity.WARNING,
    title="a tag is removed that Istio's metrics do not have",
    page="""
Only Istio's own tags can be removed. A proxy that is told to remove another one says so in its log, and nothing else
happens.

```yaml
kind: Telemetry
spec: {metrics: {requestCount: {tags: {response_flag: remove}}}}     # the tag is `response_flags`
```

Write the tag's name as Istio has it; a tag that you add is removed where it is added.
""",
)

SERVICE_OF_PROVIDER = Code(
    number="MG0157",
    slug="service-of-provider",
    severity=Severity.WARNING,
    title="a provider sends to a service that nobody declares",
    of_reference=True,
    page="""
Spans, logs and questions for authorization go to the provider's `service`. istiod looks it up in its registry; where it
is not there, the provider does nothing, and istiod says so in its own log alone.

```yaml
kind: Mesh
spec:
  providers: [{name: zipkin, zipkin: {service: zipkn.infra.svc.cluster.local, port: 9411}}]
```

Write the fully qualified host of a Service, or declare the host outside the mesh (an ExternalService, a
ServiceEntry). Only namespaces of which the sources declare a Service are judged.
""",
)

PODS_TO_ANNOTATE = Code(
    number="MG0158",
    slug="pods-to-annotate",
    severity=Severity.INFO,
    title="what a Telemetry says acts once Pods carry annotations",
    page="""
A proxy reads `stats` and `bootstrap` when it starts, from annotations of its Pod. meshgen writes them on the
Deployments that it makes; others belong to the application, and for those the delivery has a kustomize component with
the patches.

```yaml
kind: Telemetry
metadata: {name: webapp, namespace: shop}
spec: {service: webapp, stats: {prefixes: ["cluster.outbound|80||catalog"]}}
```

```yaml
# kustomization.yaml of the Deployments
components: [../delivery/pods/shop/webapp]
```

Once the Deployments among the sources carry the annotations, nothing is said and no component is written.
""",
)

ANNOTATION_REPLACED = Code(
    number="MG0159",
    slug="annotation-replaced",
    severity=Severity.WARNING,
    title="a Telemetry takes the place of an annotation that Pods have",
    page="""
`stats` and `bootstrap` of a Telemetry become annotations of Pods. The rest of an annotation `proxy.istio.io/config` is
kept, but a `proxyStatsMatcher` in it that says something else, another `bootstrapOverride`, and a text that is no map
are replaced by the component's patch.

```yaml
kind: Deployment
metadata: {name: webapp, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: "proxyStatsMatcher: {inclusionPrefixes: [http]}"
```

Say it in one place: move what the Deployment says into the Telemetry, or leave the Telemetry's `stats` out.
""",
)
