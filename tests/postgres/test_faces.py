"""Frameworks that run for real on a memory on PostgreSQL, which they are given by its URL."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# Much of the frameworks' interface is not typed through.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from autogen_core import ComponentModel
from langchain_core.messages import HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore  # noqa: TC002 - LangGraph reads the types of nodes
from tests.autogen.agents import agent as autogen_agent
from tests.autogen.agents import blocks, model, sent, text
from tests.crewai.conftest import OF_CREWAI
from tests.crewai.scripted import FACT, ScriptedLLM, crew_of
from tests.langchain.scripted import agent, scripted

from autogen_commonplace import CommonplaceMemory as AutoGenMemory
from autogen_commonplace import EmbedderConfig
from commonplace import HashingEmbedder, InvalidInputError, Memory
from crewai_commonplace import CommonplaceStorage, commonplace_memory, open_storage
from langchain_commonplace import CommonplaceMemoryMiddleware
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pgserver import Postgres

PASSWORD = "hush-hush"  # noqa: S105 - the server of these tests takes any
EMBEDDER = EmbedderConfig(name="hashing", arguments={"dimension": 64})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("faces") as given:
        Memory(given, embedder=HashingEmbedder(64)).close()
        yield given


def kept(url: str) -> list[str]:
    with Memory(url) as memory:
        return [record.content for record in memory.list()]


class State(TypedDict, total=False):
    found: list[str]


def test_langgraph(url: str) -> None:
    def write(state: State, *, store: BaseStore) -> State:  # noqa: ARG001 - LangGraph gives both
        store.put(("users", "alice"), "tea", {"likes": "green tea", "odd": "a\0b"})
        return {}

    def read(state: State, *, store: BaseStore) -> State:  # noqa: ARG001 - as above
        return {"found": [item.key for item in store.search(("users",), query="tea")]}

    graph = StateGraph(State)
    graph.add_sequence([write, read])
    graph.add_edge(START, "write")
    with CommonplaceStore(url) as store:
        assert graph.compile(store=store).invoke({}) == {"found": ["tea"]}
    with CommonplaceStore.from_conn_string(url) as store:
        item = store.get(("users", "alice"), "tea")
        assert item is not None
        assert item.value == {"likes": "green tea", "odd": "a\0b"}


def test_langchain(url: str) -> None:
    with Memory(url, embedder=HashingEmbedder(64)) as memory:
        memory.add("Alice drinks tea")
        says = scripted("tea")
        runs = agent(says, CommonplaceMemoryMiddleware(memory))
        runs.invoke({"messages": [HumanMessage("What does Alice drink?")]})
        assert "> Alice drinks tea" in says.shown[0][0].text


@pytest.mark.anyio
async def test_autogen(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_MEMORY", url.replace(":@", f":{PASSWORD}@"))
    book = AutoGenMemory("env:OUR_MEMORY", user="alice", embedder=EMBEDDER)
    await book.add(text("Alice likes metric units"))
    client = model()
    await autogen_agent(client, book).run(task="Which units does Alice like?")
    assert "> Alice likes metric units" in blocks(sent(client))[0]
    dumped = book.dump_component().model_dump_json()
    assert PASSWORD not in dumped
    await book.close()
    again = AutoGenMemory.load_component(ComponentModel.model_validate(json.loads(dumped)))
    client = model()
    await autogen_agent(client, again).run(task="Which units does Alice like?")
    assert "> Alice likes metric units" in blocks(sent(client))[0]
    await again.close()
    assert kept(url) == ["Alice likes metric units"]


@pytest.mark.parametrize("given", [f"me:{PASSWORD}@host/db", f"me@host/db?password={PASSWORD}"])
def test_a_password_is_not_dumped(given: str) -> None:
    book = AutoGenMemory(f"postgresql://{given}", embedder=EMBEDDER)
    with pytest.raises(InvalidInputError, match="env:NAME") as refused:
        book.dump_component()
    assert PASSWORD not in str(refused.value)


@pytest.fixture
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def of_crewai(test: Any) -> Any:
    """Let pass what CrewAI warns of in its own code."""
    for warning in OF_CREWAI:
        test = pytest.mark.filterwarnings(warning)(test)
    return test


@of_crewai
@pytest.mark.usefixtures("_home")
def test_crewai(url: str) -> None:
    says = ScriptedLLM(model="scripted")
    memory = commonplace_memory(url, llm=says)
    crew_of(says, memory=memory).kickoff()
    crew_of(says, memory=memory).kickoff()
    assert FACT in says.prompts[-1]
    memory.close()
    assert FACT in kept(url)


@of_crewai
@pytest.mark.usefixtures("_home")
def test_a_spec_of_crewai_names_the_server_without_the_password(url: str) -> None:
    given = url.replace(":@", f":{PASSWORD}@")
    storage = CommonplaceStorage(given, scope="teams/a", embedder=HashingEmbedder(64))
    assert PASSWORD not in storage.spec
    assert open_storage(storage.spec) is storage
    storage.memory.add("kept", id="kept")
    spec = storage.spec
    storage.close()
    again = open_storage(spec, embedder=HashingEmbedder(64))
    assert again.spec == spec
    assert again.memory.get("kept") is not None
    again.close()
