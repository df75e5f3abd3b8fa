"""The memories of frameworks, each as it comes, with the vectors of the built-in embedder."""

from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

from commonplace.bench.importing import imported
from commonplace.embedders.static import StaticEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.bench.data import Conversation, Question


class LangGraph:
    """LangGraph's `InMemoryStore`, a namespace for each conversation, built-in embedder."""

    def __init__(self) -> None:
        stores = imported("langgraph.store.memory", "langgraph")
        index = {"dims": StaticEmbedder().dimension, "embed": _vectors}
        self._store = stores.InMemoryStore(index=index)

    def add(self, conversation: Conversation) -> None:
        """Put its turns."""
        for turn in conversation.turns:
            self._store.put((conversation.id,), turn.id, {"text": turn.spoken})

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""
        found = self._store.search((conversation,), query=question.text, limit=count)
        return [item.key for item in found]

    def close(self) -> None:
        """Nothing is open."""


class LangChain:
    """LangChain's `InMemoryVectorStore`, built-in embedder."""

    def __init__(self) -> None:
        stores = imported("langchain_core.vectorstores", "langchain-core")
        documents = importlib.import_module("langchain_core.documents")
        embeddings = importlib.import_module("langchain_core.embeddings")

        class _Embeddings(embeddings.Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return _vectors(texts)

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
                    page_content=turn.spoken,
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


class CrewAI:
    """CrewAI's LanceDB storage, a scope for each conversation, built-in embedder."""

    def __init__(self) -> None:
        _without_telemetry("CREWAI_DISABLE_TELEMETRY", "OTEL_SDK_DISABLED")
        storages = imported("crewai.memory.storage.lancedb_storage", "crewai")
        self._record = importlib.import_module("crewai.memory.types").MemoryRecord
        self._directory = _directory()
        self._storage = storages.LanceDBStorage(
            self._directory.name, vector_dim=StaticEmbedder().dimension
        )

    def add(self, conversation: Conversation) -> None:
        """Save its turns."""
        texts = [turn.spoken for turn in conversation.turns]
        self._storage.save(
            [
                self._record(
                    content=text,
                    scope=_path(conversation.id),
                    metadata={"turn": turn.id},
                    embedding=vector,
                )
                for turn, text, vector in zip(
                    conversation.turns, texts, _vectors(texts), strict=True
                )
            ]
        )

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""
        (vector,) = _vectors([question.text])
        found = self._storage.search(vector, scope_prefix=_path(conversation), limit=count)
        return [record.metadata["turn"] for record, _ in found]

    def close(self) -> None:
        """Remove its files."""
        self._directory.cleanup()


class AutoGen:
    """AutoGen's `ChromaDBVectorMemory`, conversations told apart by metadata, built-in embedder."""

    def __init__(self) -> None:
        _without_telemetry(ANONYMIZED_TELEMETRY="False")
        chroma = imported("autogen_ext.memory.chromadb", "autogen-ext[chromadb]")
        self._core = importlib.import_module("autogen_core.memory")
        self._directory = _directory()
        self._config = chroma.PersistentChromaDBVectorMemoryConfig(
            persistence_path=self._directory.name,
            embedding_function_config=chroma.CustomEmbeddingFunctionConfig(function=_for_chroma),
        )
        self._memory = chroma.ChromaDBVectorMemory(self._config)
        self._runner = asyncio.Runner()

    def add(self, conversation: Conversation) -> None:
        """Add its turns, one by one as it wants them."""
        self._runner.run(self._add(conversation))

    async def _add(self, conversation: Conversation) -> None:
        for turn in conversation.turns:
            about = {"scope": conversation.id, "turn": turn.id}
            content = self._core.MemoryContent(
                content=turn.spoken, mime_type=self._core.MemoryMimeType.TEXT, metadata=about
            )
            await self._memory.add(content)

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """The nearest turns."""
        self._config.k = count
        found = self._runner.run(self._memory.query(question.text, where={"scope": conversation}))
        return [one.metadata["turn"] for one in found.results]

    def close(self) -> None:
        """Close it, and remove its files."""
        self._runner.run(self._memory.close())
        self._runner.close()
        self._directory.cleanup()


class Mem0:
    """mem0 (2 or later) without a language model (`infer=False`), built-in embedder.

    Its store is the one it has by default, Qdrant in a directory. No model is ever asked: the
    key that it wants for one is made up. Its keyword lane takes part where its extras are
    installed. It writes a small file of settings below `~/.mem0`, as it always does.
    """

    def __init__(self) -> None:
        _without_telemetry(MEM0_TELEMETRY="False")
        mem0 = imported("mem0", "mem0ai")
        self._directory = _directory()
        unused = {"provider": "openai", "config": {"api_key": "unused"}}
        store = {
            "path": self._directory.name,
            "embedding_model_dims": StaticEmbedder().dimension,
            "collection_name": "bench",
        }
        self._memory = mem0.Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": store},
                "llm": unused,
                "embedder": unused,
                "history_db_path": ":memory:",
            }
        )
        self._memory.embedding_model = _ForMem0()
        self._turns: dict[str, str] = {}

    def add(self, conversation: Conversation) -> None:
        """Add its turns as they are."""
        said = [{"role": "user", "content": turn.spoken} for turn in conversation.turns]
        kept = self._memory.add(said, user_id=conversation.id, infer=False)["results"]
        for turn, one in zip(conversation.turns, kept, strict=True):
            self._turns[one["id"]] = turn.id

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """What it finds."""
        found = self._memory.search(
            question.text, top_k=count, filters={"user_id": conversation}, threshold=0.0
        )
        return [self._turns[one["id"]] for one in found["results"]]

    def close(self) -> None:
        """Close it, and remove its files."""
        self._memory.close()
        self._memory.vector_store.client.close()
        self._directory.cleanup()


class MemoryGraph:
    """neural-memorygraph's `AgentMemory` with its own default embedder, a hash of words."""

    def __init__(self) -> None:
        agent = imported("memorygraph.agent", "neural-memorygraph")
        self._memory = agent.AgentMemory(auto_associate=False)
        self._turns: dict[str, str] = {}

    def add(self, conversation: Conversation) -> None:
        """Remember its turns under a tag."""
        for turn in conversation.turns:
            kept = self._memory.remember(turn.spoken, tags=[conversation.id])
            self._turns[kept.id] = turn.id

    def search(self, conversation: str, question: Question, count: int) -> Sequence[str]:
        """What it recalls."""
        found = self._memory.recall(
            question.text, k=count, tags=[conversation], threshold=-1.0, reinforce=False
        )
        return [self._turns[hit.node_id] for hit in found]

    def close(self) -> None:
        """Nothing is open."""


class _ForMem0:
    def embed(self, text: str, _action: str | None = None) -> list[float]:
        return _vectors([text])[0]


def _for_chroma() -> Any:
    """An embedding function of Chroma."""
    functions = importlib.import_module("chromadb.api.types")

    class Builtin(functions.EmbeddingFunction):
        def __init__(self) -> None:
            """Nothing to be set."""

        def __call__(self, input: list[str]) -> list[list[float]]:  # noqa: A002 - Chroma's name
            return _vectors(input)

        @staticmethod
        def name() -> str:
            return "commonplace"

        def get_config(self) -> dict[str, Any]:
            return {}

        @staticmethod
        def build_from_config(_config: dict[str, Any]) -> Any:
            return Builtin()

    return Builtin()


def _vectors(texts: Sequence[str]) -> list[list[float]]:
    return StaticEmbedder().embed_documents(texts).tolist()


def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="commonplace-bench-", ignore_cleanup_errors=True)


def _path(conversation: str) -> str:
    """A scope that is the beginning of no other: it is looked for by its beginning."""
    return f"/{conversation}/turns"


def _without_telemetry(*switches: str, **values: str) -> None:
    """They read it when they are imported."""
    for name, value in {**dict.fromkeys(switches, "true"), **values}.items():
        os.environ.setdefault(name, value)
