"""Conversations and questions: LoCoMo, LongMemEval, or a JSONL file of one's own."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from commonplace.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Format: TypeAlias = Literal["locomo", "longmemeval", "jsonl"]

WHERE = {
    "locomo": "data/locomo10.json of https://github.com/snap-research/locomo (CC BY-NC 4.0)",
    "longmemeval": "longmemeval_s.json of https://github.com/xiaowu0162/LongMemEval (MIT)",
    "jsonl": "a file of your own, one conversation a line; its form is in docs/recall.md",
}
"""Where the data comes from; none of it is shipped."""

_CATEGORIES = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
_EVIDENCE = re.compile(r"D:?(\d+):0*(\d+)")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: who said what, in which session, when."""

    id: str
    text: str
    speaker: str
    session: str
    at: datetime | None = None

    @property
    def spoken(self) -> str:
        """The turn as systems without speakers are given it."""
        known = self.speaker in {"", "user", "assistant"}
        return self.text if known else f"{self.speaker}: {self.text}"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, the turns that answer it, and the moment it is asked."""

    id: str
    text: str
    answers: tuple[str, ...]
    category: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of several sessions, and what is asked about it."""

    id: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def load(path: Path, format: Format, *, roles: str = "user") -> list[Conversation]:  # noqa: A002 - the field's name
    """The conversations in a file, those without an answerable question left out.

    Args:
        path: the file, packed with gzip if it ends in `.gz`.
        format: `locomo`, `longmemeval` or `jsonl`.
        roles: `user` or `all`: whose turns of LongMemEval count.

    Raises:
        NotFoundError: it is not there; the message says where to get it.
        InvalidInputError: it is not in that format.
    """
    if format not in WHERE:
        raise InvalidInputError(f"the format is one of {sorted(WHERE)}")
    if not path.is_file():
        raise NotFoundError(f"there is no file {str(path)!r}; download {WHERE[format]}")
    try:
        text = _text(path)
        if format == "jsonl":
            found = [_own(json.loads(line)) for line in text.splitlines() if line.strip()]
        elif format == "locomo":
            found = [_locomo(sample) for sample in json.loads(text)]
        else:
            found = [_longmemeval(entry, roles) for entry in _entries(json.loads(text))]
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise InvalidInputError(f"{str(path)!r} is not {WHERE[format]}") from error
    return [one for one in found if one.questions]


def sha256(path: Path) -> str:
    """The hash of a file, for the record."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(path: Path) -> str:
    packed = path.read_bytes()
    return (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")


def _own(entry: dict[str, Any]) -> Conversation:
    turns = tuple(
        Turn(
            str(turn["id"]),
            turn["text"],
            turn.get("speaker", ""),
            str(turn.get("session", "")),
            _moment(turn.get("at")),
        )
        for turn in entry["turns"]
    )
    known = {turn.id for turn in turns}
    name = str(entry["conversation"])
    questions = tuple(
        Question(
            f"{name}/{number}",
            asked["question"],
            tuple(one for one in map(str, asked["answers"]) if one in known),
            asked.get("category", "all"),
            _moment(asked.get("at")),
        )
        for number, asked in enumerate(entry["questions"])
    )
    return Conversation(name, turns, tuple(one for one in questions if one.answers))


def _locomo(sample: dict[str, Any]) -> Conversation:
    talk, name = sample["conversation"], sample["sample_id"]
    turns = tuple(_locomo_turns(talk))
    known = {turn.id for turn in turns}
    last = max((turn.at for turn in turns if turn.at), default=None)
    questions: list[Question] = []
    for number, asked in enumerate(sample["qa"]):
        evidence = " ".join(map(str, asked.get("evidence") or ()))
        named = dict.fromkeys(f"D{a}:{b}" for a, b in _EVIDENCE.findall(evidence))
        answers = tuple(one for one in named if one in known)
        if answers:
            category = _CATEGORIES[asked["category"]]
            questions.append(
                Question(f"{name}/{number}", asked["question"], answers, category, last)
            )
    return Conversation(name, turns, tuple(questions))


def _locomo_turns(talk: dict[str, Any]) -> Iterator[Turn]:
    numbers = sorted(int(m[1]) for key in talk if (m := re.fullmatch(r"session_(\d+)", key)))
    for number in numbers:
        at = _locomo_time(talk.get(f"session_{number}_date_time", ""))
        for turn in talk[f"session_{number}"] or ():
            yield Turn(turn["dia_id"], turn["text"], turn["speaker"], str(number), at)


def _locomo_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _entries(loaded: Any) -> list[dict[str, Any]]:
    """The entries of LongMemEval; also of a file that holds each session once."""
    if isinstance(loaded, list):
        return cast("list[dict[str, Any]]", loaded)
    sessions = loaded["sessions"]
    return [
        {**entry, "haystack_sessions": [sessions[one] for one in entry["haystack_session_ids"]]}
        for entry in loaded["questions"]
    ]


def _longmemeval(entry: dict[str, Any], roles: str) -> Conversation:
    name = entry["question_id"]
    turns: list[Turn] = []
    answers: list[str] = []
    rows = zip(
        entry["haystack_session_ids"],
        entry["haystack_dates"],
        entry["haystack_sessions"],
        strict=True,
    )
    for number, (session, date, said) in enumerate(rows):
        for place, turn in enumerate(said):
            if roles == "all" or turn["role"] == roles:
                key = f"{number}:{session}#{place}"
                at = _longmemeval_time(date)
                turns.append(Turn(key, turn["content"], turn["role"], f"{number}:{session}", at))
                answers += [key] if turn.get("has_answer") else []
    asked_at = _longmemeval_time(entry["question_date"])
    question = Question(name, entry["question"], tuple(answers), entry["question_type"], asked_at)
    answerable = bool(answers) and not name.endswith("_abs")
    return Conversation(name, tuple(turns), (question,) if answerable else ())


def _longmemeval_time(text: str) -> datetime:
    plain = re.sub(r"\s*\(.*?\)\s*", " ", text)
    return datetime.strptime(plain, "%Y/%m/%d %H:%M").replace(tzinfo=UTC)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
