"""Messages there and back, and `CommonplaceChatMessageHistory` over threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from commonplace import ClosedStoreError, HashingEmbedder, InvalidInputError, Memory
from langchain_commonplace import CommonplaceChatMessageHistory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = st.text(max_size=8)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=3,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=2)
CONTENT = TEXT | st.lists(
    TEXT | st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), max_size=2
)
COMMON: Any = {
    "content": CONTENT,
    "name": st.none() | TEXT,
    "additional_kwargs": OBJECTS,
    "response_metadata": OBJECTS,
}
CALLS = st.lists(
    st.fixed_dictionaries(
        {"name": TEXT, "args": OBJECTS, "id": st.none() | TEXT, "type": st.just("tool_call")}
    ),
    max_size=2,
)
USAGE = st.none() | st.fixed_dictionaries(
    {name: st.integers(0, 9) for name in ("input_tokens", "output_tokens", "total_tokens")}
)
MESSAGES = st.one_of(
    st.builds(HumanMessage, **COMMON),
    st.builds(SystemMessage, **COMMON),
    st.builds(AIMessage, **COMMON, tool_calls=CALLS, usage_metadata=USAGE),
    st.builds(
        ToolMessage,
        **COMMON,
        tool_call_id=TEXT,
        artifact=JSON,
        status=st.sampled_from(["success", "error"]),
    ),
    st.builds(ChatMessage, **COMMON, role=st.sampled_from(["boss", "user", "x y"])),
)


def sessions(memory: Memory) -> Callable[[str], CommonplaceChatMessageHistory]:
    def session(session_id: str) -> CommonplaceChatMessageHistory:
        return history(memory, session_id)

    return session


def history(memory: Memory, name: str = "s") -> CommonplaceChatMessageHistory:
    return CommonplaceChatMessageHistory(name, memory)


@given(st.lists(MESSAGES, max_size=4))
def test_every_field_of_every_message_survives(messages: list[BaseMessage]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        history(memory).add_messages(messages)
        found = history(memory).messages
        assert found == messages
        assert [type(one) for one in found] == [type(one) for one in messages]


@pytest.mark.anyio
async def test_the_rare_kinds_survive_too(memory: Memory) -> None:
    messages: list[Any] = [
        AIMessage(
            "x",
            id="1",
            invalid_tool_calls=[
                {"name": "f", "args": "{", "id": "c", "error": "e", "type": "invalid_tool_call"}
            ],
        ),
        AIMessageChunk(
            content="x", tool_call_chunks=[{"name": "f", "args": "{}", "id": "1", "index": 0}]
        ),
        FunctionMessage(content="x", name="f"),
        RemoveMessage(id="1"),
    ]
    await history(memory).aadd_messages(messages)
    assert await history(memory).aget_messages() == messages


def test_what_is_no_json_is_refused_whole(memory: Memory) -> None:
    bad = ToolMessage("x", tool_call_id="c", artifact=object())
    with pytest.raises(InvalidInputError, match="tool message holds what is not JSON"):
        history(memory).add_messages([HumanMessage("a"), bad])
    assert history(memory).messages == []


def test_a_message_that_is_there_takes_its_place(memory: Memory) -> None:
    said = history(memory)
    said.add_messages([HumanMessage("a", id="1"), AIMessage("b", id="2")])
    said.add_messages([HumanMessage("a", id="1"), HumanMessage("c", id="3")])
    assert [message.text for message in said.messages] == ["a", "b", "c"]


def test_without_ids_equal_messages_are_several(memory: Memory) -> None:
    history(memory).add_messages([HumanMessage("again"), HumanMessage("again")])
    assert len(history(memory).messages) == 2


@pytest.mark.anyio
async def test_sessions_and_scopes_keep_apart(memory: Memory) -> None:
    one = CommonplaceChatMessageHistory("s", memory, scope="users/a")
    two = CommonplaceChatMessageHistory("s", memory, scope="users/b")
    one.add_user_message("for a")
    await two.aadd_messages([HumanMessage("for b")])
    history(memory, "t").add_ai_message("for all")
    assert str(one) == "Human: for a"
    await two.aclear()
    one.clear()
    assert (one.messages, two.messages) == ([], [])
    assert [message.text for message in history(memory, "t").messages] == ["for all"]


def test_making_one_writes_nothing(memory: Memory) -> None:
    assert history(memory).messages == []
    assert memory.threads.count() == 0


def test_a_path_is_opened_and_closed(path: Path) -> None:
    with CommonplaceChatMessageHistory("s", path) as said:
        said.add_user_message("a")
    with pytest.raises(ClosedStoreError):
        said.add_user_message("b")
    with Memory(path) as memory:
        assert len(history(memory).messages) == 1
        history(memory).close()
        assert memory.thread("s").messages()[0].source.app == "langchain"


def test_what_other_faces_wrote_is_read(memory: Memory) -> None:
    call: dict[str, Any] = {
        "id": "c",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "sky"}'},
    }
    memory.thread("s").add(
        [
            {"role": "system", "content": "be kind"},
            ("user", "hello"),
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "blue", "tool_call_id": "c"},
            {"role": "assistant", "content": [{"type": "text", "text": "blue"}]},
            {"role": "Ann", "content": "I agree", "name": "Ann"},
            {"role": "Bob", "role_type": "user", "content": "me too", "name": "Bob"},
            {"type": "AssistantMessage", "content": "from AutoGen", "source": "helper"},
        ]
    )
    found = history(memory).messages
    assert [(message.type, message.text) for message in found] == [
        ("system", "be kind"),
        ("human", "hello"),
        ("ai", ""),
        ("tool", "blue"),
        ("ai", "blue"),
        ("chat", "I agree"),
        ("human", "me too"),
        ("ai", "from AutoGen"),
    ]
    asked, answered = found[2], found[3]
    assert isinstance(asked, AIMessage)
    assert asked.tool_calls == [
        {"name": "look", "args": {"at": "sky"}, "id": "c", "type": "tool_call"}
    ]
    assert isinstance(answered, ToolMessage)
    assert answered.tool_call_id == "c"
    assert isinstance(found[5], ChatMessage)
    assert (found[5].role, found[6].name) == ("Ann", "Bob")


def test_it_is_langchains_and_core_reads_it(memory: Memory) -> None:
    assert isinstance(history(memory), BaseChatMessageHistory)
    history(memory).add_messages([HumanMessage("I like tea"), AIMessage("noted")])
    assert [(one.role, one.text) for one in memory.thread("s").messages()] == [
        ("user", "I like tea"),
        ("assistant", "noted"),
    ]
    assert memory.search("tea", kinds="message")[0].content == "I like tea"


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")  # but still used
@pytest.mark.anyio
async def test_runnable_with_message_history(memory: Memory) -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("past"), ("human", "{said}")])
    model = FakeListChatModel(responses=["one", "two", "three"])
    chain = RunnableWithMessageHistory(
        prompt | model,
        sessions(memory),
        input_messages_key="said",
        history_messages_key="past",
    )
    for said in ("a", "b"):
        chain.invoke({"said": said}, {"configurable": {"session_id": "s"}})
    await chain.ainvoke({"said": "c"}, {"configurable": {"session_id": "s"}})
    assert [message.text for message in history(memory).messages] == [
        "a",
        "one",
        "b",
        "two",
        "c",
        "three",
    ]
    assert history(memory, "other").messages == []


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")  # but still used
def test_runnable_with_message_history_of_messages_alone(memory: Memory) -> None:
    model = FakeListChatModel(responses=["one", "two"])
    chain = RunnableWithMessageHistory(model, sessions(memory))
    for said in ("a", "b"):
        chain.invoke([HumanMessage(said)], {"configurable": {"session_id": "s"}})
    assert [message.text for message in history(memory).messages] == ["a", "one", "b", "two"]
