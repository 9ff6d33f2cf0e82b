"""Python sources: run apart, with limits; what they print, raise and give is placed."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from meshgen.json import JsonValue
from meshgen.load.python import Job, Limits, Ran, run_jobs

# What the contract asks of an intent: `to_document()`, and `source`, the place of the constructor call.
INTENT = """
import sys

class Intent:
    def __init__(self, name, **spec):
        frame = sys._getframe(1)
        self.name, self.spec, self.source = name, spec, (frame.f_code.co_filename, frame.f_lineno)

    def to_document(self):
        metadata = {"name": self.name}
        return {"apiVersion": "meshgen/v1", "kind": "Service", "metadata": metadata, "spec": self.spec}
"""


def run(root: Path, source: str, limits: Limits | None = None, /, **variables: JsonValue) -> Ran:
    (root / "_intent.py").write_text(INTENT)
    text = textwrap.dedent(source).lstrip("\n")
    (root / "mesh.py").write_text(text)
    return run_jobs([Job("mesh.py", text)], root, "production", variables, limits)


def names(ran: Ran) -> list[tuple[str, int | None]]:
    return [(document.name, document.origin.line) for document in ran.documents["mesh.py"]]


def findings(ran: Ran) -> list[tuple[str, str, int | None, str]]:
    return [(d.code.number, d.origin.file, d.origin.line, d.message) for d in ran.diagnostics]


def test_a_list_of_intents_knows_the_line_of_each(tmp_path: Path):
    ran = run(
        tmp_path,
        """
        from _intent import Intent

        mesh = [
            Intent("a"),
            Intent("b", ports=(80,)),
        ]
        """,
    )
    assert ran.diagnostics == []
    assert names(ran) == [("a", 4), ("b", 5)]
    assert ran.documents["mesh.py"][1].value["spec"] == {"ports": [80]}


def test_a_function_is_given_the_environment_and_may_yield(tmp_path: Path):
    ran = run(
        tmp_path,
        """
        def native(name):
            return {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": name}}

        def mesh(env):
            yield native(env.name)
            for name in env.vars["names"]:
                yield native(name)
        """,
        names=["x", "y"],
    )
    assert ran.diagnostics == []
    assert names(ran) == [("production", 5), ("x", 7), ("y", 7)]


@pytest.mark.parametrize(
    "given",
    [
        "mesh = Intent('a')",
        "def mesh(): return Intent('a')",
        "def mesh(env): return [Intent('a')]",
        "mesh = (x for x in [Intent('a')])",
        "mesh = [[Intent('a')], []]",
    ],
)
def test_mesh_may_be_one_resource_a_function_or_anything_that_can_be_gone_through(tmp_path: Path, given: str):
    ran = run(tmp_path, f"from _intent import Intent\n{given}\n")
    assert (names(ran), ran.diagnostics) == ([("a", 2)], [])


def test_an_exception_is_shown_at_the_sources_own_line(tmp_path: Path):
    ran = run(tmp_path, "import json\n\ndef broken():\n    return json.loads('{')\n\nmesh = [broken()]\n")
    ((number, file, line, message),) = findings(ran)
    assert (number, file, line) == ("MG0031", "mesh.py", 4)
    assert "JSONDecodeError: Expecting property name" in message
    assert ran.documents == {}


def test_an_exception_in_a_module_of_the_project_is_shown_there(tmp_path: Path):
    (tmp_path / "_shared.py").write_text("def broken():\n    raise KeyError('x')\n")
    ran = run(tmp_path, "import _shared\nmesh = [_shared.broken()]\n")
    assert findings(ran) == [("MG0031", "_shared.py", 2, "the source raised KeyError: 'x'")]


@pytest.mark.parametrize(
    ("source", "number", "line", "part"),
    [
        ("mesh = [\n", "MG0031", 1, "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "MG0031", 2, "SystemExit: 3"),
        ("x = 1\n", "MG0034", 1, "no `mesh`"),
        ("mesh = []\n\nmesh = ['a']\n", "MG0035", 3, "`str` is no resource"),
        ("mesh = 5\n", "MG0035", 1, "`int` is no resource"),
        ("mesh = {'kind': 'A', 'spec': {1: 2}}\n", "MG0035", 1, "the key `1` is not a string"),
        ("mesh = {'kind': 'A', 'spec': {'a': float('nan')}}\n", "MG0035", 1, "not-a-number"),
        ("mesh = {'kind': 'A', 'spec': {'a': {1, 2}}}\n", "MG0035", 1, "`set` is no JSON value"),
        ("mesh = {'kind': 'A', 'spec': 2**64}\n", "MG0035", 1, "64 bits"),
        ("mesh = {}\nmesh['a'] = mesh\n", "MG0035", 1, "levels"),
        ("import os\nos._exit(4)\n", "MG0033", 1, "ended in `mesh.py`"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "MG0033", 1, "ended in `mesh.py`"),
    ],
)
def test_each_way_to_go_wrong_is_a_finding(tmp_path: Path, source: str, number: str, line: int, part: str):
    ran = run(tmp_path, source)
    ((found, _, at, message),) = findings(ran)
    assert (found, at) == (number, line)
    assert part in message
    assert ran.documents == {}


def test_what_is_printed_is_shown_with_its_line_and_spoils_nothing(tmp_path: Path):
    ran = run(tmp_path, "import sys\nprint('one', 'two')\nprint('three', file=sys.stderr)\nmesh = []\nprint('{', end='')\n")
    assert findings(ran) == [
        ("MG0036", "mesh.py", 2, "printed: one two"),
        ("MG0036", "mesh.py", 3, "printed: three"),
        ("MG0036", "mesh.py", 5, "printed: {"),
    ]
    assert ran.documents == {"mesh.py": ()}


def test_endless_printing_is_cut(tmp_path: Path):
    ran = run(tmp_path, "for _ in range(200_000): print('x' * 50)\nmesh = []\n")
    assert sum(len(d.message) for d in ran.diagnostics) < 200_000
    assert ran.documents == {"mesh.py": ()}


def test_the_time_limit_names_the_line(tmp_path: Path):
    ran = run(tmp_path, "x = 0\nwhile True:\n    x += 1\n", Limits(seconds=0.5))
    ((number, _, line, _),) = findings(ran)
    assert number == "MG0032"
    assert line in {2, 3}


def test_a_source_that_swallows_the_alarm_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("meshgen.load.python._GRACE", 0.5)
    source = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    assert [f[0] for f in findings(run(tmp_path, source, Limits(seconds=0.3)))] == ["MG0032"]


def test_the_memory_limit_holds(tmp_path: Path):
    ran = run(tmp_path, "x = []\nwhile True: x.append(bytearray(10_000_000))\n", Limits(memory=400 * 1024**2))
    assert [f[:3] for f in findings(ran)] == [("MG0032", "mesh.py", 2)]


def test_sources_do_not_see_each_other(tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "_names.py").write_text(f"NAME = {folder!r}\n")
    text = "import _names, builtins\nseen = 'mark' in globals()\nmark = 1\nmesh = {'kind': _names.NAME, 'seen': seen}\n"
    ran = run_jobs([Job("a/m.py", text), Job("b/m.py", text)], tmp_path, "", {})
    assert [ran.documents[f][0].value for f in ("a/m.py", "b/m.py")] == [
        {"kind": "a", "seen": False},
        {"kind": "b", "seen": False},
    ]


def test_the_machine_and_the_hash_seed_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MESHGEN_TEST_SECRET", "x")
    source = (
        "import os\nmesh = {'kind': 'A', 'secret': os.environ.get('MESHGEN_TEST_SECRET'), 'order': list({'a', 'b', 'c', 'd'})}\n"
    )
    first, second = (run(tmp_path, source).documents["mesh.py"][0].value for _ in range(2))
    assert first == second
    assert first["secret"] is None


def test_a_failing_source_leaves_the_others(tmp_path: Path):
    jobs = [Job("a.py", "mesh = {'kind': 'A'}"), Job("b.py", "1/0"), Job("c.py", "mesh = {'kind': 'C'}")]
    ran = run_jobs(jobs, tmp_path, "", {})
    assert list(ran.documents) == ["a.py", "c.py"]
    assert [d.code.number for d in ran.diagnostics] == ["MG0031"]


def test_after_a_crash_the_later_sources_are_reported_too(tmp_path: Path):
    jobs = [Job("a.py", "mesh = {'kind': 'A'}"), Job("b.py", "import os; os._exit(1)"), Job("c.py", "mesh = []")]
    ran = run_jobs(jobs, tmp_path, "", {})
    assert list(ran.documents) == ["a.py"]
    assert [d.origin.file for d in ran.diagnostics] == ["b.py", "c.py"]


def test_a_child_left_behind_does_not_hold_the_run_up(tmp_path: Path):
    ran = run(tmp_path, "import subprocess\nsubprocess.Popen(['/bin/sleep', '600'], close_fds=False)\nmesh = []\n")
    assert ran.documents == {"mesh.py": ()}


def render(root: Path, text: str, limits: Limits | None = None, /, **variables: JsonValue) -> Ran:
    return run_jobs([Job("t.yaml", text, template=True)], root, "production", variables, limits)


def test_a_template_sees_the_variables_and_the_environment(tmp_path: Path):
    ran = render(tmp_path, "weight: {{ vars.weight }}\nenv: {{ environment }}\n", weight=5)
    assert (ran.rendered, ran.diagnostics) == ({"t.yaml": "weight: 5\nenv: production\n"}, [])


@pytest.mark.parametrize(
    ("text", "number", "line"),
    [
        ("a: 1\nb: {{ vars.nothing }}\n", "MG0037", 2),
        ("a: 1\nb: {% if %}\n", "MG0037", 2),
        ("a: {{ ''.__class__.__mro__ }}", "MG0037", 1),
        ("a: {{ vars.update(x=1) }}", "MG0037", 1),
        ("{% include '/etc/passwd' %}", "MG0037", 1),
        ("{{ 1 / 0 }}", "MG0037", 1),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}", "MG0038", 1),
    ],
)
def test_a_template_that_fails_is_shown_with_its_line(tmp_path: Path, text: str, number: str, line: int):
    assert [(found, at) for found, _, at, _ in findings(render(tmp_path, text))] == [(number, line)]


def test_the_limits_hold_for_templates(tmp_path: Path):
    text = "{% for i in range(99999) %}{% for j in range(99999) %}{% if 0 %}x{% endif %}{% endfor %}{% endfor %}"
    assert [f[0] for f in findings(render(tmp_path, text, Limits(seconds=0.5)))] == ["MG0032"]
    assert [f[0] for f in findings(render(tmp_path, "{{ 'x' * 10**10 }}", Limits(memory=400 * 1024**2)))] == ["MG0032"]
