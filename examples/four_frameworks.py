"""One memory, four frameworks: what each of them writes, all of them recall.

    ./run python examples/four_frameworks.py

Six people of a public data set (LongMemEval) have talked to an assistant. Their chats are written
into one memory: each person's half through one framework, half through another. Then each person's
question is asked through all four, each with its own native interface, and nobody sees anything
of anybody else's. Nothing is asked of a network, and nothing is left on the disk.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of CrewAI's own imports
    from crewai_commonplace import CommonplaceStorage

from autogen_core.memory import MemoryContent, MemoryMimeType
from crewai.memory.types import MemoryRecord
from langchain_core.documents import Document

from autogen_commonplace import CommonplaceMemory
from commonplace import Memory, Scope
from commonplace.cli.demo.conversations import SHIPPED, load
from langchain_commonplace import CommonplaceDocumentStore, CommonplaceRetriever
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.cli.demo.conversations import Question, Session

RECALLED = 5


def main() -> None:
    """Write, then ask."""
    conversations = load(SHIPPED)
    with TemporaryDirectory() as folder, Memory(Path(folder) / "memory") as memory:
        for session, write in zip(conversations.sessions, cycle(WRITERS), strict=False):
            write(memory, session)
        print(f"{memory.count():,} messages, written through:")
        for app in ("langgraph", "langchain", "crewai", "autogen"):
            print(f"  {app:10} {memory.count(filter={'@source.app': app}):,}")
        for question in conversations.questions:
            ask(memory, question)


def ask(memory: Memory, question: Question) -> None:
    """Ask one person's question through every framework, and say who had written what it finds."""
    print(f"\n{question.user}: {question.question}")
    home = scope_of(question.user)
    for name, find in READERS.items():
        records = memory.get_many(find(memory, question))
        writers = {record.source.app or "" for record in records if record}
        foreign = sum(not home.contains(record.scope) for record in records if record)
        told = f"{len(records)} of their own" if not foreign else f"{foreign} of others"
        print(f"  {name:10} recalls {told}, written by {', '.join(sorted(writers))}")


def scope_of(user: str) -> Scope:
    """Where everything of one person lives."""
    return Scope("users", user)


# Each framework writes a session with what it calls a memory.


def write_langgraph(memory: Memory, session: Session) -> None:
    """A store of a graph: values by namespace and key."""
    store = CommonplaceStore(memory)
    for number, turn in enumerate(session.turns):
        value = {"role": turn.role, "text": turn.content}
        store.put(("users", session.user, session.name), f"turn {number}", value, index=["text"])


def write_langchain(memory: Memory, session: Session) -> None:
    """A store of documents."""
    store = CommonplaceDocumentStore(memory, scope=scope_of(session.user) / session.name)
    store.mset(
        [
            (f"turn {number}", Document(turn.content, metadata={"role": turn.role}))
            for number, turn in enumerate(session.turns)
        ]
    )


def write_crewai(memory: Memory, session: Session) -> None:
    """The storage of a crew's memory, with the vectors that the crew brings."""
    storage = CommonplaceStorage(memory, scope=scope_of(session.user), vectors="own")
    vectors = memory.embedder.embed_documents([turn.content for turn in session.turns]).tolist()
    storage.save(
        [
            MemoryRecord(
                content=turn.content,
                scope=f"/{session.name}",
                categories=[turn.role],
                created_at=session.date.replace(tzinfo=None),
                embedding=vector,
            )
            for turn, vector in zip(session.turns, vectors, strict=True)
        ]
    )


def write_autogen(memory: Memory, session: Session) -> None:
    """The memory of an assistant."""
    book = CommonplaceMemory(memory, scope=scope_of(session.user) / session.name, user=session.user)
    contents = [
        MemoryContent(
            content=turn.content, mime_type=MemoryMimeType.TEXT, metadata={"role": turn.role}
        )
        for turn in session.turns
    ]
    asyncio.run(book.add_many(contents))


WRITERS = (write_langgraph, write_langchain, write_crewai, write_autogen)


# Each framework recalls with what its agents call. All give the ids of the records.


def find_langgraph(memory: Memory, question: Question) -> list[str]:
    """What a node or a tool of a graph asks its store."""
    store = CommonplaceStore(memory)
    items = store.search(("users", question.user), query=question.question, limit=RECALLED)
    found = [memory.get(key=item.key, scope=Scope(*item.namespace)) for item in items]
    return [record.id if record else item.key for record, item in zip(found, items, strict=True)]


def find_langchain(memory: Memory, question: Question) -> list[str]:
    """What a chain asks its retriever."""
    retriever = CommonplaceRetriever(memory=memory, scope=scope_of(question.user), k=RECALLED)
    return [str(document.id) for document in retriever.invoke(question.question)]


def find_crewai(memory: Memory, question: Question) -> list[str]:
    """What a crew's memory asks its storage."""
    storage = CommonplaceStorage(memory, scope=scope_of(question.user), vectors="own")
    vector = memory.embedder.embed_queries([question.question])[0].tolist()
    return [record.id for record, _ in storage.search(vector, limit=RECALLED)]


def find_autogen(memory: Memory, question: Question) -> list[str]:
    """What an assistant asks its memory on every turn."""
    book = CommonplaceMemory(memory, user=question.user, k=RECALLED)
    results = asyncio.run(book.query(question.question)).results
    return [str((one.metadata or {})["id"]) for one in results]


READERS: dict[str, Callable[[Memory, Question], list[str]]] = {
    "LangGraph": find_langgraph,
    "LangChain": find_langchain,
    "CrewAI": find_crewai,
    "AutoGen": find_autogen,
}


if __name__ == "__main__":
    main()
