"""Which policies on tokens and which RequestAuthentications meet at a workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from meshgen.check.http_fields import uses_tokens
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.object import IstioObject
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.mesh import Mesh
from meshgen.mesh.policies import has_targets, selector_of
from meshgen.mesh.selection import LabelIndex, SelectorIndex

P = TypeVar("P", AuthorizationPolicy, RequestAuthentication)


def token_policies(mesh: Mesh) -> list[IstioObject[AuthorizationPolicy]]:
    """The AuthorizationPolicies that ask for anything that a verified token tells."""
    policies = mesh.of_kind(AuthorizationPolicy)
    return [
        policy
        for policy in policies
        if not has_targets(policy.spec) and any(uses_tokens(rule) for rule in policy.spec.rules or ())
    ]


class Meeting:
    """Answers whether some policy of a list can concern a workload that a given selector picks.

    Two selectors can meet unless they want different values of one label; looked at are those of which one contains the other,
    which is how they meet in practice, and those without labels.
    """

    def __init__(self, policies: Sequence[IstioObject[P]], root: str) -> None:
        self._root = root
        self._wider: SelectorIndex[bool] = SelectorIndex()
        for policy in policies:
            self._wider.add(True, policy.namespace, selector_of(policy.spec))
        self._narrower = LabelIndex([(policy.namespace, selector_of(policy.spec), True) for policy in policies])
        self._any = bool(policies)

    def meets(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """Whether one of the policies and this selector may pick one workload."""
        if namespace == self._root and not selector:
            return self._any
        return any(
            self._wider.picking(owner, selector) or self._narrower.picked(owner, selector) for owner in (namespace, self._root)
        )
