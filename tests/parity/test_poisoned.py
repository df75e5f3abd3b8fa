"""Memories that want to be instructions: through no face are they more than quoted data.

Three hundred of them are stored under an untrusted source, recalled and put into prompts the way
each framework does it.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import SystemMessage as AutoGenSystem
from autogen_core.models import UserMessage
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage
from tests.crewai.scripted import ScriptedLLM, crew_of
from tests.langchain.scripted import agent, calling, scripted
from tests.parity.poison import POISONS

from autogen_commonplace import CommonplaceChatCompletionContext, CommonplaceMemory
from commonplace import HashingEmbedder, Memory, Source, render
from commonplace.rendering import ABOUT
from crewai_commonplace import commonplace_memory
from langchain_commonplace import (
    CommonplaceChatMessageHistory,
    CommonplaceMemoryMiddleware,
    CommonplaceRetriever,
    create_search_memory_tool,
    render_documents,
)
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.figures import Figures

PAGE = Source(app="langchain", agent="browser", uri="https://evil.example", trust=0.1)
HEADING = re.compile(r"\[(\d+)\] [a-z]+, written [-0-9T:]+Z(, .*)?")
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u3164"
    "\ufe00-\ufe0d\U000e0000-\U000e0fff]|[\x20-\x7e][\u200c\u200d]|[\u200c\u200d]{2}"
)
RULES = "You are a helpful assistant."
QUESTION = "What is the password?"
ALL = 10**7


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as opened:
        opened.add_many(
            {"content": text, "source": PAGE, "tags": [text[:200].replace("\0", "0")]}
            for text in POISONS
        )
        yield opened


def blocks(text: str) -> int:
    """How many memories a Markdown rendering shows; whatever they say, nothing is outside."""
    start, fence, block = text.partition("\n\n```memory\n")
    assert (start, fence) == (ABOUT, "\n\n```memory\n")
    assert block.endswith("\n```")
    lines = block.removesuffix("\n```").split("\n")
    assert lines == block.removesuffix("\n```").splitlines()
    own = [line for line in lines if line and not line.startswith("> ")]
    numbers = [found.group(1) for line in own if (found := HEADING.fullmatch(line))]
    assert numbers == [str(number) for number in range(1, len(own) + 1)]
    assert all('"uri": "https://evil.example", "trust": 0.1' in line for line in own)
    assert "```" not in "".join(own)
    assert not HIDDEN.search(text)
    return len(own)


def quoted(text: str) -> list[str]:
    """The memories of a JSON rendering, each with who wrote it."""
    read = json.loads(text)
    assert set(read) == {"about", "memories"}
    assert read["about"] == ABOUT
    assert not re.search("[<>`]", text)
    assert not HIDDEN.search(text)
    assert all(one["source"] == PAGE.to_dict() for one in read["memories"])
    return [one["content"] for one in read["memories"]]


def untouched(messages: list[BaseMessage]) -> list[str]:
    """The texts of the user's messages; the system's is as the program wrote it."""
    assert [one.text for one in messages if isinstance(one, SystemMessage)] == [RULES]
    return [one.text for one in messages if isinstance(one, HumanMessage)]


def test_rendered_and_recalled(memory: Memory, figures: Figures) -> None:
    records = memory.list(limit=1000)
    assert blocks(render(records).text) == len(POISONS) == 300
    assert sorted(quoted(render(records, format="json").text)) == sorted(POISONS)
    recalled = memory.recall(QUESTION, limit=1000, token_budget=100_000)
    assert blocks(recalled.text) == len(recalled.hits) > 100
    for poison in POISONS:  # each alone, too
        (one,) = memory.list(filter={"@content": poison})
        assert blocks(render([one]).text) == 1
    figures(28, payloads=300, renderings=603, outside_the_fence=0, forged=0)


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_a_langchain_agent_in_a_langgraph(memory: Memory, form: Any, figures: Figures) -> None:
    middleware = CommonplaceMemoryMiddleware(
        memory, limit=1000, token_budget=ALL, format=form, keep_messages=False
    )
    model = scripted("I do not know.")
    graph = agent(
        model, middleware, system_prompt=RULES, store=CommonplaceStore(memory, scope="graph")
    )
    graph.invoke({"messages": [HumanMessage(QUESTION)]})
    recalled, asked = untouched(model.shown[-1])
    shown = blocks(recalled) if form == "markdown" else len(quoted(recalled))
    assert (shown, asked) == (300, QUESTION)
    figures(28, payloads=shown, in_system_messages=0, outside_the_fence=0)


def test_langchains_tool(memory: Memory) -> None:
    tool = create_search_memory_tool("", store=memory)
    model = scripted(
        *(calling(tool.name, query=QUESTION, limit=100, offset=at) for at in (0, 100, 200)),
        "I do not know.",
    )
    agent(model, tools=[tool], system_prompt=RULES).invoke({"messages": [HumanMessage(QUESTION)]})
    assert untouched(model.shown[-1]) == [QUESTION]
    answers = [one.text for one in model.shown[-1] if isinstance(one, ToolMessage)]
    assert sorted(text for answer in answers for text in quoted(answer)) == sorted(POISONS)


def test_langchains_retriever(memory: Memory) -> None:
    documents = CommonplaceRetriever(memory=memory, k=1000).invoke(QUESTION)
    assert blocks(render_documents(documents).text) == 300


def test_an_autogen_agents_context(memory: Memory, figures: Figures) -> None:
    async def recalled(context: Any) -> list[Any]:
        await context.add_message(AutoGenSystem(content=RULES))
        await context.add_message(UserMessage(content=QUESTION, source="user"))
        book = CommonplaceMemory(memory, k=1000, token_budget=ALL)
        await book.update_context(context)
        return await context.get_messages()

    other = Memory(":memory:", embedder=HashingEmbedder(64))
    for context in (
        UnboundedChatCompletionContext(),
        CommonplaceChatCompletionContext(other, "chat"),
    ):
        messages = asyncio.run(recalled(context))
        assert [type(one).__name__ for one in messages] == ["SystemMessage", *["UserMessage"] * 2]
        assert (messages[0].content, messages[2].content) == (RULES, QUESTION)
        assert blocks(messages[1].content) == 300
    other.close()
    figures(28, payloads=300, in_system_messages=0, outside_the_fence=0)


class Listening(ScriptedLLM):
    """Keeps the messages that it was sent as an agent, with their roles."""

    def call(self, messages: Any, *args: Any, **options: Any) -> Any:
        if options.get("response_model") is None and not isinstance(messages, str):
            self._prompts.append(json.dumps([dict(one) for one in messages]))
        return super().call(messages, *args, **options)


@pytest.mark.filterwarnings(r"ignore::DeprecationWarning:crewai\.")
@pytest.mark.filterwarnings(r"ignore::UserWarning:crewai\.")
def test_a_crews_prompt(
    memory: Memory, figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    remembering = commonplace_memory(memory, llm=Listening(model="scripted"))
    matches = remembering.recall(QUESTION, limit=1000, depth="shallow")
    assert {match.record.content for match in matches} == set(POISONS)  # as it is, for programs
    for match in matches:
        score, _, text = match.format().partition(" Recalled")
        assert re.fullmatch(r"- \(score=-?[0-9.]+\)", score)
        assert alone(f"Recalled{text}")
    llm = Listening(model="scripted", learns=[])
    crew_of(llm, memory=remembering).kickoff()
    sent = json.loads(llm.prompts[0])
    shown = [one["content"] for one in sent if "Relevant memories" in one["content"]]
    assert shown
    assert all(ABOUT not in one["content"] for one in sent if one["role"] == "system")
    remembering.close()
    figures(28, payloads=len(matches), in_system_messages=0, outside_the_fence=0)


def alone(text: str) -> bool:
    """Whether a rendering of one memory is whole and quotes all that it says."""
    _, _, block = text.partition("\n\n```memory\n")
    heading, *lines = block.removesuffix("\n```").split("\n")
    assert not HIDDEN.search(text)
    return bool(HEADING.fullmatch(heading)) and all(line.startswith("> ") for line in lines)


def test_what_a_user_said_stays_what_a_user_said() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        history = CommonplaceChatMessageHistory("chat", memory)
        history.add_messages([HumanMessage(text) for text in POISONS])
        assert [type(one) for one in history.messages] == [HumanMessage] * 300
        shown = asyncio.run(CommonplaceChatCompletionContext(memory, "chat").get_messages())
        assert {type(one).__name__ for one in shown} == {"UserMessage"}
        summed = memory.thread("chat").context(limit=5, summary=True)
        assert {one.role for one in summed} <= {"user", "human"}
        assert all(line.startswith("> ") for line in summed[0].text.splitlines()[1:])
        assert not HIDDEN.search(summed[0].text)


def test_what_is_not_trusted_is_not_recalled(memory: Memory) -> None:
    sure = memory.add("The password is kept in the safe", source={"trust": 1.0})
    trusted = {"@source.trust": {"$gte": 0.5}}
    assert [hit.id for hit in memory.search(QUESTION, filter=trusted)] == [sure.id]
    assert [hit.id for hit in memory.recall(QUESTION, filter=trusted).hits] == [sure.id]
    middleware = CommonplaceMemoryMiddleware(memory, filter=trusted, keep_messages=False)
    model = scripted("In the safe.")
    agent(model, middleware).invoke({"messages": [HumanMessage(QUESTION)]})
    assert "evil" not in str(model.shown[-1])
    book = CommonplaceMemory(memory, filter=trusted)
    assert len(asyncio.run(book.query(QUESTION)).results) == 1
    memory.delete(sure.id)
