"""Codes MG04xx, mTLS, tokens, access."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

ALLOW_EVERYONE = Code(
    number="MG0401",
    slug="allow-everyone",
    severity=Severity.WARNING,
    title="an ALLOW rule without any condition lets everyone in",
    page="""
A rule of an ALLOW policy with neither `from` nor `to` nor `when` matches every request from anyone, callers without a
certificate included (under PERMISSIVE mutual TLS, anything that reaches the port). It also makes every other ALLOW
rule for the workload pointless, since one match suffices.

```yaml
kind: AuthorizationPolicy
spec:
  selector: {matchLabels: {app: catalog}}
  action: ALLOW
  rules: [{}]
```

Name the callers: `from: [{source: {principals: [cluster.local/ns/shop/sa/webapp]}}]`, or `principals: ["*"]` for
anyone with an identity of the mesh. An empty `rules` list (`spec: {}`) is the opposite: it allows nobody.
""",
)

DENY_WIDENS_ON_TCP = Code(
    number="MG0402",
    slug="deny-widens-on-tcp",
    severity=Severity.WARNING,
    title="a DENY rule on HTTP fields covers a TCP port and denies more than it says",
    page="""
On a port that is not HTTP the HTTP fields of a DENY rule (methods, paths, hosts, headers, tokens) are left out and
the rest of the rule acts: what should deny one method denies every connection.

```yaml
action: DENY
rules: [{to: [{operation: {methods: [DELETE]}}]}]     # the workload also has a TCP port 9000
```

Bind the rule to the HTTP port: `operation: {methods: [DELETE], ports: ["8080"]}` (the workload's port, not the
Service's).
""",
)

ALLOW_VANISHES_ON_TCP = Code(
    number="MG0403",
    slug="allow-vanishes-on-tcp",
    severity=Severity.WARNING,
    title="an ALLOW policy has only rules on HTTP fields and closes a TCP port",
    page="""
On a port that is not HTTP an ALLOW rule with HTTP fields (methods, paths, hosts, headers, tokens) is left out whole.
A policy of which no rule is left still is an ALLOW policy: nobody may connect to the port.

```yaml
action: ALLOW
rules: [{to: [{operation: {methods: [GET]}}]}]     # the workload also has a TCP port 9000
```

Add a rule for the TCP port by source alone: `to: [{operation: {ports: ["9000"]}}]` with its `from`.
""",
)

TOKEN_NOT_REQUIRED = Code(
    number="MG0404",
    slug="token-not-required",
    severity=Severity.WARNING,
    title="tokens are verified, but a request without a token passes",
    page="""
A RequestAuthentication refuses bad tokens and lets requests without any token through. Unless an AuthorizationPolicy
asks for a request principal, the workload is open to everyone who sends none.

```yaml
kind: RequestAuthentication
spec:
  selector: {matchLabels: {app: catalog}}
  jwtRules: [{issuer: auth.example.com, jwksUri: https://auth.example.com/keys}]
```

Add a policy for the same workload: `action: DENY`, `rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]`.
""",
)

CLAIMS_NOT_VERIFIED = Code(
    number="MG0405",
    slug="claims-not-verified",
    severity=Severity.WARNING,
    title="a policy asks for a token's claims where no token is verified",
    page="""
`requestPrincipals` and `request.auth.*` are known only where a RequestAuthentication verifies tokens. Without one an
ALLOW rule on them never matches, and a DENY rule on their absence matches always.

```yaml
kind: AuthorizationPolicy
spec:
  selector: {matchLabels: {app: catalog}}
  rules: [{when: [{key: "request.auth.claims[group]", values: [admin]}]}]
```

Add a RequestAuthentication that selects the same workload.
""",
)

PLAINTEXT_TO_STRICT = Code(
    number="MG0406",
    slug="plaintext-to-strict",
    severity=Severity.ERROR,
    title="a destination rule turns off mutual TLS towards a workload that demands it",
    page="""
The workload's PeerAuthentication is STRICT: it takes connections with a certificate of the mesh only. A
DestinationRule with `tls: {mode: DISABLE}` for its host makes clients connect in plaintext, and every connection is
reset.

```yaml
kind: DestinationRule
spec: {host: catalog, trafficPolicy: {tls: {mode: DISABLE}}}
```

Remove the `tls` block: automatic mutual TLS then does what the server asks for.
""",
    same_as=("KIA0207", "KIA0208"),
)

PLAINTEXT_PASSES = Code(
    number="MG0407",
    slug="plaintext-passes",
    severity=Severity.WARNING,
    title="an ALLOW rule names only who may not come in, and callers without an identity come in",
    page="""
`notPrincipals`, `notNamespaces` and `notServiceAccounts` compare the caller's certificate. A plaintext caller has
none, so it is none of those that are named, and passes. That holds wherever mutual TLS is not STRICT, and PERMISSIVE
is the default.

```yaml
action: ALLOW
rules: [{from: [{source: {notNamespaces: [legacy]}}]}]
```

Add `principals: ["*"]` to the source, demand STRICT mutual TLS of the workload, or turn the rule round: a DENY policy
for `namespaces: [legacy]`.
""",
)
