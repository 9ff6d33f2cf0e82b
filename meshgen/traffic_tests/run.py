"""Runs the cases of TrafficTests and says what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from meshgen.check.expectations import ExpectedNames
from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.traffic_tests import CANNOT_BE_ASKED
from meshgen.journey import Hop, Journeys, UnanswerableError
from meshgen.pipeline import Result
from meshgen.traffic_tests.cases import Case, cases_of
from meshgen.traffic_tests.compare import Comparison, Mismatch, compare
from meshgen.traffic_tests.plaintext import ask_plaintext
from meshgen.traffic_tests.seen import Seen, seen_by_simulator


class Verdict(StrEnum):
    """How a case ends."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"  # it cannot be asked, or names what is not there
    UNSEEN = "unseen"  # the engine can tell nothing that it expects


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a case came to. `hops` are the simulator's, for the coverage; `unseen` is what the engine could not tell, and why."""

    case: Case
    result: Result
    verdict: Verdict
    seen: Seen | None = None
    hops: tuple[Hop, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
    problem: Diagnostic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """All outcomes, in the order of the tests."""

    outcomes: tuple[Outcome, ...] = ()
    stopped: bool = False  # at the first failure, as was asked

    def count(self, verdict: Verdict) -> int:
        """How many cases ended so."""
        return sum(outcome.verdict is verdict for outcome in self.outcomes)

    @property
    def text(self) -> str:
        """What people read at a terminal, without colours."""
        from meshgen.traffic_tests.report import render_report  # noqa: PLC0415 (it reads this module)

        return render_report(self)

    @property
    def exit_code(self) -> int:
        """2 where a case is broken or there is none, 1 where one failed, else 0."""
        if not self.outcomes or self.count(Verdict.BROKEN):
            return 2
        return 1 if self.count(Verdict.FAILED) else 0


class Engine(Protocol):
    """Who answers for the mesh: the simulator asks nobody, a real Envoy is started."""

    def see(self, cases: Sequence[Case], hops: Sequence[tuple[Hop, ...]]) -> Iterator[Seen]:
        """What becomes of each case, in their order; `hops` are the simulator's."""


class Simulator:
    """Answers from the configuration."""

    def see(self, cases: Sequence[Case], hops: Sequence[tuple[Hop, ...]]) -> Iterator[Seen]:
        """What the simulator has found already."""
        for case, each in zip(cases, hops, strict=True):
            yield seen_by_simulator(each, case.asked)


MakeEngine = Callable[[Result, Journeys], Engine]


def simulator(result: Result, journeys: Journeys) -> Engine:  # noqa: ARG001 (as other engines are made)
    """The engine that needs nothing."""
    return Simulator()


def run(
    results: Iterable[Result],
    chosen: Callable[[Case], bool] = lambda case: True,  # noqa: ARG005 (all)
    *,
    fail_fast: bool = False,
    engine: MakeEngine = simulator,
) -> TrafficReport:
    """Runs the chosen cases of each cluster; with `fail_fast` up to the first that does not pass."""
    outcomes: list[Outcome] = []
    for result in results:
        for outcome in _run_one(result, [case for case in cases_of(result) if chosen(case)], engine):
            outcomes.append(outcome)
            if fail_fast and outcome.verdict is not Verdict.PASSED:
                return TrafficReport(outcomes=tuple(outcomes), stopped=True)
    return TrafficReport(outcomes=tuple(outcomes))


def _run_one(result: Result, cases: Sequence[Case], engine: MakeEngine) -> Iterator[Outcome]:
    if not cases:
        return
    journeys, names = Journeys(result.mesh, result.proxies), ExpectedNames(result.mesh)
    asked = [_asked(case, journeys) for case in cases]
    good = [(case, hops) for case, hops in asked if case.problem is None]
    answers = engine(result, journeys).see([case for case, _ in good], [hops for _, hops in good])
    for case, hops in asked:
        if case.problem is not None:
            yield Outcome(case=case, result=result, verdict=Verdict.BROKEN, problem=case.problem)
            continue
        seen = next(answers)
        found = compare(case, seen, names)
        yield Outcome(
            case=case,
            result=result,
            verdict=_verdict(case, found),
            seen=seen,
            hops=hops,
            mismatches=found.mismatches,
            unseen=found.unseen,
        )


def _verdict(case: Case, found: Comparison) -> Verdict:
    if found.mismatches:
        return Verdict.FAILED
    told = case.expect.model_fields_set - {"tolerance"}
    return Verdict.UNSEEN if len(found.unseen) == len(told) else Verdict.PASSED


def _asked(case: Case, journeys: Journeys) -> tuple[Case, tuple[Hop, ...]]:
    """The simulator's way of a case; a case that cannot be asked says why."""
    if case.question is None or case.problem is not None:
        return case, ()
    try:
        if case.sender.plaintext:
            return case, ask_plaintext(journeys, case.question, case.asked)
        return case, journeys.ask(case.question)
    except UnanswerableError as error:
        return replace(case, problem=CANNOT_BE_ASKED.at(case.origin, str(error))), ()
