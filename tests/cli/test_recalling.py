from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from commonplace import Memory

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_a_recall_prints_what_is_found_and_counts_on_standard_error(stocked: Cli) -> None:
    done = stocked("recall", "who plays the cello?")
    lines = done.stdout.splitlines()
    assert any("Alice plays the cello on Mondays" in line for line in lines)
    assert "3 records, " in done.stderr


def test_a_recall_as_json_lists_what_was_left_out(stocked: Cli) -> None:
    whole = stocked.json("recall", "cello")
    assert set(whole) == {"query", "text", "tokens", "relevance", "hits", "left_out"}
    assert [len(whole["hits"]), whole["left_out"]] == [3, []]
    tight = stocked.json("recall", "cello", "--token-budget", "1")
    assert (tight["text"], tight["hits"]) == ("", [])
    assert {one["reason"] for one in tight["left_out"]} == {"budget"}
    assert "left out: 3 budget" in stocked("recall", "cello", "--token-budget", "1").stderr


def test_a_recall_is_written_as_json_too(stocked: Cli) -> None:
    assert json.loads(stocked("recall", "cello", "--format", "json").stdout)


def test_a_recall_stays_in_its_scope_and_its_filter(stocked: Cli) -> None:
    found = stocked.json("recall", "peanuts", "--scope", "users/bob")["hits"]
    assert [hit["record"]["scope"] for hit in found] == ["users/bob"]
    narrow = stocked.json("recall", "peanuts", "--kind", "message", "--limit", "5")["hits"]
    assert [hit["record"]["kind"] for hit in narrow] == ["message"]


def test_what_is_not_relevant_enough_is_not_given(stocked: Cli) -> None:
    for command in ("search", "recall"):
        asked = (command, "xylophone quartz zeppelin")
        assert len(stocked.json(*asked)["hits"]) == 3
        assert stocked.json(*asked, "--min-relevance", "1")["hits"] == []
        stocked(*asked, "--min-relevance", "2", code=2)
    left = stocked.json("recall", "xylophone", "--min-relevance", "1")["left_out"]
    assert {one["reason"] for one in left} == {"irrelevant"}


@pytest.mark.parametrize(
    ("now", "place"), [("2024-06-20T12:00Z", "sea"), ("2024-05-08T12:00Z", "zoo")]
)
def test_the_moment_of_the_question_is_an_option(cli: Cli, now: str, place: str) -> None:
    met = {"zoo": "2024-05-01T10:00:00+00:00", "sea": "2024-06-12T10:00:00+00:00"}
    with Memory(cli.memory) as memory:
        for where, when in met.items():
            text = f"We all met at the {where} and had lunch together"
            message = {"role": "user", "content": text, "created_at": datetime.fromisoformat(when)}
            memory.thread("chat").add([message])
    for command in ("search", "recall"):
        best = cli.json(command, "Where did we meet last week?", "--now", now)["hits"][0]
        assert place in best["record"]["content"]


def test_a_moment_needs_a_time_zone(stocked: Cli) -> None:
    for command in ("search", "recall"):
        assert "--now" in stocked(command, "x", "--now", "2024-06-20T12:00", code=2).stderr
