"""Targets of the Gateway API that a policy names instead of selecting Pods (Istio: `targetRefs`)."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from meshgen.diagnostics import did_you_mean
from meshgen.intent.leaves import ObjectName
from meshgen.intent.model import Model, broken
from meshgen.json import JsonObject, JsonValue

GROUPS = {
    "Gateway": "gateway.networking.k8s.io",
    "GatewayClass": "gateway.networking.k8s.io",
    "Service": "",
    "ServiceEntry": "networking.istio.io",
}
"""The kinds that Istio takes, and their groups."""


class TargetReference(Model):
    """A Gateway or GatewayClass of the Gateway API, or a Service or ServiceEntry behind a waypoint.

    Short: `Gateway/edge`.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`Gateway/edge`, `Service/catalog`."}

    kind: str
    """`Gateway`, `GatewayClass`, `Service` or `ServiceEntry`."""
    name: ObjectName
    group: str | None = None
    """The group of the kind; the one that goes with the kind where absent."""
    namespace: ObjectName | None = None
    """Istio takes no other namespace than the policy's own."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        kind, slash, name = value.partition("/")
        if not slash:
            raise broken(f"`{value}` does not say what it is", help=f"write `Gateway/{value}` or `Service/{value}`", kind="value")
        return {"kind": kind, "name": name}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.group is None and self.kind not in GROUPS:
            hint = did_you_mean(self.kind, GROUPS) or f"write one of {', '.join(f'`{kind}`' for kind in GROUPS)}"
            raise broken(f"`{self.kind}` is not a kind that a policy can name", help=hint, kind="value")
        return self

    @property
    def api_group(self) -> str:
        """The group, said or not."""
        return GROUPS.get(self.kind, "") if self.group is None else self.group

    def to_short(self, long: JsonObject) -> JsonValue:
        """`Gateway/edge`, if nothing else is said."""
        return f"{long['kind']}/{long['name']}" if set(long) == {"kind", "name"} else long
