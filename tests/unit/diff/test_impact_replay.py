"""Witnesses as commands, and their way from proxy to proxy on both sides."""

from __future__ import annotations

from mesh_text import mesh_of
from test_impact_of_objects import MESH, snapshots

from meshgen.diff.impact import Impact, impact
from meshgen.journey import Journeys
from meshgen.journey.replay import replayed
from meshgen.mesh.proxies import derive_proxies
from meshgen.report.traffic import before_after, command_line


def replay(before: str, after: str) -> Impact:
    meshes = mesh_of(before), mesh_of(after)
    sides = [Journeys(mesh, derive_proxies(mesh)) for mesh in meshes]
    return replayed(impact(*map(snapshots, meshes)), sides[0], sides[1])


def test_a_caller_that_gains_access_is_a_command_of_that_caller():
    (finding,) = replay(MESH, MESH.replace("[GET]", "[GET, POST]")).findings
    assert command_line(finding) == "meshgen trace --from shop/webapp curl -X POST http://catalog/items"
    assert before_after(finding) == "denied (403) → routed to the workload"
    assert [place for place, _ in finding.witness.way[0]] == ["out of shop/webapp", "into shop/catalog"]


def test_what_the_server_refuses_is_said_of_what_a_client_may_send_elsewhere():
    (finding,) = replay(MESH, MESH.replace("weight: 90", "weight: 75").replace("weight: 10", "weight: 25")).findings
    assert command_line(finding) == "meshgen trace --from shop/web curl http://catalog/"
    assert before_after(finding) == "into shop/catalog: denied (403), as before"


def test_a_request_at_a_gateway_goes_to_the_port_of_its_service():
    moved = MESH.replace("subset: v1}}]", "subset: v2}}]")
    (finding,) = replay(MESH, moved).findings
    assert command_line(finding) == "meshgen trace curl http://shop.example.com/api"
