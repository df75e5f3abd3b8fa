"""The same verbs with `await`: the same results and errors."""

from __future__ import annotations

import asyncio

import pytest

from commonplace import AsyncMemory, Memory, NotFoundError


def test_await_gives_what_the_plain_verbs_give(memory: Memory) -> None:
    async def use() -> None:
        awaited = AsyncMemory(memory)
        for name in "abc":
            await awaited.add(f"text {name}", id=name)
        made = await awaited.link("a", "b", "causes", weight=0.5, reason="r", metadata={"n": 1})
        await awaited.link("b", "c")
        assert await awaited.links("a") == memory.links("a") == [made]
        assert await awaited.related("a", hops=3) == memory.related("a", hops=3)
        assert await awaited.related(query="text a") == memory.related(query="text a")
        assert await awaited.path("a", "c") == memory.path("a", "c")
        assert len(await awaited.related("a")) == len(await awaited.path("a", "c") or ()) == 2
        with pytest.raises(NotFoundError):
            await awaited.link("a", "nobody")
        assert await awaited.scope("elsewhere").links("a") == []
        assert await awaited.unlink("a", "b") == 1
        assert await awaited.links("a") == []

    asyncio.run(use())
