"""One client's stream as a state machine without I/O: what is sent next, and what has to be waited for.

Make before break, as Envoy's xDS protocol asks of a control plane: clusters first, those that come beside those that go; their
endpoints and secrets; when they are taken, listeners, and when those are, routes; last, clusters that nothing names any more.
At most one response of a type is under way, so that a client that is slow or gone costs nothing but its own progress.

What Envoy is known to do, and what follows from it:
- It acknowledges clusters only when they are warm, that is after their endpoints have come: endpoints never wait for clusters.
- A cluster that changes waits for its endpoints again, and over delta it does not ask: they are sent with it, changed or not.
- A refusal may be partial: of what was refused some may be in use. Both is reckoned with until something is taken (`doubt`).
- A listener that goes drains for minutes and keeps its routes: clusters that these name stay as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshgen.serve.snapshots import Kind, Resource, Served, resource, version_of

_WHOLE = frozenset({Kind.CLUSTERS, Kind.LISTENERS})
"""Types that may be subscribed to without names, and whose responses hold all there is where the state of the world is sent."""

_REMEMBERED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client says about one type."""

    kind: Kind
    nonce: str = ""  # of the response that it answers
    error: str | None = None  # why it refuses that response
    version: str = ""  # state of the world: the version that it has
    names: tuple[str, ...] = ()  # state of the world: all that it wants; delta: what it wants in addition
    dropped: tuple[str, ...] = ()  # delta: what it does not want any more
    versions: Mapping[str, str] = field(default_factory=dict)  # delta: what it has, in its first request


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is to be sent about one type."""

    kind: Kind
    version: str
    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...] = ()  # delta only


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A response that a client did not take: what was new in it, and what the client says."""

    kind: Kind
    resources: tuple[Resource, ...]
    message: str


class History:
    """What the streams of one proxy sent, for the case that it comes back."""

    def __init__(self) -> None:
        self._last: dict[tuple[Kind, str], Resource] = {}
        self._sets: dict[tuple[Kind, str], tuple[Resource, ...]] = {}
        self.asked_for_clusters = False

    def remember(self, response: Response) -> None:
        """Keeps the last state of each resource, and the last few sets."""
        if response.kind is Kind.ENDPOINTS:
            self._last |= {(response.kind, each.name): each for each in response.resources}
        if response.kind in _WHOLE:
            key = (response.kind, response.version)
            self._sets.pop(key, None)
            self._sets[key] = response.resources
            for oldest in list(self._sets)[:-_REMEMBERED]:
                del self._sets[oldest]

    def last(self, kind: Kind, name: str) -> Resource | None:
        """A resource as it was last sent."""
        return self._last.get((kind, name))

    def forget(self, kind: Kind) -> None:
        """After a refusal a version no longer says what a client has."""
        self._sets = {key: each for key, each in self._sets.items() if key[0] is not kind}

    def whole(self, kind: Kind, version: str) -> tuple[Resource, ...] | None:
        """All resources that a version stood for."""
        return self._sets.get((kind, version))


@dataclass(slots=True, kw_only=True)
class _Offer:
    """A response under way."""

    nonce: str
    resources: dict[str, Resource]
    gone: tuple[str, ...]
    difference: Mapping[str, str]
    whole: bool


@dataclass(slots=True, kw_only=True)
class _Subscription:
    """What a client wants and has of one type."""

    wildcard: bool = False
    names: set[str] = field(default_factory=set)
    returned: bool = False  # it had something when it came
    have: dict[str, Resource] = field(default_factory=dict)
    doubt: dict[str, list[Resource]] = field(default_factory=dict)  # perhaps in use: refused in part, or asked for again
    known: bool = True  # False while what it came with is not known
    asked: set[str] = field(default_factory=set)  # delta: to be answered even where there is no such thing
    owed: set[str] = field(default_factory=set)  # to be sent again, whatever answer is still on its way
    answered: bool = False
    nonce: str = ""
    offer: _Offer | None = None
    refused: Mapping[str, str] | None = None

    def covers(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def forget(self, name: str) -> None:
        self.have.pop(name, None)
        self.doubt.pop(name, None)
        self.owed.discard(name)

    def is_at(self, wanted: Resource) -> bool:
        known = self.have.get(wanted.name)
        return known is not None and known.version == wanted.version and wanted.name not in self.doubt

    def bodies(self) -> Iterator[Resource]:
        yield from self.have.values()
        for each in self.doubt.values():
            yield from each


class Stream:
    """One stream of one client. Feed it requests and snapshots; after each ask for the responses that have become due."""

    def __init__(self, served: Served, history: History | None = None, *, delta: bool) -> None:
        self.delta = delta
        self._served = served
        self._history = history or History()
        self._subscriptions: dict[Kind, _Subscription] = {}
        self._count = 0

    def retarget(self, served: Served) -> None:
        """From now on the client is brought to this state, from wherever it is."""
        self._served = served

    @property
    def is_settled(self) -> bool:
        """Whether the client has taken all that it wants of the present state; clusters that only linger do not count."""
        mine = self._subscriptions
        return Kind.LISTENERS in mine and all(each.offer is None and not self._changed(kind, each) for kind, each in mine.items())

    # --- what the client says ---------------------------------------------------------------------------------------
    def receive(self, request: Request) -> Refusal | None:
        """Takes note of a request; what it refuses, if anything."""
        mine = self._subscriptions.get(request.kind)
        if mine is None or (not self.delta and not request.nonce):
            self._subscribe(request)
            return None
        refusal = None
        if mine.offer is not None and request.nonce == mine.offer.nonce:
            refusal = _take(request, mine, mine.offer)
            if refusal is not None and request.kind is Kind.LISTENERS:
                self._history.forget(request.kind)
        elif not self.delta and request.nonce != mine.nonce:
            return None  # it has not seen the last response yet, and will say the same again when it has
        if self.delta:
            self._resubscribe(request, mine)
        else:
            _rename(request, mine)
        return refusal

    def _subscribe(self, request: Request) -> None:
        kind, target = request.kind, self._served.resources[request.kind]
        mine = _Subscription(
            wildcard="*" in request.names or (kind in _WHOLE and not request.names),
            names=set(request.names) - {"*"},
            returned=bool(request.version or request.versions),
        )
        if self.delta and kind is not Kind.ENDPOINTS:  # these are sent again: a cluster that warms may still wait for what it has
            mine.have = {
                name: target[name] if name in target and target[name].version == version else Resource(name=name, version=version)
                for name, version in request.versions.items()
            }
            mine.asked = set(mine.names) - set(mine.have)
        elif kind in _WHOLE and not self.delta:
            known = self._history.whole(kind, request.version)
            mine.have, mine.answered = {each.name: each for each in known or ()}, known is not None
            mine.known = known is not None or not request.version
        elif kind is Kind.ROUTES and request.version:
            mine.have = {name: Resource(name=name, version="") for name in mine.names}
        self._subscriptions[kind] = mine
        self._history.asked_for_clusters |= kind is Kind.CLUSTERS

    def _resubscribe(self, request: Request, mine: _Subscription) -> None:
        """Delta: what is asked for is sent, even where it was sent before."""
        for name in request.names:
            if name == "*":
                mine.wildcard = True
                continue
            mine.names.add(name)
            mine.asked.add(name)
            if name in mine.have:
                mine.doubt[name] = [mine.have[name]]
        for name in request.dropped:
            if name == "*":
                mine.wildcard = False
            mine.names.discard(name)
            mine.asked.discard(name)
        for name in [name for name in (*mine.have, *mine.doubt) if not mine.covers(name)]:
            mine.forget(name)

    # --- what is due ------------------------------------------------------------------------------------------------
    def responses(self) -> list[Response]:
        """The responses that are due now, in the order in which they must be sent."""
        found = []
        for kind in Kind:
            mine = self._subscriptions.get(kind)
            if mine is not None and mine.offer is None and self._may_send(kind):
                response = self._offer(kind, mine)
                if response is not None:
                    found.append(response)
        return found

    def _may_send(self, kind: Kind) -> bool:
        if kind not in {Kind.LISTENERS, Kind.ROUTES}:
            return True
        listeners = self._subscriptions.get(Kind.LISTENERS)
        waits = kind is Kind.ROUTES and listeners is not None and listeners.offer is not None
        return not waits and self._clusters_are_taken()

    def _clusters_are_taken(self) -> bool:
        """Whether the client has every cluster that it is to have, with its endpoints: now it may be told to use them."""
        mine = self._subscriptions.get(Kind.CLUSTERS)
        if mine is None:  # a client that does not ask for clusters has its own, or is one that came back while some warm
            return not self._history.asked_for_clusters
        wanted = [each for each in self._served.resources[Kind.CLUSTERS].values() if mine.covers(each.name)]
        if mine.offer is not None or not all(mine.is_at(each) for each in wanted):
            return False
        return not self._has_traffic() or all(self._has_endpoints(each.name) for each in wanted)

    def _has_traffic(self) -> bool:
        both = (self._subscriptions.get(kind) for kind in (Kind.LISTENERS, Kind.ROUTES))
        return any(each is not None and (each.returned or bool(each.have) or bool(each.doubt)) for each in both)

    def _has_endpoints(self, cluster: str) -> bool:
        wanted = self._served.resources[Kind.ENDPOINTS].get(self._served.endpoints.get(cluster, ""))
        mine = self._subscriptions.get(Kind.ENDPOINTS)
        return wanted is None or (mine is not None and mine.is_at(wanted))

    def _offer(self, kind: Kind, mine: _Subscription) -> Response | None:
        changed, gone = self._changed(kind, mine), self._gone(kind, mine)
        difference = {each.name: each.version for each in changed} | dict.fromkeys(gone, "")
        is_first = not mine.answered and kind in _WHOLE
        if not (difference or is_first) or (difference and difference == mine.refused):
            return None
        whole = not self.delta and kind in _WHOLE
        resources = self._everything(kind, mine, gone) if whole else {each.name: each for each in changed}
        version = version_of(resources.values())
        self._count += 1
        mine.nonce = f"{version}.{self._count}"
        mine.offer = _Offer(nonce=mine.nonce, resources=resources, gone=gone, difference=difference, whole=whole)
        mine.answered = True
        mine.asked.clear()
        mine.owed -= resources.keys()
        if kind is Kind.CLUSTERS:
            self._expect_endpoints(changed)
        sent = tuple(resources[name] for name in sorted(resources))
        response = Response(kind=kind, version=version, nonce=mine.nonce, resources=sent, removed=gone if self.delta else ())
        self._history.remember(response)
        return response

    def _changed(self, kind: Kind, mine: _Subscription) -> list[Resource]:
        """What the client is to have and has not."""
        target = self._served.resources[kind]
        names = target if mine.wildcard else [name for name in sorted(mine.names) if name in target]
        found = [target[name] for name in names if not mine.is_at(target[name])]
        if kind is Kind.ENDPOINTS:
            left = [name for name in sorted(mine.names) if name not in target and name not in mine.have]
            found += [self._without_cluster(name, mine.refused or {}) for name in left]
        return found

    def _without_cluster(self, name: str, refused: Mapping[str, str]) -> Resource:
        """Endpoints of a cluster that is not to be there any more: a client that asks waits for them before anything else."""
        last = self._history.last(Kind.ENDPOINTS, name)
        if last is not None and last.version != refused.get(name):
            return last
        return resource({"cluster_name": name}, "cluster_name")

    def _gone(self, kind: Kind, mine: _Subscription) -> tuple[str, ...]:
        """What the client is told to do without.

        Routes, endpoints and secrets go with what names them; that they are not there is said only to those who ask by name.
        """
        target = self._served.resources[kind]
        left = [name for name in dict.fromkeys((*mine.have, *mine.doubt)) if name not in target]
        if kind is Kind.ENDPOINTS:
            return ()
        found = {name for name in mine.asked if name not in target and name not in left}
        if kind is Kind.CLUSTERS:
            found |= self._unnamed(mine, left)
        elif kind is Kind.LISTENERS:
            found |= set(left)
        return tuple(sorted(found))

    def _unnamed(self, mine: _Subscription, clusters: list[str]) -> set[str]:
        """Those of the clusters that no listener and no route names that the client may still use."""
        listeners, routes = (self._subscriptions.get(kind) for kind in (Kind.LISTENERS, Kind.ROUTES))
        users = [each for each in (listeners, routes) if each is not None]
        if not clusters or any(each.offer is not None or not each.known for each in users):
            return set()
        if listeners is None:  # one that came back has not yet said what it listens on
            return set() if mine.returned else set(clusters)
        bodies = [body for each in users for body in each.bodies()]
        if any(each.body is None for each in bodies) or not self._routes_are_there(listeners, routes):
            return set()
        return set(clusters).difference(*(each.strings for each in bodies))

    def _routes_are_there(self, listeners: _Subscription, routes: _Subscription | None) -> bool:
        """Whether listeners have the routes without which the ones before them stay in use."""
        needed = {name for each in listeners.have.values() for name in each.routes}
        if routes is None:
            return not needed
        known = self._served.resources[Kind.ROUTES]
        return all(name in routes.have or name not in known for name in needed)

    def _everything(self, kind: Kind, mine: _Subscription, gone: tuple[str, ...]) -> dict[str, Resource]:
        """State of the world: all that the client is to have, and the clusters that it may not lose yet."""
        target = self._served.resources[kind]
        kept = {name: each for name, each in mine.have.items() if kind is Kind.CLUSTERS and name not in gone}
        return kept | {name: each for name, each in target.items() if mine.covers(name)}

    def _expect_endpoints(self, clusters: list[Resource]) -> None:
        mine = self._subscriptions.get(Kind.ENDPOINTS)
        for cluster in clusters:
            name = self._served.endpoints.get(cluster.name, "")
            if mine is not None and name in mine.names:
                mine.forget(name)
                mine.owed.add(name)


def _take(request: Request, mine: _Subscription, offer: _Offer) -> Refusal | None:
    """The client's answer to an offer."""
    mine.offer = None
    if request.error is not None:
        mine.refused = offer.difference
        for name in offer.difference.keys() & offer.resources.keys():
            mine.doubt.setdefault(name, []).append(offer.resources[name])
        new = tuple(offer.resources[name] for name in sorted(offer.difference) if name in offer.resources)
        return Refusal(kind=request.kind, resources=new, message=request.error)
    mine.refused, mine.known = None, True
    if offer.whole:
        mine.have, mine.doubt = {}, {}
    for name in offer.gone:
        mine.forget(name)
    for name, each in offer.resources.items():
        if name not in mine.owed and (mine.covers(name) or offer.whole):
            mine.doubt.pop(name, None)
            mine.have[name] = each
    return None


def _rename(request: Request, mine: _Subscription) -> None:
    """State of the world: each request says all names; what is not among them is not wanted any more."""
    if mine.wildcard and not mine.names and not request.names:
        return
    mine.wildcard = "*" in request.names
    mine.names = set(request.names) - {"*"}
    for name in [name for name in (*mine.have, *mine.doubt) if not mine.covers(name)]:
        mine.forget(name)
