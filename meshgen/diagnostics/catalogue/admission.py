"""Codes of istiod's admission and of what has a successor: MG0064, MG0085 to MG0087, MG0310, MG0311, MG0410, MG0411, MG0510."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

REFUSED_BY_ISTIOD = Code(
    number="MG0064",
    slug="refused-by-istiod",
    severity=Severity.ERROR,
    title="istiod's webhook refuses a native Istio object",
    page="""
The object fits the schema of its kind, but istiod looks further before it lets an object into the cluster: fields that do not go
together, names that nothing can have, expressions that are none. `kubectl apply` ends with its message, and so does the delivery
of the whole commit.

```yaml
kind: VirtualService
spec:
  hosts: [shop.example.com]
  http:
    - redirect: {uri: /new}
      route: [{destination: {host: shop}}]     # a rule has one outcome
```

Change what the message names.
""",
    same_as=("IST0106",),
)

DEPRECATED_FORM = Code(
    number="MG0085",
    slug="deprecated-form",
    severity=Severity.WARNING,
    title="a form of Istio's API that has a successor",
    at_key=True,
    page="""
Istio still reads it, for now, and says so nowhere or only in istiod's log.

```yaml
kind: VirtualService
spec:
  http:
    - mirror: {host: catalog-next}
      mirrorPercent: 5               # now: mirrorPercentage: {value: 5}
```

Write what the message names: it means the same.
""",
    same_as=("IST0002", "IST0133", "KIA1108"),
)

DEPRECATED_VERSION = Code(
    number="MG0086",
    slug="deprecated-version",
    severity=Severity.INFO,
    title="an object is written in an older version of its API",
    page="""
All versions of a kind have the same fields, and the API server turns them into each other. The older ones will end some day.

```yaml
apiVersion: networking.istio.io/v1beta1      # now: networking.istio.io/v1
kind: VirtualService
```

Write the version that the message names; nothing else changes.
""",
)

API_FOR_PATCH = Code(
    number="MG0087",
    slug="api-for-patch",
    severity=Severity.INFO,
    title="an EnvoyFilter does what Istio has a kind for",
    page="""
An EnvoyFilter is bound to the names and the order of Envoy's filters, which change from release to release.

```yaml
kind: EnvoyFilter
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      patch:
        operation: INSERT_BEFORE
        value: {name: envoy.filters.http.lua}      # a TrafficExtension has `lua`
```

Write the kind that the message names.
""",
)

IGNORED_SETTING = Code(
    number="MG0310",
    slug="ignored-setting",
    severity=Severity.WARNING,
    title="istiod takes a setting and does nothing with it",
    page="""
istiod's webhook warns of it, in a line that continuous delivery does not show.

```yaml
kind: Gateway
spec:
  servers:
    - port: {number: 443, name: tls, protocol: TLS}
      hosts: [shop.example.com]
      tls: {mode: PASSTHROUGH, credentialName: shop}     # nothing is decrypted here
```

Remove the setting, or change what makes it void.
""",
    same_as=("IST0133",),
)

HOST_NOT_ASCII = Code(
    number="MG0311",
    slug="host-not-ascii",
    severity=Severity.WARNING,
    title="a host is written in Unicode",
    page="""
A name such as `bücher.example` goes over the wire in an ASCII form. istiod's webhook takes only that.

```yaml
kind: ServiceEntry
spec:
  hosts: [bücher.example]      # xn--bcher-kva.example
```

Write the form that the message names.
""",
)

EMPTY_SELECTOR = Code(
    number="MG0410",
    slug="empty-selector",
    severity=Severity.WARNING,
    title="a selector without labels is for the whole namespace",
    page="""
Who writes a selector means some workloads. Without labels, an EnvoyFilter or a policy is for all of them.

```yaml
kind: AuthorizationPolicy
spec:
  selector: {}      # every workload of the namespace
```

Name the labels, or leave `selector` out where all are meant.
""",
    same_as=("IST0133",),
)

PRIVATE_KEY_IN_JWKS = Code(
    number="MG0411",
    slug="private-key-in-jwks",
    severity=Severity.WARNING,
    title="an inline JWKS holds a private key",
    secret=True,
    page="""
Tokens are verified with the public part. Who can read the RequestAuthentication can sign tokens with what stands here.

```yaml
kind: RequestAuthentication
spec:
  jwtRules:
    - issuer: shop
      jwks: '{"keys": [{"kty": "RSA", "n": "…", "e": "AQAB", "d": "…"}]}'     # `d` is private
```

Keep only the public part, and take the key out of use: it has been seen.
""",
)

OLD_TLS = Code(
    number="MG0510",
    slug="old-tls-without-ciphers",
    severity=Severity.WARNING,
    title="an old version of TLS without the ciphers that it needs",
    page="""
Envoy's own list of ciphers has none for TLS 1.0 and 1.1 any more: clients that speak only those cannot connect.

```yaml
kind: Gateway
spec:
  servers:
    - tls: {mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_0}
```

Name `cipherSuites` that the old clients have, or ask for `TLSV1_2`.
""",
    same_as=("IST0133",),
)
