"""From what a caller gave to a whole, checked message: everything bad is refused here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from commonplace import limits
from commonplace.arguments import checked_iterable, checked_offset
from commonplace.clock import from_iso, from_micros, from_micros_if_any
from commonplace.drafts import Draft, RecordFields, draft
from commonplace.errors import InvalidInputError
from commonplace.jsonvalue import checked_json, dump_json, load_json
from commonplace.message import Message, ThreadInfo, text_of
from commonplace.parts import checked_name, checked_record_id
from commonplace.threads.calls import called
from commonplace.threads.formats import is_framework_message, parts_of
from commonplace.threads.tokens import approximate_tokens

if TYPE_CHECKING:
    from typing import Protocol, TypeAlias

    from commonplace.ledger import Place, ThreadRow
    from commonplace.record import Record, Source
    from commonplace.scope import Scope
    from commonplace.threads.formats import Parts

    class FrameworkMessage(Protocol):
        """A message of LangChain, AutoGen or OpenAI."""

        def model_dump(self) -> dict[str, Any]:
            """Its fields."""
            ...

    MessageLike: TypeAlias = Message | FrameworkMessage | Mapping[str, Any] | tuple[str, Any] | str
    """A message in any form that `Thread.add` takes."""

_SECOND = 1_000_000
KIND = "message"
"""The kind of the records that hold messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDraft:
    """A message about to be written: its record, and what is said of it beside that."""

    draft: Draft
    id: str | None
    role: str
    role_type: str | None
    name: str | None
    token_count: int


def as_list(messages: MessageLike | Iterable[MessageLike]) -> list[MessageLike]:
    """One message or several, as a list.

    Raises:
        InvalidInputError: it is neither.
    """
    if isinstance(messages, Message | Mapping | str) or is_framework_message(messages):
        return [cast("MessageLike", messages)]
    if isinstance(messages, tuple) and len(messages) == 2 and isinstance(messages[0], str):  # noqa: PLR2004 - a pair of role and content
        return [cast("MessageLike", messages)]
    if isinstance(messages, tuple) and messages and isinstance(messages[0], str):
        raise InvalidInputError("a message in a tuple is a pair of a role and a content")
    return list(checked_iterable(cast("Iterable[MessageLike]", messages), "messages"))


def message_draft(
    given: MessageLike, *, scope: Scope, now: int, fresh_id: str, source: Source, embed: bool
) -> MessageDraft:
    """The checked draft of a message.

    Args:
        given: the message in any form.
        scope: where its thread is.
        now: the present moment in microseconds.
        fresh_id: the id of its record.
        source: who writes it, where it does not say so itself.
        embed: whether it is found by a search.

    Raises:
        InvalidInputError: it is in no known form, or a part of it is malformed.
        LimitExceededError: it is too large.
    """
    parts = parts_of(given.to_dict() if isinstance(given, Message) else given)
    content = checked_json(parts.content, "content")
    original = cast("dict[str, Any] | None", checked_json(parts.original, "a message"))
    fields = _record_fields(parts.own, source)
    fields["id"], fields["embed"] = fresh_id, embed
    if original is not None:
        shown = _content_of(original) == {"content": content}
        fields["value"] = {"original": original} | ({} if shown else {"content": content})
    elif not isinstance(content, str):
        fields["value"] = {"content": content}
    made = draft(text_of(content), fields, scope=scope, now=now, fresh_id=fresh_id)
    whole = MessageDraft(
        draft=replace(made, chosen_id=False),
        id=_optional(parts.own.get("id"), "id"),
        role=_named(parts.role, "role"),
        role_type=_optional(parts.own.get("role_type"), "role_type"),
        name=_optional(parts.own.get("name"), "name"),
        token_count=0,
    )
    return replace(whole, token_count=_tokens(parts, whole))


def message_of(record: Record, place: Place) -> Message:
    """The message that a record holds."""
    value = cast("dict[str, Any]", record.value if isinstance(record.value, dict) else {})
    original = value.get("original") if isinstance(value.get("original"), dict) else None
    held = {"content": record.content} | _content_of(original) | value
    content = held["content"]
    if text_of(content) != record.content:  # the record was changed by itself
        content, original = record.content, None
    return Message(
        role=place.role,
        content=content,
        id=place.message_id or record.id,
        role_type=place.role_type,
        name=place.name,
        metadata=record.metadata,
        created_at=record.created_at,
        token_count=place.token_count,
        position=place.position,
        record_id=record.id,
        expires_at=record.expires_at,
        source=record.source,
        original=original,
    )


def _content_of(original: dict[str, Any] | None) -> dict[str, Any]:
    """The content that is seen in a message's original form, if any is."""
    try:
        return {} if original is None else {"content": parts_of(original).content}
    except InvalidInputError:
        return {}


def info_of(row: ThreadRow, scope: Scope) -> ThreadInfo:
    """What a row of the ledger says of a thread."""
    return ThreadInfo(
        id=row.id,
        key=row.key,
        scope=scope,
        metadata=load_json(row.metadata),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        ended_at=from_micros_if_any(row.ended_at),
        expires_at=from_micros_if_any(row.expires_at),
        max_messages=row.max_messages,
        message_ttl=None if row.message_ttl is None else row.message_ttl / _SECOND,
        messages=row.messages,
        tokens=row.tokens,
    )


def _record_fields(own: Mapping[str, Any], source: Source) -> RecordFields:
    fields: RecordFields = {"kind": KIND, "source": own.get("source") or source}
    if own.get("metadata") is not None:
        fields["metadata"] = own["metadata"]
    if own.get("ttl") is not None:
        fields["ttl"] = own["ttl"]
    for name in ("created_at", "expires_at"):
        if own.get(name) is not None:
            fields[name] = _moment(own[name], name)
    return fields


def _moment(given: object, name: str) -> datetime:
    if isinstance(given, str):
        return from_iso(given)
    if isinstance(given, datetime):
        return given
    raise InvalidInputError(f"{name} is a datetime, or one as ISO 8601 text")


def _tokens(parts: Parts, made: MessageDraft) -> int:
    given = parts.own.get("token_count")
    if given is not None:
        return checked_offset(given, "token_count")
    record = made.draft.record
    text = record.content
    if record.value is not None and called(_shown(made)):
        text = dump_json(cast("Any", record.value))
    return approximate_tokens(text)


def _shown(made: MessageDraft) -> Message:
    record = made.draft.record
    value = cast("dict[str, Any]", record.value)
    return Message(
        role=made.role,
        content=value.get("content"),
        id=record.id,
        created_at=record.created_at,
        token_count=0,
        position=0,
        record_id=record.id,
        source=record.source,
        original=value.get("original"),
    )


def _optional(given: object, name: str) -> str | None:
    if given is None:
        return None
    return checked_record_id(given) if name == "id" else _named(given, name)


def _named(given: object, name: str) -> str:
    found = checked_name(given, f"a message's {name}", limits.MAX_TAG_CHARACTERS)
    if not found:
        raise InvalidInputError(f"a message's {name} may not be empty")
    return found
