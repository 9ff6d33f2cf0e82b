"""Codes MG0940 to MG0949, how files and ConfigMaps reach an Envoy."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

NO_FILES_FOR_ENVOY = Code(
    number="MG0940",
    slug="no-files-for-envoy",
    severity=Severity.ERROR,
    title="a directory that holds no proxy's files",
    page="""
`meshgen push` takes the directory of one proxy as `meshgen compile` writes it with `outputs.envoy.delivery: filesystem`:
a bootstrap, `lds/listeners.json`, `cds/clusters.json`, and one file for each route table, endpoint list and secret. A
static bootstrap has nothing that could be pushed: Envoy reads it once.

```shell
meshgen push out/envoy --into /etc/meshgen/envoy               # holds the directories of several proxies
```

Name the proxy's directory, on both sides: `meshgen push out/envoy/shop/webapp --into /etc/meshgen/envoy/shop/webapp`.
""",
)

FILES_FOR_ELSEWHERE = Code(
    number="MG0941",
    slug="files-for-elsewhere",
    severity=Severity.WARNING,
    title="files that name each other in another directory than the one they are pushed to",
    page="""
The files of a proxy name each other by absolute paths below `outputs.envoy.root`, and its bootstrap watches
directories there. Pushed to another place they are read only where that place is the same directory for the Envoy, as
a volume that is mounted under two names.

```shell
meshgen push out/envoy/shop/webapp --into /srv/envoy/shop/webapp    # compiled for /etc/meshgen/envoy
```

Set `outputs.envoy.root` to where the Envoy finds the tree, compile, and push again.
""",
)

UPDATE_REFUSED = Code(
    number="MG0942",
    slug="update-refused",
    severity=Severity.ERROR,
    title="an update that the running Envoy refused",
    page="""
Envoy checks what it reads and refuses an update that breaks its rules as a whole; it goes on with what it has. The push
stops there and puts the files of that wave back as they were, so that the Envoy also starts with them. Waves before it
stay: they only add.

```console
error[MG0942]: Envoy at `127.0.0.1:15000` refused the update: `listener_manager.lds.update_rejected` went up
```

Envoy's log has the reason; for listeners the message has it too. Usual causes: an EnvoyFilter patch that this Envoy does
not know, an address that is taken, a certificate that is not there, an Envoy older than `targets.envoy`.
""",
)

UPDATE_NOT_TAKEN = Code(
    number="MG0943",
    slug="update-not-taken",
    severity=Severity.ERROR,
    title="an update that the running Envoy has not taken in time",
    page="""
The next wave must not be written before Envoy uses the one before, or requests are lost. Where that takes longer than
`--wait`, the push stops and leaves what it wrote. Pushing again goes on from there.

```console
error[MG0943]: Envoy at `127.0.0.1:15000` does not show `cds/clusters.json` after 30 s, in the wave of clusters
```

Look whether this Envoy reads that directory at all (`outputs.envoy.root`), and whether a cluster or a listener is still
warming: it waits for a name in DNS, or for a certificate. `--wait 2m` waits longer.
""",
)

ENVOY_NOT_ASKED = Code(
    number="MG0944",
    slug="envoy-not-asked",
    severity=Severity.INFO,
    title="files that are written without asking Envoy whether it has taken them",
    page="""
Waves are written one after the other, each when Envoy has taken the one before, as its admin interface shows. Where
there is none, or none answers, `--pause` seconds lie between them instead. That suits an Envoy that is not running yet;
a busy one may take longer, and then requests can be lost.

```yaml
spec:
  outputs:
    envoy: {delivery: filesystem, adminPort: 0}     # no admin interface
```

Give the proxy an admin interface (it listens on loopback only), and name another one with `--admin 127.0.0.1:PORT`.
""",
)

BOOTSTRAP_CHANGED = Code(
    number="MG0945",
    slug="bootstrap-changed",
    severity=Severity.WARNING,
    title="a bootstrap that changes under a running Envoy",
    page="""
Envoy reads its bootstrap once. What is in it (the node, the admin interface, tracing and stats, where the files are)
changes when the Envoy starts anew; the files that it names are followed all the time.

```console
warning[MG0945]: `/etc/meshgen/envoy/shop/webapp/bootstrap.json` changes, and a running Envoy reads it never again
```

Restart the Envoy after the push, by a rollout of its Pods or a hot restart.
""",
)

CONFIG_MAP_TOO_LARGE = Code(
    number="MG0946",
    slug="config-map-too-large",
    severity=Severity.ERROR,
    title="a file of Envoy's that no ConfigMap has room for",
    page="""
A ConfigMap holds one mebibyte, and a file cannot be cut in two: Envoy reads all clusters from one file, and each route
table from one. A proxy that sees some hundred services has clusters of that size.

```yaml
kind: Service
metadata: {name: webapp, namespace: shop}
spec:
  ports: [80]                 # no `calls`: the sidecar is told of every service of the mesh
```

Say what the service calls (`calls: [catalog, payments]`), or scope it with a Sidecar: then it is told of nothing else.
A gateway is told of what its routes lead to. Where a proxy must see that much, bring its files another way:
`delivery: filesystem` with `meshgen push`, or a control plane with `delivery: ads`.
""",
)

CLUSTERS_COME_FIRST = Code(
    number="MG0947",
    slug="clusters-come-first",
    severity=Severity.INFO,
    title="a release that brings clusters, and the routes to them only in the next one",
    page="""
A Pod gets all files of a ConfigMap's volume at once, in no order, and a route must not lead to a cluster that Envoy does
not have yet. So a change of routes to new clusters takes two releases: the first brings the clusters, the second the
routes. What routes lead to no more goes with a later change.

```console
$ meshgen compile
info[MG0947]: this release of `shop/webapp` brings `outbound|80|v2|catalog.shop.svc.cluster.local`; the routes to them
are for the next one
```

Commit it and let it roll out; when all Pods have it (a kubelet takes up to two minutes), compile and commit again.
`meshgen compile --check` says "out of date" until then. What the fleet has is read from git:
`outputs.envoy.configMaps.released`, `HEAD` unless said otherwise; on a branch `--released origin/main`.
""",
)

CLUSTERS_STAY = Code(
    number="MG0948",
    slug="clusters-stay-while-draining",
    severity=Severity.INFO,
    title="clusters that stay while old connections drain",
    page="""
A listener that changes serves its old connections with its old settings until they end or Envoy's drain time is over
(ten minutes unless `--drain-time-s` says otherwise). Clusters and files that only those still use are left in place;
they cost next to nothing, and the next push takes them away.

```console
info[MG0948]: old connections are still being drained, so `cds/clusters.json` stays as it is until the next push
```

Nothing is to be done. To be rid of them now, push again when the old connections are gone.
""",
)

MANY_WATCHED_FILES = Code(
    number="MG0949",
    slug="many-watched-files",
    severity=Severity.WARNING,
    title="more files than an Envoy can watch on a machine as it comes",
    page="""
Envoy takes an inotify instance for each file that it follows (listeners, clusters, each route table, endpoint list and
secret), and ends at once where it gets none. Linux gives 128 to all processes of a user together.

```yaml
kind: Service
metadata: {name: webapp, namespace: shop}
spec:
  ports: [80]                 # no `calls`: a file for the endpoints of every service of the mesh
```

Say what the service calls, or scope it with a Sidecar; raise `fs.inotify.max_user_instances` on the machine; or choose
a delivery without files for endpoints: `static`, `configmap`, or a control plane with `ads`.
""",
)
