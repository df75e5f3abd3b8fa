"""A model context over a thread: what goes in comes out, what is shown, and what is kept."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core import ComponentModel, FunctionCall, Image
from autogen_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from tests.autogen.agents import agent, blocks, model, sent, text

from autogen_commonplace import CommonplaceChatCompletionContext, CommonplaceMemory
from commonplace import HashingEmbedder, InvalidInputError, Memory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.text("abc_-", min_size=1, max_size=5)
CALLS = st.builds(FunctionCall, id=TEXTS, name=NAMES, arguments=TEXTS)
RESULTS = st.builds(
    FunctionExecutionResult,
    content=TEXTS,
    name=NAMES,
    call_id=TEXTS,
    is_error=st.none() | st.booleans(),
)
MESSAGES = st.one_of(
    st.builds(SystemMessage, content=TEXTS),
    st.builds(UserMessage, content=TEXTS | st.lists(TEXTS, max_size=2), source=NAMES),
    st.builds(
        AssistantMessage,
        content=TEXTS | st.lists(CALLS, min_size=1, max_size=2),
        source=NAMES,
        thought=st.none() | TEXTS,
    ),
    st.builds(FunctionExecutionResultMessage, content=st.lists(RESULTS, max_size=2)),
)


@pytest.fixture
def context(memory: Memory) -> CommonplaceChatCompletionContext:
    return CommonplaceChatCompletionContext(memory, "chat", user="alice", agent="helper")


def user(content: str) -> UserMessage:
    return UserMessage(content=content, source="user")


def reply(content: str) -> AssistantMessage:
    return AssistantMessage(content=content, source="helper")


async def filled(context: ChatCompletionContext, turns: int) -> None:
    for turn in range(turns):
        await context.add_message(user(f"question {turn}"))
        await context.add_message(reply(f"answer {turn}"))


@given(st.lists(MESSAGES, max_size=6))
def test_every_message_comes_back_equal(messages: list[LLMMessage]) -> None:
    async def run() -> None:
        with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
            context = CommonplaceChatCompletionContext(memory, "chat")
            for message in messages:
                await context.add_message(message)
            state = json.loads(json.dumps(await context.save_state()))
            plain = UnboundedChatCompletionContext(messages)
            assert state == json.loads(json.dumps(await plain.save_state()))
            other = CommonplaceChatCompletionContext(memory, "other")
            await other.load_state(state)
            assert await other.save_state() == state
            await plain.load_state(state)  # and any context of AutoGen's takes it
            assert await plain.get_messages() == messages

    run_alone(run)


async def test_images_come_back_with_their_pixels(
    context: CommonplaceChatCompletionContext,
) -> None:
    picture = Image(PillowImage.new("RGB", (5, 4), (1, 2, 3)))
    await context.add_message(UserMessage(content=["look", picture], source="user"))
    (message,) = await context.get_messages()
    assert isinstance(message.content, list)
    assert isinstance(message.content[1], Image)
    assert message.content[1].image.tobytes() == picture.image.tobytes()


async def test_a_conversation_goes_on_after_a_restart(path: Path) -> None:
    for turn in range(3):
        client = model()
        context = CommonplaceChatCompletionContext(path, "chat", user="alice")
        await agent(client, model_context=context).run(task=f"question {turn}")
        assert len(sent(client)) == 1 + 2 * turn + 1
        assert sent(client)[-1] == user(f"question {turn}")
        await context.close()
    with Memory(path) as memory:
        messages = memory.thread("chat", scope="users/alice").messages()
        assert [message.text for message in messages[::2]] == [f"question {n}" for n in range(3)]
        source = messages[-1].source
        assert (source.app, source.user, source.thread) == ("autogen", "alice", "chat")


async def test_the_last_messages_are_shown_and_all_are_kept(memory: Memory) -> None:
    context = CommonplaceChatCompletionContext(memory, "chat", limit=3)
    await filled(context, 5)
    assert await context.get_messages() == [
        reply("answer 3"),
        user("question 4"),
        reply("answer 4"),
    ]
    assert len((await context.save_state())["messages"]) == 10


async def test_a_budget_of_tokens_holds_what_fits(memory: Memory) -> None:
    context = CommonplaceChatCompletionContext(memory, "chat", max_tokens=20)
    await filled(context, 20)
    shown = await context.get_messages()
    assert 0 < len(shown) < 40
    assert shown[-1] == reply("answer 19")
    assert memory.thread("chat").context(max_tokens=20).tokens <= 20


async def test_what_is_older_is_summed_up_in_front(memory: Memory) -> None:
    context = CommonplaceChatCompletionContext(memory, "chat", limit=4, summary=True)
    await context.add_message(user("Alice is allergic to peanuts"))
    await filled(context, 10)
    summary, *newest = await context.get_messages()
    assert isinstance(summary, UserMessage)
    assert summary.source == "summary"
    assert "quoted" in str(summary.content)
    assert newest[-1] == reply("answer 9")
    assert len((await context.save_state())["messages"]) == 21


async def test_a_result_of_a_tool_is_not_shown_without_its_call(memory: Memory) -> None:
    context = CommonplaceChatCompletionContext(memory, "chat", limit=2)
    await context.add_message(user("weather?"))
    call = FunctionCall(id="1", name="weather", arguments="{}")
    await context.add_message(AssistantMessage(content=[call], source="helper"))
    result = FunctionExecutionResult(content="sunny", name="weather", call_id="1")
    await context.add_message(FunctionExecutionResultMessage(content=[result]))
    await context.add_message(reply("it is sunny"))
    assert await context.get_messages() == [reply("it is sunny")]


async def test_a_new_thread_begins_with_the_initial_messages_once(memory: Memory) -> None:
    initial: list[LLMMessage] = [SystemMessage(content="be kind"), user("hello")]
    contexts = [
        CommonplaceChatCompletionContext(memory, "chat", initial_messages=initial) for _ in "12"
    ]
    for context in contexts:
        assert await context.get_messages() == initial
    context = contexts[1]
    await context.add_message(reply("hello"))
    assert await context.get_messages() == [*initial, reply("hello")]
    await context.clear()
    assert await context.get_messages() == []
    await context.add_message(user("again"))
    assert await context.get_messages() == [user("again")]


async def test_a_state_that_is_there_already_is_not_written(
    context: CommonplaceChatCompletionContext, memory: Memory
) -> None:
    await filled(context, 3)
    before = memory.scope("users/alice").thread("chat").messages()
    await context.load_state(await context.save_state())
    assert memory.scope("users/alice").thread("chat").messages() == before
    await context.load_state({"messages": [user("only this").model_dump()]})
    assert await context.get_messages() == [user("only this")]
    with pytest.raises(InvalidInputError):
        await context.load_state({})
    with pytest.raises(ValueError, match="type"):
        await context.load_state({"messages": [{"type": "Unknown"}]})
    assert await context.get_messages() == [user("only this")]


async def test_it_is_dumped_as_json_and_loaded_with_real_messages(path: Path) -> None:
    context = CommonplaceChatCompletionContext(
        path,
        "chat",
        user="alice",
        agent="helper",
        limit=5,
        max_tokens=100,
        summary=True,
        searchable=True,
        initial_messages=[SystemMessage(content="be kind"), user("hello")],
    )
    written = json.loads(context.dump_component().model_dump_json())
    assert written["provider"] == "autogen_commonplace.CommonplaceChatCompletionContext"
    again = ChatCompletionContext.load_component(ComponentModel.model_validate(written))
    assert isinstance(again, CommonplaceChatCompletionContext)
    assert json.loads(again.dump_component().model_dump_json()) == written
    assert await again.get_messages() == [SystemMessage(content="be kind"), user("hello")]
    await again.close()


async def test_an_agent_with_both_is_dumped_whole_and_goes_on(path: Path) -> None:
    memory = CommonplaceMemory(path, user="alice")
    await memory.add(text("green tea"))
    context = CommonplaceChatCompletionContext(path, "chat", user="alice")
    client = model()
    helper = agent(client, memory, model_context=context)
    await helper.run(task="green tea?")
    loaded = type(helper).load_component(json.loads(helper.dump_component().model_dump_json()))
    await loaded.load_state(json.loads(json.dumps(await helper.save_state())))
    await loaded.run(task="and black tea?")
    kept = (await loaded.save_state())["llm_context"]["messages"]
    assert [message["content"] for message in kept] == [
        "green tea?",
        "reply 0",
        "and black tea?",
        "reply 0",
    ]
    await context.close()
    await memory.close()
    for part in (loaded.model_context, *(loaded._memory or [])):  # pyright: ignore[reportPrivateUsage] - an agent shows no memory
        assert isinstance(part, CommonplaceMemory | CommonplaceChatCompletionContext)
        await part.close()


async def test_memories_are_shown_in_one_block_and_never_kept(memory: Memory) -> None:
    book = CommonplaceMemory(memory, user="alice")
    await book.add(text("green tea"))
    context = CommonplaceChatCompletionContext(memory, "chat", user="alice", limit=3)
    client = model()
    helper = agent(client, book, model_context=context)
    for turn in range(5):
        await helper.run(task=f"green tea {turn}?")
        messages = sent(client)
        assert len(blocks(messages)) == 1
        assert blocks(messages)[0].count("> ") == 1  # the question itself is not recalled
        assert messages[-1] == user(f"green tea {turn}?")
    assert blocks(await context.get_messages()) != []
    kept = memory.scope("users/alice").thread("chat").messages()
    assert len(kept) == 10
    assert not any("Recalled" in message.text for message in kept)


async def test_clearing_a_memory_keeps_the_conversations(memory: Memory) -> None:
    book = CommonplaceMemory(memory, user="alice")
    await book.add(text("green tea"))
    context = CommonplaceChatCompletionContext(memory, "chat", user="alice", searchable=True)
    await filled(context, 2)
    assert len((await book.query("question", kinds=["message"])).results) == 4
    await book.clear()
    assert len(await context.get_messages()) == 4
    assert (await book.query("green tea", kinds=["fact"])).results == []


async def test_another_frameworks_messages_come_as_their_text(
    context: CommonplaceChatCompletionContext, memory: Memory
) -> None:
    foreign: list[Any] = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "tea?", "name": "alice"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"type": "ai", "data": {"content": "yes"}},
    ]
    memory.scope("users/alice").thread("chat").add(foreign)
    await context.add_message(user("thanks"))
    assert await context.get_messages() == [
        SystemMessage(content="be kind"),
        UserMessage(content="tea?", source="alice"),
        AssistantMessage(content="yes", source="assistant"),
        user("thanks"),
    ]


async def test_users_with_one_name_of_a_thread_have_a_conversation_each(memory: Memory) -> None:
    names = ["alice", "Alice", "ali", "alice/x"]
    contexts = [CommonplaceChatCompletionContext(memory, "chat", user=name) for name in names]
    for name, context in zip(names, contexts, strict=True):
        await context.add_message(user(f"I am {name}"))
    for name, context in zip(names, contexts, strict=True):
        assert await context.get_messages() == [user(f"I am {name}")]
    await contexts[0].clear()
    assert [len(await context.get_messages()) for context in contexts] == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"thread": "chat", "limit": 0}, {"thread": "chat", "max_tokens": -1}, {"thread": ""}],
)
def test_what_is_malformed_is_refused_at_once(memory: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        CommonplaceChatCompletionContext(memory, **wrong)


def run_alone(run: Any) -> None:

    asyncio.run(run())
