"""A support agent that remembers a customer across conversations, and no customer for another.

    ./run python examples/customer_agent.py

The model is LangChain's fake one, which only repeats its script, and the extractor a few lines of
code; a real model takes the place of both. Nothing is asked of a network, and nothing is left on
the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType] - as upstream types it
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from commonplace import Memory
from langchain_commonplace import CommonplaceMemoryMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_core.messages import BaseMessage

    from commonplace import Message, Record


class Script(FakeListChatModel):
    """The fake model, and what it was shown last."""

    shown: list[Any] = Field(default_factory=list[Any])

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        self.shown[:] = messages
        return super()._call(messages, *args, **kwargs)


def facts(messages: Sequence[Message], _known: Sequence[Record]) -> Iterable[dict[str, str]]:
    """What customers say of themselves is worth keeping."""
    for message in messages:
        if message.role == "user" and message.text.startswith("We "):
            yield {"content": message.text}


def main() -> None:
    """Two conversations with one customer, and one with another."""
    model = Script(responses=["Thank you, noted.", "Your servers in Dublin are up.", "Hello!"])
    with Memory(":memory:") as memory:
        agent: Any = create_agent(
            model,
            middleware=[
                CommonplaceMemoryMiddleware(
                    memory, scope="customers/{user_id}", extractor=facts, kinds=["fact"]
                )
            ],
            checkpointer=InMemorySaver(),
            name="support",
        )
        for customer, conversation, text in (
            ("acme", "monday", "We moved our servers to Dublin"),
            ("acme", "friday", "Are our servers up?"),
            ("globex", "friday-2", "Are our servers up?"),
        ):
            config = {"configurable": {"user_id": customer, "thread_id": conversation}}
            answer = agent.invoke({"messages": [("user", text)]}, config)["messages"][-1]
            print(f"{customer}, {conversation}: {text}")
            for message in model.shown[:-1]:
                print("\n".join(f"  | {line}" for line in message.text.splitlines()))
            print(f"  support: {answer.text}")
        print("What is kept of Acme:")
        for record in memory.list(scope="customers/acme", order_by=["kind", "created_at"]):
            print(f"  {record.kind} of {record.source.thread}: {record.content}")


if __name__ == "__main__":
    main()
