"""What a workload can reach: services of the mesh through their doors, hosts outside by what its own proxy does."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.emit.envoy.names import parse_outbound
from meshgen.journey import Question, UnanswerableError
from meshgen.mesh import Port, Proxy, Service
from meshgen.query.access import Passage
from meshgen.query.answer import Answer, Row
from meshgen.query.callers import Entrance, missed_note, row
from meshgen.query.scene import Scene
from meshgen.trace import Decision, Outcome

ANY_HOST = "any other host"


def reach(scene: Scene, name: str) -> Answer:
    """`meshgen query reach webapp`.

    Raises:
        UnanswerableError: where there is no such workload, or several.
    """
    caller = scene.workload(name)
    ways: list[Entrance] = []
    rows = list(_rows(scene, caller, ways))
    if not caller.is_gateway and scene.mesh.view(caller).outbound_mode != "REGISTRY_ONLY":
        cells = {"service": ANY_HOST, "port": "any", "may": "everything", "by": "unknown hosts are let through (ALLOW_ANY)"}
        rows.append(Row(subject=ANY_HOST, cells=cells, edge=(caller.id, ANY_HOST, "everything")))
    return Answer(
        question=f"what can {caller.id} reach?",
        columns=("service", "port", "may", "by", "line"),
        rows=tuple(rows),
        nothing=f"{caller.id} can reach nothing",
        notes=missed_note(ways),
    )


def _rows(scene: Scene, caller: Proxy, ways: list[Entrance]) -> Iterator[Row]:
    for service in _seen(scene, caller):
        doors = scene.doors.get(service.host, ())
        short = scene.short(service)
        found: dict[tuple[int, Passage], list[str]] = {}
        for door in doors:
            way = Entrance(scene, door)
            ways.append(way)
            found.setdefault((door.port.number, way.of(caller)), []).append(door.proxy.id)
        ports = [port for port, _ in found]
        for (port, passage), workloads in found.items():
            at = f" of {', '.join(dict.fromkeys(workloads))}" if ports.count(port) > 1 else ""
            yield row(short, f"{port}{at}", passage, (caller.id, short))
        if not doors:
            yield from _unguarded(scene, caller, service)


def _seen(scene: Scene, caller: Proxy) -> Iterator[Service]:
    """The services that the caller's proxy knows; for a gateway those that its routes name."""
    for service in sorted(scene.mesh.view(caller).imported_services, key=scene.short):
        if not caller.is_gateway or scene.leads_to(caller, service.host):
            yield service


def _unguarded(scene: Scene, caller: Proxy, service: Service) -> Iterator[Row]:
    """A service without a known workload: what the caller's own proxy does with its requests."""
    short = scene.short(service)
    for port in service.ports:
        yield row(short, str(port.number), passage_of(scene, caller.id, service, port), (caller.id, short))


def passage_of(scene: Scene, caller: str, service: Service, port: Port) -> Passage:
    """What the caller's own proxy does with a request to a service that has no door here."""
    scheme = "http" if port.protocol.is_http else "tcp"
    host = service.host.replace("*", "any", 1)
    try:
        hops = scene.journeys.ask(Question(url=f"{scheme}://{host}:{port.number}/", source=caller))
    except UnanswerableError as error:
        return Passage(what="", by=(str(error),))
    return _of_decision(hops[0].decision, service)


def _of_decision(decision: Decision, service: Service) -> Passage:
    if decision.outcome not in {Outcome.ROUTED, Outcome.NEEDS_ANSWER, Outcome.UNAVAILABLE}:
        return Passage(what="", by=(decision.outcome.value,))
    taken = decision.cluster or next((each.cluster for each in decision.weights), "")
    cluster = parse_outbound(taken)
    through = f"through {cluster.host}" if cluster is not None and cluster.host != service.host else ""
    guard = through or ("outside of the mesh" if service.external else "no workload behind it is known")
    return Passage(what="everything", by=(guard,))
