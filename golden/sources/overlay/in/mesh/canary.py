from collections.abc import Iterator
from typing import Any

from meshgen import Canary


def mesh(env: Any) -> Iterator[object]:  # noqa: ANN401 (the variables are whatever the project says)
    yield Canary("catalog-v2", namespace="shop", service="catalog", from_="v1", to="v2", weight=env.vars.get("canary_weight", 1))
