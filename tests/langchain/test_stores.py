"""The key-value stores beyond LangChain's own tests, and LangChain's users of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_classic.retrievers import ParentDocumentRetriever
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import CharacterTextSplitter

from commonplace import ClosedStoreError, HashingEmbedder, InvalidInputError, Memory
from langchain_commonplace import (
    CommonplaceByteStore,
    CommonplaceDocumentStore,
    CommonplaceKeyValueStore,
    CommonplaceRetriever,
)

if TYPE_CHECKING:
    from pathlib import Path

JSON: Any = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@given(st.dictionaries(KEYS, JSON, max_size=4), KEYS)
def test_it_keeps_what_a_dict_keeps(values: dict[str, Any], prefix: str) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        store = CommonplaceKeyValueStore(memory, scope="a")
        store.mset(list(values.items()))
        assert store.mget(list(values)) == list(values.values())
        matching = sorted(key for key in values if key.startswith(prefix))
        assert list(store.yield_keys(prefix=prefix)) == matching


@given(st.binary())
def test_bytes_come_back(value: bytes) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        store = CommonplaceByteStore(memory)
        store.mset([("k", value)])
        assert store.mget(["k"]) == [value]


@pytest.mark.anyio
async def test_many_keys_come_page_by_page(memory: Memory) -> None:
    store = CommonplaceKeyValueStore(memory)
    store.mset([(f"{group}{n:03}", n) for group in "abc" for n in range(250)])
    wanted = [f"b{n:03}" for n in range(250)]
    assert list(store.yield_keys(prefix="b")) == wanted
    assert [key async for key in store.ayield_keys(prefix="b")] == wanted
    assert len(list(store.yield_keys())) == 750


def test_stores_in_scopes_of_their_own_do_not_meet(memory: Memory) -> None:
    outer, inner = (CommonplaceKeyValueStore(memory, scope=scope) for scope in ("a", "a/b"))
    outer.mset([("k", 1)])
    inner.mset([("k", 2), ("only", 3)])
    assert (outer.mget(["k", "only"]), inner.mget(["k"])) == ([1, None], [2])
    assert list(outer.yield_keys()) == ["k"]
    outer.mdelete(["k", "only"])
    assert inner.mget(["k", "only"]) == [2, 3]


def test_setting_is_all_or_nothing(memory: Memory) -> None:
    store = CommonplaceKeyValueStore(memory)
    with pytest.raises(InvalidInputError):
        store.mset([("a", 1), ("b", {1, 2})])
    assert store.mget(["a"]) == [None]


def test_values_are_not_searched_documents_are(memory: Memory) -> None:
    CommonplaceKeyValueStore(memory, scope="v").mset([("k", "tea")])
    CommonplaceByteStore(memory, scope="b").mset([("k", b"tea")])
    CommonplaceDocumentStore(memory, scope="d").mset([("k", Document("green tea"))])
    found = CommonplaceRetriever(memory=memory).invoke("tea")
    assert [document.page_content for document in found] == ["green tea"]


def test_what_other_faces_stored_is_read(memory: Memory) -> None:
    memory.add("green tea", key="text", metadata={"n": 1})
    memory.add(value={"x": 1}, key="json", source={"app": "langgraph"})
    values = CommonplaceKeyValueStore(memory)
    assert values.mget(["text", "json"]) == ["green tea", {"x": 1}]
    documents = CommonplaceDocumentStore(memory).mget(["text", "json"])
    assert documents == [Document("green tea", metadata={"n": 1}), Document('{"x": 1}')]
    assert CommonplaceByteStore(memory).mget(["text", "json"]) == [None, None]


def test_records_without_a_key_are_none_of_its_own(memory: Memory) -> None:
    kept = memory.add("green tea")
    store = CommonplaceKeyValueStore(memory)
    assert store.mget([kept.id]) == [None]
    store.mdelete([kept.id])
    assert memory.get(kept.id) == kept


def test_each_store_keeps_its_own_type(memory: Memory) -> None:
    wrong: Any = [("k", 3)]
    with pytest.raises(InvalidInputError, match="bytes, not int"):
        CommonplaceByteStore(memory).mset(wrong)
    with pytest.raises(InvalidInputError, match="documents, not int"):
        CommonplaceDocumentStore(memory).mset(wrong)


def test_records_say_which_framework_wrote_them(memory: Memory) -> None:
    CommonplaceKeyValueStore(memory).mset([("k", 1)])
    assert memory.list()[0].source.app == "langchain"


def test_it_closes_what_it_opened_and_nothing_else(path: Path) -> None:
    with CommonplaceKeyValueStore(path) as store:
        store.mset([("k", 1)])
    with pytest.raises(ClosedStoreError):
        store.mget(["k"])
    with Memory(path) as memory:
        with CommonplaceKeyValueStore(memory) as lent:
            assert lent.mget(["k"]) == [1]
        assert memory.count() == 1


class Counting(DeterministicFakeEmbedding):
    """Counts the texts that it embedded."""

    texts: int = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += len(texts)
        return super().embed_documents(texts)


@pytest.mark.anyio
async def test_cache_backed_embeddings(memory: Memory) -> None:
    model = Counting(size=8)
    cached = CacheBackedEmbeddings.from_bytes_store(
        model, CommonplaceByteStore(memory, scope="cache"), namespace="m", key_encoder="sha256"
    )
    first = cached.embed_documents(["tea", "coffee"])
    assert model.texts == 2
    assert cached.embed_documents(["tea", "coffee"]) == first
    assert await cached.aembed_documents(["coffee"]) == [first[1]]
    assert model.texts == 2


@pytest.mark.parametrize("kind", ["documents", "bytes"])
def test_parent_document_retriever(memory: Memory, kind: str) -> None:
    place: dict[str, Any] = (
        {"docstore": CommonplaceDocumentStore(memory, scope="parents")}
        if kind == "documents"
        else {"byte_store": CommonplaceByteStore(memory, scope="parents")}
    )
    retriever = ParentDocumentRetriever(
        vectorstore=InMemoryVectorStore(DeterministicFakeEmbedding(size=16)),
        child_splitter=CharacterTextSplitter(separator=". ", chunk_size=20, chunk_overlap=0),
        **place,
    )
    parent = Document("Alice drinks tea. Bob takes the train.", metadata={"page": 1})
    retriever.add_documents([parent], ids=["p"])
    assert retriever.invoke("Bob takes the train.") == [parent]
    assert [record.key for record in memory.list(scope="parents")] == ["p"]
