"""The mesh that the benchmarks compile: `count` services, an intent file and five Istio objects each; and the same for Helm."""

from __future__ import annotations

from pathlib import Path

PROJECT = """\
apiVersion: meshgen/v1
kind: Project
metadata: {name: bench}
spec:
  sources: [mesh]
  outputs:
    istio: {directory: out}
"""

SERVICE = """\
apiVersion: meshgen/v1
kind: Service
metadata:
  name: svc-NUMBER
  namespace: ns-SPACE
spec:
  ports: [80]
  workload:
    selector: {app: svc-NUMBER}
    serviceAccount: svc-NUMBER
  versions: [v1, v2]
  calls: [svc-NEXT.ns-NEXTSPACE]
  traffic:
    loadBalancer: leastRequest
    connections:
      tcp: {maxConnections: 100}
      http: {maxPendingRequests: 10}
    outliers: {consecutive5xx: 5, interval: 5s, ejectFor: 30s, maxEjected: 100%}
  routes:
    - match: {headers: {x-cohort: internal}}
      to: v2
    - match: {path: /items/*}
      to: v1
      timeout: 2s
      retries: {attempts: 3, perTryTimeout: 500ms, on: [5xx, connect-failure]}
    - to: v1
---
apiVersion: meshgen/v1
kind: Canary
metadata: {name: svc-NUMBER-v2, namespace: ns-SPACE}
spec: {service: svc-NUMBER, from: v1, to: v2, weight: WEIGHT}
---
apiVersion: meshgen/v1
kind: Access
metadata: {name: svc-NUMBER-callers, namespace: ns-SPACE}
spec:
  service: svc-NUMBER
  default: deny
  allow:
    - {from: [svc-NUMBER], to: {methods: [GET], paths: [/items*]}}
    - {from: [{namespace: ns-SPACE}], to: {methods: [POST]}}
---
apiVersion: meshgen/v1
kind: Authentication
metadata: {name: svc-NUMBER, namespace: ns-SPACE}
spec:
  service: svc-NUMBER
  mtls: strict
"""


def service_text(number: int, count: int, weight: int = 10) -> str:
    """The intent of one service: some 1.4 kB, five objects. It calls the next one."""
    following = (number + 1) % count
    places = {"NEXTSPACE": following // 100, "NEXT": following, "NUMBER": number, "SPACE": number // 100, "WEIGHT": weight}
    text = SERVICE
    for name, value in places.items():
        text = text.replace(name, str(value))
    return text


def write_project(directory: Path, count: int) -> None:
    """A project of `count` services in one directory, a file each."""
    sources = directory / "mesh"
    sources.mkdir(parents=True, exist_ok=True)
    (directory / "meshgen.yaml").write_text(PROJECT)
    for number in range(count):
        (sources / f"svc-{number}.yaml").write_text(service_text(number, count))


EDGE = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*/*.example.com"]
"""

BEHIND = """\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge-NUMBER, namespace: ns-SPACE}
spec:
  hosts: [svc-NUMBER.example.com]
  gateways: [edge/edge]
  http:
  - match: [{uri: {prefix: /api/}}]
    route:
    - {destination: {host: svc-NUMBER.ns-SPACE.svc.cluster.local, subset: v1}, weight: 90}
    - {destination: {host: svc-NUMBER.ns-SPACE.svc.cluster.local, subset: v2}, weight: 10}
  - route: [{destination: {host: svc-NUMBER.ns-SPACE.svc.cluster.local}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: svc-NUMBER-a, namespace: ns-SPACE, labels: {kubernetes.io/service-name: svc-NUMBER}}
addressType: IPv4
ports: [{name: http-80, port: 80}]
endpoints: [{addresses: [10.A.B.1]}, {addresses: [10.A.B.2]}]
"""


def write_proxies(directory: Path, count: int) -> None:
    """A project of `count` services for the Envoy backend: behind a gateway each, with endpoints, and only the first scoped."""
    sources = directory / "mesh"
    sources.mkdir(parents=True, exist_ok=True)
    (directory / "meshgen.yaml").write_text(PROJECT)
    (sources / "edge.yaml").write_text(EDGE)
    for number in range(count):
        text = service_text(number, count)
        if number:
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("  calls: "))
        behind = BEHIND.replace("NUMBER", str(number)).replace("SPACE", str(number // 100))
        behind = behind.replace("10.A.B", f"10.{number >> 8}.{number & 255}")
        (sources / f"svc-{number}.yaml").write_text(text + behind)


CHART = """\
apiVersion: v2
name: bench
version: 0.1.0
"""

TEMPLATE = """\
{{- range $s := .Values.services }}
{{- $host := printf "%s.%s.svc.cluster.local" $s.name $s.namespace }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: {{ $s.name }}, namespace: {{ $s.namespace }}}
spec:
  hosts: [{{ $host | quote }}]
  http:
    - match:
        - headers: {x-cohort: {exact: internal}}
      route:
        - destination: {host: {{ $host | quote }}, subset: v2}
    - match:
        - uri: {prefix: /items/}
      route:
        - destination: {host: {{ $host | quote }}, subset: v1}
          weight: {{ sub 100 (int $s.weight) }}
        - destination: {host: {{ $host | quote }}, subset: v2}
          weight: {{ $s.weight }}
      timeout: 2s
      retries: {attempts: 3, perTryTimeout: 500ms, retryOn: "5xx,connect-failure"}
    - route:
        - destination: {host: {{ $host | quote }}, subset: v1}
          weight: {{ sub 100 (int $s.weight) }}
        - destination: {host: {{ $host | quote }}, subset: v2}
          weight: {{ $s.weight }}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: {{ $s.name }}, namespace: {{ $s.namespace }}}
spec:
  host: {{ $host | quote }}
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
    connectionPool:
      tcp: {maxConnections: 100}
      http: {http1MaxPendingRequests: 10}
    outlierDetection: {consecutive5xxErrors: 5, interval: 5s, baseEjectionTime: 30s, maxEjectionPercent: 100}
  subsets:
    {{- range $v := list "v1" "v2" }}
    - name: {{ $v }}
      labels: {version: {{ $v }}}
    {{- end }}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: {{ $s.name }}, namespace: {{ $s.namespace }}}
spec:
  workloadSelector:
    labels: {app: {{ $s.name }}}
  egress:
    - hosts:
        {{- range $c := $s.calls }}
        - {{ printf "%s/%s.%s.svc.cluster.local" $c.namespace $c.name $c.namespace | quote }}
        {{- end }}
        - {{ printf "%s/%s" $s.namespace $host | quote }}
        - "istio-system/*"
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: {{ $s.name }}-callers, namespace: {{ $s.namespace }}}
spec:
  selector:
    matchLabels: {app: {{ $s.name }}}
  action: ALLOW
  rules:
    - from:
        - source:
            principals: [{{ printf "cluster.local/ns/%s/sa/%s" $s.namespace $s.name | quote }}]
      to:
        - operation: {methods: [GET], paths: ["/items*"]}
    - from:
        - source: {namespaces: [{{ $s.namespace }}]}
      to:
        - operation: {methods: [POST]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: {{ $s.name }}, namespace: {{ $s.namespace }}}
spec:
  selector:
    matchLabels: {app: {{ $s.name }}}
  mtls: {mode: STRICT}
{{- end }}
"""


def write_chart(directory: Path, count: int) -> None:
    """A Helm chart that generates the same five objects a service from its values."""
    (directory / "templates").mkdir(parents=True, exist_ok=True)
    (directory / "Chart.yaml").write_text(CHART)
    (directory / "templates" / "mesh.yaml").write_text(TEMPLATE)
    rows = ["services:"]
    for number in range(count):
        following = (number + 1) % count
        calls = f"[{{name: svc-{following}, namespace: ns-{following // 100}}}]"
        rows.append(f"  - {{name: svc-{number}, namespace: ns-{number // 100}, weight: 10, calls: {calls}}}")
    (directory / "values.yaml").write_text("\n".join(rows) + "\n")
