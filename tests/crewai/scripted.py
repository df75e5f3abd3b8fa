"""A language model that follows a script, for crews that run without a network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crewai.llms.base_llm import BaseLLM
from crewai.memory.analyze import (
    ConsolidationAction,
    ConsolidationPlan,
    ExtractedMemories,
    MemoryAnalysis,
    QueryAnalysis,
)
from pydantic import Field, PrivateAttr

from crewai import Agent, Crew, Task

if TYPE_CHECKING:
    from pydantic import BaseModel

FACT = "The team's database is PostgreSQL 17"


class ScriptedLLM(BaseLLM):
    """Answers every task the same, and every question of CrewAI's memory by its script.

    Attributes:
        learns: what it says is worth remembering of an answer.
        update: what it makes of the first similar record when something like it is remembered.
    """

    learns: list[str] = Field(default=[FACT])
    files: str = "/infra"
    update: str | None = None
    answer: str = f"{FACT}."
    _prompts: list[str] = PrivateAttr(default_factory=list[str])

    @property
    def prompts(self) -> list[str]:
        """What it was asked to do as an agent, as text."""
        return self._prompts

    def supports_function_calling(self) -> bool:
        return True

    def call(  # CrewAI passes more, all of it by name
        self,
        messages: Any,
        *_: Any,
        response_model: type[BaseModel] | None = None,
        **__: Any,
    ) -> Any:
        asked = [messages] if isinstance(messages, str) else [m["content"] for m in messages]
        text = "\n".join(map(str, asked))
        if response_model is ExtractedMemories:
            return ExtractedMemories(memories=self.learns)
        if response_model is MemoryAnalysis:
            return MemoryAnalysis(suggested_scope=self.files, categories=["infra"], importance=0.8)
        if response_model is ConsolidationPlan:
            return self._plan(text)
        if response_model is QueryAnalysis:
            return QueryAnalysis(recall_queries=["team database"])
        self._prompts.append(text)
        return f"Thought: I know.\nFinal Answer: {self.answer}"

    async def acall(self, messages: Any, *args: Any, **options: Any) -> Any:
        return self.call(messages, *args, **options)

    def _plan(self, text: str) -> ConsolidationPlan:
        if self.update is None:
            return ConsolidationPlan(actions=[], insert_new=False)
        first = re.findall(r"- id=(\S+) \|", text)[0]
        action = ConsolidationAction(action="update", record_id=first, new_content=self.update)
        return ConsolidationPlan(actions=[action], insert_new=False)


def crew_of(llm: ScriptedLLM, **options: Any) -> Any:
    """A crew of one agent with one task; of any type, as parts of CrewAI's are unknown."""
    agent = Agent(role="DBA", goal="answer", backstory="b", llm=llm)
    task = Task(description="Which database do we use?", expected_output="it", agent=agent)
    return Crew(agents=[agent], tasks=[task], **options)
