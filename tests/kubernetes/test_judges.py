"""Validators that are not ours judge what meshgen emits: a real API server, istiod's own code, the controllers' own types."""

from __future__ import annotations

import json
import re
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from emitted import OTHERS, ROOT, Emitted, corpus, installations, objects
from judge import ask

from meshgen.deliver.config_maps import config_maps
from meshgen.diagnostics import Diagnostic, Origin
from meshgen.istio.decode import decode_object
from meshgen.istio.kinds import KINDS
from meshgen.istio.versions import NEWEST
from meshgen.json import JsonObject
from meshgen.lower.admission import admitted
from meshgen.mesh import Proxy, Role

if TYPE_CHECKING:
    from api_server import ApiServer

pytestmark = pytest.mark.kubernetes

ISTIO = [each for each in objects() if each.group.endswith(".istio.io")]


def test_there_is_something_to_judge():
    assert {each.value["kind"] for each in ISTIO} == set(KINDS)
    assert {each.group for each in objects()} >= set(OTHERS)
    assert {kind for _, kind, _ in installations()} == {
        *("base", "istio-control/istio-discovery", "gateway", "operator", "meshConfig"),
    }


# --- the API server ---------------------------------------------------------------------------------------------------
def refusal(server: ApiServer, each: Emitted) -> str:
    """What the server says of a server-side apply that changes nothing; empty where it takes the object."""
    value = {**each.value, "metadata": {"namespace": "default", **each.value["metadata"]}}
    try:
        server.apply(value, dry_run=True)
    except urllib.error.HTTPError as error:
        message: str = json.load(error)["message"]
        return message
    return ""


@pytest.mark.parametrize("source", [objects, corpus])
def test_the_api_server_takes_every_istio_object(server: ApiServer, source: Any):  # noqa: ANN401 - one of the two functions
    given = [each for each in source() if each.group.endswith(".istio.io")]
    with ThreadPoolExecutor(max_workers=4) as pool:
        said = list(pool.map(lambda each: refusal(server, each), given))
    assert {str(each): message for each, message in zip(given, said, strict=True) if message} == {}


# --- istiod -----------------------------------------------------------------------------------------------------------
KNOWN = {
    # istiod 1.31's webhook does not know the probe that its agent does.
    r"unknown health check method \*v1alpha3.ReadinessProbe_Grpc",
    # Said by a check (MG0502), which sees a Gateway's listeners together.
    r"server cannot have TLS settings for non HTTPS/TLS ports",
}
"""What is no fault of an object's, or is said elsewhere."""


def errors(said: tuple[str, ...]) -> list[str]:
    return [each for each in said if not any(re.fullmatch(known, each) for known in KNOWN)]


def test_istiods_webhook_takes_every_istio_object(tmp_path: Path):
    said = ask("istiod", [("object", each.value) for each in ISTIO], tmp_path)
    refused = {str(each): errors(answer.errors) for each, answer in zip(ISTIO, said, strict=True)}
    assert {name: found for name, found in refused.items() if found} == {}


def of_admission(value: dict[str, Any]) -> list[Diagnostic]:
    native, refused = decode_object(value, Origin("a.yaml"), target=NEWEST)
    return [*refused, *(admitted([native], NEWEST) if native is not None else ())]


REFUSED = {"MG0041", "MG0042", "MG0064", "MG0311", "MG0411"}
"""Codes of what istiod refuses; that it takes with a warning, or that does nothing, has others."""


def cases() -> list[Emitted]:
    """A spec for each constraint of the webhook."""
    found = []
    for case in yaml.load((ROOT / "tests/unit/istio/admission_cases.yaml").read_text(), yaml.CSafeLoader):
        kind = KINDS[case["kind"]]
        metadata = {"name": case.get("name", "a"), "namespace": "shop", "annotations": case.get("annotations", {})}
        value = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": case["spec"]}
        found.append(Emitted(json.dumps(case["spec"]), value))
    return found


@pytest.mark.parametrize("source", [corpus, cases])
def test_meshgen_says_it_of_what_istiod_refuses_and_of_nothing_else(source: Any, tmp_path: Path):  # noqa: ANN401 - as above
    said = ask("istiod", [("object", each.value) for each in source()], tmp_path)
    wrong = {}
    for each, answer in zip(source(), said, strict=True):
        ours = [found.message for found in of_admission(each.value) if found.code.number in REFUSED]
        if bool(errors(answer.errors)) != bool(ours):
            wrong[str(each)] = (answer.errors, ours)
    assert wrong == {}


def test_istios_own_charts_and_operator_take_every_installation(tmp_path: Path):
    given = list(installations())
    said = ask("istiod", [(kind, value) for _, kind, value in given], tmp_path)
    assert {path: answer.errors for (path, _, _), answer in zip(given, said, strict=True) if answer.errors} == {}


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("object", {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "spec": {"server": []}}, "unknown field"),
        ("object", {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "spec": {}}, "at least one server"),
        ("meshConfig", {"acessLogFile": "/dev/stdout"}, "unknown field"),
        ("meshConfig", {"connectTimeout": "1us"}, "must be"),
        (
            "operator",
            {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": {"profil": "a"}},
            "unknown field",
        ),
        ("istio-control/istio-discovery", {"pilots": {}}, "unknown field"),
        ("istio-control/istio-discovery", {"meshConfig": {"accessLogfile": "a"}}, "unknown field"),
        ("gateway", {"service": {"typ": 1}, "replicas": 2}, "additional properties"),
    ],
)
def test_the_judge_refuses_what_istio_does_not_have(kind: str, value: dict[str, Any], reason: str, tmp_path: Path):
    (answer,) = ask("istiod", [(kind, value)], tmp_path)
    assert reason in "\n".join(answer.errors)


# --- other controllers ------------------------------------------------------------------------------------------------
def test_flagger_rollouts_and_the_prometheus_operator_read_their_objects(tmp_path: Path):
    given = [each for each in objects() if each.group in OTHERS]
    said = ask("controllers", [("object", each.value) for each in given], tmp_path)
    assert {str(each): answer.errors for each, answer in zip(given, said, strict=True) if answer.errors} == {}


@pytest.mark.parametrize(
    ("version", "kind", "spec", "reason"),
    [
        ("flagger.app/v1beta1", "Canary", {"analysi": {}}, "unknown field"),
        ("flagger.app/v1beta1", "Canary", {"analysis": {"threshold": "5"}}, "cannot unmarshal"),
        ("argoproj.io/v1alpha1", "Rollout", {"strategy": {"canary": {"step": []}}}, "unknown field"),
        ("monitoring.coreos.com/v1", "PodMonitor", {"podMetricsEndpoint": []}, "unknown field"),
        ("monitoring.coreos.com/v1", "Monitor", {}, "no kind"),
    ],
)
def test_the_controllers_refuse_what_they_do_not_have(version: str, kind: str, spec: dict[str, Any], reason: str, tmp_path: Path):
    (answer,) = ask("controllers", [("object", {"apiVersion": version, "kind": kind, "spec": spec})], tmp_path)
    assert reason in "\n".join(answer.errors)


# --- core objects -----------------------------------------------------------------------------------------------------
def delivered() -> dict[str, dict[str, Any]]:
    """The objects of golden cases that bring Envoy's files as ConfigMaps, and the patches for Pods, by where they stand."""
    files = [path for path in (ROOT / "golden").rglob("envoy/*config-maps/**/*.yaml") if path.name != "kustomization.yaml"]
    found = [(path, each) for path in files for each in yaml.load_all(path.read_text(), yaml.CSafeLoader)]
    core = ("v1", "apps/v1")
    return {f"{path} {each['kind']} {each['metadata']['name']}": each for path, each in found if each["apiVersion"] in core}


def test_kubernetes_reads_the_config_maps_the_pods_and_the_patches_of_a_fleet_without_istiod(tmp_path: Path):
    given = delivered()
    assert {each["kind"] for each in given.values()} == {"ConfigMap", "Deployment", "Service"}
    said = ask("kubernetes", [("object", each) for each in given.values()], tmp_path)
    assert {place: answer.errors for place, answer in zip(given, said, strict=True) if answer.errors} == {}


def test_kubernetes_takes_config_maps_that_are_as_full_as_they_get(tmp_path: Path):
    proxy = Proxy(name="webapp", namespace="shop", role=Role.SIDECAR)
    files: dict[str, JsonObject] = {f"rds.{number}.json": {"name": "x" * 240_000} for number in range(30)}
    artifacts, problems = config_maps(proxy, files)
    said = ask("kubernetes", [("object", artifact.object) for artifact in artifacts], tmp_path)
    assert not problems
    assert len(artifacts) == 8
    assert [answer.errors for answer in said] == [()] * 8


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("ConfigMap", {"data": {"lds/listeners.json": ""}}, "a valid config key must consist of"),
        ("ConfigMap", {"data": {"a": "x" * 600_000, "b": "x" * 600_000}}, "1200000 bytes are more than 1048576"),
        ("ConfigMap", {"datas": {}}, "unknown field"),
        ("Service", {"spec": {"port": []}}, "unknown field"),
    ],
)
def test_kubernetes_refuses_what_it_does_not_have(kind: str, content: dict[str, Any], reason: str, tmp_path: Path):
    (answer,) = ask(
        "kubernetes", [("object", {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **content})], tmp_path
    )
    assert reason in "\n".join(answer.errors)
