"""Conversations and records in numbers: counted in SQL, the same as counted by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonplace import AsyncMemory, HashingEmbedder, InvalidInputError, Memory, OutsideViewError

if TYPE_CHECKING:
    from commonplace.testing import FakeClock

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
MOMENTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(datetime(1969, 12, 20), datetime(1970, 1, 9), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)


def start_of(bucket: str, moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    return {
        "hour": hour,
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
    }[bucket]


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month"])
@given(moments=st.lists(MOMENTS, max_size=12))
@settings(max_examples=15)  # of each length of span
def test_a_timeline_is_what_counting_by_hand_gives(bucket: Any, moments: list[datetime]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        memory.add_many([{"content": "x", "created_at": at, "embed": False} for at in moments])
        found = memory.timeline(bucket=bucket)
    counted = Counter(start_of(bucket, moment) for moment in moments)
    assert [(part.start, part.records) for part in found.parts] == sorted(counted.items())
    assert all(part.start < part.end for part in found.parts)
    ends = [part.end for part in found.parts[:-1]]
    assert all(end <= later.start for end, later in zip(ends, found.parts[1:], strict=True))
    assert found.records == len(moments)
    assert (found.first_at, found.last_at) == (
        min(moments, default=None),
        max(moments, default=None),
    )
    assert found.span == (max(moments) - min(moments) if moments else timedelta())
    if moments:
        assert found.busiest is not None
        assert found.busiest.records == max(counted.values())


def test_the_parts_of_a_timeline_reach_to_the_next_one(memory: Memory) -> None:
    for moment in (BEGINNING, datetime(2024, 2, 29, 12, tzinfo=UTC), END):
        memory.add("x", created_at=moment)
    month = memory.timeline(bucket="month").parts[1]
    assert (month.start, month.end) == (
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )
    week = memory.timeline(bucket="week").parts[1]
    assert (week.start, week.end) == (
        datetime(2024, 2, 26, tzinfo=UTC),
        datetime(2024, 3, 4, tzinfo=UTC),
    )
    assert memory.timeline(bucket="week").parts[-1].end == END


def test_a_timeline_counts_what_a_list_lists(memory: Memory, clock: FakeClock) -> None:
    del clock
    day = datetime(2024, 5, 1, tzinfo=UTC)
    made = [
        memory.add(
            f"text {number}",
            scope=f"users/{'ab'[number % 2]}",
            kind=("fact", "note", "message")[number % 3],
            tags=["t"] if number % 4 else [],
            metadata={"n": number},
            created_at=day + timedelta(days=number % 5),
        )
        for number in range(30)
    ]
    memory.archive([made[0].id, made[7].id])
    memory.supersede(made[1].id, made[2].id)
    memory.thread("chat", scope="users/a").add("hello")
    for options in (
        {},
        {"scope": "users/a"},
        {"scope": "users", "recursive": False},
        {"scope": "nowhere"},
        {"kinds": ["note", "message"]},
        {"tags": "t"},
        {"filter": {"n": {"$gt": 11}}},
        {"include_closed": True},
        {"include_archived": True, "scope": "users/a"},
    ):
        listed: Any = memory.list(**options)  # pyright: ignore[reportArgumentType] - several types
        found = memory.timeline(**options)  # pyright: ignore[reportArgumentType] - as above
        assert found.records == len(listed)
        counted = Counter(start_of("day", record.created_at) for record in listed)
        assert {part.start: part.records for part in found.parts} == counted


def test_expired_records_are_not_on_the_timeline(
    embedder: HashingEmbedder, clock: FakeClock
) -> None:
    with Memory(":memory:", embedder=embedder, clock=clock) as memory:
        memory.add("short", ttl=10)
        memory.add("long")
        clock.wait(11)
        found = memory.timeline()
        assert found.records == 1
        assert found.first_at == found.last_at == memory.list()[0].created_at


def test_a_view_counts_only_what_it_sees(memory: Memory) -> None:
    memory.add("a", scope="users/alice")
    memory.add("b", scope="users/alice-2")
    memory.thread("chat", scope="users/alice").add(["one", "two"])
    memory.thread("chat", scope="users/alice-2").add("three")
    alice = memory.scope("users/alice")
    assert alice.timeline().records == 3
    assert alice.threads.stats().messages == 2
    with pytest.raises(OutsideViewError):
        alice.timeline(scope="users/alice-2")
    with pytest.raises(OutsideViewError):
        alice.threads.stats(scope="users")
    assert alice.thread(_id(memory, "users/alice-2")).stats().messages == 0


def _id(memory: Memory, scope: str) -> str:
    (info,) = memory.threads.list(scope=scope)
    return info.id


def test_an_unknown_bucket_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInputError, match="bucket"):
        memory.timeline(bucket="year")  # pyright: ignore[reportArgumentType] - that it is refused


def test_the_numbers_of_a_thread_and_of_all(memory: Memory) -> None:
    day = datetime(2024, 5, 1, 23, 59, tzinfo=UTC)
    memory.thread("one", scope="a").add(
        [
            {"role": "user", "content": "hello", "created_at": day, "token_count": 5},
            {"role": "assistant", "content": "hi", "created_at": day, "token_count": 7},
            {
                "role": "user",
                "content": "bye",
                "created_at": day + timedelta(minutes=2),
                "token_count": 1,
            },
        ]
    )
    memory.thread("two", scope="a/b").add(
        {"role": "Ann", "role_type": "user", "content": "x", "created_at": day, "token_count": 2}
    )
    memory.thread("empty", scope="a").create()
    one = memory.thread("one", scope="a").stats()
    assert one.to_dict() == {
        "threads": 1,
        "messages": 3,
        "tokens": 13,
        "roles": {"user": 2, "assistant": 1},
        "first_at": "2024-05-01T23:59:00+00:00",
        "last_at": "2024-05-02T00:01:00+00:00",
        "days": {"2024-05-01": 2, "2024-05-02": 1},
    }
    both = memory.threads.stats()
    assert (both.threads, both.messages, both.tokens) == (3, 4, 15)
    assert both.roles == {"user": 2, "Ann": 1, "assistant": 1}
    assert both.days == {date(2024, 5, 1): 3, date(2024, 5, 2): 1}
    assert memory.threads.stats(scope="a", recursive=False).messages == 3
    assert memory.threads.stats(scope="elsewhere").to_dict()["first_at"] is None
    assert memory.thread("unknown", scope="a").stats().threads == 0


def test_what_expired_is_not_in_the_numbers(embedder: HashingEmbedder, clock: FakeClock) -> None:
    with Memory(":memory:", embedder=embedder, clock=clock) as memory:
        memory.thread("whole").create(ttl=5)
        memory.thread("whole").add("gone with its thread")
        memory.thread("part").add([{"role": "user", "content": "x", "ttl": 5}, "stays"])
        assert memory.threads.stats().messages == 3
        clock.wait(6)
        found = memory.threads.stats()
        assert (found.threads, found.messages) == (1, 1)


def test_the_asynchronous_twins(memory: Memory) -> None:
    async def run() -> None:
        wrapped = AsyncMemory(memory)
        await wrapped.thread("chat").add(["one", "two"])
        assert (await wrapped.timeline()).records == 2
        assert (await wrapped.threads.stats()).messages == 2
        assert (await wrapped.thread("chat").stats()).roles == {"user": 2}

    anyio.run(run)
