"""ProxyConfigs → Proxy."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, fields, target
from meshgen.intent.proxy import Proxy

_PROXY: Table = {
    "concurrency": "concurrency",
    "environment_variables": "environment",
    "image": ("", lambda image: {} if image.image_type is None else {"image": image.image_type}),
}


def proxy(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Proxy that gives a ProxyConfig."""
    spec = native.spec
    selector = spec.selector
    yield Proposal(
        kind=Proxy,
        name=native.name,
        namespace=native.namespace,
        spec={
            **target(selector.match_labels if selector is not None else None, native.namespace, beside),
            **fields(spec, _PROXY),
        },
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )
