from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


def test_add_prints_the_id_and_the_record_is_there(cli: Cli) -> None:
    record_id = cli("add", "Alice likes tea", "--scope", "users/alice").stdout.strip()
    with Memory(cli.memory) as memory:
        record = memory.get(record_id)
    assert record is not None
    assert (record.content, record.scope.path) == ("Alice likes tea", "users/alice")


def test_add_takes_every_field(cli: Cli) -> None:
    record = cli.json(
        *(
            "add",
            "Tea",
            "--id",
            "tea",
            "--kind",
            "preference",
            "--key",
            "drink",
            "--importance",
            "0.9",
        ),
        *("--tag", "a", "--tag", "b", "--metadata", '{"n": 1}', "--ttl", "3600"),
    )
    assert record["id"] == "tea"
    assert record["kind"] == "preference"
    assert record["key"] == "drink"
    assert record["importance"] == 0.9
    assert record["tags"] == ["a", "b"]
    assert record["metadata"] == {"n": 1}
    assert record["expires_at"] is not None


def test_add_reads_standard_input(cli: Cli) -> None:
    text = "two\nlines, ünïcode\n"
    assert cli.json("add", "-", stdin=text)["content"] == text


def test_standard_input_that_is_not_utf8_is_refused(cli: Cli) -> None:
    assert "not UTF-8" in cli("add", "-", stdin=b"\xff\xfe", code=1).stderr


@pytest.mark.parametrize("args", [(), ("text", "--file", "{file}")])
def test_a_text_or_a_file_but_not_both(cli: Cli, tmp_path: Path, args: tuple[str, ...]) -> None:
    file = tmp_path / "x.jsonl"
    file.touch()
    cli("add", *(arg.format(file=file) for arg in args), code=2)
    assert not cli.memory.exists()


def test_a_refused_argument_is_one_line_and_nothing_is_written(cli: Cli) -> None:
    refused = cli("add", "Tea", "--importance", "7", code=1)
    assert refused.stderr == "error: importance is a number from 0 to 1\n"
    assert refused.stdout == ""
    assert cli.json("stats")["records"] == 0


def test_if_exists_error_refuses_a_taken_key(cli: Cli) -> None:
    cli("add", "Tea", "--key", "drink")
    cli("add", "Coffee", "--key", "drink", "--if-exists", "error", code=1)
    assert cli.json("show", "--key", "drink")["content"] == "Tea"


def test_dedupe_keeps_the_record_that_is_there(cli: Cli) -> None:
    first, second = (cli("add", "Tea", "--dedupe").stdout for _ in range(2))
    assert first == second


def test_a_file_of_several_chunks_is_stored_whole_and_in_order(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, *(json.dumps({"content": f"fact {n}"}) for n in range(2300)))
    assert cli.json("add", "--file", file) == {"added": 2300, "refused": []}
    listed = cli.json("list", "--order-by", "id", "--limit", "5000")
    assert [record["content"] for record in listed] == [f"fact {n}" for n in range(2300)]


def test_good_lines_are_kept_and_bad_ones_named(cli: Cli, tmp_path: Path) -> None:
    lines = [
        '{"content": "good"}',
        "{not json",
        '"a text alone"',
        "",
        "[1, 2]",
        '{"content": "x", "colour": "red"}',
        '{"content": 7}',
        '{"content": "x", "importance": NaN}',
        '{"content": "x", "created_at": "yesterday"}',
        '{"content": "x", "created_at": "2024-01-01T00:00:00"}',
        '{"content": "x", "kind": "Not A Kind"}',
        '{"content": "\\ud800"}',
        "[" * 100_000,
        '{"content": "also good", "created_at": "2024-01-01T00:00:00Z"}',
    ]
    outcome = cli.json("add", "--file", _file(tmp_path, *lines), code=1)
    reasons = {bad["line"]: bad["reason"] for bad in outcome["refused"]}
    assert outcome["added"] == 3
    assert list(reasons) == [2, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert reasons[2].startswith("not JSON: Expecting property name")
    assert reasons[5] == "a line is a JSON object or a text"
    assert "'colour'" in reasons[6]
    assert reasons[7] == "content is text, not int"
    assert reasons[8] == "NaN is not JSON"
    assert "2025-01-31T18:00:00Z" in reasons[9]
    assert "no time zone" in reasons[10]
    assert "surrogate" in reasons[12]
    assert reasons[13] == "nested too deep"
    assert cli.json("stats")["records"] == 3


def test_a_line_that_is_not_utf8_is_refused_alone(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(b'{"content": "good"}\n{"content": "\xff"}\n\xef\xbb\xbf"after a mark"\n')
    outcome = cli.json("add", "--file", str(file), code=1)
    assert outcome == {"added": 2, "refused": [{"line": 2, "reason": "not UTF-8"}]}


def test_people_are_shown_the_first_refusals(cli: Cli, tmp_path: Path) -> None:
    refused = cli("add", "--file", _file(tmp_path, *("{" for _ in range(30))), code=1)
    assert refused.stdout == "added 0 records, refused 30\n"
    assert refused.stderr.splitlines()[0].startswith("line 1: ")
    assert refused.stderr.splitlines()[-1] == "and 10 more; --json lists them all"


def test_reasons_hold_none_of_the_text(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, '{"content": "secret-word', '{"content": ["secret-word"]}')
    assert "secret-word" not in cli("add", "--file", file, code=1).output


def test_fields_on_the_command_line_are_the_defaults_of_lines(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, '"plain"', '{"content": "own", "kind": "summary"}')
    cli("add", "--file", file, "--kind", "message", "--tag", "t")
    records = {record["content"]: record for record in cli.json("list")}
    assert (records["plain"]["kind"], records["own"]["kind"]) == ("message", "summary")
    assert records["own"]["tags"] == ["t"]


def test_a_line_may_not_leave_the_scope(cli: Cli, tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        '{"content": "here"}',
        '{"content": "below", "scope": "users/alice/notes"}',
        '{"content": "elsewhere", "scope": "users/bob"}',
    )
    outcome = cli.json("add", "--file", file, "--scope", "users/alice", code=1)
    assert (outcome["added"], outcome["refused"][0]["line"]) == (2, 3)
    assert [at["scope"] for at in cli.json("scopes")] == ["users/alice", "users/alice/notes"]


def test_a_file_that_is_not_there_is_wrong_usage(cli: Cli) -> None:
    cli("add", "--file", "nowhere.jsonl", code=2)


def test_delete_asks_and_no_is_no(stocked: Cli) -> None:
    asked = stocked("delete", "--kind", "fact", stdin="n\n", code=1)
    assert "Delete 2 records?" in asked.stderr + asked.stdout
    assert stocked.json("stats")["records"] == 3


def test_delete_without_an_answer_deletes_nothing(stocked: Cli) -> None:
    stocked("delete", "--everything", stdin="", code=1)
    assert stocked.json("stats")["records"] == 3


def test_delete_by_id_after_yes(stocked: Cli) -> None:
    record = stocked.json("list", "--kind", "message")[0]
    assert "Delete 1 record?" in stocked("delete", record["id"], stdin="y\n").output
    stocked("show", record["id"], code=1)


def test_delete_by_filter(stocked: Cli) -> None:
    assert stocked.json("delete", "--filter", '{"stars": {"$lt": 4}}', "--yes") == {"deleted": 2}
    assert [record["key"] for record in stocked.json("list")] == ["allergy"]


@pytest.mark.parametrize("args", [(), ("--scope", "users/alice"), ("--filter", "{}")])
def test_delete_of_nothing_named_is_wrong_usage(stocked: Cli, args: tuple[str, ...]) -> None:
    stocked("delete", "--yes", *args, code=2)
    assert stocked.json("stats")["records"] == 3


def test_everything_means_everything_of_the_scope(stocked: Cli) -> None:
    deleted = stocked.json("delete", "--everything", "--scope", "users/alice", "--yes")
    assert deleted == {"deleted": 2}
    assert [record["scope"] for record in stocked.json("list")] == ["users/bob"]


def test_an_id_of_another_scope_is_not_deleted(stocked: Cli) -> None:
    theirs = stocked.json("list", "--scope", "users/bob")[0]["id"]
    assert stocked.json("delete", theirs, "--scope", "users/alice", "--yes") == {"deleted": 0}
    assert stocked.json("show", theirs)["id"] == theirs


def _file(directory: Path, *lines: Any) -> str:
    path = directory / "lines.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)
