"""A real API server refuses what meshgen refuses: one object for each constraint of Istio's CRDs, in every served version."""

from __future__ import annotations

import json
import urllib.error
from typing import TYPE_CHECKING, Any

import pytest
from crd_cases import CRDS, Case, cases

if TYPE_CHECKING:
    from api_server import ApiServer

pytestmark = pytest.mark.kubernetes


def answer(server: ApiServer, case: Case, spec: dict[str, Any], version: str) -> str:
    """What the server says of a new object; empty where it would take it."""
    path = f"/apis/{CRDS[case.kind]['group']}/{version}/namespaces/shop/{CRDS[case.kind]['names']['plural']}"
    try:
        server.request("POST", f"{path}?dryRun=All&fieldValidation=Strict", case.document(spec, version))
    except urllib.error.HTTPError as error:
        message: str = json.load(error)["message"]
        return message
    return ""


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_the_server_refuses_each_broken_object_and_takes_the_mended_one(server: ApiServer, kind: str):
    wrong = []
    newest, *older = [version["name"] for version in CRDS[kind]["versions"]]
    for case in cases(kind):
        refused = answer(server, case, case.good, newest)
        if refused:
            wrong.append(f"{case}: {case.good} is refused: {refused}")
        versions = (newest, *(older if case.what.startswith("CEL ") else ()))
        taken = [version for version in versions if not answer(server, case, case.bad, version)]
        wrong += [f"{case}: {case.bad} is taken as {version}" for version in taken]
    assert not wrong, "\n".join(wrong)
