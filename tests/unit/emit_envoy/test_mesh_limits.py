"""Every field of MeshConfig and ProxyConfig is carried over, reported, or of no concern to a proxy: in one table, not in two."""

from __future__ import annotations

import msgspec
import pytest
from mesh_text import mesh_of

from meshgen.emit.envoy.mesh_limits import CARRIED, NOT_APPLICABLE, REPORTED, mesh_limits
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_proxy import ProxySettings
from meshgen.mesh import Proxy, Role


@pytest.mark.parametrize(("name", "kind"), [("MeshConfig", MeshConfig), ("ProxyConfig", ProxySettings)])
def test_each_field_stands_in_one_table(name: str, kind: type[msgspec.Struct]) -> None:
    fields = sorted(field.encode_name for field in msgspec.structs.fields(kind))
    assert sorted((*CARRIED[name], *NOT_APPLICABLE[name], *REPORTED[name])) == fields


def test_what_is_left_out_is_one_finding() -> None:
    proxy = "{statNameLength: 100, concurrency: 1}"
    config = (
        f"{{tlsDefaults: {{minProtocolVersion: TLSV1_3}}, inboundTrafficPolicy: {{mode: LOCALHOST}}, defaultConfig: {proxy}}}"
    )
    mesh = mesh_of("", config=config)
    (found,) = mesh_limits(mesh, mesh.view(Proxy(name="catalog", namespace="shop", role=Role.SIDECAR)))
    assert found.code.number == "MG0906"
    assert "`inboundTrafficPolicy`, `tlsDefaults`, `defaultConfig.statNameLength` are not carried over" in found.message


def test_the_defaults_leave_nothing_out() -> None:
    mesh = mesh_of("")
    assert list(mesh_limits(mesh, mesh.view(Proxy(name="catalog", namespace="shop", role=Role.SIDECAR)))) == []
