"""From records to documents and back. Nothing here reads or writes a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.documents import Document

if TYPE_CHECKING:
    from commonplace import Hit, Record

FACE = "langchain"
"""Under this name in a record's value stands what only LangChain needs to know."""


def hit_to_document(hit: Hit) -> Document:
    """A found record as a document: `page_content` is its text alone."""
    document = record_to_document(hit.record)
    document.metadata |= {"score": hit.score, "similarity": hit.similarity}
    return document


def record_to_document(record: Record) -> Document:
    """A record as a document.

    Its metadata stand beside what Commonplace knows about it. Where a name is taken twice,
    Commonplace's stands, so that no stored text can pass for a scope or a score, and the record's
    own metadata are whole under `metadata`.
    """
    known: dict[str, Any] = {
        "id": record.id,
        "scope": record.scope.path,
        "kind": record.kind,
        "tags": list(record.tags),
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "score": None,
        "similarity": None,
    }
    if record.key is not None:
        known["key"] = record.key
    if known.keys() & record.metadata.keys():
        known["metadata"] = record.metadata
    uri = {"source": record.source.uri} if record.source.uri else {}
    return Document(
        page_content=record.text, id=record.id, metadata={**uri, **record.metadata, **known}
    )


def document_fields(document: Document) -> dict[str, Any]:
    """What a stored document is made of; `stored_document` gives it back."""
    value = None if document.id is None else {FACE: {"id": document.id}}
    return {
        "content": document.page_content,
        "kind": "document",
        "metadata": document.metadata,
        "value": value,
    }


def stored_document(record: Record) -> Document:
    """The document that a record keeps; of a record of another face its text and metadata."""
    if (own := kept(record)) is None:
        return Document(page_content=record.text, metadata=record.metadata)
    return Document(page_content=record.content, metadata=record.metadata, id=own.get("id"))


def kept(record: Record) -> dict[str, Any] | None:
    """What stands in a record's value for LangChain alone; None if another face wrote it."""
    value: Any = record.value
    return cast("dict[str, Any]", value).get(FACE) if isinstance(value, dict) else None
