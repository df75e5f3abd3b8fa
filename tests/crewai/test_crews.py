"""Real crews, agents, flows, scopes and slices over one memory, offline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from crewai.flow.flow import Flow, start
from crewai.memory.types import MemoryRecord
from crewai.memory.unified_memory import Memory as CrewMemory
from tests.crewai.scripted import FACT, ScriptedLLM, crew_of

from commonplace import Memory, Source
from crewai import Agent
from crewai_commonplace import (
    CommonplaceMemory,
    CommonplaceStorage,
    OwnEmbedding,
    commonplace_memory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEMBERED = "Relevant memories"


@pytest.fixture
def llm() -> ScriptedLLM:
    return ScriptedLLM(model="scripted")


@pytest.fixture
def remembering(shared: Memory, llm: ScriptedLLM) -> Iterator[CommonplaceMemory]:
    memory = commonplace_memory(shared, llm=llm)
    yield memory
    memory.close()


def test_the_second_kickoff_knows_what_the_first_learned(
    shared: Memory, remembering: CommonplaceMemory, llm: ScriptedLLM
) -> None:
    crew = crew_of(llm, memory=remembering)
    crew.kickoff()
    assert REMEMBERED not in llm.prompts[0]
    crew.kickoff()
    assert REMEMBERED in llm.prompts[-1]
    assert FACT in llm.prompts[-1]
    (hit,) = shared.search("which database does the team use", scope="infra")
    assert hit.content == FACT
    assert hit.record.source.app == "crewai"


def test_a_crew_knows_what_another_framework_learned(
    shared: Memory, remembering: CommonplaceMemory, llm: ScriptedLLM
) -> None:
    shared.add("We use the database DuckDB", scope="users/alice", source=Source(app="langgraph"))
    crew_of(llm, memory=remembering).kickoff()
    assert "DuckDB" in llm.prompts[0]


def test_the_same_with_vectors_apart(shared: Memory, llm: ScriptedLLM) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[1.0, len(text) / 100, 0.0] for text in texts]

    storage = CommonplaceStorage(shared, scope="crew")
    memory = CrewMemory(storage=storage, llm=llm, embedder=embed)
    crew = crew_of(llm, memory=memory)
    crew.kickoff()
    crew.kickoff()
    assert FACT in llm.prompts[-1]
    assert {"default", "crewai-3"} <= set(shared.spaces())
    assert shared.search("database", scope="crew")[0].content == FACT
    memory.close()


def test_kickoff_for_each_shares_the_memory(
    remembering: CommonplaceMemory, llm: ScriptedLLM
) -> None:
    crew = crew_of(llm, memory=remembering)
    crew.kickoff_for_each([{"n": 1}, {"n": 2}])
    assert FACT in llm.prompts[-1]


def test_an_async_kickoff_remembers(remembering: CommonplaceMemory, llm: ScriptedLLM) -> None:
    crew = crew_of(llm, memory=remembering)
    asyncio.run(crew.kickoff_async())
    asyncio.run(crew.akickoff())
    assert FACT in llm.prompts[-1]


def test_agents_have_scopes_and_slices_of_it(
    remembering: CommonplaceMemory, llm: ScriptedLLM
) -> None:
    remembering.remember("Redis caches", scope="/team/a", categories=[], importance=0.5)
    remembering.remember("Kafka queues", scope="/team/ab", categories=[], importance=0.5)
    scope = remembering.scope("/team/a")
    assert [match.record.content for match in scope.recall("Redis Kafka")] == ["Redis caches"]
    slice_ = remembering.slice(["/team/a", "/team/ab"])
    both = {match.record.content for match in slice_.recall("Redis Kafka")}
    assert both == {"Redis caches", "Kafka queues"}
    agent: Any = Agent(role="DBA", goal="g", backstory="b", llm=llm, memory=scope)
    agent.kickoff("What caches?")
    assert "Redis caches" in llm.prompts[-1]
    assert "Kafka" not in llm.prompts[-1]


def test_a_flow_remembers(remembering: CommonplaceMemory) -> None:
    class Noting(Flow[dict[str, Any]]):
        memory = remembering

        @start()
        def note(self) -> str:
            self.remember("The sky is grey", scope="/weather", categories=[], importance=0.5)
            return self.recall("sky")[0].record.content

    assert Noting().kickoff() == "The sky is grey"


def test_resetting_the_memory_of_a_crew_leaves_what_others_wrote(
    shared: Memory, remembering: CommonplaceMemory, llm: ScriptedLLM
) -> None:
    kept = shared.add("of others", source=Source(app="langchain"))
    crew = crew_of(llm, memory=remembering)
    crew.kickoff()
    crew.reset_memories("memory")
    assert shared.list() == [kept]
    crew.kickoff()
    assert shared.count() == 2


def test_deep_recall_finds_the_scope_itself_and_every_scope_below(
    shared: Memory, llm: ScriptedLLM
) -> None:
    storage = CommonplaceStorage(shared, vectors="own")
    plain = CrewMemory(storage=storage, llm=llm, embedder=OwnEmbedding(storage))
    whole = commonplace_memory(shared, llm=llm)
    texts = {"/": "our database is postgres", "/z25": "the database has a replica"}
    texts |= {f"/c{n:02}": f"note about food {n}" for n in range(25)}
    for scope, text in texts.items():
        whole.remember(text, scope=scope, categories=[], importance=0.5)
    wanted = {texts["/"], texts["/z25"]}
    assert not wanted & {match.record.content for match in plain.recall("database postgres")}
    assert wanted <= {match.record.content for match in whole.recall("database postgres")}
    plain.close()
    whole.close()


def test_private_records_of_others_take_no_ones_place(
    remembering: CommonplaceMemory,
) -> None:
    for n in range(10):
        parts: dict[str, Any] = {"scope": "/a", "categories": [], "importance": 0.5}
        remembering.remember(f"secret plan {n * 7919}", source="bob", private=True, **parts)
    remembering.remember("a plan for all", scope="/a", categories=[], importance=0.5)
    for depth in ("shallow", "deep"):
        (seen,) = remembering.recall("secret plan", limit=3, depth=depth, source="alice")
        assert seen.record.content == "a plan for all"
        assert len(remembering.recall("secret plan", limit=3, depth=depth, source="bob")) == 3


def test_what_is_private_stays_so_when_crewai_consolidates(
    shared: Memory,
) -> None:
    llm = ScriptedLLM(model="scripted", update="the code is 1234, said twice")
    remembering = commonplace_memory(shared, llm=llm)
    parts: dict[str, Any] = {"scope": "/a", "categories": [], "importance": 0.5}
    remembering.remember("the code is 1234", source="alice", private=True, **parts)
    remembering.remember("the code is 1234", source="bob", **parts)
    (record,) = remembering.list_records()
    assert isinstance(record, MemoryRecord)
    assert (record.content, record.source, record.private) == (llm.update, "alice", True)
    assert remembering.recall("code", source="bob") == []
    remembering.close()


def test_a_closed_memory_still_takes_late_saves(shared: Memory, llm: ScriptedLLM) -> None:
    memory = commonplace_memory(shared, llm=llm)
    memory.close()
    memory.remember("late", scope="/a", categories=[], importance=0.5)
    assert shared.count() == 1


def test_what_a_crew_is_told_in_the_background_is_there_after_a_drain(
    shared: Memory, remembering: CommonplaceMemory
) -> None:
    texts = [f"fact {n * 7919}" for n in range(5)]
    parts: dict[str, Any] = {"scope": "/a", "categories": [], "importance": 0.5}
    assert remembering.remember_many(texts, **parts) == []
    remembering.drain_writes()
    assert {record.content for record in shared.list()} == set(texts)


def test_crews_of_one_memory_are_apart_by_scope(shared: Memory, llm: ScriptedLLM) -> None:
    one = commonplace_memory(shared, llm=llm, scope="acme")
    other = commonplace_memory(shared, llm=llm, scope="acme-corp")
    crews = [crew_of(llm, memory=one), crew_of(llm, memory=other)]
    crews[0].kickoff()
    crews[1].kickoff()
    assert REMEMBERED not in llm.prompts[-1]
    crews[0].reset_memories("memory")
    assert shared.count(scope="acme") == 0
    assert shared.count(scope="acme-corp") == 1
    one.close()
    other.close()
