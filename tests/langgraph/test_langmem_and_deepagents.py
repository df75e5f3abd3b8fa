"""What others built on LangGraph's store works on ours: langmem's tools, deepagents' files."""


# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportMissingTypeArgument=false
# Much of the frameworks' interface is not typed through.

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from deepagents.backends import StoreBackend
from langchain.agents import create_agent
from tests.langgraph.models import calling, scripted

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its imports of LangGraph's older names
    from langmem import (
        create_manage_memory_tool,
        create_memory_store_manager,
        create_search_memory_tool,
    )

if TYPE_CHECKING:
    from langgraph_store_commonplace import CommonplaceStore

CONFIG: Any = {"configurable": {"user": "alice"}}


def test_langmem_s_tools_create_search_update_and_delete(store: CommonplaceStore) -> None:
    manage = create_manage_memory_tool(("memories", "{user}"), store=store)
    search = create_search_memory_tool(("memories", "{user}"), store=store)
    said = manage.invoke({"content": "likes green tea", "action": "create"}, CONFIG)
    (item,) = store.search(("memories", "alice"))
    assert item.key in said
    assert item.value == {"content": "likes green tea"}
    found = search.invoke({"query": "tea"}, CONFIG)
    assert "likes green tea" in found
    manage.invoke({"content": "likes black tea", "action": "update", "id": item.key}, CONFIG)
    assert store.search(("memories", "alice"))[0].value == {"content": "likes black tea"}
    manage.invoke({"action": "delete", "id": item.key}, CONFIG)
    assert store.search(("memories",)) == []


def test_an_agent_uses_langmem_s_tools(store: CommonplaceStore) -> None:
    tools = [create_manage_memory_tool(("memories",)), create_search_memory_tool(("memories",))]
    model = scripted(
        [
            calling("manage_memory", content="likes green tea", action="create"),
            calling("search_memory", query="tea"),
            "You like green tea.",
        ]
    )
    agent: Any = create_agent(model, tools, store=store)
    ended = asyncio.run(agent.ainvoke({"messages": [("user", "what do I like?")]}))
    assert "likes green tea" in ended["messages"][-2].content


@pytest.mark.parametrize("asynchronous", [False, True])
def test_langmem_s_store_manager_keeps_what_the_model_extracts(
    store: CommonplaceStore, *, asynchronous: bool
) -> None:
    answers = [calling("Memory", content="Alice likes green tea"), calling("Done")]
    manager: Any = create_memory_store_manager(
        scripted(answers * 3), namespace=("memories", "{user}"), store=store
    )
    asked = {"messages": [{"role": "user", "content": "I like green tea"}]}
    if asynchronous:
        asyncio.run(manager.ainvoke(asked, CONFIG))
    else:
        manager.invoke(asked, CONFIG)
    (item,) = store.search(("memories", "alice"))
    assert item.value["content"] == {"content": "Alice likes green tea"}


def test_deepagents_keeps_files_under_their_paths(store: CommonplaceStore) -> None:
    backend = StoreBackend(store=store, namespace=lambda _: ("files", "alice"))
    for number in range(120):
        assert backend.write(f"/notes/{number:03d}.md", f"note {number}\nwith tea").error is None
    item = store.get(("files", "alice"), "/notes/007.md")
    assert item is not None
    assert "note 7" in str(item.value["content"])
    read: Any = backend.read("/notes/007.md")
    assert "note 7" in str(read)
    assert backend.edit("/notes/007.md", "note 7", "note seven").error is None
    assert "note seven" in str(backend.read("/notes/007.md"))
    listed: Any = backend.ls("/notes/")
    assert len(listed.entries) == 120
    matched: Any = backend.grep("seven")
    assert [match["path"] for match in matched.matches] == ["/notes/007.md"]
