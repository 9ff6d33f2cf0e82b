"""Which hosts outside of the mesh are reached, by whom, and what ways lead from outside to a service."""

from __future__ import annotations

from meshgen.mesh import Service
from meshgen.query.answer import Answer, Row
from meshgen.query.callers import Entrance, row
from meshgen.query.reach import ANY_HOST, passage_of
from meshgen.query.scene import Scene


def egress(scene: Scene) -> Answer:
    """`meshgen query egress`: each host outside, and the workloads whose proxies know it."""
    rows: list[Row] = []
    outside = [service for service in scene.services if service.external]
    for proxy in scene.sidecars:
        view = scene.mesh.view(proxy)
        seen = {service.host for service in view.imported_services}
        rows += [_row(scene, proxy.id, service) for service in outside if service.host in seen]
        if view.outbound_mode != "REGISTRY_ONLY":
            by = "unknown hosts are let through (ALLOW_ANY)"
            cells = {"host": ANY_HOST, "workload": proxy.id, "through": "straight", "by": by}
            rows.append(Row(subject=ANY_HOST, cells=cells, edge=(proxy.id, ANY_HOST, "")))
    return Answer(
        question="which hosts outside are reached, and by whom?",
        columns=("host", "workload", "through", "by", "line"),
        rows=tuple(sorted(rows, key=lambda each: (each.subject == ANY_HOST, each.subject))),
        nothing="no workload reaches a host outside",
    )


def _row(scene: Scene, workload: str, service: Service) -> Row:
    passage = passage_of(scene, workload, service, service.ports[0])
    through = next((each.removeprefix("through ") for each in passage.by if each.startswith("through ")), "straight")
    by = "" if passage.is_open else ", ".join(passage.by)
    cells = {"host": service.host, "workload": workload, "through": through, "by": by}
    where = tuple(line for line in (scene.place(service.origin),) if line)
    return Row(subject=service.host, cells=cells, where=where, edge=(workload, service.host, ""), holds=passage.is_open)


def ways(scene: Scene, name: str) -> Answer:
    """`meshgen query ways payments`: every chain of calls that leads to a service, back to gateways and to anybody.

    Raises:
        UnanswerableError: where there is no such service, or several.
    """
    asked = scene.service(name)
    rows: dict[tuple[str, str], Row] = {}
    waiting, seen = [asked], {asked.host}
    while waiting:
        service = waiting.pop(0)
        short = scene.short(service)
        for door in scene.doors.get(service.host, ()):
            for caller, passage in Entrance(scene, door).passages():
                if not passage.is_open or (caller, short) in rows:
                    continue
                rows[caller, short] = row(caller, str(door.port.number), passage, (caller, short))
                for behind in scene.services_of_workload(caller):
                    if behind.host not in seen:
                        seen.add(behind.host)
                        waiting.append(behind)
    return Answer(
        question=f"what ways lead to {scene.short(asked)}?",
        columns=("caller", "service", "port", "may", "by", "line"),
        rows=tuple(rows.values()),
        nothing=f"no way leads to {scene.short(asked)}",
    )
