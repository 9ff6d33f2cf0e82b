"""The cases of TrafficTests: each row with each of its senders and requests, as questions to the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from meshgen.check.expectations import ExpectedNames, row_problems
from meshgen.diagnostics import Diagnostic, Origin, suggest
from meshgen.diagnostics.catalogue.traffic_tests import CANNOT_BE_ASKED
from meshgen.intent.decode import IntentObject
from meshgen.intent.expectation import Expect
from meshgen.intent.traffic_test import Sender, TrafficRequest, TrafficTest
from meshgen.journey import Question, UnanswerableError
from meshgen.journey.curl import read_curl
from meshgen.mesh import Mesh, Proxy, Role
from meshgen.pipeline import Result

BAD_TOKEN = ("authorization", "Bearer not-a-token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what must happen to it. `problem` says why it cannot be asked; there is no `question` then."""

    test: IntentObject[TrafficTest]
    row: int
    name: str
    sender: Sender
    expect: Expect
    cluster: str = ""
    question: Question | None = None
    asked: str | None = None  # the fully qualified host
    problem: Diagnostic | None = None

    @property
    def origin(self) -> Origin:
        """Where its row stands."""
        return self.test.at("spec", "tests", self.row)

    @property
    def suite(self) -> str:
        """`shop/catalog`; with the cluster where there are several."""
        place = f"{self.test.model.namespace}/{self.test.model.name}"
        return f"{place} ({self.cluster})" if self.cluster else place

    @property
    def title(self) -> str:
        """`shop/catalog: internal users see v2`."""
        return f"{self.suite}: {self.name}"


def cases_of(result: Result) -> Iterator[Case]:
    """The cases of all tests of one cluster, in the order of their documents."""
    maker = _Maker(result)
    for test in result.tests:
        for row in range(len(test.model.tests)):
            yield from maker.cases(test, row)


_NOBODY = (Sender.model_construct(_fields_set={"outside"}, outside=True),)


class _Maker:
    def __init__(self, result: Result) -> None:
        self._mesh, self._proxies, self._cluster = result.mesh, result.proxies, result.cluster
        self._names = ExpectedNames(result.mesh)

    def cases(self, test: IntentObject[TrafficTest], index: int) -> Iterator[Case]:
        row = test.model.tests[index]
        senders = row.from_ or test.model.from_ or _NOBODY
        requests = [(each, one) for each in row.request for one in _each(each.over(test.model.request))]
        many_senders, many = len(senders) > 1, len(requests) > 1
        for sender, (written, request) in product(senders, requests):
            line = _line(request, written.headers or {})
            parts = [row.name or line]
            if row.name is not None and many:
                parts.append(line)
            if many_senders or row.name is None:
                parts.append(f"from {sender_name(sender)}")
            base = Case(test=test, row=index, name=" ".join(parts), sender=sender, expect=row.expect, cluster=self._cluster)
            yield self._asked(base, request, row.request.index(written))

    def _asked(self, case: Case, request: TrafficRequest, number: int) -> Case:
        namespace, place = case.test.model.namespace, ("spec", "tests", case.row)
        try:
            question = _question(request)
            asked = self._names.asked(question.url, namespace)
        except UnanswerableError as error:
            return replace(case, problem=CANNOT_BE_ASKED.at(case.test.at(*place, "request", number), str(error)))
        problems = row_problems(self._names, case.test, case.row, asked)
        try:
            question = self._sent_by(case.sender, question, namespace)
        except UnanswerableError as error:
            problems.append(CANNOT_BE_ASKED.at(_sender_place(case), str(error)))
        return replace(case, question=question, asked=asked, problem=next(iter(problems), None))

    def _sent_by(self, sender: Sender, question: Question, namespace: str) -> Question:
        question = replace(question, remote_address=sender.address or question.remote_address)
        if sender.certificate is not None:
            question = replace(question, client_certificate=sender.certificate.removeprefix("spiffe://"))
        if sender.gateway is not None:
            return replace(question, gateway=gateway_of(self._mesh, self._proxies, sender.gateway, namespace).id)
        if sender.service_account is not None:
            return replace(question, source=_running_as(self._proxies, sender.service_account, namespace).id)
        if sender.workload is not None:
            name = sender.workload if "/" in sender.workload else f"{namespace}/{sender.workload}"
            return replace(question, source=name)
        return question


def _sender_place(case: Case) -> Origin:
    """Where the sender of a case is said: in its row, else for the whole test."""
    row = case.test.model.tests[case.row]
    place = ("spec", "tests", case.row, "from") if row.from_ else ("spec", "from") if case.test.model.from_ else ()
    senders = row.from_ or case.test.model.from_ or ()
    return case.test.at(*place, senders.index(case.sender)) if senders else case.origin


def _each(request: TrafficRequest) -> Iterator[TrafficRequest]:
    """One request for each URL and method."""
    if request.curl is not None:
        yield request
        return
    for url, method in product(request.url or (), request.method or ("GET",)):
        yield request.model_copy(update={"url": (url,), "method": (method,)})


def _line(request: TrafficRequest, headers: Mapping[str, str]) -> str:
    """The request in a name, with the headers that its row says."""
    if request.curl is not None:
        return " ".join(request.curl.split())
    (url,), (method,) = request.url or ("",), request.method or ("GET",)
    return f"{method} {url}" + "".join(f" {name}: {value}" for name, value in headers.items())


def sender_name(sender: Sender) -> str:
    """A sender in a few words: `webapp`, `outside`, `service account shop/webapp`."""
    if sender.workload is not None:
        name = sender.workload
    elif sender.service_account is not None:
        name = f"service account {sender.service_account}"
    elif sender.plaintext:
        name = "plaintext"
    else:
        name = "outside" + (f" at {sender.gateway}" if sender.gateway is not None else "")
    name += f" as {sender.certificate}" if sender.certificate is not None else ""
    return name + (f" at {sender.address}" if sender.address is not None else "")


def _question(request: TrafficRequest) -> Question:
    """The request as a question, by nobody yet.

    Raises:
        UnanswerableError: for a line of curl that cannot be read.
    """
    claims = (request.token.payload(),) if request.token is not None else ()
    if request.curl is not None:
        question = read_curl((request.curl,))
        return replace(question, claims=claims)
    (url,), (method,) = request.url or ("",), request.method or ("GET",)
    return Question(
        url=url,
        method=method,
        headers=tuple((name.lower(), value) for name, value in (request.headers or {}).items()),
        claims=claims,
        sni=request.sni,
        http=request.http or "1.1",
    )


def gateway_of(mesh: Mesh, proxies: Iterable[Proxy], reference: str, namespace: str) -> Proxy:
    """The proxy that serves a Gateway, `name` or `namespace/name`.

    Raises:
        UnanswerableError: where there is no such Gateway, or no proxy for it.
    """
    where, _, name = reference.rpartition("/")
    wanted = (where or namespace, name)
    routers = [proxy for proxy in proxies if proxy.is_gateway]
    serving = {(each.namespace, each.name): proxy for proxy in reversed(routers) for each in mesh.view(proxy).gateways}
    if wanted not in serving:
        known = [f"{key[0]}/{key[1]}" if key[0] != namespace else key[1] for key in sorted(serving)]
        message = f"there is no Gateway `{reference}`; {suggest(reference, known)}"
        raise UnanswerableError(message)
    return serving[wanted]


def _running_as(proxies: Iterable[Proxy], reference: str, namespace: str) -> Proxy:
    where, _, account = reference.rpartition("/")
    known = {(proxy.namespace, proxy.service_account): proxy for proxy in proxies if proxy.role is Role.SIDECAR}
    found = known.get((where or namespace, account))
    if found is None:
        accounts = [key[1] if key[0] == namespace else f"{key[0]}/{key[1]}" for key in sorted(known)]
        message = f"nothing runs as the service account `{reference}`; {suggest(reference, accounts)}"
        raise UnanswerableError(message)
    return found
