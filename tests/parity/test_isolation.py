"""Users of one memory never see each other's records through any face, whatever their names."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from crewai.memory.types import MemoryRecord
from tests.parity.faces import FACES, Face, LangGraph, Written, facts

from autogen_commonplace import CommonplaceChatCompletionContext, CommonplaceMemory
from commonplace import ConflictError, HashingEmbedder, Memory, NotFoundError, Scope
from crewai_commonplace import CommonplaceStorage
from langchain_commonplace import CommonplaceChatMessageHistory
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [
    "alice",
    "alice2",  # begins with the other
    "ali",
    "alice-smith",
    "Alice",  # another case
    "ALICE",
    "alice/bob",  # separators of paths
    "alice\\",
    "alice\\/bob",
    "alice%",  # wildcards of SQL, of shells and of patterns
    "_lice",
    "al*",
    "a?ice",
    "[a]lice",
    "alice ",  # white space and what is not seen
    " alice",
    "alice\u200b",
    "alice\n",
    "\N{CYRILLIC SMALL LETTER A}lice",  # look-alikes
    "\N{FULLWIDTH LATIN SMALL LETTER A}lice",
    "ali\N{LATIN SMALL LETTER C WITH CEDILLA}e",
    "alic\u0327e",  # the same to the eye, decomposed
    "alice' OR '1'='1",
    "{alice}",
    "$",
    "None",
]


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as opened:
        yield opened


@pytest.fixture(scope="module")
def homes(memory: Memory) -> dict[str, list[Face]]:
    """Each user's faces, through which one fact each was written; all say nearly the same."""
    return {name: [face(memory, Scope("users", name)) for face in FACES] for name in NAMES}


@pytest.fixture(scope="module")
def written(homes: dict[str, list[Face]]) -> dict[str, list[Written]]:
    (fact,) = facts("all", 1)
    return {name: [face.write([fact])[0] for face in faces] for name, faces in homes.items()}


@pytest.mark.parametrize("number", range(len(FACES)), ids=[face.name for face in FACES])
def test_each_user_sees_exactly_their_own(
    homes: dict[str, list[Face]], written: dict[str, list[Written]], number: int
) -> None:
    for name, faces in homes.items():
        face = faces[number]
        own = [face.label(one) for one in written[name]]
        assert sorted(face.listed()) == sorted(own)
        assert sorted(face.found("Alice likes green tea", 1000)) == sorted(own)
        assert all(seen is not None for seen in face.get(written[name]))


@pytest.mark.parametrize("number", range(len(FACES)), ids=[face.name for face in FACES])
def test_nobody_reads_anothers_by_id(
    homes: dict[str, list[Face]],
    written: dict[str, list[Written]],
    memory: Memory,
    number: int,
) -> None:
    for name, faces in homes.items():
        face = faces[number]
        foreign = [one for other in NAMES if other != name for one in written[other]]
        foreign = random.Random(name).sample(foreign, 30)
        if isinstance(face, LangGraph):  # its keys are the same for all; ids are not
            foreign = [Written(one.fact, one.id, one.folder) for one in foreign]
        assert face.get(foreign) == [None] * len(foreign)
    assert memory.count() == len(NAMES) * len(FACES)


def test_nobody_changes_or_deletes_anothers(
    written: dict[str, list[Written]], memory: Memory
) -> None:
    before = memory.list(limit=1000, order_by="id")
    for name in NAMES:
        theirs = [one.id for other in NAMES if other != name for one in written[other]]
        scope = Scope("users", name)
        assert memory.scope(scope).delete(theirs) == 0
        assert CommonplaceStorage(memory, scope=scope).delete(record_ids=theirs) == 0
        asyncio.run(_takes_nothing(CommonplaceMemory(memory, user=name), theirs))
        store = CommonplaceStore(memory, scope=scope)
        for other in theirs[:20]:
            store.delete(("by-core",), other)
    assert memory.list(limit=1000, order_by="id") == before


async def _takes_nothing(book: CommonplaceMemory, theirs: list[str]) -> None:
    assert await book.delete(theirs) == 0
    found = (await book.query("")).results[0]
    for record_id in theirs[:5]:
        with pytest.raises(NotFoundError):
            await book.update(record_id, found)


def test_prefixes_of_namespaces_and_paths_are_whole_segments(
    written: dict[str, list[Written]], memory: Memory
) -> None:
    store, storage = CommonplaceStore(memory), CommonplaceStorage(memory, vectors="own")
    paths = {record.scope: record.id for record in storage.list_records("/", limit=1000)}
    for name in NAMES:
        own = {one.id for one in written[name]}
        if "." not in name:
            items = store.search(("users", name), limit=1000)
            assert {item.namespace[:2] for item in items} == {("users", name)}
            assert len(items) == len(own)
        (at,) = {path.rsplit("/", 1)[0] for path, one in paths.items() if one in own}
        assert {record.id for record in storage.list_records(at, limit=1000)} == own


def test_a_record_of_crewai_cannot_be_put_in_anothers_place(
    written: dict[str, list[Written]], memory: Memory
) -> None:
    victim = written["alice"][0].id
    vector = memory.embedder.embed_documents(["stolen"])[0].tolist()
    storage = CommonplaceStorage(memory, scope=Scope("users", "alice2"), vectors="own")
    record = MemoryRecord(id=victim, content="stolen", scope="/", embedding=vector)
    with pytest.raises(ConflictError):
        storage.update(record)
    with pytest.raises(ConflictError):
        storage.save([record])
    kept = memory.get(victim)
    assert kept is not None
    assert kept.content != "stolen"


def test_conversations_of_one_name_are_each_users_own(memory: Memory) -> None:
    for name in NAMES:
        scope = Scope("users", name)
        history = CommonplaceChatMessageHistory("chat", memory, scope=scope)
        history.add_user_message(f"I am {name!r}")
    for name in NAMES:
        context = CommonplaceChatCompletionContext(memory, "chat", user=name)
        shown = asyncio.run(context.get_messages())
        assert [message.content for message in shown] == [f"I am {name!r}"]
