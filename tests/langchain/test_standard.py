"""LangChain's own standard tests: key-value stores, retriever, tools. Nothing is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document
from langchain_tests.integration_tests import (
    BaseStoreAsyncTests,
    BaseStoreSyncTests,
    RetrieversIntegrationTests,
    ToolsIntegrationTests,
)
from langchain_tests.unit_tests import ToolsUnitTests

from commonplace import HashingEmbedder, Memory
from langchain_commonplace import (
    CommonplaceByteStore,
    CommonplaceDocumentStore,
    CommonplaceKeyValueStore,
    CommonplaceRetriever,
    create_manage_memory_tool,
    create_search_memory_tool,
)

if TYPE_CHECKING:
    from langchain_core.stores import BaseStore
    from langchain_core.tools import BaseTool

pytestmark = pytest.mark.anyio

JSON = ({"a": [1, None]}, "text", 3.5)
BYTES = (b"\x00\xff", b"", b"text")
DOCUMENTS = (
    Document("one", metadata={"n": 1}),
    Document("two", id="2"),
    Document("", metadata={"a": {"b": []}}),
)


class TestValues(BaseStoreSyncTests[Any]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, Any]:
        return CommonplaceKeyValueStore(memory)

    @pytest.fixture
    def three_values(self) -> tuple[Any, Any, Any]:
        return JSON


class TestValuesAsync(BaseStoreAsyncTests[Any]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, Any]:
        return CommonplaceKeyValueStore(memory)

    @pytest.fixture
    def three_values(self) -> tuple[Any, Any, Any]:
        return JSON


class TestBytes(BaseStoreSyncTests[bytes]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, bytes]:
        return CommonplaceByteStore(memory, scope="bytes")

    @pytest.fixture
    def three_values(self) -> tuple[bytes, bytes, bytes]:
        return BYTES


class TestBytesAsync(BaseStoreAsyncTests[bytes]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, bytes]:
        return CommonplaceByteStore(memory, scope="bytes")

    @pytest.fixture
    def three_values(self) -> tuple[bytes, bytes, bytes]:
        return BYTES


class TestDocuments(BaseStoreSyncTests[Document]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, Document]:
        return CommonplaceDocumentStore(memory)

    @pytest.fixture
    def three_values(self) -> tuple[Document, Document, Document]:
        return DOCUMENTS


class TestDocumentsAsync(BaseStoreAsyncTests[Document]):
    @pytest.fixture
    def kv_store(self, memory: Memory) -> BaseStore[str, Document]:
        return CommonplaceDocumentStore(memory)

    @pytest.fixture
    def three_values(self) -> tuple[Document, Document, Document]:
        return DOCUMENTS


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def filled(self, memory: Memory) -> None:
        memory.add_many(["green tea", "black tea", "a train to Oslo", "a boat"])
        self.memory = memory

    @property
    def retriever_constructor(self) -> type[CommonplaceRetriever]:
        return CommonplaceRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.memory}

    @property
    def retriever_query_example(self) -> str:
        return "tea"


def manage_tool() -> BaseTool:
    store = Memory(":memory:", embedder=HashingEmbedder(64))
    return create_manage_memory_tool(("users", "alice"), store=store)


def search_tool() -> BaseTool:
    store = Memory(":memory:", embedder=HashingEmbedder(64))
    store.add("Alice drinks tea", scope="users/alice")
    return create_search_memory_tool(
        ("users", "alice"), store=store, response_format="content_and_artifact"
    )


class Manage:
    @property
    def tool_constructor(self) -> BaseTool:
        return manage_tool()

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"content": "Alice drinks tea", "action": "create"}


class Search:
    @property
    def tool_constructor(self) -> BaseTool:
        return search_tool()

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "tea", "limit": 3, "offset": 0, "filter": None}


class TestManageUnit(Manage, ToolsUnitTests): ...


class TestManageIntegration(Manage, ToolsIntegrationTests): ...


class TestSearchUnit(Search, ToolsUnitTests): ...


class TestSearchIntegration(Search, ToolsIntegrationTests): ...
