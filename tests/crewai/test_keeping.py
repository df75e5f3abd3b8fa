"""Knowledge storage and flow persistence by themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from crewai.flow.async_feedback.types import PendingFeedbackContext
from pydantic import BaseModel

from commonplace import InvalidInputError, Memory
from crewai_commonplace import CommonplaceFlowPersistence, CommonplaceKnowledgeStorage

if TYPE_CHECKING:
    from pathlib import Path


def test_documents_are_found_with_crewais_scores(shared: Memory) -> None:
    knowledge = CommonplaceKnowledgeStorage(shared, collection_name="docs")
    knowledge.save(["The office opens at nine.", "Cats sleep."])
    found = knowledge.search(["office", "opens"], score_threshold=0.0)
    assert [result["content"] for result in found] == ["The office opens at nine.", "Cats sleep."]
    query, document = shared.embedder.embed_documents(["office opens", "The office opens at nine."])
    cosine = float(query @ document)
    assert found[0]["score"] == pytest.approx((1 + cosine) / 2, abs=1e-6)
    assert found[0]["metadata"] == {}
    assert len(knowledge.search(["office opens"], score_threshold=found[0]["score"] - 1e-9)) == 1
    assert knowledge.search([]) == knowledge.search([" "]) == knowledge.search(["x"], limit=0) == []


def test_saving_a_document_again_changes_nothing(shared: Memory) -> None:
    knowledge = CommonplaceKnowledgeStorage(shared)
    knowledge.save(["a", "b", "a"])
    before = shared.list()
    knowledge.save(["b", "a"])
    assert shared.list() == before
    assert len(before) == 2


def test_resetting_a_collection_leaves_the_others(shared: Memory) -> None:
    one = CommonplaceKnowledgeStorage(shared, collection_name="a", scope="team")
    other = CommonplaceKnowledgeStorage(shared, collection_name="ab", scope="team")
    one.save(["x"])
    other.save(["y"])
    shared.add("not a document", scope="team/knowledge/a")
    one.reset()
    assert sorted(record.content for record in shared.list()) == ["not a document", "y"]


def test_knowledge_survives_being_dumped(path: Path) -> None:
    knowledge = CommonplaceKnowledgeStorage(path, collection_name="docs")
    knowledge.save(["The office opens at nine."])
    again = CommonplaceKnowledgeStorage.model_validate_json(knowledge.model_dump_json())
    assert len(again.search(["when does the office open"], score_threshold=0.5)) == 1
    again.reset()


def test_the_awaited_methods_of_knowledge_do_the_same(shared: Memory) -> None:
    knowledge = CommonplaceKnowledgeStorage(shared)

    async def main() -> None:
        await knowledge.asave(["The office opens at nine."])
        assert len(await knowledge.asearch(["office"])) == 1
        await knowledge.areset()
        assert await knowledge.asearch(["office"]) == []

    asyncio.run(main())


class Inner(BaseModel):
    when: datetime


def test_the_latest_state_of_a_flow_comes_back(shared: Memory) -> None:
    flows = CommonplaceFlowPersistence(shared)
    flows.save_state("f", "one", {"n": 1})
    flows.save_state("g", "one", {"n": 7})
    now = datetime(2026, 1, 2, tzinfo=UTC)
    flows.save_state("f", "two", {"n": 2, "inner": Inner(when=now), "set": {1}, "at": now})
    assert flows.load_state("f") == {
        "n": 2,
        "inner": {"when": "2026-01-02T00:00:00Z"},
        "set": [1],
        "at": now.isoformat(),
    }
    assert CommonplaceFlowPersistence(shared).load_state("g") == {"n": 7}
    assert flows.load_state("unknown") is None


def test_a_state_that_is_no_json_is_refused(shared: Memory) -> None:
    flows = CommonplaceFlowPersistence(shared)
    for bad in ({"n": float("nan")}, ["n"]):
        with pytest.raises(InvalidInputError):
            flows.save_state("f", "one", bad)  # pyright: ignore[reportArgumentType] - what callers without types do
    assert shared.count() == 0


def test_a_flow_that_waits_for_an_answer_is_found_until_it_goes_on(shared: Memory) -> None:
    flows = CommonplaceFlowPersistence(shared)
    context = PendingFeedbackContext(
        flow_id="f", flow_class="m.F", method_name="ask", method_output={"a": 1}, message="well?"
    )
    flows.save_pending_feedback("f", context, {"n": 1})
    assert flows.load_state("f") == {"n": 1}
    waiting = CommonplaceFlowPersistence(shared).load_pending_feedback("f")
    assert waiting is not None
    assert waiting[0] == {"n": 1}
    assert (waiting[1].method_name, waiting[1].message) == ("ask", "well?")
    flows.clear_pending_feedback("f")
    flows.clear_pending_feedback("f")
    assert flows.load_pending_feedback("f") is None
    assert flows.load_state("f") == {"n": 1}


def test_persistence_survives_being_dumped(path: Path) -> None:
    flows = CommonplaceFlowPersistence(path, scope="team")
    flows.save_state("f", "one", {"n": 1})
    again = CommonplaceFlowPersistence.model_validate_json(flows.model_dump_json())
    assert again.load_state("f") == {"n": 1}
