"""MG0111: a rule hands over to a virtual service that is not there or not visible."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.link import UNKNOWN_DELEGATE
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import Delegate, VirtualService
from meshgen.mesh.delegates import find_delegate


def find(context: Context) -> Iterator[Answer]:
    """Delegates that istiod would not find."""
    index = context.mesh.virtual_services
    for root in context.mesh.of_kind(VirtualService):
        for number, route in enumerate(root.spec.http or ()):
            if route.delegate is None or find_delegate(root, route, index.delegates, index.default_export_to) is not None:
                continue
            yield _finding(context, root, number, route.delegate)


def _finding(context: Context, root: IstioObject[VirtualService], number: int, delegate: Delegate) -> Diagnostic:
    namespace, name = delegate.namespace or root.namespace, delegate.name or ""
    place = root.origin_of("spec", "http", number, "delegate")
    delegates = context.mesh.virtual_services.delegates
    hidden = delegates.get((namespace, name))
    if hidden is not None:
        return UNKNOWN_DELEGATE.at(
            place,
            f"delegate `{namespace}/{name}` is not exported to namespace `{root.namespace}`",
            help=f"add `{root.namespace}` to its `exportTo`",
            related=[Related(hidden.origin, "the delegate")],
        )
    whole = context.virtual_services.get((namespace, name))
    if whole is not None:
        return UNKNOWN_DELEGATE.at(
            place,
            f"`{namespace}/{name}` has hosts and cannot be a delegate",
            help="remove its `hosts`, or route to its destinations here",
            related=[Related(whole.origin_of("spec", "hosts"), "the hosts")],
        )
    known = tuple(f"{owner}/{own}" for owner, own in delegates)
    return UNKNOWN_DELEGATE.at(
        place,
        f"virtual service `{root.name}` hands over to unknown delegate `{namespace}/{name}`",
        help=context.near(f"{namespace}/{name}", known) or "a delegate is a virtual service without `hosts`",
    )


RULE = Rule(code=UNKNOWN_DELEGATE, find=find)
