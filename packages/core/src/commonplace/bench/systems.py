"""The systems that are asked: this one, and others where they are installed."""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from commonplace.bench.frameworks import AutoGen, CrewAI, LangChain, LangGraph, Mem0, MemoryGraph
from commonplace.bench.importing import imported
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
            (turn.id, Counter(_words(turn.spoken))) for turn in conversation.turns
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

    Raises:
        InvalidInputError: Chroma, or that model, is not there.
    """

    def __init__(self, *, own: bool = False) -> None:
        chromadb = imported("chromadb")
        config = importlib.import_module("chromadb.config")
        self._client = chromadb.EphemeralClient(config.Settings(anonymized_telemetry=False))
        options: dict[str, Any] = {} if own else {"embedding_function": None}
        name = f"bench-{id(self)}"
        self._own = own
        if own:
            _minilm()
        self._collection = self._client.create_collection(
            name, metadata={"hnsw:space": "cosine"}, **options
        )

    def add(self, conversation: Conversation) -> None:
        """Add its turns."""
        texts = [turn.spoken for turn in conversation.turns]
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


SYSTEMS: dict[str, Callable[[], System]] = {
    "commonplace": Commonplace,
    "commonplace-facts": lambda: Commonplace(threads=False),
    "autogen": AutoGen,
    "bm25": Bm25,
    "chroma": Chroma,
    "chroma-minilm": lambda: Chroma(own=True),
    "crewai": CrewAI,
    "langchain": LangChain,
    "langgraph": LangGraph,
    "mem0": Mem0,
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
    return getattr(imported(module), factory)


def _minilm() -> None:
    """Has Chroma load its model, which it downloads where it has not yet."""
    functions = imported("chromadb.utils.embedding_functions", "chromadb")
    try:
        functions.DefaultEmbeddingFunction()(["one"])
    except Exception as error:
        raise InvalidInputError(
            "Chroma's model all-MiniLM-L6-v2 is neither here nor to be downloaded "
            f"({type(error).__name__}); run it once with a network, or measure 'chroma'"
        ) from error


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


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
