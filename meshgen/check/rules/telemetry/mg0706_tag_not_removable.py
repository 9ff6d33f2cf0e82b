"""MG0706: a tag is removed that Istio's metrics do not have."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics.catalogue.telemetry import TAG_NOT_THERE
from meshgen.istio.attributes import STANDARD_TAGS
from meshgen.istio.telemetry import Telemetry


def find(context: Context) -> Iterator[Answer]:
    """Removals of tags that are not Istio's own: the proxy says so in its log and goes on."""
    for telemetry in context.mesh.of_kind(Telemetry):
        for position, metrics in enumerate(telemetry.spec.metrics or ()):
            for number, override in enumerate(metrics.overrides or ()):
                for name, tag in (override.tag_overrides or {}).items():
                    if tag.operation != "REMOVE" or name in STANDARD_TAGS:
                        continue
                    place = telemetry.origin_of("spec", "metrics", position, "overrides", number, "tagOverrides", name)
                    message = f"Telemetry `{telemetry.name}` removes tag `{name}`, which Istio's metrics do not have"
                    hint = context.near(name, tuple(sorted(STANDARD_TAGS)))
                    yield TAG_NOT_THERE.at(place, message, help=hint or "leave it out where the tag is added")


RULE = Rule(code=TAG_NOT_THERE, find=find)
