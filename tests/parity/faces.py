"""The five ways into one memory, each behind the same few verbs: write, read by id, list, find."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from autogen_core.memory import MemoryContent, MemoryMimeType
from crewai.memory.types import MemoryRecord
from langchain_core.documents import Document

from autogen_commonplace import CommonplaceMemory
from crewai_commonplace import CommonplaceStorage
from langchain_commonplace import CommonplaceDocumentStore, CommonplaceRetriever
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory, Record, Scope

EVERYTHING = 5_000
BEGINNING = datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is to be remembered."""

    text: str
    metadata: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """A fact, and how its record is known: by its id, and by a key if its face gave one."""

    fact: Fact
    id: str
    folder: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a face shows of a record; parts that it has no place for are None."""

    text: str
    metadata: dict[str, Any] | None = field(default=None)
    created_at: datetime | None = None
    whole: Any = None


class Face(ABC):
    """One way into the memory, at a scope and below it. What it writes lies in its own folder."""

    name: str

    def __init__(self, memory: Memory, root: Scope) -> None:
        self.memory = memory
        self.root = root

    @property
    def folder(self) -> str:
        return f"by-{self.name}"  # LangGraph keeps "langgraph" for itself

    @property
    def home(self) -> Scope:
        return self.root / self.folder

    def label(self, written: Written) -> str:
        """What this face calls a record."""
        return written.id

    @abstractmethod
    def write(self, facts: Sequence[Fact]) -> list[Written]: ...

    @abstractmethod
    def get(self, some: Sequence[Written]) -> list[Seen | None]: ...

    @abstractmethod
    def listed(self) -> dict[str, Seen]:
        """Everything in the scope, by its label."""

    @abstractmethod
    def found(self, text: str, k: int) -> list[str]:
        """The labels of what is nearest to a text, best first."""


class Core(Face):
    name = "core"

    def write(self, facts: Sequence[Fact]) -> list[Written]:
        records = self.memory.add_many(
            {
                "content": fact.text,
                "metadata": fact.metadata,
                "created_at": fact.created_at,
                "scope": self.home,
            }
            for fact in facts
        )
        return [
            Written(fact, record.id, self.folder)
            for fact, record in zip(facts, records, strict=True)
        ]

    def get(self, some: Sequence[Written]) -> list[Seen | None]:
        view = self.memory.scope(self.root)
        return [_of_record(record) for record in view.get_many(one.id for one in some)]

    def listed(self) -> dict[str, Seen]:
        found = self.memory.list(scope=self.root, limit=EVERYTHING)
        return {record.id: _seen(record) for record in found}

    def found(self, text: str, k: int) -> list[str]:
        return [hit.id for hit in self.memory.search(text, scope=self.root, limit=k)]


class LangGraph(Face):
    name = "langgraph"

    def __init__(self, memory: Memory, root: Scope) -> None:
        super().__init__(memory, root)
        self.store = CommonplaceStore(memory, scope=root)

    def label(self, written: Written) -> str:
        return written.key or written.id

    def write(self, facts: Sequence[Fact]) -> list[Written]:
        written: list[Written] = []
        for number, fact in enumerate(facts):
            key = f"item {number}"
            self.store.put(
                (self.folder,), key, {"text": fact.text, **fact.metadata}, index=["text"]
            )
            record = self.memory.get(key=key, scope=self.home)
            assert record is not None
            written.append(Written(fact, record.id, self.folder, key))
        return written

    def get(self, some: Sequence[Written]) -> list[Seen | None]:
        items = [self.store.get((one.folder,), self.label(one)) for one in some]
        return [None if item is None else _of_item(item) for item in items]

    def listed(self) -> dict[str, Seen]:
        return {item.key: _of_item(item) for item in self.store.search((), limit=EVERYTHING)}

    def found(self, text: str, k: int) -> list[str]:
        return [item.key for item in self.store.search((), query=text, limit=k)]


class LangChain(Face):
    name = "langchain"

    def __init__(self, memory: Memory, root: Scope) -> None:
        super().__init__(memory, root)
        self.documents = CommonplaceDocumentStore(memory, scope=self.home)
        self.retriever = CommonplaceRetriever(memory=memory, scope=root, k=EVERYTHING)

    def write(self, facts: Sequence[Fact]) -> list[Written]:
        keyed = {f"document {number}": fact for number, fact in enumerate(facts)}
        self.documents.mset(
            [
                (key, Document(page_content=fact.text, metadata=fact.metadata))
                for key, fact in keyed.items()
            ]
        )
        written: list[Written] = []
        for key, fact in keyed.items():
            record = self.memory.get(key=key, scope=self.home)
            assert record is not None
            written.append(Written(fact, record.id, self.folder, key))
        return written

    def get(self, some: Sequence[Written]) -> list[Seen | None]:
        wanted = {"@id": {"$in": [one.id for one in some]}}
        found = {str(one.id): _of_document(one) for one in self.retriever.invoke("", filter=wanted)}
        return [found.get(one.id) for one in some]

    def listed(self) -> dict[str, Seen]:
        return {str(one.id): _of_document(one) for one in self.retriever.invoke("")}

    def found(self, text: str, k: int) -> list[str]:
        return [str(one.id) for one in self.retriever.invoke(text, k=k)]


class CrewAI(Face):
    name = "crewai"

    def __init__(self, memory: Memory, root: Scope) -> None:
        super().__init__(memory, root)
        self.storage = CommonplaceStorage(memory, scope=root, vectors="own")

    def write(self, facts: Sequence[Fact]) -> list[Written]:
        vectors = self.memory.embedder.embed_documents([fact.text for fact in facts]).tolist()
        records = [
            MemoryRecord(
                content=fact.text,
                scope=f"/{self.folder}",
                metadata=fact.metadata,
                created_at=fact.created_at.replace(tzinfo=None),
                last_accessed=fact.created_at.replace(tzinfo=None),
                embedding=vector,
            )
            for fact, vector in zip(facts, vectors, strict=True)
        ]
        self.storage.save(records)
        return [
            Written(fact, record.id, self.folder)
            for fact, record in zip(facts, records, strict=True)
        ]

    def get(self, some: Sequence[Written]) -> list[Seen | None]:
        records = [self.storage.get_record(one.id) for one in some]
        return [None if record is None else _of_crew(record) for record in records]

    def listed(self) -> dict[str, Seen]:
        return {one.id: _of_crew(one) for one in self.storage.list_records("/", limit=EVERYTHING)}

    def found(self, text: str, k: int) -> list[str]:
        vector = self.memory.embedder.embed_queries([text])[0].tolist()
        return [record.id for record, _ in self.storage.search(vector, "/", limit=k)]


class AutoGen(Face):
    name = "autogen"

    def __init__(self, memory: Memory, root: Scope) -> None:
        super().__init__(memory, root)
        self.writer = CommonplaceMemory(memory, scope=self.home)
        self.reader = CommonplaceMemory(memory, scope=root)

    def write(self, facts: Sequence[Fact]) -> list[Written]:
        contents = [
            MemoryContent(content=fact.text, mime_type=MemoryMimeType.TEXT, metadata=fact.metadata)
            for fact in facts
        ]
        ids = asyncio.run(self.writer.add_many(contents))
        return [Written(fact, name, self.folder) for fact, name in zip(facts, ids, strict=True)]

    def get(self, some: Sequence[Written]) -> list[Seen | None]:
        async def read() -> list[MemoryContent | None]:
            return [await self.reader.get(one.id) for one in some]

        return [None if one is None else _of_content(one) for one in asyncio.run(read())]

    def listed(self) -> dict[str, Seen]:
        found = asyncio.run(self.reader.query("", k=EVERYTHING)).results
        return {_id(one): _of_content(one) for one in found}

    def found(self, text: str, k: int) -> list[str]:
        return [_id(one) for one in asyncio.run(self.reader.query(text, k=k)).results]


FACES: list[type[Face]] = [Core, LangGraph, LangChain, CrewAI, AutoGen]


def facts(name: str, count: int) -> list[Fact]:
    """Facts in many scripts, with dates, nested values and empty fields."""
    return [
        Fact(
            text=f"{_TEXTS[number % len(_TEXTS)]} ({name} No. {number})",
            metadata=_METADATA[number % len(_METADATA)],
            created_at=BEGINNING + timedelta(seconds=number, microseconds=1),
        )
        for number in range(count)
    ]


_TEXTS = (
    "Alice likes green tea",
    "Zoë fährt um neun nach Köln",
    "旅行は来週の金曜日です",
    "مكتبة الإسكندرية مفتوحة",
    'She said: "it\'s 100 %_*" \\ / \n\t> and left',
    "👩‍👩‍👧 e\u0301 \u200d \U0001f600 K",
    "a" * 300,
    "SELECT * FROM records; --",
)
_METADATA: tuple[dict[str, Any], ...] = (
    {},
    {"topic": "旅行", "when": "2024-02-29T23:59:59.999999+00:00"},
    {"nested": {"list": [1, 2.5, None, True, {"deep": ""}], "empty": {}, "none": []}},
    {"empty": "", "null": None, "zero": 0, "false": False, "large": 2**53 + 1},
    {"a b.c/d": "e", "Ключ": ["значение"]},
)


def _seen(record: Record) -> Seen:
    return Seen(record.text, record.metadata, record.created_at, record)


def _of_record(record: Record | None) -> Seen | None:
    return None if record is None else _seen(record)


def _of_item(item: Any) -> Seen:
    """An item of LangGraph: what it wrote itself, or the description of anything else."""
    value: dict[str, Any] = item.value
    if "content" not in value:
        text = value["text"]
        rest = {name: part for name, part in value.items() if name != "text"}
        return Seen(text, rest, item.created_at, value)
    return Seen(value["content"], value["metadata"], item.created_at, value)


_OF_DOCUMENTS = {
    *("id", "key", "scope", "kind", "tags", "created_at", "updated_at", "valid_from", "valid_to"),
    *("score", "similarity", "written_by"),
}
"""What a retriever says of a record, beside the record's own metadata."""


def _of_document(document: Document) -> Seen:
    shown: dict[str, Any] = document.metadata
    kept = {name: part for name, part in shown.items() if name not in _OF_DOCUMENTS}
    return Seen(document.page_content, kept, datetime.fromisoformat(shown["created_at"]), document)


def _of_crew(record: MemoryRecord) -> Seen:
    return Seen(record.content, record.metadata, record.created_at.replace(tzinfo=UTC), record)


def _of_content(content: MemoryContent) -> Seen:
    shown = content.metadata or {}
    ours = {"id", "score", "similarity", "created_at"}
    kept = {name: part for name, part in shown.items() if name not in ours}
    moment = datetime.fromisoformat(shown["created_at"])
    return Seen(str(content.content), kept, moment, content)


def _id(content: MemoryContent) -> str:
    return str((content.metadata or {})["id"])
