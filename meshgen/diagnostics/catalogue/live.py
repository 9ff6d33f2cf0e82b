"""Codes MG085x, reading what runs: clusters and Envoys."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

BAD_KUBECONFIG = Code(
    number="MG0850",
    slug="bad-kubeconfig",
    severity=Severity.ERROR,
    title="the kubeconfig cannot be used",
    page="""
The file is missing or is no kubeconfig, has no such context, names a cluster or user that it does not define, or asks
for a way to log in that meshgen does not know. No connection was made.

```
meshgen diff --live --context staging      # the file has only `production`
```

`kubectl config get-contexts` lists the contexts that a kubeconfig has.
""",
)

CLUSTER_UNREACHABLE = Code(
    number="MG0851",
    slug="cluster-unreachable",
    severity=Severity.ERROR,
    title="the API server cannot be reached, or does not answer in time",
    page="""
No connection could be made to the address that the kubeconfig has, its certificate is not signed by the authority
that the kubeconfig trusts, or the answer took too long. Nothing was compared: an empty answer would look as if every
object had been deleted.

```yaml
clusters:
  - name: prod
    cluster: {server: https://10.0.0.1:6443}    # nobody listens there
```

Check the address, the VPN or proxy in between, and whether `kubectl --context <context> version` answers.
""",
)

CLUSTER_FORBIDDEN = Code(
    number="MG0852",
    slug="cluster-forbidden",
    severity=Severity.ERROR,
    title="the user of the kubeconfig may not list objects that the diff needs",
    page="""
meshgen only ever sends `get` and `list`, for the kinds that it emits. Where one is refused, what runs of that kind is
not known and is left out of the comparison.

```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: meshgen-diff}
rules:
  - apiGroups: [networking.istio.io, security.istio.io]
    resources: ["*"]
    verbs: [get, list]
```

Give the user such a role, or name the namespaces that it may read.
""",
)

KIND_NOT_INSTALLED = Code(
    number="MG0853",
    slug="kind-not-installed",
    severity=Severity.WARNING,
    title="the cluster does not know a kind that the output has",
    page="""
The API server serves no such resource in any version that meshgen knows: the CRD is missing, so Istio (or Flagger, the
Prometheus operator …) is not installed, or is too old. Objects of this kind count as not deployed, and applying them would fail.

```shell
kubectl get crd virtualservices.networking.istio.io    # Error from server (NotFound)
```

Install Istio's CRDs of the release that the project targets, or the tool whose kind it is.
""",
)

CLUSTER_ANSWER = Code(
    number="MG0854",
    slug="unexpected-cluster-answer",
    severity=Severity.ERROR,
    title="the API server answered a list with an error or with something that is no list",
    page="""
The answer was neither the objects nor a plain refusal: an overloaded or broken API server, a proxy that answers in
its place, an expired login. The kind is left out of the comparison.

```text
HTTP/1.1 200 OK
content-type: text/html

<title>Log in</title>
```

The message has the status and the server's own words. Trying again is safe: meshgen only reads.
""",
)

LEFT_ALONE = Code(
    number="MG0855",
    slug="live-object-left-alone",
    severity=Severity.INFO,
    title="a live object belongs to somebody else and is not compared",
    page="""
The object is controlled by another object (`metadata.ownerReferences` with `controller: true`, such as a Flagger
Canary), or is a WorkloadEntry that a virtual machine registered by itself. What meshgen would write there, its owner
would undo.

```yaml
kind: VirtualService
metadata:
  ownerReferences:
    - {apiVersion: flagger.app/v1beta1, kind: Canary, name: catalog, controller: true}
```

Take the object out of the sources, or end the other tool's claim to it.
""",
)

BAD_CONFIG_DUMP = Code(
    number="MG0856",
    slug="bad-config-dump",
    severity=Severity.ERROR,
    title="the running Envoy's configuration cannot be read",
    page="""
The admin interface did not answer, or what the address or file gives is no configuration dump of Envoy.

```
meshgen diff --envoy http://127.0.0.1:15000
meshgen diff --envoy dump.json          # curl '127.0.0.1:15000/config_dump?include_eds' > dump.json
```

In a cluster, `kubectl port-forward pod/<pod> 15000` brings the admin interface of a sidecar to loopback.
""",
)
