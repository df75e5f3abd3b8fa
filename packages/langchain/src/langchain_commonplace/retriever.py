"""`CommonplaceRetriever`: what a memory holds, as documents for chains and agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence  # noqa: TC003 - Pydantic reads the annotations
from datetime import datetime  # noqa: TC003 - as above
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from langchain_core.retrievers import BaseRetriever
from pydantic import BeforeValidator, PrivateAttr, SkipValidation

from commonplace import AsyncMemory, Memory, Rendering, Scope, render
from langchain_commonplace._convert import found_record, hit_to_document
from langchain_commonplace._opening import opened

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.documents import Document
    from langchain_core.retrievers import LangSmithRetrieverParams

Mode = Literal["hybrid", "dense", "lexical"]


class CommonplaceRetriever(BaseRetriever):
    """Finds documents in a memory, whatever wrote them.

    Each has the record's text as `page_content`, its id as `id`, and in `metadata` the record's own
    metadata beside `id`, `scope`, `kind`, `key`, `tags`, `created_at`, `updated_at`, `valid_from`,
    `valid_to` (ISO 8601 or None), `written_by` (app, agent, user, thread, uri, trust), `score`
    (what it was ranked by, higher is better) and `similarity` (the cosine, -1 to 1, or None). Where
    the record's own metadata have one of these names, they are whole under `metadata`. There is no
    hidden threshold: if the memory has `k` records to search, `k` are found.

    ```python
    retriever = CommonplaceRetriever(memory=memory, scope="users/alice", k=3)
    documents = retriever.invoke("Where does she work?")
    few = retriever.invoke("Where does she work?", k=1)
    ```

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: only what is at this scope and below it.
        k: how many documents at most. As for `filter`, `mode`, `kinds`, `record_tags` and
            `min_score`, a call may say otherwise: `invoke(query, k=1)`.
        mode: `hybrid`, `dense` or `lexical`; see `Memory.search`.
        filter: see the guide on filters.
        kinds: only these kinds of records.
        record_tags: only records with at least one of these tags. (`tags` belongs to tracing.)
        min_score: only documents with at least this score.
        as_of: what the memory knew at this moment.
    """

    memory: Annotated[SkipValidation[Memory], BeforeValidator(opened)]
    scope: SkipValidation[Scope] | str | None = None
    k: int = 4
    mode: Mode = "hybrid"
    filter: SkipValidation[Mapping[str, Any]] | None = None
    kinds: Sequence[str] = ()
    record_tags: Sequence[str] = ()
    min_score: float | None = None
    as_of: datetime | None = None
    _own: bool = PrivateAttr(default=False)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._own = self.memory is not fields.get("memory")

    def close(self) -> None:
        """Close the memory if it was opened here, by its path."""
        if self._own:
            self.memory.close()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - the base class's
        **given: Any,
    ) -> list[Document]:
        hits = self.memory.search(query, **self._how(given))
        return [hit_to_document(hit) for hit in hits]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - the base class's
        **given: Any,
    ) -> list[Document]:
        hits = await AsyncMemory(self.memory).search(query, **self._how(given))
        return [hit_to_document(hit) for hit in hits]

    def _how(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of the search: those of the call, or else those of the retriever."""
        wanted = {name: given.pop(name, getattr(self, name)) for name in _OF_A_CALL}
        if given:
            raise TypeError(f"a call may give {', '.join(_OF_A_CALL)}, not {min(given)!r}")
        wanted |= {"limit": wanted.pop("k"), "tags": wanted.pop("record_tags")}
        return {**wanted, "scope": self.scope, "as_of": self.as_of}

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        params = super()._get_ls_params(**kwargs)
        return cast(
            "LangSmithRetrieverParams", {**params, "ls_vector_store_provider": "commonplace"}
        )


_OF_A_CALL = ("k", "mode", "filter", "kinds", "record_tags", "min_score")


def render_documents(
    documents: Iterable[Document],
    *,
    token_budget: int | None = None,
    format: Literal["markdown", "json"] = "markdown",  # noqa: A002 - as in `render`
    **options: Any,
) -> Rendering:
    """Documents of a `CommonplaceRetriever` as text for a prompt: quoted, as data.

    Args:
        documents: what the retriever found.
        token_budget: how many tokens the text may have; None for any number.
        format: `markdown` or `json`.
        **options: the others of `commonplace.render`.

    Returns:
        The text, what is in it and what was left out; see `commonplace.render`.

    Raises:
        InvalidInputError: a document comes from elsewhere, or an option is malformed.
    """
    records = [found_record(document) for document in documents]
    return render(records, token_budget=token_budget, format=format, **options)
