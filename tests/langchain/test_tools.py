"""The memory tools: langmem's signatures, in a graph and without one."""

from __future__ import annotations

import importlib
import inspect
import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from pydantic import BaseModel
from tests.langchain.scripted import agent, calling, scripted

from commonplace import HashingEmbedder, InvalidInputError, Memory
from langchain_commonplace import create_manage_memory_tool, create_search_memory_tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langgraph.runtime import Runtime

ALICE: Any = {"configurable": {"user_id": "alice", "thread_id": "t1"}}
BOB: Any = {"configurable": {"user_id": "bob"}}
USERS = ("users", "{user_id}")


@dataclass
class Context:
    user_id: object


@pytest.fixture(scope="module")
def langmem() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # trustcall imports old names
        return importlib.import_module("langmem")


def created(answer: str) -> str:
    """The id of what was created."""
    assert answer.startswith("created memory ")
    return answer.removeprefix("created memory ")


def contents(answer: str) -> list[str]:
    return [one["content"] for one in json.loads(answer)["memories"]]


@pytest.mark.parametrize("name", ["create_manage_memory_tool", "create_search_memory_tool"])
def test_the_signatures_are_langmems(name: str, langmem: Any) -> None:
    ours: Callable[..., Any] = globals()[name]
    theirs: Callable[..., Any] = getattr(langmem, name)
    own = inspect.signature(ours).parameters
    for parameter in inspect.signature(theirs).parameters.values():
        assert own[parameter.name].kind == parameter.kind
        if parameter.name not in {"store", "instructions"}:
            assert own[parameter.name].default == parameter.default


def test_the_arguments_are_langmems(memory: Memory, langmem: Any) -> None:
    ours = create_manage_memory_tool("m", store=memory)
    theirs = langmem.create_manage_memory_tool("m")
    assert set(ours.args) == set(theirs.args)
    search = create_search_memory_tool("m", store=memory)
    assert set(search.args) == set(langmem.create_search_memory_tool("m").args)
    assert (ours.name, search.name) == ("manage_memory", "search_memory")


@pytest.mark.anyio
async def test_memories_are_created_found_updated_and_deleted(memory: Memory) -> None:
    manage = create_manage_memory_tool(USERS, store=memory)
    search = create_search_memory_tool(USERS, store=memory)
    name = created(manage.invoke({"content": "likes tea"}, ALICE))
    assert contents(search.invoke({"query": "tea"}, ALICE)) == ["likes tea"]
    changed = {"action": "update", "id": name, "content": "likes coffee"}
    assert await manage.ainvoke(changed, ALICE) == f"updated memory {name}"
    assert contents(await search.ainvoke({"query": "coffee"}, ALICE)) == ["likes coffee"]
    assert manage.invoke({"action": "delete", "id": name}, ALICE) == f"Deleted memory {name}"
    assert contents(search.invoke({"query": "coffee"}, ALICE)) == []


def test_records_say_where_they_came_from(memory: Memory) -> None:
    manage = create_manage_memory_tool(USERS, store=memory)
    record = memory.get(created(manage.invoke({"content": "likes tea"}, ALICE)))
    assert record
    assert record.scope.path == "users/alice"
    assert record.source.to_dict() == {"app": "langchain", "user": "alice", "thread": "t1"}


def test_another_user_is_out_of_reach(memory: Memory) -> None:
    manage = create_manage_memory_tool(USERS, store=memory)
    search = create_search_memory_tool(USERS, store=memory)
    name = created(manage.invoke({"content": "likes tea"}, ALICE))
    assert contents(search.invoke({"query": "tea"}, BOB)) == []
    assert contents(search.invoke({"query": "tea", "filter": {"@scope": "users/alice"}}, BOB)) == []
    for action in ("update", "delete"):
        told = manage.invoke({"action": action, "id": name, "content": "x"}, BOB)
        assert name in told
        assert "can be seen" in told
    assert contents(search.invoke({"query": "tea"}, ALICE)) == ["likes tea"]


@pytest.mark.parametrize("user", ["alice/../bob", "a.b@example.org", 7, "users/bob", "{user_id}"])
def test_whatever_a_user_is_called_stays_one_segment(memory: Memory, user: object) -> None:
    manage = create_manage_memory_tool("users/{user_id}/notes", store=memory)
    config: Any = {"configurable": {"user_id": user}}
    record = memory.get(created(manage.invoke({"content": "x"}, config)))
    assert record
    assert record.scope.segments == ("users", str(user), "notes")


def test_without_a_user_nothing_is_written(memory: Memory) -> None:
    manage = create_manage_memory_tool(USERS, store=memory)
    with pytest.raises(InvalidInputError, match="'user_id'"):
        manage.invoke({"content": "likes tea"})
    assert memory.count() == 0


def test_the_model_is_told_what_it_got_wrong(memory: Memory) -> None:
    manage = create_manage_memory_tool("m", store=memory)
    search = create_search_memory_tool("m", store=memory)
    for wrong, why in (
        ({"content": "x", "id": "1"}, "none to create"),
        ({"action": "update", "content": "x"}, "give an id"),
        ({"action": "create"}, "content is missing"),
        ({"action": "delete", "id": "1"}, "'1'"),
    ):
        assert why in manage.invoke(wrong)
    assert "unknown operator" in search.invoke({"query": "x", "filter": {"$best": 1}})
    call = {"type": "tool_call", "name": "m", "id": "c", "args": {"action": "delete", "id": "1"}}
    message = manage.invoke(call)
    assert isinstance(message, ToolMessage)
    assert message.status == "error"
    assert memory.count() == 0


def test_only_what_is_permitted_can_be_done(memory: Memory) -> None:
    manage = create_manage_memory_tool("m", store=memory, actions_permitted=("create",))
    assert manage.description.startswith("Create a memory")
    with pytest.raises(ValueError, match="action"):
        manage.invoke({"action": "delete", "id": "1"})
    wrong: Any
    for wrong in ((), ("erase",)):
        with pytest.raises(InvalidInputError):
            create_manage_memory_tool("m", store=memory, actions_permitted=wrong)


class Profile(BaseModel):
    name: str
    age: int | None = None


def test_a_schema_makes_the_value(memory: Memory) -> None:
    manage = create_manage_memory_tool("m", store=memory, schema=Profile)
    name = created(manage.invoke({"content": {"name": "Alice", "age": 61}}))
    record = memory.get(name)
    assert record
    assert record.value == {"name": "Alice", "age": 61}
    assert json.loads(record.content) == record.value
    with pytest.raises(ValueError, match="name"):
        manage.invoke({"content": {"age": 3}})


def test_hits_are_the_artifact_and_a_budget_bounds_the_text(memory: Memory) -> None:
    memory.add_many([f"tea number {n}" for n in range(5)])
    search = create_search_memory_tool(
        (), store=memory, response_format="content_and_artifact", token_budget=120
    )
    call = {"type": "tool_call", "name": "s", "id": "c", "args": {"query": "tea", "limit": 5}}
    message = search.invoke(call)
    assert len(message.artifact) == 5
    assert 1 <= len(contents(message.content)) < 5
    json.dumps(message.artifact)


@pytest.mark.anyio
async def test_an_agent_uses_them_for_the_user_of_its_context(memory: Memory) -> None:
    manage = create_manage_memory_tool(USERS, store=memory)
    search = create_search_memory_tool(USERS, store=memory)
    model = scripted(
        calling("manage_memory", content="likes tea"),
        "noted",
        calling("search_memory", query="tea"),
        "tea",
    )
    runs = agent(model, tools=[manage, search], context_schema=Context, name="support")
    runs.invoke({"messages": [HumanMessage("I like tea")]}, context=Context("alice"))
    (record,) = memory.list()
    assert record.scope.path == "users/alice"
    assert (record.source.agent, record.source.user) == ("support", "alice")
    state = await runs.ainvoke(
        {"messages": [HumanMessage("What do I like?")]}, context=Context("alice")
    )
    (answer,) = (message for message in state["messages"] if isinstance(message, ToolMessage))
    assert contents(str(answer.content)) == ["likes tea"]


def test_a_function_of_the_run_gives_the_scope(memory: Memory) -> None:
    def place(runtime: Runtime[Any]) -> list[str]:
        return ["tenants", runtime.context.user_id]

    manage = create_manage_memory_tool(place, store=memory)
    model = scripted(calling("manage_memory", content="x"), "ok")
    runs = agent(model, tools=[manage], context_schema=Context)
    runs.invoke({"messages": [HumanMessage("x")]}, context=Context("acme"))
    assert [record.scope.path for record in memory.list()] == ["tenants/acme"]
    with pytest.raises(InvalidInputError, match="graph"):
        manage.invoke({"content": "x"})


def test_an_agent_tells_its_model_what_it_got_wrong(memory: Memory) -> None:
    manage = create_manage_memory_tool("m", store=memory)
    model = scripted(calling("manage_memory", action="delete", id="1"), "sorry")
    state = agent(model, tools=[manage]).invoke({"messages": [HumanMessage("x")]})
    assert state["messages"][-2].status == "error"
    assert state["messages"][-1].content == "sorry"


@pytest.mark.anyio
async def test_many_calls_at_once_are_all_carried_out(path: Path) -> None:
    calls = [
        ToolCall(name="manage_memory", args={"content": f"n{n}"}, id=str(n), type="tool_call")
        for n in range(20)
    ]
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        model = scripted(
            AIMessage("", tool_calls=calls), "ok", AIMessage("", tool_calls=calls), "ok"
        )
        runs = agent(model, tools=[create_manage_memory_tool("m", store=memory)])
        runs.invoke({"messages": [HumanMessage("x")]})
        await runs.ainvoke({"messages": [HumanMessage("x")]})
        found = [record.content for record in memory.list()]
        assert sorted(found) == sorted(2 * [f"n{n}" for n in range(20)])
