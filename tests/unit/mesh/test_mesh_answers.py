from __future__ import annotations

import pytest
from mesh_text import mesh_of

from meshgen.mesh import Proxy, Role, derive_proxies

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: catalog}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: payments, annotations: {networking.istio.io/exportTo: "., legacy"}}
spec: {clusterIP: 10.0.0.2, selector: {app: ledger}, ports: [{name: tcp, port: 90}]}
---
apiVersion: v1
kind: Service
metadata: {name: books, namespace: legacy}
spec: {type: ExternalName, externalName: catalog.shop.svc.cluster.local}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog-v1, namespace: shop}
spec:
  template:
    metadata: {labels: {app: catalog, version: v1}}
    spec: {serviceAccountName: catalog, containers: [{name: app, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog-v2, namespace: shop}
spec:
  template:
    metadata: {labels: {app: catalog, version: v2}}
    spec: {serviceAccountName: catalog, containers: [{name: app, ports: [{name: web, containerPort: 8080}]}]}
"""


def sidecar(namespace: str, **labels: str) -> Proxy:
    return Proxy(name="p", namespace=namespace, role=Role.SIDECAR, labels=labels)


def test_a_service_exported_to_one_namespace_is_invisible_elsewhere():
    mesh = mesh_of(SERVICES)
    host = "ledger.payments.svc.cluster.local"
    assert [mesh.service(host, ns) is not None for ns in ("payments", "legacy", "shop")] == [True, True, False]


def test_an_external_name_service_of_a_mesh_host_is_its_alias_and_no_service_of_its_own():
    mesh = mesh_of(SERVICES)
    catalog = mesh.service("catalog.shop.svc.cluster.local", "shop")
    assert catalog is not None
    assert catalog.aliases == ("books.legacy.svc.cluster.local",)
    hosts = [service.host for service in mesh.view(sidecar("legacy")).imported_services]
    assert hosts == ["ledger.payments.svc.cluster.local", "catalog.shop.svc.cluster.local"]


def test_a_named_target_port_is_looked_up_in_the_workloads_containers():
    view = mesh_of(SERVICES).view(sidecar("shop", app="catalog"))
    assert [(service.name, port.number, number) for service, port, number in view.inbound_services] == [("catalog", 80, 8080)]


def test_two_versions_of_one_app_share_a_sidecar_with_their_common_labels():
    proxies = derive_proxies(mesh_of(SERVICES))
    assert [(proxy.id, dict(proxy.labels), proxy.service_account) for proxy in proxies] == [
        ("payments/ledger", {"app": "ledger"}, "default"),
        ("shop/catalog", {"app": "catalog"}, "catalog"),
    ]


GATEWAYS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: storefront, namespace: shop}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: admin, namespace: shop}
spec: {selector: {istio: ingress}, servers: [{port: {number: 81, name: http, protocol: HTTP}, hosts: [b.example]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: shop}
spec: {selector: {istio: egress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [c.example]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: edge}
spec: {template: {metadata: {labels: {istio: ingress, app: gw}}}}
"""


def test_gateways_of_one_selector_share_a_proxy_in_the_namespace_of_its_workload():
    mesh = mesh_of(GATEWAYS)
    proxies = derive_proxies(mesh)
    assert [(proxy.id, proxy.role) for proxy in proxies] == [("edge/admin", Role.INGRESS), ("shop/out", Role.INGRESS)]
    assert [gateway.name for gateway in mesh.view(proxies[0]).gateways] == ["admin", "storefront"]


NO_SIDECAR = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: batch, namespace: shop}
spec: {template: {metadata: {labels: {app: batch, sidecar.istio.io/inject: "false"}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: webapp, namespace: shop}
spec: {template: {metadata: {labels: {app: webapp}}}}
"""


def test_a_workload_that_is_told_to_have_no_sidecar_is_no_proxy():
    assert [proxy.id for proxy in derive_proxies(mesh_of(NO_SIDECAR))] == ["shop/webapp"]


RULES = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: shop}
spec: {host: catalog, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b, namespace: shop}
spec:
  host: catalog.shop.svc.cluster.local
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets: [{name: v1, labels: {version: other}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: wide, namespace: client}
spec: {host: "*.shop.svc.cluster.local"}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mesh, namespace: istio-system}
spec: {host: "*.local"}
"""

CATALOG = "catalog.shop.svc.cluster.local"


def test_destination_rules_of_one_host_unite_their_subsets_and_the_first_of_a_name_stays():
    rule = mesh_of(RULES).destination_rule(CATALOG, sidecar("other"))
    assert rule is not None
    assert rule.spec.traffic_policy is not None
    assert [(subset.name, subset.labels) for subset in rule.spec.subsets or ()] == [
        ("v1", {"version": "v1"}),
        ("v2", {"version": "v2"}),
    ]
    assert rule.origin_of("spec", "subsets", 1).document == 2


@pytest.mark.parametrize(("namespace", "name"), [("client", "wide"), ("other", "a"), ("istio-system", "a")])
def test_the_clients_namespace_decides_before_the_services(namespace: str, name: str):
    rule = mesh_of(RULES).destination_rule(CATALOG, sidecar(namespace))
    assert rule is not None
    assert rule.name == name


def test_the_root_namespace_speaks_where_neither_client_nor_service_do():
    rule = mesh_of(RULES).destination_rule("else.shop.svc.cluster.local", sidecar("other"), "elsewhere")
    assert rule is not None
    assert rule.name == "mesh"


PEERS = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mesh, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: open, namespace: legacy}
spec: {mtls: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ledger, namespace: legacy}
spec: {selector: {matchLabels: {app: ledger}}, mtls: {mode: UNSET}, portLevelMtls: {"9090": {mode: PERMISSIVE}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ignored, namespace: istio-system}
spec: {selector: {matchLabels: {app: ledger}}, mtls: {mode: DISABLE}}
"""


@pytest.mark.parametrize(
    ("namespace", "app", "port", "mode"),
    [
        ("shop", "catalog", None, "STRICT"),
        ("legacy", "other", None, "DISABLE"),
        ("legacy", "ledger", 8080, "DISABLE"),
        ("legacy", "ledger", 9090, "PERMISSIVE"),
        ("istio-system", "ledger", None, "STRICT"),
    ],
)
def test_mutual_tls_inherits_from_mesh_to_namespace_to_workload_to_port(namespace: str, app: str, port: int | None, mode: str):
    assert mesh_of(PEERS).mutual_tls_mode(namespace, {"app": app}, port) == mode


def test_without_any_policy_mutual_tls_is_permissive():
    assert mesh_of(SERVICES).mutual_tls_mode("shop", {}) == "PERMISSIVE"


POLICIES = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: own, namespace: shop}
spec: {selector: {matchLabels: {app: catalog}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: others, namespace: shop}
spec: {selector: {matchLabels: {app: catalog, version: v2}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everywhere, namespace: istio-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: shop}
spec: {}
"""


def test_policies_of_the_root_namespace_come_before_the_workloads_own():
    found = mesh_of(POLICIES).authorization_policies("shop", {"app": "catalog", "version": "v1"})
    assert [policy.name for policy in found] == ["everywhere", "all", "own"]


SIDECARS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: istio-system}
spec: {egress: [{hosts: ["./*"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec:
  workloadSelector: {labels: {app: webapp}}
  egress:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["shop/*"]}
    - hosts: ["payments/*"]
"""


def test_a_namespace_without_sidecar_falls_under_the_root_namespaces_default():
    view = mesh_of(SERVICES + "---\n" + SIDECARS).view(sidecar("payments", app="ledger"))
    assert [service.host for service in view.imported_services] == ["ledger.payments.svc.cluster.local"]
    assert view.outbound_mode == "REGISTRY_ONLY"


def test_a_selecting_sidecar_wins_and_its_listeners_keep_their_order():
    view = mesh_of(SERVICES + "---\n" + SIDECARS).view(sidecar("shop", app="webapp"))
    assert [(scope.port, [service.name for service in scope.services]) for scope in view.scopes] == [
        (80, ["catalog"]),
        (None, []),
    ]
    assert view.outbound_mode == "ALLOW_ANY"


DELEGATES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: edge}
spec:
  hosts: [shop.example]
  http:
    - {name: r, match: [{uri: {prefix: /items}}], timeout: 3s, delegate: {name: leaf, namespace: shop}}
    - {match: [{uri: {prefix: /hidden}}], delegate: {name: hidden, namespace: shop}}
    - {route: [{destination: {host: webapp}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, namespace: shop}
spec:
  http:
    - {name: new, match: [{uri: {prefix: /items/new}}], route: [{destination: {host: catalog}}]}
    - {match: [{uri: {prefix: /other}}], route: [{destination: {host: forum}}]}
    - {match: [{uri: {regex: "/items/.*"}}], route: [{destination: {host: forum}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hidden, namespace: shop}
spec: {exportTo: ["."], http: [{route: [{destination: {host: catalog}}]}]}
"""


def test_a_delegates_fitting_rules_stand_in_the_roots_place_with_hosts_of_their_own_namespace():
    (root,) = mesh_of(DELEGATES).virtual_services.on_mesh("edge")
    rules = root.spec.http or ()
    assert [(rule.name, rule.timeout, rule.route[0].destination.host if rule.route else "") for rule in rules] == [
        ("r-new", "3s", "catalog.shop.svc.cluster.local"),
        (None, None, "webapp.edge.svc.cluster.local"),
    ]
    assert [root.origin_of("spec", "http", index).document for index in range(2)] == [1, 0]
