"""Between AutoGen's `MemoryContent` and a record: pure functions, the same both ways.

What is searched is the record's `content`. What a record has no place for (bytes, an image, a
dict, a MIME type that the content does not imply) stands in its `value` under `"autogen"`.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from autogen_core import Image
from autogen_core.memory import MemoryContent, MemoryMimeType

from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonplace import Hit, Record, RecordFields, Source

APP = "autogen"
"""What the provenance of a record says, and the key of this face's part of its value."""
CAPTION = "caption"
"""The metadata that says in words what bytes or an image show."""
OWN = ("id", "score", "similarity", "created_at")
"""What a result's metadata says of its record."""
DISPLACED = "own"
"""Where a result has the caller's metadata that bears one of those names."""
_READABLE = ("text/", "application/json", "application/xml", "application/yaml")
_PLAIN = "plain"


def to_fields(content: MemoryContent) -> tuple[str, RecordFields]:
    """The text and the fields of the record that holds this content.

    Raises:
        InvalidInputError: a dict holds what JSON cannot.
    """
    fields: RecordFields = {"metadata": content.metadata}
    fields["value"] = {APP: kept} if (kept := {**_body(content), **_mime(content)}) else None
    return text_of(content), fields


def text_of(content: str | MemoryContent) -> str:
    """The text that content is searched by, empty if it has none.

    A text is itself; a dict is its JSON with sorted keys; bytes are their text if their MIME type
    says that they are one, else the caption in the metadata, as of an image.

    Raises:
        InvalidInputError: a dict holds what JSON cannot.
    """
    if isinstance(content, str):
        return content
    body = content.content
    if isinstance(body, str):
        return body
    if isinstance(body, dict):
        return _json_text(body)
    read = _decoded(body, _mime_text(content.mime_type)) if isinstance(body, bytes) else None
    return read or _caption(content.metadata)


def from_record(record: Record) -> MemoryContent:
    """The content that a record holds; of one that another face wrote, its text."""
    return _content(record, {})


def from_hit(hit: Hit) -> MemoryContent:
    """The content that was found, with what it was ranked by and its cosine."""
    return _content(hit.record, {"score": hit.score, "similarity": hit.similarity})


def told_of(hit: Hit) -> MemoryContent:
    """The content that was found, as an agent's event can hold it: of bytes the text.

    AutoGen writes events into the state of a team as JSON, which it cannot do with bytes.
    """
    content = from_hit(hit)
    if not isinstance(content.content, bytes):
        return content
    told = {"content": hit.content, "mime_type": MemoryMimeType.TEXT}
    return content.model_copy(update=told)


def changes_of(content: MemoryContent, record: Record | None, writer: Source) -> dict[str, Any]:
    """What to change in a record, so that it holds this content, which a writer says.

    The value that another framework stored with its own record stays as it is; only the text and
    the metadata are changed there.

    Raises:
        InvalidInputError: such a record is to hold anything but a text; or as in `to_fields`.
    """
    text, fields = to_fields(content)
    changes: dict[str, Any] = {"content": text, "metadata": fields.get("metadata")}
    if record is not None:
        changes["source"] = record.source.changed_by(writer)
    if record is None or record.source.app == APP:
        return {**changes, "value": fields.get("value")}
    if not isinstance(content.content, str):
        raise InvalidInputError(
            f"record {record.id!r} was written through another framework and takes a text here; "
            "delete it and add a new one"
        )
    return changes if text != record.text else {"metadata": changes["metadata"]}


def own_metadata(content: MemoryContent, record_id: str) -> MemoryContent:
    """The content as its caller wrote it, if it is a result that was read for this record."""
    metadata = content.metadata or {}
    if metadata.get("id") != record_id:
        return content
    written = {name: part for name, part in metadata.items() if name not in {*OWN, DISPLACED}}
    displaced = cast("dict[str, Any]", metadata.get(DISPLACED) or {})
    return content.model_copy(update={"metadata": {**written, **displaced}})


def _content(record: Record, found: Mapping[str, Any]) -> MemoryContent:
    kept = _kept(record)
    body = _read_body(record, kept)
    return MemoryContent(
        content=body,
        mime_type=_read_mime(kept, body),
        metadata=_read_metadata(record, found),
    )


def _read_metadata(record: Record, found: Mapping[str, Any]) -> dict[str, Any]:
    own = {"id": record.id, **found, "created_at": record.created_at.isoformat()}
    displaced = {name: part for name, part in record.metadata.items() if name in {*OWN, DISPLACED}}
    given = {name: part for name, part in record.metadata.items() if name not in displaced}
    return {**given, **({DISPLACED: displaced} if displaced else {}), **own}


def _body(content: MemoryContent) -> dict[str, Any]:
    body = content.content
    if isinstance(body, dict):
        return {"json": body}
    if isinstance(body, bytes):
        return {"bytes": base64.b64encode(body).decode()}
    return {"image": body.to_base64()} if isinstance(body, Image) else {}


def _read_body(record: Record, kept: Mapping[str, Any]) -> str | bytes | dict[str, Any] | Image:
    """What was kept; the text alone if another face has changed the record since, or damaged it."""
    with suppress(TypeError, ValueError, OSError):  # Pillow says OSError of what is no image
        body = cast("dict[str, Any] | None", kept.get("json"))
        if isinstance(body, dict) and _json_text(body) == record.content:
            return body
        if "bytes" in kept:
            return base64.b64decode(kept["bytes"], validate=True)
        if "image" in kept:
            return Image.from_base64(kept["image"])
    return record.content if record.source.app == APP else record.text


def _mime(content: MemoryContent) -> dict[str, Any]:
    """The MIME type where the content does not imply it, and whether it was a plain text."""
    given = content.mime_type
    if isinstance(given, MemoryMimeType):
        return {} if given is _implied(content.content) else {"mime_type": given.value}
    known = given in {member.value for member in MemoryMimeType}
    return {"mime_type": given, _PLAIN: True} if known else {"mime_type": given}


def _read_mime(kept: Mapping[str, Any], body: object) -> MemoryMimeType | str:
    named = kept.get("mime_type")
    if not isinstance(named, str):
        return _implied(body)
    if kept.get(_PLAIN):
        return named
    return next((member for member in MemoryMimeType if member.value == named), named)


def _implied(body: object) -> MemoryMimeType:
    if isinstance(body, dict):
        return MemoryMimeType.JSON
    if isinstance(body, bytes):
        return MemoryMimeType.BINARY
    return MemoryMimeType.IMAGE if isinstance(body, Image) else MemoryMimeType.TEXT


def _kept(record: Record) -> dict[str, Any]:
    value = record.value
    kept = value.get(APP) if isinstance(value, dict) and record.source.app == APP else None
    return cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}


def _json_text(body: object) -> str:
    try:
        return json.dumps(body, ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            "a dict to remember holds what JSON cannot; make dates and such texts first"
        ) from error


def _mime_text(mime_type: MemoryMimeType | str) -> str:
    return mime_type.value if isinstance(mime_type, MemoryMimeType) else mime_type


def _decoded(body: bytes, mime_type: str) -> str | None:
    if not mime_type.startswith(_READABLE):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _caption(metadata: Mapping[str, Any] | None) -> str:
    caption = (metadata or {}).get(CAPTION)
    return caption if isinstance(caption, str) else ""
