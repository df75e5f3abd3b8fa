"""`link`, `unlink` and `links`: what goes in comes out, in order, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Link,
    Memory,
    NotFoundError,
)

if TYPE_CHECKING:
    from commonplace.testing import FakeClock


@pytest.fixture
def abc(memory: Memory) -> Memory:
    for name in "abc":
        memory.add(f"text {name}", id=name)
    return memory


def ends(links: list[Link]) -> list[tuple[str, str, str]]:
    return [(link.source_id, link.type, link.target_id) for link in links]


def test_a_link_comes_back_as_it_was_made(abc: Memory) -> None:
    metadata: dict[str, Any] = {"é": [1, None, {"x": 0.1}]}
    made = abc.link("a", "b", "causes", weight=0.25, reason="seen \U0001f600", metadata=metadata)
    metadata["é"].append("later")
    assert (made.source_id, made.type, made.target_id) == ("a", "causes", "b")
    assert (made.weight, made.reason) == (0.25, "seen \U0001f600")
    assert made.metadata == {"é": [1, None, {"x": 0.1}]}
    assert made.created_at.tzinfo is UTC
    assert abc.links("a") == abc.links("b") == [made]
    assert made.to_dict() == {
        "source_id": "a",
        "target_id": "b",
        "type": "causes",
        "weight": 0.25,
        "reason": "seen \U0001f600",
        "metadata": {"é": [1, None, {"x": 0.1}]},
        "created_at": made.created_at.isoformat(),
    }
    assert "seen" not in repr(made)


def test_a_plain_link_is_related_with_weight_one(abc: Memory) -> None:
    link = abc.link("a", "b")
    assert (link.type, link.weight, link.reason, link.metadata) == ("related", 1.0, None, {})


def test_linking_again_replaces_and_keeps_the_time(abc: Memory) -> None:
    first = abc.link("a", "b", weight=0.5, reason="once", metadata={"n": 1})
    second = abc.link("a", "b", weight=1)
    assert abc.links("a") == [second]
    assert (second.weight, second.reason, second.metadata) == (1.0, None, {})
    assert second.created_at == first.created_at


def test_types_and_directions_are_links_of_their_own(abc: Memory) -> None:
    for source, target, kind in [("a", "b", "x"), ("a", "b", "y"), ("b", "a", "x")]:
        abc.link(source, target, kind)
    assert len(abc.links("a")) == len(abc.links("b")) == 3
    assert ends(abc.links("a", direction="out")) == [("a", "x", "b"), ("a", "y", "b")]
    assert ends(abc.links("a", direction="in")) == [("b", "x", "a")]
    assert ends(abc.links("a", type="y")) == [("a", "y", "b")]
    assert len(abc.links("a", type=["x", "y"])) == len(abc.links("a", type=[])) == 3
    assert abc.links("a", type="z") == abc.links("c") == []


def test_strongest_first_then_oldest_then_by_id(path: Any) -> None:
    class Still:
        def now(self) -> int:
            return 1_000

    with Memory(path, embedder=HashingEmbedder(8), clock=Still()) as memory:
        memory.add_many([{"id": name} for name in "abcde"])
        for source, target, kind, weight in [
            ("a", "e", "x", 0.5),
            ("d", "a", "x", 0.5),
            ("a", "c", "x", 0.5),
            ("a", "c", "b", 0.5),
            ("a", "b", "x", 0.9),
        ]:
            memory.link(source, target, kind, weight=weight)
        expected = [
            ("a", "x", "b"),
            ("a", "b", "c"),
            ("a", "x", "c"),
            ("a", "x", "e"),
            ("d", "x", "a"),
        ]
        assert ends(memory.links("a")) == expected
        pages = [memory.links("a", limit=2, offset=n) for n in (0, 2, 4, 6)]
        assert [len(page) for page in pages] == [2, 2, 1, 0]
        assert ends([link for page in pages for link in page]) == expected
        assert memory.links("a", limit=0) == []


def test_the_older_of_two_equals_comes_first(abc: Memory) -> None:
    abc.link("a", "c", weight=0.5)
    abc.link("a", "b", weight=0.5)
    assert ends(abc.links("a")) == [("a", "related", "c"), ("a", "related", "b")]


def test_links_of_several_records_each_once(abc: Memory) -> None:
    abc.link("a", "b", weight=0.3)
    abc.link("b", "c", weight=0.2)
    abc.link("c", "a", weight=0.1)
    pairs = [("a", "b"), ("b", "c"), ("c", "a")]
    found = abc.links(["a", "b", "b", "nobody"])
    assert [(link.source_id, link.target_id) for link in found] == pairs
    assert len(abc.links(["a", "b"], direction="out")) == 2
    assert len(abc.links(["a", "b"], limit=1, offset=1)) == 1
    assert abc.links([]) == abc.links("nobody") == []


def test_unlink_says_how_many(abc: Memory) -> None:
    for kind in ("x", "y", "z"):
        abc.link("a", "b", kind)
    abc.link("b", "a", "x")
    assert abc.unlink("a", "b", "y") == 1
    assert abc.unlink("a", "b", "y") == 0
    assert abc.unlink("a", "b") == 2
    assert abc.unlink("a", "nobody") == abc.unlink("nobody", "a") == 0
    assert ends(abc.links("a")) == [("b", "x", "a")]


@pytest.mark.parametrize(("source", "target"), [("a", "nobody"), ("nobody", "a"), ("x", "y")])
def test_both_ends_must_be_there(abc: Memory, source: str, target: str) -> None:
    with pytest.raises(NotFoundError):
        abc.link(source, target)
    assert abc.links("a") == []


WRONG: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"target": "a"}, InvalidInputError),
    ({"target": 3}, InvalidInputError),
    ({"target": None}, InvalidInputError),
    ({"type": ""}, InvalidInputError),
    ({"type": "Causes"}, InvalidInputError),
    ({"type": "two words"}, InvalidInputError),
    ({"type": ["x"] * 2}, InvalidInputError),
    ({"type": None}, InvalidInputError),
    ({"type": "x" * 65}, InvalidInputError),
    ({"weight": 0}, InvalidInputError),
    ({"weight": -0.5}, InvalidInputError),
    ({"weight": 1.000001}, InvalidInputError),
    ({"weight": float("nan")}, InvalidInputError),
    ({"weight": True}, InvalidInputError),
    ({"weight": "1"}, InvalidInputError),
    ({"reason": 1}, InvalidInputError),
    ({"reason": "\ud800"}, InvalidInputError),
    ({"reason": "x" * 4001}, LimitExceededError),
    ({"metadata": []}, InvalidInputError),
    ({"metadata": {"x": object()}}, InvalidInputError),
    ({"metadata": {"x": "y" * 70_000}}, LimitExceededError),
]


@pytest.mark.parametrize(("wrong", "error"), WRONG)
def test_a_malformed_link_is_refused_and_nothing_is_written(
    abc: Memory, wrong: dict[str, Any], error: type[Exception]
) -> None:
    given: dict[str, Any] = {"source": "a", "target": "b", **wrong}
    with pytest.raises(error):
        abc.link(**given)
    assert abc.links("a") == abc.links("b") == []


WRONG_CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("links", ("a",), {"direction": "up"}),
    ("links", ("a",), {"type": "No Word"}),
    ("links", ("a",), {"limit": -1}),
    ("links", ("a",), {"limit": 100_001}),
    ("links", (3,), {}),
    ("unlink", ("a", "b", "No Word"), {}),
    ("unlink", ("a", 3), {}),
    ("related", (), {}),
    ("related", ("a",), {"query": "text"}),
    ("related", (), {"query": "  "}),
    ("related", ("a",), {"hops": 0}),
    ("related", ("a",), {"hops": 33}),
    ("related", ("a",), {"hops": 1.5}),
    ("related", ("a",), {"decay": 0}),
    ("related", ("a",), {"decay": 1.1}),
    ("related", ("a",), {"types": [3]}),
    ("related", ("a",), {"direction": None}),
    ("path", ("a", None), {}),
    ("path", ("a", "b"), {"max_hops": 0}),
    ("path", ("a", "b"), {"direction": "back"}),
]


@pytest.mark.parametrize(("verb", "arguments", "options"), WRONG_CALLS)
def test_a_malformed_argument_is_refused(
    abc: Memory, verb: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        getattr(abc, verb)(*arguments, **options)


def test_deleting_a_record_removes_its_links(abc: Memory) -> None:
    abc.link("a", "b")
    abc.link("b", "c")
    abc.link("c", "a")
    abc.delete("b")
    assert ends(abc.links("a")) == ends(abc.links("c")) == [("c", "related", "a")]
    abc.add("another", id="b")
    assert abc.links("b") == []
    assert abc.verify().ok


def test_links_of_the_expired_are_unseen_and_then_swept(path: Any, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(8), clock=clock) as memory:
        memory.add_many([{"id": "a"}, {"id": "b"}, {"id": "late", "ttl": timedelta(seconds=5)}])
        memory.link("a", "late")
        memory.link("late", "b")
        assert len(memory.links("a")) == 1
        clock.micros += 6_000_000
        assert memory.links("a") == memory.links("late") == memory.related("a") == []
        assert memory.path("a", "b") is None
        assert memory.unlink("a", "late") == 0
        with pytest.raises(NotFoundError):
            memory.link("b", "late")
        memory.sweep()
        memory.add("new", id="late")
        assert memory.links("late") == []
        assert memory.verify().ok


def test_an_expired_record_that_is_written_anew_has_no_links(path: Any, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(8), clock=clock) as memory:
        memory.add_many([{"id": "a"}, {"id": "late", "ttl": timedelta(seconds=5)}])
        memory.link("a", "late")
        clock.micros += 6_000_000
        memory.add("new", id="late")
        assert memory.links("late") == memory.links("a") == []


def test_replacing_updating_and_moving_keep_the_links(abc: Memory) -> None:
    abc.link("a", "b")
    abc.add("other text", id="b")
    abc.update("b", content="again", scope="elsewhere")
    assert ends(abc.links("b")) == [("a", "related", "b")]


def test_facts_that_no_longer_hold_are_linked_still(abc: Memory) -> None:
    abc.link("a", "b", "supersedes")
    abc.update("b", valid_to=datetime(2020, 1, 1, tzinfo=UTC))
    assert [record.id for record in abc.list(order_by="id")] == ["a", "c"]
    assert ends(abc.links("a")) == [("a", "supersedes", "b")]
    assert [found.id for found in abc.related("a")] == ["b"]


def test_links_survive_reopening(path: Any) -> None:
    embedder = HashingEmbedder(8)
    with Memory(path, embedder=embedder) as memory:
        memory.add_many([{"id": "a"}, {"id": "b"}])
        link = memory.link("a", "b", weight=1 / 3, reason="r", metadata={"n": 10**30})
    with Memory(path, embedder=embedder) as memory:
        assert memory.links("b") == [link]
