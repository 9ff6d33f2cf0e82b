"""What the CEL rules and list-map keys of Istio's CRDs ask, in Python.

`crd_rules.py`, which is generated, says at which field of which struct each stands; tools/generate_istio.py knows which CEL text
is which function here. The words of the messages are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

from meshgen.istio.rules import Rule
from meshgen.istio.struct import IstioStruct, wire_name
from meshgen.istio.urls import url_scheme
from meshgen.istio.violation import Violation, show
from meshgen.values import parse_duration

Check: TypeAlias = Callable[[Any], Iterable[Violation]]
"""Of a value that is given; the violations' paths start at it."""

_MILLISECOND = 1_000_000
_PORT_NAME = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")


def on(attribute: str, name: str, check: Check) -> Rule:
    """A check of a field, where it is given."""

    def rule(struct: object) -> Iterable[Violation]:
        value = getattr(struct, attribute)
        if value is None:
            return ()
        found = check(value)
        return [violation.under(name) for violation in found] if found else ()

    return rule


def each(check: Check) -> Check:
    """A check of every item of a list, or of every value of a map."""

    def check_each(values: Sequence[object] | Mapping[str, object]) -> Iterable[Violation]:
        pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
        return [violation.under(key) for key, value in pairs for violation in check(value)]

    return check_each


def _given(struct: IstioStruct, attributes: Iterable[str]) -> list[str]:
    return [f"`{wire_name(struct, attribute)}`" for attribute in attributes if getattr(struct, attribute) is not None]


def at_most_one(*attributes: str) -> Rule:
    """Fields that exclude each other; two or more."""
    values, enough = attrgetter(*attributes), len(attributes) - 1

    def rule(struct: IstioStruct) -> Iterable[Violation]:
        if values(struct).count(None) >= enough:  # the usual case, in which nothing is put into words
            return ()
        given = _given(struct, attributes)
        return (Violation((), f"only one of {', '.join(given)} can be given"),) if len(given) > 1 else ()

    return rule


def exactly_one(*attributes: str) -> Rule:
    """Fields of which one has to be given."""
    exclusive = at_most_one(*attributes)

    def rule(struct: IstioStruct) -> Iterable[Violation]:
        if _given(struct, attributes):
            return exclusive(struct)
        return (Violation((), f"one of {', '.join(f'`{wire_name(struct, each)}`' for each in attributes)} must be given"),)

    return rule


def unique_by(attribute: str, name: str) -> Check:
    """A list that is a map to the API server: no two entries have one key."""

    def check(items: Sequence[object]) -> Iterable[Violation]:
        if len(items) < 2:
            return ()
        counts = Counter(getattr(item, attribute) for item in items)
        if len(counts) == len(items):
            return ()
        seen: set[object] = set()
        found = []
        for index, item in enumerate(items):
            key = getattr(item, attribute)
            if key in seen:
                found.append(Violation((index, name), f"the {name} {show(key)} is given twice", help="give each its own"))
            seen.add(key)
        return found

    return check


def label_keys(labels: Mapping[str, str]) -> Iterable[Violation]:
    """Keys of a selector: none empty, none with a wildcard."""
    for key in labels:
        if not key:
            yield Violation((), "a label's key must not be empty")
        elif "*" in key:
            yield Violation((key,), f"`{key}` is a label's key, and has no wildcards", help="write the whole key")


def without_wildcard(value: str) -> Iterable[Violation]:
    """A selector's value."""
    return (
        (Violation((), f"{show(value)} is a label's value, and has no wildcards", help="name it whole"),) if "*" in value else ()
    )


def own_namespace(value: str) -> Iterable[Violation]:
    """A target's namespace, which may not be said."""
    return (Violation((), "a policy reaches only targets in its own namespace", help="remove `namespace`"),) if value else ()


@lru_cache(maxsize=4096)
def duration(value: str) -> tuple[Violation, ...]:
    """A Go duration of at least a millisecond."""
    try:
        long = parse_duration(value.removeprefix("+")) >= _MILLISECOND
    except ValueError:
        long = False
    hint = "write a number with a unit, as in `500ms`, `2s` or `1m30s`"
    return () if long else (Violation((), f"{show(value)} is not a duration of at least 1ms", help=hint),)


def module_url(value: str) -> Iterable[Violation]:
    """Where a Wasm module is; a URL without a scheme is an OCI image."""
    scheme = url_scheme(value)
    if scheme is None:
        scheme = url_scheme(f"http://{value}")
    if scheme in {"", "http", "https", "file", "oci"}:
        return ()
    hint = "write `oci://`, `https://`, `http://` or `file://` before it"
    return (
        Violation((), f"{show(value)} is no URL of a module: its scheme must be `oci`, `https`, `http` or `file`", help=hint),
    )


def key_set_url(value: str) -> Iterable[Violation]:
    """Where a JWKS is."""
    if url_scheme(value) in {"http", "https"}:
        return ()
    return (Violation((), f"{show(value)} is no URL with the scheme `https` or `http`", help="write `https://` before it"),)


def port_number(value: int) -> Iterable[Violation]:
    """A port."""
    return () if 0 < value <= 65535 else (Violation((), f"a port is between 1 and 65535, not {value}"),)


def port_keys(ports: Mapping[str, object]) -> Iterable[Violation]:
    """A map by port numbers."""
    for key in ports:
        number = int(key) if re.fullmatch(r"[-+]?[0-9]{1,18}", key, re.ASCII) else 0
        if not 0 < number <= 65535:
            yield Violation((key,), f"a port is between 1 and 65535, not {show(key)}")


def port_names(ports: Mapping[str, object]) -> Iterable[Violation]:
    """A map by port names."""
    for key in ports:
        if len(key) >= 63 or _PORT_NAME.fullmatch(key) is None:
            yield Violation((key,), f"{show(key)} is no name of a port", help="letters, digits and `-`, less than 63 of them")


def unix_address(value: str) -> Iterable[Violation]:
    """An address; a Unix domain socket's is absolute and no directory."""
    if not value.startswith("unix://"):
        return
    if value[7:8] not in {"/", "@"}:
        yield Violation((), f"{show(value)} must be an absolute path or an abstract socket", help="as `unix:///run/app.sock`")
    if value.endswith("/"):
        yield Violation((), f"{show(value)} is a directory, not a socket")


def no_lone_star(value: str) -> Iterable[Violation]:
    """A ServiceEntry's host."""
    if value == "*":
        yield Violation((), "a ServiceEntry cannot be for all hosts, `*`", help="write a domain, as `*.example.com`")


def probe_scheme(value: str) -> Iterable[Violation]:
    """How a probe speaks."""
    return () if value in {"", "HTTP", "HTTPS"} else (Violation((), f"`scheme` must be `HTTP` or `HTTPS`, not {show(value)}"),)


def host_environment(variable: Any) -> Iterable[Violation]:  # noqa: ANN401 (an EnvVar)
    """A variable of the host's environment has no value of its own."""
    if variable.value_from == "HOST" and variable.value is not None:
        yield Violation(("value",), "a variable with `valueFrom: HOST` has no `value`", help="remove one of the two")


def waypoint_match(match: Any) -> Iterable[Violation]:  # noqa: ANN401 (an EnvoyConfigObjectMatch)
    """`waypoint` and `context: WAYPOINT` go together."""
    if (match.context == "WAYPOINT") != (match.waypoint is not None):
        yield Violation((), "`waypoint` and `context: WAYPOINT` go together: give both or none")


def cidr_resolution(entry: Any) -> Iterable[Violation]:  # noqa: ANN401 (a ServiceEntry)
    """A range of addresses has nothing to resolve."""
    if (entry.resolution or "NONE") not in {"STATIC", "NONE"}:
        for index, address in enumerate(entry.addresses or ()):
            if "/" in address:
                message = f"{show(address)} is a range, which only `resolution: NONE` and `STATIC` take"
                yield Violation(("addresses", index), message)


def endpoints_resolution(entry: Any) -> Iterable[Violation]:  # noqa: ANN401 (a ServiceEntry)
    """Without resolution no endpoints."""
    if (entry.resolution or "NONE") == "NONE" and entry.endpoints is not None:
        hint = "write `resolution: STATIC` for addresses, `DNS` for names"
        yield Violation(("endpoints",), "`resolution: NONE`, the default, takes no `endpoints`", help=hint)


def round_robin_endpoints(entry: Any) -> Iterable[Violation]:  # noqa: ANN401 (a ServiceEntry)
    """One name to resolve."""
    if entry.resolution == "DNS_ROUND_ROBIN" and len(entry.endpoints or ()) > 1:
        yield Violation(("endpoints",), "`resolution: DNS_ROUND_ROBIN` takes one endpoint", help="use `resolution: DNS`")


def address_or_network(entry: Any) -> Iterable[Violation]:  # noqa: ANN401 (a WorkloadEntry)
    """Where a workload is."""
    if entry.address is None and entry.network is None:
        yield Violation((), "`address` is missing", help="without one, name the `network` whose gateway it is behind")


def socket_ports(entry: Any) -> Iterable[Violation]:  # noqa: ANN401 (a WorkloadEntry)
    """A Unix domain socket has no ports."""
    if (entry.address or "").startswith("unix://") and entry.ports is not None:
        yield Violation(("ports",), "an address `unix://…` has no `ports`", help="remove `ports`")


def service_accounts_alone(source: Any) -> Iterable[Violation]:  # noqa: ANN401 (a Source)
    """Two ways to name a caller."""
    accounts = _given(source, ("service_accounts", "not_service_accounts"))
    others = _given(source, ("principals", "not_principals", "namespaces", "not_namespaces"))
    if accounts and others:
        hint = f"write all callers as `serviceAccounts`, or remove {accounts[0]}"
        yield Violation((), f"{accounts[0]} cannot stand beside {', '.join(others)}", help=hint)


def port_mtls_selector(policy: Any) -> Iterable[Violation]:  # noqa: ANN401 (a PeerAuthentication)
    """Ports are those of chosen workloads."""
    if policy.port_level_mtls is not None and not (policy.selector and policy.selector.match_labels):
        hint = "name the workloads whose ports these are in `selector.matchLabels`"
        yield Violation(("portLevelMtls",), "`portLevelMtls` needs a `selector`", help=hint)


def tag_value(override: Any) -> Iterable[Violation]:  # noqa: ANN401 (a TagOverride)
    """A tag that is set has a value, and one that is removed has none."""
    if override.operation == "UPSERT" and not override.value:
        yield Violation((), "`operation: UPSERT` needs a `value`", help="write a CEL expression, as `request.host`")
    if override.operation == "REMOVE" and override.value is not None:
        yield Violation(("value",), "`operation: REMOVE` takes no `value`", help="remove one of the two")
