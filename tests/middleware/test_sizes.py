from __future__ import annotations

from typing import Any

import pytest

from commonplace import HashingEmbedder, InvalidInputError, LimitExceededError, Memory, SizeLimits

FITS: dict[str, Any] = {
    "content": "abcde",
    "value": "é",  # four bytes with its quotes
    "metadata": {"a": 1},
    "tags": ["x", "y"],
}
LIMITS: dict[str, Any] = {"content": 5, "value_bytes": 4, "metadata_bytes": 7, "tags": 2}


def opened(limits: SizeLimits) -> Memory:
    return Memory(":memory:", embedder=HashingEmbedder(64), middleware=[limits])


def test_what_fits_exactly_is_stored() -> None:
    with opened(SizeLimits(**LIMITS)) as memory:
        record = memory.add(**FITS)
        assert memory.update(record.id, content="edcba").content == "edcba"


@pytest.mark.parametrize(
    "larger",
    [
        {"content": "abcdef"},
        {"embed": ["abcdef"]},
        {"value": "éa"},
        {"metadata": {"a": 10}},
        {"tags": ["x", "y", "z"]},
    ],
    ids=lambda larger: next(iter(larger)),
)
def test_one_more_is_refused(larger: dict[str, Any]) -> None:
    with opened(SizeLimits(**LIMITS)) as memory:
        standing = memory.add(**FITS)
        with pytest.raises(LimitExceededError):
            memory.add_many(["fine", {**FITS, **larger}])
        changes: dict[str, Any] = {"content": "abc", **larger}
        with pytest.raises(LimitExceededError):
            memory.update(standing.id, **changes)
        assert memory.list() == [standing]


def test_without_a_limit_anything_goes() -> None:
    with opened(SizeLimits()) as memory:
        memory.add("x" * 10_000, value="x" * 10_000, metadata={"x": "x" * 1000}, tags=["a", "b"])


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "1"])
def test_a_limit_is_a_whole_number(wrong: Any) -> None:
    for name in LIMITS:
        with pytest.raises(InvalidInputError, match=name):
            SizeLimits(**{name: wrong})


def test_zero_allows_none() -> None:
    with opened(SizeLimits(content=0, value_bytes=0, metadata_bytes=0, tags=0)) as memory:
        assert memory.add().content == ""
        one_each: list[dict[str, Any]] = [
            {"content": "x"},
            {"value": 1},
            {"metadata": {"a": 1}},
            {"tags": ["x"]},
        ]
        for given in one_each:
            with pytest.raises(LimitExceededError):
                memory.add(**given)
