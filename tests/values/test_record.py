"""`Record`, `Source` and `Hit` as JSON, and what their `repr` does not say."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonplace import Hit, Hits, InvalidInputError, Memory, Record, Scope, Source

MOMENT = datetime(2024, 1, 2, 3, 4, 5, 6, UTC)
SOURCES = st.builds(
    Source,
    app=st.none() | st.text(),
    agent=st.none() | st.text(),
    user=st.none() | st.text(),
    thread=st.none() | st.text(),
    uri=st.none() | st.text(),
    trust=st.none() | st.floats(0, 1),
)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants naive bounds
TIMES = ["created_at", "updated_at", "expires_at", "valid_from", "valid_to"]


def record(**parts: Any) -> Record:
    given_parts: dict[str, Any] = {
        "id": "1",
        "scope": Scope("a/b", "c"),
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    return Record(**given_parts | parts)


def test_to_dict_has_every_part_as_json() -> None:
    whole = record(
        content="text",
        key="k",
        value={"n": [1, None]},
        tags=("x", "y"),
        metadata={"é": 2**70},
        source=Source(app="a", trust=0.5),
        expires_at=MOMENT + timedelta(days=1),
    )
    found = whole.to_dict()
    assert set(found) == {part.name for part in fields(Record)}
    assert json.loads(json.dumps(found)) == found
    assert found["scope"] == "a\\/b/c"
    assert Scope.parse(found["scope"]) == whole.scope
    assert found["tags"] == ["x", "y"]
    assert found["value"] == {"n": [1, None]}
    assert found["source"] == {"app": "a", "trust": 0.5}
    assert found["created_at"] == "2024-01-02T03:04:05.000006+00:00"
    assert found["expires_at"] == "2024-01-03T03:04:05.000006+00:00"
    assert found["valid_to"] is None


@given(st.fixed_dictionaries(dict.fromkeys(TIMES, MOMENTS)))
def test_times_are_iso_texts_that_read_back_equal(times: dict[str, datetime]) -> None:
    found = record(**times).to_dict()
    assert {name: datetime.fromisoformat(found[name]) for name in TIMES} == times


@given(SOURCES)
def test_a_source_is_read_back_from_its_parts(source: Source) -> None:
    parts = source.to_dict()
    assert Source.from_dict(parts) == source
    assert None not in parts.values()


def test_a_source_of_unknown_parts_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="'person'"):
        Source.from_dict({"app": "a", "person": "b"})


@given(MOMENTS, st.integers(-23 * 60, 23 * 60))
@settings(max_examples=20)
def test_a_memory_keeps_the_moment_in_utc(moment: datetime, minutes: int) -> None:
    try:
        elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    except OverflowError:
        return
    with Memory(":memory:") as memory:
        written = memory.add("x", valid_from=elsewhere, created_at=elsewhere, embed=False)
        for found in (written, memory.get(written.id)):
            assert found is not None
            assert found.valid_from == found.created_at == moment
            assert found.created_at.tzinfo is UTC


def test_a_record_is_frozen_and_hashable() -> None:
    one: Any = record(value=[1], metadata={"a": [1]})
    with pytest.raises(FrozenInstanceError):
        one.content = "other"
    assert {one, replace(one)} == {one}
    assert one != replace(one, version=2)


def test_reprs_name_the_record_and_not_its_text() -> None:
    secret = "the secret of the house"  # noqa: S105 - not a password
    one = record(content=secret, value=secret, metadata={secret: secret}, tags=(secret,), key="k")
    hit = Hit(record=one, score=0.25, similarity=0.25)
    for text in (repr(one), repr(hit), repr(Hits([hit]))):
        assert secret not in text
        assert "1 fact in 'a\\\\/b/c' key='k' v1" in text
    assert "0.2500" in repr(hit)


def test_a_hit_is_json_with_its_record() -> None:
    hit = Hit(record=record(content="x"), score=0.5, lexical=1.5)
    assert (hit.id, hit.content) == ("1", "x")
    assert hit.to_dict() == {
        "score": 0.5,
        "similarity": None,
        "lexical": 1.5,
        "parts": {},
        "record": hit.record.to_dict(),
    }


def test_its_text_is_its_content_or_else_its_value() -> None:
    assert record(content="tea", value={"a": 1}).text == "tea"
    assert record(value={"b": [1, "é"], "a": None}).text == '{"a": null, "b": [1, "é"]}'
    assert record(value="").text == '""'
    assert not record().text


WRITTEN = Source(app="langgraph", agent="planner", user="ana", thread="t1", uri="mail:7", trust=0.9)


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        (
            Source(app="crewai", agent="critic", user="ben", thread="t2", uri="mail:8", trust=0.2),
            Source(
                app="langgraph", agent="critic", user="ben", thread="t2", uri="mail:8", trust=0.2
            ),
        ),
        (Source(app="crewai"), Source(app="langgraph", agent="crewai", user="ana")),
        (Source(agent="critic"), Source(app="langgraph", agent="critic", user="ana")),
        (Source(trust=0.0), Source(app="langgraph", user="ana", trust=0.0)),
        (Source(user=""), Source(app="langgraph", user="")),
    ],
)
def test_a_changed_text_is_its_writers_in_the_app_that_it_was(
    writer: Source, expected: Source
) -> None:
    assert WRITTEN.changed_by(writer) == expected


def test_what_no_app_wrote_is_not_said_to_be_of_the_writers() -> None:
    assert Source().changed_by(Source(app="crewai")) == Source(agent="crewai")


@given(SOURCES, SOURCES)
@settings(max_examples=100)
def test_trust_never_outlives_its_writer(old: Source, writer: Source) -> None:
    changed = old.changed_by(writer)
    assert (changed.trust, changed.thread, changed.uri) == (
        writer.trust,
        writer.thread,
        writer.uri,
    )
    assert changed.app == old.app
    assert changed.changed_by(writer) == changed
