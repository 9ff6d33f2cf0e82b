"""Codes MG0050 to MG0079, the project file, overlays and the workspace."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

NO_PROJECT = Code(
    number="MG0080",
    slug="no-project",
    severity=Severity.ERROR,
    title="there is no meshgen.yaml",
    page="""
meshgen looks for `meshgen.yaml` in the directory that it is given (or the current one) and in those above it.

```console
$ cd / && meshgen compile
```

Run it inside of a project, or make one with `meshgen init`.
""",
)

INVALID_PROJECT = Code(
    number="MG0081",
    slug="invalid-project",
    severity=Severity.ERROR,
    title="a value in meshgen.yaml that it cannot have",
    page="""
The field has another type, a word that is none of its choices, or is missing.

```yaml
spec:
  outputs:
    istio: {directory: out, layout: services}      # service, namespace, kind or single
```

Write one of the values that the message names. `meshgen schema Project` gives the whole schema.
""",
)

UNKNOWN_PROJECT_FIELD = Code(
    number="MG0082",
    slug="unknown-project-field",
    severity=Severity.ERROR,
    title="meshgen.yaml has a field that does not exist",
    at_key=True,
    page="""
A misspelt field would have no effect, so it is an error.

```yaml
spec:
  source: [mesh]      # sources
```

Correct the name, or remove the field.
""",
)

UNKNOWN_TARGET = Code(
    number="MG0084",
    slug="unknown-target",
    severity=Severity.ERROR,
    title="a release of Istio that meshgen does not know",
    page="""
Which kinds and fields Istio has, and what it does with them, differs from release to release. meshgen knows the releases from
1.24 to 1.32, and would only guess at another.

```yaml
spec:
  targets: {istio: "1.21"}
```

Write the release that runs in the cluster, `istioctl version` says it. For a release after 1.32 write `"1.32"`: the output is
right as far as that release keeps to its predecessor's API.
""",
)

UNKNOWN_ENVIRONMENT = Code(
    number="MG0083",
    slug="unknown-environment",
    severity=Severity.ERROR,
    title="the project has no environment of this name",
    page="""
The environment that was asked for with `--env` is none of `spec.environments`.

```console
$ meshgen compile --env porduction
```

Use one of the project's environments, or add it.
""",
)

OVERLAY_WITHOUT_BASE = Code(
    number="MG0060",
    slug="overlay-without-base",
    severity=Severity.ERROR,
    title="an overlay that changes nothing",
    page="""
A document of an overlay patches the resource of the same kind, namespace and name. Where there is none, it is most
often a misspelt name, and the change would be lost.

```yaml
# overlays/production/catalog.yaml
kind: Canary
metadata: {name: catalog-v3, namespace: shop}      # the base has catalog-v2
spec: {weight: 50}
```

Correct the name. A resource that only this environment has carries the annotation `meshgen/overlay: add`.
""",
)

INVALID_OVERLAY = Code(
    number="MG0061",
    slug="invalid-overlay",
    severity=Severity.ERROR,
    title="an overlay that contradicts itself or its base",
    page="""
The annotation `meshgen/overlay` has a value that is none of `patch` and `add`; or the document says `add` and the
base has such a resource already; or `$patch` is something else than `delete`.

```yaml
metadata:
  name: catalog
  annotations: {meshgen/overlay: replace}
```

Leave the annotation out to patch, write `add` for a resource that the base does not have, and `$patch: delete` at the
top of the document to remove one.
""",
)

MISSING_TYPE = Code(
    number="MG0070",
    slug="missing-type",
    severity=Severity.ERROR,
    title="a document without apiVersion or kind",
    page="""
Nothing says what the document is, so nothing can be done with it.

```yaml
metadata: {name: catalog}
spec: {ports: [80]}
```

Add `apiVersion` and `kind`. Files that are no resources do not belong in `sources`.
""",
)

DUPLICATE_RESOURCE = Code(
    number="MG0072",
    slug="duplicate-resource",
    severity=Severity.ERROR,
    title="two documents are the same resource",
    page="""
Kind, namespace and name are the same. An API server keeps whichever is applied last, which is nobody's intention.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
---
kind: Service
metadata: {name: catalog, namespace: shop}
```

Remove one, or give it another name. To change a resource for one environment, put the change in that environment's
overlays.
""",
)

MISSING_NAME = Code(
    number="MG0073",
    slug="missing-name",
    severity=Severity.ERROR,
    title="a resource without a name",
    page="""
Outputs are named after `metadata.name`, references use it, and an API server requires it.

```yaml
kind: Service
metadata: {namespace: shop}
```

Add `metadata.name`, a DNS name in lower case. `generateName` has no place in Git.
""",
)

PRIVATE_KEY = Code(
    number="MG0074",
    slug="private-key",
    severity=Severity.ERROR,
    title="a private key in a source",
    secret=True,
    page="""
Whoever can read the repository can read the key, for ever. meshgen refers to key material by the name of a Secret and
never carries it.

```yaml
tls:
  privateKey: |
    -----BEGIN RSA PRIVATE KEY-----
```

Replace the key, since it is no secret any more; put the new one in a Secret outside of Git and name it: `credential:
shop-cert`.
""",
)

SECRET_DATA_DROPPED = Code(
    number="MG0075",
    slug="secret-data-dropped",
    severity=Severity.INFO,
    title="the data of a Secret is not read",
    page="""
Of Secrets meshgen needs the names only, to check that a `credentialName` exists. Keys and values are dropped while
the file is read and appear in no output, diff or report.

```yaml
kind: Secret
metadata: {name: shop-cert, namespace: shop}
data: {tls.key: LS0tLS1CRUdJTi…}
```

Nothing has to be done for meshgen. A Secret in Git is readable by all who can read the repository: consider
SealedSecrets or External Secrets.
""",
)
