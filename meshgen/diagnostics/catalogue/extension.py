"""Codes MG0163 to MG0169 and MG071x, extensions: what they name, where they stand, what proxies take."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

FILE_NOT_READ = Code(
    number="MG0163",
    slug="file-not-read",
    severity=Severity.ERROR,
    title="a file that an intent names cannot be taken into the output",
    page="""
A Lua program may stand in a file of its own, and so does a dashboard of Grafana's; it is read when the project is loaded.
Its path is from the project's directory, and it lies within the project: the output depends on what is under version
control, and on nothing else of the machine.

```yaml
kind: Extension
metadata: {name: add-header, namespace: shop}
spec:
  service: catalog
  lua: ../filters/add-header.lua     # outside of the project
```

Put the file into the project and write its path from there: `lua: filters/add-header.lua`. It is UTF-8; a
program has at most 64 KiB, which is what Istio takes, and a dashboard at most 1,000,000 bytes.
""",
)

OTHER_PROXY_VERSIONS = Code(
    number="MG0164",
    slug="other-proxy-versions",
    severity=Severity.WARNING,
    title="patches of Envoy's configuration were written for other proxies than the target's",
    page="""
Patches lean on the names and the order of what Istio generates, which change from release to release. So each is bound to the
proxies that it was written for: istiod leaves others alone, **and what the patch was there for does not happen**.

```yaml
# meshgen.yaml: targets: {istio: "1.31"}
kind: Extension
metadata: {name: buffer, namespace: shop}
spec:
  service: catalog
  envoy:
    proxyVersions: 1.28 - 1.30       # proxies of 1.31 do not get it
    filters:
      - name: envoy.filters.http.buffer
        type: envoy.extensions.filters.http.buffer.v3.Buffer
        config: {max_request_bytes: 65536}
```

Look whether it still holds for the new release, then raise `proxyVersions`; or remove it, if Istio has a field for it now.
""",
)

ORDER_LEFT_OPEN = Code(
    number="MG0165",
    slug="order-left-open",
    severity=Severity.WARNING,
    title="two extensions stand in one place, and nothing says which is first",
    page="""
Where two extensions of the same Pods have the same place among the filters and the same `order`, Istio takes the one that was
created first. That differs from cluster to cluster, and changes when one is recreated.

```yaml
kind: Extension
metadata: {name: add-header, namespace: shop}
spec: {service: catalog, lua: filters/add-header.lua}
---
kind: Extension
metadata: {name: check-header, namespace: shop}
spec: {service: catalog, lua: filters/check-header.lua}      # before or behind the other
```

Give one of them an `order`: the smaller comes first, and 0 is what the others have.
""",
)

LIMITS_COLLIDE = Code(
    number="MG0166",
    slug="limits-collide",
    severity=Severity.ERROR,
    title="two rate limits count each other's requests",
    page="""
A proxy's rules for rate limits belong to the routes, and each rate limit filter reads all rules of its `stage`. Two filters
with one stage on the same requests would each count what the other one's rules say. In the same way a rate limit service
knows each domain once, and each limit of a domain once.

```yaml
kind: Extension
metadata: {name: per-client, namespace: shop}
spec: {service: catalog, localRateLimit: {limit: 100/s, limits: {by: remoteAddress, limit: 10/s}}}
---
kind: Extension
metadata: {name: per-plan, namespace: shop}
spec: {service: catalog, rateLimit: {service: ratelimit:8081, limits: {by: {header: x-plan}, limit: 10/m}}}
```

Write `stage: 1` in one of them. Limits of one service and one purpose belong in one Extension, under `limits`.
""",
)

NOT_IN_TARGET = Code(
    number="MG0167",
    slug="not-in-target",
    severity=Severity.ERROR,
    title="an extension asks for what the target's proxies or API do not have",
    page="""
What an Extension says is given in the form that the target release of Istio has (`targets.istio` in meshgen.yaml). Some of it
came with a later release of Istio or of its Envoy.

```yaml
# meshgen.yaml: targets: {istio: "1.28"}
kind: Extension
metadata: {name: add-header, namespace: shop}
spec:
  service: catalog
  phase: authorization          # an EnvoyFilter, which 1.28 needs for Lua, has no phases
  lua: filters/add-header.lua
```

Leave it out, or raise the target.
""",
)

PORT_LEFT_OPEN = Code(
    number="MG0168",
    slug="port-left-open",
    severity=Severity.ERROR,
    title="an extension calls a service and does not say on which port",
    page="""
Istio has a cluster for each port of a service. A service with one port needs none named; of several, one has to be.

```yaml
kind: Extension
metadata: {name: limits, namespace: shop}
spec:
  service: catalog
  rateLimit: {service: ratelimit, limits: {by: remoteAddress, limit: 10/m}}    # it has 8080 and 8081
```

Write `service: ratelimit:8081`, the port that speaks gRPC.
""",
)

UNPINNED_MODULE = Code(
    number="MG0710",
    slug="unpinned-module",
    severity=Severity.WARNING,
    title="a Wasm module is not pinned to its content",
    page="""
A tag of an image, or a file on a web server, can be something else tomorrow. Proxies fetch a module when they first need it,
so that two Pods of one Deployment may run different code, and nothing in Git tells.

```yaml
spec:
  service: catalog
  wasm: oci://registry.example/add-header:1.0
```

Write the digest, `oci://registry.example/add-header@sha256:…`, or `sha256: …` beside the URL.
""",
)

LUA_WITHOUT_HANDLER = Code(
    number="MG0711",
    slug="lua-without-handler",
    severity=Severity.WARNING,
    title="a Lua program does nothing, since Envoy finds none of its functions",
    page="""
Envoy calls two functions of a Lua program, by their names: `envoy_on_request` and `envoy_on_response`, both global. A program
with neither is loaded and never called.

```lua
function on_request(handle)                       -- nobody calls this
  handle:headers():add("x-shop", "open")
end
```

Name it `envoy_on_request`.
""",
)

LUA_UNBALANCED = Code(
    number="MG0712",
    slug="lua-unbalanced",
    severity=Severity.ERROR,
    title="a Lua program has a block, bracket or string that is not closed",
    page="""
Envoy refuses a listener whose Lua program it cannot read. The proxy then keeps what it had before: **this change and all that
follow do not reach it**, and a new Pod gets no listener at all.

```lua
function envoy_on_request(handle)
  if handle:headers():get("x-shop") then
    handle:logInfo("open")
end                                               -- one `end` for two blocks
```

Close what is open. meshgen counts blocks, brackets and strings; `luac -p` reads the whole of a program.
""",
)

TAP_WITHOUT_ADMIN = Code(
    number="MG0713",
    slug="tap-without-admin",
    severity=Severity.ERROR,
    title="a tap waits for an admin interface that the proxy does not have",
    page="""
A tap with an `id` does nothing until somebody posts a request to `/tap` of the proxy's admin interface. Envoy without an admin
interface **ends as soon as it reads such a tap**. Istio's proxies always have one, on port 15000; the Envoy output has the one
that the project says.

```yaml
# meshgen.yaml: outputs: {envoy: {adminPort: 0}}
kind: Extension
metadata: {name: look, namespace: shop}
spec: {service: catalog, tap: {id: look}}
```

Give `outputs.envoy` an `adminPort`, or let the tap write files: `tap: {file: /var/log/tap/any}`.
""",
)
