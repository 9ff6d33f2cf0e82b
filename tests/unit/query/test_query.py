"""Questions as people ask them, assertions, graphs, and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import cli
from meshgen.journey import UnanswerableError
from meshgen.query import Answer, Asked, Row, read_question
from meshgen.query.gate import breaches, unmet
from meshgen.query.render import render_dot, render_mermaid

STOREFRONT = Path(__file__).parents[3] / "examples/storefront"


def run(*arguments: str, project: Path = STOREFRONT) -> Result:
    return CliRunner().invoke(cli, ["query", *arguments, "-C", str(project)])


# --- words ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("who can call payments?", Asked("callers", "payments")),
        ("Who  can call  bank/payments ?", Asked("callers", "bank/payments")),
        ("callers payments", Asked("callers", "payments")),
        ("what can webapp reach?", Asked("reach", "webapp")),
        ("which hosts are open to the internet without a token?", Asked("open")),
        ("which hosts are open to the internet?", Asked("exposed")),
        ("which services still accept plaintext?", Asked("plaintext")),
        ("which ways lead to ledger?", Asked("ways", "ledger")),
        ("how can anyone reach ledger?", Asked("ways", "ledger")),
        ("which services let in any workload?", Asked("unprotected")),
        ("which hosts outside are reached?", Asked("egress")),
    ],
)
def test_a_question_is_words_of_a_command_or_a_sentence(text: str, asked: Asked):
    assert read_question([text]) == asked
    assert read_question(text.split()) == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calers payments", "did you mean `callers`?"),
        ("callers", "`callers` takes one service"),
        ("callers a b", "`callers` takes one service"),
        ("plaintext payments", "`plaintext` takes no name; `payments` is left over"),
        ("", "no question is asked"),
        ("wer darf hier rein? \u2603", "ask as in `who can call payments?`"),
    ],
)
def test_what_is_no_question_is_told_what_is_one(text: str, said: str):
    with pytest.raises(UnanswerableError) as raised:
        read_question([text])
    assert said in str(raised.value)


# --- assertions -------------------------------------------------------------------------------------------------------
ANSWER = Answer(
    question="who can call a?",
    columns=("caller", "may", "line"),
    rows=(
        Row(
            subject="shop/web",
            cells={"caller": "shop/web", "may": "everything"},
            where=("m.yaml:3",),
            edge=("shop/web", "a", 'x "y"'),
        ),
        Row(subject="bank/pay", cells={"caller": "bank/pay", "may": "no"}, edge=("bank/pay", "a", "no"), holds=False),
    ),
    nothing="nobody",
)


def test_an_assertion_allows_names_and_patterns_and_nobody_else():
    assert breaches(ANSWER, ["shop/web"]) == breaches(ANSWER, ["shop/*,bank/*"]) == ()
    assert [each.line for each in breaches(ANSWER, ["none"])] == ["shop/web: may everything (m.yaml:3)"]
    assert [each.row.subject for each in breaches(ANSWER, ["bank/pay"])] == ["shop/web"]


def test_a_name_for_which_nothing_holds_is_said():
    assert unmet(ANSWER, ["shop/web, bank/pay", "old/*"]) == ("bank/pay",)


def test_a_graph_has_what_holds_and_escapes_what_its_language_would_read():
    assert render_mermaid(ANSWER).splitlines()[1:] == ['  n0["shop/web"]', '  n1["a"]', '  n0 -->|"x #34;y#34;"| n1']
    assert '"shop/web" -> "a" [label="x \\"y\\""];' in render_dot(ANSWER)


# --- the command line ---------------------------------------------------------------------------------------------------
def test_an_assertion_that_holds_is_0_and_one_that_does_not_is_1_with_the_line():
    assert run("plaintext", "--assert", "none").exit_code == 0
    failed = run("callers", "catalog", "--assert", "shop/webapp")
    assert failed.exit_code == 1
    assert "not allowed: istio-ingress/gateway: port 80" in failed.stderr
    assert "mesh/catalog.yaml:40" in failed.stderr


def test_json_has_the_answer_and_the_assertion():
    found: Any = json.loads(run("callers", "forum", "--json", "--assert", "none").stdout)
    assert found["answer"]["rows"][0]["subject"] == "shop/catalog"
    assert found["assertion"]["holds"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["callers", "catlog"], "there is no service `catlog`; did you mean `catalog`?"),
        (["reach", "nobody"], "there is no workload `nobody`"),
        (["--assertions"], "the project has no `assertions`"),
        ([], "no question is asked"),
    ],
)
def test_what_cannot_be_answered_is_2_and_says_why(arguments: list[str], said: str):
    found = run(*arguments)
    assert (found.exit_code, said in found.stderr) == (2, True), found.output


def test_a_project_keeps_its_assertions(tmp_path: Path):
    project = (STOREFRONT / "meshgen.yaml").read_text()
    (tmp_path / "mesh").symlink_to(STOREFRONT / "mesh")
    (tmp_path / "env").symlink_to(STOREFRONT / "env")
    (tmp_path / "tests").symlink_to(STOREFRONT / "tests")
    asserted = "  assertions:\n    - {query: who can call forum?, only: [shop/catalog]}\n    - {query: open, only: []}\n"
    (tmp_path / "meshgen.yaml").write_text(project.rstrip() + "\n" + asserted)
    found = run("--assertions", project=tmp_path)
    assert found.exit_code == 1, found.output
    assert "holds  who can call forum?" in found.stdout
    assert "not allowed: shop.example.com: port 443" in found.stdout
    assert "1 of 2 assertions hold" in found.stdout


def test_a_mesh_of_nothing_answers_too(tmp_path: Path):
    (tmp_path / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh/empty.yaml").write_text("")
    for question, said in {"plaintext": "no service accepts plaintext", "exposed": "no host is open to the internet"}.items():
        assert said in run(question, project=tmp_path).stdout
