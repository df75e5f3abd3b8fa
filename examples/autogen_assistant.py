"""An AutoGen assistant that remembers across restarts, and a team that shares what it knows.

    ./run python examples/autogen_assistant.py

The model is a script, so that nothing is asked of a network; put your own client in its place.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import ComponentModel
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.models import UserMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

from autogen_commonplace import CommonplaceMemory

if TYPE_CHECKING:
    from autogen_agentchat.base import ChatAgent, Team
    from autogen_core.models import LLMMessage

TASTES = [
    "Alice likes her temperatures in Celsius.",
    "Alice is allergic to peanuts.",
    "Alice's train to Leipzig leaves at nine on Fridays.",
]


async def main() -> None:
    """Tell the story, step by step."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        description = await learn(path)
        await recall_after_a_restart(description)
        await keep_users_apart(path)
        await work_as_a_team(path)


async def learn(path: Path) -> str:
    """Remember some facts of every type; give back the assistant as JSON."""
    memory = CommonplaceMemory(path, user="alice", agent="assistant")
    await memory.add_many([content(fact) for fact in TASTES])
    menu = {"restaurant": "Zum Kater", "dishes": ["soup", "peanut curry"]}
    await memory.add(MemoryContent(content=menu, mime_type=MemoryMimeType.JSON))
    client = scripted("Not the curry.")
    assistant = AssistantAgent("assistant", model_client=client, memory=[memory])
    description = assistant.dump_component().model_dump_json()
    await memory.close()
    print("Alice's assistant and its memory fit into one JSON text")
    return description


async def recall_after_a_restart(description: str) -> None:
    """Load the assistant, ask it, and look at what its model was sent."""
    component = ComponentModel.model_validate_json(description)
    assistant = AssistantAgent.load_component(component)
    result = await assistant.run(task="Which dish should I leave out: soup or peanut curry?")
    print("It says:", result.messages[-1].to_text())
    state = await assistant.save_state()
    block, question, _ = state["llm_context"]["messages"]
    print("Before the question its model was shown:", *quoted(block["content"]), sep="\n  ")
    print("The question stood last:", question["content"])


async def keep_users_apart(path: Path) -> None:
    """Ask for the same in another user's memory."""
    alice, bob = (CommonplaceMemory(path, user=user) for user in ("alice", "bob"))
    for name, memory in {"Alice": alice, "Bob": bob}.items():
        found = (await memory.query("allergic to peanuts", k=1)).results
        print(f"{name}'s memory says:", *[one.content for one in found])
        await memory.close()


async def work_as_a_team(path: Path) -> None:
    """Two agents share a scope; what one says is what the other recalls by."""
    shared = CommonplaceMemory(path, scope="teams/travel", k=1)
    await shared.add_many(
        [
            content("The night train to Vienna has sleeping cars."),
            content("The museum in Vienna is closed on Mondays."),
        ]
    )
    clients = [scripted("Let us look at museums in Vienna."), scripted("Then not on Monday.")]
    agents: list[ChatAgent | Team] = [
        AssistantAgent(name, model_client=client, memory=[shared])
        for name, client in zip(("planner", "guide"), clients, strict=True)
    ]
    team = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(3))
    await team.run(task="How do we get to Vienna by train?")
    for agent, client in zip(agents, clients, strict=True):
        sent: list[LLMMessage] = client.create_calls[0]["messages"]
        blocks = [one for one in sent if isinstance(one, UserMessage) and "memory" in one.source]
        print(f"{agent.name} recalled:", *quoted(str(blocks[0].content)))
    await shared.close()


def quoted(block: str) -> list[str]:
    """The memories in a block."""
    return [line.removeprefix("> ") for line in block.splitlines() if line.startswith("> ")]


def content(text: str) -> MemoryContent:
    """A text to remember."""
    return MemoryContent(content=text, mime_type=MemoryMimeType.TEXT)


def scripted(*replies: str) -> ReplayChatCompletionClient:
    """A model that says what it is told to."""
    return ReplayChatCompletionClient(list(replies))


if __name__ == "__main__":
    asyncio.run(main())
