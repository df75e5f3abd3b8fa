from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import write_lines

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.fixture
def chats(cli: Cli, tmp_path: Path) -> Cli:
    """A memory of two conversations of Alice and one of Bob."""
    alice = [
        {
            "id": "support",
            "messages": [
                {"role": "user", "content": "The washing machine leaks since Monday morning."},
                {"role": "assistant", "content": "Please check the hose behind the machine."},
            ],
        },
        {"id": "travel", "messages": [{"role": "user", "content": "Trains to Porto?"}]},
    ]
    bob = [{"id": "support", "messages": [{"role": "user", "content": "My parcel is lost"}]}]
    for name, lines in (("alice", alice), ("bob", bob)):
        path = write_lines(tmp_path / f"{name}.jsonl", lines)
        cli("threads", "import", str(path), "--scope", f"users/{name}")
    return cli


def test_conversations_are_listed_shown_and_counted(chats: Cli) -> None:
    listed = chats.json("threads", "list", "--scope", "users/alice")
    assert sorted(info["key"] for info in listed) == ["support", "travel"]
    assert "2 messages" in chats("threads", "list").stdout
    shown = chats.json("threads", "show", "support", "--scope", "users/alice")
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]
    by_id = chats("threads", "show", shown["thread"]["id"], "--limit", "1").stdout
    assert "hose" in by_id
    assert "leaks" not in by_id
    assert chats.json("threads", "stats")["messages"] == 4
    assert chats.json("threads", "stats", "support", "--scope", "users/bob")["messages"] == 1
    assert "messages" in chats("threads", "stats").stdout


def test_an_unknown_conversation_is_an_error_that_says_what_to_do(chats: Cli) -> None:
    told = chats("threads", "show", "support", code=1).stderr
    assert "commonplace threads list" in " ".join(told.split())


def test_messages_are_found(chats: Cli) -> None:
    found = chats.json("threads", "search", "parcel", "--mode", "lexical")
    assert [hit["record"]["content"] for hit in found["hits"]] == ["My parcel is lost"]
    inside = chats.json(
        "threads", "search", "parcel", "--mode", "lexical", "--thread", "support",
        "--scope", "users/alice",
    )  # fmt: skip
    assert inside["hits"] == []
    assert "leaks" in chats("threads", "search", "washing machine").stdout


def test_conversations_move_to_another_memory(chats: Cli, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl.gz"
    assert "3 conversations with 4 messages" in chats("threads", "export", str(path)).stdout
    other = ("--memory", str(tmp_path / "other"))
    trial = chats.json("threads", "import", str(path), "--dry-run", *other)
    assert (trial["added"], trial["dry_run"]) == (3, True)
    assert not (tmp_path / "other").exists()
    assert chats.json("threads", "import", str(path), *other)["added"] == 3
    again = chats("threads", "import", str(path), *other).stdout
    assert "imported 0 conversations, 3 unchanged" in again
    assert chats.json("threads", "list", *other) == chats.json("threads", "list")


def test_openai_lines_are_written(chats: Cli, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    chats("threads", "export", str(path), "--format", "openai", "--scope", "users/bob")
    assert json.loads(path.read_text("utf-8")) == {
        "messages": [{"role": "user", "content": "My parcel is lost"}]
    }


def test_refused_conversations_are_told_and_end_with_1(cli: Cli, tmp_path: Path) -> None:
    good = {"messages": [{"role": "user", "content": "hello"}]}
    path = write_lines(tmp_path / "chats.jsonl", [good, {"messages": [{"content": "secret"}]}])
    report = cli.json("threads", "import", str(path), code=1)
    assert (report["added"], [bad["line"] for bad in report["refused"]]) == (1, [2])
    told = cli("threads", "import", str(path), code=1)
    assert "line 2:" in told.stderr
    assert "secret" not in told.output
    strict = cli("threads", "import", str(path), "--strict", code=1).stderr
    assert "nothing was imported" in " ".join(strict.split())


def test_a_conversation_is_summed_up(chats: Cli) -> None:
    record = chats.json("threads", "summarize", "support", "--scope", "users/alice")
    assert record["kind"] == "summary"
    again = chats.json("threads", "summarize", "support", "--scope", "users/alice")
    assert (again["id"], again["version"]) == (record["id"], record["version"])
    assert "leaks" in chats("threads", "summarize", "support", "--scope", "users/alice").stdout


def test_conversations_are_deleted_after_asking(chats: Cli) -> None:
    at = ("--scope", "users/alice")
    chats("threads", "delete", "support", *at, stdin="n\n", code=1)
    assert len(chats.json("threads", "list", *at)) == 2
    assert chats.json("threads", "delete", "support", "support", *at, "--yes") == {"deleted": 1}
    chats("threads", "delete", "--yes", code=2)
    assert "deleted 0" in chats("threads", "delete", "--older-than", "90d", "--yes").stdout
    assert len(chats.json("threads", "list")) == 2


def test_a_timeline_is_shown(stocked: Cli) -> None:
    found = stocked.json("timeline", "--bucket", "month")
    assert [part["records"] for part in found["parts"]] == [1, 1, 1]
    assert found["busiest"]["start"] == "2025-01-01T00:00:00+00:00"
    shown = stocked("timeline", "--kind", "message").stdout
    assert "2024-06-01 00:00          1" in shown
    assert "1 record within a minute; the busiest day was" in shown
    assert "3 records within 366 days; the busiest day was" in stocked("timeline").stdout
    assert "nothing found" in stocked("timeline", "--tag", "none").stderr


def test_control_characters_in_messages_are_shown_and_not_sent(cli: Cli) -> None:
    with Memory(cli.memory, embedder=HashingEmbedder(64), index="exact") as memory:
        memory.thread("k\x1b[2J").add({"role": "user", "name": "\x1b[1m", "content": "a\x1b[31mb"})
        (info,) = memory.threads.list()
    for told in (cli("threads", "list"), cli("threads", "show", info.id)):
        assert "\x1b" not in told.stdout
        assert "\\x1b" in told.stdout
