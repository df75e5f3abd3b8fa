"""Middleware sees every write and every read, through whichever face."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core.models import UserMessage
from langchain_core.messages import HumanMessage
from tests.parity.faces import FACES, Face, facts

from autogen_commonplace import CommonplaceChatCompletionContext
from commonplace import HashingEmbedder, Memory, RefusedError, Scope
from langchain_commonplace import CommonplaceChatMessageHistory, create_manage_memory_tool

if TYPE_CHECKING:
    from tests.figures import Figures

    from commonplace import Record

COUNT = 60


class Watching:
    """Notes what passes, and refuses what says so."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.read: set[str] = set()

    def before_write(self, record: Record) -> Record:
        if "FORBIDDEN" in record.text:
            raise RefusedError("not here")
        self.written.append(record.text)
        return record

    def after_read(self, record: Record) -> Record:
        self.read.add(record.id)
        return record


@pytest.mark.parametrize("kind", FACES, ids=[face.name for face in FACES])
def test_a_guard_sees_all_of_every_face(kind: type[Face], figures: Figures) -> None:
    guard = Watching()
    with Memory(":memory:", embedder=HashingEmbedder(64), middleware=[guard]) as memory:
        face = kind(memory, Scope("team"))
        written = face.write(facts(face.name, COUNT))
        assert len(guard.written) == COUNT
        assert all(one.fact.text in text for one, text in zip(written, guard.written, strict=True))
        ids = {one.id for one in written}
        for read in (
            lambda: face.get(written),
            face.listed,
            lambda: face.found(written[0].fact.text, 1000),
        ):
            guard.read.clear()
            read()
            assert guard.read >= ids
        (bad,) = facts("FORBIDDEN", 1)
        with pytest.raises(RefusedError):
            face.write([bad])
        assert memory.count() == COUNT
    figures(28, through=kind.name, written=COUNT, seen_written=COUNT, seen_read=COUNT)


def test_a_guard_sees_messages_and_what_tools_write() -> None:
    guard = Watching()
    with Memory(":memory:", embedder=HashingEmbedder(64), middleware=[guard]) as memory:
        history = CommonplaceChatMessageHistory("chat", memory)
        context = CommonplaceChatCompletionContext(memory, "chat")
        manage = create_manage_memory_tool("", store=memory)
        history.add_messages([HumanMessage("one")])
        asyncio.run(context.add_message(UserMessage(content="two", source="user")))
        manage.invoke({"content": "three"})
        assert [text for text in guard.written if len(text) < 10] == ["one", "two", "three"]
        guard.read.clear()
        assert len(history.messages) == 2
        assert len(asyncio.run(context.get_messages())) == 2
        assert len(guard.read) == 2
        refused: list[Any] = [
            lambda: history.add_messages([HumanMessage("FORBIDDEN")]),
            lambda: asyncio.run(
                context.add_message(UserMessage(content="FORBIDDEN", source="user"))
            ),
        ]
        for write in refused:
            with pytest.raises(RefusedError):
                write()
        assert "not here" in manage.invoke({"content": "FORBIDDEN"})
        assert memory.count() == 3
