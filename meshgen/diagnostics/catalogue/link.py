"""Codes MG01xx, lowering and linking: names, references, two intents over one thing."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_SERVICE = Code(
    number="MG0104",
    slug="unknown-service",
    severity=Severity.ERROR,
    title="a destination is no service of the registry",
    page="""
A route, split or mirror sends to a host for which there is neither a Service nor a ServiceEntry. Istio accepts it and
builds a cluster name that no cluster has: every request of that rule is answered with 503.

```yaml
kind: VirtualService
metadata: {name: checkout, namespace: shop}
spec:
  hosts: [checkout]
  http:
    - route: [{destination: {host: paymnts}}]   # read as paymnts.shop.svc.cluster.local
```

Write the name of a service that exists. A name without a dot is completed with the namespace of the object that holds
it; a service elsewhere needs its full name, `payments.billing.svc.cluster.local`. A host outside of the cluster needs
a ServiceEntry with exactly that host: a wildcard ServiceEntry is a destination only under its own name. Nothing is
said where the tree declares no Service of the host's namespace.
""",
    same_as=("IST0101", "KIA1101"),
)

HIDDEN_SERVICE = Code(
    number="MG0105",
    slug="hidden-service",
    severity=Severity.ERROR,
    title="a destination exists, but is not exported to its clients",
    page="""
The service is there, and its `exportTo` (a ServiceEntry's field, a Service's annotation
`networking.istio.io/exportTo`, or the mesh's default) keeps it from the namespace whose proxies would use the route.
They have no cluster for it and answer 503.

```yaml
kind: Service
metadata:
  name: ledger
  namespace: payments
  annotations: {networking.istio.io/exportTo: "."}   # hidden from shop
```

Add the client's namespace to `exportTo`, or route to a service that the client may see. For a route on a gateway the
client is the gateway's workload.
""",
)

UNKNOWN_SUBSET = Code(
    number="MG0106",
    slug="unknown-subset",
    severity=Severity.ERROR,
    title="a destination's subset is defined by no destination rule in effect",
    page="""
Subsets come from the one DestinationRule that is in effect for the host: the client's namespace first, then the
service's, then the root namespace. A subset that this rule lacks has no cluster, and requests get 503, even if
another rule defines it.

```yaml
kind: VirtualService
spec:
  http:
    - route: [{destination: {host: catalog, subset: v3}}]   # the rule has v1 and v2
```

Add the subset to the DestinationRule that is named in the message, or route to one that it has. A wildcard rule in
the client's namespace hides the rules of all services that it covers, with their subsets.
""",
    same_as=("IST0101", "KIA1107"),
)

UNKNOWN_GATEWAY = Code(
    number="MG0107",
    slug="unknown-gateway",
    severity=Severity.ERROR,
    title="a virtual service is bound to a gateway that does not exist",
    page="""
The name in `gateways` is no Gateway of the tree, so the routes are served nowhere (or, where others are named too,
not there).

```yaml
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  gateways: [storefrnt]        # read as shop/storefrnt
```

Write `namespace/name` of a Gateway; a bare name is one of the virtual service's own namespace. `mesh` stands for all
sidecars.
""",
    same_as=("IST0101", "KIA1102"),
)

HOST_NOT_ON_GATEWAY = Code(
    number="MG0108",
    slug="host-not-on-gateway",
    severity=Severity.WARNING,
    title="a virtual service's host is on none of its gateways",
    page="""
A gateway serves the hosts that a server of it and a virtual service have in common. A host that no server of the
named gateways covers is answered with 404 by every one of them.

```yaml
kind: Gateway
spec: {servers: [{hosts: [shop.example.com], port: {number: 80, name: http, protocol: HTTP}}]}
---
kind: VirtualService
spec: {hosts: [store.example.com], gateways: [storefront]}
```

Add the host to a server, or correct it. A server host with a namespace (`shop/*`) takes virtual services of that
namespace alone.
""",
    same_as=("IST0132",),
)

UNKNOWN_RULE_HOST = Code(
    number="MG0109",
    slug="unknown-destination-rule-host",
    severity=Severity.WARNING,
    title="a destination rule is for a host that is no service",
    page="""
The rule's `host` names neither a Service nor a ServiceEntry, so its policy and its subsets act on nothing. Often the
name is short and the rule is in another namespace than the service.

```yaml
kind: DestinationRule
metadata: {name: catalog, namespace: infra}
spec: {host: catalog}          # read as catalog.infra.svc.cluster.local
```

Write the full name: `catalog.shop.svc.cluster.local`.
""",
    same_as=("IST0174", "KIA0202"),
)

SELECTS_NOTHING = Code(
    number="MG0110",
    slug="selects-nothing",
    severity=Severity.WARNING,
    title="a selector matches no workload",
    page="""
No Pod, Deployment or WorkloadEntry of the tree carries these labels, and no Service selects them: the policy is in
force nowhere. For an AuthorizationPolicy that means that what it should forbid is allowed.

```yaml
kind: AuthorizationPolicy
spec:
  selector: {matchLabels: {app: catlog}}
```

Write labels that the workload's Pod template has. Nothing is said where the tree declares no workload of the
namespace.
""",
    same_as=("IST0127", "KIA0004"),
)

UNKNOWN_DELEGATE = Code(
    number="MG0111",
    slug="unknown-delegate",
    severity=Severity.WARNING,
    title="a rule hands over to a virtual service that is not there or not visible",
    page="""
istiod leaves a rule out whose delegate does not exist, has hosts of its own, or is not exported to the root's
namespace. Requests then fall to the next rule, or to 404.

```yaml
kind: VirtualService
spec:
  hosts: [shop.example.com]
  http:
    - match: [{uri: {prefix: /items}}]
      delegate: {name: items, namespace: shop}    # no such virtual service without hosts
```

Write the namespace and name of a virtual service without `hosts` whose `exportTo` includes the root's namespace.
""",
)

UNKNOWN_SERVICE_ACCOUNT = Code(
    number="MG0112",
    slug="unknown-service-account",
    severity=Severity.WARNING,
    title="a policy names the identity of a service account that does not exist",
    page="""
A principal is `<trust domain>/ns/<namespace>/sa/<service account>`. No ServiceAccount and no workload of that
namespace has the name, so no caller will ever present it: an ALLOW rule lets nobody in by it, a DENY rule stops
nobody.

```yaml
rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/webap]}}]
```

Write the account that the caller's Pods run with (`spec.serviceAccountName`, `default` where it is not set).
""",
    same_as=("KIA0106",),
)

UNKNOWN_CREDENTIAL = Code(
    number="MG0113",
    slug="unknown-credential",
    severity=Severity.WARNING,
    title="a gateway's credential is no Secret of its workload's namespace",
    page="""
`credentialName` is looked up in the namespace in which the gateway's Pods run, not in that of the Gateway object.
Without the Secret the listener has no certificate and refuses every connection.

```yaml
servers:
  - tls: {mode: SIMPLE, credentialName: shop-cert}
```

Create the Secret beside the gateway's workload, or correct the name. Nothing is said where the tree declares no
Secret of that namespace.
""",
    same_as=("IST0101",),
)

EMPTY_SUBSET = Code(
    number="MG0114",
    slug="empty-subset",
    severity=Severity.WARNING,
    title="a subset's labels match no workload of its service",
    page="""
The service has workloads, none of which carries the subset's labels. The subset's cluster has no endpoints and
answers 503.

```yaml
kind: DestinationRule
spec:
  host: catalog
  subsets: [{name: v3, labels: {version: v3}}]   # Deployments have version v1 and v2
```

Write the labels that the Pod template has, or remove the subset until the version is there.
""",
    same_as=("IST0173", "KIA0203"),
)

HOST_TAKEN = Code(
    number="MG0115",
    slug="host-taken",
    severity=Severity.WARNING,
    title="two virtual services are for one host in the mesh",
    page="""
A sidecar uses one virtual service for a host and ignores every other, without a word: what is private to its
namespace comes first, then the oldest. Which one that is can differ from cluster to cluster. (Gateways join the rules
of all of them.)

```yaml
kind: VirtualService
metadata: {name: catalog-canary}
spec: {hosts: [catalog], http: [...]}
---
kind: VirtualService
metadata: {name: catalog-timeouts}
spec: {hosts: [catalog], http: [...]}    # ignored
```

Put the rules into one virtual service, or give each an `exportTo` of its own namespace.
""",
    same_as=("IST0109", "KIA1106"),
)

SUBSET_TAKEN = Code(
    number="MG0116",
    slug="subset-taken",
    severity=Severity.WARNING,
    title="two destination rules define one subset of one host",
    page="""
Rules of one host and namespace are merged: the first subset of a name stays and every other is dropped.

```yaml
kind: DestinationRule
metadata: {name: a}
spec: {host: catalog, subsets: [{name: v1, labels: {version: v1}}]}
---
kind: DestinationRule
metadata: {name: b}
spec: {host: catalog, subsets: [{name: v1, labels: {track: stable}}]}   # dropped
```

Keep one DestinationRule for a host.
""",
    same_as=("KIA0201",),
)

POLICY_TAKEN = Code(
    number="MG0117",
    slug="traffic-policy-taken",
    severity=Severity.WARNING,
    title="two destination rules set a traffic policy for one host",
    page="""
When rules of one host and namespace are merged, the traffic policy of the first stands whole and that of every other
is dropped, even where they speak of different things.

```yaml
kind: DestinationRule
metadata: {name: a}
spec: {host: catalog, trafficPolicy: {connectionPool: {tcp: {maxConnections: 100}}}}
---
kind: DestinationRule
metadata: {name: b}
spec: {host: catalog, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}}   # dropped
```

Keep one DestinationRule for a host.
""",
)

MALFORMED_SUPPRESSION = Code(
    number="MG0190",
    slug="malformed-suppression",
    severity=Severity.WARNING,
    title="a suppression has no reason or no known code",
    page="""
`meshgen/ignore` takes codes, each with the reason why the finding is right as it is; several stand on lines of their
own.

```yaml
metadata:
  annotations:
    meshgen/ignore: |
      MG0303 shares of 5, on purpose
      MG0401 this is the public status page
```

A suppression without a reason or with an unknown code suppresses nothing.
""",
)

UNUSED_SUPPRESSION = Code(
    number="MG0191",
    slug="unused-suppression",
    severity=Severity.WARNING,
    title="a suppression suppresses nothing",
    page="""
The object has no finding of this code (any more). Left in place, the suppression would hide the next fault of that
kind.

Remove the line from `meshgen/ignore`.
""",
)

UNKNOWN_VERSION = Code(
    number="MG0100",
    slug="unknown-version",
    severity=Severity.ERROR,
    title="an intent names a version that the service does not have",
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

HIDDEN_FROM_GATEWAY = Code(
    number="MG0128",
    slug="hidden-from-gateway",
    severity=Severity.WARNING,
    title="a virtual service is bound to a gateway whose workload cannot see it",
    page="""
A gateway uses the virtual services that are exported to the namespace in which its Pods run. With an `exportTo` that
leaves that namespace out, a virtual service is bound to the gateway by name and yet not served by it: 404.

```yaml
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {gateways: [infra/edge], exportTo: ["."], hosts: [shop.example.com]}    # the gateway runs in infra
```

Add the gateway's namespace to `exportTo`.
""",
)

CALL_NOT_ALLOWED = Code(
    number="MG0129",
    slug="call-not-allowed",
    severity=Severity.WARNING,
    title="a service declares a call that the callee's access does not allow",
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
