"""Closed, archived and expired records: list, count and every search agree on who is seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import HashingEmbedder, Memory, Record

NOW = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(-2, 2).map(lambda seconds: NOW + timedelta(seconds=seconds))
SPANS = st.lists(st.none() | MOMENTS, min_size=2, max_size=2).filter(
    lambda span: None in span or span == sorted(span)  # pyright: ignore[reportArgumentType] - no None
)
GIVEN = st.lists(
    st.tuples(SPANS, st.none() | MOMENTS, st.booleans(), st.sampled_from(["a", "a/b", "c"])),
    min_size=1,
    max_size=8,
)
OPTIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "include_closed": st.booleans(),
        "include_archived": st.booleans(),
        "valid_at": MOMENTS,
        "scope": st.sampled_from(["a", "c"]),
        "kinds": st.just(["fact"]),
    },
)


class StoppedClock:
    """It is always the same moment."""

    def now(self) -> int:
        return int(NOW.timestamp()) * 1_000_000


def seen(record: Record, *, archived: bool, options: dict[str, Any]) -> bool:
    """What the guide says."""
    if record.expires_at is not None and record.expires_at <= NOW:
        return False
    if archived and not options.get("include_archived"):
        return False
    if not record.scope.path.startswith(options.get("scope", "")):
        return False
    begin, end = record.valid_from, record.valid_to
    if (moment := options.get("valid_at")) is not None:
        return (begin is None or begin <= moment) and (end is None or end > moment)
    return bool(options.get("include_closed")) or end is None or end > NOW


def check(memory: Memory, options: dict[str, Any], expected: set[str]) -> None:
    """That every verb that finds records finds these."""
    assert {record.id for record in memory.list(**options)} == expected
    assert memory.count(**options) == len(expected)
    assert {hit.id for hit in memory.search(limit=100, **options)} == expected
    for mode in ("dense", "lexical", "hybrid"):
        for query in ("green tea", "tea"):
            hits = memory.search(query, mode=mode, limit=100, **options)
            assert {hit.id for hit in hits} == expected
    if "scope" not in options:
        hits = memory.view(read=["a", "c"]).search("tea", limit=100, **options)
        assert {hit.id for hit in hits} == expected


@given(given_records=GIVEN, options=OPTIONS)
def test_all_verbs_agree_with_the_guide(given_records: list[Any], options: dict[str, Any]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=StoppedClock()) as memory:
        stored = memory.add_many(
            {
                "content": "green tea",
                "valid_from": begin,
                "valid_to": end,
                "expires_at": expires_at,
                "scope": scope,
            }
            for (begin, end), expires_at, _, scope in given_records
        )
        hidden = [gone for _, _, gone, _ in given_records]
        memory.archive([r.id for r, gone in zip(stored, hidden, strict=True) if gone])
        expected = {
            record.id
            for record, gone in zip(stored, hidden, strict=True)
            if seen(record, archived=gone, options=options)
        }
        check(memory, options, expected)
        living = [r for r in stored if r.expires_at is None or r.expires_at > NOW]
        found = [memory.get(record.id) for record in living]  # those that name it reach it
        assert [r.id for r in found if r] == [r.id for r in living]


@pytest.mark.parametrize("scope", [None, "a"])
def test_a_record_that_is_hidden_thrice_is_hidden_once(scope: str | None) -> None:
    """It counts by what is hidden, and must not count one record for each cause."""
    past = NOW - timedelta(seconds=1)
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=StoppedClock()) as memory:
        memory.add("green tea", id="kept", scope="a")
        memory.add("green tea", id="thrice", scope="a", valid_to=past, expires_at=past)
        memory.add("green tea", id="twice", scope="a", valid_to=past)
        memory.archive(["thrice", "twice"])
        options: dict[str, Any] = {} if scope is None else {"scope": scope}
        check(memory, options, {"kept"})
        check(memory, {**options, "include_closed": True}, {"kept"})
        check(memory, {**options, "include_archived": True}, {"kept"})
        both = {"include_closed": True, "include_archived": True}
        check(memory, {**options, **both}, {"kept", "twice"})


def test_a_fact_is_closed_from_its_end_on(memory: Memory) -> None:
    closed = memory.add("he lived in Porto", valid_to=NOW, valid_from=NOW - timedelta(days=9))
    standing = memory.add("he lives in Lisbon", valid_from=NOW)
    assert memory.list() == [standing]
    assert memory.list(valid_at=NOW) == [standing]
    assert memory.list(valid_at=NOW - timedelta(microseconds=1)) == [closed]
    assert memory.count(include_closed=True) == 2
    assert memory.search("Porto", mode="lexical") == []
    assert memory.search("Porto", include_closed=True, mode="lexical")[0].record == closed
    assert memory.get(closed.id) == closed
    reopened = memory.update(closed.id, valid_to=None)
    assert memory.count() == 2
    assert memory.search("Porto", mode="lexical")[0].record == reopened


def test_what_is_hidden_can_still_be_changed_and_removed() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=StoppedClock()) as memory:
        memory.add("green tea", id="closed", valid_to=NOW, tags=["t"])
        memory.add("green tea", id="archived", tags=["t"])
        memory.archive(["archived"])
        assert memory.count() == 0
        for name, version in (("closed", 2), ("archived", 3)):
            assert memory.update(name, content="black tea").version == version
        assert memory.count() == 0
        assert memory.delete(tags=["t"]) == 2
        assert memory.count(include_closed=True, include_archived=True) == 0
        assert memory.verify().ok
