"""`CommonplaceRetriever`: documents out of a memory, whatever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.tools import create_retriever_tool

from commonplace import (
    ClosedStoreError,
    Hit,
    InvalidInputError,
    Memory,
    OutsideViewError,
    Record,
    Scope,
    Source,
    render,
)
from langchain_commonplace import CommonplaceRetriever, render_documents
from langchain_commonplace._convert import document_fields, hit_to_document, stored_document

if TYPE_CHECKING:
    from pathlib import Path

WHEN = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)


def record(**parts: Any) -> Record:
    named: dict[str, Any] = {
        "id": "1",
        "scope": Scope("users", "a/b"),
        "created_at": WHEN,
        "updated_at": WHEN,
    }
    return Record(**named | parts)


@given(st.text(), OBJECTS, st.none() | st.text())
def test_a_document_comes_back_as_it_was(text: str, metadata: dict[str, Any], name: Any) -> None:
    document = Document(page_content=text, metadata=metadata, id=name)
    assert stored_document(record(**document_fields(document))) == document


@given(st.text(min_size=1), OBJECTS)
def test_what_is_known_of_a_record_cannot_be_forged(text: str, metadata: dict[str, Any]) -> None:
    hostile = {**metadata, "scope": "", "score": 9, "id": "other", "written_by": {"trust": 1}}
    found = hit_to_document(Hit(record=record(content=text, metadata=hostile), score=0.5))
    assert found.page_content == text
    assert found.metadata["scope"] == "users/a\\/b"
    assert (found.id, found.metadata["id"], found.metadata["score"]) == ("1", "1", 0.5)
    assert found.metadata["written_by"] == {}
    assert found.metadata["metadata"] == hostile


def test_metadata_say_where_it_came_from(memory: Memory) -> None:
    memory.add(
        "Alice drinks tea",
        id="1",
        scope="users/alice",
        key="drink",
        tags=["food"],
        metadata={"page": 3},
        source=Source(uri="mail:7"),
    )
    (found,) = CommonplaceRetriever(memory=memory).invoke("tea")
    assert (found.page_content, found.id) == ("Alice drinks tea", "1")
    stored = memory.get("1")
    assert stored
    assert found.metadata.pop("score") > 0
    assert -1 <= found.metadata.pop("similarity") <= 1
    assert found.metadata == {
        "source": "mail:7",
        "page": 3,
        "id": "1",
        "scope": "users/alice",
        "kind": "fact",
        "tags": ["food"],
        "key": "drink",
        "created_at": stored.created_at.isoformat(),
        "updated_at": stored.updated_at.isoformat(),
        "valid_from": None,
        "valid_to": None,
        "written_by": {"uri": "mail:7"},
    }


def test_documents_are_rendered_as_their_records_are(memory: Memory) -> None:
    memory.add_many(
        [
            {"content": "green tea\n> [2] fact", "tags": ["a"], "source": {"app": "crewai"}},
            {"content": "black tea", "valid_from": WHEN, "kind": "note", "scope": "a\\/b/c"},
            {"value": {"drink": "tea"}, "embed": ["tea"]},
        ]
    )
    documents = CommonplaceRetriever(memory=memory).invoke("tea")
    hits = memory.search("tea")
    cases: list[dict[str, Any]] = [{}, {"format": "json"}, {"token_budget": 150}, {"longest": 3}]
    for options in cases:
        assert render_documents(documents, **options).text == render(hits, **options).text


def test_only_documents_of_a_memory_are_rendered() -> None:
    with pytest.raises(InvalidInputError, match="CommonplaceRetriever"):
        render_documents([Document("x", id="1")])


def test_it_finds_what_another_face_stored_as_json(memory: Memory) -> None:
    memory.add(value={"drink": "tea"}, source={"app": "langgraph"}, embed=["tea"])
    (found,) = CommonplaceRetriever(memory=memory).invoke("tea")
    assert found.page_content == '{"drink": "tea"}'


def test_its_scope_bounds_it(memory: Memory) -> None:
    memory.add_many([{"content": "tea", "scope": f"users/{who}"} for who in ("a", "ab", "a/b")])
    retriever = CommonplaceRetriever(memory=memory, scope="users/a", k=10)
    assert {found.metadata["scope"] for found in retriever.invoke("tea")} == {
        "users/a",
        "users/a/b",
    }
    outside = CommonplaceRetriever(memory=memory.scope("users/a"), scope=Scope("users", "ab"))
    with pytest.raises(OutsideViewError):
        outside.invoke("tea")


@pytest.mark.anyio
async def test_a_call_may_say_otherwise(memory: Memory) -> None:
    memory.add_many(
        [
            {"content": "green tea", "metadata": {"n": 1}},
            {"content": "black tea", "metadata": {"n": 2}, "tags": ["x"]},
            {"content": "tea with milk", "metadata": {"n": 2}, "kind": "note"},
        ]
    )
    retriever = CommonplaceRetriever(memory=memory, k=2, filter={"n": 2})

    async def found(**options: Any) -> set[str]:
        documents = retriever.invoke("tea", None, **options)
        assert await retriever.ainvoke("tea", None, **options) == documents
        return {document.page_content for document in documents}

    assert await found() == {"black tea", "tea with milk"}
    assert await found(filter={"n": 1}) == {"green tea"}
    assert await found(filter=None, k=3) == {"green tea", "black tea", "tea with milk"}
    assert await found(kinds=["note"]) == {"tea with milk"}
    assert await found(record_tags=["x"]) == {"black tea"}
    assert await found(mode="lexical", min_score=1000.0) == set()
    with pytest.raises(TypeError, match="'scope'"):
        retriever.invoke("tea", None, scope="users/b")
    with pytest.raises(InvalidInputError):
        retriever.invoke("tea", None, mode="best")


def test_it_sees_the_past(memory: Memory) -> None:
    added = memory.add("green tea")
    memory.update(added.id, content="black coffee")
    retriever = CommonplaceRetriever(memory=memory, as_of=added.updated_at)
    assert [found.page_content for found in retriever.invoke("tea")] == ["green tea"]


def test_it_closes_what_it_opened_and_nothing_else(path: Path) -> None:
    with Memory(path) as memory:
        memory.add("tea")
        lent = CommonplaceRetriever(memory=memory)
        lent.close()
        assert lent.invoke("tea")
    own = CommonplaceRetriever(memory=str(path))
    assert own.invoke("tea")
    own.close()
    with pytest.raises(ClosedStoreError):
        own.invoke("tea")


def test_it_becomes_a_tool(memory: Memory) -> None:
    memory.add("Alice drinks tea")
    tool = create_retriever_tool(CommonplaceRetriever(memory=memory), "facts", "Known facts")
    assert tool.invoke({"query": "tea"}) == "Alice drinks tea"


class Tracing(BaseCallbackHandler):
    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def on_retriever_start(self, *_: Any, metadata: Any = None, **__: Any) -> None:
        self.told = metadata


def test_traces_name_it(memory: Memory) -> None:
    tracing = Tracing()
    CommonplaceRetriever(memory=memory).invoke("tea", {"callbacks": [tracing]})
    assert tracing.told["ls_retriever_name"] == "commonplace"
    assert tracing.told["ls_vector_store_provider"] == "commonplace"


def test_no_memory_no_retriever() -> None:
    with pytest.raises(ValueError, match="Memory or the path"):
        CommonplaceRetriever(memory=3)
