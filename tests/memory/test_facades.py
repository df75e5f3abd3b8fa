"""Random calls through `Memory` and `AsyncMemory`: equal results, equal types of errors."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, cast

import pytest

from commonplace import AsyncMemory, CommonplaceError, HashingEmbedder, Memory
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from tests.figures import Figures

STEPS = 12
Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def call(chance: random.Random) -> Call:
    """A random call; now and then one that is refused."""
    name, other = (chance.choice(["1", "2", "3", "nobody"]) for _ in range(2))
    scope = chance.choice(["", "a", "a/b", "c"])
    text = chance.choice(["green tea", "a train", "", "x\0y"])
    odd: Any = chance.choice([None, -1, "\ud800", {1: 2}, float("nan")])
    calls: list[Call] = [
        ("add", (text,), {"id": name, "scope": scope, "key": chance.choice([None, "k"])}),
        ("add", (text,), {"id": name, "if_exists": chance.choice(["keep", "error"])}),
        ("add_many", ([{"content": text, "id": name}, {"content": "b", "id": other}],), {}),
        ("put_many", ([{"content": text, "id": name, "scope": scope}],), {}),
        ("update", (name,), {"content": text, "expected_version": chance.choice([None, 1, 2])}),
        ("delete", ([name],), {}),
        ("delete", (), {"scope": scope}),
        ("archive", (name,), {}),
        ("restore", (name,), {}),
        ("history", (name,), {}),
        ("purge", (name,), {"dry_run": chance.random() < 0.5}),
        ("link", (name, other, "next"), {}),
        ("links", (name,), {}),
        ("get", (name,), {}),
        ("get", (), {"key": "k", "scope": scope}),
        ("list", (), {"scope": scope, "order_by": chance.choice(["id", "-version", "nothing"])}),
        ("count", (), {"filter": {"n": odd}}),
        ("search", (text,), {"mode": chance.choice(["dense", "lexical", "hybrid"])}),
        ("scopes", (), {}),
        ("sweep", (), {}),
        ("add", (odd,), {"id": name}),
        ("add", (text,), {"id": name, "value": odd}),
        ("search", (text,), {"limit": odd}),
        ("update", (name,), {}),
    ]
    return chance.choice(calls)


def answer(given: Any) -> Any:
    """What was given, as it can be compared."""
    return [shown(one) for one in cast("list[Any]", given)] if isinstance(given, list) else given


def shown(one: Any) -> Any:
    return one.to_dict() if hasattr(one, "to_dict") else one


def same(sequences: int) -> tuple[int, int]:
    """Make so many sequences of calls; how many calls, and how many of them were refused."""
    chance = random.Random(11)
    refused = 0

    async def both(one: Memory, other: AsyncMemory, made: Call) -> int:
        verb, args, options = made
        expected, found = None, None
        try:
            expected = answer(getattr(one, verb)(*args, **options))
        except CommonplaceError as error:
            expected = type(error)
        try:
            found = answer(await getattr(other, verb)(*args, **options))
        except CommonplaceError as error:
            found = type(error)
        assert found == expected, made
        return int(isinstance(expected, type))

    async def main() -> int:
        counted = 0
        with (
            Memory(":memory:", embedder=HashingEmbedder(16), clock=FakeClock()) as one,
            Memory(":memory:", embedder=HashingEmbedder(16), clock=FakeClock()) as two,
        ):
            other = AsyncMemory(two)
            for _ in range(sequences):
                for _ in range(STEPS):
                    counted += await both(one, other, call(chance))
                for memory in (one, two):
                    memory.delete(everything=True)
                    memory.purge(everything=True)
        return counted

    refused = asyncio.run(main())
    return sequences * STEPS, refused


def test_random_calls_give_the_same_with_and_without_await(figures: Figures) -> None:
    calls, refused = same(50)
    assert 0 < refused < calls
    figures(11, sequences=50, calls=calls, refused_alike=refused, differences=0)


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_random_calls_at_length_give_the_same_with_and_without_await(figures: Figures) -> None:
    calls, refused = same(2_000)
    figures(11, sequences=2_000, calls=calls, refused_alike=refused, differences=0)
