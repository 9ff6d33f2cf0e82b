"""A request's way through a mesh: out of the caller's sidecar or in at a gateway, and on from proxy to proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from meshgen.emit.envoy.names import PASSTHROUGH, parse_outbound
from meshgen.journey.cluster_names import cluster_words
from meshgen.journey.hints import hints, refuses_plaintext
from meshgen.journey.question import Question, UnanswerableError
from meshgen.journey.scene import MeshScene, Scene, Station
from meshgen.mesh import Mesh, Proxy, Role
from meshgen.trace import Capture, Decision, EnvoyConfig, Outcome, Request, trace
from meshgen.trace.decision import Mirror, Weight
from meshgen.trace.steps.upstream_tls import sent_to

_LONGEST = 8  # hops: a way that is longer turns in a circle
_ON = frozenset({Outcome.ROUTED, Outcome.NEEDS_ANSWER})
_EAST_WEST = 15443  # the port where east-west gateways pass mutual TLS on by its server name


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What one proxy does with the request that arrives there.

    `side` is `out of` the caller's sidecar, `in at` a gateway, `through` a gateway on the way, or `into` the server's sidecar.
    """

    side: str
    proxy: Proxy
    decision: Decision
    request: Request = field(default_factory=Request)
    cluster: str = ""  # the Kubernetes cluster, of a mesh with several


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The way of a mirrored request, whose answer nobody waits for."""

    mirror: Mirror
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """The way of one request. `end` says where the mesh's knowledge of it ends, empty where a proxy answers itself."""

    question: Question
    hops: tuple[Hop, ...]
    copies: tuple[Copy, ...] = ()
    end: str = ""
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> Hop:
        """Where the request is answered, or sent out of what is known."""
        return self.hops[-1]

    @property
    def arrives(self) -> bool:
        """Whether the request gets to somebody, or a proxy answers it as its routes say."""
        return self.last.decision.outcome in {Outcome.ROUTED, Outcome.DIRECT, Outcome.REDIRECT, Outcome.NEEDS_ANSWER}


def ask(mesh: Mesh, proxies: Iterable[Proxy], question: Question) -> tuple[Hop, ...]:
    """One question; as `Journeys.ask`, which serves many over one mesh."""
    return Journeys(mesh, proxies).ask(question)


class Journeys:
    """Requests through one mesh. A proxy's configuration is made when a request first meets it, and kept with its indexes."""

    def __init__(self, mesh: Mesh, proxies: Iterable[Proxy]) -> None:
        self.scene: Scene = MeshScene(mesh, tuple(proxies))
        self.elsewhere: Mapping[str, Scene] = {}
        self.cluster = ""

    @classmethod
    def over(cls, scene: Scene, cluster: str = "", elsewhere: Mapping[str, Scene] | None = None) -> Journeys:
        """Journeys through proxies of any origin; `elsewhere` are those of the mesh's other clusters, by name."""
        journeys = cls.__new__(cls)
        journeys.scene, journeys.cluster, journeys.elsewhere = scene, cluster, elsewhere or {}
        return journeys

    @property
    def mesh(self) -> Mesh:
        """The mesh; TypeError for journeys over proxies that are not of one."""
        if not isinstance(self.scene, MeshScene):
            message = "these proxies are of no compiled mesh"
            raise TypeError(message)
        return self.scene.mesh

    @property
    def proxies(self) -> Sequence[Proxy]:
        """The proxies of this cluster."""
        return self.scene.proxies

    def config(self, proxy: Proxy) -> EnvoyConfig:
        """The Envoy configuration of a proxy."""
        return self.scene.config(proxy)

    def ask(self, question: Question) -> tuple[Hop, ...]:
        """Follows the request from proxy to proxy until somebody answers it or it leaves the mesh.

        Raises:
            UnanswerableError: for an unknown caller, gateway or scheme, with the nearest name.
        """
        return self.follow(question).hops

    def follow(self, question: Question) -> Journey:
        """As `ask`, with the ways of mirrored requests and where it all ends."""
        request = question.request()
        first = self._out_of(question, request) if question.source else self._in_at(question, request)
        hops = self._on_from(first, question)
        _check_choice(question, hops)
        copies = tuple(self._copy(hop, mirror, question) for hop in hops for mirror in hop.decision.mirrors)
        end = self._end(hops[-1], question)
        return Journey(
            question=question, hops=hops, copies=copies, end=end, notes=(*question.notes, *self._notes(question, hops))
        )

    # --- the first hop ----------------------------------------------------------------------------------------------
    def _out_of(self, question: Question, request: Request) -> Hop:
        """Out of the caller's sidecar, which captures a connection to the address of the service."""
        caller = self.scene.find(question.source, "proxy")
        if caller.is_gateway:
            message = f"`{caller.id}` is a gateway; a client reaches it with `--gateway {caller.id}` and without `--from`"
            raise UnanswerableError(message)
        dialled = question.connect_to[0] or request.host.partition(":")[0]
        address = dialled if _is_address(dialled) else self.scene.address(caller, dialled)
        source_ip = question.remote_address or caller.address or "127.0.0.1"
        sent = replace(request, capture=Capture.OUTBOUND, address=address, source_ip=source_ip)
        return self._hop("out of", caller, sent, question)

    def _in_at(self, question: Question, request: Request) -> Hop:
        """In at the gateway that serves the host."""
        gateways = [proxy for proxy in self.scene.proxies if proxy.is_gateway]
        if question.gateway:
            gateways = [self.scene.find(question.gateway, "gateway")]
        if not gateways:
            message = "there is no gateway; say who calls with `--from NAMESPACE/NAME`"
            raise UnanswerableError(message)
        hops = [self._hop("in at", proxy, self._at_gateway(proxy, request), question) for proxy in gateways]
        serving = [hop for hop in hops if _serves(hop.decision)]
        if not serving and len(gateways) > 1:
            asked, known = f"`{request.host}` on port {request.port}", ", ".join(proxy.id for proxy in gateways)
            message = f"no gateway serves {asked}; say which is meant with `--gateway`: {known}"
            raise UnanswerableError(message)
        if len(serving) > 1:
            ids = " and ".join(hop.proxy.id for hop in serving)
            message = f"{ids} both serve `{request.host}`; say which is meant with `--gateway`"
            raise UnanswerableError(message)
        return serving[0] if serving else hops[0]

    def _at_gateway(self, gateway: Proxy, request: Request) -> Request:
        """As it arrives at the workload: a client connects to the gateway's Service, whose port may lead to another one."""
        return replace(request, port=self.scene.listen_port(gateway, request.port))

    # --- the hops behind it -----------------------------------------------------------------------------------------
    def _hop(self, side: str, proxy: Proxy, request: Request, question: Question, cluster: str | None = None) -> Hop:
        """What a proxy does; of a split the share that the question names, else the biggest."""
        where = self.cluster if cluster is None else cluster
        config = self._scene(where).config(proxy, inbound=side == "into")
        decision = trace(config, request)
        if decision.weights and not decision.cluster:
            request = replace(request, taken=_chosen(decision.weights, question.to))
            decision = trace(config, request)
        return Hop(side=side, proxy=proxy, decision=decision, request=request, cluster=where)

    def _scene(self, cluster: str) -> Scene:
        return self.scene if cluster == self.cluster else self.elsewhere[cluster]

    def _on_from(self, first: Hop, question: Question) -> tuple[Hop, ...]:
        hops = [first]
        while len(hops) < _LONGEST and (following := self._following(hops[-1], question)) is not None:
            hops.append(following)
        return tuple(hops)

    def _following(self, hop: Hop, question: Question) -> Hop | None:
        if hop.decision.outcome not in _ON or not hop.decision.cluster:
            return None
        scene = self._scene(hop.cluster)
        station = scene.station(hop.proxy, hop.decision, hop.request)
        if station is not None:
            return self._arrival(hop, station, question, hop.cluster)
        for name, other in self.elsewhere.items():
            station = other.station(hop.proxy, hop.decision, hop.request)
            if station is not None and name != hop.cluster:
                return self._across(hop, name, question) or self._arrival(hop, station, question, name)
        return None

    def _arrival(self, hop: Hop, station: Station, question: Question, cluster: str) -> Hop:
        sent = self._sent(hop, station)
        side = "through" if station.proxy.is_gateway else "into"
        return self._hop(side, station.proxy, sent, question, cluster)

    def _across(self, hop: Hop, cluster: str, question: Question) -> Hop | None:
        """Through the east-west gateway of another cluster, where it has one that knows the server name."""
        if hop.request.port == _EAST_WEST:
            return None
        for proxy in self.elsewhere[cluster].proxies:
            if proxy.is_gateway:
                sent = self._sent(hop, Station(proxy=proxy, port=_EAST_WEST))
                found = self._hop("through", proxy, sent, question, cluster)
                if found.decision.outcome in _ON:
                    return found
        return None

    def _sent(self, hop: Hop, station: Station) -> Request:
        """The request as this hop sends it on."""
        decision, request = hop.decision, hop.request
        tls = decision.upstream_tls
        is_sidecar = station.proxy.role is Role.SIDECAR
        changed = replace(
            request,
            port=station.port,
            address=(station.proxy.address or None) if is_sidecar else None,
            capture=Capture.INBOUND if is_sidecar else Capture.NONE,
            source_ip=hop.proxy.address or "127.0.0.1",
            claims={issuer: claims for issuer, claims in request.claims.items() if issuer not in decision.spent},
            taken="",
        )
        if decision.method:
            sent = {"method": decision.method, "path": decision.path, "host": decision.host, "headers": decision.request_headers}
            changed = replace(changed, protocol=decision.upstream_protocol or request.protocol, **sent)  # type: ignore[arg-type]
        if tls is None:
            is_passed_on = decision.tls == "passed on"
            return changed if is_passed_on else replace(changed, tls="none", sni=None, alpn=None, principal="")
        is_http = bool(decision.method)
        return replace(
            changed,
            protocol=changed.protocol if is_http else "tcp",
            tls="mtls" if tls.has_certificate else "tls",
            sni=tls.sni,
            # Istio's own filter offers what fits the request in place of the cluster's list.
            alpn=None if not tls.alpn or (is_http and "istio-peer-exchange" in tls.alpn) else tls.alpn,
            principal=self._scene(hop.cluster).identity(hop.proxy) if tls.is_workload else "",
        )

    # --- beside the way, and behind it ------------------------------------------------------------------------------
    def _copy(self, hop: Hop, mirror: Mirror, question: Question) -> Copy:
        """The way of a mirrored request, which asks for another host (`-shadow`) unless that is switched off."""
        config = self._scene(hop.cluster).config(hop.proxy, inbound=hop.side == "into")
        decision = sent_to(hop.decision, config.clusters.get(mirror.cluster, {}), mirror.cluster)
        name, colon, port = decision.host.partition(":")
        from_here = replace(hop, decision=replace(decision, host=f"{name}-shadow{colon}{port}", mirrors=()))
        following = self._following(from_here, question)
        return Copy(mirror=mirror, hops=self._on_from(following, question) if following is not None else ())

    def _end(self, last: Hop, question: Question) -> str:
        decision = last.decision
        if decision.outcome not in _ON:
            return ""
        if last.side == "into":
            return f"the application of {last.proxy.id} on port {last.request.port}"
        if parse_outbound(decision.cluster) is None:
            return _end_of_unnamed(decision, question)
        place = cluster_words(decision.cluster)
        if self._scene(last.cluster).is_external(decision, last.proxy):
            return f"{place}, outside of the mesh"
        return f"{place}, where no sidecar is known"

    def _notes(self, question: Question, hops: tuple[Hop, ...]) -> tuple[str, ...]:
        notes: list[str] = []
        for before, after in pairwise(hops):
            if before.cluster != after.cluster:
                notes.append(
                    f"the request crosses to cluster `{after.cluster}`: cluster `{before.cluster}` has no endpoint of it"
                )
            elif after.side == "into":
                station = self._scene(before.cluster).station(before.proxy, before.decision, before.request)
                if station is not None and station.stands_in:
                    notes.append(f"no proxy of {before.decision.cluster} is known: that of {after.proxy.id} stands for it")
                both = [
                    name for name, scene in self.elsewhere.items() if scene.station(before.proxy, before.decision, before.request)
                ]
                here = [name for name in both if name != after.cluster]
                if here:
                    others = " and ".join(f"`{name}`" for name in here)
                    notes.append(f"cluster {others} has it too; istiod balances over all clusters unless localities are kept")
        first, *behind = hops
        notes += hints(self.scene, first.proxy, first.request, first.decision)
        for hop in behind:
            config = self._scene(hop.cluster).config(hop.proxy, inbound=hop.side == "into")
            if refuses_plaintext(config, hop.request, hop.decision):
                notes.append(f"{hop.proxy.id} takes TLS only on port {hop.request.port}, and the request comes in plaintext")
        if not question.verifies and _has_token(question) and any(_accepts_token(hop.decision) for hop in hops):
            notes.append("the signature of the token is taken as valid, and its time as now")
        if len(hops) == _LONGEST:
            notes.append(f"the way is cut off after {_LONGEST} proxies: it may turn in a circle")
        return tuple(notes)


def _end_of_unnamed(decision: Decision, question: Question) -> str:
    place = ", ".join(f"{each.address}:{each.port}" for each in decision.endpoints[:3])
    if decision.cluster == PASSTHROUGH:
        return f"wherever `{question.url}` leads, which the mesh does not know"
    return f"cluster {decision.cluster}" + (f" ({place})" if place else "")


def _accepts_token(decision: Decision) -> bool:
    return any(step.stage == "jwt" and step.chosen == "accepted" for step in decision.steps)


def _has_token(question: Question) -> bool:
    return bool(question.claims) or any(name.lower() == "authorization" for name, _ in question.headers)


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


def _chosen(weights: tuple[Weight, ...], wanted: str) -> str:
    """The cluster of a split that is wanted, else of the biggest share; the first of several that are as big."""
    taking = [each for each in weights if each.weight > 0]
    named = [each for each in taking if wanted and _is_called(each.cluster, wanted)]
    return max(named or taking, key=lambda each: each.share).cluster if taking else ""


def _is_called(cluster: str, name: str) -> bool:
    """Whether people may mean a cluster by a name: its own, its subset, its host or its host's first label."""
    parsed = parse_outbound(cluster)
    if parsed is None:
        return cluster == name
    return name in (cluster, parsed.subset, parsed.host, parsed.host.partition(".")[0])


def _check_choice(question: Question, hops: tuple[Hop, ...]) -> None:
    """Raises UnanswerableError where the question names a share that no split on the way has."""
    if not question.to or any(_is_called(hop.decision.cluster, question.to) for hop in hops):
        return
    splits = [each.cluster for hop in hops for each in hop.decision.weights if each.weight > 0]
    if not splits:
        message = f"nothing on the way is split, so `{question.to}` cannot be followed"
        raise UnanswerableError(message)
    names = [parsed.subset or parsed.host if (parsed := parse_outbound(name)) is not None else name for name in splits]
    message = f"no share goes to `{question.to}`; it is split among {', '.join(dict.fromkeys(names))}"
    raise UnanswerableError(message)


def _serves(decision: Decision) -> bool:
    """Whether a gateway has anything for the request; a virtual host may ask for TLS before any route."""
    if decision.outcome is Outcome.REDIRECT:
        return True
    return bool(decision.virtual_host or decision.filter_chain) and not decision.virtual_host.startswith("blackhole:")
