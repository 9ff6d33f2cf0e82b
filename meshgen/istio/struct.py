"""The base of the generated structs."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

DURATION_PATTERN = r"^(?=.*[1-9])([0-9]*\.?[0-9]+(ms|us|µs|ns|h|m|s))+$"

Duration: TypeAlias = Annotated[str, Meta(pattern=DURATION_PATTERN)]
"""A Go duration above zero. Istio's CRDs ask `duration(self) >= duration('1ms')`."""

DURATION_OR_ZERO_PATTERN = r"^(0|([0-9]*\.?[0-9]+(ms|us|µs|ns|h|m|s))+)$"

DurationOrZero: TypeAlias = Annotated[str, Meta(pattern=DURATION_OR_ZERO_PATTERN)]
"""A Go duration, zero included, as MeshConfig has them: there zero turns a thing off."""

FreeForm: TypeAlias = dict[str, Any]
"""What Istio's CRD leaves open, such as a WasmPlugin's `pluginConfig` or an EnvoyFilter's `value`."""


class IstioStruct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A value of Istio's API. None means absent; zero, false, empty lists and empty maps are kept, for they mean something."""


def wire_name(struct: IstioStruct | type[IstioStruct], attribute: str) -> str:
    """The name of a field in JSON."""
    return struct.__struct_encode_fields__[struct.__struct_fields__.index(attribute)]


def at_most_one(struct: IstioStruct, *names: str) -> None:
    """Raises ValueError if more than one of the fields is given (`oneOf` in the CRD)."""
    given = [name for name in names if getattr(struct, name) is not None]
    if len(given) > 1:
        message = f"only one of {', '.join(f'`{wire_name(struct, name)}`' for name in given)} can be given"
        raise ValueError(message)


def exactly_one(struct: IstioStruct, *names: str) -> None:
    """Raises ValueError unless exactly one of the fields is given (`oneOf` in the CRD)."""
    at_most_one(struct, *names)
    if all(getattr(struct, name) is None for name in names):
        message = f"one of {', '.join(f'`{wire_name(struct, name)}`' for name in names)} must be given"
        raise ValueError(message)
