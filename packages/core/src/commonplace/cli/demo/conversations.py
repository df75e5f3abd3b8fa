"""The conversations the demo remembers: read from files, turned into records.

They are an excerpt of LongMemEval (MIT); see `cli/data/longmemeval/README.md`.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from commonplace import InvalidInputError, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Line = TypeVar("_Line")

SHIPPED = Path(__file__).parents[1] / "data" / "longmemeval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said, and whether the data set marks it as answering its user's question."""

    role: str
    content: str
    has_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One chat of one user."""

    user: str
    name: str
    date: datetime
    turns: tuple[Turn, ...]

    def messages(self) -> list[dict[str, Any]]:
        """Its turns as `Thread.add` takes them, in order."""
        return [
            {
                "role": turn.role,
                "content": turn.content,
                # The set dates sessions, not turns: a second each keeps them in their order.
                "created_at": self.date + timedelta(seconds=number),
                "metadata": {"role": turn.role, "turn": number},
            }
            for number, turn in enumerate(self.turns)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a user asks after all their sessions."""

    user: str
    type: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Questions, one a user, and the sessions behind them."""

    questions: tuple[Question, ...]
    sessions: tuple[Session, ...]


def scope_of(user: str) -> Scope:
    """Where everything of one user lives."""
    return Scope("users", user)


def load(directory: Path) -> Conversations:
    """The conversations in `directory`: `questions.jsonl` and `sessions.jsonl.gz`.

    Raises:
        InvalidInputError: they are not there, or not in the format of the data's README.
    """
    try:
        questions = _lines((directory / "questions.jsonl").read_bytes(), _question)
        sessions = _lines(gzip.decompress((directory / "sessions.jsonl.gz").read_bytes()), _session)
    except OSError as error:  # gzip reports damage as OSError or EOFError
        raise InvalidInputError(_missing(directory)) from error
    except (EOFError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"the conversations in {str(directory)!r} are not in the demo's format; make them anew "
            "with scripts/make_example_data.py, or leave --data out"
        ) from error
    if not questions or not sessions:
        raise InvalidInputError(_missing(directory))
    return Conversations(questions=tuple(questions), sessions=tuple(sessions))


def _lines(data: bytes, read: Callable[[dict[str, Any]], _Line]) -> Sequence[_Line]:
    return [read(json.loads(line)) for line in data.split(b"\n") if line]


def _question(line: dict[str, Any]) -> Question:
    return Question(
        user=line["user"], type=line["type"], question=line["question"], answer=line["answer"]
    )


def _session(line: dict[str, Any]) -> Session:
    return Session(
        user=line["user"],
        name=line["session"],
        date=_date(line["date"]),
        turns=tuple(Turn(**turn) for turn in line["turns"]),
    )


def _date(text: str) -> datetime:
    """The set's `2023/05/20 (Sat) 10:51`; it names no time zone, so UTC is taken."""
    day, _, time = text.split(" ")  # not %a: that reads the weekday in the machine's language
    return datetime.strptime(f"{day} {time}", "%Y/%m/%d %H:%M").replace(tzinfo=UTC)


def _missing(directory: Path) -> str:
    return (
        f"{str(directory)!r} holds no conversations; leave --data out for those that come with "
        "Commonplace, or make them with scripts/make_example_data.py"
    )
