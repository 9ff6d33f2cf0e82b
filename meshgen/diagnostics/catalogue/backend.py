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
    loadBalancer:
      zoneAwareLbSetting: {enabled: true}    # in Istio only
```

Leave the field out for proxies that run without istiod, or say the same with a field that is carried over.
""",
)
