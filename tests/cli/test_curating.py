from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import write_lines

from commonplace import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

OLD = datetime.now(UTC) - timedelta(days=100)


@pytest.fixture
def aged(cli: Cli) -> Cli:
    """Records old and new, dear and not, one of them twice, one of them expired."""
    with Memory(cli.memory) as memory:
        memory.add("old and dear", id="dear", importance=0.9, created_at=OLD, scope="a")
        memory.add("old and dull", id="dull", importance=0.1, created_at=OLD, scope="a")
        memory.add("a message", id="message", kind="message", created_at=OLD, scope="b")
        memory.add("said twice", id="once", scope="c", importance=0.9)
        memory.add("Said  TWICE", id="twice", scope="c", tags=["t"])
        memory.add("milk", id="milk", expires_at=OLD, scope="d")
    return cli


def steps(cli: Cli, *args: str) -> list[tuple[str, str]]:
    report = cli.json("maintain", "--dry-run", *args)
    assert report["dry_run"] is True
    return sorted((step["action"], step["record_id"]) for step in report["steps"])


def test_supersede_by_an_id(aged: Cli) -> None:
    made = aged.json("supersede", "dull", "dear", "--reason", "better")
    assert made["id"] == "dear"
    assert "dull" not in [one["id"] for one in aged.json("list")]
    (link,) = aged.json("links", "dear")
    assert (link["type"], link["target_id"], link["reason"]) == ("supersedes", "dull", "better")


def test_supersede_by_a_text(aged: Cli) -> None:
    at = (OLD + timedelta(days=1)).isoformat()
    lines = aged("supersede", "dull", "--content", "new and bright", "--at", at).stdout.splitlines()
    assert lines[0].endswith("  fact  a")
    assert lines[1] == "    new and bright"
    closed = aged.json("show", "dull")
    assert closed["valid_to"] == at


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("--older-than", "90d"), ["dear", "dull", "message"]),
        (("--older-than", "90d", "--kind", "message"), ["message"]),
        (("--older-than", "2400h", "--less-important-than", "0.5"), ["dull"]),
        (("--older-than", "15w"), []),
        (("--older-than", "90d", "--filter", '{"@importance": {"$gt": 0.6}}'), ["dear"]),
        (("--older-than", "1w", "--scope", "b"), ["message"]),
        (("--idle-for", "30m"), []),
        (("--at-most", "1", "--kind", "fact"), ["dull", "twice"]),
    ],
)
def test_what_is_to_be_forgotten(aged: Cli, args: tuple[str, ...], found: list[str]) -> None:
    assert steps(aged, *args) == [("archive", name) for name in found]
    assert steps(aged, *args, "--action", "delete") == [("delete", name) for name in found]


def test_a_dry_run_changes_nothing_and_the_run_does_what_it_said(aged: Cli) -> None:
    args = ("--duplicates", "1", "--expired", "--older-than", "90d")
    shown = aged("maintain", *args, "--dry-run").stdout.splitlines()
    assert shown[-1] == "would do: expire 1, archive 3, merge 1"
    assert [line.split()[1] for line in shown[:-1]] == ["milk", "dear", "dull", "message", "twice"]
    assert shown[-2].endswith("  its text repeats that of once")
    assert len(aged.json("list")) == 5
    done = aged.json("maintain", *args)
    assert done["counts"] == {"expire": 1, "archive": 3, "merge": 1}
    assert [one["id"] for one in aged.json("list")] == ["once"]
    assert aged.json("show", "once")["tags"] == ["t"]
    assert aged("maintain", *args).stdout == "did: nothing\n"


class LongAgo:
    """A clock that stands a hundred days ago."""

    def now(self) -> int:
        return int(OLD.timestamp() * 1_000_000)


def test_old_history_is_forgotten_and_new_history_stays(cli: Cli) -> None:
    with Memory(cli.memory, clock=LongAgo()) as memory:
        memory.add("first", id="x")
        memory.update("x", content="second")
    with Memory(cli.memory) as memory:
        memory.update("x", content="third")
    forget = ("maintain", "--history-older-than", "90d")
    assert cli(*forget, "--dry-run").stdout == "would do: forget 1 former state\n"
    assert len(cli.json("history", "x")) == 3
    assert cli.json(*forget)["states"] == 1
    assert [one["record"]["content"] for one in cli.json("history", "x")] == ["second", "third"]


@pytest.mark.parametrize(
    ("on_duplicate", "left"), [("skip", 1), ("merge", 1), ("supersede", 1), ("keep", 2)]
)
def test_near_duplicates_as_they_are_added(cli: Cli, on_duplicate: str, left: int) -> None:
    cli("add", "The office is in Lisbon")
    again = ("add", "the OFFICE is in Lisbon", "--on-duplicate", on_duplicate)
    cli(*again, "--similar-at", "0.9")
    assert len(cli.json("list")) == left


def test_near_duplicates_in_a_file(cli: Cli, tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "x.jsonl", ["one text", "one text", "quite another"])
    cli("add", "--file", str(lines), "--on-duplicate", "skip")
    assert len(cli.json("list")) == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("maintain",), 2),
        (("maintain", "--kind", "fact", "--dry-run"), 2),
        (("maintain", "--older-than", "90"), 2),
        (("maintain", "--older-than", "-1d"), 2),
        (("maintain", "--older-than", "0d"), 1),
        (("maintain", "--idle-for", "1.5h"), 2),
        (("maintain", "--history-older-than", "soon"), 2),
        (("maintain", "--less-important-than", "7"), 1),
        (("maintain", "--duplicates", "0.1"), 1),
        (("maintain", "--duplicates", "much"), 2),
        (("maintain", "--at-most", "-1"), 2),
        (("maintain", "--expired", "--action", "burn"), 2),
        (("supersede", "dull"), 2),
        (("supersede", "dull", "dear", "--content", "x"), 2),
        (("supersede", "dull", "dull"), 1),
        (("supersede", "nobody", "dear"), 1),
        (("supersede", "dull", "dear", "--at", "soon"), 2),
        (("add", "x", "--dedupe", "--on-duplicate", "skip"), 2),
        (("add", "x", "--on-duplicate", "skip", "--similar-at", "0.1"), 2),
    ],
)
def test_what_is_wrong_is_refused(aged: Cli, args: tuple[str, ...], code: int) -> None:
    assert aged(*args, code=code).stderr
    assert len(aged.json("list")) == 5
