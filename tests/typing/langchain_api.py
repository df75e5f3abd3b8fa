"""LangChain's face from a user's seat. Only checked by the type checker, never run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.tools import BaseTool

from commonplace import Memory, Rendering
from langchain_commonplace import (
    CommonplaceByteStore,
    CommonplaceChatMessageHistory,
    CommonplaceDocumentStore,
    CommonplaceKeyValueStore,
    CommonplaceMemoryMiddleware,
    CommonplaceRetriever,
    create_manage_memory_tool,
    create_search_memory_tool,
    render_documents,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.stores import BaseStore, ByteStore
    from langgraph.runtime import Runtime

    from commonplace import Message, Record


def users(runtime: Runtime[Any]) -> list[str]:
    return ["users", runtime.context]


def facts(messages: Sequence[Message], _known: Sequence[Record]) -> list[str]:
    return [message.text for message in messages]


def use(memory: Memory) -> None:
    retriever: BaseRetriever = CommonplaceRetriever(memory=memory, scope="a/b", k=3)
    assert_type(retriever.invoke("x"), list[Document])
    assert_type(render_documents(retriever.invoke("x"), token_budget=9), Rendering)
    values: BaseStore[str, Any] = CommonplaceKeyValueStore(memory, scope="a")
    values.mset([("k", {"n": 1})])
    as_bytes: ByteStore = CommonplaceByteStore(Path("memory"))
    assert_type(as_bytes.mget(["k"]), list[bytes | None])
    with CommonplaceDocumentStore("memory") as documents:
        assert_type(documents.mget(["k"]), list[Document | None])
    history: BaseChatMessageHistory = CommonplaceChatMessageHistory("s", memory, scope="a")
    history.add_messages([HumanMessage("x")])
    assert_type(history.messages, list[BaseMessage])
    assert_type(create_manage_memory_tool(("users", "{user_id}"), store=memory), BaseTool)
    assert_type(create_search_memory_tool(users, store="memory", name="recall"), BaseTool)


def use_middleware(memory: Memory) -> None:
    CommonplaceMemoryMiddleware(memory, scope=users, extractor=facts, token_budget=500)
    CommonplaceMemoryMiddleware("memory", scope="users/{user_id}", place="system", name="second")


def misuse(memory: Memory) -> None:
    CommonplaceMemoryMiddleware(memory, place="top")  # pyright: ignore[reportArgumentType]
    CommonplaceKeyValueStore(3)  # pyright: ignore[reportArgumentType]
    create_manage_memory_tool("m")  # pyright: ignore[reportCallIssue]
    CommonplaceDocumentStore(memory).mset([("k", "text")])  # pyright: ignore[reportArgumentType]
