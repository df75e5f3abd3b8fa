"""`on_duplicate`: batches, views and malformed options."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.curating.checked import ids

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
)

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace import Record

ACTIONS = ("skip", "merge", "supersede")


@pytest.mark.parametrize(
    ("action", "left", "versions"),
    [
        ("skip", ["0", "3"], [1, 1]),
        ("merge", ["0", "3"], [3, 1]),
        ("supersede", ["2", "3"], [1, 1]),
    ],
)
def test_a_batch_is_compared_with_itself(
    timed: Memory, action: Any, left: list[str], versions: list[int]
) -> None:
    texts = ["green tea", "Green tea", "GREEN TEA", "a train to Porto"]
    batch = [{"content": text, "id": f"{n}", "scope": "new"} for n, text in enumerate(texts)]
    got = timed.add_many(batch, on_duplicate=action, similar_at=0.95)
    assert ids(timed) == left
    assert [one.version for one in timed.list(order_by="id")] == versions
    assert got == timed.get_many([one.id for one in got])
    assert len(got) == 4
    assert got[3].id == "3"


@pytest.mark.parametrize("action", ACTIONS)
def test_the_last_of_a_batch_that_names_one_record_wins(timed: Memory, action: Any) -> None:
    batch = [{"content": "green tea", "id": "1"}, {"content": "a train", "id": "1"}]
    got = timed.add_many(batch, on_duplicate=action, similar_at=0.95)
    assert got == [timed.get("1")] * 2
    assert got[0].content == "a train"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_batch_is_all_or_nothing(timed: Memory, action: Any) -> None:
    timed.add("green tea", id="1", scope="a")
    before = timed.list(include_closed=True)
    batch = [{"content": "Green tea", "scope": "a"}, {"content": "x", "id": "1", "scope": "b"}]
    with pytest.raises(ConflictError):
        timed.add_many(batch, on_duplicate=action, similar_at=0.95)
    assert timed.list(include_closed=True) == before
    assert len(timed.history("1")) == 1


def test_a_view_compares_with_what_lies_in_it(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    view = timed.scope("ab")
    assert view.add("tea", on_duplicate="skip", similar_at=0.95).scope.path == "ab"
    assert timed.scope("a").add("tea", on_duplicate="skip", similar_at=0.95).id == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_duplicate": "drop"},
        {"on_duplicate": None},
        {"on_duplicate": "skip", "similar_at": 0.49},
        {"on_duplicate": "skip", "similar_at": 1.01},
        {"on_duplicate": "skip", "similar_at": float("nan")},
        {"on_duplicate": "skip", "similar_at": "1"},
        {"on_duplicate": "keep", "similar_at": 7},
        {"on_duplicate": "skip", "dedupe": True},
    ],
)
def test_malformed_options_are_refused(timed: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        timed.add("tea", **wrong)
    with pytest.raises(InvalidInputError):
        timed.add_many(["tea"], **wrong)
    assert timed.count() == 0


@pytest.mark.parametrize(("action", "held"), [("skip", 1), ("merge", 1), ("supersede", 8)])
def test_many_at_once_leave_one(path: Path, action: Any, held: int) -> None:
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        texts = ["green tea", "Green tea"] * 4

        def add(text: str) -> Record:
            return memory.add(text, on_duplicate=action, similar_at=0.95)

        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(add, texts))
        (left,) = memory.list()
        assert left.id in {one.id for one in got}
        assert memory.count(include_closed=True) == held
        assert memory.verify().problems == ()
