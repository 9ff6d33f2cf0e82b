"""What of a custom bootstrap stays behind is said, with the reason; golden/telemetry/bootstrap-envoy shows what is merged."""

from __future__ import annotations

import msgspec
from mesh_text import mesh_of

from meshgen.emit.envoy.custom_bootstrap import custom_bootstrap
from meshgen.istio.mesh_config import MeshConfig
from meshgen.kubernetes import CustomBootstrap, ObjectMeta
from meshgen.mesh import Proxy, Role, link

NOT_CARRIED = "of this bootstrap is not carried over to Envoy"
PROXY = Proxy(name="webapp", namespace="shop", role=Role.SIDECAR, labels={"app": "webapp", "version": "v1"})


def carried(value: dict[str, object], pods: dict[str, str]) -> tuple[object, list[str]]:
    custom = CustomBootstrap(metadata=ObjectMeta(name="webapp-bootstrap", namespace="shop"), pods=pods, value=value)
    facts = msgspec.structs.replace(mesh_of("").facts, bootstraps=(custom,))
    kept, found = custom_bootstrap(link((), facts, MeshConfig()), PROXY)
    return kept, [f"{each.code.number}: {each.message}" for each in found]


def test_what_names_a_cluster_of_istiods_bootstrap_stays_behind():
    value: dict[str, object] = {
        "tracing": {"http": {"typed_config": {"collector_cluster": "zipkin"}}},
        "dynamicResources": {"ads_config": {}},
        "node": {"cluster": "webapp"},
    }
    kept, found = carried(value, {"app": "webapp"})
    assert kept == {"node": {"cluster": "webapp"}}
    assert found == [
        f"MG0906: `tracing` {NOT_CARRIED}: its cluster `zipkin` is none of this bootstrap, but of istiod's own",
        f"MG0906: `dynamic_resources` {NOT_CARRIED}: meshgen says where Envoy reads listeners and clusters",
    ]


def test_other_pods_have_none_of_it():
    assert carried({"stats_flush_interval": "10s"}, {"app": "catalog"}) == ({}, [])
    assert carried({"stats_flush_interval": "10s"}, {}) == ({"stats_flush_interval": "10s"}, [])
