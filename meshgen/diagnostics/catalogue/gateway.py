"""Codes MG05xx, gateways and their listeners."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

SERVER_TAKEN = Code(
    number="MG0501",
    slug="server-taken",
    severity=Severity.WARNING,
    title="two servers of one gateway workload want the same port and host",
    page="""
Servers of all Gateways with one selector share the workload's listeners. Of two TLS servers for one host on one port,
or two TCP servers on one port, the later is left out; which one is later hangs on creation time.

```yaml
kind: Gateway
metadata: {name: a}
spec: {selector: {istio: ingress}, servers: [{port: {number: 443, ...}, hosts: [shop.example.com], tls: {...}}]}
---
kind: Gateway
metadata: {name: b}
spec: {selector: {istio: ingress}, servers: [{port: {number: 443, ...}, hosts: [shop.example.com], tls: {...}}]}   # left out
```

Keep a host in one server; bind the virtual services of both teams to that Gateway.
""",
    same_as=("IST0145", "KIA0301"),
)

TLS_MISMATCH = Code(
    number="MG0502",
    slug="tls-mismatch",
    severity=Severity.ERROR,
    title="a server's TLS settings do not go with its protocol",
    page="""
HTTPS and TLS servers need `tls`; HTTP, HTTP2 and GRPC servers take nothing of it but `httpsRedirect`, which in turn
only they can have. Istio's validation refuses anything else.

```yaml
servers:
  - port: {number: 443, name: https, protocol: HTTP}     # HTTPS was meant
    tls: {mode: SIMPLE, credentialName: shop-cert}
```

Write the protocol that the port speaks.
""",
    same_as=("IST0106",),
)

PLAINTEXT_BESIDE_TLS = Code(
    number="MG0503",
    slug="plaintext-beside-tls",
    severity=Severity.WARNING,
    title="a host is served in plaintext beside TLS, without a redirect",
    page="""
The gateway serves the host over TLS, and over plain HTTP as well, with the same routes. A client that writes
`http://` gets its pages, cookies and tokens in the clear.

```yaml
servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {...}}
```

Add `tls: {httpsRedirect: true}` to the plain server, or remove the host from it.
""",
)

ROUTES_NOT_SEEN = Code(
    number="MG0504",
    slug="routes-behind-passthrough",
    severity=Severity.WARNING,
    title="a virtual service's rules are of a kind that its gateway's server does not use",
    page="""
A PASSTHROUGH server does not open TLS: it routes by SNI with `tls` rules, and `http` rules are never looked at. A
server that terminates TLS or speaks plain HTTP uses `http` rules, and `tls` rules are never looked at.

```yaml
kind: Gateway
spec: {servers: [{hosts: [shop.example.com], port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}}]}
---
kind: VirtualService
spec: {hosts: [shop.example.com], gateways: [edge], http: [...]}     # never used
```

Terminate TLS at the gateway (`mode: SIMPLE`), or write `tls` rules with `sniHosts`.
""",
)

HOST_OF_ANOTHER_NAMESPACE = Code(
    number="MG0505",
    slug="host-of-another-namespace",
    severity=Severity.WARNING,
    title="a gateway takes a virtual service's host from other namespaces only",
    page="""
Who owns a gateway gives hosts to namespaces: a server with the host `forum/forum.example.com` takes virtual services of the
namespace `forum` for it, and no others. A virtual service of another namespace changes nothing at that gateway.

```yaml
kind: Gateway
metadata: {name: public, namespace: platform}
spec:
  workload: {selector: {istio: ingressgateway}}
  listeners: [{port: 80, hosts: [forum/forum.example.com]}]
---
kind: Route
metadata: {name: stolen, namespace: shop}
spec: {gateways: [platform/public], hosts: [forum.example.com], rules: [{to: webapp}]}
```

Write the Route in the namespace that has the host, or ask the gateway's owner to add it for this namespace.
""",
)
