"""The systems that are asked: this one, and others where they are installed."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from commonplace.embedders.static import StaticEmbedder
from commonplace.errors import InvalidInputError
from commonplace.memory import Memory
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonplace.bench.data import Conversation, Question, Turn


class System(Protocol):
    """What is measured: it keeps conversations apart and ranks the turns of one of them."""

    def add(self, conversation: Conversation) -> None:
        """Keep a conversation."""
        ...

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The ids of the best turns, best first; `<conversation>/<turn>` if it holds several."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Commonplace:
    """This memory: every session is a thread, so that messages are ranked in their context."""

    def __init__(self, *, threads: bool = True) -> None:
        self._memory = Memory(":memory:")
        self._threads = threads
        self._turns: dict[str, str] = {}
        self.relevance: float | None = None

    def add(self, conversation: Conversation) -> None:
        """Keep a conversation in a scope of its own."""
        scope = _scope(conversation.id)
        if not self._threads:
            facts = [{"content": turn.text, "scope": scope} for turn in conversation.turns]
            for turn, record in zip(conversation.turns, self._memory.add_many(facts), strict=True):
                self._turns[record.id] = turn.id
            return
        sessions: dict[str, list[Turn]] = defaultdict(list)
        for turn in conversation.turns:
            sessions[turn.session].append(turn)
        for name, turns in sessions.items():
            thread = self._memory.thread(name or "talk", scope=scope)
            for turn, message in zip(turns, thread.add(map(_message, turns)), strict=True):
                self._turns[message.record_id] = turn.id

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The best turns of a conversation."""
        hits = self._memory.search(
            question.text, scope=_scope(conversation), limit=count, now=question.at
        )
        self.relevance = hits.relevance
        return [self._turns[hit.id] for hit in hits]

    def close(self) -> None:
        """Close the memory."""
        self._memory.close()


class Bm25:
    """Okapi BM25 over the words as they are: no stop words, no stems."""

    def __init__(self) -> None:
        self._talks: dict[str, list[tuple[str, Counter[str]]]] = {}

    def add(self, conversation: Conversation) -> None:
        """Count its words."""
        self._talks[conversation.id] = [
            (turn.id, Counter(_words(_spoken(turn)))) for turn in conversation.turns
        ]

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The best turns by BM25, k1 1.2 and b 0.75."""
        talk = self._talks[conversation]
        held = Counter(word for _, words in talk for word in words)
        mean = sum(words.total() for _, words in talk) / len(talk)
        asked = {
            word: math.log(1 + (len(talk) - held[word] + 0.5) / (held[word] + 0.5))
            for word in _words(question.text)
        }

        def score(words: Counter[str]) -> float:
            norm = 1.2 * (0.25 + 0.75 * words.total() / mean)
            return sum(
                idf * words[word] * 2.2 / (words[word] + norm) for word, idf in asked.items()
            )

        ranked = sorted(talk, key=lambda one: -score(one[1]))
        return [name for name, _ in ranked[:count]]

    def close(self) -> None:
        """Nothing is open."""


class Chroma:
    """A Chroma collection in memory, scope as metadata.

    Args:
        own: whether it embeds with its default model, all-MiniLM-L6-v2 (a download), and not with
            the built-in embedder of this package.
    """

    def __init__(self, *, own: bool = False) -> None:
        chromadb = _imported("chromadb")
        config = importlib.import_module("chromadb.config")
        self._client = chromadb.EphemeralClient(config.Settings(anonymized_telemetry=False))
        options: dict[str, Any] = {} if own else {"embedding_function": None}
        name = f"bench-{id(self)}"
        self._own = own
        self._collection = self._client.create_collection(
            name, metadata={"hnsw:space": "cosine"}, **options
        )

    def add(self, conversation: Conversation) -> None:
        """Add its turns."""
        texts = [_spoken(turn) for turn in conversation.turns]
        more = {} if self._own else {"embeddings": StaticEmbedder().embed_documents(texts)}
        self._collection.add(
            ids=[f"{conversation.id}/{turn.id}" for turn in conversation.turns],
            documents=texts,
            metadatas=[{"scope": conversation.id}] * len(texts),
            **more,
        )

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""
        vector = StaticEmbedder().embed_queries([question.text])
        asked = {"query_texts": [question.text]} if self._own else {"query_embeddings": vector}
        found = self._collection.query(
            **asked, n_results=count, where={"scope": conversation}, include=[]
        )
        return [name.removeprefix(f"{conversation}/") for name in found["ids"][0]]

    def close(self) -> None:
        """Drop the collection."""
        self._client.delete_collection(self._collection.name)


class LangGraph:
    """LangGraph's `InMemoryStore`, a namespace for each conversation, built-in embedder."""

    def __init__(self) -> None:
        stores = _imported("langgraph.store.memory", "langgraph")
        embedder = StaticEmbedder()

        def embed(texts: list[str]) -> list[list[float]]:
            return embedder.embed_documents(texts).tolist()

        self._store = stores.InMemoryStore(index={"dims": embedder.dimension, "embed": embed})

    def add(self, conversation: Conversation) -> None:
        """Put its turns."""
        for turn in conversation.turns:
            self._store.put((conversation.id,), turn.id, {"text": _spoken(turn)})

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""
        found = self._store.search((conversation,), query=question.text, limit=count)
        return [item.key for item in found]

    def close(self) -> None:
        """Nothing is open."""


class LangChain:
    """LangChain's `InMemoryVectorStore`, built-in embedder."""

    def __init__(self) -> None:
        stores = _imported("langchain_core.vectorstores", "langchain-core")
        documents = importlib.import_module("langchain_core.documents")
        embeddings = importlib.import_module("langchain_core.embeddings")
        embedder = StaticEmbedder()

        class _Embeddings(embeddings.Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return embedder.embed_documents(texts).tolist()

            def embed_query(self, text: str) -> list[float]:
                return self.embed_documents([text])[0]

        self._document = documents.Document
        self._store = stores.InMemoryVectorStore(_Embeddings())

    def add(self, conversation: Conversation) -> None:
        """Add its turns."""
        self._store.add_documents(
            [
                self._document(
                    id=f"{conversation.id}/{turn.id}",
                    page_content=_spoken(turn),
                    metadata={"scope": conversation.id},
                )
                for turn in conversation.turns
            ]
        )

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""

        def inside(document: Any) -> bool:
            return document.metadata["scope"] == conversation

        found = self._store.similarity_search(question.text, k=count, filter=inside)
        return [one.id.removeprefix(f"{conversation}/") for one in found]

    def close(self) -> None:
        """Nothing is open."""


class MemoryGraph:
    """neural-memorygraph's `AgentMemory` with its default embedder."""

    def __init__(self) -> None:
        agent = _imported("memorygraph.agent", "neural-memorygraph")
        self._memory = agent.AgentMemory(auto_associate=False)
        self._turns: dict[str, str] = {}

    def add(self, conversation: Conversation) -> None:
        """Remember its turns under a tag."""
        for turn in conversation.turns:
            kept = self._memory.remember(_spoken(turn), tags=[conversation.id])
            self._turns[kept.id] = turn.id

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """What it recalls."""
        found = self._memory.recall(
            question.text, k=count, tags=[conversation], threshold=-1.0, reinforce=False
        )
        return [self._turns[one.id] for one, *_ in found]

    def close(self) -> None:
        """Close it, if it can be."""
        with contextlib.suppress(AttributeError):
            self._memory.close()


SYSTEMS: dict[str, Callable[[], System]] = {
    "commonplace": Commonplace,
    "commonplace-facts": lambda: Commonplace(threads=False),
    "bm25": Bm25,
    "chroma": Chroma,
    "chroma-minilm": lambda: Chroma(own=True),
    "langchain": LangChain,
    "langgraph": LangGraph,
    "neural-memorygraph": MemoryGraph,
}
"""What can be measured, by name."""


def made(name: str) -> Callable[[], System]:
    """What makes a system: one of `SYSTEMS`, or `module:factory` of your own.

    Raises:
        InvalidInputError: there is none of that name.
    """
    if name in SYSTEMS:
        return SYSTEMS[name]
    module, _, factory = name.partition(":")
    if not factory:
        raise InvalidInputError(f"no system {name!r}; one of {sorted(SYSTEMS)} or module:factory")
    return getattr(_imported(module), factory)


def _imported(module: str, distribution: str = "") -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = distribution or module
        raise InvalidInputError(f"{missing} is not installed; pip install it first") from error


def _scope(conversation: str) -> Scope:
    return Scope("bench", conversation)


def _message(turn: Turn) -> dict[str, Any]:
    known = turn.speaker in {"user", "assistant"}
    parts: dict[str, Any] = {"role": turn.speaker if known else "user", "content": turn.text}
    if not known and turn.speaker:
        parts["name"] = turn.speaker
    if turn.at is not None:
        parts["created_at"] = turn.at
    return parts


def _spoken(turn: Turn) -> str:
    """The turn as systems without speakers are given it."""
    known = turn.speaker in {"", "user", "assistant"}
    return turn.text if known else f"{turn.speaker}: {turn.text}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
