"""`CommonplaceMemory` and the retriever in the chains and agents of langchain-classic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from langchain_classic import agents
from langchain_classic.agents import AgentExecutor
from langchain_classic.chains import (
    ConversationChain,
    LLMChain,
    RetrievalQA,
    combine_documents,
    create_retrieval_chain,
)
from langchain_classic.memory import ConversationBufferMemory, ConversationBufferWindowMemory
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.tools import tool
from tests.langchain.scripted import scripted

from commonplace import ClosedStoreError, InvalidInputError, Memory
from langchain_commonplace import CommonplaceChatMessageHistory, CommonplaceRetriever
from langchain_commonplace.classic import CommonplaceMemory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonplace import Message

# Each of them warns that it is old when it is made. Ours warns of nothing.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:The class `{name}` was deprecated")
    for name in (
        "AgentExecutor",
        "ConversationChain",
        "LLMChain",
        "RetrievalQA",
        "StuffDocumentsChain",
    )
]
OLD = "ignore:The class `ConversationBuffer"  # those that ours is compared with


def filled(memory: Memory, **options: Any) -> CommonplaceMemory:
    """A memory of three exchanges."""
    kept = CommonplaceMemory(memory=memory, session_id="s", **options)
    for number in range(3):
        kept.save_context({"input": f"question {number}"}, {"response": f"answer {number}"})
    return kept


@pytest.mark.filterwarnings(OLD)
@pytest.mark.parametrize("as_messages", [False, True])
@pytest.mark.parametrize("recall", ["buffer", "window"])
def test_it_shows_what_langchains_own_memories_show(
    memory: Memory, recall: str, *, as_messages: bool
) -> None:
    ours = filled(memory, recall=recall, k=2, return_messages=as_messages, ai_prefix="Bot")
    said = CommonplaceChatMessageHistory("s", memory)
    theirs: Any = (
        ConversationBufferMemory(chat_memory=said, return_messages=as_messages, ai_prefix="Bot")
        if recall == "buffer"
        else ConversationBufferWindowMemory(
            chat_memory=said, return_messages=as_messages, ai_prefix="Bot", k=2
        )
    )
    assert ours.memory_variables == theirs.memory_variables
    assert ours.load_memory_variables({}) == theirs.load_memory_variables({})


@pytest.mark.anyio
async def test_a_conversation_chain_remembers(memory: Memory) -> None:
    model = scripted("Hello Ann", "You are Ann", "Still Ann")
    chain = ConversationChain(llm=model, memory=CommonplaceMemory(memory=memory, session_id="s"))
    chain.invoke({"input": "I am Ann"})
    answer = await chain.ainvoke({"input": "Who am I?"})
    assert answer["response"] == "You are Ann"
    assert "Human: I am Ann\nAI: Hello Ann" in model.shown[1][0].text
    again = ConversationChain(llm=model, memory=CommonplaceMemory(memory=memory, session_id="s"))
    assert "AI: You are Ann" in again.invoke({"input": "And now?"})["history"]
    assert [one.text for one in memory.thread("s").messages()][-1] == "Still Ann"


def test_an_llm_chain_gets_messages(memory: Memory) -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("past"), ("human", "{said}")])
    kept = CommonplaceMemory(
        memory=memory,
        session_id="s",
        memory_key="past",
        input_key="said",
        return_messages=True,
        scope="users/ann",
    )
    model = scripted("one", "two")
    chain = LLMChain(llm=model, prompt=prompt, memory=kept)
    chain.invoke({"said": "a"})
    chain.invoke({"said": "b"})
    assert [message.text for message in model.shown[1]] == ["a", "one", "b"]
    assert memory.threads.list(scope="users/ann")[0].messages == 4


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word}!"


def test_an_agent_executor_remembers(memory: Memory) -> None:
    model = FakeListLLM(
        responses=[
            "Thought: look\nAction: look_up\nAction Input: tea",
            "I know\nFinal Answer: tea!",
            "I know\nFinal Answer: you asked about tea",
        ]
    )
    prompt = PromptTemplate.from_template(
        "{history}\n{tools}\n{tool_names}\nQuestion: {input}\n{agent_scratchpad}"
    )
    kept = CommonplaceMemory(memory=memory, session_id="s")
    executor = AgentExecutor(
        agent=cast("Any", agents).create_react_agent(model, [look_up], prompt),
        tools=[look_up],
        memory=kept,
        return_intermediate_steps=True,  # a second output, which is not kept
    )
    assert executor.invoke({"input": "What is tea?"})["output"] == "tea!"
    second = executor.invoke({"input": "What did I ask?"})
    assert second["history"] == "Human: What is tea?\nAI: tea!"
    assert len(memory.thread("s").messages()) == 4


def test_a_summary_stands_before_what_is_new(memory: Memory) -> None:
    def sum_up(messages: Sequence[Message], previous: str | None) -> str:
        return f"{previous or ''}{len(messages)} messages."

    kept = CommonplaceMemory(
        memory=memory, session_id="s", recall="summary", token_budget=120, summarizer=sum_up
    )
    for number in range(12):
        kept.save_context({"input": f"question {number} " + "x" * 30}, {"response": "yes"})
    history = kept.load_memory_variables({})["history"]
    assert "messages." in history
    assert "question 11" in history
    assert "question 0 " not in history
    assert len(memory.thread("s").messages()) == 24


def test_a_short_conversation_needs_no_summary(memory: Memory) -> None:
    text = filled(memory, recall="summary").load_memory_variables({})["history"]
    assert text.startswith("Human: question 0\nAI: answer 0\n")


def test_semantic_recall_finds_what_any_face_wrote_and_quotes_it(memory: Memory) -> None:
    memory.add("Ann drinks\ntea", source={"app": "crewai"})
    memory.thread("other").add(("user", "a train to Oslo"))
    model = scripted("tea")
    kept = CommonplaceMemory(memory=memory, session_id="s", recall="semantic", k=1)
    chain = ConversationChain(llm=model, memory=kept)
    chain.invoke({"input": "What tea does Ann drink?"})
    shown = model.shown[0][0].text
    assert "> Ann drinks\n> tea" in shown
    assert "Oslo" not in shown
    oslo = kept.load_memory_variables({"input": "a train to Oslo"})["history"]
    assert "> a train to Oslo" in oslo


def test_semantic_recall_of_nothing_is_nothing(memory: Memory) -> None:
    cases: list[tuple[bool, Any]] = [(False, ""), (True, [])]
    for as_messages, nothing in cases:
        kept = CommonplaceMemory(
            memory=memory, session_id="s", recall="semantic", return_messages=as_messages
        )
        assert kept.load_memory_variables({"input": "tea"}) == {"history": nothing}
        assert kept.load_memory_variables({"input": " "}) == {"history": nothing}


@pytest.mark.anyio
async def test_clear_clears_the_session_and_nothing_else(memory: Memory) -> None:
    memory.add("a fact")
    kept = filled(memory)
    filled(memory.scope("elsewhere"))
    await kept.aclear()
    assert (await kept.aload_memory_variables({}))["history"] == ""
    assert memory.list(scope="elsewhere", kinds="message")
    assert memory.count(kinds="fact") == 1


def test_what_is_meant_must_be_clear(memory: Memory) -> None:
    kept = CommonplaceMemory(memory=memory, session_id="s")
    with pytest.raises(InvalidInputError, match=r"input_key= to one of \['a', 'b'\]"):
        kept.save_context({"a": "1", "b": "2", "history": "", "stop": []}, {"response": "x"})
    with pytest.raises(InvalidInputError, match="output_key"):
        kept.save_context({"a": "1"}, {"x": "1", "y": "2"})
    kept.save_context({"a": "1"}, {"x": "1", "output": "2"})
    named = CommonplaceMemory(memory=memory, session_id="t", input_key="b", output_key="x")
    named.save_context({"a": "1", "b": "2"}, {"x": "3", "y": "4"})
    assert CommonplaceChatMessageHistory("t", memory).messages == [
        HumanMessage("2"),
        AIMessage("3"),
    ]
    with pytest.raises(ValueError, match="recall"):
        CommonplaceMemory(memory=memory, session_id="s", recall="best")


def test_it_closes_what_it_opened_and_nothing_else(path: Path) -> None:
    own = CommonplaceMemory(memory=path, session_id="s")
    own.save_context({"input": "a"}, {"response": "b"})
    own.close()
    with pytest.raises(ClosedStoreError):
        own.clear()
    with Memory(path) as memory:
        CommonplaceMemory(memory=memory, session_id="s").close()
        assert memory.threads.count() == 1


@pytest.mark.anyio
async def test_retrieval_qa_answers_from_the_memory(memory: Memory) -> None:
    memory.add_many(["Alice drinks tea", "Bob takes the train"])
    model = scripted("tea", "tea")
    chain = RetrievalQA.from_chain_type(
        model,
        retriever=CommonplaceRetriever(memory=memory, k=1),
        return_source_documents=True,
    )
    for answer in (chain.invoke("Alice tea"), await chain.ainvoke("Alice tea")):
        assert answer["result"] == "tea"
        assert [found.page_content for found in answer["source_documents"]] == ["Alice drinks tea"]
    assert "Alice drinks tea" in model.shown[0][0].text


def test_a_retrieval_chain_answers_from_the_memory(memory: Memory) -> None:
    memory.add("Alice drinks tea")
    prompt = ChatPromptTemplate.from_template("{context}\n{input}")
    model = FakeListChatModel(responses=["tea"])
    documents = cast("Any", combine_documents).create_stuff_documents_chain(model, prompt)
    chain = create_retrieval_chain(CommonplaceRetriever(memory=memory), documents)
    assert chain.invoke({"input": "Alice tea?"})["answer"] == "tea"
