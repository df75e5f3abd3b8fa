"""The store inside real graphs and agents: it is the same object wherever LangGraph hands it on."""

# ruff: noqa: ARG001, TC001, TC002 - LangGraph reads the arguments of nodes and tools, and their types
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportMissingTypeArgument=false
# Much of the frameworks' interface is not typed through.

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import before_model
from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import InjectedStore, ToolNode
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from tests.langgraph.models import calling, scripted

from commonplace import Memory
from langgraph_store_commonplace import CommonplaceStore

NS = ("users", "alice")


class State(TypedDict, total=False):
    seen: Annotated[list[str], operator.add]


def test_a_node_gets_the_store_in_each_of_its_ways(store: CommonplaceStore) -> None:
    found: list[object] = []

    def by_argument(state: State, *, store: BaseStore) -> State:
        store.put(NS, "k", {"n": 1})
        found.append(store)
        return {}

    def by_runtime(state: State, runtime: Runtime) -> State:
        assert runtime.store
        found.append(runtime.store)
        return {}

    def by_call(state: State) -> State:
        found.append(get_store())
        return {"seen": [item.key for item in get_store().search(NS)]}

    graph = StateGraph(State)
    graph.add_sequence([by_argument, by_runtime, by_call])
    graph.add_edge(START, "by_argument")
    assert graph.compile(store=store).invoke({}) == {"seen": ["k"]}
    assert found == [store, store, store]


def test_a_graph_remembers_across_threads(store: CommonplaceStore) -> None:
    def note(state: State, *, store: BaseStore) -> State:
        known = [str(item.value["n"]) for item in store.search(NS)]
        store.put(NS, f"k{len(known)}", {"n": len(known)})
        return {"seen": known}

    graph = StateGraph(State).add_node(note).add_edge(START, "note")
    compiled = graph.compile(store=store, checkpointer=InMemorySaver())
    for thread in ("one", "two"):
        compiled.invoke({}, {"configurable": {"thread_id": thread}})
    assert compiled.invoke({}, {"configurable": {"thread_id": "three"}}) == {"seen": ["1", "0"]}


def test_a_record_says_which_thread_wrote_it(store: CommonplaceStore) -> None:
    def note(state: State, *, store: BaseStore) -> State:
        store.put(NS, "k", {"n": 1})
        return {}

    compiled = StateGraph(State).add_node(note).add_edge(START, "note").compile(store=store)
    compiled.invoke({}, {"configurable": {"thread_id": "one"}})
    (record,) = store.memory.list()
    assert (record.source.app, record.source.thread) == ("langgraph", "one")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_50_nodes_at_once_write_one_item_and_one_of_their_own(
    store: CommonplaceStore, *, asynchronous: bool
) -> None:
    def node(number: int) -> Any:
        def write(state: State, *, store: BaseStore) -> State:
            store.put(NS, "same", {"n": number})
            store.put((*NS, "own"), str(number), {"n": number})
            return {"seen": [str(number)]}

        async def awrite(state: State, *, store: BaseStore) -> State:
            await store.aput(NS, "same", {"n": number})
            await store.aput((*NS, "own"), str(number), {"n": number})
            return {"seen": [str(number)]}

        return awrite if asynchronous else write

    graph = StateGraph(State)
    for number in range(50):
        graph.add_node(str(number), node(number))
        graph.add_edge(START, str(number))
        graph.add_edge(str(number), END)
    compiled = graph.compile(store=store)
    ended = asyncio.run(compiled.ainvoke({})) if asynchronous else compiled.invoke({})
    assert sorted(map(int, ended["seen"])) == list(range(50))
    own = store.search((*NS, "own"), limit=100)
    assert sorted(item.value["n"] for item in own) == list(range(50))
    same = store.get(NS, "same")
    assert same is not None
    assert same.value["n"] in range(50)
    assert store.count(NS) == 51


def test_a_sub_graph_inherits_the_store(store: CommonplaceStore) -> None:
    def inner(state: State, *, store: BaseStore) -> State:
        store.put(NS, "inner", {"n": 1})
        return {"seen": ["inner"]}

    below = StateGraph(State).add_node(inner).add_edge(START, "inner").compile()
    above = StateGraph(State).add_node("below", below).add_edge(START, "below")
    assert above.compile(store=store).invoke({}) == {"seen": ["inner"]}
    assert store.get(NS, "inner") is not None


def test_an_entrypoint_and_its_tasks_have_the_store(store: CommonplaceStore) -> None:
    @task
    def remember(number: int) -> int:
        get_store().put(NS, str(number), {"n": number})
        return number

    @entrypoint(store=store)
    def flow(count: int, *, store: BaseStore) -> list[str]:
        for future in [remember(number) for number in range(count)]:
            future.result()
        return sorted(item.key for item in store.search(NS))

    assert flow.invoke(3) == ["0", "1", "2"]


@dataclass
class User:
    name: str


@tool
def save_note(text: str, runtime: ToolRuntime[User, Any]) -> str:
    """Save a note of the user."""
    assert runtime.store is not None
    runtime.store.put(("users", runtime.context.name), "note", {"text": text})
    return "saved"


@tool
async def find_notes(query: str, store: Annotated[BaseStore, InjectedStore()]) -> str:
    """Find notes of all users."""
    found = await store.asearch(("users",), query=query)
    return "; ".join(item.value["text"] for item in found)


def test_an_agent_writes_and_reads_through_its_tools(store: CommonplaceStore) -> None:
    model = scripted(
        [calling("save_note", text="likes green tea"), calling("find_notes", query="tea"), "done"]
    )
    seen: list[object] = []

    @before_model
    async def look(state: Any, runtime: Runtime[Any]) -> None:
        seen.append(runtime.store)

    agent = create_agent(
        model, [save_note, find_notes], store=store, context_schema=User, middleware=[look]
    )
    asked: Any = {"messages": [("user", "remember that I like green tea")]}
    ended = asyncio.run(agent.ainvoke(asked, context=User("alice")))
    told = [message for message in ended["messages"] if isinstance(message, ToolMessage)]
    assert [message.content for message in told] == ["saved", "likes green tea"]
    assert seen == [store, store, store]
    item = store.get(("users", "alice"), "note")
    assert item is not None
    assert item.value == {"text": "likes green tea"}


def test_a_tool_node_injects_the_store(store: CommonplaceStore) -> None:
    @tool
    def count(store: Annotated[BaseStore, InjectedStore()]) -> int:
        """Count items."""
        return len(store.search(()))

    class Messages(TypedDict):
        messages: list[Any]

    graph = StateGraph(Messages).add_node("tools", ToolNode([count])).add_edge(START, "tools")
    store.put(NS, "k", {"n": 1})
    ended = graph.compile(store=store).invoke({"messages": [calling("count")]})
    assert ended["messages"][0].content == "1"


def test_one_memory_serves_several_apps(memory: Memory) -> None:
    one, two = (CommonplaceStore(memory, scope=f"apps/{name}") for name in ("one", "two"))
    for number, store in enumerate((one, two)):

        def write(state: State, *, store: BaseStore, n: int = number) -> State:
            store.put(NS, "k", {"n": n})
            return {}

        StateGraph(State).add_node("write", write).add_edge(START, "write").compile(
            store=store
        ).invoke({})
    assert [item.value for item in one.search(())] == [{"n": 0}]
    assert [item.value for item in two.search(())] == [{"n": 1}]
    assert one.list_namespaces() == [NS]
