"""From records to documents, from messages to messages, and back. Nothing here does I/O."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    convert_to_messages,
    messages_from_dict,
)

from commonplace import InvalidInputError, Record, Scope, Source

if TYPE_CHECKING:
    from commonplace import Hit, Message

FACE = "langchain"
"""Under this name in a record's value or metadata stands what only LangChain needs to know."""
_SPEAKERS: dict[str, type[AIMessage | HumanMessage | SystemMessage]] = {
    "user": HumanMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
}


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
        "key": record.key,
        "tags": list(record.tags),
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "valid_from": record.valid_from and record.valid_from.isoformat(),
        "valid_to": record.valid_to and record.valid_to.isoformat(),
        "written_by": record.source.to_dict(),
        "score": None,
        "similarity": None,
    }
    if known.keys() & record.metadata.keys():
        known["metadata"] = record.metadata
    uri = {"source": record.source.uri} if record.source.uri else {}
    return Document(
        page_content=record.text, id=record.id, metadata={**uri, **record.metadata, **known}
    )


def found_record(document: Document) -> Record:
    """As much of a found record as its document tells, for rendering.

    Raises:
        InvalidInputError: the document comes from elsewhere.
    """
    known = document.metadata
    if document.id is None or not known.keys() >= {"scope", "written_by", "created_at"}:
        raise InvalidInputError("render_documents takes the documents of a CommonplaceRetriever")
    moments: dict[str, Any] = {
        name: known[name] and datetime.fromisoformat(known[name])
        for name in ("created_at", "updated_at", "valid_from", "valid_to")
    }
    return Record(
        id=document.id,
        scope=Scope.parse(known["scope"]),
        content=document.page_content,
        kind=known["kind"],
        tags=tuple(known["tags"]),
        source=Source.from_dict(known["written_by"]),
        **moments,
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


def message_fields(message: BaseMessage) -> dict[str, Any]:
    """A message as `Thread.add` takes it; `as_message` gives it back equal.

    Raises:
        InvalidInputError: it holds what is not JSON, such as a tool's artifact of another type.
    """
    try:
        data = message.model_dump(mode="json")
    except ValueError:
        raise InvalidInputError(
            f"the {message.type} message holds what is not JSON; tools may give JSON as artifact"
        ) from None
    whole = {"type": message.type, "data": data}
    if isinstance(message, RemoveMessage):  # its id is that of the message it removes
        return {"role": message.type, "content": "", "metadata": {FACE: whole}}
    return whole


def as_message(message: Message) -> BaseMessage:
    """A message of a thread, whichever face wrote it."""
    for whole in (message.original, message.metadata.get(FACE)):
        if isinstance(whole, dict) and isinstance(whole.get("data"), dict):
            return messages_from_dict([whole])[0]
    return _openai_message(message) or _plain_message(message)


def _openai_message(message: Message) -> BaseMessage | None:
    """A chat message of OpenAI's form, with its tool calls; None if it is none."""
    if not message.original or "role" not in message.original:
        return None
    try:
        (found,) = convert_to_messages([message.original])
    except (ValueError, TypeError, KeyError, NotImplementedError):
        return None
    return found


def _plain_message(message: Message) -> BaseMessage:
    content: Any = message.text if message.original else message.content
    if not isinstance(content, str | list):
        content = message.text
    named: dict[str, Any] = {"content": content, "id": message.id, "name": message.name}
    speaker = _SPEAKERS.get(message.kind)
    return speaker(**named) if speaker else ChatMessage(role=message.role, **named)
