"""Conversations in the layouts of LongMemEval: questions, each with the sessions behind it.

Two are read: the benchmark's own (a list of questions that hold their `haystack_sessions`), and one
in which sessions stand beside the questions that name them, each once (`{"questions": [...],
"sessions": {id: [turns]}}`). Either way the sessions behind a question become the threads of a
scope that is named as the question, because those of another question did not happen to its user.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError
from commonplace.moving.conversations import Conversation, Head, Said
from commonplace.moving.jsonstream import Values
from commonplace.moving.reports import Refusal
from commonplace.parts import checked_record_id
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace.moving.conversations import Read
    from commonplace.moving.files import Source

_DATE = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) \([A-Z][a-z]{2}\) ([0-9]{2}):([0-9]{2})")
_OWN = frozenset({"role", "content"})


class _Place(NamedTuple):
    """Behind which question a session lies, and when it took place."""

    question: str | None
    date: object


class _Behind(NamedTuple):
    """The sessions behind a question: their ids and their dates."""

    question: str
    ids: list[str]
    dates: list[Any]


_NOWHERE = (_Place(None, None),)


def read_haystacks(source: Source, home: Scope) -> Read:
    """The conversations in a file of LongMemEval.

    Args:
        source: the file.
        home: the scope below which the questions' scopes go.
    """
    values = Values(source.chunks())
    try:
        if values.peek() == "[":
            for _ in values.elements():
                yield from _of_question(values.line, values.value(), home)
            return
        questions = list(_questions(values))
        values = Values(source.chunks())
        yield from _of_sessions(questions, values, home)
    except InvalidInputError as error:
        reason = f"{error}; nothing after it was read"
        yield Refusal(line=values.line, field=None, reason=reason)


def _of_question(line: int, said: object, home: Scope) -> Read:
    """The sessions of a question that holds them."""
    try:
        behind = _behind(said)
        sessions = _list(cast("dict[str, Any]", said), "haystack_sessions", len(behind.ids))
    except InvalidInputError as error:
        yield Refusal(line=line, field=None, reason=str(error))
        return
    for session_id, date, turns in zip(behind.ids, behind.dates, sessions, strict=True):
        yield _conversation(line, session_id, turns, _Place(behind.question, date), home)


def _of_sessions(questions: Sequence[_Behind | Refusal], values: Values, home: Scope) -> Read:
    """The sessions that stand by themselves."""
    places: dict[str, list[_Place]] = {}
    for one in questions:
        if isinstance(one, Refusal):
            yield one
            continue
        for session_id, date in zip(one.ids, one.dates, strict=True):
            places.setdefault(session_id, []).append(_Place(one.question, date))
    for name in values.members():
        if name != "sessions":
            values.value()
            continue
        for session_id in values.members():
            line, turns = values.line, values.value()
            for place in places.get(session_id, _NOWHERE):
                yield _conversation(line, session_id, turns, place, home)


def _questions(values: Values) -> Iterator[_Behind | Refusal]:
    """What lies behind the questions of a file, wherever they stand in it."""
    for name in values.members():
        if name == "questions":
            for _ in values.elements():
                yield _checked(values.line, values.value())
        elif name == "sessions":
            for _ in values.members():
                values.value()
        else:
            values.value()


def _checked(line: int, said: object) -> _Behind | Refusal:
    try:
        return _behind(said)
    except InvalidInputError as error:
        return Refusal(line=line, field=None, reason=str(error))


def _behind(said: object) -> _Behind:
    if not isinstance(said, dict):
        raise InvalidInputError("a question is an object")
    given = cast("dict[str, Any]", said)
    ids = [checked_record_id(one) for one in _list(given, "haystack_session_ids", None)]
    dates = _list(given, "haystack_dates", len(ids))
    return _Behind(checked_record_id(given.get("question_id")), ids, dates)


def _list(given: dict[str, Any], name: str, length: int | None) -> list[Any]:
    found = given.get(name)
    if not isinstance(found, list):
        raise InvalidInputError(f"a question lacks its {name}")
    items = cast("list[Any]", found)
    if length is not None and len(items) != length:
        raise InvalidInputError(f"a question has {length} sessions, and {len(items)} {name}")
    return items


def _conversation(
    line: int, session_id: str, turns: object, place: _Place, home: Scope
) -> Conversation | Refusal:
    try:
        began = None if place.date is None else _began(place.date)
        if not isinstance(turns, list):
            raise InvalidInputError("a session is a list of turns")  # noqa: TRY301 - as the others
        messages = [_message(one, began, n) for n, one in enumerate(cast("list[Any]", turns))]
        head = _head(checked_record_id(session_id), place, began, home)
    except InvalidInputError as error:
        return Refusal(line=line, field=None, reason=str(error))
    return Conversation(line, head, [Said(line, one) for one in messages])


def _head(session_id: str, place: _Place, began: datetime | None, home: Scope) -> Head:
    if place.question is None:
        return Head(name=session_id, key=session_id)
    return Head(
        name=session_id,
        key=session_id,
        scope=Scope(*home.segments, place.question),
        metadata={"question_id": place.question, "date": place.date},
        created_at=None if began is None else to_micros(began, "date"),
    )


def _message(turn: object, began: datetime | None, number: int) -> dict[str, Any]:
    """A turn as a message; what else it says goes to its metadata.

    A file tells the minute in which a session began. Its turns are a microsecond apart, so that
    they are in order by their times too.
    """
    if not isinstance(turn, dict):
        raise InvalidInputError("a turn is an object with role and content")
    said = cast("dict[str, Any]", turn)
    message = {name: part for name, part in said.items() if name in _OWN}
    message["metadata"] = {name: part for name, part in said.items() if name not in _OWN}
    if began is not None:
        message["created_at"] = began + timedelta(microseconds=number)
    return message


def _began(date: object) -> datetime:
    found = _DATE.fullmatch(date) if isinstance(date, str) else None
    try:
        year, month, day, hour, minute = map(int, found.groups() if found else ())
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        raise InvalidInputError("a date is written like 2023/05/20 (Sat) 02:21") from None
