"""Gateways, policies, authentication, the mesh, sidecars, facts and patches."""

from __future__ import annotations

import pytest
from lowered_mesh import lower_text

HEAD = "apiVersion: meshgen/v1\nkind: %s\nmetadata: {name: %s, namespace: shop}\nspec: %s\n---\n"


def intent(kind: str, name: str, spec: str) -> str:
    return HEAD % (kind, name, spec)


CATALOG = intent("Service", "catalog", "{ports: [80], workload: {selector: {app: catalog}, serviceAccount: catalog-sa}}")
GATEWAY = intent(
    "Gateway",
    "edge",
    "{workload: {selector: {istio: gw}, namespace: ingress, serviceAccount: gw}, listeners: [{port: 80, hosts: ['*']}]}",
)


# --- Gateway


def test_listeners_are_servers_with_names_of_their_own():
    listeners = """[
      {port: 80, hosts: [a.example.com], redirectToHttps: true},
      {port: 443, hosts: [a.example.com], tls: {mode: simple, credential: a, minVersion: '1.2', cipherSuites: [X]}},
      {port: 443, hosts: [b.example.com], tls: {mode: mutual, credentials: [b, c], caCertCredential: ca, subjectAltNames: [x]}},
      {port: 8443, hosts: [c.example.com], tls: passthrough},
      {port: 15443, hosts: ['*.local'], tls: autoPassthrough, portName: tls-east},
      {port: 31400, hosts: ['*'], protocol: tcp, bind: 10.0.0.1, targetPort: 9000, name: raw}]"""
    result = lower_text(intent("Gateway", "edge", f"{{workload: {{selector: {{istio: gw}}}}, listeners: {listeners}}}"))
    servers = result.spec("Gateway", "edge")["servers"]
    assert [(server["port"]["name"], server["port"]["protocol"]) for server in servers] == [
        ("http-80", "HTTP"),
        ("https-443", "HTTPS"),
        ("https-443-2", "HTTPS"),
        ("tls-8443", "TLS"),
        ("tls-east", "TLS"),
        ("tcp-31400", "TCP"),
    ]
    assert [server.get("tls") for server in servers] == [
        {"httpsRedirect": True},
        {"mode": "SIMPLE", "cipherSuites": ["X"], "credentialName": "a", "minProtocolVersion": "TLSV1_2"},
        {"mode": "MUTUAL", "caCertCredentialName": "ca", "credentialNames": ["b", "c"], "subjectAltNames": ["x"]},
        {"mode": "PASSTHROUGH"},
        {"mode": "AUTO_PASSTHROUGH"},
        None,
    ]
    assert (servers[5]["bind"], servers[5]["name"], servers[5]["port"]["targetPort"]) == ("10.0.0.1", "raw", 9000)
    assert result.object("Gateway", "edge").origin_of("spec", "servers", 2).path == ("spec", "listeners", 2)


# --- Access


def policy(spec: str, name: str = "a") -> dict[str, object]:
    result = lower_text(CATALOG + GATEWAY + intent("Access", "a", spec))
    assert result.diagnostics == ()
    found: dict[str, object] = result.spec("AuthorizationPolicy", name)
    return found


CALLERS = [
    ("webapp", {"principals": ["cluster.local/ns/shop/sa/webapp"]}),
    ("webapp.other", {"principals": ["cluster.local/ns/other/sa/webapp"]}),
    ("{service: catalog}", {"principals": ["cluster.local/ns/shop/sa/catalog-sa"]}),
    ("{gateway: edge}", {"principals": ["cluster.local/ns/ingress/sa/gw"]}),
    ("{principal: 'td/ns/*'}", {"principals": ["td/ns/*"]}),
    ("{authenticated: true}", {"principals": ["*"]}),
    ("{namespace: shop}", {"namespaces": ["shop"]}),
    ("{trustDomain: td}", {"trustDomains": ["td"]}),
    ("{ip: 10.0.0.0/8}", {"ipBlocks": ["10.0.0.0/8"]}),
    ("{remoteIp: 1.2.3.4}", {"remoteIpBlocks": ["1.2.3.4"]}),
    ("{jwt: {}}", {"requestPrincipals": ["*"]}),
    ("{jwt: {issuer: i}}", {"requestPrincipals": ["i/*"]}),
    ("{jwt: {issuer: i, subject: s}}", {"requestPrincipals": ["i/s"]}),
    ("{jwt: {subject: s}}", {"requestPrincipals": ["*/s"]}),
    (
        "{serviceAccount: webapp, ip: 10.0.0.0/8}",
        {"ipBlocks": ["10.0.0.0/8"], "principals": ["cluster.local/ns/shop/sa/webapp"]},
    ),
    (
        "{anyone: true, not: [webapp, {namespace: x}, {ip: 10.0.0.1}]}",
        {"notIpBlocks": ["10.0.0.1"], "notNamespaces": ["x"], "notPrincipals": ["cluster.local/ns/shop/sa/webapp"]},
    ),
]


@pytest.mark.parametrize(("caller", "source"), CALLERS, ids=[caller for caller, _ in CALLERS])
def test_a_caller_is_a_source(caller: str, source: dict[str, list[str]]):
    assert policy(f"{{service: catalog, allow: [{{from: [{caller}]}}]}}") == {
        "selector": {"matchLabels": {"app": "catalog"}},
        "action": "ALLOW",
        "rules": [{"from": [{"source": source}]}],
    }


def test_the_trust_domain_is_the_meshs():
    text = CATALOG + intent("Mesh", "m", "{trustDomain: example.org}") + intent("Access", "a", "{allow: [{from: [webapp]}]}")
    rules = lower_text(text).spec("AuthorizationPolicy", "a")["rules"]
    assert rules[0]["from"][0]["source"]["principals"] == ["example.org/ns/shop/sa/webapp"]


def test_claims_are_conditions_of_a_rule_of_their_own():
    jwt = "{issuer: i, claims: {group: [admin, 'ops*'], a.b: x, 'https://c.d/e': y}, audiences: z}"
    spec = f"{{allow: [{{from: [webapp, {{jwt: {jwt}}}], to: {{methods: [GET]}}, when: {{source.ip: 10.0.0.1}}}}]}}"
    operation = [{"operation": {"methods": ["GET"]}}]
    address = {"key": "source.ip", "values": ["10.0.0.1"]}
    assert policy(spec)["rules"] == [
        {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/webapp"]}}], "to": operation, "when": [address]},
        {
            "from": [{"source": {"requestPrincipals": ["i/*"]}}],
            "to": operation,
            "when": [
                address,
                {"key": "request.auth.claims[group]", "values": ["admin", "ops*"]},
                {"key": "request.auth.claims[a][b]", "values": ["x"]},
                {"key": "request.auth.claims[https://c.d/e]", "values": ["y"]},
                {"key": "request.auth.audiences", "values": ["z"]},
            ],
        },
    ]


def test_anyone_among_others_is_anyone():
    assert policy("{allow: [{from: [webapp, {anyone: true}], to: {ports: [8080], notPaths: ['*.png']}}]}")["rules"] == [
        {"to": [{"operation": {"ports": ["8080"], "notPaths": ["*.png"]}}]}
    ]


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        ("{default: deny}", "a", {}),
        ("{service: catalog, default: deny}", "a", {"selector": {"matchLabels": {"app": "catalog"}}}),
        ("{default: allow}", "a", {"action": "ALLOW", "rules": [{}]}),
        ("{allow: [{}]}", "a", {"action": "ALLOW", "rules": [{}]}),
        ("{allow: []}", "a", {"action": "ALLOW", "rules": []}),
        (
            "{deny: [{from: [{namespace: x}]}]}",
            "a-deny",
            {"action": "DENY", "rules": [{"from": [{"source": {"namespaces": ["x"]}}]}]},
        ),
        ("{audit: [{}]}", "a-audit", {"action": "AUDIT", "rules": [{}]}),
        ("{external: [{provider: opa}]}", "a-opa", {"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}]}),
    ],
)
def test_each_action_is_a_policy_and_empty_things_keep_their_meaning(spec: str, name: str, expected: dict[str, object]):
    assert policy(spec, name) == expected


def test_a_policy_stands_where_its_pods_are():
    text = (
        CATALOG
        + GATEWAY
        + intent("Access", "g", "{gateway: edge, default: deny}")
        + intent("Access", "m", "{mesh: true, default: deny}")
    )
    result = lower_text(text + intent("Access", "w", "{workload: {selector: {app: x}}, default: deny, dryRun: true}"))
    places = {each.name: (each.namespace, each.owner) for each in result.lowered.objects if each.kind == "AuthorizationPolicy"}
    assert places == {"g": ("ingress", "edge"), "m": ("istio-system", "m"), "w": ("shop", "w")}
    assert result.object("AuthorizationPolicy", "w").annotations == {"istio.io/dry-run": "true"}


def test_a_rule_points_to_the_rule_that_it_was_made_of():
    result = lower_text(intent("Access", "a", "{allow: [{from: [x, {jwt: {claims: {g: a}}}]}, {from: [y]}]}"))
    made = result.object("AuthorizationPolicy", "a")
    assert [made.origin_of("spec", "rules", i, "from").path for i in range(3)] == [
        ("spec", "allow", 0),
        ("spec", "allow", 0),
        ("spec", "allow", 1),
    ]


# --- Authentication


def test_authentication_gives_both_objects():
    jwt = """{issuer: i, jwks: {keys: [{kty: RSA, n: x, e: AQAB}]}, audiences: a,
      fromHeaders: [x-token, {name: y, prefix: 'Bearer '}],
      forward: true, claimsToHeaders: {x-group: group}, presence: required, timeout: 5s}"""
    text = CATALOG + intent(
        "Authentication", "a", f"{{service: catalog, mtls: {{mode: strict, ports: {{'8080': disable}}}}, jwt: {jwt}}}"
    )
    result = lower_text(text)
    selector = {"matchLabels": {"app": "catalog"}}
    assert result.spec("PeerAuthentication", "a") == {
        "selector": selector,
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"8080": {"mode": "DISABLE"}},
    }
    assert result.spec("RequestAuthentication", "a") == {
        "selector": selector,
        "jwtRules": [
            {
                "timeout": "5s",
                "issuer": "i",
                "audiences": ["a"],
                "forwardOriginalToken": True,
                "fromHeaders": [{"name": "x-token"}, {"name": "y", "prefix": "Bearer "}],
                "jwks": '{"keys":[{"e":"AQAB","kty":"RSA","n":"x"}]}',
                "outputClaimToHeaders": [{"claim": "group", "header": "x-group"}],
                "presence": "REQUIRED",
            }
        ],
    }


# --- Mesh


def test_the_mesh_sets_istiods_configuration_and_gives_mesh_wide_objects():
    spec = """{trustDomain: example.org, rootNamespace: root, mtls: strict, access: deny, outbound: registryOnly, autoMtls: false,
      retries: {attempts: 0}, connectTimeout: 3s, pathNormalization: mergeSlashes, exportTo: {services: ['.']},
      accessLog: {file: /dev/stdout, encoding: json, providers: [otel], filter: response.code >= 400},
      tracing: {providers: zipkin, sampling: 10, tags: {a: b, c: {header: x-c, default: d}}},
      providers: [{name: otel, envoyOtelAls: {service: x, port: 4317}}],
      proxy: {trustedProxies: 1, forwardClientCert: sanitizeSet}}"""
    result = lower_text(intent("Mesh", "mesh", spec))
    config = result.lowered.config
    assert (config.trust_domain, config.root_namespace, config.enable_auto_mtls) == ("example.org", "root", False)
    assert (config.outbound_traffic_policy.mode, config.connect_timeout) == ("REGISTRY_ONLY", "3s")
    assert config.default_http_retry_policy.attempts == 0
    assert config.path_normalization.normalization == "MERGE_SLASHES"
    assert config.default_service_export_to == (".",)
    assert (config.access_log_file, config.access_log_encoding) == ("/dev/stdout", "JSON")
    assert config.extension_providers[0].name == "otel"
    assert config.default_config.gateway_topology.forward_client_cert_details == "SANITIZE_SET"
    assert {each.namespace for each in result.lowered.objects} == {"root"}
    assert result.spec("PeerAuthentication", "mesh") == {"mtls": {"mode": "STRICT"}}
    assert result.spec("AuthorizationPolicy", "mesh") == {}
    assert result.spec("Telemetry", "mesh") == {
        "accessLogging": [{"filter": {"expression": "response.code >= 400"}, "providers": [{"name": "otel"}]}],
        "tracing": [
            {
                "customTags": {"a": {"literal": {"value": "b"}}, "c": {"header": {"name": "x-c", "defaultValue": "d"}}},
                "providers": [{"name": "zipkin"}],
                "randomSamplingPercentage": 10,
            }
        ],
    }


def test_a_mesh_that_says_nothing_changes_nothing():
    result = lower_text(intent("Mesh", "mesh", "{}"))
    assert result.lowered.objects == ()
    assert result.lowered.config == lower_text("").lowered.config


# --- Sidecar


def test_calls_and_accesses_that_name_the_caller_make_the_sidecar():
    text = (
        intent(
            "Service",
            "webapp",
            "{ports: [80], workload: {selector: {app: webapp}, serviceAccount: web}, calls: [catalog, api.example.com]}",
        )
        + intent("Service", "forum", "{ports: [80], workload: {selector: {app: forum}}}")
        + intent("Access", "forum", "{service: forum, allow: [{from: [web]}]}")
        + CATALOG
    )
    result = lower_text(text)
    assert result.spec("Sidecar", "webapp") == {
        "workloadSelector": {"labels": {"app": "webapp"}},
        "egress": [
            {
                "hosts": [
                    "shop/catalog.shop.svc.cluster.local",
                    "*/api.example.com",
                    "shop/forum.shop.svc.cluster.local",
                    "istio-system/*",
                ]
            }
        ],
    }
    assert result.names("Sidecar") == ["webapp"]
    origin = result.object("Sidecar", "webapp").origin_of("spec", "egress", 0, "hosts", 2)
    assert (origin.document, origin.path) == (2, ("spec", "allow", 0, "from", 0))


WEBAPP = intent("Service", "webapp", "{workload: {selector: {app: webapp}, serviceAccount: web}, calls: [catalog]}")


@pytest.mark.parametrize("allow", ["[{from: [other]}]", "[{from: [{namespace: other}, {service: catalog}]}]", "[]"])
def test_a_call_that_the_callee_does_not_allow_is_told(allow: str):
    found = lower_text(WEBAPP + CATALOG + intent("Access", "a", f"{{service: catalog, allow: {allow}}}")).only()
    assert (found.code.number, found.message) == ("MG0129", "Service `webapp` calls `catalog`, whose Access does not name it")
    assert found.help == "add `web` to the callers of `a`, or remove the call"
    assert (found.origin.path, found.related[0].origin.document) == (("spec", "calls", 0), 2)


@pytest.mark.parametrize(
    "callers",
    [
        "web",
        "{service: webapp}",
        "{namespace: shop}",
        "{namespace: s*}",
        "{anyone: true}",
        "{ip: 10.0.0.0/8}",
        "{jwt: {}}",
        "{principal: x}",
    ],
)
def test_a_call_that_may_be_allowed_is_no_finding(callers: str):
    access = intent("Access", "a", f"{{service: catalog, allow: [{{from: [{callers}]}}]}}")
    assert lower_text(WEBAPP + CATALOG + access).diagnostics == ()


def test_a_wider_or_native_policy_may_allow_the_call():
    access = intent("Access", "a", "{service: catalog, default: deny}")
    wider = intent("Access", "b", "{allow: [{}]}")
    native = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: all, namespace: shop}\nspec: {}\n"
    assert lower_text(WEBAPP + CATALOG + access + wider).diagnostics == ()
    assert lower_text(WEBAPP + CATALOG + access + native).diagnostics == ()
    assert len(lower_text(WEBAPP + CATALOG + access).diagnostics) == 1


def test_no_calls_are_not_absent_calls():
    result = lower_text(CATALOG.replace("{ports: [80],", "{ports: [80], calls: [],"))
    assert result.spec("Sidecar", "catalog")["egress"] == [{"hosts": ["istio-system/*"]}]


# --- DestinationRule


def test_a_traffic_policy_reaches_istio():
    traffic = """{
      loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s}, maglev: {tableSize: 101}}, warmup: 30s},
      locality: {distribute: [{from: a/b/*, to: {a/b/*: 80, a/c/*: 20}}]},
      connections: {tcp: {connectTimeout: 1s, keepalive: {probes: 3}}, http: {maxRequests: 5, h2Upgrade: upgrade, maxRetries: 0}},
      outliers: {consecutive5xx: 0, consecutiveGatewayErrors: 5, errorCodes: [500], ejectFor: 1m, minHealthy: 10},
      tls: {mode: simple, credential: c, sni: s}, proxyProtocol: v2, retryBudget: {percent: 20},
      ports: [{port: 9000, loadBalancer: passthrough}], tunnel: {targetHost: h, targetPort: 1}}"""
    text = intent(
        "Service", "x", f"{{versions: [{{name: v1, traffic: {{loadBalancer: random}}}}], traffic: {traffic}, exportTo: ['.']}}"
    )
    spec = lower_text(text).spec("DestinationRule", "x")
    assert spec["trafficPolicy"] == {
        "tls": {"mode": "SIMPLE", "credentialName": "c", "sni": "s"},
        "connectionPool": {
            "http": {"h2UpgradePolicy": "UPGRADE", "http2MaxRequests": 5, "maxRetries": 0},
            "tcp": {"connectTimeout": "1s", "tcpKeepalive": {"probes": 3}},
        },
        "loadBalancer": {
            "consistentHash": {"httpCookie": {"name": "c", "ttl": "0s"}, "maglev": {"tableSize": 101}},
            "localityLbSetting": {"distribute": [{"from": "a/b/*", "to": {"a/b/*": 80, "a/c/*": 20}}]},
            "warmup": {"duration": "30s"},
        },
        "outlierDetection": {
            "baseEjectionTime": "1m",
            "consecutive5xxErrors": 0,
            "consecutiveGatewayErrors": 5,
            "minHealthPercent": 10,
            "outlierDetectionHttpErrorCodes": [500],
        },
        "portLevelSettings": [{"port": {"number": 9000}, "loadBalancer": {"simple": "PASSTHROUGH"}}],
        "proxyProtocol": {"version": "V2"},
        "retryBudget": {"percent": 20},
        "tunnel": {"targetHost": "h", "targetPort": 1},
    }
    assert spec["subsets"][0]["trafficPolicy"] == {"loadBalancer": {"simple": "RANDOM"}}
    assert spec["exportTo"] == ["."]


# --- facts


def test_a_service_is_a_core_service_with_pods_and_endpoints():
    spec = """{ports: [80, {name: metrics, port: 9090, protocol: HTTP, targetPort: 9091}],
      workload: {selector: {app: catalog}, serviceAccount: sa},
      versions: [{name: v1, endpoints: [10.0.0.1, {address: 10.0.0.2, ports: {http: 8080}, locality: r/z/s}]}, v2]}"""
    facts = lower_text(intent("Service", "catalog", spec)).lowered.facts
    (service,) = facts.services
    assert [(port.name, port.port, port.target_port, port.app_protocol) for port in service.spec.ports] == [
        ("http", 80, None, None),
        ("metrics", 9090, 9091, "http"),
    ]
    assert service.spec.selector == {"app": "catalog"}
    assert [(pod.metadata.name, pod.status.pod_ip, pod.spec.service_account_name) for pod in facts.pods] == [
        ("catalog-v1-0", "10.0.0.1", "sa"),
        ("catalog-v1-1", "10.0.0.2", "sa"),
    ]
    labels = facts.pods[1].metadata.labels
    assert {"app": "catalog", "version": "v1", "topology.istio.io/locality": "r.z.s"}.items() <= labels.items()
    assert labels["security.istio.io/tlsMode"] == "istio"
    ports = [[(port.name, port.port) for port in piece.ports] for piece in facts.endpoint_slices]
    assert ports == [[("http", 80), ("metrics", 9091)], [("http", 8080), ("metrics", 9091)]]
    assert [owner.metadata.name for owner in facts.pod_owners] == ["catalog-v2"]


def test_the_trees_own_core_objects_stand():
    core = """apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [{name: http, port: 80}], selector: {app: catalog}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog, namespace: shop}
spec: {template: {metadata: {labels: {app: catalog, version: v1}}, spec: {serviceAccountName: from-tree}}}
---
"""
    text = (
        core + intent("Service", "catalog", "{versions: [v1]}") + intent("Access", "a", "{allow: [{from: [{service: catalog}]}]}")
    )
    result = lower_text(text + intent("Access", "b", "{service: catalog, default: deny}"))
    assert result.diagnostics == ()
    facts = result.lowered.facts
    assert (len(facts.services), len(facts.pod_owners), facts.pods) == (1, 1, ())
    source = result.spec("AuthorizationPolicy", "a")["rules"][0]["from"][0]["source"]
    assert source == {"principals": ["cluster.local/ns/shop/sa/from-tree"]}
    assert result.spec("AuthorizationPolicy", "b") == {"selector": {"matchLabels": {"app": "catalog"}}}


def test_a_workload_without_a_sidecar_speaks_no_mtls_and_is_no_proxy():
    spec = "{ports: [80], workload: {selector: {app: x}, sidecar: false}, endpoints: [10.0.0.1]}"
    (pod,) = lower_text(intent("Service", "x", spec)).lowered.facts.pods
    assert pod.metadata.labels == {"app": "x", "sidecar.istio.io/inject": "false"}


# --- patches and metadata


def test_a_patch_changes_one_object_and_leaves_its_place():
    patch = "{spec: {trafficPolicy: {loadBalancer: {simple: RANDOM}, tls: null}}, metadata: {labels: {team: a}}}"
    patches = f"[{{kind: DestinationRule, patch: {patch}}}]"
    spec = f"{{versions: [v1], traffic: {{tls: istioMutual}}, routes: [{{to: v1}}], patches: {patches}}}"
    result = lower_text(intent("Service", "x", spec))
    assert result.diagnostics == ()
    made = result.object("DestinationRule", "x")
    assert made.to_json()["spec"]["trafficPolicy"] == {"loadBalancer": {"simple": "RANDOM"}}
    assert made.labels == {"team": "a"}
    path = ("spec", "patches", 0, "patch", "spec", "trafficPolicy", "loadBalancer", "simple")
    assert made.origin_of("spec", "trafficPolicy", "loadBalancer", "simple").path == path
    assert result.object("VirtualService", "x").labels == {}


def test_a_patch_names_its_object_where_there_are_several():
    spec = "{allow: [{}], deny: [], patches: [{kind: AuthorizationPolicy, patch: {spec: {rules: null}}}]}"
    found = lower_text(intent("Access", "a", spec)).only()
    assert (found.message, found.help) == (
        "Access `a` gives several objects of the kind `AuthorizationPolicy`",
        "add `name:`, one of `a-deny`, `a`",
    )
    result = lower_text(intent("Access", "a", spec.replace("Policy, ", "Policy, name: a, ")))
    assert result.spec("AuthorizationPolicy", "a") == {"action": "ALLOW"}


def test_labels_and_annotations_are_carried_on_but_not_those_of_tools():
    head = "{name: x, namespace: shop, labels: {a: b}, annotations: {c: d, config.kubernetes.io/index: '0', meshgen/ignore: x}}"
    made = lower_text(f"apiVersion: meshgen/v1\nkind: Service\nmetadata: {head}\nspec: {{versions: [v1]}}\n").object(
        "DestinationRule", "x"
    )
    assert (made.labels, made.annotations) == ({"a": "b"}, {"c": "d"})
