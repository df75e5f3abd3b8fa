"""A face that changes what another one wrote keeps what it has no place for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core.memory import MemoryContent, MemoryMimeType

from autogen_commonplace import CommonplaceMemory
from commonplace import HashingEmbedder, InvalidInputError, Memory, Source
from crewai_commonplace import CommonplaceStorage
from langchain_commonplace import create_manage_memory_tool
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ITEM: dict[str, Any] = {"text": "Alice likes green tea", "cups": [1, {"hot": None}], "empty": {}}


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as opened:
        yield opened


def content(text: str, metadata: dict[str, Any] | None = None) -> MemoryContent:
    return MemoryContent(content=text, mime_type=MemoryMimeType.TEXT, metadata=metadata)


@pytest.mark.parametrize(
    ("body", "mime_type"),
    [
        (b"\xff\x00", MemoryMimeType.BINARY),
        ({"drink": ["tea", None]}, MemoryMimeType.JSON),
        ("# tea", "text/x-markdown"),
    ],
)
def test_crewai_keeps_autogens_bytes_and_types(memory: Memory, body: Any, mime_type: Any) -> None:
    book, storage = CommonplaceMemory(memory), CommonplaceStorage(memory, vectors="own")
    given = MemoryContent(content=body, mime_type=mime_type, metadata={"caption": "tea"})
    (record_id,) = asyncio.run(book.add_many([given]))
    record = storage.get_record(record_id)
    assert record is not None
    storage.update(record.model_copy(update={"categories": ["drinks"], "importance": 0.9}))
    found = asyncio.run(book.get(record_id))
    assert found is not None
    assert (found.content, found.mime_type) == (body, mime_type)
    changed = memory.get(record_id)
    assert changed is not None
    assert (changed.tags, changed.importance, changed.source.app) == (("drinks",), 0.9, "autogen")


def test_autogen_and_crewai_keep_langgraphs_value(memory: Memory) -> None:
    book, storage = CommonplaceMemory(memory), CommonplaceStorage(memory, vectors="own")
    store = CommonplaceStore(memory)
    store.put(("notes",), "tea", ITEM, index=["text"])
    record = memory.get(key="tea", scope="notes")
    assert record is not None
    asyncio.run(book.update(record.id, content("Alice likes black tea", {"sure": True})))
    shown = storage.get_record(record.id)
    assert shown is not None
    assert (shown.content, shown.metadata) == ("Alice likes black tea", {"sure": True})
    storage.update(shown.model_copy(update={"categories": ["drinks"]}))
    item = store.get(("notes",), "tea")
    assert item is not None
    assert item.value == ITEM
    changed = memory.get(record.id)
    assert changed is not None
    assert changed.source.app == "langgraph"
    with pytest.raises(InvalidInputError, match="another framework"):
        asyncio.run(book.update(record.id, MemoryContent(content=b"x", mime_type="x/y")))


def test_an_item_without_a_text_is_shown_as_its_json(memory: Memory) -> None:
    memory.add("", value={"b": 1, "a": "ü"}, id="only json", source={"app": "langgraph"})
    found = asyncio.run(CommonplaceMemory(memory).get("only json"))
    assert found is not None
    assert found.content == '{"a": "ü", "b": 1}'
    record = CommonplaceStorage(memory, vectors="own").get_record("only json")
    assert record is not None
    assert record.content == found.content


def test_what_one_deletes_is_gone_for_all(memory: Memory) -> None:
    book, storage = CommonplaceMemory(memory), CommonplaceStorage(memory, vectors="own")
    store = CommonplaceStore(memory)
    store.put(("notes",), "tea", ITEM, index=["text"])
    (other,) = asyncio.run(book.add_many([content("green tea")]))
    record = memory.get(key="tea", scope="notes")
    assert record is not None
    assert asyncio.run(book.delete(record.id)) == 1
    assert store.get(("notes",), "tea") is None
    assert storage.delete(record_ids=[other]) == 1
    assert asyncio.run(book.get(other)) is None
    assert store.search(()) == []


def test_a_reset_of_crewai_and_a_delete_by_criteria_leave_what_others_wrote(
    memory: Memory,
) -> None:
    book, storage = CommonplaceMemory(memory), CommonplaceStorage(memory, vectors="own")
    asyncio.run(book.add(content("green tea")))
    CommonplaceStore(memory).put(("notes",), "tea", ITEM)
    storage.reset()
    assert storage.delete(scope_prefix="/notes") == 0
    assert memory.count() == 2


TRUSTED = Source(app="langgraph", agent="planner", user="ana", thread="t1", uri="mail:7", trust=0.9)


def changed_by_crewai(memory: Memory, record_id: str, text: str) -> None:
    storage = CommonplaceStorage(memory, vectors="own")
    shown = storage.get_record(record_id)
    assert shown is not None
    storage.update(shown.model_copy(update={"content": text}))


def changed_by_autogen(memory: Memory, record_id: str, text: str) -> None:
    book = CommonplaceMemory(memory, scope="users/ana")
    asyncio.run(book.update(record_id, content(text)))


def changed_by_langchain(memory: Memory, record_id: str, text: str) -> None:
    manage = create_manage_memory_tool("users/ana", store=memory)
    change = {"action": "update", "id": record_id, "content": text}
    manage.invoke(change, {"configurable": {"user_id": "ben", "thread_id": "t2"}})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (changed_by_crewai, Source(app="langgraph", agent="crewai", user="ana")),
        (changed_by_autogen, Source(app="langgraph", agent="autogen", user="ana")),
        (
            changed_by_langchain,
            Source(app="langgraph", agent="langchain", user="ben", thread="t2"),
        ),
    ],
)
def test_a_changed_text_is_no_more_worth_than_who_changed_it(
    memory: Memory, change: Callable[[Memory, str, str], None], expected: Source
) -> None:
    """The app stays, as it says how the value reads; trust, page and thread were of the old one."""
    record = memory.add("Ana likes tea", value=ITEM, source=TRUSTED, scope="users/ana")
    change(memory, record.id, "Ana likes coffee")
    found = memory.get(record.id)
    assert found is not None
    assert (found.content, found.value) == ("Ana likes coffee", ITEM)
    assert found.source == expected


def test_crewai_that_changes_no_text_leaves_the_source(memory: Memory) -> None:
    record = memory.add("Ana likes tea", value=ITEM, source=TRUSTED, scope="users/ana")
    storage = CommonplaceStorage(memory, vectors="own")
    shown = storage.get_record(record.id)
    assert shown is not None
    storage.update(shown.model_copy(update={"categories": ["drinks"]}))
    found = memory.get(record.id)
    assert found is not None
    assert (found.tags, found.source) == (("drinks",), TRUSTED)
