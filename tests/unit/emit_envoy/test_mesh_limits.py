"""Settings of MeshConfig and ProxyConfig that are left out are said in one finding."""

from __future__ import annotations

import msgspec
import pytest
from mesh_text import mesh_of

from meshgen.emit.envoy.mesh_limits import NOT_APPLICABLE, REPORTED, mesh_limits
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_proxy import ProxySettings
from meshgen.mesh import Proxy, Role


@pytest.mark.parametrize(("name", "kind"), [("MeshConfig", MeshConfig), ("ProxyConfig", ProxySettings)])
def test_each_setting_of_the_tables_exists_and_stands_in_one(name: str, kind: type[msgspec.Struct]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert {*REPORTED[name], *NOT_APPLICABLE[name]} <= fields
    assert not REPORTED[name].keys() & NOT_APPLICABLE[name].keys()


def test_what_is_left_out_is_one_finding() -> None:
    proxy = "{interceptionMode: TPROXY, concurrency: 1}"
    config = f"{{proxyHttpPort: 15080, inboundTrafficPolicy: {{mode: LOCALHOST}}, defaultConfig: {proxy}}}"
    mesh = mesh_of("", config=config)
    (found,) = mesh_limits(mesh, mesh.view(Proxy(name="catalog", namespace="shop", role=Role.SIDECAR)))
    assert found.code.number == "MG0906"
    assert "`proxyHttpPort`, `defaultConfig.interceptionMode` are not carried over" in found.message


def test_the_defaults_leave_nothing_out() -> None:
    mesh = mesh_of("")
    assert list(mesh_limits(mesh, mesh.view(Proxy(name="catalog", namespace="shop", role=Role.SIDECAR)))) == []
