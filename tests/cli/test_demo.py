from __future__ import annotations

import gzip
import json
import runpy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import Memory
from commonplace.cli.demo import conversations
from commonplace.cli.demo.program import ACTS

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_example_data.py"


def test_the_demo_says_what_it_does(cli: Cli, cut_down: Path) -> None:
    shown = " ".join(cli("demo", "--data", str(cut_down)).stdout.split())  # it wraps lines
    assert "messages of 2 users" in shown
    assert "How long did it take to move to the new apartment?" in shown
    assert "said by" in shown
    assert "among the first 10" in shown
    assert "0 found by search, 0 read by id" in shown
    assert "version 2" in shown
    assert "the same hits for all 2 questions" in shown
    assert "records take" in shown


def test_the_figures_have_a_stable_shape(cli: Cli, cut_down: Path) -> None:
    figures = cli.json("demo", "--data", str(cut_down))
    assert list(figures) == [act.__name__ for act in ACTS]
    assert figures["remember"]["users"] == 2
    assert figures["remember"]["records_per_second"] > 0
    assert {"hit@1", "hit@5", "hit@10", "search_ms_p50", "search_ms_p95"} <= set(figures["recall"])
    assert figures["isolate"] == {"asked": 2, "foreign_found": 0, "foreign_read": 0, "ok": True}
    assert figures["revise"] == {"version": 2, "ok": True}
    assert figures["reopen"]["ok"]
    assert figures["reopen"]["ledger_bytes"] > 0


def test_the_demo_leaves_nothing_behind(
    cli: Cli, cut_down: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    cli("demo", "--data", str(cut_down), "--json")
    assert not any(temporary.iterdir())
    assert not cli.memory.exists()


def test_keep_leaves_the_memory_to_be_used(cli: Cli, cut_down: Path) -> None:
    kept = cli("demo", "--data", str(cut_down), "--keep", str(cli.memory))
    assert str(cli.memory) in kept.stderr.replace("\n", "")
    assert [at["scope"] for at in cli.json("scopes", "--depth", "2")] == [
        "users/caf9ead2",
        "users/e982271f",
    ]
    (first, *_) = cli.json("search", "move into the new apartment", "--kind", "message")["hits"]
    record = first["record"]
    assert record["source"]["user"] == "caf9ead2"
    assert record["scope"] == "users/caf9ead2"
    assert record["created_at"].startswith("2023-05-")
    assert record["metadata"]["role"] in {"user", "assistant"}
    assert "has_answer" not in json.dumps(record)


@pytest.mark.files
def test_keep_does_not_touch_a_directory_in_use(stocked: Cli, cut_down: Path) -> None:
    refused = stocked("demo", "--data", str(cut_down), "--keep", str(stocked.memory), code=1)
    assert "is not empty" in refused.stderr
    assert stocked.json("stats")["records"] == 3


def test_data_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    assert "leave --data out" in cli("demo", "--data", str(tmp_path), code=1).stderr


@pytest.mark.parametrize(
    "damage",
    [
        b"no gzip",
        gzip.compress(b"{", mtime=0),  # else its time is in the name of the test
        gzip.compress(b"[]\n", mtime=0),
        gzip.compress(b'{"user": "a"}\n', mtime=0),
        gzip.compress(b"", mtime=0),
        gzip.compress(b"x" * 1000, mtime=0)[:20],
    ],
)
def test_data_in_another_format(cli: Cli, cut_down: Path, damage: bytes) -> None:
    (cut_down / "sessions.jsonl.gz").write_bytes(damage)
    assert "--data" in cli("demo", "--data", str(cut_down), code=1).stderr


def test_a_memory_that_leaks_fails_the_demo(
    cli: Cli, cut_down: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "scope", lambda memory, _scope: memory)  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    figures = cli.json("demo", "--data", str(cut_down), code=1)
    assert figures["isolate"]["ok"] is False
    assert figures["isolate"]["foreign_read"] > 0


def test_the_shipped_conversations_are_whole() -> None:
    loaded = conversations.load(conversations.SHIPPED)
    assert len(loaded.questions) == 6
    assert len({question.type for question in loaded.questions}) == 6
    users = {question.user for question in loaded.questions}
    assert {session.user for session in loaded.sessions} == users
    answered = {one.user for one in loaded.sessions for turn in one.turns if turn.has_answer}
    assert answered == users
    assert (conversations.SHIPPED / "LICENSE").read_text().startswith("MIT License")


def test_the_whole_demo_recalls_isolates_and_is_quick(cli: Cli) -> None:
    started = time.perf_counter()
    figures = cli.json("demo")
    assert time.perf_counter() - started < 240
    assert figures["remember"]["records"] == 3004
    assert figures["recall"]["hit@10"] >= 0.8
    assert all(act.get("ok", True) for act in figures.values())


@pytest.mark.parametrize("shape", ["whole", "sample"])
def test_the_script_makes_what_the_demo_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "I moved.\u2028Twice.", "has_answer": True},
        {"role": "assistant", "content": "Noted.", "has_answer": False},
    ]
    entries = [_entry(name) for name in runpy.run_path(str(SCRIPT))["QUESTIONS"]]
    if shape == "whole":
        source: Any = [{**entry, "haystack_sessions": [turns]} for entry in entries]
    else:
        source = {"questions": entries, "sessions": {"session-1": turns}}
    path = tmp_path / "longmemeval_s.json"
    path.write_text(json.dumps(source))
    monkeypatch.setattr("sys.argv", ["script", str(path), "--output", str(tmp_path / "made")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    loaded = conversations.load(tmp_path / "made")
    assert len(loaded.questions) == len(loaded.sessions) == 6
    assert loaded.sessions[0].turns[0] == conversations.Turn(
        role="user", content="I moved.\u2028Twice.", has_answer=True
    )
    assert loaded.sessions[0].date.isoformat() == "2023-05-20T10:51:00+00:00"


def test_the_script_names_questions_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "longmemeval_s.json"
    path.write_text("[]")
    monkeypatch.setattr("sys.argv", ["script", str(path), "--output", str(tmp_path / "made")])
    with pytest.raises(SystemExit, match="caf9ead2"):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert not (tmp_path / "made").exists()


def _entry(name: str) -> dict[str, Any]:
    return {
        "question_id": name,
        "question_type": "single-session-user",
        "question": "Did I move?",
        "question_date": "2023/05/30 (Tue) 22:44",
        "answer": 2,
        "haystack_session_ids": ["session-1"],
        "haystack_dates": ["2023/05/20 (Sat) 10:51"],
    }
