"""Codes MG0140 to MG0149 and MG0820 to MG0829: several clusters and networks, machines, the ports of Istio itself."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

UNKNOWN_CLUSTER = Code(
    number="MG0140",
    slug="unknown-cluster",
    severity=Severity.ERROR,
    title="something names a cluster that the Mesh does not have",
    page="""
A document that holds in some clusters only says so in `metadata.clusters` (an intent) or in the annotation `meshgen/clusters`
(anything else). With a name that no cluster has it would hold nowhere, and nobody would notice. The same goes for `--cluster`,
and for the `controlPlane` of a remote cluster.

```yaml
kind: Mesh
metadata: {name: mesh}
spec: {clusters: {west: {network: west-network}, east: {network: east-network}}}
---
kind: Service
metadata: {name: catalog, namespace: shop, clusters: [wset]}     # did you mean `west`?
```

Write the name of one of the Mesh's `clusters`, or add the cluster to the Mesh.
""",
)

CLUSTER_NOT_CHOSEN = Code(
    number="MG0141",
    slug="cluster-not-chosen",
    severity=Severity.ERROR,
    title="one cluster is asked for, and the mesh has several",
    page="""
A mesh of several clusters has one result for each: what is said of a request, or of an object, holds in one of them.

```python
compile_project("shop")                      # which one?
compile_project("shop", cluster="west")
compile_clusters("shop")                     # all, one by one
```

Name the cluster: `--cluster west`, or `cluster="west"` in Python.
""",
)

NO_COMMON_ROOT = Code(
    number="MG0142",
    slug="no-common-root",
    severity=Severity.WARNING,
    title="clusters of one mesh do not trust each other's certificates",
    page="""
Workloads of two clusters speak mutual TLS only if their certificates descend from one root. A cluster without a plugged-in
authority makes a root of its own, so every request that crosses the border fails its handshake.

```yaml
clusters:
  west: {network: west-network, ca: {root: acme-2026, secret: cacerts}}
  east: {network: east-network, ca: {root: acme-2025, secret: cacerts}}     # another root
```

Give each cluster an intermediate authority of one root (Secret `cacerts`), and name the same `root` in all. Where two roots are
known on both sides (MeshConfig's `caCertificates`), they are one trust: give it one name.
""",
)

NETWORK_NAME = Code(
    number="MG0143",
    slug="network-name",
    severity=Severity.WARNING,
    title="a network's name is nearly that of another one",
    page="""
istiod compares names of networks letter by letter. An endpoint on a network that no gateway serves is taken to be reachable
directly, so a typing error sends requests to addresses that nobody can reach.

```yaml
kind: VirtualMachines
metadata: {name: forum, namespace: forum}
spec: {template: {labels: {app: forum}, network: west-netwrok}}     # the cluster is on `west-network`
```

Write the network's name as the Mesh has it.
""",
)

NO_EAST_WEST_GATEWAY = Code(
    number="MG0144",
    slug="no-east-west-gateway",
    severity=Severity.WARNING,
    title="clusters are on different networks, and one has no door to the others",
    page="""
Pods of different networks cannot reach each other. Requests from another network come in through an east-west gateway, which
passes mutual TLS on by its SNI. Without it istiod gives the Pods' own addresses to the other side, and connections to them time
out. A cluster that has no network at all counts as another network.

```yaml
clusters:
  west: {network: west-network, eastWest: {}}
  east: {network: east-network}                 # nobody can call into it
```

Add `eastWest: {}`, or a Gateway with TLS mode AUTO_PASSTHROUGH; put clusters whose Pods reach each other on one network.
""",
)

SERVICE_DIFFERS = Code(
    number="MG0145",
    slug="service-differs-between-clusters",
    severity=Severity.WARNING,
    title="a service has other ports in another cluster",
    page="""
istiod merges Services of one name and namespace over all clusters. Where their ports differ, clients of one cluster send to a
port that the endpoints of the other one do not have.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop, clusters: [west]}
spec: {ports: [80]}
---
kind: Service
metadata: {name: catalog, namespace: shop, clusters: [east]}
spec: {ports: [8080]}
```

Give the Service the same ports everywhere, or another name where it is another service.
""",
    same_as=("IST0170",),
)

NO_WAY_TO_ISTIOD = Code(
    number="MG0146",
    slug="no-way-to-istiod",
    severity=Severity.WARNING,
    title="a control plane is used from outside of its cluster, and nothing exposes it",
    page="""
A remote cluster, and a machine on another network, reach istiod through a gateway that hands its ports 15012 and 15017 on.

```yaml
clusters:
  west: {network: west-network, eastWest: {}}                    # istiod is not exposed
  east: {network: east-network, eastWest: {}, controlPlane: west}
```

Write `eastWest: {exposeIstiod: true, address: …}` for the cluster whose istiod it is.
""",
)

PORT_OF_ISTIO = Code(
    number="MG0147",
    slug="port-of-istio",
    severity=Severity.WARNING,
    title="an application listens on a port that its own sidecar uses",
    page="""
The sidecar and its agent listen in the same Pod (or machine) as the application: 15000 Envoy's admin interface, 15001 outbound,
15004 debugging, 15006 inbound, 15008 and 15009 tunnels, 15020 merged metrics and probes, 15021 health, 15053 DNS, 15090 Envoy's
metrics. Whoever starts second cannot listen, or its requests never arrive.

```yaml
kind: Service
metadata: {name: metrics, namespace: shop}
spec:
  ports: [{name: http, port: 80, targetPort: 15090}]     # Envoy's own metrics
  workload: {selector: {app: metrics}}
```

Let the application listen on another port; the Service's own `port` may be any number.
""",
)

UNKNOWN_MACHINE_ACCOUNT = Code(
    number="MG0148",
    slug="unknown-machine-account",
    severity=Severity.WARNING,
    title="machines run as a service account that does not exist",
    page="""
A machine shows a token of its group's service account when it joins. Where the account does not exist there is no token, and the
machine gets no certificate.

```yaml
kind: VirtualMachines
metadata: {name: forum, namespace: forum}
spec: {template: {labels: {app: forum}, serviceAccount: forum-as}}     # the account is `forum-sa`
```

Add the ServiceAccount to the tree, or write the name of one of the namespace.
""",
    same_as=("KIA1701",),
)

SAME_MACHINES = Code(
    number="MG0149",
    slug="same-machine-labels",
    severity=Severity.INFO,
    title="two groups of machines cannot be told apart",
    page="""
Services and policies pick machines by their labels. Two groups with the same labels in one namespace are one for all of them.

```yaml
kind: WorkloadGroup
metadata: {name: forum-a, namespace: forum}
spec: {metadata: {labels: {app: forum}}, template: {}}
---
kind: WorkloadGroup
metadata: {name: forum-b, namespace: forum}
spec: {metadata: {labels: {app: forum}}, template: {}}
```

Give each a label of its own, such as `group: a`, where they are not meant to be one.
""",
    same_as=("KIA1702",),
)

NO_FAILOVER_BETWEEN_CLUSTERS = Code(
    number="MG0820",
    slug="no-failover-between-clusters",
    severity=Severity.INFO,
    title="services run in several clusters and do not prefer the near one",
    page="""
A service of several clusters has endpoints in all of them. istiod orders them by locality, near ones first, only where outlier
detection tells the sidecar which of them are well. Without it every request may go to any cluster, near or far, and an outage of
one is noticed by its clients.

```yaml
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  traffic: {outliers: {consecutive5xx: 5, interval: 20s, ejectFor: 30s}}     # near endpoints first, far ones in need
```

Add `traffic.outliers` to the service, or a DestinationRule with `outlierDetection`.
""",
)
