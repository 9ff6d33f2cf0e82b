"""Questions about all doors of the mesh: which still take plaintext, and which let anybody in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.query.access import Passage
from meshgen.query.answer import Answer, Row
from meshgen.query.callers import ANY_WORKLOAD, PLAINTEXT, Entrance, row
from meshgen.query.scene import Scene
from meshgen.trace import Outcome, trace

_COLUMNS = ("service", "port", "may", "by", "line")


def plaintext(scene: Scene) -> Answer:
    """`meshgen query plaintext`: the ports whose proxies do not ask for mutual TLS."""
    rows = tuple(_over_ports(scene, _plaintext))
    return Answer(
        question="which services still accept plaintext?",
        columns=("service", "port", "accepts", "may", "by", "line"),
        rows=rows,
        nothing="no service accepts plaintext",
        notes=_unknown(scene),
    )


def _plaintext(way: Entrance) -> Row:
    scene, door = way.scene, way.door
    decision = trace(scene.config(door.proxy), door.request(tls="none"))
    accepted = decision.outcome not in {Outcome.CLOSED, Outcome.NO_LISTENER}
    passage = way.plain.of("") if accepted else Passage(what="", by=("mTLS is required",))
    found = row(scene.short(door.service), str(door.port.number), passage, (PLAINTEXT, scene.short(door.service)))
    mode = scene.mesh.mutual_tls_mode(door.proxy.namespace, door.proxy.labels, door.workload_port)
    cells = {**found.cells, "accepts": f"plaintext ({mode})" if accepted else f"mTLS ({mode})"}
    lines = _authentication_lines(scene, door.proxy.namespace) if accepted else ()
    return replace(found, cells=cells, where=found.where or lines, holds=accepted)


def _authentication_lines(scene: Scene, namespace: str) -> tuple[str, ...]:
    """The PeerAuthentications that may be meant: those of the namespace and of the mesh."""
    spaces = (namespace, scene.mesh.config.root_namespace)
    found = (each for each in scene.mesh.of_kind(PeerAuthentication) if each.namespace in spaces)
    return tuple(line for each in found if (line := scene.line_of(each)))


def unprotected(scene: Scene) -> Answer:
    """`meshgen query unprotected`: the ports that any workload of the mesh may use, and be it for some requests alone."""
    return Answer(
        question="which services let in any workload?",
        columns=_COLUMNS,
        rows=tuple(_over_ports(scene, _unprotected)),
        nothing="no service lets in any workload",
        notes=_unknown(scene),
    )


def _unprotected(way: Entrance) -> Row:
    service = way.scene.short(way.door.service)
    passage = way.anybody()
    if passage.is_open and not passage.where:
        passage = replace(passage, by=passage.by or ("no policy",))
    found = row(service, str(way.door.port.number), passage, (ANY_WORKLOAD, service))
    return replace(found, holds=bool(passage.what))


def _over_ports(scene: Scene, ask: Callable[[Entrance], Row]) -> Iterator[Row]:
    """A row for each port of each service; where the workloads behind it differ, one for each of them."""
    for doors in scene.doors.values():
        by_port: dict[str, dict[str, Row]] = {}
        for door in doors:
            found = ask(Entrance(scene, door))
            by_port.setdefault(found.cells["port"], {})[door.proxy.id] = found
        for port, rows in sorted(by_port.items(), key=lambda each: int(each[0])):
            distinct = {tuple(sorted(each.cells.items())) for each in rows.values()}
            for workload, found in rows.items():
                if len(distinct) > 1:
                    yield replace(found, cells={**found.cells, "port": f"{port} of {workload}"})
                else:
                    yield found
                    break


def _unknown(scene: Scene) -> tuple[str, ...]:
    """Services of the mesh of whose workloads nothing is known."""
    without = [scene.short(each) for each in scene.services if each.host not in scene.doors and not each.external]
    if not without:
        return ()
    shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
    return (f"of no workload behind {shown} anything is known",)
