"""`meshgen adopt` as a user meets it: exit codes, what is printed where, what is written and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import cli

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec: {hosts: [catalog], http: [{route: [{destination: {host: catalog}, weight: 1}, {destination: {host: forum}, weight: %d}]}]}
"""
WHOLE, THIRDS = ROUTE % 1, ROUTE % 2


def adopt(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["adopt", *arguments], input=stdin, prog_name="meshgen")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "istio").mkdir()
    (tmp_path / "istio/shop.yaml").write_text(WHOLE)
    return tmp_path / "istio"


def test_all_adopted_is_0_and_the_intent_goes_to_standard_output(sources: Path):
    result = adopt("istio")
    assert result.exit_code == 0
    assert result.stdout.startswith("apiVersion: meshgen/v1\nkind: Service\n")
    assert "1 of 1 native objects (100%) are now 1 intent" in result.stderr
    assert (sources / "shop.yaml").read_text() == WHOLE


def test_something_left_native_is_1_with_its_place_and_the_reason(sources: Path):
    (sources / "shop.yaml").write_text(THIRDS)
    result = adopt("istio")
    assert result.exit_code == 1
    assert "istio/shop.yaml:1: VirtualService shop/catalog: the weights 1, 2 are no whole percentages" in result.stderr
    assert "kind: VirtualService" in result.stdout


def test_a_mistake_in_the_sources_is_2_and_nothing_is_written(sources: Path):
    (sources / "shop.yaml").write_text(WHOLE.replace("hosts", "hots"))
    result = adopt("istio", "-o", "mesh")
    assert result.exit_code == 2
    assert "MG0042" in result.stderr
    assert not Path("mesh").exists()


def test_no_native_object_at_all_is_said(sources: Path):
    (sources / "shop.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: bücher, namespace: shop}\nspec: {}\n")
    result = adopt("istio")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "there is no native Istio object to adopt" in result.stderr


def test_an_output_directory_gets_a_file_a_name_and_a_second_run_changes_nothing(sources: Path):
    (sources / "lab.yaml").write_text(THIRDS.replace("namespace: shop", "namespace: lab"))
    assert "2 created" in adopt("istio", "-o", "mesh").stdout
    assert "2 unchanged" in adopt("istio", "-o", "mesh").stdout
    assert Path("mesh/shop/catalog.yaml").is_file()
    assert Path("mesh/lab/native/virtualservice-catalog.yaml").is_file()


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize("place", ["istio", "istio/new"])
def test_an_output_among_the_sources_is_refused(place: str):
    result = adopt("istio", "-o", place)
    assert result.exit_code == 2
    assert f"`{place}` lies in `istio`, which is read" in result.stderr


@pytest.mark.usefixtures("sources")
def test_files_of_others_are_not_overwritten():
    Path("mesh/shop").mkdir(parents=True)
    Path("mesh/shop/catalog.yaml").write_text("mine\n")
    result = adopt("istio", "-o", "mesh")
    assert result.exit_code == 2
    assert Path("mesh/shop/catalog.yaml").read_text() == "mine\n"


def test_json_has_a_row_an_object_and_a_summary(sources: Path):
    (sources / "lab.yaml").write_text(THIRDS.replace("namespace: shop", "namespace: lab"))
    result = json.loads(adopt("istio", "--json").stdout)
    assert result["summary"] == {"objects": 2, "intent": 1, "patched": 0, "native": 1}
    assert [(row["namespace"], row["became"], row["line"]) for row in result["objects"]] == [
        ("shop", "intent", 1),
        ("lab", "native", 1),
    ]


@pytest.mark.usefixtures("sources")
def test_standard_input_is_read():
    result = adopt("-", "--quiet", stdin=WHOLE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "kind: Service" in result.stdout
