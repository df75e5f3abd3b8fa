"""Messages are found through their neighbours, sessions, speakers and times; nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import ContextWeights, HashingEmbedder, InvalidInputError, Memory
from commonplace.search.context import Talk, in_context, sessions
from commonplace.search.moments import closeness, spans

NOW = datetime(2024, 6, 20, 12, tzinfo=UTC)
DAY = 86_400_000_000


def talk(count: int, **parts: Any) -> Talk:
    given_parts: dict[str, Any] = {
        "session": np.zeros(count, dtype=np.int64),
        "speaker": np.arange(count) % 2,
        "asks": np.zeros(count, dtype=np.bool_),
        "words": np.full(count, 5.0),
    }
    return Talk(**{**given_parts, **parts})


def added(base: list[float], talk: Talk) -> np.ndarray[Any, Any]:
    return np.sum(list(in_context(np.array(base), talk, ContextWeights()).values()), axis=0)


def test_a_turn_that_says_little_borrows_from_the_turn_before() -> None:
    little = added([1, 0, 0, 0, 0, 0], talk(6, words=np.full(6, 2.0)))
    much = added([1, 0, 0, 0, 0, 0], talk(6, words=np.full(6, 200.0)))
    assert little[1] > little[5]
    assert much[1] == pytest.approx(much[5], abs=1e-3)


def test_nothing_is_borrowed_across_sessions() -> None:
    apart = talk(4, session=np.array([0, 0, 1, 1]), words=np.full(4, 2.0))
    parts = in_context(np.array([0.0, 1.0, 0.0, 0.0]), apart, ContextWeights())
    assert parts["neighbours"][2:].tolist() == [0, 0]
    assert parts["session"][0] > parts["session"][2] == 0


def test_an_answer_is_helped_by_its_question_and_only_by_another_speaker() -> None:
    asks = np.array([True, False, False])
    by_another = in_context(np.array([1.0, 0.2, 0.2]), talk(3, asks=asks), ContextWeights())[
        "answer"
    ]
    alone = talk(3, asks=asks, speaker=np.zeros(3, dtype=np.int64))
    assert by_another[1] > 0 == by_another[2]
    assert in_context(np.array([1.0, 0.2, 0.2]), alone, ContextWeights())["answer"].tolist() == [
        0,
        0,
        0,
    ]


@given(
    base=st.lists(st.floats(0, 1), max_size=12),
    sizes=st.lists(st.integers(1, 4), max_size=12),
)
def test_any_talk_can_be_scored(base: list[float], sizes: list[int]) -> None:
    numbered = [n for n, size in enumerate(sizes) for _ in range(size)][: len(base)]
    numbered += [99] * (len(base) - len(numbered))
    parts = in_context(
        np.array(base),
        talk(len(base), session=np.array(numbered, dtype=np.int64)),
        ContextWeights(),
    )
    for name, values in parts.items():
        assert values.shape == (len(base),), name
        assert np.isfinite(values).all()


def test_a_long_silence_begins_a_session() -> None:
    thread = np.array([0, 0, 0, 1])
    time = np.array([0, DAY // 48, 3 * DAY, 3 * DAY])
    assert sessions(thread, time).tolist() == [0, 0, 1, 2]
    assert sessions(thread[:0], time[:0]).tolist() == []


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What happened on 8 May, 2023?", datetime(2023, 5, 8, 9, tzinfo=UTC)),
        ("What happened on May 8th 2023?", datetime(2023, 5, 8, 9, tzinfo=UTC)),
        ("What happened on 2023-05-08?", datetime(2023, 5, 8, 9, tzinfo=UTC)),
        ("What did we do in May?", datetime(2023, 5, 20, tzinfo=UTC)),
        ("Where was he in March 2022?", datetime(2022, 3, 20, tzinfo=UTC)),
        ("What about 2022?", datetime(2022, 11, 2, tzinfo=UTC)),
        ("What did I do yesterday?", NOW - timedelta(days=1)),
        ("Whom did I meet two weeks ago?", NOW - timedelta(days=14)),
        ("the trip a couple of months ago", NOW - timedelta(days=60)),
        ("What did I read in the past three weeks?", NOW - timedelta(days=12)),
        ("Who called last Tuesday?", datetime(2024, 6, 18, 12, tzinfo=UTC)),
        ("Where were we last summer?", datetime(2023, 7, 15, tzinfo=UTC)),
    ],
)
def test_times_in_questions_are_understood(question: str, day: datetime) -> None:
    found = spans(question, NOW, range(2022, 2025))
    micros = np.array([day.timestamp(), (day + timedelta(days=200)).timestamp()]) * 1e6
    near, far = closeness(micros.astype(np.int64), found)
    assert near == pytest.approx(1) and far < near  # noqa: PT018 - one thought


@pytest.mark.parametrize("question", ["You may go", "march on", "30 February 2023", "room 2b", ""])
def test_what_is_no_time_names_none(question: str) -> None:
    assert [s for s in spans(question, NOW, range(2023, 2024)) if s.end - s.start < 300] == []


@given(question=st.text(st.sampled_from("0123456789 agomyweksthdur,-/lnf"), max_size=40))
def test_any_question_may_be_asked_for_times(question: str) -> None:
    assert all(s.end > s.start for s in spans(question, NOW, range(2023, 2025)))


def conversation(memory: Memory) -> None:
    memory.thread("chat", scope="us").add(
        [
            {"role": "user", "name": "Ada", "content": "What pets do you have at home?"},
            {"role": "user", "name": "Ben", "content": "Two parrots, Kiki and Coco!"},
            {"role": "user", "name": "Ada", "content": "I had a cat once, a lovely tabby."},
            {"role": "user", "name": "Ben", "content": "The weather is fine in the mountains."},
        ]
    )


def test_messages_are_found_in_their_context(memory: Memory) -> None:
    conversation(memory)
    hits = memory.search("What pets does Ben have at home?", scope="us")
    by_text = {hit.content: hit for hit in hits}
    answer = by_text["Two parrots, Kiki and Coco!"]
    assert answer.parts["answer"] > 0 < answer.parts["speaker"]
    assert "speaker" not in by_text["I had a cat once, a lovely tabby."].parts
    for hit in hits:
        assert sum(hit.parts.values()) == pytest.approx(hit.score)
    assert max(hit.score for hit in hits) <= 1


def test_what_is_no_message_is_ranked_alone(memory: Memory) -> None:
    memory.add_many([{"content": "two parrots"}, {"content": "a cat"}])
    before = memory.search("parrots", scope="", recursive=False)
    assert {name for hit in before for name in hit.parts} <= {"dense", "lexical"}
    assert [hit.parts for hit in memory.search("parrots", mode="dense")] == [{}, {}]
    assert [hit.parts for hit in memory.search("parrots", mode="lexical")] == [{}]


def test_context_follows_changes_and_views() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(32)) as memory:
        conversation(memory)
        query = "What pets does Ben have at home?"
        first = memory.search(query, scope="us")
        memory.thread("chat", scope="them").add([{"role": "user", "content": "What pets? Pets!"}])
        assert memory.search(query, scope="us") == first
        memory.thread("chat", scope="us").add([{"role": "user", "content": "Pets are a joy."}])
        assert len(memory.search(query, scope="us")) == len(first) + 1
        alone = memory.search(query, scope="us", filter={"@content": {"$contains": "parrots"}})
        assert "answer" not in alone[0].parts


def test_time_expressions_are_reckoned_from_now() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(32)) as memory:
        for number, days in enumerate((3, 14, 60)):
            at = (NOW - timedelta(days=days)).isoformat()
            memory.thread(f"t{number}", scope="us").add(
                [{"role": "user", "content": "I met a friend for lunch.", "created_at": at}]
            )
        hits = memory.search("Whom did I meet two weeks ago?", scope="us", now=NOW)
        assert (NOW - hits[0].record.created_at).days == 14
        assert hits[0].parts["time"] > 0


def test_the_weights_of_the_context_are_an_argument() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        said = ["What pets do you have?", "Two, at home!", "Is it raining?"]
        memory.thread("chat").add({"role": "user", "content": one} for one in said)
        usual = memory.search("pets")
        assert usual == memory.search("pets", context_weights=ContextWeights())
        assert any("session" in (hit.parts or {}) for hit in usual)
        other = memory.search("pets", context_weights=ContextWeights(session=0, substance=0))
        assert not any("session" in (hit.parts or {}) for hit in other)
        assert any("neighbours" in (hit.parts or {}) for hit in other)


def test_weights_that_only_take_off_invert_nothing() -> None:
    names = ("previous", "farther", "session", "substance", "answer", "speaker", "time")
    only_off = ContextWeights(**dict.fromkeys(names, 0.0), question=1)
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        memory.thread("chat").add({"role": "user", "content": one} for one in ["Tea?", "Rain?"])
        best = memory.search("Tea", context_weights=only_off)[0]
        assert best.content == "Tea?"
        assert best.score > 0


@pytest.mark.parametrize("wrong", [{"session": 2}, {"time": -1}, {"speaker": "1"}])
def test_what_is_no_weight_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        ContextWeights(**wrong)
