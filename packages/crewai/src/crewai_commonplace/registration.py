"""`register`: one call at start-up, and CrewAI opens memories by their specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.knowledge.storage.factory import set_knowledge_storage_factory
from crewai.memory.storage.factory import set_memory_storage_factory
from crewai.rag.embeddings.factory import PROVIDER_PATHS

from crewai_commonplace.embedding import PROVIDER, CommonplaceEmbeddings
from crewai_commonplace.flows import CommonplaceFlowPersistence
from crewai_commonplace.knowledge import CommonplaceKnowledgeStorage
from crewai_commonplace.specs import SCHEME
from crewai_commonplace.stores import open_storage

if TYPE_CHECKING:
    from crewai_commonplace.storage import CommonplaceStorage

_BUILT_IN = "lancedb"  # what `Crew(memory=True)` and `Flow()` ask for


def register(spec: str | None = None, *, everything: bool = False, **options: Any) -> None:
    """Let CrewAI open memories by specs such as `commonplace:///var/memory?scope=teams/research`.

    From then on `crewai.Memory(storage="commonplace:///...")` is one of ours, and a checkpoint that
    holds such a spec finds its memory again: the same storage as long as it is in use. A new
    process calls this before it restores a checkpoint.

    Args:
        spec: where the knowledge of crews and agents and the states of flows go that name no
            storage of their own; they stay where CrewAI keeps them if left out.
        everything: whether `Crew(memory=True)` and flows without a memory of their own use the spec
            too, in place of LanceDB.
        **options: how memories are opened, such as `embedder`; see `commonplace.Memory`.

    Raises:
        InvalidInputError: the spec is malformed, or `everything` lacks one.
    """
    if spec is not None or everything:
        open_storage(spec or "", **options)  # what is wrong with it is said at once

    def storage(asked: str) -> CommonplaceStorage | None:
        if asked.startswith(SCHEME):
            return open_storage(asked, **options)
        if spec is not None and everything and asked == _BUILT_IN:
            return open_storage(spec, **options)
        return None

    def knowledge(_embedder: Any, name: str | None) -> CommonplaceKnowledgeStorage:
        return CommonplaceKnowledgeStorage(spec=spec, collection_name=name)

    set_memory_storage_factory(storage)  # pyright: ignore[reportArgumentType] - `limit` may be None here
    PROVIDER_PATHS[PROVIDER] = (
        f"{CommonplaceEmbeddings.__module__}.{CommonplaceEmbeddings.__name__}"
    )
    if spec is not None:
        set_knowledge_storage_factory(knowledge)
        set_flow_persistence_factory(lambda: CommonplaceFlowPersistence(spec=spec))
