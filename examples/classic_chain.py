"""A classic chain that remembers: after a restart, and what was said in another conversation.

    ./run python examples/classic_chain.py

The model is LangChain's fake one, which only repeats its script; a real one takes its place in one
line. Nothing is asked of a network, and nothing is left on the disk.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from langchain_classic.chains import ConversationChain
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.language_models import FakeListChatModel

from commonplace import Memory
from langchain_commonplace.classic import CommonplaceMemory

# Every classic chain warns that agents have taken its place. Whoever has one knows.
warnings.filterwarnings("ignore", category=LangChainDeprecationWarning)


def main() -> None:
    """Talk on Monday, restart, talk on Tuesday."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        print("Monday")
        with Memory(path) as memory:
            talk(
                memory,
                "monday",
                ["Hello Ann!", "Noted."],
                ["I am Ann.", "I am allergic to peanuts."],
            )
        print("Tuesday, after a restart: the same conversation goes on")
        with Memory(path) as memory:
            talk(memory, "monday", ["You are Ann."], ["Who am I?"])
            print("Its prompt began with:")
            show(CommonplaceMemory(memory=memory, session_id="monday", recall="window", k=3))
            print("Another conversation is shown what fits its question, quoted:")
            show(CommonplaceMemory(memory=memory, session_id="new", recall="semantic", k=1))


def talk(memory: Memory, session: str, answers: list[str], questions: list[str]) -> None:
    """Have a conversation, kept under its name."""
    chain = ConversationChain(
        llm=FakeListChatModel(responses=answers),
        memory=CommonplaceMemory(memory=memory, session_id=session),
    )
    for question in questions:
        print("  Human:", question)
        print("  AI:   ", chain.invoke({"input": question})["response"])


def show(remembered: CommonplaceMemory) -> None:
    """What a chain with this memory would be shown."""
    history = remembered.load_memory_variables({"input": "Is she allergic to peanuts?"})["history"]
    for line in history.splitlines():
        print("  |", line)


if __name__ == "__main__":
    main()
