"""Deliveries of a snapshot: what stands in a static bootstrap, which files a filesystem delivery has, what neither can say."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

import pytest
from envoy_protos import BOOTSTRAP, DISCOVERY_RESPONSE, canonical
from mesh_text import mesh_of
from oracle import PROXIES, load_case
from small_mesh import CATALOG, endpoint, gateway, sidecar

from meshgen.emit.envoy.bootstrap import BootstrapOptions, filesystem_bootstrap, static_bootstrap
from meshgen.emit.envoy.delivery import Delivery, file_name, files, rank
from meshgen.emit.envoy.limits import delivery_limits, limits
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Capture, Mesh, Proxy
from meshgen.trace.steps.cluster import cluster_kind

SUBSETS = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec:
  host: catalog
  subsets: [{name: v1, labels: {version: v1}}]
"""
STRICT = """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
SECURE_GATEWAY = """
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example]
    tls: {mode: MUTUAL, credentialName: shop-cert}
"""
NAME = "outbound|8000||catalog.shop.svc.cluster.local"
Json = dict[str, Any]


def static(text: str, proxy: Proxy | None = None) -> Json:
    snapshot, _ = emit_envoy(mesh_of(text), proxy or sidecar())
    return static_bootstrap(snapshot, BootstrapOptions(certificates="/certs"))


def cluster(bootstrap: Json, name: str = NAME) -> Json:
    found: Json = next(entry for entry in bootstrap["static_resources"]["clusters"] if entry["name"] == name)
    return found


def tree(text: str, proxy: Proxy | None = None) -> dict[str, Json]:
    snapshot, _ = emit_envoy(mesh_of(text), proxy or sidecar())
    found = files(snapshot, Delivery.FILESYSTEM, "/etc/mesh", BootstrapOptions(certificates="/certs"))
    return {path: json.loads(content) for path, content in found.items()}


# --- static ---------------------------------------------------------------------------------------------------------
def test_a_static_bootstrap_names_no_other_source():
    for case, name in PROXIES[::7]:
        loaded = load_case(case)
        text = json.dumps(static_bootstrap(emit_envoy(loaded.mesh, loaded.proxies[name])[0]))
        assert not re.search(r'"(ads|rds|eds_config|sds_config|path_config_source)"', text), (case, name)


@pytest.mark.parametrize(("case", "name"), PROXIES)
def test_envoys_protos_read_every_bootstrap_and_every_file(case: str, name: str):
    loaded = load_case(case)
    snapshot, _ = emit_envoy(loaded.mesh, loaded.proxies[name])
    canonical(static_bootstrap(snapshot), BOOTSTRAP)
    for path, content in files(snapshot, Delivery.FILESYSTEM, "/etc/mesh").items():
        kind = BOOTSTRAP if path.endswith("bootstrap.json") else DISCOVERY_RESPONSE
        value = json.loads(content)
        canonical(value, kind)
        if PurePosixPath(path).parent.name in {"rds", "eds", "sds"}:
            assert len(value["resources"]) == 1


def test_a_service_without_a_known_endpoint_is_resolved_by_its_name():
    found = cluster(static(CATALOG))
    address = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert (cluster_kind(found), address) == ("STRICT_DNS", {"address": "catalog.shop.svc.cluster.local", "port_value": 8000})
    assert "transport_socket_matches" not in found


def test_a_strict_service_without_a_known_endpoint_is_spoken_to_with_mutual_tls():
    found = cluster(static(CATALOG + STRICT))
    metadata = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["metadata"]
    assert metadata == {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
    assert found["transport_socket_matches"][0]["match"] == {"tlsMode": "istio"}


def test_a_plaintext_mesh_needs_no_certificates():
    bootstrap = static(CATALOG + endpoint("10.0.0.1"), sidecar(capture=Capture.LOOPBACK))
    assert "secrets" not in bootstrap["static_resources"]
    assert cluster(bootstrap)["type"] == "STATIC"


def test_certificates_are_files_and_never_keys():
    bootstrap = static(SECURE_GATEWAY, gateway())
    secrets = {entry["name"]: entry for entry in bootstrap["static_resources"]["secrets"]}
    assert secrets["kubernetes://shop-cert"]["tls_certificate"] == {
        "certificate_chain": {"filename": "/certs/shop-cert/tls.crt"},
        "private_key": {"filename": "/certs/shop-cert/tls.key"},
    }
    assert secrets["kubernetes://shop-cert-cacert"]["validation_context"]["trusted_ca"] == {"filename": "/certs/shop-cert/ca.crt"}


def test_the_admin_interface_can_be_left_out():
    snapshot, _ = emit_envoy(mesh_of(CATALOG), sidecar())
    assert "admin" not in static_bootstrap(snapshot, BootstrapOptions(admin_port=-1))
    admin: Any = filesystem_bootstrap(snapshot, "/x")["admin"]
    assert admin["address"]["socket_address"]["address"] == "127.0.0.1"


# --- files ----------------------------------------------------------------------------------------------------------
def test_each_resource_that_envoy_reads_alone_has_a_file_in_the_directory_of_its_type():
    found = tree(CATALOG + SUBSETS + endpoint("10.0.0.1", version="v1"))
    paths = {path.removeprefix("shop/webapp/") for path in found}
    assert {
        "bootstrap.json",
        "cds/clusters.json",
        "lds/listeners.json",
        "rds/8000.json",
        "eds/outbound_8000__catalog.shop.svc.cluster.local.json",
        "eds/outbound_8000_v1_catalog.shop.svc.cluster.local.json",
        "sds/default.json",
        "sds/ROOTCA.json",
    } <= paths
    for path in sorted(paths - {"bootstrap.json"}):
        assert found[f"shop/webapp/{path}"]["version_info"]


def test_every_file_that_is_named_is_there_and_its_directory_is_watched():
    found = tree(CATALOG + SUBSETS + endpoint("10.0.0.1", version="v1"))
    sources = re.findall(r'"path": "(/etc/mesh/[^"]+\.json)", "watched_directory": \{"path": "([^"]+)"\}', json.dumps(found))
    assert sources
    for path, watched in sources:
        assert path.removeprefix("/etc/mesh/") in found
        assert str(PurePosixPath(path).parent) == watched


def test_certificates_from_files_are_watched_where_they_lie():
    secret = tree(SECURE_GATEWAY, gateway())["shop/edge/sds/" + file_name("kubernetes://shop-cert")]["resources"][0]
    assert secret["tls_certificate"]["watched_directory"] == {"path": "/certs/shop-cert"}


def test_what_is_named_is_written_before_what_names_it():
    found = sorted(tree(CATALOG + endpoint("10.0.0.1")), key=rank)
    kinds = list(dict.fromkeys(PurePosixPath(path).parent.name for path in found))
    assert kinds == ["sds", "eds", "cds", "rds", "lds", "webapp"]


def test_equal_meshes_give_equal_bytes_and_an_unchanged_resource_keeps_its_version():
    first, again = tree(CATALOG + endpoint("10.0.0.1")), tree(CATALOG + endpoint("10.0.0.1"))
    assert first == again
    moved = tree(CATALOG + endpoint("10.0.0.2"))
    assert [path for path in first if first[path] != moved.get(path)] == [
        "shop/webapp/eds/outbound_8000__catalog.shop.svc.cluster.local.json"
    ]


def test_file_names_are_safe_and_tell_all_resources_apart():
    names = [
        "a|b",
        "a_b",
        "a:b",
        "a/b",
        "../../etc/passwd",
        "kubernetes://x",
        "*.wild.example",
        "x" * 300,
        "x" * 301,
        "a||b",
        "a|_|b",
    ]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,160}", name) and not name.startswith(".") for name in made)


# --- what cannot be said --------------------------------------------------------------------------------------------
def codes(mesh: Mesh, proxy: Proxy, delivery: Delivery | None = None) -> list[str]:
    view = mesh.view(proxy)
    found = delivery_limits(mesh, view, delivery) if delivery else limits(mesh, view)
    return [diagnostic.code.number for diagnostic in found]


def test_a_subset_without_a_known_endpoint_is_an_error_where_there_is_no_endpoint_discovery():
    mesh = mesh_of(CATALOG + SUBSETS)
    assert codes(mesh, sidecar(), Delivery.STATIC) == ["MG0902", "MG0901"]
    assert codes(mesh, sidecar(), Delivery.FILESYSTEM) == ["MG0902", "MG0902"]
    error = delivery_limits(mesh, mesh.view(sidecar()), Delivery.STATIC)[1]
    assert (error.origin.document, error.origin.path) == (1, ("spec", "subsets", 0))
    assert codes(mesh_of(CATALOG + SUBSETS + endpoint("10.0.0.1", version="v1")), sidecar(), Delivery.STATIC) == []


def test_a_tap_without_an_admin_interface_is_an_error():
    tap = """
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: look, namespace: shop}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_FIRST
      value:
        name: envoy.filters.http.tap
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.tap.v3.Tap
          common_config: {admin_config: {config_id: look}}
"""
    mesh = mesh_of(CATALOG + endpoint("10.0.0.1", version="v1") + tap)
    options = BootstrapOptions(admin_port=-1)
    found = delivery_limits(mesh, mesh.view(sidecar()), Delivery.STATIC, options)
    assert [(each.code.number, each.message) for each in found] == [
        ("MG0713", "the tap of EnvoyFilter `look` waits for an admin interface, and the proxy has none")
    ]
    assert codes(mesh, sidecar(), Delivery.STATIC) == []


def test_what_the_translation_does_not_carry_over_is_said_with_its_place():
    text = (
        CATALOG
        + """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec:
  host: catalog
  trafficPolicy:
    portLevelSettings: [{port: {number: 9}, outlierDetection: {consecutiveErrors: 3}}]
    tls: {mode: MUTUAL, credentialName: client}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: shop}
spec: {hosts: ["*.wild.example"], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: t, namespace: shop}
spec: {jwtRules: [{issuer: a}]}
"""
    )
    assert codes(mesh_of(text), sidecar()) == ["MG0906", "MG0904", "MG0905"]
    assert codes(mesh_of(text), sidecar(capture=Capture.LOOPBACK)) == ["MG0907", "MG0906", "MG0904", "MG0903", "MG0905"]
    assert codes(mesh_of(text), gateway()) == ["MG0906", "MG0903", "MG0905"]
