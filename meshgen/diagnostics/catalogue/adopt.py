"""Codes MG086x: names of outputs, and native objects on their way to intent."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

NAME_OF_NOTHING = Code(
    number="MG0860",
    slug="name-of-nothing",
    severity=Severity.ERROR,
    title="an intent states a name for an object that it does not give",
    page="""
`names` keeps the names of objects that were there before the intent: `{DestinationRule: catalog-dr}` instead of the intent's own
name. A key that fits no object of the intent is a slip, and the object would get another name than the one wanted.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  versions: [v1]
  names: {DestinationRul: catalog-dr}     # the kind is `DestinationRule`
```

Write the kind as Istio has it. Where the intent gives several objects of the kind, write the kind and the name that the object
would have without `names`: `AuthorizationPolicy/catalog-deny`.
""",
)
