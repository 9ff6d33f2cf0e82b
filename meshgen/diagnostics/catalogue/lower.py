"""Codes MG01xx, lowering: references between intents, two intents over one thing."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

OBJECT_REFUSED = Code(
    number="MG0063",
    slug="object-refused",
    severity=Severity.ERROR,
    title="Istio would refuse an object that an intent gives",
    page="""
The objects that intents give are held to the same types and rules as native ones. This one has a value that Istio's API or istiod
does not take, so that the API server would refuse it, and with it the commit.

```yaml
kind: Gateway
spec:
  tls: {credential: shop, certificates: [shop-rsa, shop-ecdsa]}     # one or the other
```

Change the field that the message points at. Where the intent says something that Istio can do, this is a fault of meshgen:
report it.
""",
)

UNKNOWN_VERSION = Code(
    number="MG0100",
    slug="unknown-version",
    severity=Severity.ERROR,
    title="an intent names a version that the service does not have",
    of_reference=True,
    page="""
A version that is sent to must be one of the Service's `versions`: only then is there a subset with its labels. Istio would
answer every
such request with 503.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  versions: [v1, v2]
  routes: [{to: v3}]       # not among the versions
```

Name a version of the Service, or add the version to it.
""",
    same_as=("IST0101", "KIA1107"),
)

UNKNOWN_INTENT_REFERENCE = Code(
    number="MG0101",
    slug="unknown-intent-reference",
    severity=Severity.ERROR,
    title="an intent is about a service or gateway that does not exist",
    of_reference=True,
    page="""
A Canary, Mirror, Access or Authentication changes or guards what another resource declares. Without that resource it would do
nothing, and for
an Access that means: guard nothing.

```yaml
kind: Access
metadata: {name: callers, namespace: shop}
spec: {service: catalgo, default: deny}     # the Service is `catalog`
```

Write the name of a Service of the same namespace, or `name.namespace` of another one; a Gateway of another namespace is
`namespace/name`.
""",
)

CANARIES_OVER_ONE_VERSION = Code(
    number="MG0102",
    slug="canaries-over-one-version",
    severity=Severity.ERROR,
    title="two canaries take requests from one version",
    page="""
Each of them says what share of the version's requests goes elsewhere; together they say two different things about the same
requests.

```yaml
kind: Canary
metadata: {name: catalog-v2, namespace: shop}
spec: {service: catalog, from: v1, to: v2, weight: 10}
---
kind: Canary
metadata: {name: catalog-v3, namespace: shop}
spec: {service: catalog, from: v1, to: v3, weight: 10}
```

Run one after the other, or write the three shares as a `split` in the Service's routes. Two canaries that each have a `match`
may stand
together: the first that matches decides.
""",
)

CANARY_OVER_SPLIT = Code(
    number="MG0103",
    slug="canary-over-split",
    severity=Severity.ERROR,
    title="a canary takes requests from a version that a rule already splits",
    page="""
Both the rule's `split` and the Canary fix the version's share: there is no one owner of the weight.

```yaml
kind: Service
spec:
  routes: [{split: {v1: 90, v2: 10}}]
---
kind: Canary
spec: {service: catalog, from: v1, to: v2, weight: 25}
```

Write `to: v1` in the rule and leave the shares to the Canary, or remove the Canary.
""",
)

DECLARED_TWICE = Code(
    number="MG0118",
    slug="declared-twice",
    severity=Severity.ERROR,
    title="two intents are one and the same",
    page="""
Two documents have the same kind, namespace and name, or there are two Meshes. Which of them holds would depend on the order of
the files.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
---
kind: Service
metadata: {name: catalog, namespace: shop}
```

Make one of the two, or give one another name. To change an intent in one environment, use an overlay.
""",
)

HIDDEN_BY_MERGE = Code(
    number="MG0119",
    slug="hidden-by-merge",
    severity=Severity.ERROR,
    title="of two intents over one host, the first takes every request",
    page="""
Several intents may speak of one host on one gateway: their rules become one list, by `order`, then namespace and name. Here the
list of the
first ends with a rule for all requests, so that nothing that the second says can ever come true.

```yaml
kind: Route
metadata: {name: a, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [storefront], rules: [{to: webapp}]}
---
kind: Route
metadata: {name: b, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [storefront], rules: [{match: {path: /api/*}, to: catalog}]}
```

Give the more specific intent the lower `order`, `order: -1` for `b`, or write the rules in one Route.
""",
    same_as=("IST0109", "KIA1106"),
)

MERGED = Code(
    number="MG0120",
    slug="merged",
    severity=Severity.INFO,
    title="the rules of several intents over one host became one list",
    page="""
Istio takes one VirtualService for a host in the mesh, and merges several on a gateway in the order of their creation. meshgen
therefore makes one,
with the rules in a fixed order: by `order`, then namespace and name.

```yaml
kind: Route
metadata: {name: api, namespace: shop}
spec: {order: -1, hosts: [shop.example.com], gateways: [storefront], rules: [{match: {path: /api/*}, to: catalog}]}
---
kind: Route
metadata: {name: pages, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [storefront], rules: [{to: webapp}]}
```

There is nothing to do if this order is the one that is meant; else set `order`.
""",
)

OBJECT_TAKEN = Code(
    number="MG0121",
    slug="object-taken",
    severity=Severity.ERROR,
    title="two sources make one Istio object, or two for one host",
    page="""
An intent gives an object of a kind, namespace and name that a native object, or another intent, has as well; or a
DestinationRule or mesh
VirtualService for a host for which the tree has a native one. One would overwrite the other, or Istio would choose by creation
time.

```yaml
kind: Service                        # gives the VirtualService shop/catalog for the mesh
metadata: {name: catalog, namespace: shop}
spec: {ports: [80], versions: [v1], routes: [{to: v1}]}
---
kind: Route                          # gives the VirtualService shop/catalog for a gateway
metadata: {name: catalog, namespace: shop}
spec: {hosts: [catalog.example.com], gateways: [edge], rules: [{to: catalog}]}
```

Rename one of the intents (`catalog-public`), or remove the native object and say the same in intent; `patches` reach what it
has no word for.
""",
)

CANARY_WITHOUT_RULE = Code(
    number="MG0122",
    slug="canary-without-rule",
    severity=Severity.ERROR,
    title="no rule sends to the version that a canary or mirror is about",
    page="""
A Canary and a Mirror rewrite the rules whose destination is the version that they name. No rule of any intent sends there, so
that nothing would
happen.

```yaml
kind: Service
spec: {versions: [v1, v2], routes: [{to: v2}]}
---
kind: Canary
spec: {service: catalog, from: v1, to: v2, weight: 10}    # all requests go to v2 already
```

Name the version that has the requests now, or remove the Canary once it is through.
""",
)

CANNOT_COMBINE = Code(
    number="MG0123",
    slug="cannot-combine",
    severity=Severity.ERROR,
    title="two rules hold at once, and Istio has no word for it",
    page="""
A `match` of a Canary or Mirror narrows each rule that it concerns, and a Route that sends to a Service without a version takes
over the Service's
own rules. Here both sides ask something of the same part of the request that one Istio match cannot say, such as two regular
expressions, or
both rewrite the path.

```yaml
kind: Service
spec: {versions: [v1, v2], routes: [{match: {path: {regex: "/items/[0-9]+"}}, to: v2}, {to: v1}]}
---
kind: Route
spec: {gateways: [edge], hosts: [shop.example.com], rules: [{match: {path: /api/*}, rewrite: {path: /}, to: catalog}]}
```

Say in the Route where requests go: `to: catalog@v1`, or `catalog@*` for all endpoints whatever their version. For a Canary,
write its rule out in
the Service's routes.
""",
)

INVALID_PATCH = Code(
    number="MG0124",
    slug="invalid-patch",
    severity=Severity.ERROR,
    title="a patch of an intent does not fit",
    page="""
A patch names an object that the intent does not give, changes what an object is called, or makes of it something that Istio's
API does not take.

```yaml
kind: Service
spec:
  patches:
    - kind: DestinationRule
      patch: {spec: {trafficPolicy: {loadBalancer: {simple: LEAST_REQESTS}}}}
```

The patch is a JSON merge patch on the object as `meshgen compile` prints it: maps are merged, `null` removes, all else
replaces.
""",
)

STATED_TWICE = Code(
    number="MG0125",
    slug="stated-twice",
    severity=Severity.ERROR,
    title="an intent contradicts the core Service of its name",
    page="""
The tree holds a core Service and an intent for it, and they differ about ports or selector. Kubernetes follows the one,
meshgen's output the other.

```yaml
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [{name: http, port: 8080}]}
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80]}
```

Leave `ports` and `workload.selector` out of the intent: meshgen reads them from the core Service.
""",
)

NO_WORKLOAD = Code(
    number="MG0126",
    slug="no-workload",
    severity=Severity.ERROR,
    title="a policy is for a service whose Pods are not known",
    page="""
A policy selects Pods by labels. Neither the Service intent (`workload.selector`) nor a core Service says which labels the
service's Pods have; without
a selector the policy would hold for the whole namespace.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80]}
---
kind: Access
metadata: {name: callers, namespace: shop}
spec: {service: catalog, default: deny}
```

Add `workload: {selector: {app: catalog}}` to the Service, or the core Service to the tree.
""",
)

SPLIT_WITHOUT_VERSION = Code(
    number="MG0127",
    slug="split-without-version",
    severity=Severity.ERROR,
    title="a split sends to a service that has rules of its own, without a version",
    page="""
A service without a version is the service as it routes itself. Its rules cannot be taken over into one share of a split: they
match requests, and
a share takes any.

```yaml
kind: Route
spec: {gateways: [edge], hosts: [shop.example.com], rules: [{split: {catalog: 90, forum: 10}}]}   # catalog has routes
```

Name the version, `catalog@v1`, or `catalog@*` for all endpoints whatever their version.
""",
)

CALL_NOT_ALLOWED = Code(
    number="MG0129",
    slug="call-not-allowed",
    severity=Severity.WARNING,
    title="a service declares a call that the callee's access does not allow",
    of_reference=True,
    page="""
`calls` makes a service visible to its caller; whether the call is allowed is for the callee's Access to say, since a
caller cannot let itself in. Here the callee names its callers, and this one is not among them: its requests are
answered with 403.

```yaml
kind: Service
metadata: {name: reports, namespace: shop}
spec: {calls: [catalog], workload: {selector: {app: reports}, serviceAccount: reports}}
---
kind: Access
metadata: {name: catalog-callers, namespace: shop}
spec: {service: catalog, default: deny, allow: [{from: [webapp]}]}
```

Add the caller to the callee's Access, `from: [webapp, reports]`, or remove the call.
""",
)
