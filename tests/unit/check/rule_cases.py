"""One bad and one good mesh for each rule. `{...}` documents are short forms that `expand` completes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    code: str
    bad: str
    place: str  # of the finding, within the document
    message: str
    good: str
    document: int = -1  # of the finding; the last one of `bad` by default


def service(name: str = "catalog", namespace: str = "shop", ports: str = "{name: http, port: 80}", annotations: str = "") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}, annotations: {{{annotations}}}}}
spec: {{clusterIP: 10.0.0.1, selector: {{app: {name}}}, ports: [{ports}]}}
---"""


def deployment(app: str, namespace: str = "shop", version: str = "v1") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {app}-{version}, namespace: {namespace}}}
spec: {{template: {{metadata: {{labels: {{app: {app}, version: {version}}}}}, spec: {{serviceAccountName: {app}}}}}}}
---"""


def istio(kind: str, name: str, spec: str, namespace: str = "shop") -> str:
    group = {
        "AuthorizationPolicy": "security.istio.io/v1",
        "RequestAuthentication": "security.istio.io/v1",
        "PeerAuthentication": "security.istio.io/v1",
        "Telemetry": "telemetry.istio.io/v1",
    }.get(kind, "networking.istio.io/v1")
    return f"""
apiVersion: {group}
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
---"""


def route(spec: str, name: str = "web", namespace: str = "shop") -> str:
    return istio("VirtualService", name, spec, namespace)


def rule(spec: str, name: str = "catalog", namespace: str = "shop") -> str:
    return istio("DestinationRule", name, spec, namespace)


def own_route(name: str, *rules: str) -> str:
    """Rules of a service for itself, each without its destination."""
    to = f"route: [{{destination: {{host: {name}}}}}]"
    http = ", ".join(f"{{{each}, {to}}}" if each else f"{{{to}}}" for each in rules)
    return route(f"{{hosts: [{name}], http: [{http}]}}", name)


def sidecar_of(caller: str, callee: str) -> str:
    hosts = f"{{egress: [{{hosts: [shop/{callee}.shop.svc.cluster.local]}}], workloadSelector: {{labels: {{app: {caller}}}}}}}"
    return istio("Sidecar", caller, hosts)


def gateway(servers: str, name: str = "edge", selector: str = "{istio: edge}") -> str:
    return istio("Gateway", name, f"{{selector: {selector}, servers: [{servers}]}}")


def policy(spec: str, name: str = "access") -> str:
    return istio("AuthorizationPolicy", name, spec)


def telemetry(spec: str, name: str = "shop") -> str:
    return istio("Telemetry", name, spec)


def mesh_config(settings: str) -> str:
    return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data: {{mesh: "{settings}"}}
---"""


def namespace(name: str, labels: str) -> str:
    return f"\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n---"


DISCOVERY = mesh_config("{discoverySelectors: [{matchLabels: {mesh: 'on'}}]}")
TO_CATALOG = "{hosts: [catalog], http: [{route: [{destination: {host: catalog}}]}]}"
V1_V2 = "subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]"
HTTP_SERVER = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example]}"
TLS_SERVER = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, credentialName: cert}}"
TCP_PORT = "{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}"
JWT = istio("RequestAuthentication", "jwt", "{selector: {matchLabels: {app: catalog}}, jwtRules: [{issuer: a, jwks: '{}'}]}")

MACHINES = "{metadata: {labels: {app: forum}}, template: {}}"
ACCOUNT = "\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: forum-sa, namespace: shop}\n---"

REFERENCES = (
    Case(
        "MG0104",
        bad=service() + route("{hosts: [web], http: [{route: [{destination: {host: catlog}}]}]}"),
        place="spec.http[0].route[0].destination.host",
        message="virtual service `web` sends to unknown service `catlog`",
        good=service() + route("{hosts: [web], http: [{route: [{destination: {host: catalog}}]}]}"),
    ),
    Case(
        "MG0105",
        bad=service("ledger", "payments", annotations="networking.istio.io/exportTo: .")
        + route("{hosts: [web], http: [{route: [{destination: {host: ledger.payments.svc.cluster.local}}]}]}"),
        place="spec.http[0].route[0].destination.host",
        message="service `ledger.payments.svc.cluster.local` is not visible to clients in namespace `shop`",
        good=service("ledger", "payments", annotations="networking.istio.io/exportTo: shop")
        + route("{hosts: [web], http: [{route: [{destination: {host: ledger.payments.svc.cluster.local}}]}]}"),
    ),
    Case(
        "MG0106",
        bad=service()
        + rule(f"{{host: catalog, {V1_V2}}}")
        + route("{hosts: [catalog], http: [{route: [{destination: {host: catalog, subset: v3}}]}]}"),
        place="spec.http[0].route[0].destination.subset",
        message="`catalog` has no subset `v3` for clients in namespace `shop`",
        good=service()
        + rule(f"{{host: catalog, {V1_V2}}}")
        + route("{hosts: [catalog], http: [{route: [{destination: {host: catalog, subset: v2}}]}]}"),
    ),
    Case(
        "MG0107",
        bad=gateway(HTTP_SERVER) + route("{hosts: [a.example], gateways: [edgy], http: []}"),
        place="spec.gateways[0]",
        message="virtual service `web` is bound to unknown gateway `edgy`",
        good=gateway(HTTP_SERVER) + route("{hosts: [a.example], gateways: [edge, mesh], http: []}"),
    ),
    Case(
        "MG0108",
        bad=gateway(HTTP_SERVER) + route("{hosts: [a.example, b.example], gateways: [edge], http: []}"),
        place="spec.hosts[1]",
        message="no gateway of virtual service `web` serves host `b.example`",
        good=gateway(HTTP_SERVER) + route("{hosts: ['*.example'], gateways: [edge], http: []}"),
    ),
    Case(
        "MG0109",
        bad=service() + service("api", "infra") + rule("{host: catalog}", namespace="infra"),
        place="spec.host",
        message="destination rule `catalog` is for unknown service `catalog`",
        good=service() + rule("{host: catalog}"),
    ),
    Case(
        "MG0110",
        bad=deployment("catalog") + policy("{selector: {matchLabels: {app: catlog}}}"),
        place="spec.selector.matchLabels",
        message="AuthorizationPolicy `access` selects no workload of namespace `shop`",
        good=deployment("catalog")
        + gateway(HTTP_SERVER)
        + policy("{selector: {matchLabels: {app: catalog}}}")
        + istio("PeerAuthentication", "edge", "{selector: {matchLabels: {istio: edge}}}"),
    ),
    Case(
        "MG0111",
        bad=route("{hosts: [a.example], http: [{delegate: {name: items, namespace: shop}}]}"),
        place="spec.http[0].delegate",
        message="virtual service `web` hands over to unknown delegate `shop/items`",
        good=route("{http: [{route: [{destination: {host: catalog}}]}]}", "items")
        + route("{hosts: [a.example], http: [{delegate: {name: items, namespace: shop}}]}"),
    ),
    Case(
        "MG0112",
        bad="""
apiVersion: v1
kind: ServiceAccount
metadata: {name: webapp, namespace: shop}
---"""
        + policy("{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/webap]}}]}]}"),
        place="spec.rules[0].from[0].source.principals[0]",
        message="policy `access` names unknown service account `webap` of namespace `shop`",
        good="""
apiVersion: v1
kind: ServiceAccount
metadata: {name: webapp, namespace: shop}
---"""
        + policy("{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/webapp, '*/sa/x']}}]}]}"),
    ),
    Case(
        "MG0113",
        bad="""
apiVersion: v1
kind: Secret
metadata: {name: certificate, namespace: shop}
---"""
        + gateway(TLS_SERVER),
        place="spec.servers[0].tls.credentialName",
        message="gateway `edge` uses unknown credential `cert`",
        good="""
apiVersion: v1
kind: Secret
metadata: {name: cert, namespace: shop}
---"""
        + gateway(TLS_SERVER),
    ),
    Case(
        "MG0114",
        bad=service() + deployment("catalog") + rule(f"{{host: catalog, {V1_V2}}}"),
        place="spec.subsets[1]",
        message="subset `v2` of `catalog` has no workload",
        good=service() + deployment("catalog") + deployment("catalog", version="v2") + rule(f"{{host: catalog, {V1_V2}}}"),
    ),
    Case(
        "MG0115",
        bad=route(TO_CATALOG, "a") + route(TO_CATALOG, "b"),
        place="spec.hosts[0]",
        message="virtual services `shop/b` and `shop/a` are both for `catalog.shop.svc.cluster.local` in the mesh, "
        "and a sidecar uses one of them",
        good=route("{hosts: [api.example], exportTo: [.], http: []}", "a")
        + route("{hosts: [api.example], exportTo: [.], http: []}", "b", "payments"),
    ),
    Case(
        "MG0116",
        bad=rule(f"{{host: catalog, {V1_V2}}}", "a")
        + rule("{host: catalog.shop.svc.cluster.local, subsets: [{name: v2, labels: {a: b}}]}", "b"),
        place="spec.subsets[0]",
        message="subset `v2` of `catalog.shop.svc.cluster.local` is dropped: destination rule `a` has it already",
        good=rule(f"{{host: catalog, {V1_V2}}}", "a") + rule("{host: catalog, subsets: [{name: v3, labels: {a: b}}]}", "b"),
    ),
    Case(
        "MG0117",
        bad=rule("{host: catalog, trafficPolicy: {outlierDetection: {}}}", "a")
        + rule("{host: catalog, trafficPolicy: {loadBalancer: {simple: RANDOM}}}", "b"),
        place="spec.trafficPolicy",
        message="the traffic policy for `catalog.shop.svc.cluster.local` is dropped: destination rule `a` has set one",
        good=rule("{host: catalog, trafficPolicy: {outlierDetection: {}}}", "a") + rule(f"{{host: catalog, {V1_V2}}}", "b"),
    ),
    Case(
        "MG0128",
        bad=deployment("edge", "infra").replace("{app: edge", "{istio: edge")
        + gateway(HTTP_SERVER)
        + route("{hosts: [a.example], gateways: [edge], exportTo: [.]}"),
        place="spec.gateways[0]",
        message="gateway `edge` does not see virtual service `web`",
        good=deployment("edge", "infra").replace("{app: edge", "{istio: edge")
        + gateway(HTTP_SERVER)
        + route("{hosts: [a.example], gateways: [edge], exportTo: [., infra]}"),
    ),
    Case(
        "MG0130",
        bad=service() + istio("Sidecar", "web", "{egress: [{hosts: [./*, shop/catalgo.shop.svc.cluster.local]}]}"),
        place="spec.egress[0].hosts[1]",
        message="sidecar `web` shows its workloads the unknown service `catalgo.shop.svc.cluster.local`",
        good=service()
        + route("{hosts: [a.example], http: [{directResponse: {status: 200}}]}")
        + istio("Sidecar", "web", "{egress: [{hosts: [./*, shop/catalog.shop.svc.cluster.local, '*/a.example', ~/b.example]}]}"),
    ),
    Case(
        "MG0135",
        bad=DISCOVERY + namespace("shop", "{mesh: 'off'}") + route("{hosts: [a], http: [{}]}"),
        place="",
        message="no discovery selector picks namespace `shop`: its VirtualService `web` does nothing",
        good=DISCOVERY + namespace("shop", "{mesh: 'on'}") + namespace("istio-system", "{}") + route("{hosts: [a], http: [{}]}"),
    ),
    Case(
        "MG0147",
        bad=service(ports="{name: http, port: 80, targetPort: 15090}"),
        place="spec.ports[0]",
        message="service `catalog` sends to port `15090`, which is Envoy's metrics beside the application",
        good=service(ports="{name: http, port: 15090, targetPort: 8080}, {name: status-port, port: 15021, targetPort: 15021}"),
    ),
    Case(
        "MG0148",
        bad=ACCOUNT + istio("WorkloadGroup", "forum", "{template: {serviceAccount: forum-as}}"),
        place="spec.template.serviceAccount",
        message="workload group `forum` runs as unknown service account `forum-as`",
        good=ACCOUNT + istio("WorkloadGroup", "forum", "{template: {serviceAccount: forum-sa}}"),
    ),
    Case(
        "MG0149",
        bad=istio("WorkloadGroup", "a", MACHINES) + istio("WorkloadGroup", "b", MACHINES),
        place="",
        message="workload group `b` has the labels of `a`, so nothing tells their machines apart",
        good=istio("WorkloadGroup", "a", MACHINES) + istio("WorkloadGroup", "b", MACHINES, "other"),
    ),
)

TRAFFIC = (
    Case(
        "MG0301",
        bad=route("{hosts: [a], http: [{name: all, match: [{uri: {prefix: /api}}]}, {match: [{uri: {prefix: /api/v2}}]}]}"),
        place="spec.http[1]",
        message="rule 2 of virtual service `web` is never used: rule `all` takes all its requests",
        good=route("{hosts: [a], http: [{match: [{uri: {prefix: /api/v2}}]}, {match: [{uri: {prefix: /api}}]}, {}]}"),
    ),
    Case(
        "MG0302",
        bad=route("{hosts: [a], http: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]}]}"),
        place="spec.http[0].route",
        message="no destination of this split of virtual service `web` has a weight",
        good=route("{hosts: [a], http: [{route: [{destination: {host: a}, weight: 0}]}]}"),
    ),
    Case(
        "MG0303",
        bad=route("{hosts: [a], tcp: [{route: [{destination: {host: a}, weight: 90}, {destination: {host: b}, weight: 5}]}]}"),
        place="spec.tcp[0].route",
        message="the weights of this split of virtual service `web` add up to 95, not 100",
        good=route("{hosts: [a], tcp: [{route: [{destination: {host: a}, weight: 90}, {destination: {host: b}, weight: 10}]}]}"),
    ),
    Case(
        "MG0304",
        bad=route(
            "{hosts: [a], http: [{route: [{destination: {host: a, subset: v1}, weight: 90},"
            " {destination: {host: a.shop.svc.cluster.local, subset: v1}, weight: 10}]}]}"
        ),
        place="spec.http[0].route[1]",
        message="this split of virtual service `web` sends to `a.shop.svc.cluster.local@v1` twice",
        good=route(
            "{hosts: [a], http: [{route: [{destination: {host: a, subset: v1}, weight: 90},"
            " {destination: {host: a, subset: v2}, weight: 10}]}]}"
        ),
    ),
    Case(
        "MG0305",
        bad=service(ports=TCP_PORT) + route("{hosts: [web], http: [{route: [{destination: {host: catalog}}]}]}"),
        place="spec.http[0].route[0].destination",
        message="destination `catalog` has 2 ports, and the route names none",
        good=service(ports=TCP_PORT)
        + route("{hosts: [web], http: [{route: [{destination: {host: catalog, port: {number: 80}}}]}]}")
        + route(TO_CATALOG, "own"),
    ),
)

SECURITY = (
    Case(
        "MG0401",
        bad=policy("{action: ALLOW, rules: [{}]}"),
        place="spec.rules[0]",
        message="policy `access` allows every request from anyone",
        good=policy("{rules: [{from: [{source: {principals: ['*']}}]}]}") + policy("{}", "deny-all"),
    ),
    Case(
        "MG0402",
        bad=service(ports=TCP_PORT) + policy("{action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}"),
        place="spec.rules[0]",
        message="on TCP port 9000 of `catalog` this rule of policy `access` denies more than it says",
        good=service(ports=TCP_PORT)
        + policy("{action: DENY, rules: [{to: [{operation: {methods: [DELETE], ports: ['8080']}}]}]}"),
    ),
    Case(
        "MG0403",
        bad=service(ports=TCP_PORT) + policy("{rules: [{to: [{operation: {paths: [/x]}}]}]}"),
        place="spec.rules",
        message="policy `access` closes TCP port 9000 of `catalog`",
        good=service(ports=TCP_PORT)
        + policy("{rules: [{to: [{operation: {paths: [/x]}}]}, {from: [{source: {namespaces: [shop]}}]}]}"),
    ),
    Case(
        "MG0404",
        bad=JWT,
        place="spec.jwtRules",
        message="requests without a token pass `jwt`: no policy asks for one",
        good=JWT + policy("{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}"),
    ),
    Case(
        "MG0405",
        bad=policy(
            "{selector: {matchLabels: {app: forum}}, rules: [{when: [{key: 'request.auth.claims[group]', values: [a]}]}]}"
        ),
        place="spec.rules[0]",
        message="policy `access` asks for a token, and no RequestAuthentication verifies one for its workloads",
        good=JWT
        + policy(
            "{selector: {matchLabels: {app: catalog}}, rules: [{when: [{key: 'request.auth.claims[group]', values: [a]}]}]}"
        ),
    ),
    Case(
        "MG0406",
        bad=service()
        + istio("PeerAuthentication", "strict", "{mtls: {mode: STRICT}}")
        + rule("{host: catalog, trafficPolicy: {tls: {mode: DISABLE}}}"),
        place="spec.trafficPolicy.tls",
        message="destination rule `catalog` turns mutual TLS off, which port 80 of `catalog.shop.svc.cluster.local` demands",
        good=service()
        + istio("PeerAuthentication", "strict", "{mtls: {mode: STRICT}}")
        + rule("{host: catalog, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"),
    ),
    Case(
        "MG0407",
        bad=policy("{rules: [{from: [{source: {notNamespaces: [legacy]}}]}]}"),
        place="spec.rules[0].from[0].source",
        message="policy `access` lets callers without an identity in",
        good=policy("{rules: [{from: [{source: {notNamespaces: [legacy], principals: ['*']}}]}]}")
        + policy("{action: DENY, rules: [{from: [{source: {notNamespaces: [legacy]}}]}]}", "deny")
        + policy("{selector: {matchLabels: {app: a}}, rules: [{from: [{source: {notNamespaces: [legacy]}}]}]}", "strict")
        + istio("PeerAuthentication", "strict", "{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}}"),
    ),
)

GATEWAY = (
    Case(
        "MG0501",
        bad=gateway(TLS_SERVER, "a") + gateway(TLS_SERVER, "b"),
        place="spec.servers[0].hosts[0]",
        message="port 443 of gateway `b`: host `a.example` is served by `a` already",
        good=gateway(TLS_SERVER, "a")
        + gateway(TLS_SERVER, "b", "{istio: other}")
        + gateway(HTTP_SERVER, "c")
        + gateway(HTTP_SERVER, "d"),
    ),
    Case(
        "MG0502",
        bad=gateway("{port: {number: 443, name: x, protocol: HTTP}, hosts: [a.example], tls: {mode: SIMPLE}}"),
        place="spec.servers[0].port.protocol",
        message="gateway `edge`: port 443 speaks HTTP, which takes no certificate",
        good=gateway(f"{TLS_SERVER}, {HTTP_SERVER[:-1]}, tls: {{httpsRedirect: true}}}}"),
    ),
    Case(
        "MG0503",
        bad=gateway(f"{HTTP_SERVER}, {TLS_SERVER}"),
        place="spec.servers[0].hosts[0]",
        message="gateway `edge` serves `a.example` in plaintext on port 80 beside TLS",
        good=gateway(f"{HTTP_SERVER[:-1]}, tls: {{httpsRedirect: true}}}}, {TLS_SERVER}"),
    ),
    Case(
        "MG0504",
        bad=gateway("{port: {number: 443, name: tls, protocol: TLS}, hosts: [a.example], tls: {mode: PASSTHROUGH}}")
        + route("{hosts: [a.example], gateways: [edge], http: [{route: [{destination: {host: catalog}}]}]}"),
        place="spec.http[0]",
        message="the `http` rules of virtual service `web` are never used: gateway `edge` passes TLS through unopened",
        good=gateway(TLS_SERVER)
        + route("{hosts: [a.example], gateways: [edge], http: [{route: [{destination: {host: catalog}}]}]}"),
    ),
    Case(
        "MG0505",
        bad=gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: [forum/a.example]}")
        + route("{hosts: [a.example], gateways: [edge], http: []}"),
        place="spec.hosts[0]",
        message="gateway `edge` takes `a.example` from namespace `forum` only, not from virtual service `web` of `shop`",
        good=gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: [forum/a.example, shop/a.example]}")
        + route("{hosts: [a.example], gateways: [edge], http: []}"),
    ),
)

RESILIENCE = (
    Case(
        "MG0601",
        bad=route("{hosts: [a], http: [{timeout: 2s, retries: {attempts: 3, perTryTimeout: 1s}}]}"),
        place="spec.http[0].retries",
        message="the timeout of 2s ends requests of virtual service `web` before all tries have run",
        good=route("{hosts: [a], http: [{timeout: 4s, retries: {attempts: 3, perTryTimeout: 1s}}]}"),
    ),
    Case(
        "MG0602",
        bad=rule("{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}}}"),
        place="spec.trafficPolicy.loadBalancer.localityLbSetting",
        message="the locality failover of destination rule `catalog` never acts without outlier detection",
        good=rule(
            "{host: a, trafficPolicy: {outlierDetection: {},"
            " loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}}}"
        ),
    ),
    Case(
        "MG0603",
        bad=rule(
            "{host: a, trafficPolicy: {outlierDetection: {interval: 5s, baseEjectionTime: 1m}},"
            " subsets: [{name: v1, trafficPolicy: {outlierDetection: {interval: 1s}}}]}"
        ),
        place="spec.subsets[0].trafficPolicy.outlierDetection",
        message="`outlierDetection` of subset `v1` drops `baseEjectionTime` of the rule's own",
        good=rule(
            "{host: a, trafficPolicy: {outlierDetection: {interval: 5s}},"
            " subsets: [{name: v1, trafficPolicy: {outlierDetection: {interval: 1s}}}]}"
        ),
    ),
    Case(
        "MG0604",
        bad=rule("{host: a, trafficPolicy: {outlierDetection: {}, portLevelSettings: [{port: {number: 80}, tls: {}}]}}"),
        place="spec.trafficPolicy.portLevelSettings[0]",
        message="on port 80 of `a` the rule's `outlierDetection` does not hold",
        good=rule(
            "{host: a, trafficPolicy: {outlierDetection: {}, portLevelSettings: [{port: {number: 80}, outlierDetection: {}}]}}"
        ),
    ),
    Case(
        "MG0605",
        bad=service()
        + service("forum")
        + sidecar_of("catalog", "forum")
        + own_route("forum", "timeout: 10s, retries: {attempts: 2, perTryTimeout: 1s}")
        + own_route("catalog", "timeout: 2s"),
        place="spec.http[0].timeout",
        message="requests to `catalog` end after 2s, and `catalog` waits up to 3s for `forum`",
        good=service()
        + service("forum")
        + sidecar_of("catalog", "forum")
        + own_route("forum", "timeout: 2s")
        + own_route("catalog", "timeout: 2s", ""),
    ),
    Case(
        "MG0606",
        bad=service()
        + service("forum")
        + sidecar_of("catalog", "forum")
        + own_route("catalog", "retries: {attempts: 3}")
        + own_route("forum", "retries: {attempts: 3}"),
        place="spec.http[0].retries",
        message="one request to `catalog` may become 16 at `forum`",
        good=service()
        + service("forum")
        + sidecar_of("catalog", "forum")
        + own_route("catalog", "retries: {attempts: 0}")
        + own_route("forum", "retries: {attempts: 3}"),
    ),
    Case(
        "MG0607",
        bad=service()
        + route("{hosts: [catalog], http: [{route: [{destination: {host: catalog, subset: v1}}]}]}")
        + rule("{host: catalog, subsets: [{name: v1}, {name: v2}]}"),
        place="spec.subsets[1]",
        message="no rule sends to subset `v2` of `catalog`",
        good=service()
        + route(
            "{hosts: [catalog], http: [{route: [{destination: {host: catalog, subset: v1}, weight: 100},"
            " {destination: {host: catalog, subset: v2}, weight: 0}]}]}"
        )
        + rule("{host: catalog, subsets: [{name: v1}, {name: v2}]}"),
    ),
    Case(
        "MG0608",
        bad=service()
        + deployment("catalog")
        + deployment("catalog", version="v2")
        + rule("{host: catalog, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}"),
        place="spec.subsets",
        message="requests to `catalog` go to all of `v1`, `v2`, for no rule chooses among them",
        good=service()
        + deployment("catalog")
        + rule("{host: catalog, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}"),
    ),
)

ZIPKIN = mesh_config("extensionProviders: [{name: zipkin, zipkin: {service: zipkin.infra.svc.cluster.local, port: 9411}}]")


def tag(name: str, override: str) -> str:
    return telemetry(f"{{metrics: [{{overrides: [{{tagOverrides: {{{name}: {{{override}}}}}}}]}}]}}")


TELEMETRY = (
    Case(
        "MG0701",
        bad=telemetry("{accessLogging: [{filter: {expression: response.code >}, providers: [{name: envoy}]}]}"),
        place="spec.accessLogging[0].filter.expression",
        message="the filter of access logs of Telemetry `shop` cannot be read at its end",
        good=telemetry("{accessLogging: [{filter: {expression: response.code > 399}, providers: [{name: envoy}]}]}"),
    ),
    Case(
        "MG0702",
        bad=tag("mesh", "value: \"node.metadata['MESH_ID']\""),
        place="spec.metrics[0].overrides[0].tagOverrides.mesh.value",
        message="the value of tag `mesh` of Telemetry `shop` asks for `node`, which no proxy knows",
        good=tag("mesh", "value: \"xds.node.metadata['MESH_ID']\""),
    ),
    Case(
        "MG0703",
        bad=ZIPKIN + telemetry("{selector: {matchLabels: {app: catalog}}, accessLogging: [{}]}"),
        place="spec.accessLogging[0]",
        message="Telemetry `shop` asks for access logs and names no provider, and the mesh has no default one",
        good=ZIPKIN
        + telemetry("{accessLogging: [{disabled: true, providers: [{name: envoy}]}]}", "all")
        + telemetry("{selector: {matchLabels: {app: catalog}}, accessLogging: [{}]}"),
    ),
    Case(
        "MG0704",
        bad=ZIPKIN + telemetry("{tracing: [{providers: [{name: zipkni}]}]}"),
        place="spec.tracing[0].providers[0].name",
        message="Telemetry `shop` names provider `zipkni`, which the mesh does not have",
        good=ZIPKIN + telemetry("{metrics: [{providers: [{name: prometheus}]}], tracing: [{providers: [{name: stackdriver}]}]}"),
    ),
    Case(
        "MG0705",
        bad=deployment("catalog")
        + telemetry("{selector: {matchLabels: {app: catalog}}, accessLogging: [{disabled: true}]}", "logs")
        + telemetry("{selector: {matchLabels: {version: v1}}, tracing: [{disableSpanReporting: true}]}", "traces"),
        place="",
        message="Telemetry `traces` does nothing for workload `catalog-v1`: `logs` is for the same, and one acts",
        good=deployment("catalog")
        + telemetry("{accessLogging: [{disabled: true}]}", "logs")
        + telemetry("{selector: {matchLabels: {version: v1}}, tracing: [{disableSpanReporting: true}]}", "traces"),
    ),
    Case(
        "MG0706",
        bad=tag("response_flag", "operation: REMOVE"),
        place="spec.metrics[0].overrides[0].tagOverrides.response_flag",
        message="Telemetry `shop` removes tag `response_flag`, which Istio's metrics do not have",
        good=tag("response_flags", "operation: REMOVE"),
    ),
)


def lua(code: str) -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {{name: script, namespace: shop}}
spec: {{lua: {{inlineCode: "{code}"}}}}
---"""


def module(url: str, rest: str = "") -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: module, namespace: shop}}
spec: {{url: "{url}"{rest}}}
---"""


EXTENSION = (
    Case(
        "MG0710",
        bad=module("oci://registry.example/add-header:1.0"),
        place="spec.url",
        message="the module `oci://registry.example/add-header:1.0` is not pinned, and may be another one tomorrow",
        good=module("registry.example/add-header@sha256:" + "0" * 64)
        + module("https://files.example/a.wasm", f", sha256: '{'1' * 64}'").replace("name: module", "name: other"),
    ),
    Case(
        "MG0711",
        bad=lua("function on_request(handle) end -- envoy_on_request"),
        place="spec.lua.inlineCode",
        message="the Lua program of traffic extension `script` has no function that Envoy calls",
        good=lua("function envoy_on_request(handle) end"),
    ),
    Case(
        "MG0712",
        bad=lua("function envoy_on_request(handle) if handle then return end"),
        place="spec.lua.inlineCode",
        message="the Lua program of traffic extension `script` cannot be read in line 1: `function` has no `end`",
        good=lua("function envoy_on_request(handle) local t = {['end'] = [[do (]]} for i = 1, 2 do t[i] = '}' end end"),
    ),
)

CASES = (*REFERENCES, *TRAFFIC, *SECURITY, *GATEWAY, *RESILIENCE, *TELEMETRY, *EXTENSION)
