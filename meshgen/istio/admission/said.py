"""How the rules of istiod's admission say what they found."""

from __future__ import annotations

from meshgen.diagnostics.catalogue.admission import HOST_NOT_ASCII, IGNORED_SETTING, REFUSED_BY_ISTIOD
from meshgen.istio.admission.hosts import is_host
from meshgen.istio.violation import Violation, show
from meshgen.values import is_ip


def wrong(message: str, *path: str | int, help: str = "") -> Violation:
    """What istiod's webhook refuses."""
    return Violation(path, message, help, REFUSED_BY_ISTIOD)


def ignored(message: str, *path: str | int, help: str = "") -> Violation:
    """What istiod takes with a warning, for it does nothing."""
    return Violation(path, message, help, IGNORED_SETTING)


def host_faults(host: str, *path: str | int, address: bool = False) -> tuple[Violation, ...]:
    """What is wrong with a host; `address` says that an IP address may stand for one.

    A host in Unicode is only warned of: it is the name that people know, and its form for machines can be told.
    """
    if is_host(host) or (address and is_ip(host)):
        return ()
    if not host.isascii():
        try:
            coded = host.encode("idna").decode()
        except UnicodeError:
            coded = ""
        if coded and is_host(coded):
            message = f"{show(host)} is not ASCII, and istiod takes no other hosts"
            return (Violation(path, message, f"write `{coded}`", HOST_NOT_ASCII),)
    return (wrong(f"{show(host)} is no name of a host", *path, help="letters, digits and `-` between dots; `*.` only in front"),)


def port_faults(number: int | None, *path: str | int) -> tuple[Violation, ...]:
    """What is wrong with the number of a port."""
    if number is not None and 1 <= number <= 65535:
        return ()
    return (wrong(f"a port is between 1 and 65535, not {show(number)}", *path),)
