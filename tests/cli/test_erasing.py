from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.fixture
def filled(cli: Cli) -> Cli:
    with Memory(cli.memory) as memory:
        memory.add("lives in Lisbon", id="home", scope="users/alice")
        memory.add("lives in Porto", id="other", scope="users/bob")
    return cli


def test_erase_asks_first_and_prints_a_receipt(filled: Cli) -> None:
    assert "say what" in filled("erase", code=2).stderr
    refused = filled("erase", "--scope", "users/alice", stdin="n\n", code=1)
    assert "Erase 1 record" in refused.stderr
    assert len(filled.json("list")) == 2
    printed = filled("erase", "--scope", "users/alice", stdin="y\n").stdout
    assert " scope: 1 record, 0 former states, 1 vector" in printed
    # Nobody looks through the files of a server.
    said = "pieces looked for" if filled.on_disk else "out of reach: the server's files"
    assert said in printed
    assert [record["id"] for record in filled.json("list")] == ["other"]
    receipt = filled.json("erase", "other", "--yes", "--no-scan")
    assert (receipt["target"], receipt["complete"], receipt["scan"]) == ("ids", True, None)
    assert [one["id"] for one in filled.json("receipts")][1:] == [receipt["id"]]
    assert receipt["id"] in filled("receipts").stdout


@pytest.mark.files
def test_erase_says_by_its_exit_code_that_traces_are_left(filled: Cli) -> None:
    filled.memory.joinpath("notes").write_text("users/alice is in here")
    printed = filled("erase", "--scope", "users/alice", "--yes", code=3).stdout
    assert "1 found in notes" in printed


def test_compact_prints_sizes(filled: Cli) -> None:
    found = filled.json("compact")
    assert found["before"] > 0
    assert (found["erasures"], found["pending"]) == (0, [])
    assert "bytes before" in filled("compact").stdout
    assert filled("receipts").stderr == "nothing was erased\n"


def test_audit_writes_goes_on_and_checks(filled: Cli, tmp_path: Path) -> None:
    first, second = str(tmp_path / "1.jsonl"), str(tmp_path / "2.jsonl")
    written = filled.json("audit", first)
    assert (written["ok"], written["entries"]) == (True, 2)
    filled("add", "something more")
    assert filled.json("audit", second, "--after", first)["first"] == 3
    assert filled("audit", "--check", second).stdout.startswith("1 event, 0 of them erased")
    text = (tmp_path / "1.jsonl").read_text().replace('"add"', '"update"')
    (tmp_path / "1.jsonl").write_text(text)
    assert (
        "problem: entry 1 is not what was written"
        in filled("audit", "--check", first, code=3).stdout
    )
    assert "continue another file" in filled("audit", second, "--after", first, code=1).stderr
    filled("audit", "--check", first, "--after", second, code=2)
