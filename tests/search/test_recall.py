"""`recall` and its parts: what is shown, what is left out and why, reranking, relevance."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, InvalidInputError, Memory, RerankerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def talk() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        memory.thread("chat", scope="us").add(
            [
                {"role": "user", "name": "Ada", "content": "What pets do you have at home?"},
                {"role": "user", "name": "Ben", "content": "Two parrots, Kiki and Coco!"},
                {"role": "user", "name": "Ada", "content": "How lovely, parrots live long."},
            ]
        )
        yield memory


def test_a_recall_says_who_said_what(talk: Memory) -> None:
    recall = talk.recall("What pets does Ben have?", scope="us")
    assert recall
    assert "> Ben: Two parrots, Kiki and Coco!" in recall.text
    assert recall.text.count("Two parrots") == 1
    assert {one.reason for one in recall.left_out} <= {"shown"}
    assert len(recall.hits) + len(recall.left_out) == 3
    assert recall.tokens <= 1000


def test_a_recall_keeps_to_its_budget(memory: Memory) -> None:
    memory.add_many(f"fact {number}: {'green tea ' * 20}{number * 7}" for number in range(10))
    recall = memory.recall("green tea", token_budget=300)
    assert 0 < recall.tokens <= 300
    assert recall.hits
    assert {one.reason for one in recall.left_out} == {"budget"}
    assert len(recall.hits) + len(recall.left_out) == 10
    assert memory.recall("green tea", token_budget=1).text == ""


def test_near_duplicates_are_shown_once(memory: Memory) -> None:
    memory.add("Alice likes green tea very much indeed, in the morning and evening", id="a")
    memory.add("alice likes green tea, very much indeed in the morning and evening!", id="b")
    memory.add("Alice likes green tea not very much indeed, in the morning and evening", id="c")
    memory.add("Alice likes green tea very much indeed, in the morning and evening 2", id="d")
    recall = memory.recall("green tea", format="json")
    assert [(one.reason, one.of) for one in recall.left_out] in (
        [("duplicate", "a")],
        [("duplicate", "b")],
    )
    assert {"c", "d"} < {hit.id for hit in recall.hits}


def test_a_question_that_has_nothing_to_do_with_a_memory_is_turned_away() -> None:
    with Memory(":memory:") as memory:
        memory.add_many(
            [
                "Alice adopted a puppy named Biscuit in March",
                "Alice works as a nurse at the city hospital",
                "Alice is learning Portuguese with a tutor",
                "Alice's brother Tom lives in Boston",
            ]
        )
        near = memory.search("What is the name of Alice's puppy?")
        far = memory.search("How do I configure a Kubernetes ingress controller?")
        assert near.relevance is not None
        assert far.relevance is not None
        assert near.relevance > 0.5
        assert far.relevance < 0.2
        assert memory.search("Alice's puppy?", limit=1).relevance == pytest.approx(
            memory.search("Alice's puppy?").relevance
        )
        assert memory.search("Kubernetes ingress controller", min_relevance=0.2) == []
        refused = memory.recall("Kubernetes ingress controller", min_relevance=0.2)
        assert not refused
        assert {one.reason for one in refused.left_out} == {"irrelevant"}
        assert memory.search("puppy", mode="lexical").relevance is None


def by_length(query: str, texts: Sequence[str]) -> list[float]:
    assert query == "tea"
    return [float(len(text)) for text in texts]


def test_a_reranker_orders_the_pool(memory: Memory) -> None:
    memory.add_many(["tea", "tea tea", "a cup of tea", "green tea with milk and sugar"])
    first = [hit.content for hit in memory.search("tea", limit=4)]
    hits = memory.search("tea", reranker=by_length, limit=2)
    assert [hit.content for hit in hits] == ["green tea with milk and sugar", "a cup of tea"]
    assert [hit.score for hit in hits] == [29.0, 12.0]
    pages = [memory.search("tea", reranker=by_length, limit=1, offset=n) for n in range(4)]
    assert [page[0].score for page in pages] == [29.0, 12.0, 7.0, 3.0]
    small = memory.search("tea", reranker=by_length, rerank_pool=2, limit=4)
    assert [hit.content for hit in small[2:]] == first[2:]


def test_a_slow_reranker_is_not_waited_for(memory: Memory) -> None:
    memory.add_many(["tea", "a cup of tea"])
    done = threading.Event()

    def slow(query: str, texts: Sequence[str]) -> list[float]:  # noqa: ARG001 - the port
        done.wait(30)
        return [0.0 for _ in texts]

    hits = memory.search("tea", reranker=slow, rerank_seconds=0.01)
    done.set()
    assert hits == memory.search("tea")


def test_a_wrong_reranker_is_an_error(memory: Memory) -> None:
    memory.add("tea")
    wrong: list[dict[str, Any]] = [
        {"reranker": "x"},
        {"reranker": lambda _query, _texts: []},  # pyright: ignore[reportUnknownLambdaType] - wrong
        {"reranker": by_length, "rerank_pool": 0},
        {"reranker": by_length, "rerank_seconds": 0},
        {"min_relevance": 2},
    ]
    for options in wrong:
        with pytest.raises(InvalidInputError):
            memory.search("tea", **options)

    def fails(query: str, texts: Sequence[str]) -> list[float]:
        raise RuntimeError(f"{query} {len(texts)}")

    for seconds in (None, 120):
        with pytest.raises(RerankerError):
            memory.search("tea", reranker=fails, rerank_seconds=seconds)
