"""TrafficTests for what a mesh does now: routes of each service, who may call it, and what gateways let in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from meshgen.diagnostics import Origin
from meshgen.emit.envoy.names import PASSTHROUGH
from meshgen.intent.decode import IntentObject
from meshgen.intent.traffic_test import TrafficTest
from meshgen.istio.hosts import subset_of
from meshgen.journey import Hop, Journeys, Question, UnanswerableError
from meshgen.journey.names import find_proxy
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Mesh, Proxy, Role, Service
from meshgen.mesh.service import Port, Resolution
from meshgen.pipeline import Result
from meshgen.trace import Outcome
from meshgen.traffic_tests.plaintext import ask_plaintext
from meshgen.traffic_tests.record.examples import Example, Once, examples_of_policies, examples_of_routes, is_sent_by
from meshgen.traffic_tests.record.expected import expectation, policy_reference
from meshgen.traffic_tests.record.gateways import doors_of
from meshgen.traffic_tests.run import Verdict, run
from meshgen.traffic_tests.seen import Seen, seen_by_simulator

_MOST_TRIED = 25  # callers that are tried until one is let in
_MOST_CALLERS = 12  # whose access to a service is written down
_GOES_ON = frozenset({Outcome.ROUTED, Outcome.NEEDS_ANSWER})
_PLAINTEXT: JsonObject = {"plaintext": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Documents in their short form, the number of requests that they make, and of those that did not come out the same."""

    documents: tuple[JsonObject, ...] = ()
    requests: int = 0
    dropped: int = 0


def propose(result: Result, senders: Sequence[str] = ()) -> Proposal:
    """A TrafficTest for each service and each gateway; with `senders` only for what these workloads send.

    Raises:
        UnanswerableError: for a sender that the mesh does not have, with the nearest name.
    """
    journeys = Journeys(result.mesh, result.proxies)
    sidecars = [proxy for proxy in result.proxies if proxy.role is Role.SIDECAR]
    chosen = [find_proxy(result.mesh, sidecars, sender, "workload") for sender in senders]
    recorder = _Recorder(journeys, chosen or sidecars, everybody=not senders)
    tests = [test for service in _services(result.mesh) for test in recorder.of_service(service)]
    if not senders:
        tests += recorder.of_gateways()
    return _proven(result, _by_name(test for test in tests if test.rows))


def _by_name(tests: Iterable[_Test]) -> list[_Test]:
    """One test for each name: a Service and a ServiceEntry may share theirs."""
    found: dict[tuple[str, str], _Test] = {}
    for test in tests:
        found.setdefault((test.namespace, test.name), _Test(test.namespace, test.name)).rows += test.rows
    return list(found.values())


def _services(mesh: Mesh) -> Iterator[Service]:
    """The services that can be asked for by name, each host once."""
    known: set[str] = set()
    for service in sorted(mesh.services, key=lambda each: (each.namespace, each.name, each.host)):
        if service.host not in known and "*" not in service.host and service.resolution is not Resolution.ALIAS:
            known.add(service.host)
            yield service


@dataclass(slots=True)
class _Test:
    """A TrafficTest in the making."""

    namespace: str
    name: str
    rows: list[JsonObject] = field(default_factory=list)

    def add(self, senders: Sequence[JsonObject], request: JsonObject, expect: JsonObject, name: str = "") -> None:
        """A row; one that has the same senders and expects the same takes the request as well."""
        wanted: list[JsonValue] = [*senders]
        for row in self.rows:
            if (row["from"], row["expect"], row.get("name", "")) == (wanted, expect, name):
                requests = row["request"]
                assert isinstance(requests, list)  # noqa: S101 - as is made below
                if request not in requests:
                    requests.append(request)
                return
        self.rows.append({**({"name": name} if name else {}), "from": wanted, "request": [request], "expect": expect})

    def document(self) -> JsonObject:
        """In the long form; senders that all rows have are said once."""
        spec: JsonObject = {}
        rows = self.rows
        if len(rows) > 1 and all(row["from"] == rows[0]["from"] for row in rows):
            spec["from"] = rows[0]["from"]
            rows = [{key: value for key, value in row.items() if key != "from"} for row in rows]
        metadata: JsonObject = {"name": self.name, "namespace": self.namespace}
        return {"metadata": metadata, **spec, "tests": list[JsonValue](rows)}


class _Recorder:
    def __init__(self, journeys: Journeys, senders: Sequence[Proxy], *, everybody: bool) -> None:
        self._everybody = everybody  # those without a sidecar, too
        self.journeys, self.mesh = journeys, journeys.mesh
        self.senders = senders
        self._servers: dict[str, Proxy] = {}
        for proxy in journeys.proxies:
            for service, _, _ in self.mesh.view(proxy).inbound_services:
                self._servers.setdefault(service.host, proxy)

    # --- services -------------------------------------------------------------------------------------------------
    def of_service(self, service: Service) -> Iterator[_Test]:
        """The routes of a service, and who may call it."""
        port = next((each for each in service.ports if each.protocol.is_http), None)
        server = self._servers.get(service.host)
        if port is None or (server is not None and server.is_gateway):
            return
        namespace = service.namespace
        test = _Test(namespace, f"{service.name}-recorded")
        self._routes(test, service, port)
        if server is not None:
            self._access(test, service, port, server)
        yield test

    def _routes(self, test: _Test, service: Service, port: Port) -> None:
        sender = self._caller(service, port)
        if sender is None:
            return
        examples = Once()
        for rule in self.mesh.virtual_services.on_mesh(sender.namespace):
            if any(subset_of(service.host, host) for host in rule.spec.hosts or ()):
                examples.add(examples_of_routes(rule.spec))
        examples.add([Example()])
        for example in examples:
            by = sender if is_sent_by(example, sender) else self._with_labels(example)
            if by is not None:
                question = replace(_question(example, "http", _host(service, by), port.number), source=by.id)
                self._route(test, service, port, by, *self._let_in(question, example))

    def _route(
        self, test: _Test, service: Service, port: Port, sender: Proxy, example: Example, hops: tuple[Hop, ...] | None
    ) -> None:
        if hops is None or hops[0].decision.cluster == PASSTHROUGH:
            return
        host = _host(service, sender)
        seen = seen_by_simulator(hops, service.host)
        if seen.outcome == "unavailable" and seen.reason.endswith("no endpoints"):
            return  # which Pods run is the cluster's to know
        expect = expectation(seen, example.headers, example.path, hops[0].request.host, service.host, test.namespace)
        if seen.through:
            expect["through"] = list(seen.through)
        name = ", ".join(example.words)
        test.add([_named(sender, test.namespace)], example.request("http", host, port.number), expect, name)

    def _let_in(self, question: Question, example: Example) -> tuple[Example, tuple[Hop, ...] | None]:
        """An example that the server lets in, where it refuses this one and there is such an operation; and its way."""
        hops = self._asked(question)
        if hops is None or hops[-1].side != "into" or hops[-1].decision.outcome is not Outcome.DENIED or not example.is_open:
            return example, hops
        server = hops[-1].proxy
        policies = [each.spec for each in self.mesh.authorization_policies(server.namespace, server.labels)]
        scheme, _, rest = question.url.partition("://")
        for operation in examples_of_policies(policies, ()):
            narrower = example.at(operation)
            url = f"{scheme}://{rest.partition('/')[0]}{narrower.path}"
            tried = self._asked(replace(question, url=url, method=narrower.method, headers=narrower.headers))
            if tried is not None and all(hop.decision.outcome in _GOES_ON for hop in tried):
                return narrower, tried
        return example, hops

    def _caller(self, service: Service, port: Port) -> Proxy | None:
        """A workload that the service lets in; else one that knows it."""
        knowing = None
        for proxy in sorted(self.senders, key=lambda each: each.namespace != service.namespace)[:_MOST_TRIED]:
            question = replace(_question(Example(), "http", _host(service, proxy), port.number), source=proxy.id)
            _, hops = self._let_in(question, Example())
            if hops is None or hops[0].decision.cluster == PASSTHROUGH:
                continue
            if hops[-1].decision.outcome in _GOES_ON:
                return proxy
            knowing = knowing or proxy
        return knowing

    def _with_labels(self, example: Example) -> Proxy | None:
        return next((proxy for proxy in self.senders if is_sent_by(example, proxy)), None)

    def _seen(self, proxy: Proxy, service: Service, port: Port, example: Example) -> Seen | None:
        """What becomes of a request; None where the caller does not know the service."""
        question = _question(example, "http", _host(service, proxy), port.number)
        hops = self._asked(replace(question, source=proxy.id))
        if hops is None or hops[0].decision.cluster == PASSTHROUGH:
            return None
        return seen_by_simulator(hops, service.host)

    def _asked(self, question: Question) -> tuple[Hop, ...] | None:
        try:
            return self.journeys.ask(question)
        except UnanswerableError:
            return None

    def _access(self, test: _Test, service: Service, port: Port, server: Proxy) -> None:
        """Who may do what, a row for each group of callers that is treated alike; and those without a sidecar."""
        policies = [each.spec for each in self.mesh.authorization_policies(server.namespace, server.labels)]
        issuers = self._issuers(server)
        operations = Once()
        operations.add(examples_of_policies(policies, issuers))
        operations.add([Example()])
        for example in operations if policies else ():
            groups: dict[str, tuple[JsonObject, list[Proxy]]] = {}
            for caller in self.senders[:_MOST_CALLERS]:
                expect = self._access_of(caller, service, port, example, test.namespace)
                if expect is not None:
                    groups.setdefault(repr(expect), (expect, []))[1].append(caller)
            for expect, callers in groups.values():
                for same_host in _by_host(service, callers):
                    names = [_named(caller, test.namespace) for caller in same_host]
                    test.add(names, example.request("http", _host(service, same_host[0]), port.number), expect)
        if self._everybody:
            self._plaintext(test, service, port)

    def _access_of(self, caller: Proxy, service: Service, port: Port, example: Example, namespace: str) -> JsonObject | None:
        seen = self._seen(caller, service, port, example)
        if seen is None or seen.outcome not in {"allowed", "denied", "unauthorized", "closed"}:
            return None
        if seen.outcome != "allowed":
            return expectation(seen, (), "", "", service.host, namespace)
        policy = seen.policies[-1] if seen.policies else None
        by: JsonObject = {"policy": policy_reference(policy, namespace)} if policy is not None else {}
        return {"outcome": "allowed", **({"by": by} if by else {})}

    def _plaintext(self, test: _Test, service: Service, port: Port) -> None:
        question = _question(Example(), "http", _host(service, None), port.number)
        try:
            hops = ask_plaintext(self.journeys, question, service.host)
        except UnanswerableError:
            return
        seen = seen_by_simulator(hops, service.host)
        test.add([_PLAINTEXT], Example().request("http", _host(service, None), port.number), {"outcome": seen.outcome})

    def _issuers(self, proxy: Proxy) -> tuple[str, ...]:
        found = self.mesh.request_authentications(proxy.namespace, proxy.labels)
        return tuple(rule.issuer for each in found for rule in each.spec.jwt_rules or () if rule.issuer)

    # --- gateways -------------------------------------------------------------------------------------------------
    def of_gateways(self) -> Iterator[_Test]:
        """What gateways make of requests from outside."""
        tests: dict[tuple[str, str], _Test] = {}
        for proxy in self.journeys.proxies:
            if not proxy.is_gateway:
                continue
            policies = [each.spec for each in self.mesh.authorization_policies(proxy.namespace, proxy.labels)]
            asked = list(examples_of_policies(policies, self._issuers(proxy)))
            for door in doors_of(self.mesh, proxy):
                key = (door.gateway.namespace, door.gateway.name)
                test = tests.setdefault(key, _Test(key[0], f"{key[1]}-gateway-recorded"))
                examples = Once()
                examples.add([] if door.redirects else [*door.examples(), *asked])
                examples.add([Example()])
                for example in examples:
                    self._at_door(test, door.scheme, door.host, door.port, example, door.certificate)
        yield from tests.values()

    def _at_door(self, test: _Test, scheme: str, host: str, port: int, example: Example, certificate: str) -> None:
        sender: JsonObject = {"outside": True}
        question = replace(_question(example, scheme, host, port), client_certificate=certificate)
        example, hops = self._let_in(question, example)
        if hops is None:
            return
        if example.address:
            sender["address"] = example.address
        if certificate:
            sender["certificate"] = certificate
        seen = seen_by_simulator(hops)
        sent = (*example.headers, *hops[0].request.headers)
        expect = expectation(seen, sent, example.path, hops[0].request.host, None, test.namespace)
        test.add([sender], example.request(scheme, host, port), expect, ", ".join(example.words))


def _question(example: Example, scheme: str, host: str, port: int) -> Question:
    request = example.request(scheme, host, port)
    return Question(
        url=str(request["url"]),
        method=example.method,
        headers=example.headers,
        claims=({"sub": "test", **dict(example.token)},) if example.token else (),
        remote_address=example.address,
    )


def _host(service: Service, sender: Proxy | None) -> str:
    """How a workload of some namespace calls a service."""
    if not service.kubernetes:
        return service.host
    near = sender is None or sender.namespace == service.namespace
    return service.name if near else f"{service.name}.{service.namespace}"


def _by_host(service: Service, callers: Iterable[Proxy]) -> Iterator[list[Proxy]]:
    """The callers that call the service by one name."""
    found: dict[str, list[Proxy]] = {}
    for caller in callers:
        found.setdefault(_host(service, caller), []).append(caller)
    yield from found.values()


def _named(proxy: Proxy, namespace: str) -> JsonObject:
    return {"workload": proxy.name if proxy.namespace == namespace else proxy.id}


def _proven(result: Result, tests: Sequence[_Test]) -> Proposal:
    """The tests without rows that do not pass: nothing is proposed that does not hold."""
    documents: list[JsonObject] = []
    requests = dropped = 0
    for test in tests:
        outcomes = run([replace(result, tests=(_intent(test),))]).outcomes
        wrong = {outcome.case.row for outcome in outcomes if outcome.verdict is not Verdict.PASSED}
        dropped += sum(outcome.case.row in wrong for outcome in outcomes)
        requests += sum(outcome.case.row not in wrong for outcome in outcomes)
        test.rows = [row for index, row in enumerate(test.rows) if index not in wrong]
        if test.rows:
            documents.append(_intent(test).model.to_document(short=True))
    return Proposal(documents=tuple(documents), requests=requests, dropped=dropped)


def _intent(test: _Test) -> IntentObject[TrafficTest]:
    model = TrafficTest.model_validate(test.document(), by_alias=True, by_name=False)
    return IntentObject(model, Origin("<recorded>"))
