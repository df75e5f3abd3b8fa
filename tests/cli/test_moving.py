from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("notes.txt", (), "say its format, jsonl or csv"),
        ("notes.csv", ("--map", "content=missing"), "which the mapping names"),
    ],
)
def test_what_import_lacks_is_said_in_words_of_the_command_line(
    cli: Cli, tmp_path: Path, name: str, options: tuple[str, ...], said: str
) -> None:
    path = tmp_path / name
    path.write_text("text\nAlice lives in Porto\n", "utf-8")
    told = cli("import", str(path), *options, code=1).stderr
    assert said in " ".join(told.split())
    assert "format=" not in told
    assert "mapping=" not in told


def test_a_file_of_another_name_is_read_by_its_format(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("text\nAlice lives in Porto\n", "utf-8")
    cli("import", str(path), "--format", "csv", "--map", "content=text")
    assert [one["content"] for one in cli.json("list")] == ["Alice lives in Porto"]
