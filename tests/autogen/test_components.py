"""Dumped as JSON and loaded again, alone and inside an agent; secrets stay in the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core import ComponentModel
from autogen_core.memory import Memory as AutoGenMemory
from pydantic import ValidationError
from tests.autogen.agents import agent, blocks, model, sent, text

from autogen_commonplace import CommonplaceMemory, EmbedderConfig, register_embedder
from commonplace import HashingEmbedder, InvalidInputError, Memory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def through_json(component: Any) -> ComponentModel:
    return ComponentModel.model_validate(json.loads(component.dump_component().model_dump_json()))


async def test_a_memory_comes_back_from_json_with_all_it_was_told(path: Path) -> None:
    told: dict[str, Any] = {
        "scope": r"teams/a\/b",
        "user": "alice",
        "agent": "helper",
        "name": "notes",
        "k": 2,
        "threshold": 0.1,
        "mode": "dense",
        "filter": {"topic": {"$in": ["tea", None]}},
        "kinds": ["fact"],
        "tags": ["x"],
        "role": "system",
        "placement": "append",
        "keep": "all",
        "query_from": "last_message",
        "on_error": "raise",
        "token_budget": 300,
        "header": "Known:",
        "index": "exact",
    }
    book = CommonplaceMemory(path, **told)
    dumped = through_json(book)
    assert dumped.provider == "autogen_commonplace.CommonplaceMemory"
    assert {name: dumped.config[name] for name in told} == told
    again = AutoGenMemory.load_component(dumped)
    assert isinstance(again, CommonplaceMemory)
    assert through_json(again) == dumped


async def test_it_recalls_the_same_afterwards_also_inside_an_agent(path: Path) -> None:
    book = CommonplaceMemory(path, user="alice", k=1)
    await book.add_many([text("green tea"), text("a slow train")])
    before = (await book.query("tea")).results
    client = model()
    dumped = through_json(agent(client, book))
    await book.close()
    helper = AssistantAgent.load_component(dumped)
    await helper.run(task="green tea?")
    loaded = helper._memory[0] if helper._memory else None  # pyright: ignore[reportPrivateUsage] - an agent shows no memory
    assert isinstance(loaded, CommonplaceMemory)
    after = (await loaded.query("tea")).results
    assert after == before
    await loaded.close()


async def test_an_agent_that_takes_up_a_saved_state_replaces_the_block_in_it(path: Path) -> None:
    book = CommonplaceMemory(path, embedder=HashingEmbedder(16))
    await book.add(text("green tea"))
    first, client = agent(model(), book), model()
    await first.run(task="green tea?")
    state = json.loads(json.dumps(await first.save_state()))
    second = agent(client, book)
    await second.load_state(state)
    await second.run(task="green tea again?")
    assert len(blocks(sent(client))) == 1
    assert len(sent(client)) == 1 + 2 + 1 + 1
    await book.close()


async def test_secrets_are_named_by_their_variable_and_read_when_it_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    def paid_for(*, api_key: str, dimension: int) -> HashingEmbedder:
        keys.append(api_key)
        return HashingEmbedder(dimension)

    register_embedder("paid for", paid_for)
    embedder = EmbedderConfig(
        name="paid for", arguments={"api_key": "env:THE_KEY", "dimension": 16}
    )
    book = CommonplaceMemory("env:THE_PLACE", embedder=embedder)
    dumped = through_json(book)
    again = CommonplaceMemory.load_component(dumped)
    with pytest.raises(InvalidInputError, match="THE_PLACE"):
        await again.add(text("green tea"))
    monkeypatch.setenv("THE_PLACE", str(path))
    monkeypatch.setenv("THE_KEY", "sk-very-secret")
    await again.add(text("green tea"))
    assert keys == ["sk-very-secret"]
    written = through_json(again).model_dump_json()
    assert "sk-very-secret" not in written
    assert str(path) not in written
    await again.close()
    with Memory(path) as memory:
        assert memory.count() == 1


@pytest.mark.parametrize(
    "config",
    [
        {"embedder": {"name": "hashing", "arguments": {"api_key": "sk-very-secret"}}},
        {"embedder": {"name": "hashing", "arguments": {"password": "sk-very-secret"}}},
        {"index": "http://me:sk-very-secret@host:8000"},
        {"unknown": "sk-very-secret"},
    ],
)
def test_a_secret_in_clear_is_refused_and_not_repeated(path: Path, config: dict[str, Any]) -> None:
    component = ComponentModel(
        provider="autogen_commonplace.CommonplaceMemory", config={"path": str(path), **config}
    )
    with pytest.raises(ValidationError) as raised:
        CommonplaceMemory.load_component(component)
    assert "sk-very-secret" not in str(raised.value)


def test_what_would_not_lead_back_is_not_dumped(path: Path, memory: Memory) -> None:
    unfit = [
        CommonplaceMemory(memory),
        CommonplaceMemory(path, embedder=HashingEmbedder(16)),
        CommonplaceMemory(path, query_from=lambda _: "tea"),
    ]
    for book in unfit:
        with pytest.raises(InvalidInputError, match="cannot be dumped"):
            book.dump_component()


async def test_an_embedder_that_nobody_registered_is_not_made(path: Path) -> None:
    book = CommonplaceMemory(path, embedder=EmbedderConfig(name="os.system"))
    with pytest.raises(InvalidInputError, match="register_embedder"):
        await book.add(text("green tea"))


def test_a_configuration_without_a_place_says_so() -> None:
    component = ComponentModel(provider="autogen_commonplace.CommonplaceMemory", config={})
    with pytest.raises(InvalidInputError, match="no path"):
        CommonplaceMemory.load_component(component)
