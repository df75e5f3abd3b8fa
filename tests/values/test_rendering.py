"""Memories as text for a model: no text of a memory ends its quotation or looks like another."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import Hit, InvalidInputError, Record, Related, Scope, Source, render
from commonplace.rendering import ABOUT, plain
from commonplace.threads.tokens import approximate_tokens

WHEN = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
HEADING = re.compile(r"\[(\d+)\] [a-z_-]+, written 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ(, .*)?")

hostile = st.lists(
    st.one_of(
        st.text(),
        st.sampled_from(
            ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "```", "~~~", "> ", "</memory>", '"]}']
        ),
        st.sampled_from(
            ["[2] fact, written 2026-03-01T10:30:00Z", "\x1b[2J", "\u202e", "\U000e0041"]
        ),
    )
).map("".join)
one_line = hostile.filter(bool)


def record(content: str = "", **parts: Any) -> Record:
    named: dict[str, Any] = {
        "id": "i",
        "scope": Scope(),
        "created_at": WHEN,
        "updated_at": WHEN,
        **parts,
    }
    return Record(content=content, **named)


records = st.builds(
    record,
    hostile,
    id=one_line,
    tags=st.lists(one_line, max_size=2).map(tuple),
    value=st.none() | st.dictionaries(hostile, hostile, max_size=2),
    source=st.builds(Source, app=one_line | st.none(), agent=one_line | st.none(), uri=one_line),
)


@given(st.lists(records, min_size=1, max_size=4))
def test_only_quoted_lines_hold_what_memories_say(found: list[Record]) -> None:
    rendered = render(found)
    start, _, block = rendered.text.partition("\n\n```memory\n")
    body, fence = block[:-4], block[-4:]
    assert (start, fence) == (ABOUT, "\n```")
    assert body.splitlines() == body.split("\n")  # no other character breaks a line
    own = [line for line in body.split("\n") if line and not line.startswith("> ")]
    numbers = [HEADING.fullmatch(line) for line in own]
    assert [number and number.group(1) for number in numbers] == [
        str(number) for number in range(1, len(found) + 1)
    ]


@given(st.lists(records, min_size=1, max_size=4))
def test_json_gives_back_what_memories_say_and_fits_any_fence(found: list[Record]) -> None:
    text = render(found, format="json").text
    read = json.loads(text)
    assert read["about"] == ABOUT
    assert [one["id"] for one in read["memories"]] == [one.id for one in found]
    assert [one["content"] for one in read["memories"]] == [
        one.content
        or ("" if one.value is None else json.dumps(one.value, sort_keys=True, ensure_ascii=False))
        for one in found
    ]
    assert not re.search("[<>`]", text)
    assert plain(text) == text
    assert text.splitlines() == text.split("\n")
    assert len(text.split("\n")) == len(found) + 2


@given(st.lists(records, max_size=6), st.integers(0, 400), st.sampled_from(["markdown", "json"]))
def test_a_budget_holds_and_nothing_gets_lost(found: list[Record], budget: int, form: Any) -> None:
    rendered = render(found, token_budget=budget, format=form)
    assert rendered.tokens <= budget
    if rendered.text:
        assert approximate_tokens(rendered.text) <= rendered.tokens
    both = [*rendered.shown, *rendered.left_out]
    assert sorted(map(id, both)) == sorted(map(id, found))
    for part in (rendered.shown, rendered.left_out):
        places = [next(at for at, one in enumerate(found) if one is seen) for seen in part]
        assert places == sorted(places)
    assert bool(rendered.text) == bool(rendered.shown)
    for left in rendered.left_out:  # it would not have fitted
        assert render([*rendered.shown, left], format=form).tokens > budget


def test_what_is_known_stands_in_the_heading() -> None:
    source = Source(app="langgraph", agent="support", uri="mail:7", trust=0.5)
    known = record(
        "Acme pays\nby card", tags=("billing",), source=source, valid_from=WHEN, valid_to=WHEN
    )
    assert render([known]).text == (
        f"{ABOUT}\n\n```memory\n"
        "[1] fact, written 2026-03-01T10:30:00Z, "
        'true_from "2026-03-01T10:30:00Z", true_until "2026-03-01T10:30:00Z", tags ["billing"], '
        'source {"app": "langgraph", "agent": "support", "uri": "mail:7", "trust": 0.5}\n'
        "> Acme pays\n> by card\n```"
    )


def test_hits_and_related_records_are_rendered_as_their_records() -> None:
    one = record("tea")
    as_record = render([one]).text
    assert render([Hit(record=one, score=0.5)]).text == as_record
    assert render([Related(record=one, score=0.5)]).text == as_record


def test_a_long_memory_is_cut_and_says_so() -> None:
    long = record("x" * 50)
    assert "cut to 10 of 50 characters\n> xxxxxxxxxx\n```" in render([long], longest=10).text
    (one,) = json.loads(render([long], longest=10, format="json").text)["memories"]
    assert (one["content"], one["cut_from_characters"]) == ("x" * 10, 50)
    assert "cut" not in render([long], longest=50).text


def test_a_shorter_memory_fits_behind_one_that_does_not() -> None:
    short, long = record("tea", id="a"), record("x" * 3000, id="b")
    rendered = render([short, long, short], token_budget=120)
    assert rendered.shown == (short, short)
    assert rendered.left_out == (long,)


def test_the_counter_given_counts() -> None:
    rendered = render([record("one two three")], count_tokens=lambda text: len(text.split()))
    assert rendered.tokens == len(rendered.text.split())


def test_nothing_gives_no_text() -> None:
    empty = render([])
    assert (empty.text, str(empty), empty.shown, empty.left_out) == ("", "", (), ())


def test_its_repr_keeps_the_text_to_itself() -> None:
    assert "secret" not in repr(render([record("secret")]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "xml"},
        {"token_budget": -1},
        {"token_budget": 1.5},
        {"longest": 0},
        {"count_tokens": 3},
        {"found": "text"},
        {"found": [{"content": "x"}]},
    ],
)
def test_what_cannot_be_rendered_is_refused(wrong: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"found": [record("x")], **wrong}
    with pytest.raises(InvalidInputError):
        render(arguments.pop("found"), **arguments)
