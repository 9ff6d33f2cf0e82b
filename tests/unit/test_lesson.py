"""READMEs whose commands are run: what is written below them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgen.testing.lesson import render_lesson


def lesson(folder: Path, text: str) -> str:
    (folder / "README.md").write_text(text)
    return render_lesson(folder).decode()


def test_commands_are_followed_by_what_they_print_on_either_stream_and_their_status(tmp_path: Path):
    text = "# A\n\n```console\n$ echo one; echo two >&2\nold\n$ false\n```\n\nprose\n"
    assert lesson(tmp_path, text) == (
        "# A\n\n```console\n$ echo one; echo two >&2\none\ntwo\n$ false\nexit status 1\n```\n\nprose\n"
    )


def test_a_second_run_changes_nothing(tmp_path: Path):
    once = lesson(tmp_path, "```console\n$ printf 'a \\n\\nb\\n\\n'\n$ echo \\\n  c\n```\n")
    assert once == "```console\n$ printf 'a \\n\\nb\\n\\n'\na\n\nb\n$ echo \\\n  c\nc\n```\n"
    assert lesson(tmp_path, once) == once


def test_blocks_share_a_copy_and_the_folder_stays_as_it_is(tmp_path: Path):
    (tmp_path / "a.txt").write_text("before\n")
    text = lesson(tmp_path, "```console\n$ echo after > a.txt\n```\n```console\n$ cat a.txt\n```\n")
    assert text.endswith("$ cat a.txt\nafter\n```\n")
    assert (tmp_path / "a.txt").read_text() == "before\n"


def test_meshgen_is_the_one_that_is_tested(tmp_path: Path):
    assert "\nmeshgen 0." in lesson(tmp_path, "```console\n$ meshgen --version\n```\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```console\nmeshgen check\n```\n", "begins with `\\$ ` and a command, not with `meshgen check`"),
        ("```console\n```\n", "begins with"),
        ("```console\n$ echo '```'\n```\n", "open its console block with one more"),
    ],
)
def test_a_block_that_cannot_be_told_from_its_output_is_refused(text: str, reason: str, tmp_path: Path):
    with pytest.raises(ValueError, match=reason):
        lesson(tmp_path, text)
