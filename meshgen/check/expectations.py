"""What TrafficTests name: the services, versions and policies that they expect to meet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from meshgen.diagnostics import Diagnostic, suggest
from meshgen.diagnostics.catalogue.traffic_tests import UNKNOWN_EXPECTED_DESTINATION, UNKNOWN_EXPECTED_POLICY
from meshgen.intent.decode import IntentObject
from meshgen.intent.expectation import DEFAULT, DecidedBy, Expect
from meshgen.intent.reference import ANY_VERSION, Destination
from meshgen.intent.traffic_test import TrafficRequest, TrafficTest
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import most_specific, service_host
from meshgen.mesh import Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A destination that a test expects; what is None may be anything, and a subset of `""` is none."""

    host: str | None = None
    subset: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """`catalog.shop:80@v2`, as an expectation writes it."""
        text = short_host(self.host) if self.host is not None else ""
        text += f":{self.port}" if self.port is not None else ""
        return text + (f"@{self.subset}" if self.subset else "")


def short_host(host: str) -> str:
    """`catalog.shop` for `catalog.shop.svc.cluster.local`."""
    return host.removesuffix(".svc.cluster.local")


class UnknownNameError(ValueError):
    """An expectation that names what the mesh does not have. Message and help are for the user."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class ExpectedNames:
    """What the names of expectations mean in a mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    @cached_property
    def subsets(self) -> dict[str, set[str]]:
        """The subsets of each host that a DestinationRule speaks of."""
        found: dict[str, set[str]] = {}
        for rule in self.mesh.of_kind(DestinationRule):
            host = self.mesh.fqdn(rule.spec.host, rule.namespace)
            found.setdefault(host, set()).update(each.name for each in rule.spec.subsets or ())
        return found

    @cached_property
    def all_subsets(self) -> frozenset[str]:
        """The names of all subsets."""
        return frozenset().union(*self.subsets.values())

    def versions(self, asked: str | None) -> frozenset[str]:
        """The versions that a bare name may mean where `asked` is asked for; those of all services at a host of a gateway."""
        if asked is None or not self.mesh.services_of(asked):
            return self.all_subsets
        return frozenset(most_specific(asked, self.subsets) or ())

    def asked(self, url: str | None, namespace: str) -> str | None:
        """The fully qualified host of a URL."""
        try:
            host = urlsplit(url or "").hostname
        except ValueError:
            return None
        return None if host is None else self._service(host, namespace) or self.mesh.fqdn(host, namespace)

    def destination(self, wanted: Destination, namespace: str, asked: str | None) -> Wanted:
        """What a destination means in a test of `namespace` whose request asks for the host `asked`.

        A bare name is a version of that host, else a Service.

        Raises:
            UnknownNameError: for what the mesh does not have.
        """
        version = None if wanted.version in {None, ANY_VERSION} else wanted.version
        any_version = "" if wanted.version == ANY_VERSION else None
        if wanted.host is None and wanted.service is None:
            return Wanted(host=self._of_version(asked), subset=self._known_version(version, asked), port=wanted.port)
        bare = (
            wanted.service if (wanted.namespace, wanted.port, wanted.version, wanted.host) == (None, None, None, None) else None
        )
        if bare is not None and bare in self.versions(asked):
            return Wanted(host=self._of_version(asked), subset=bare)
        host = self._known_host(wanted, bare, namespace, asked)
        return Wanted(host=host, subset=self._known_version(version, host) if version else any_version, port=wanted.port)

    def _of_version(self, asked: str | None) -> str | None:
        """The host whose version is meant; any where a gateway's host is asked for."""
        return asked if asked is not None and self.mesh.services_of(asked) else None

    def _known_version(self, version: str | None, host: str | None) -> str | None:
        known = self.versions(host)
        if version is None or version in known:
            return version
        of = f"of `{short_host(host)}` " if host is not None and self.mesh.services_of(host) else ""
        message = f"the test expects a version {of}that is not there: `{version}`"
        raise UnknownNameError(message, suggest(version, sorted(known)))

    def _known_host(self, wanted: Destination, bare: str | None, namespace: str, asked: str | None) -> str:
        name = wanted.host or f"{wanted.service}.{wanted.namespace or namespace}"
        host = self._service(name, namespace)
        if host is not None:
            return host
        said = bare or wanted.host or f"{wanted.service}{f'.{wanted.namespace}' if wanted.namespace else ''}"
        known = [service.host for service in self.mesh.services]
        near = [each.split(".")[0] for each in known if each.split(".")[1:2] == [wanted.namespace or namespace]]
        names = [*(self.versions(asked) if bare else ()), *near] if wanted.host is None and wanted.namespace is None else []
        what = "a version or a Service" if bare else "a service"
        message = f"the test expects {what} that is not there: `{said}`"
        raise UnknownNameError(message, suggest(said, sorted(names) or sorted(map(short_host, known))))

    def _service(self, name: str, namespace: str) -> str | None:
        """The host of a service that a name means, `catalog`, `catalog.shop`, `catalog.shop.svc` or the whole host."""
        labels = name.removesuffix(".cluster.local").removesuffix(".svc").split(".")
        hosts = [name, service_host(labels[0], labels[1] if len(labels) > 1 else namespace)] if len(labels) < 3 else [name]
        known = next((host for host in hosts if self.mesh.services_of(host)), None)
        if known is not None:
            return known
        wildcards = {service.host: service.host for service in self.mesh.services if service.host.startswith("*")}
        return name if most_specific(name, wildcards) is not None else None

    @cached_property
    def policies(self) -> dict[tuple[str, str], int]:
        """The number of rules of each AuthorizationPolicy, by namespace and name."""
        found = self.mesh.of_kind(AuthorizationPolicy)
        return {(policy.namespace, policy.name): len(policy.spec.rules or ()) for policy in found}

    def check_policy(self, by: DecidedBy) -> None:
        """Raises UnknownNameError for a policy that is not there, or has no such rule."""
        if by.policy == DEFAULT:
            return
        namespace, _, name = by.policy.rpartition("/")
        found = [count for key, count in self.policies.items() if key[1] == name and namespace in {"", key[0]}]
        if not found:
            known = [f"{key[0]}/{key[1]}" if namespace else key[1] for key in self.policies]
            raise UnknownNameError(
                f"the test expects a policy that is not there: `{by.policy}`", suggest(by.policy, sorted({*known, DEFAULT}))
            )
        if by.rule is not None and by.rule >= max(found):
            rules = {0: "no rules", 1: "one rule, `rule: 0`"}.get(max(found), f"{max(found)} rules, counted from 0")
            raise UnknownNameError(f"`{by.policy}` has no rule {by.rule}", f"it has {rules}")


def check_expectations(tests: Iterable[IntentObject[TrafficTest]], mesh: Mesh) -> tuple[Diagnostic, ...]:
    """What tests expect to meet and the mesh does not have, each at its line."""
    names = ExpectedNames(mesh)
    return tuple(diagnostic for test in tests for diagnostic in _of_test(names, test))


def _of_test(names: ExpectedNames, test: IntentObject[TrafficTest]) -> Iterator[Diagnostic]:
    for index, row in enumerate(test.model.tests):
        requests = [request.over(test.model.request) for request in row.request]
        asked = next(iter(hosts_of(names, requests, test.model.namespace)), None)
        found = row_problems(names, test, index, asked)
        yield from found


def hosts_of(names: ExpectedNames, requests: Iterable[TrafficRequest], namespace: str) -> Iterator[str | None]:
    """The hosts that requests ask for, in their order."""
    for request in requests:
        line = re.search(r"\b[a-z]+://[^\s'\"]+", request.curl) if request.curl is not None else None
        for url in (line.group(),) if line else request.url or ():
            yield names.asked(url, namespace)


def row_problems(names: ExpectedNames, test: IntentObject[TrafficTest], index: int, asked: str | None) -> list[Diagnostic]:
    """What the expectation of one row names and the mesh does not have."""
    expect, place, found = test.model.tests[index].expect, ("spec", "tests", index, "expect"), []
    for path, destination in _destinations(expect):
        try:
            names.destination(destination, test.model.namespace, asked)
        except UnknownNameError as error:
            found.append(UNKNOWN_EXPECTED_DESTINATION.at(test.at(*place, *path), str(error), help=error.help))
    if expect.by is not None:
        try:
            names.check_policy(expect.by)
        except UnknownNameError as error:
            found.append(UNKNOWN_EXPECTED_POLICY.at(test.at(*place, "by", "policy"), str(error), help=error.help))
    return found


def _destinations(expect: Expect) -> Iterator[tuple[tuple[str | int, ...], Destination]]:
    """The destinations that an expectation names, each with its place."""
    for index, share in enumerate(expect.to or ()):
        yield ("to", index, "weight"), share
    for index, mirror in enumerate(expect.mirror or ()):
        yield ("mirror", index, "to"), mirror.to
