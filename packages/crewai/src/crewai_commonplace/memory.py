"""`CommonplaceMemory` and `commonplace_memory`: CrewAI's `Memory`, wired to one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from crewai.memory.types import MemoryMatch, compute_composite_score, embed_text
from crewai.memory.unified_memory import Memory as CrewMemory
from crewai.memory.utils import join_scope_paths

from commonplace import render
from crewai_commonplace._convert import rendered_record
from crewai_commonplace.embedding import OwnEmbedding
from crewai_commonplace.privacy import asking
from crewai_commonplace.storage import CommonplaceStorage

if TYPE_CHECKING:
    from pathlib import Path

    from crewai.llms.base_llm import BaseLLM

    from commonplace import Memory
    from commonplace.scope import ScopeLike
    from crewai_commonplace.specs import Score


class QuotedMatch(MemoryMatch):
    """A match that stands in a prompt as quoted data, wherever CrewAI puts it."""

    def format(self) -> str:
        """The record as `commonplace.render` writes it, its metadata below its text.

        CrewAI's own form is the bare text, which can look like a heading, a message or the end of
        the list.
        """
        return f"- (score={self.score:.2f}) {render([rendered_record(self.record)])}"


class CommonplaceMemory(CrewMemory):
    """CrewAI's `Memory` whose recall misses nothing in its scope.

    CrewAI's deep recall, the default everywhere, searches the scopes below the one that is asked
    for, the first 20 of them in order of their names, and the scope itself only if there are none
    below. What lies at the scope, or in the 21st below it, is not found. This one also searches the
    scope as a whole, and merges what both found by CrewAI's own score.

    What it recalls stands in prompts as quoted data; a program reads it from the records as it is.
    Private records of others are left out before the hits are counted, and so hide no public one.
    Everything else is as in `crewai.Memory`, whose arguments it takes. A checkpoint restores it as
    a `crewai.Memory` over the same storage.
    """

    def recall(
        self,
        query: str,
        scope: str | None = None,
        categories: list[str] | None = None,
        limit: int = 10,
        depth: Literal["shallow", "deep"] = "deep",
        source: str | None = None,
        include_private: bool = False,  # noqa: FBT001, FBT002 - CrewAI's signature
    ) -> list[MemoryMatch]:
        """What is remembered about a query, best first; see `crewai.Memory.recall`."""
        with asking(source, include_private=include_private):
            found = super().recall(query, scope, categories, limit, depth, source, include_private)
            if depth == "shallow":
                return _quoted(found)
            known = {match.record.id for match in found}
            whole = self._in_whole_scope(query, scope, categories, limit)
        missed = [match for match in whole if match.record.id not in known]
        if not missed:
            return _quoted(found)
        best = sorted([*found, *missed], key=lambda match: match.score, reverse=True)[:limit]
        self._touch([match for match in best if match.record.id not in known])
        return _quoted(best)

    def _in_whole_scope(
        self, query: str, scope: str | None, categories: list[str] | None, limit: int
    ) -> list[MemoryMatch]:
        embedding = embed_text(self._embedder, query)
        if self.root_scope:
            scope = join_scope_paths(self.root_scope, scope)
        hits = self._storage.search(
            embedding, scope_prefix=scope, categories=categories, limit=limit
        )
        matches: list[MemoryMatch] = []
        for record, similarity in hits:
            score, reasons = compute_composite_score(record, similarity, self._config)
            matches.append(MemoryMatch(record=record, score=score, match_reasons=reasons))
        return matches

    def _touch(self, matches: list[MemoryMatch]) -> None:
        touch = getattr(self._storage, "touch_records", None)
        if matches and touch is not None and not self.read_only:
            touch([match.record.id for match in matches])


def _quoted(matches: list[MemoryMatch]) -> list[MemoryMatch]:
    return [QuotedMatch(**dict(match)) for match in matches]


def commonplace_memory(
    memory: Memory | str | Path,
    *,
    llm: BaseLLM | str | None = None,
    scope: ScopeLike | None = None,
    score: Score = "cosine",
    **options: Any,
) -> CommonplaceMemory:
    """CrewAI's memory over one of ours, embedding as ours does.

    What a crew learns is then found by meaning by every other framework that shares the memory, and
    the crew finds what those have learnt. One vector a record serves both. No key and no download
    are needed for it.

    Args:
        memory: an open `commonplace.Memory`, or the path of one.
        llm: the model that analyses what is remembered: an LLM of CrewAI or its name; CrewAI's
            default if left out.
        scope: where everything of this crew lives; the root of the memory if left out.
        score: as for `CommonplaceStorage`.
        **options: any other argument of `crewai.Memory`, such as `root_scope` or `read_only`.

    Raises:
        InvalidInputError: an argument is malformed.
    """
    storage = CommonplaceStorage(memory, scope=scope, vectors="own", score=score)
    if llm is not None:
        options["llm"] = llm
    return CommonplaceMemory(storage=storage, embedder=OwnEmbedding(storage), **options)
