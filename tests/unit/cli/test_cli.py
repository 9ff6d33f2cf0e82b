"""Every verb with good and bad input: exit codes, what goes to which stream, and files that are left alone."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshgen.cli.app import VERBS, cli

SERVICE = """\
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {ports: [80], versions: [v1, v2], routes: [{to: v1}]}
"""
BROKEN = SERVICE.replace("{to: v1}", "{to: v3}")
WARNED = SERVICE.replace("[{to: v1}]", "[{to: v1}, {match: {path: /a}, to: v2}]")


def run(*arguments: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env={"CI": None, "NO_COLOR": None, **(env or {})}).invoke(cli, arguments, input=stdin)


def process(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from meshgen.cli import main; main()", *arguments]
    variables = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd, env=variables)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project of `meshgen init`, and the current directory."""
    monkeypatch.chdir(tmp_path)
    assert run("init").exit_code == 0
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without a project, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# --- help ---------------------------------------------------------------------------------------------------------------
def test_the_help_names_every_verb_and_the_exit_codes():
    result = run("--help")
    assert result.exit_code == 0
    assert [name for name in VERBS if f"\n  {name} " not in result.stdout] == []
    assert "Exit codes: 0 fine, 1 differences or findings, 2 cannot run." in " ".join(result.stdout.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_examples_and_the_summary_that_the_list_shows(verb: str):
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"meshgen {verb}" in result.stdout.partition("Examples:")[2]
    command = cli.get_command(None, verb)  # type: ignore[arg-type]
    assert command is not None
    assert command.get_short_help_str(200).split(",")[0].split()[0] == VERBS[verb][0].split(",")[0].split()[0]


def test_an_unknown_verb_gets_the_nearest_one():
    result = run("complie")
    assert result.exit_code == 2
    assert "there is no command `complie`; did you mean `compile`?" in result.stderr


def test_the_version_is_the_packages():
    assert run("--version").stdout.startswith("meshgen 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_the_program_and_completes_its_verbs(shell: str):
    script = run("completion", shell)
    assert script.exit_code == 0
    assert "_MESHGEN_COMPLETE" in script.stdout
    words = {"COMP_WORDS": "meshgen comp", "COMP_CWORD": "1" if shell != "fish" else "comp"}
    found = process(env={**words, "_MESHGEN_COMPLETE": f"{shell}_complete"})
    assert "compile" in found.stdout
    assert "completion" in found.stdout


# --- init ---------------------------------------------------------------------------------------------------------------
def test_a_new_project_compiles_and_checks_without_findings(project: Path):
    checked = run("check")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "no findings" in checked.stdout
    compiled = run("compile")
    assert (compiled.exit_code, compiled.stderr) == (0, "")
    assert "out/istio: 4 created" in compiled.stdout
    assert (project / "out/istio/shop/catalog.yaml").is_file()
    assert (project / "out/envoy/shop/webapp/bootstrap.json").is_file()


def test_a_new_projects_request_can_be_traced(project: Path):
    assert project.is_dir()
    result = run("trace", "--from", "shop/webapp", "http://catalog/items")
    assert result.exit_code == 0
    assert "(90% v1, 10% v2)" in result.stdout.splitlines()[0]
    assert "(mesh/catalog.yaml:14)" in result.stdout


def test_init_overwrites_nothing(project: Path):
    before = tree(project)
    result = run("init")
    assert result.exit_code == 2
    assert "meshgen.yaml exists; `meshgen init` does not overwrite" in result.stderr
    assert tree(project) == before


def test_init_tells_where_it_cannot_write(empty: Path):
    (empty / "mesh").write_text("a file where a directory is wanted")
    result = run("init")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


# --- finding the project --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arguments", [["compile"], ["check"], ["diff"], ["trace", "http://a/"]])
def test_without_a_project_every_verb_says_what_to_do(arguments: list[str], empty: Path):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "there is no meshgen.yaml here or above; `meshgen init` makes one" in result.stderr
    assert result.stdout == ""
    assert tree(empty) == {}


def test_the_project_is_found_from_below_and_by_its_directory_and_by_its_file(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project / "mesh")
    assert run("check").exit_code == 0
    monkeypatch.chdir("/")
    assert run("check", "-C", str(project)).exit_code == 0
    assert run("check", "-C", str(project / "meshgen.yaml")).exit_code == 0
    assert run("check", "-C", str(project / "nowhere")).exit_code == 2


@pytest.mark.parametrize("arguments", [["compile"], ["check"], ["trace", "http://a/"]])
def test_an_unknown_environment_gets_the_nearest_one(arguments: list[str], project: Path):
    before = tree(project)
    result = run(*arguments, "--env", "prdo")
    assert result.exit_code == 2
    assert "the project has no environment `prdo`" in result.output
    assert "did you mean `prod`?" in result.output
    assert tree(project) == before


# --- compile --------------------------------------------------------------------------------------------------------------
def test_check_fails_when_the_tree_is_out_of_date_and_writes_nothing(project: Path):
    missing = run("compile", "--check")
    assert missing.exit_code == 1
    assert "would create  out/istio/shop/catalog.yaml" in missing.stdout
    assert not (project / "out").exists()
    run("compile")
    assert run("compile", "--check").exit_code == 0
    source = project / "mesh/catalog.yaml"
    source.write_text(source.read_text().replace("weight: 10", "weight: 25"))
    before = tree(project)
    changed = run("compile", "--check")
    assert changed.exit_code == 1
    assert "would replace out/istio/shop/catalog.yaml" in changed.stdout
    assert tree(project) == before


def test_an_edited_file_is_refused_unless_forced_and_nothing_else_is_written(project: Path):
    run("compile")
    edited = project / "out/istio/shop/catalog.yaml"
    edited.write_bytes(edited.read_bytes() + b"# by hand\n")
    source = project / "mesh/webapp.yaml"
    source.write_text(source.read_text().replace("8081", "8091"))
    before = tree(project)
    refused = run("compile")
    assert refused.exit_code == 2
    assert "error[MG0803]" in refused.stderr
    assert refused.stdout == ""
    assert tree(project) == before
    assert run("compile", "--force").exit_code == 0
    assert b"by hand" not in edited.read_bytes()


def test_errors_in_the_sources_leave_the_tree_as_it_is(project: Path):
    run("compile")
    (project / "mesh/bad.yaml").write_text(BROKEN.replace("catalog", "other"))
    before = tree(project)
    result = run("compile")
    assert result.exit_code == 2
    assert "error[MG0100]" in result.stderr
    assert "stopped by 1 error" in result.stderr
    assert result.stdout == ""
    assert tree(project) == before


def test_warnings_do_not_stop_a_compile(empty: Path):
    (empty / "shop.yaml").write_text(WARNED)
    result = run("compile", "shop.yaml")
    assert result.exit_code == 0
    assert "warning[MG0301]" in result.stderr
    assert result.stdout.startswith("apiVersion: networking.istio.io/v1\n")
    assert "warning" not in run("compile", "-q", "shop.yaml").stderr


def test_an_output_path_outside_of_the_project_is_refused(project: Path):
    file = project / "meshgen.yaml"
    file.write_text(file.read_text().replace("out/istio", "../elsewhere"))
    result = run("compile")
    assert result.exit_code == 2
    assert "a path has to stay inside of the project's directory" in result.stderr
    assert not (project.parent / "elsewhere").exists()


def test_standard_input_is_compiled_to_standard_output(empty: Path):
    result = run("compile", "-q", "-", stdin=SERVICE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("kind: ") == 2
    assert tree(empty) == {}
    broken = run("compile", "-", stdin=BROKEN)
    assert broken.exit_code == 2
    assert "<stdin>:4" in broken.stderr
    assert broken.stdout == ""


def test_sources_outside_of_this_directory_are_read_and_written_where_o_says(
    empty: Path, tmp_path_factory: pytest.TempPathFactory
):
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "shop.yaml").write_text(SERVICE)
    result = run("compile", str(place / "shop.yaml"), "-o", "made")
    assert result.exit_code == 0
    assert (empty / "made/istio/shop/catalog.yaml").is_file()
    assert run("compile", "nowhere.yaml").exit_code == 2


def test_targets_and_proxies_choose_what_is_written(project: Path):
    assert run("compile", "--target", "istio", "-o", "a").exit_code == 0
    assert sorted(path.name for path in (project / "a").iterdir()) == ["istio"]
    assert run("compile", "--target", "envoy", "-p", "shop/webapp", "-o", "b").exit_code == 0
    assert [path.parent.name for path in (project / "b").rglob("*.json")] == ["webapp"]
    unknown = run("compile", "-p", "shop/webap")
    assert unknown.exit_code == 2
    assert "did you mean `shop/webapp`?" in unknown.stderr


def test_one_proxy_compiled_again_leaves_the_files_of_the_others(project: Path):
    run("compile")
    before = tree(project / "out")
    result = run("compile", "--proxy", "shop/webapp")
    assert result.exit_code == 0
    assert tree(project / "out") == before


def test_check_and_json_do_not_go_with_printed_yaml(project: Path):
    assert project.is_dir()
    for option in ("--check", "--json"):
        result = run("compile", "--stdout", option)
        assert result.exit_code == 2
        assert f"{option} is about written files" in result.stderr


def test_python_sources_are_refused_where_asked(project: Path):
    (project / "mesh/more.py").write_text("mesh = []\n")
    assert run("compile", "--check").exit_code == 1
    for verb in (["compile"], ["check"]):
        result = run(*verb, "--no-python")
        assert result.exit_code == 2
        assert "MG0030" in result.output


def test_a_read_only_output_is_an_error_with_the_reason(project: Path):
    (project / "out").mkdir()
    (project / "out/istio").write_text("a file where the directory should be")
    result = run("compile")
    assert result.exit_code == 2
    assert "error[MG08" in result.stderr
    assert (project / "out/istio").read_text() == "a file where the directory should be"
    assert not (project / "out/envoy").exists()


@pytest.mark.parametrize("name", [b"caf\xe9.yaml", "schön.yaml".encode(), b"a b\nc.yaml"])
def test_any_file_name_can_be_reported(name: bytes, project: Path):
    (project / "mesh" / os.fsdecode(name)).write_text(BROKEN.replace("catalog", "other"))
    for verb in ("check", "compile"):
        result = process(verb, cwd=project, env={"PYTHONIOENCODING": "utf-8"})
        assert result.returncode == 2
        assert "MG0100" in result.stdout + result.stderr
        assert "Traceback" not in result.stderr


# --- JSON -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["check"], {"diagnostics", "notChecked"}),
        (["compile"], {"diagnostics", "outputs"}),
        (["compile", "--check"], {"diagnostics", "files"}),
        (["trace", "--from", "shop/webapp", "http://catalog/"], {"diagnostics", "answer", "hops", "copies", "notes"}),
        (["diff", "-d", ".", "."], {"diagnostics", "changes", "impact"}),
    ],
)
def test_json_is_one_object_and_nothing_else(arguments: list[str], keys: set[str], project: Path):
    good = run(*arguments, "--json")
    assert good.exit_code in {0, 1}
    assert good.stderr == ""
    assert set(json.loads(good.stdout)) == keys
    (project / "mesh/bad.yaml").write_text(BROKEN.replace("catalog", "other"))
    bad = run(*arguments, "--json")
    assert bad.exit_code == 2
    assert bad.stderr == ""
    found = json.loads(bad.stdout)["diagnostics"]
    assert found[0]["code"] == "MG0100"
    assert found[0]["place"]["line"] == 4


def test_explain_and_schema_give_json():
    pages = json.loads(run("explain", "--json").stdout)
    assert len(pages) > 50
    assert json.loads(run("explain", "MG0104", "--json").stdout)[0]["slug"] == "unknown-service"
    schema = json.loads(run("schema").stdout)
    assert "$schema" in schema


# --- check ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "code"), [(SERVICE, 0), (WARNED, 1), (BROKEN, 2), ("a: [", 2), ("", 0)])
def test_checks_exit_code_is_the_gravest_finding(text: str, code: int, empty: Path):
    (empty / "shop.yaml").write_text(text)
    result = run("check", "shop.yaml")
    assert result.exit_code == code
    assert result.stderr == ""
    assert run("check", "-", stdin=text).exit_code == code


def test_check_lists_what_it_could_not_check(empty: Path):
    (empty / "shop.yaml").write_text(SERVICE)
    assert "--not-checked lists them" in run("check", "shop.yaml").stdout
    listed = run("check", "--not-checked", "shop.yaml").stdout
    assert "not checked: MG0" in listed
    assert "for lack of" in listed


# --- colour ---------------------------------------------------------------------------------------------------------------
def test_colour_is_used_where_asked_and_nowhere_else(empty: Path):
    (empty / "shop.yaml").write_text(BROKEN)
    assert "\x1b[" not in run("check", "shop.yaml").stdout
    assert "\x1b[" in run("check", "--color", "always", "shop.yaml").stdout
    assert "\x1b[" not in run("check", "--color", "never", "shop.yaml").stdout


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colour_unless_no_color_is_set(variables: dict[str, str], coloured: bool, empty: Path):
    (empty / "shop.yaml").write_text(BROKEN)
    shown = in_a_terminal(["check", "shop.yaml"], {"TERM": "xterm", **variables})
    assert b"MG0100" in shown
    assert (b"\x1b[" in shown) is coloured


def in_a_terminal(arguments: list[str], variables: dict[str, str]) -> bytes:
    """What a run prints to a pseudo-terminal."""
    leader, follower = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TERM"}} | variables
    command = [sys.executable, "-c", "from meshgen.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=follower, stderr=follower, stdin=subprocess.DEVNULL, env=env) as child:
        os.close(follower)
        shown = b"".join(_chunks(leader))
        child.wait(timeout=60)
    os.close(leader)
    return shown


def _chunks(file: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(file, 4096)
        except OSError:  # Linux's word for the end of a terminal
            return
        if not chunk:
            return
        yield chunk


# --- trace ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["http://shop.example.com:8080/"], 0, "in at shop/storefront"),
        (["curl", "http://shop.example.com:8080/"], 0, "in at shop/storefront"),
        (["--from", "shop/webapp", "-X", "POST", "http://catalog/"], 1, "denied 403"),
        (["--from", "shop/webapp", "-H", "x-cohort: internal", "http://catalog/"], 0, "|v2|"),
        (["--from", "shop/webapp", "--explain", "http://catalog/"], 0, "not #0: header `x-cohort` is missing"),
        (["http://nowhere.example.com:8080/"], 1, "not found 404"),
        (["--from", "shop/webap", "http://catalog/"], 2, "did you mean `shop/webapp`?"),
        (["--gateway", "shop/storefrnt", "http://shop.example.com/"], 2, "did you mean `shop/storefront`?"),
        (["-H", "x-cohort", "http://catalog/"], 2, "`x-cohort` is no header"),
        (["ftp://catalog/"], 2, "`ftp://catalog/` is no address of a request"),
        (["http://[::1"], 2, "is no address of a request"),
        (["http://catalog:99999/"], 2, "is no address of a request: port out of range"),
        (["http://a/", "http://b/"], 2, "one URL is traced at a time"),
        ([], 2, "no request is given; write its URL"),
        (["--from", "webapp", "curl", "-X", "POST", "http://catalog/"], 1, "denied 403"),
        (["curl -sS http://shop.example.com:8080/ | jq ."], 0, "in at shop/storefront"),
        (["--from", "shop/webapp", "curl", "-L", "http://catalog/"], 0, "note: `-L`: a redirect is shown and not followed"),
        (["--from", "shop/webapp", "--format", "mermaid", "http://catalog/"], 0, "sequenceDiagram"),
        (["--from", "shop/webapp", "--to", "v9", "http://catalog/"], 2, "no share goes to `v9`"),
        (["http://a/", "curl", "http://b/"], 2, "one URL is traced at a time"),
        (["--request-json", "nowhere.json"], 2, "`nowhere.json` cannot be read: no such file or directory"),
        (["--claim", "sub=ann", "http://shop.example.com:8080/"], 2, "add the claim `iss`"),
        (["--token", "nowhere.json", "http://a/"], 2, "there is no token in `nowhere.json`"),
        (["--config-dump", "nowhere.json", "http://a/"], 2, "`nowhere.json` cannot be read"),
        (["--admin", "http://127.0.0.1:1", "http://a/"], 2, "nobody answers at `http://127.0.0.1:1`"),
        (["--admin", "http://127.0.0.1:1", "-f", "mesh", "http://a/"], 2, "not through both"),
    ],
)
def test_trace_answers_or_says_why_not(arguments: list[str], code: int, said: str, project: Path):
    assert project.is_dir()
    result = run("trace", *arguments)
    assert said in result.output
    assert result.exit_code == code
    assert (result.stderr == "") is (code < 2)


# --- diff -----------------------------------------------------------------------------------------------------------------
def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(project: Path) -> Path:
    git("init", "-q", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "first", cwd=project)
    return project


def test_diff_compares_revisions_and_the_work_tree_which_stays_untouched(repository: Path):
    assert run("diff").exit_code == 0
    source = repository / "mesh/catalog.yaml"
    source.write_text(source.read_text().replace("weight: 10", "weight: 25"))
    before = tree(repository / "mesh")
    changed = run("diff")
    assert changed.exit_code == 1
    assert "10%" in changed.stdout
    assert "25%" in changed.stdout
    assert run("diff", "--markdown").stdout.startswith("<!-- meshgen")
    assert run("diff", "HEAD", "HEAD").exit_code == 0
    assert run("diff", "HEAD..HEAD").exit_code == 0
    assert tree(repository / "mesh") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "MG0025"),
        (["a", "b", "c"], "`c` is a third"),
        (["-d", "mesh"], "takes two directories"),
        (["-d", "mesh", "nowhere"], "there is no directory `nowhere`"),
        (["--live", "HEAD"], "they take no BEFORE and AFTER"),
        (["--live", "--kubeconfig", "nowhere"], "MG0850"),
        (["--envoy", "nowhere.json"], "say with --proxy"),
        (["--envoy", "nowhere.json", "--proxy", "shop/webap"], "did you mean `shop/webapp`?"),
        (["--envoy", "nowhere.json", "--proxy", "shop/webapp"], "MG0856"),
    ],
)
def test_diff_says_why_two_sides_cannot_be_compared(arguments: list[str], said: str, repository: Path):
    assert repository.is_dir()
    result = run("diff", *arguments)
    assert said in result.stderr
    assert result.exit_code == 2


def test_diff_outside_of_a_repository_says_so(project: Path):
    assert project.is_dir()
    result = run("diff", env={"GIT_CEILING_DIRECTORIES": str(project.parent)})
    assert result.exit_code == 2
    assert "MG0026" in result.stderr


# --- explain --------------------------------------------------------------------------------------------------------------
def test_explain_takes_a_code_or_a_slug_in_any_case():
    assert run("explain", "mg0104").stdout == run("explain", "unknown-service").stdout
    assert run("explain", "MG0104").stdout.startswith("MG0104 unknown-service (error): ")
    unknown = run("explain", "unknown-servce")
    assert unknown.exit_code == 2
    assert "did you mean `unknown-service`?" in unknown.stderr
    assert run("explain", "MG9999").exit_code == 2


# --- fmt ------------------------------------------------------------------------------------------------------------------
def test_fmt_writes_the_short_form_and_keeps_comments_and_mode(empty: Path):
    file = empty / "shop.yaml"
    file.write_text(SERVICE.replace("versions: [v1, v2]", "versions: [{name: v1, labels: {version: v1}}, v2]") + "# the end\n")
    file.chmod(0o640)
    assert run("fmt", "--check", "shop.yaml").exit_code == 1
    result = run("fmt", ".")
    assert (result.exit_code, result.stdout) == (0, "formatted shop.yaml\n")
    assert file.read_text().endswith("# the end\n")
    assert "labels" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", "shop.yaml").exit_code == 0
    assert run("fmt", "--long", "shop.yaml").exit_code == 0
    assert "labels" in file.read_text()


def test_fmt_gives_standard_input_back_formatted(empty: Path):
    assert empty.is_dir()
    result = run("fmt", "-", stdin=SERVICE.replace("[80]", "[{name: http, port: 80, protocol: HTTP}]"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ports: [80]" in result.stdout


@pytest.mark.parametrize("text", ["a: [", "\x00", "apiVersion: meshgen/v1\nkind: Nothing\n"])
def test_fmt_leaves_what_it_cannot_read(text: str, empty: Path):
    (empty / "shop.yaml").write_text(text)
    result = run("fmt", "shop.yaml")
    assert result.exit_code == 2
    assert "error[MG00" in result.stderr
    assert (empty / "shop.yaml").read_text() == text
    assert run("fmt", "nowhere.yaml").exit_code == 2


def test_fmt_says_what_it_cannot_format(empty: Path):
    (empty / "shop.yaml").write_text("a\tb: 1\n")  # a key with a tab in it, which not every parser reads
    result = run("fmt", "shop.yaml")
    assert result.exit_code == 2
    assert "error[MG0044]: `shop.yaml` cannot be formatted" in result.stderr
    assert (empty / "shop.yaml").read_text() == "a\tb: 1\n"


# --- the process ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arguments", [["compile", "--stdout"], ["explain"], ["schema"], ["check"], ["--help"]])
def test_nobody_reading_on_is_no_traceback(arguments: list[str], project: Path):
    command = [sys.executable, "-c", "from meshgen.cli import main; main()", *arguments]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(timeout=60) in {0, 1}


INTERRUPTED = """
import io, signal, sys, meshgen.cli

class Terminal(io.BytesIO):
    def read(self, size=-1):
        signal.raise_signal(signal.SIGINT)  # as Ctrl-C does while the run waits for its input
        return b""

sys.stdin = io.TextIOWrapper(Terminal())
meshgen.cli.main()
"""


def test_an_interrupt_ends_the_run_with_130_and_no_traceback(empty: Path):
    command = [sys.executable, "-c", INTERRUPTED, "compile", "-"]
    result = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 130
    assert result.stderr.strip() == "interrupted"


def test_a_directory_that_is_gone_is_no_traceback(tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} -c 'from meshgen.cli import main; main()' check"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "meshgen cannot run" in result.stderr
