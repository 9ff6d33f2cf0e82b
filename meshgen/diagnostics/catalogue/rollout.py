"""Codes MG017x and MG083x: canaries and the engines that move them, hedged retries."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

HEDGED_DELEGATE = Code(
    number="MG0170",
    slug="hedged-delegate",
    severity=Severity.ERROR,
    title="a rule of a delegate asks for hedged retries",
    page="""
Istio has no field for hedging, so an EnvoyFilter adds it to the routes by their names. A delegate's routes take the name of the
rule that hands over to it in front of their own, and several Routes may hand over: the name is not known where the delegate is.

```yaml
kind: Route
metadata: {name: catalog-rules, namespace: shop}
spec:                                    # no hosts: a delegate
  rules: [{to: catalog, retries: {attempts: 2, perTryTimeout: 1s, hedge: true}}]
```

Write the rule in the Service's own `routes`, or in the Route that has the hosts.
""",
)

ENGINE_CANNOT = Code(
    number="MG0171",
    slug="engine-cannot",
    severity=Severity.ERROR,
    title="an engine cannot take over this service",
    page="""
Flagger and Argo Rollouts make the new version of a Deployment themselves and shift HTTP requests to it. They need a Deployment in
the Canary's own namespace, a Service intent whose rules can hand over to the engine's delegate, and an HTTP port. Flagger makes
the versions of its service by Services of their own, so that declared `versions` would never have a Pod.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80], versions: [v1, v2]}       # two Deployments that somebody else makes
---
kind: Canary
metadata: {name: next, namespace: shop}
spec: {service: catalog, engine: flagger, steps: [10, 50], analysis: {every: 1m, abortAfter: 5}}
```

Do what the help says, or use `engine: weights`, which takes the versions as they are.
""",
)

SPLIT_OVER_ENGINE = Code(
    number="MG0172",
    slug="rule-over-engine",
    severity=Severity.ERROR,
    title="a rule cannot hand over to an engine",
    page="""
A rule that sends to a service whose weights an engine moves hands over to the engine's delegate VirtualService as a whole: Istio
has no share and no port of a delegate.

```yaml
kind: Route
spec:
  gateways: [edge]
  hosts: [shop.example.com]
  rules: [{to: "catalog:8081"}]       # one of two ports, and catalog is Flagger's
```

Send the rule to the service alone, without a port.
""",
)

ENGINE_WORD = Code(
    number="MG0173",
    slug="engine-word",
    severity=Severity.ERROR,
    title="an engine has no word for this",
    page="""
Flagger and Argo Rollouts know a part of what Istio can say: Flagger's Canary takes some fields of a traffic policy, an A/B test
looks at headers, query parameters and the caller's labels, a header route of Argo Rollouts at one header. What they do not know
the API server would drop without a word.

```yaml
kind: Canary
spec:
  service: catalog
  engine: argo-rollouts
  match: {path: /beta*}          # not a header
  steps: [10, 50]
  analysis: {every: 5m}
```

Leave it out, or use `engine: weights`.
""",
)

ENGINE_MAKES_IT = Code(
    number="MG0174",
    slug="engine-makes-it",
    severity=Severity.WARNING,
    title="Git and Flagger both write one object",
    page="""
Flagger makes a VirtualService with the name of its Service, and DestinationRules for `-primary` and `-canary`. One that is in Git
under the same name is overwritten by Flagger, then by Git, and so on: the weights jump back in the middle of a release.

```yaml
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: catalog, namespace: shop}
spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: catalog}, service: {port: 80}}
```

Let Flagger make a delegate (`service: {delegation: true}`), and hand over to it from a VirtualService of another name. A Canary
of meshgen's with `engine: flagger` does both.
""",
)

UNKNOWN_ROLLOUT_ROUTE = Code(
    number="MG0175",
    slug="unknown-rollout-route",
    severity=Severity.ERROR,
    title="a Rollout moves the weights of a rule that is not there",
    of_reference=True,
    page="""
`trafficRouting.istio.virtualService.routes` are names of HTTP rules of the VirtualService. The controller stops a rollout where
one is missing.

```yaml
apiVersion: argoproj.io/v1alpha1
kind: Rollout
spec:
  strategy:
    canary:
      trafficRouting: {istio: {virtualService: {name: catalog, routes: [primary]}}}    # the rule is named `main`
```

Write the name of the rule, or give the rule this name.
""",
)
