"""Codes MG09xx, what a backend cannot do."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

SUBSET_WITHOUT_ENDPOINT = Code(
    number="MG0901",
    slug="subset-without-known-endpoint",
    severity=Severity.ERROR,
    title="a subset whose endpoints nobody declares, in a delivery without endpoint discovery",
    page="""
A static bootstrap holds every address that Envoy may send to. Where meshgen knows no endpoint of a service, Envoy
resolves the service's own name, but a subset has no name of its own: its requests would reach every version.

```yaml
kind: DestinationRule
spec:
  host: catalog
  subsets:
  - {name: v2, labels: {version: v2}}   # which addresses carry version: v2?
```

Put what declares the endpoints into the source tree: EndpointSlices with their Pods (`kubectl get endpointslices,pods
-o yaml`), WorkloadEntries, or endpoints in the intent. Or deliver files instead, where endpoints have files of their
own that something else may fill.
""",
)

NO_KNOWN_ENDPOINT = Code(
    number="MG0902",
    slug="no-known-endpoint",
    severity=Severity.INFO,
    title="a service whose endpoints nobody declares",
    page="""
Envoy is told the addresses of a service; istiod learns them from the cluster. Where the source tree declares none,
a static bootstrap lets Envoy resolve the service's name, which leads to its virtual IP: requests arrive, but outlier
detection, consistent hashing and locality see one host only. With a delivery of files the endpoints file is empty
until something fills it, and requests get 503.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80]}        # and no endpoints, here or in an EndpointSlice
```

Declare the endpoints: EndpointSlices with their Pods, WorkloadEntries, or endpoints in the intent.
""",
)

DESTINATION_NOT_RESTORED = Code(
    number="MG0903",
    slug="destination-not-restored",
    severity=Severity.WARNING,
    title="a service that is reached at the client's own destination, where nothing restores that",
    page="""
Istio sends requests for headless services, for ServiceEntries with `resolution: NONE`, for `PASSTHROUGH` load
balancing and for unknown hosts to the address that the client itself connected to. A sidecar learns that address from
iptables. A gateway and a sidecar on loopback sockets do not have it, so such requests are refused.

```yaml
kind: ServiceEntry
spec:
  hosts: ["*.wild.example"]
  resolution: NONE           # use DNS and name the hosts, or STATIC with endpoints
```

Give the service a resolution that says where its endpoints are.
""",
)

CREDENTIAL_NOT_APPLIED = Code(
    number="MG0904",
    slug="credential-not-applied-in-sidecars",
    severity=Severity.ERROR,
    title="a `credentialName` that Istio does not apply in sidecars, which leaves the traffic in plaintext",
    page="""
Istio applies `credentialName` of a DestinationRule at gateways, and in sidecars only where the rule has a
`workloadSelector`. In every other sidecar the whole TLS setting is dropped without a word, and the traffic is
plaintext. The Envoy configuration does the same as istiod's, so this is an error rather than a surprise.

```yaml
kind: DestinationRule
spec:
  host: bank
  trafficPolicy:
    tls: {mode: MUTUAL, credentialName: bank-client}
```

Add `workloadSelector`, or name the files: `clientCertificate`, `privateKey`, `caCertificates`.
""",
)

KEYS_NOT_DISCOVERED = Code(
    number="MG0905",
    slug="keys-not-discovered",
    severity=Severity.ERROR,
    title="a JWT rule that names no keys, which stock Envoy cannot discover",
    page="""
Without `jwks` and `jwksUri` istiod asks the issuer's OpenID configuration where its keys are. Envoy fetches keys from
a URI that it is given, but discovers none. Every token of the issuer would be refused with 401.

```yaml
kind: RequestAuthentication
spec:
  jwtRules:
  - issuer: https://login.shop.example
    jwksUri: https://login.shop.example/keys    # write it out
```
""",
)

FIELD_NOT_CARRIED = Code(
    number="MG0906",
    slug="field-not-carried-to-envoy",
    severity=Severity.WARNING,
    title="a field of an Istio object that the Envoy output does not carry over",
    page="""
The Istio output has the field as it was written, so proxies that istiod configures honour it. The Envoy output does
not say the same, because stock Envoy lacks what Istio's build has, or because meshgen does not translate it yet.

```yaml
kind: DestinationRule
spec:
  host: catalog
  trafficPolicy:
    outlierDetection: {consecutiveErrors: 5}    # write `consecutive5xxErrors`
```

Leave the field out for proxies that run without istiod, or say the same with a field that is carried over.
""",
)

MODULE_ELSEWHERE = Code(
    number="MG0910",
    slug="module-not-in-a-file",
    severity=Severity.ERROR,
    title="a WebAssembly module that Envoy cannot load",
    page="""
With Istio an agent beside the proxy pulls modules from registries and checks them. Envoy alone reads HTTP filters from
files. The extension is left out of the Envoy output, so requests would pass that it may have refused.

```yaml
kind: WasmPlugin
spec:
  url: oci://registry.shop.example/filters/basic-auth:1.2
```

Put the module into the image that runs Envoy, or mount it, and write `url: file:///etc/envoy/filters/basic-auth.wasm`.
Modules of `type: NETWORK` are not carried over.
""",
)

PATCH_NOT_CARRIED = Code(
    number="MG0911",
    slug="patch-not-carried-to-envoy",
    severity=Severity.WARNING,
    title="an EnvoyFilter patch that has no place in the Envoy output",
    page="""
Patches of listeners, filters, routes and clusters are applied to the Envoy output as istiod applies them. A patch of the
bootstrap or of an extension's configuration by discovery is not, nor is one that stands beside a filter of Istio's own build
(`istio.stats`, `istio.metadata_exchange`, `istio.alpn`), since stock Envoy has none of these.

```yaml
kind: EnvoyFilter
spec:
  configPatches:
  - applyTo: BOOTSTRAP
```

Change the bootstrap where it is written, or name a filter that stock Envoy has, such as `envoy.filters.http.router`.
""",
)

SERVER_NOT_SERVED = Code(
    number="MG0912",
    slug="gateway-server-not-served",
    severity=Severity.WARNING,
    title="a Gateway's server that cannot be served beside another one",
    page="""
Servers of all Gateways that pick one workload share its ports. Istio serves the older one where two do not fit together, and
drops the other without a word: TLS beside plain HTTP, TCP beside HTTP, the same TLS host twice.

```yaml
servers:
- port: {number: 443, name: web, protocol: HTTP}
- port: {number: 443, name: tls, protocol: TLS}    # dropped
```

Give each its own port, or a host of its own.
""",
    same_as=("IST0145", "KIA0301"),
)

NO_SOCKET = Code(
    number="MG0913",
    slug="no-inbound-socket",
    severity=Severity.WARNING,
    title="a sidecar on loopback that has no address to listen on",
    page="""
Where no iptables rule leads connections to the sidecar, it needs a socket of its own before the application: the proxy's
address with the workload's port, or what a Sidecar's `ingress` names. Without either nothing protects the application.

```yaml
kind: Sidecar
spec:
  workloadSelector: {labels: {app: catalog}}
  ingress:
  - {port: {number: 9080, name: http, protocol: HTTP}, bind: 0.0.0.0, defaultEndpoint: 127.0.0.1:8080}
```

Name the proxy's address, or write such an `ingress`.
""",
)

REDIRECT_CODE = Code(
    number="MG0914",
    slug="redirect-code-not-in-envoy",
    severity=Severity.ERROR,
    title="a redirect with a code that Envoy cannot send",
    page="""
Envoy redirects with 301, 302, 303, 307 and 308. istiod makes a route without an action of any other code, and Envoy
refuses the whole table with it. The rule is left out of the Envoy output.

```yaml
redirect: {uri: /new, redirectCode: 300}
```

Use one of the five, or a `directResponse` with a `Location` header.
""",
)

UNKNOWN_HOSTS_REFUSED = Code(
    number="MG0907",
    slug="unknown-hosts-refused",
    severity=Severity.INFO,
    title="`ALLOW_ANY` cannot be honoured where connections are not intercepted",
    page="""
With `outboundTrafficPolicy: ALLOW_ANY` a sidecar passes what it does not know on to where the client was going. Only
iptables can tell a sidecar where that was. On loopback sockets a request for an unknown host is answered with 502, as
under `REGISTRY_ONLY`.

```yaml
kind: Project
spec:
  targets:
    proxies:
      - {name: webapp, namespace: shop, bind: loopback}    # and the Mesh does not say `outbound: registryOnly`
```

Declare what is called as ServiceEntries, or set `REGISTRY_ONLY`, which says what happens anyway.
""",
)

ADDRESS_NOT_KNOWN = Code(
    number="MG0915",
    slug="tcp-services-without-address",
    severity=Severity.WARNING,
    title="TCP services of one port that nothing tells apart",
    page="""
A sidecar knows by the address of a captured connection which TCP service it is for. Where the source tree does not say a
service's address, its listener takes every connection to the port, and of several such services only the first is served:
connections for the others reach it too.

```yaml
kind: Service
metadata: {name: journal}
spec:
  ports: [{name: tcp, port: 9000}]     # beside another Service with a TCP port 9000
```

Write the address (`clusterIP` of a Service, `addresses` of a ServiceEntry), give them different ports, or use sockets on
loopback, where each service has an address of its own.
""",
)
