"""A crew that remembers: what one run learns, the next one knows, and so does everyone else.

Runs anywhere: the language model follows a script, the embedder is built in.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
os.environ["CREWAI_TRACING_ENABLED"] = "false"
os.environ["OTEL_SDK_DISABLED"] = "true"

from crewai.llms.base_llm import BaseLLM
from crewai.memory.analyze import ConsolidationPlan, ExtractedMemories, MemoryAnalysis

from commonplace import Memory, Source
from crewai import Agent, Crew, Task
from crewai_commonplace import commonplace_memory

FACT = "The team's database is PostgreSQL 17."


class Scripted(BaseLLM):
    """Answers the same to every task, and says what of it is worth remembering."""

    prompts: list[str] = []  # noqa: RUF012 - pydantic copies it for each model

    def supports_function_calling(self) -> bool:
        """CrewAI then asks for memories in their form."""
        return True

    def call(self, messages: Any, *_: Any, response_model: Any = None, **__: Any) -> Any:
        """The answer of the script."""
        if response_model is ExtractedMemories:
            return ExtractedMemories(memories=[FACT])
        if response_model is MemoryAnalysis:
            return MemoryAnalysis(suggested_scope="/infra", categories=["db"], importance=0.8)
        if response_model is ConsolidationPlan:
            return ConsolidationPlan(actions=[], insert_new=False)
        self.prompts.append(str(messages))
        return f"Thought: I know.\nFinal Answer: {FACT}"


def crew(memory: Memory, llm: Scripted) -> Crew:
    """A new crew over the memory, as a new process would make it."""
    agent = Agent(role="DBA", goal="answer questions", backstory="knows databases", llm=llm)
    task = Task(description="Which database do we use?", expected_output="it", agent=agent)
    remembering = commonplace_memory(memory, llm=llm, scope="crews/dba")
    return Crew(agents=[agent], tasks=[task], memory=remembering)


def main() -> None:
    """Two runs of a crew, and what others see of them."""
    llm = Scripted(model="scripted")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CREWAI_STORAGE_DIR"] = str(Path(scratch) / "crewai")
        with Memory(Path(scratch) / "memory") as memory:
            memory.add(
                "The database is backed up every night at two.",
                scope="crews/dba/backups",
                source=Source(app="langgraph", user="alice"),
            )
            crew(memory, llm).kickoff()  # pyright: ignore[reportUnknownMemberType] - CrewAI's own types
            print("The first run knew:", _known(llm.prompts[0]))
            crew(memory, llm).kickoff()  # pyright: ignore[reportUnknownMemberType] - as above
            print("The second run knew:", _known(llm.prompts[-1]))

            hit = memory.search("which database do we have", scope="crews/dba/infra")[0]
            print(f"Everyone finds: {hit.content} (through {hit.record.source.app})")
            crew(memory, llm).reset_memories("memory")
            (left,) = memory.list()
            print(f"After the crew's reset: {left.content} (through {left.source.app})")


def _known(prompt: str) -> str:
    facts = {"backups": "backed up every night", "database": "PostgreSQL 17"}
    return ", ".join(name for name, text in facts.items() if text in prompt) or "nothing"


if __name__ == "__main__":
    main()
