"""Every golden case is current, sound for readers that are not ours, and independent of the order of its sources."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import kubernetes_validate
import pytest
import yaml
from envoy_protos import (
    BOOTSTRAP,
    CLUSTER,
    LISTENER,
    LOAD_ASSIGNMENT,
    ROUTES,
    SECRET,
    canonical,
    deprecated_fields,
    without_newer,
)
from goldens import CASES, GOLDEN, ROOT, SOUND, case_of, compiled, of_other_clusters, snapshots
from validation import real_files, refusal, with_real_files

from meshgen.diagnostics import Origin
from meshgen.emit.envoy.bootstrap import BootstrapOptions, filesystem_bootstrap, static_bootstrap
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.istio.decode import decode_object
from meshgen.load.load import Options
from meshgen.load.project import PROJECT_FILE
from meshgen.pipeline import Result, compile_clusters, envoy_snapshots
from meshgen.testing.golden import differences, main, read_case, render, stored
from meshgen.testing.outputs import compile_case

Json: TypeAlias = Any


# --- the cases themselves ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_the_stored_outputs_are_what_the_sources_give_now(name: str):
    case = case_of(name)
    changed = list(differences(stored(case), render(case)))
    assert not changed, "run `make golden` and look at the diff:\n" + "\n".join(changed)


@pytest.mark.parametrize("name", CASES)
def test_no_stored_output_is_empty(name: str):
    empty = [path for path, content in stored(case_of(name)).items() if not content.strip()]
    assert not empty


def test_every_file_below_golden_belongs_to_a_case():
    def expected(name: str) -> Iterator[Path]:
        case = case_of(name)
        yield case.directory / "case.toml"
        yield from (case.directory / path for path in stored(case))
        yield from (path for path in case.source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)

    present = {path for path in GOLDEN.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert present - {path for name in CASES if name.startswith("golden/") for path in expected(name)} == set()


def test_the_python_twin_gives_the_bytes_of_its_yaml_twin():
    assert stored(case_of("golden/sources/python")) == stored(case_of("golden/sources/yaml"))


# --- the runner -------------------------------------------------------------------------------------------------------
def small_case(root: Path, settings: str = 'description = "d"\noutputs = ["istio"]\n') -> Path:
    (root / "case/in").mkdir(parents=True)
    (root / "case/case.toml").write_text(settings)
    (root / "case/in/a.yaml").write_text(
        "apiVersion: meshgen/v1\nkind: Authentication\nmetadata: {name: a}\nspec: {mtls: strict}\n"
    )
    return root / "case"


def test_an_update_is_refused_under_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    case = small_case(tmp_path)
    monkeypatch.setenv("CI", "true")
    assert main(["--update", str(tmp_path)]) == 2
    assert "not updated under CI" in capsys.readouterr().err
    assert not (case / "istio.yaml").exists()


def test_an_update_writes_what_is_missing_and_removes_what_nobody_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    case = small_case(tmp_path)
    (case / "trace.txt").write_text("an orphan\n")
    monkeypatch.delenv("CI", raising=False)
    assert main([str(tmp_path)]) == 1
    assert main(["--update", str(tmp_path)]) == 0
    assert (case / "istio.yaml").is_file()
    assert not (case / "trace.txt").exists()
    assert main([str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ('description = "d"\n', "asserts nothing"),
        ('description = "d"\noutputs = ["isto"]\n', "unknown output `isto`"),
        ('outputs = ["istio"]\n', "`description` is missing"),
        ('description = "d"\noutputs = ["istio"]\nsource = "out"\n', "there is no folder `out`"),
        ('description = "d"\noutputs = ["envoy"]\nenvoy = ["route"]\n', "unknown kind `route`"),
        ('description = "d"\noutputs = ["istio"]\ntarget = 1\n', "unknown setting `target`"),
    ],
)
def test_a_case_that_does_not_say_what_it_must_is_refused(settings: str, reason: str, tmp_path: Path):
    case = small_case(tmp_path, settings)
    with pytest.raises(ValueError, match=reason):
        read_case(case)
    assert main([str(tmp_path)]) == 2


# --- determinism ------------------------------------------------------------------------------------------------------
def outputs(result: Result) -> tuple[bytes, bytes]:
    """All that a compile gives, for every proxy."""
    istio = dump_documents([artifact.object for artifact in result.artifacts])
    if result.failed or result.mesh is None:
        return istio, b""
    found, _ = envoy_snapshots(result.mesh, result.proxies)
    envoy = [(each.proxy.id, each.listeners, each.routes, each.clusters, each.endpoints, each.secrets) for each in found]
    return istio, json.dumps(envoy).encode()


@pytest.mark.parametrize("name", CASES)
def test_a_second_compile_gives_the_same_bytes(name: str):
    assert outputs(compile_case(case_of(name))) == outputs(compiled(name))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("golden/")])
def test_the_order_of_documents_and_the_names_of_files_change_nothing(name: str, tmp_path: Path):
    case = case_of(name)
    shuffle(case.source, tmp_path, random.Random(name))
    project = None if (case.source / PROJECT_FILE).is_file() else compiled(name).project
    result = compile_clusters(tmp_path, Options(environment=case.environment or None, project=project))[0]
    assert outputs(result) == outputs(compiled(name))
    assert sorted(each.code.number for each in result.diagnostics) == sorted(
        each.code.number for each in compiled(name).diagnostics
    )


def shuffle(source: Path, target: Path, chance: random.Random) -> None:
    """The same documents in another order, dealt out to files of other names in the same folders; those that are named stay."""
    project = source / PROJECT_FILE
    named = project.read_text() if project.is_file() else ""
    for folder in (source, *(path for path in source.rglob("*") if path.is_dir() and path.name != "__pycache__")):
        place = target / folder.relative_to(source)
        place.mkdir(exist_ok=True)
        documents: list[str] = []
        for number, file in enumerate(path for path in folder.iterdir() if path.is_file()):
            if file.name == PROJECT_FILE or file.name in named or file.suffix in {".lua", ".json"}:  # named by others
                (place / file.name).write_bytes(file.read_bytes())
            elif file.suffix == ".py" or "{%" in file.read_text():  # programs and templates are one piece
                (place / f"m{number}{file.suffix}").write_text(file.read_text())
            else:
                documents += file.read_text().split("\n---\n")
        chance.shuffle(documents)
        for number, text in enumerate(documents):
            with (place / f"{'zma'[number % 3]}.yaml").open("a") as stream:
                stream.write(f"---\n{text}\n")


# --- readers that are not ours ----------------------------------------------------------------------------------------
CRDS = {
    crd["spec"]["names"]["kind"]: crd["spec"]
    for crd in yaml.load_all((ROOT / "tests/data/istio-crds.yaml").read_text(), yaml.CSafeLoader)
    if crd
}


def json_schema(schema: Json) -> Json:
    """A CRD's schema in the words of JSON Schema; unknown fields, which Kubernetes prunes, are refused."""
    if isinstance(schema, list):
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: json_schema(value) for key, value in schema.items() if key not in {"default", "description", "format"}}
    if "properties" in schema:
        found["properties"] = {key: json_schema(value) for key, value in schema["properties"].items()}
        if schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        found = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    if schema.get("nullable") and "type" in found:
        found["type"] = [found["type"], "null"]
    return found


@lru_cache(maxsize=64)
def validator(kind: str, version: str) -> jsonschema.Draft202012Validator:
    schema = next(each["schema"]["openAPIV3Schema"] for each in CRDS[kind]["versions"] if each["name"] == version)
    schema = {**schema, "properties": {name: {} for name in ("apiVersion", "kind", "metadata")} | schema["properties"]}
    return jsonschema.Draft202012Validator(json_schema(schema))


@pytest.mark.parametrize("name", SOUND)
def test_every_istio_object_fits_its_crd_and_our_own_types(name: str):
    for artifact in compiled(name).artifacts:
        value: Any = yaml.safe_load(dump_documents([artifact.object]))
        assert value == artifact.object
        group, _, version = value["apiVersion"].partition("/")
        if not group.endswith(".istio.io"):
            continue
        assert decode_object(value, Origin("again"))[1] == ()
        assert group == CRDS[value["kind"]]["group"]
        assert [error.message for error in validator(value["kind"], version).iter_errors(value)] == []


KUBERNETES = "1.35"
OTHER_APIS = ("argoproj.io", "flagger.app", "kiali.io", "monitoring.coreos.com")
"""Of custom resources beside Istio's; what these must look like is said by tests of their own."""


@pytest.mark.parametrize("name", SOUND)
def test_every_other_object_fits_kubernetes_own_schemas(name: str):
    for artifact in compiled(name).artifacts:
        value: Any = yaml.safe_load(dump_documents([artifact.object]))
        group = value["apiVersion"].partition("/")[0]
        if not group.endswith(".istio.io") and group not in OTHER_APIS:
            kubernetes_validate.validate(value, KUBERNETES, strict=True)


def test_the_crd_validator_refuses_what_the_api_does_not_have():
    good = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "a"}, "spec": {"egress": []}}
    assert list(validator("Sidecar", "v1").iter_errors(good)) == []
    assert list(validator("Sidecar", "v1").iter_errors({**good, "spec": {"egres": []}})) != []
    assert list(validator("Sidecar", "v1").iter_errors({**good, "spec": {"egress": [{"hosts": "*"}]}})) != []


KINDS_OF_RESOURCE = {
    "listeners": LISTENER,
    "routes": ROUTES,
    "clusters": CLUSTER,
    "endpoints": LOAD_ASSIGNMENT,
    "secrets": SECRET,
}


@pytest.mark.parametrize("name", SOUND)
def test_envoys_own_protos_read_every_resource_and_bootstrap(name: str):
    for snapshot in snapshots(name):
        for kind, message in KINDS_OF_RESOURCE.items():
            for resource in getattr(snapshot, kind):
                canonical(without_newer(resource), message)
        canonical(without_newer(static_bootstrap(snapshot, BootstrapOptions())), BOOTSTRAP)
        canonical(without_newer(filesystem_bootstrap(snapshot, "/etc/meshgen/envoy")), BOOTSTRAP)


@pytest.mark.parametrize("name", SOUND)
def test_no_field_is_one_that_envoy_has_deprecated(name: str):
    found = {
        field for snapshot in snapshots(name) for field in deprecated_fields(without_newer(static_bootstrap(snapshot)), BOOTSTRAP)
    }
    assert found == set()


@pytest.mark.envoy
def test_a_real_envoy_accepts_the_bootstrap_of_every_proxy(tmp_path: Path):
    files = real_files(tmp_path)
    bootstraps: dict[str, str] = {}
    for name in SOUND:
        for snapshot in (*snapshots(name), *of_other_clusters(name)):
            text = json.dumps(with_real_files(static_bootstrap(snapshot, BootstrapOptions(admin_port=0)), files))
            bootstraps.setdefault(text.replace(snapshot.proxy.id, ""), f"{name} {snapshot.proxy.id}")
    assert len(bootstraps) > len(SOUND)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        places = [tmp_path / f"{number}.json" for number in range(len(bootstraps))]
        refusals = list(pool.map(refusal, map(json.loads, bootstraps), places))
    assert {name: said for name, said in zip(bootstraps.values(), refusals, strict=True) if said} == {}
