"""Over any snapshots, in any order of answers: what a client uses never names a cluster that it cannot use, and all arrives.

The client is modelled on Envoy: it acknowledges clusters when their endpoints have come, keeps a listener until the new one has
its routes, lets one that goes drain, refuses in whole or in part, and comes back after its connection broke.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshgen.serve.ordering import History, Request, Response, Stream
from meshgen.serve.snapshots import Kind, Resource, Served, resource

CI = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None, max_examples=400)


# --- snapshots ------------------------------------------------------------------------------------------------------
@st.composite
def snapshots(draw: st.DrawFn) -> Served:
    clusters = draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    routes = draw(st.dictionaries(st.sampled_from(["r1", "r2"]), st.lists(st.sampled_from(clusters), min_size=1, max_size=2)))
    sources = [{"rds": {"route_config_name": name}} for name in sorted(routes)] + [{"cluster": name} for name in clusters]
    target = st.sampled_from(sources)
    listeners = draw(st.dictionaries(st.sampled_from(["l1", "l2"]), target))
    small = st.integers(0, 2)
    by_kind = {
        Kind.CLUSTERS: [{"name": name, "type": "EDS" if name != "d" else "STATIC", "tuning": draw(small)} for name in clusters],
        Kind.ENDPOINTS: [{"name": name, "hosts": draw(small)} for name in clusters if name != "d"],
        Kind.SECRETS: [],
        Kind.LISTENERS: [{"name": name, **body, "tuning": draw(small)} for name, body in listeners.items()],
        Kind.ROUTES: [{"name": name, "clusters": used} for name, used in routes.items()],
    }
    resources = {kind: {each.name: each for each in map(resource, bodies)} for kind, bodies in by_kind.items()}
    return Served(resources=resources, endpoints={name: name for name in clusters if name != "d"})


def renewed(served: Served) -> Served:
    """The same with each resource changed: what was refused before is offered again."""
    resources = {
        kind: {name: resource({**(each.body or {}), "renewed": True}) for name, each in mine.items()}
        for kind, mine in served.resources.items()
    }
    return replace(served, resources=resources)


# --- a client -------------------------------------------------------------------------------------------------------
@dataclass
class Client:
    delta: bool
    eager: bool  # acknowledges clusters before they are warm
    has: dict[Kind, dict[str, Resource]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    active: set[str] = field(default_factory=set)  # clusters that can be used
    warming: set[str] = field(default_factory=set)  # clusters without the endpoints that they wait for
    used: dict[str, Resource] = field(default_factory=dict)  # listeners in use
    draining: list[Resource] = field(default_factory=list)
    versions: dict[Kind, str] = field(default_factory=dict)
    nonces: dict[Kind, str] = field(default_factory=dict)
    names: dict[Kind, set[str]] = field(default_factory=lambda: {Kind.ENDPOINTS: set(), Kind.ROUTES: set()})
    held: Request | None = None  # the acknowledgement of clusters that still warm
    says: deque[Request] = field(default_factory=deque)

    def connect(self) -> None:
        self.nonces.clear()
        self.says.clear()
        for kind in (Kind.CLUSTERS, Kind.ENDPOINTS, Kind.LISTENERS, Kind.ROUTES):
            if kind is Kind.CLUSTERS and self.held is not None:
                continue  # while clusters warm Envoy says nothing of clusters
            self.begin(kind)
        self.held = Request(kind=Kind.CLUSTERS) if self.held is not None else None

    def begin(self, kind: Kind) -> None:
        names = tuple(sorted(self.names.get(kind, ())))
        if kind in self.names and not names:
            return
        if self.delta:
            versions = {name: each.version for name, each in self.has[kind].items()}
            self.say(Request(kind=kind, names=names, versions=versions))
        else:
            self.say(Request(kind=kind, names=names, version=self.versions.get(kind, "")))

    def say(self, request: Request) -> None:
        self.says.append(request)
        self.nonces.setdefault(request.kind, "")

    def take(self, response: Response, refuse: str) -> None:
        """`refuse`: nothing, all, or (by name) what is left out."""
        kind = response.kind
        self.nonces[kind] = response.nonce
        wanted = self.names.get(kind)
        resources = {each.name: each for each in response.resources if wanted is None or each.name in wanted}
        changed = {name for name, each in resources.items() if self.has[kind].get(name) != each}
        whole = not self.delta and kind in {Kind.CLUSTERS, Kind.LISTENERS}
        removed = set(self.has[kind]) - set(resources) if whole else set(response.removed)
        error = None
        if refuse and changed:
            error = "no"
            refused = changed if refuse == "all" else {min(changed)}
            removed = set() if refuse == "all" else removed
            resources = {name: each for name, each in resources.items() if name not in refused}
        elif not self.delta:
            self.versions[kind] = response.version
        self.apply(kind, resources, changed, removed)
        answer = Request(
            kind=kind,
            nonce=response.nonce,
            error=error,
            version=self.versions.get(kind, ""),
            names=() if self.delta else tuple(sorted(self.names.get(kind, ()))),
        )
        if kind is Kind.CLUSTERS and self.warming and not self.eager:
            self.held = answer
        else:
            self.says.append(answer)
        self.settle()

    def apply(self, kind: Kind, resources: dict[str, Resource], changed: set[str], removed: set[str]) -> None:
        mine = self.has[kind]
        mine |= resources
        for name in removed:
            mine.pop(name, None)
        if kind is Kind.CLUSTERS:
            self.active -= removed
            self.warming -= removed
            for name in changed & resources.keys():
                if resources[name].body["type"] == "EDS":  # type: ignore[index]
                    self.warming.add(name)
                else:
                    self.active.add(name)
            self.want(Kind.ENDPOINTS, {name for name, each in mine.items() if each.body["type"] == "EDS"})  # type: ignore[index]
        if kind is Kind.ENDPOINTS:
            self.active |= self.warming & resources.keys()
            self.warming -= resources.keys()
        if kind is Kind.LISTENERS:
            self.draining += [self.used.pop(name) for name in removed & self.used.keys()]

    def settle(self) -> None:
        if self.held is not None and not self.warming:
            if self.held.nonce:
                self.says.append(self.held)
            else:
                self.begin(Kind.CLUSTERS)
            self.held = None
        self.want_routes()
        for name, each in self.has[Kind.LISTENERS].items():
            if self.used.get(name) != each and each.routes <= self.has[Kind.ROUTES].keys():
                if name in self.used:
                    self.draining.append(self.used[name])
                self.used[name] = each

    def want_routes(self) -> None:
        both = (*self.has[Kind.LISTENERS].values(), *self.used.values(), *self.draining)
        self.want(Kind.ROUTES, {name for each in both for name in each.routes})

    def drain(self) -> None:
        self.draining.clear()
        self.want_routes()

    def want(self, kind: Kind, names: set[str]) -> None:
        before, self.names[kind] = self.names[kind], names
        if before == names:
            return
        for name in before - names:
            self.has[kind].pop(name, None)
        if kind not in self.nonces:
            self.begin(kind)
        elif self.delta:
            self.say(Request(kind=kind, names=tuple(sorted(names - before)), dropped=tuple(sorted(before - names))))
        else:
            self.say(Request(kind=kind, names=tuple(sorted(names)), nonce=self.nonces[kind], version=self.versions.get(kind, "")))

    def check(self) -> None:
        """What traffic can reach names only clusters that it can use."""
        reached = [*self.used.values(), *self.has[Kind.ROUTES].values()]  # one that drains answers only whom it knows
        named = {text for each in reached for text in each.strings if text in {"a", "b", "c", "d"}}
        there = set(self.has[Kind.CLUSTERS]) if self.eager else self.active
        assert named <= there, (named, there)


# --- runs -----------------------------------------------------------------------------------------------------------
class Run:
    def __init__(self, first: Served, *, delta: bool, eager: bool) -> None:
        self.delta, self.served, self.history = delta, first, History()
        self.client = Client(delta, eager)
        self.reconnect()

    def reconnect(self) -> None:
        self.stream = Stream(self.served, self.history, delta=self.delta)
        self.on_the_way: deque[Response] = deque()
        self.client.connect()

    def publish(self, served: Served) -> None:
        self.served = served
        self.stream.retarget(served)
        self.on_the_way.extend(self.stream.responses())

    def answer(self) -> None:
        if self.client.says:
            self.stream.receive(self.client.says.popleft())
            self.on_the_way.extend(self.stream.responses())

    def arrive(self, refuse: str = "") -> None:
        if self.on_the_way:
            response = self.on_the_way.popleft()
            self.client.take(response, refuse)

    def finish(self) -> None:
        for _ in range(500):
            if not (self.client.says or self.on_the_way):
                return
            self.answer()
            self.client.check()
            self.arrive()
            self.client.check()
        raise AssertionError("it never comes to rest")


WORDS = ["answer", "arrive"] * 3 + ["rest", "rest", "refuse all", "refuse one", "drain", "reconnect"]
STEPS = st.lists(st.sampled_from([*range(4), *WORDS]), min_size=10, max_size=60)


def play(run: Run, pool: list[Served], steps: list[int | str]) -> None:
    for step in steps:
        match step:
            case int():
                run.publish(pool[step % len(pool)])
            case "answer":
                run.answer()
            case "arrive":
                run.arrive()
            case "rest":
                run.finish()
            case "drain":
                run.client.drain()
            case "reconnect":
                run.reconnect()
            case _:
                run.arrive(step.removeprefix("refuse "))
        run.client.check()


@CI
@given(st.lists(snapshots(), min_size=2, max_size=4), STEPS, st.booleans(), st.booleans())
def test_what_a_client_uses_never_names_a_cluster_that_it_has_not(
    pool: list[Served], steps: list[int | str], delta: bool, eager: bool
):
    last = renewed(pool[-1])
    run = Run(pool[0], delta=delta, eager=eager)
    play(run, pool, steps)
    run.publish(last)
    run.finish()
    run.client.drain()
    run.finish()
    for kind in (Kind.CLUSTERS, Kind.LISTENERS):
        assert run.client.has[kind] == dict(last.resources[kind])
    for kind in (Kind.ENDPOINTS, Kind.ROUTES):
        wanted = last.resources[kind]
        assert run.client.has[kind] == {name: wanted[name] for name in run.client.names[kind]}
    assert run.client.used == dict(last.resources[Kind.LISTENERS])
    assert run.stream.is_settled
