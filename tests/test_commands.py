"""The command spool: files in, outcomes in the ledger; nothing in it is trusted."""

import json
import os
from pathlib import Path

import pytest

from reframed import commands
from reframed.commands import Command, Malformed
from reframed.errors import ReframeError


def test_a_command_is_a_file_of_its_author(tmp_path: Path) -> None:
    commands.post(tmp_path, "retry", {"jobs": [1]})
    commands.post(tmp_path, "cancel", {"jobs": [2]})
    found = commands.pending(tmp_path)
    assert [(item.verb, item.arguments, item.author_uid) for item in found if isinstance(item, Command)] == [
        ("retry", {"jobs": [1]}, os.getuid()),
        ("cancel", {"jobs": [2]}, os.getuid()),
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"verb": "format-disk", "arguments": {}}', b'{"verb": "retry"}', b"[" * 60_000, b"x" * 70_000],
)
def test_what_is_no_command_is_told_apart(tmp_path: Path, content: bytes) -> None:
    spool = commands.make_spool(tmp_path)
    (spool / "1.json").write_bytes(content)
    assert isinstance(commands.pending(tmp_path)[0], Malformed)


def test_a_name_that_is_no_commands_is_refused(tmp_path: Path) -> None:
    spool = os.fsencode(commands.make_spool(tmp_path))
    for name in (b"\xff1.json", b"a b.json", b"x" * 200 + b".json", b"1.txt"):
        with open(os.path.join(spool, name), "w") as file:
            file.write('{"verb": "retry", "arguments": {"jobs": [1]}}')
    assert all(isinstance(item, Malformed) for item in commands.pending(tmp_path))


def test_links_and_pipes_in_the_spool_are_not_opened(tmp_path: Path) -> None:
    spool = commands.make_spool(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"verb": "retry", "arguments": {}}))
    (spool / "1.json").symlink_to(secret)
    os.mkfifo(spool / "2.json")
    assert all(isinstance(item, Malformed) for item in commands.pending(tmp_path))


def test_a_spool_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "commands").write_text("in the way")
    with pytest.raises(ReframeError, match="could not be left"):
        commands.post(tmp_path, "retry", {"jobs": [1]})
