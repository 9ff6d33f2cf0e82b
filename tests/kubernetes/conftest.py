"""One API server for all tests here; each test works in a namespace of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from api_server import ApiServer, start_api_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A live API server with Istio's CRDs; fails, and never skips, where it cannot be started."""
    with start_api_server(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running
