"""Codes MG01xx, linking: names, references, two objects over one thing."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_SERVICE = Code(
    number="MG0104",
    slug="unknown-service",
    severity=Severity.ERROR,
    title="a destination is no service of the registry",
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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
    of_reference=True,
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

UNKNOWN_EGRESS_HOST = Code(
    number="MG0130",
    slug="unknown-egress-host",
    severity=Severity.WARNING,
    title="a Sidecar shows its workloads a host that does not exist",
    page="""
A Sidecar names what its workloads may see; of an intent these are the services that it `calls`. A name that no service has
shows nothing, and the service that was meant stays hidden: its requests leave the mesh as those for any unknown host.

```yaml
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {calls: [catalgo]}      # the Service is `catalog`
```

Write the service's name, `name.namespace` in an intent and `namespace/host` in a Sidecar.
""",
    same_as=("KIA1004",),
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

It holds for warnings and infos at anything that the document says, overlays and files that it names included. A suppression
without a reason, with an unknown code, or with the code of an error suppresses nothing.
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

```yaml
metadata:
  annotations:
    meshgen/ignore: MG0301 the second rule is kept for the next release    # no rule of this object is unreachable
```

Remove the line from `meshgen/ignore`. It is not judged while there are errors, for one cluster of several, or for codes MG09xx,
which are found only where Envoy configuration is written.
""",
)
