"""A support agent that remembers a customer across conversations.

    ./run python examples/support_agent.py

Two conversations of one customer, in threads that know nothing of each other. What she said in the
first is kept in the store; in the second it is found by meaning. Another customer's memories are
out of reach. The model is a script, so that this runs without a key and without a network: put any
chat model in its place.
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# Much of LangChain's interface is not typed through.

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain.agents import create_agent
from langchain.tools import ToolRuntime, tool
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore  # noqa: TC002 - LangChain reads the types of tools

from langgraph_store_commonplace import CommonplaceStore, label


@dataclass
class Customer:
    """Who is served; set by the program, never by the model."""

    email: str

    @property
    def namespace(self) -> tuple[str, ...]:
        """Where her memories lie. LangGraph allows no period in a label: `label` writes it."""
        return ("customers", label(self.email))


def found_store(runtime: ToolRuntime[Customer, Any]) -> BaseStore:
    """The store that the agent was made with."""
    if runtime.store is None:
        raise LookupError("make the agent with store=")
    return runtime.store


@tool
def remember(fact: str, runtime: ToolRuntime[Customer, Any]) -> str:
    """Keep a fact about the customer for later conversations."""
    store = found_store(runtime)
    store.put(runtime.context.namespace, str(uuid4()), {"text": fact})
    return "kept"


@tool
def recall(question: str, runtime: ToolRuntime[Customer, Any]) -> str:
    """Look up what is known about the customer."""
    store = found_store(runtime)
    found = store.search(runtime.context.namespace, query=question, limit=2)
    return "; ".join(item.value["text"] for item in found) or "nothing is known"


class Script(GenericFakeChatModel):
    """A chat model that answers as it was told to."""

    def bind_tools(self, tools: Any, **more: Any) -> Any:  # noqa: ARG002 - LangChain's signature
        """The same model: the script calls the tools by itself."""
        return self


def call(name: str, **arguments: str) -> AIMessage:
    """An answer that calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": str(uuid4())}])


FIRST = [
    call("remember", fact="Her router is a Fritz model 7590"),
    call("remember", fact="She prefers to be called in the morning"),
    "Thank you, I have noted both.",
]
SECOND = [call("recall", question="which router does she have?"), "You have the Fritz 7590."]
STRANGER = [call("recall", question="which router does she have?"), "Which router do you have?"]


def talk(store: CommonplaceStore, customer: Customer, said: str, script: list[Any]) -> None:
    """One conversation, in a thread of its own."""
    agent: Any = create_agent(
        Script(messages=iter(script)),
        [remember, recall],
        store=store,
        checkpointer=InMemorySaver(),
        context_schema=Customer,
    )
    ended = agent.invoke(
        {"messages": [("user", said)]},
        {"configurable": {"thread_id": str(uuid4())}},
        context=customer,
    )
    for message in ended["messages"]:
        if message.content:
            print(f"  {message.type:>5}: {message.content}")


def main() -> None:
    """Three conversations, the second after the store was closed and opened again."""
    alice, bob = Customer("alice@example.com"), Customer("bob@example.com")
    with tempfile.TemporaryDirectory() as path:
        with CommonplaceStore(path, index={"fields": ["text"]}) as store:
            print("Monday, Alice:")
            talk(store, alice, "I have a Fritz 7590. Call me in the morning.", FIRST)
        with CommonplaceStore(path, index={"fields": ["text"]}) as store:
            print("Friday, Alice:")
            talk(store, alice, "My router blinks red.", SECOND)
            print("Friday, Bob:")
            talk(store, bob, "My router blinks red.", STRANGER)
            print(f"The store holds {store.count()} memories in {store.list_namespaces()}")


if __name__ == "__main__":
    main()
