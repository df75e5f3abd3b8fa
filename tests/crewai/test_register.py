"""`register`: specs, checkpoints, knowledge and flows, in real crews and offline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from crewai.flow.flow import Flow, listen, start
from crewai.flow.persistence.decorators import persist
from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.knowledge.knowledge import Knowledge
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource
from crewai.knowledge.storage.factory import set_knowledge_storage_factory
from crewai.memory.storage.factory import set_memory_storage_factory
from crewai.memory.unified_memory import Memory as CrewMemory
from pydantic import BaseModel
from tests.crewai.records import EAST, record
from tests.crewai.scripted import FACT, ScriptedLLM, crew_of

from commonplace import HashingEmbedder, InvalidInputError, Memory, NotFoundError
from crewai import Crew
from crewai_commonplace import (
    CommonplaceEmbeddings,
    CommonplaceStorage,
    OwnEmbedding,
    commonplace_memory,
    open_storage,
    register,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS: dict[str, Any] = {"embedder": HashingEmbedder(64)}


@pytest.fixture(autouse=True)
def _unregistered() -> Iterator[None]:
    yield
    set_memory_storage_factory(None)
    set_knowledge_storage_factory(None)
    set_flow_persistence_factory(None)


@pytest.fixture
def llm() -> ScriptedLLM:
    return ScriptedLLM(model="scripted")


@pytest.fixture
def spec(path: Path) -> Iterator[str]:
    spec = f"commonplace://{path}?scope=team&vectors=own"
    register(spec, **OPTIONS)
    storage = open_storage(spec)
    yield spec
    storage.close()


def storage_of(memory: Any) -> Any:
    """What CrewAI itself asks."""
    return memory._storage


@pytest.mark.files
def test_a_spec_is_the_same_storage_as_long_as_it_is_in_use(spec: str) -> None:
    one = CrewMemory(storage=spec)
    other = CrewMemory(storage=spec)
    assert storage_of(one) is storage_of(other)
    assert isinstance(storage_of(one), CommonplaceStorage)
    assert storage_of(one).spec == spec


@pytest.mark.parametrize(
    "given",
    ["commonplace://", "lancedb", "commonplace:///x?space=own", "commonplace:///x?vectors=all"],
)
def test_a_malformed_spec_is_refused(given: str) -> None:
    with pytest.raises(InvalidInputError):
        open_storage(given)


@pytest.mark.files
def test_a_spec_says_all_that_a_storage_is(tmp_path: Path) -> None:
    where = tmp_path / "a b?&%"
    made = CommonplaceStorage(where, scope=r"x\/y/ü &", score="lancedb", **OPTIONS)
    made.save([record("x")])
    spec = made.spec
    assert open_storage(spec) is made
    made.close()
    del made
    again = open_storage(spec, **OPTIONS)
    assert again.spec == spec
    assert [one.id for one, _ in again.search(EAST)] == ["x"]
    assert again.root.segments == ("x/y", "ü &")
    again.close()


@pytest.mark.files
def test_a_memory_without_files_is_found_while_it_is_open(shared: Memory) -> None:
    storage = CommonplaceStorage(shared)
    assert open_storage(storage.spec) is storage
    shared.close()
    with pytest.raises(NotFoundError):
        open_storage(storage.spec)


def test_other_specs_are_left_to_crewai(spec: str, tmp_path: Path) -> None:
    memory = CrewMemory(storage=str(tmp_path / "elsewhere"))
    assert type(storage_of(memory)).__name__ == "LanceDBStorage"
    assert type(storage_of(CrewMemory())).__name__ == "LanceDBStorage"
    assert open_storage(spec).count() == 0


@pytest.mark.files
def test_crews_with_memory_true_use_it_on_request(path: Path, llm: ScriptedLLM) -> None:
    spec = f"commonplace://{path}?vectors=own"
    register(spec, everything=True, **OPTIONS)
    crew = crew_of(llm, memory=True, name="Research", embedder=CommonplaceEmbeddings(spec=spec))
    crew.kickoff()
    crew.kickoff()
    assert FACT in llm.prompts[-1]
    storage = open_storage(spec)
    assert storage.list_scopes("/crew") == ["/crew/research"]
    storage.close()


@pytest.mark.files
def test_a_restored_crew_recalls_what_it_knew(
    path: Path, llm: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(**OPTIONS)
    with Memory(path, **OPTIONS) as memory:
        crew = crew_of(llm, memory=commonplace_memory(memory, llm="openai/gpt-4o", scope="team"))
        memory.add(FACT, scope="team/infra")
        state = crew.model_dump_json()
    assert json.loads(state)["memory"]["storage"] == f"commonplace://{path}?scope=team&vectors=own"
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    restored = Crew.model_validate(
        {**json.loads(state), "agents": crew.agents, "tasks": crew.tasks},
        context={"from_checkpoint": True},
    )
    assert isinstance(restored.memory, CrewMemory)
    found = restored.memory.recall("which database", depth="shallow")
    assert [match.record.content for match in found] == [FACT]
    restored.memory.close()


def test_own_embedding_embeds_as_the_memory_does(shared: Memory) -> None:
    own = OwnEmbedding(CommonplaceStorage(shared))
    expected = shared.embedder.embed_documents(["a", "b"]).tolist()
    assert [vector.tolist() for vector in own(["a", "b"])] == expected
    assert [vector.tolist() for vector in own.embed_query(["a", "b"])] == expected


def test_knowledge_of_a_crew_is_in_the_memory(spec: str, llm: ScriptedLLM) -> None:
    source = StringKnowledgeSource(content="The office opens at nine.")
    crew = crew_of(llm, knowledge_sources=[source])
    results: list[Any] = crew.query_knowledge(["when does the office open"])
    (found,) = results
    assert found["content"] == "The office opens at nine."
    memory = open_storage(spec).memory
    assert [one.kind for one in memory.list(scope="team/knowledge")] == ["document"]
    assert memory.search("office opens")[0].content == "The office opens at nine."
    crew.reset_memories("knowledge")
    assert memory.count(scope="team/knowledge") == 0


def test_knowledge_collections_are_apart(spec: str) -> None:
    def knowledge(name: str, content: str) -> Knowledge:
        source = StringKnowledgeSource(content=content)
        made = Knowledge(collection_name=name, sources=[source])
        made.add_sources()
        return made

    one = knowledge("tea", "Green tea is brewed at 80 degrees.")
    knowledge("tea-two", "Black tea is brewed at 100 degrees.")
    found = one.query(["how is tea brewed"], score_threshold=0.0)
    assert [result["content"] for result in found] == ["Green tea is brewed at 80 degrees."]
    assert open_storage(spec).count("/knowledge") == 2


class Count(BaseModel):
    id: str = ""
    n: int = 0


def test_flows_keep_their_state_in_the_memory(spec: str) -> None:
    @persist()
    class Counting(Flow[Count]):
        @start()
        def first(self) -> None:
            self.state.n += 1

        @listen(first)
        def second(self) -> int:
            self.state.n += 1
            return self.state.n

    flow = Counting()
    assert flow.kickoff() == 2
    assert Counting().kickoff(inputs={"id": flow.state.id}) == 4
    memory = open_storage(spec).memory
    (state,) = memory.list(scope="team/flows")
    assert state.key == flow.state.id
    assert state.value == {"crewai": {"method": "second", "state": {"id": flow.state.id, "n": 4}}}
    assert len(memory.history(state.id)) > 2
    assert memory.search("n", mode="lexical") == []
