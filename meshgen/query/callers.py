"""Who can call a service: every workload of the mesh, whoever policies name besides, and callers without mTLS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from meshgen.emit.envoy.traffic_policy import effective_policy
from meshgen.mesh import Proxy
from meshgen.query.access import Access, Passage
from meshgen.query.answer import Answer, Row
from meshgen.query.scene import Door, Scene

ANY_WORKLOAD = "any other workload"
PLAINTEXT = "callers without mTLS"
_STRANGER = "{}/ns/-/sa/-"  # no namespace and no service account has such a name
_COLUMNS = ("caller", "port", "may", "by", "line")


def callers(scene: Scene, name: str) -> Answer:
    """`meshgen query callers payments`.

    Raises:
        UnanswerableError: where there is no such service, or several.
    """
    service = scene.service(name)
    short, doors = scene.short(service), scene.doors.get(service.host, ())
    ways = [Entrance(scene, door) for door in doors]
    notes = () if doors else (f"no workload behind {short} is known, so nothing is known of who may call it",)
    return Answer(
        question=f"who can call {short}?",
        columns=_COLUMNS,
        rows=_rows(ways, short),
        nothing=f"nobody can call {short}",
        notes=(*notes, *missed_note(ways)),
    )


class Entrance:
    """One door, with mutual TLS and without."""

    def __init__(self, scene: Scene, door: Door) -> None:
        self.scene = scene
        self.door = door
        self.mutual = Access(scene, door, tls="mtls")
        self.plain = Access(scene, door, tls="none")

    def passages(self) -> Iterator[tuple[str, Passage]]:
        """Everybody by name, with what they may do."""
        known: set[str] = set()
        for proxy in (*self.scene.sidecars, *self.scene.gateways):
            known.add(self.scene.identity(proxy))
            yield proxy.id, self.of(proxy)
        for caller in self.mutual.named:
            if caller.principal and caller.principal not in known:
                yield caller.workload, self.mutual.of(caller.principal)
        yield ANY_WORKLOAD, self.anybody()
        yield PLAINTEXT, self.plain.of("")

    def anybody(self) -> Passage:
        """What a workload may do that no rule names."""
        return self.mutual.of(_STRANGER.format(self.scene.mesh.config.trust_domain))

    def of(self, caller: Proxy) -> Passage:
        """What a workload may do here: its way out of its own proxy, then in at the door."""
        known = _imports(self.scene, caller, self.door.service.host)
        if not known and caller.is_gateway:
            return Passage(what="", by=("no route leads there",))
        if not known and self.scene.mesh.view(caller).outbound_mode == "REGISTRY_ONLY":
            return Passage(what="", by=(_NOT_IMPORTED,))
        without = _why_plaintext(self.scene, caller, self.door) if known else _NOT_IMPORTED
        if not without:
            return self.mutual.of(self.scene.identity(caller), caller.address)
        passage = self.plain.of("", caller.address)
        return replace(passage, by=(f"{without}, so it comes without mTLS", *passage.by))


_NOT_IMPORTED = "its Sidecar does not import the service"


def _imports(scene: Scene, caller: Proxy, host: str) -> bool:
    """Whether the caller's proxy knows the service; a gateway knows what its routes name."""
    if caller.is_gateway:
        return scene.leads_to(caller, host)
    return any(each.host == host for each in scene.mesh.view(caller).imported_services)


def _why_plaintext(scene: Scene, caller: Proxy, door: Door) -> str:
    """What rule keeps a proxy that knows the service from presenting the workload's certificate; empty where none does."""
    rule = scene.mesh.destination_rule(door.service.host, caller, door.service.namespace)
    settings = effective_policy(rule.spec if rule else None, door.port.number, None).tls
    if rule is None or settings is None or settings.mode in (None, "ISTIO_MUTUAL"):
        return ""
    return f"{rule.namespace}/{rule.name} says {settings.mode}"


def _rows(ways: Iterable[Entrance], service: str) -> tuple[Row, ...]:
    """One row for a caller at a port; where the workloads behind it differ, one for each of them."""
    found: dict[tuple[str, int], dict[Passage, list[str]]] = {}
    for way in ways:
        for name, passage in way.passages():
            found.setdefault((name, way.door.port.number), {}).setdefault(passage, []).append(way.door.proxy.id)
    rows = []
    for (name, port), passages in found.items():
        for passage, workloads in passages.items():
            at = "" if len(passages) == 1 else f" of {', '.join(dict.fromkeys(workloads))}"
            rows.append(row(name, f"{port}{at}", passage, (name, service)))
    return tuple(rows)


def row(subject: str, port: str, passage: Passage, ends: tuple[str, str]) -> Row:
    """A passage as a row of the table; `ends` are the caller and the service."""
    cells = {"caller": subject, "service": ends[1], "port": port, "may": passage.text, "by": ", ".join(passage.by)}
    edge = (*ends, passage.text)
    return Row(subject=subject, cells=cells, where=passage.where, edge=edge, holds=passage.is_open)


def missed_note(ways: Iterable[Entrance]) -> tuple[str, ...]:
    """That the answer is a sample, where it is."""
    missed = sum(way.mutual.missed for way in ways)
    return (f"no example was found for {missed} matchers of policies, so this is a sample",) if missed else ()
