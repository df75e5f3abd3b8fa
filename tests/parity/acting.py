"""What a tenant may do through each face, at random, with its own things and with others'."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import UserMessage
from crewai.memory.types import MemoryRecord
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from tests.parity.tenants import HOME, Tenant

from autogen_commonplace import CommonplaceChatCompletionContext, CommonplaceMemory
from commonplace import Memory, Policy, Scope
from crewai_commonplace import (
    CommonplaceFlowPersistence,
    CommonplaceKnowledgeStorage,
    CommonplaceStorage,
)
from langchain_commonplace import (
    CommonplaceByteStore,
    CommonplaceChatMessageHistory,
    CommonplaceDocumentStore,
    CommonplaceKeyValueStore,
    CommonplaceRetriever,
    create_manage_memory_tool,
    create_search_memory_tool,
)
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    import asyncio
    import random
    from pathlib import Path

    from commonplace.record import Direction
    from commonplace.testing import FakeClock

WORDS = [
    "tea",
    "coffee",
    "likes",
    "drinks",
    "green",
    "black",
    "alice",
    "acme",
    "meets",
    "friday",
    "köln",
    "invoice",
    "paid",
    "late",
    "red",
]
KEYS = ["profile", "k", "K", "k/1", "k%", "item 1", "ключ"]
THREADS = ["chat", "chat2", "support", "chat/2"]
_WAYS: list[Direction] = ["both", "in", "out"]
FOLDERS = ["notes", "notes2", "by-core", "work/home", "%", "notes."]


@dataclass
class Faces:
    """The ways in that all tenants share, as one program has them."""

    memory: Memory
    clock: FakeClock
    directory: Path
    runner: asyncio.Runner
    manage: Any = field(init=False)
    search: Any = field(init=False)
    store: CommonplaceStore = field(init=False)
    storage: CommonplaceStorage = field(init=False)

    def __post_init__(self) -> None:
        place = (HOME, "{user_id}")
        self.manage = create_manage_memory_tool(place, store=self.memory)
        self.search = create_search_memory_tool(
            place, store=self.memory, response_format="content_and_artifact"
        )
        self.store = CommonplaceStore(self.memory)
        self.storage = CommonplaceStorage(self.memory, vectors="own")


@dataclass
class Act:
    """One thing that a tenant does: chance, and what it knows of itself and of another tenant."""

    faces: Faces
    tenant: Tenant
    victim: Tenant
    rng: random.Random
    own: Sequence[str]
    foreign: Sequence[str]
    brought: str = ""
    """The text of a file that it hands in, whose ids an answer may name."""

    @property
    def memory(self) -> Memory:
        return self.faces.memory.scope(self.tenant.scope)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def text(self) -> str:
        return f"{' '.join(self.rng.choices(WORDS, k=4))} {self.tenant.mark}"

    def question(self) -> str:
        return " ".join(self.rng.choices(WORDS, k=3))

    def key(self) -> str:
        return self.rng.choice(KEYS)

    def thread(self) -> str:
        return self.rng.choice(THREADS)

    def id(self) -> str:
        """An id: mostly its own, often another's, sometimes nobody's."""
        of = self.own if self.chance(0.6) else self.foreign
        return self.rng.choice(of) if of else "nobody"

    def ids(self) -> list[str]:
        return [self.id() for _ in range(self.rng.randint(1, 4))]

    def place(self) -> Scope:
        """Where: at its own scope or below it, sometimes at another's."""
        if self.chance(0.1):
            return self.victim.scope
        scope = self.tenant.scope
        return scope if self.chance(0.4) else scope / self.rng.choice(FOLDERS)

    def maybe_place(self) -> Scope | None:
        return self.place() if self.chance(0.5) else None

    def fields(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {
            "scope": self.place(),
            "key": self.key(),
            "kind": self.rng.choice(["fact", "note", "document"]),
            "tags": [self.rng.choice(WORDS), f"of {self.tenant.mark}"],
            "metadata": {"topic": self.rng.choice(WORDS), "owner": self.tenant.mark},
            "value": {"owner": self.tenant.mark, "n": self.rng.randint(0, 3)},
            "importance": self.rng.random(),
            "source": {"app": "test", "user": self.tenant.name[:200].replace("\0", "0")},
            "ttl": self.rng.choice([1, 1000]),
            "id": self.id(),
            "embed": False,
        }
        wanted = self.rng.sample(list(chosen), k=self.rng.randint(0, 5))
        return {name: chosen[name] for name in wanted if name != "id" or self.chance(0.3)}

    def record(self) -> dict[str, Any]:
        return {"content": self.text(), **self.fields()}

    def narrowed(self) -> dict[str, Any]:
        """Some conditions of a search or a listing."""
        chosen: dict[str, Any] = {
            "scope": self.place(),
            "recursive": self.chance(0.5),
            "kinds": ["fact", "note", "message"],
            "tags": self.rng.sample(WORDS, 3),
            "filter": self.filter(),
            "include_closed": True,
            "include_archived": True,
        }
        return {name: chosen[name] for name in self.rng.sample(list(chosen), k=2)}

    def filter(self) -> dict[str, Any]:
        return self.rng.choice(
            [
                {"topic": {"$in": WORDS[:6]}},
                {"$not": {"owner": self.tenant.mark}},
                {"$or": [{"@id": {"$in": self.ids()}}, {"@key": self.key()}]},
                {"@content": {"$contains": self.rng.choice(WORDS)}},
                {"@scope": self.victim.scope.path},
                {"@source.app": {"$ne": "test"}},
            ]
        )

    def file(self, name: str) -> Path:
        return self.faces.directory / name


Deed: TypeAlias = Callable[[Act], Any]


# The core


def _links(act: Act) -> Any:
    memory, one = act.memory, act.id()
    way: Direction = act.rng.choice(_WAYS)
    return [memory.links(act.ids(), direction=way), memory.related(one, hops=3)]


def _export(act: Act) -> Any:
    place = act.file(f"export-{act.tenant.number}.jsonl")
    act.memory.export(place, scope=act.maybe_place(), vectors=False)
    return place.read_text()


def _import_others(act: Act) -> Any:
    """Another tenant's export is not written: its scope lies outside."""
    place = act.file(f"export-{act.rng.choice([act.tenant, act.victim]).number}.jsonl")
    if place.exists():
        act.brought = place.read_text()
        return act.memory.import_(place, on_conflict=act.rng.choice(["skip", "replace"]))
    return None


def _import_plain(act: Act) -> Any:
    place = act.file("plain.jsonl")
    lines = [json.dumps({"content": act.text(), "scope": act.place().path}) for _ in range(3)]
    place.write_text("\n".join(lines))
    return act.memory.import_records(place)


def _threads_moved(act: Act) -> Any:
    place = act.file(f"threads-{act.tenant.number}.jsonl")
    act.memory.threads.export(place)
    told = place.read_text()
    source = act.file(f"threads-{act.rng.choice([act.tenant, act.victim]).number}.jsonl")
    if not source.exists():
        return told
    act.brought = source.read_text()
    return [told, act.memory.threads.import_(source)]


def _thread_changed(act: Act) -> Any:
    thread = act.memory.thread(act.thread(), scope=act.maybe_place())
    deed = act.rng.choice(
        ["pop", "clear", "delete", "end", "reopen", "update", "replace", "branch"]
    )
    if deed == "update":
        return thread.update(metadata={"of": act.tenant.mark})
    if deed == "replace":
        return thread.replace([{"role": "user", "content": act.text()}])
    if deed == "branch":
        return thread.branch(act.thread(), scope=act.maybe_place()).messages()
    return getattr(thread, deed)()


def _thread_read(act: Act) -> Any:
    thread = act.memory.thread(act.thread(), scope=act.maybe_place())
    return [
        thread.messages(),
        thread.context(limit=3, summary=act.chance(0.5)),
        thread.search(act.question()),
        thread.info(),
        thread.stats(),
        thread.summary(),
    ]


def _threads(act: Act) -> Any:
    threads = act.memory.threads
    return [
        threads.list(scope=act.maybe_place()),
        threads.get(act.thread()),
        threads.stats(),
        threads.count(),
    ]


def _wide(act: Act) -> Any:
    """A view is not widened."""
    return act.memory.scope(act.victim.scope).list()


def _several(act: Act) -> Any:
    """A view of several of its scopes, writing one."""
    mine = [act.tenant.scope / folder for folder in FOLDERS[:3]]
    view = act.memory.view(read=mine, write=mine[0])
    return [view.search(act.question()), view.list(), view.add(act.text()), view.tags()]


CORE: list[Deed] = [
    lambda act: act.memory.add(act.text(), **act.fields()),
    lambda act: act.memory.add(
        act.text(), on_duplicate=act.rng.choice(["skip", "merge", "supersede"]), similar_at=0.9
    ),
    lambda act: act.memory.add(act.text(), dedupe=True, if_exists="keep", key=act.key()),
    lambda act: act.memory.add_many([act.record() for _ in range(3)]),
    lambda act: act.memory.put_many([{**act.record(), "id": act.id()}]),
    lambda act: act.memory.exchange([act.record()], delete=act.ids()),
    lambda act: act.memory.get(act.id()),
    lambda act: act.memory.get(key=act.key(), scope=act.place()),
    lambda act: act.memory.get_many(act.ids()),
    lambda act: act.memory.get_keys([(act.place(), act.key()), (act.place(), act.id())]),
    lambda act: act.memory.update(act.id(), content=act.text()),
    lambda act: act.memory.update(act.id(), scope=act.place(), tags=[act.tenant.mark]),
    lambda act: act.memory.note_reading(act.ids(), app="test"),
    lambda act: act.memory.renew({one: timedelta(seconds=900) for one in act.ids()}),
    lambda act: act.memory.delete(act.ids()),
    lambda act: act.memory.delete(scope=act.place()),
    lambda act: act.memory.delete(filter=act.filter()),
    lambda act: act.memory.delete(kinds="note", tags=act.rng.sample(WORDS, 4)),
    lambda act: act.memory.delete(everything=True) if act.chance(0.2) else None,
    lambda act: act.memory.sweep(),
    *[
        lambda act, mode=mode: act.memory.search(act.question(), mode=mode, **act.narrowed())
        for mode in ("dense", "lexical", "hybrid")
    ],
    lambda act: act.memory.search(act.question(), limit=1000, context=2),
    lambda act: act.memory.search(act.question(), threads=[act.thread()]),
    lambda act: act.memory.search(act.question(), as_of=act.faces.clock.moment()),
    lambda act: act.memory.list(**act.narrowed()),
    lambda act: act.memory.list(limit=1000, as_of=act.faces.clock.moment() - timedelta(seconds=2)),
    lambda act: act.memory.tags(include_closed=True),
    lambda act: act.memory.scopes(depth=act.rng.choice([None, 1, 2, 3])),
    lambda act: act.memory.find_scopes(prefix=("*",) if act.chance(0.5) else ()),
    lambda act: act.memory.timeline(bucket="hour"),
    lambda act: act.memory.history(act.id()),
    lambda act: act.memory.restore(act.id(), act.rng.choice([None, 1, 2])),
    lambda act: act.memory.archive(act.ids()),
    lambda act: act.memory.purge(act.ids()),
    lambda act: act.memory.purge(scope=act.place(), before=act.faces.clock.moment()),
    lambda act: act.memory.purge(everything=True) if act.chance(0.2) else None,
    lambda act: act.memory.supersede(act.id(), act.id()),
    lambda act: act.memory.supersede(act.id(), {"content": act.text()}),
    lambda act: act.memory.share(act.id(), act.place()),
    lambda act: act.memory.unshare(act.id()),
    lambda act: act.memory.maintain(Policy(duplicates="text", expired=True)),
    lambda act: act.memory.link(act.id(), act.id(), reason=act.text()),
    lambda act: act.memory.link(act.id(), act.id(), "about", metadata={"by": act.tenant.mark}),
    lambda act: act.memory.unlink(act.id(), act.id()),
    _links,
    lambda act: act.memory.related(query=act.question()),
    lambda act: act.memory.path(act.id(), act.id()),
    lambda act: act.memory.thread(act.thread(), scope=act.maybe_place()).add(
        [{"role": "user", "content": act.text()}, ("assistant", act.text())]
    ),
    lambda act: act.memory.thread(act.thread()).summarize(),
    lambda act: act.memory.thread(act.thread()).delete_messages(act.ids()),
    _thread_read,
    _thread_changed,
    _threads,
    lambda act: act.memory.threads.delete(older_than=act.faces.clock.moment()),
    lambda act: act.memory.threads.sweep(),
    lambda act: act.memory.recall(act.question()).text,
    _export,
    _import_others,
    _import_plain,
    _threads_moved,
    lambda act: act.memory.events(after=act.rng.randrange(2000)),
    lambda act: act.memory.vectors(act.id()),
    lambda act: act.memory.diff(act.memory, by="content"),
    _wide,
    _several,
]


# LangGraph


def _store(act: Act) -> tuple[CommonplaceStore, tuple[str, ...]]:
    """A store of the tenant's own, or the one that all share, where its name is a label."""
    shared = act.chance(0.5) and not set(act.tenant.name) & {".", "\0"}
    if shared:
        return act.faces.store, (HOME, act.tenant.name)
    return CommonplaceStore(act.faces.memory, scope=act.tenant.scope), ()


def _folder(act: Act) -> tuple[str, ...]:
    return (act.rng.choice([folder for folder in FOLDERS if "." not in folder]),)


def _batched(act: Act) -> Any:
    store, home = _store(act)
    place = (*home, *_folder(act))
    return store.batch(
        [
            GetOp(place, act.id()),
            PutOp(place, act.key(), {"text": act.text()}),
            SearchOp(home, None, 100, 0, act.question()),
            ListNamespacesOp((MatchCondition("prefix", home),) if home else (), None, 100, 0),
            PutOp(place, act.id(), None),
        ]
    )


def _with_store(deed: Callable[[Act, CommonplaceStore, tuple[str, ...]], Any]) -> Deed:
    return lambda act: deed(act, *_store(act))


LANGGRAPH: list[Deed] = [
    _with_store(
        lambda act, store, home: store.put(
            (*home, *_folder(act)), act.key(), {"text": act.text(), "by": act.tenant.mark}
        )
    ),
    _with_store(
        lambda act, store, home: store.put(
            (*home, *_folder(act)), act.id(), {"text": act.text()}, index=["text"], ttl=1000
        )
    ),
    _with_store(lambda act, store, home: store.get((*home, *_folder(act)), act.key())),
    _with_store(lambda act, store, home: store.get((*home, *_folder(act)), act.id())),
    _with_store(lambda act, store, home: store.search(home, query=act.question(), limit=1000)),
    _with_store(
        lambda act, store, home: store.search(
            home, query=act.question(), filter={"by": {"$ne": act.tenant.mark}}, mode="hybrid"
        )
    ),
    _with_store(lambda _, store, home: store.search(home, limit=1000)),
    _with_store(lambda act, store, home: store.delete((*home, *_folder(act)), act.id())),
    _with_store(lambda act, store, home: store.delete((*home, *_folder(act)), act.key())),
    _with_store(
        lambda act, store, home: store.list_namespaces(
            prefix=home or None, max_depth=act.rng.choice([None, 1, 2, 3])
        )
    ),
    _with_store(lambda act, store, home: store.delete_namespace((*home, *_folder(act)))),
    _batched,
]


# LangChain


def _config(act: Act) -> Any:
    return {"configurable": {"user_id": act.tenant.name, "thread_id": act.thread()}}


def _tool_call(name: str, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": "1", "name": name, "args": args}


def _keyed(act: Act) -> Any:
    kind = act.rng.choice(
        [CommonplaceKeyValueStore, CommonplaceByteStore, CommonplaceDocumentStore]
    )
    store: Any = kind(act.faces.memory, scope=act.tenant.scope / kind.__name__)
    values: dict[Any, Any] = {
        CommonplaceKeyValueStore: {"of": act.tenant.mark},
        CommonplaceByteStore: act.tenant.mark.encode(),
        CommonplaceDocumentStore: Document(page_content=act.text()),
    }
    deed = act.rng.randrange(4)
    if deed == 0:
        return store.mset([(act.key(), values[kind])])
    if deed == 1:
        return store.mdelete([act.key(), act.id()])
    return store.mget([*KEYS, act.id()]) if deed == 2 else list(store.yield_keys())


def _history(act: Act) -> Any:
    history = CommonplaceChatMessageHistory(act.thread(), act.faces.memory, scope=act.tenant.scope)
    if act.chance(0.4):
        history.add_messages([HumanMessage(act.text())])
    elif act.chance(0.2):
        history.clear()
    return history.messages


LANGCHAIN: list[Deed] = [
    lambda act: act.faces.manage.invoke({"content": act.text()}, _config(act)),
    lambda act: act.faces.manage.invoke(
        {"content": act.text(), "action": "update", "id": act.id()}, _config(act)
    ),
    lambda act: act.faces.manage.invoke({"action": "delete", "id": act.id()}, _config(act)),
    lambda act: act.faces.search.invoke(
        _tool_call("search_memory", query=act.question(), limit=100), _config(act)
    ),
    lambda act: act.faces.search.invoke(
        _tool_call("search_memory", query="", filter={"topic": {"$exists": True}}), _config(act)
    ),
    lambda act: CommonplaceRetriever(
        memory=act.faces.memory, scope=act.tenant.scope, k=1000
    ).invoke(act.question()),
    lambda act: CommonplaceRetriever(memory=act.memory, k=1000).invoke("", filter=act.filter()),
    _keyed,
    _history,
]


# CrewAI


def _storage(act: Act) -> tuple[CommonplaceStorage, str]:
    """A storage of the tenant's own, or the one that all share, with the path of its scope."""
    if act.chance(0.5):
        own = CommonplaceStorage(act.faces.memory, scope=act.tenant.scope, vectors="own")
        return own, "/"
    escaped = act.tenant.name.replace("\\", "\\\\").replace("/", "\\/")
    return act.faces.storage, f"/{HOME}/{escaped}"


def _crew_record(act: Act, home: str, **parts: Any) -> MemoryRecord:
    text = act.text()
    return MemoryRecord(
        content=text,
        scope=f"{home}/{act.rng.choice(['a', 'a b', '%'])}",
        categories=[act.rng.choice(WORDS)],
        metadata={"owner": act.tenant.mark},
        embedding=act.faces.memory.embedder.embed_documents([text])[0].tolist(),
        **parts,
    )


def _crew_saves(act: Act) -> Any:
    storage, home = _storage(act)
    return storage.save([_crew_record(act, home)])


def _crew_replaces(act: Act) -> Any:
    """By an id, which may be another's: only a storage of its own may be handed such."""
    own = CommonplaceStorage(act.faces.memory, scope=act.tenant.scope, vectors="own")
    record = _crew_record(act, "", id=act.id())
    return own.update(record) if act.chance(0.5) else own.save([record])


def _crew_by_id(act: Act) -> Any:
    own = CommonplaceStorage(act.faces.memory, scope=act.tenant.scope, vectors="own")
    own.touch_records(act.ids())
    return own.get_record(act.id()), own.delete(record_ids=act.ids())


def _crew_reads(act: Act) -> Any:
    storage, home = _storage(act)
    vector = act.faces.memory.embedder.embed_queries([act.question()])[0].tolist()
    return [
        storage.search(vector, home, limit=1000),
        storage.search(vector, home, categories=WORDS[:4], metadata_filter={"owner": "nobody"}),
        storage.list_records(home, limit=1000),
        storage.list_categories(home),
        storage.list_scopes(home),
        storage.get_scope_info(home),
    ]


def _crew_deletes(act: Act) -> Any:
    storage, home = _storage(act)
    if act.chance(0.2):
        return storage.reset(home)
    return storage.delete(scope_prefix=home, categories=act.rng.sample(WORDS, 2))


def _crew_knows(act: Act) -> Any:
    name = act.rng.choice(["handbook", "handbook2", None])
    books = CommonplaceKnowledgeStorage(
        act.faces.memory, collection_name=name, scope=act.tenant.scope
    )
    if act.chance(0.5):
        books.save([act.text()])
    elif act.chance(0.2):
        books.reset()
    return books.search([act.question()], limit=100, score_threshold=0)


def _crew_flows(act: Act) -> Any:
    states = CommonplaceFlowPersistence(act.faces.memory, scope=act.tenant.scope)
    if act.chance(0.5):
        states.save_state("flow-1", "begin", {"of": act.tenant.mark})
    return states.load_state("flow-1")


CREWAI: list[Deed] = [
    _crew_saves,
    _crew_replaces,
    _crew_by_id,
    _crew_reads,
    _crew_deletes,
    _crew_knows,
    _crew_flows,
]


# AutoGen


def _awaited(deed: Callable[[Act, CommonplaceMemory], Any]) -> Deed:
    def run(act: Act) -> Any:
        book = CommonplaceMemory(act.faces.memory, user=act.tenant.name)
        return act.faces.runner.run(deed(act, book))

    return run


def _content(act: Act) -> MemoryContent:
    return MemoryContent(
        content=act.text(), mime_type=MemoryMimeType.TEXT, metadata={"owner": act.tenant.mark}
    )


async def _in_context(act: Act, book: CommonplaceMemory) -> Any:
    context = UnboundedChatCompletionContext()
    await context.add_message(UserMessage(content=act.question(), source="user"))
    return [await book.update_context(context), await context.get_messages()]


async def _chat(act: Act, _: CommonplaceMemory) -> Any:
    chat = CommonplaceChatCompletionContext(
        act.faces.memory, act.thread(), user=act.tenant.name, searchable=act.chance(0.5)
    )
    if act.chance(0.5):
        await chat.add_message(UserMessage(content=act.text(), source="user"))
    elif act.chance(0.2):
        await chat.clear()
    return await chat.get_messages()


AUTOGEN: list[Deed] = [
    _awaited(lambda act, book: book.add_many([_content(act)])),
    _awaited(lambda act, book: book.add_many([_content(act)], ids=[act.id()])),
    _awaited(lambda act, book: book.get(act.id())),
    _awaited(lambda act, book: book.update(act.id(), _content(act))),
    _awaited(lambda act, book: book.delete(act.ids())),
    _awaited(lambda act, book: book.query(act.question(), k=1000)),
    _awaited(lambda act, book: book.query("", k=1000, filter=act.filter())),
    _awaited(lambda act, book: book.query(act.question(), scope=act.place())),
    _awaited(_in_context),
    _awaited(_chat),
    lambda act: _awaited(lambda _, book: book.clear())(act) if act.chance(0.1) else None,
]

DEEDS = {
    "core": CORE,
    "langgraph": LANGGRAPH,
    "langchain": LANGCHAIN,
    "crewai": CREWAI,
    "autogen": AUTOGEN,
}
