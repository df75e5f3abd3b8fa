"""Messages are understood through their neighbours and their session: scores that know of both.

Arrays in, arrays out. The weights were tuned on conversations (`docs/recall.md`); they are one
setting for short talk between people and for long turns with an assistant, which stand alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from commonplace.arguments import checked_weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

SESSION_GAP = 3 * 3_600_000_000
"""A silence of so many microseconds begins another session of a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWeights:
    """How much each part of a message's context counts, 0 to 1, beside a base score of 0 to 1.

    Attributes:
        previous: the score of the turn before, borrowed by a turn that says little.
        farther: the mean score of the turns two before and two after, borrowed likewise.
        session: the mean of the three best scores of the session, for every turn in it.
        substance: given to a turn that says something; falls away where it says little.
        question: taken off a short turn that is itself a question.
        answer: the score of the short question before, by another speaker, for a short turn.
        speaker: a turn by the one speaker that the question names.
        time: a turn from the time that the question names.

    Raises:
        InvalidInputError: one of them is no number from 0 to 1.
    """

    previous: float = 0.4
    farther: float = 0.5
    session: float = 0.4
    substance: float = 0.3
    question: float = 0.1
    answer: float = 0.3
    speaker: float = 0.2
    time: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what is no weight."""
        for one in fields(self):
            checked_weight(getattr(self, one.name), one.name)


# How many telling words a turn has that says little (to borrow, and for substance), that is a
# question and no more, and from which on it stands alone.
_LITTLE, _SAYING, _ASKING, _ALONE = 8.0, 6.0, 20.0, 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Messages, in the order of their threads and of their positions there.

    Attributes:
        session: the session of each; equal ones stand together.
        speaker: a number for who speaks.
        asks: whether it is a question.
        words: how many telling words it has, about.
        named: whether the question names its speaker, and no other.
        timely: how near it is to the time that the question names, 0 to 1.
    """

    session: Ints
    speaker: Ints
    asks: Flags
    words: Floats
    named: Floats = field(default_factory=lambda: np.zeros(0))
    timely: Floats = field(default_factory=lambda: np.zeros(0))


def in_context(base: Floats, talk: Talk, weights: ContextWeights) -> dict[str, Floats]:
    """What the context adds to the base score of each message, by part."""
    words = talk.words
    borrows = np.exp(-words / _LITTLE)
    short = 1 / (1 + (words / _ALONE) ** 4)
    before = _shifted(base, talk.session, 1)
    around = (_shifted(base, talk.session, 2) + _shifted(base, talk.session, -2)) / 2
    asked = _shifted(talk.asks * short, talk.session, 1) * before
    other = np.append(True, talk.speaker[1:] != talk.speaker[:-1])[: len(base)]
    parts: dict[str, Floats] = {
        "neighbours": borrows * (weights.previous * before + weights.farther * around),
        "session": weights.session * _of_session(base, talk.session),
        "substance": -weights.substance * np.expm1(-words / _SAYING),
        "question": -weights.question * np.where(talk.asks, np.exp(-words / _ASKING), 0.0),
        "answer": weights.answer * short * other * asked,
    }
    if len(talk.named):
        parts["speaker"] = weights.speaker * talk.named
    if len(talk.timely):
        parts["time"] = weights.time * talk.timely
    return parts


def sessions(thread: Ints, time: Ints) -> Ints:
    """The session of each message: another thread, or a long silence, begins another."""
    if not len(thread):
        return thread
    begins = (np.diff(thread) != 0) | (np.diff(time) > SESSION_GAP)
    return np.concatenate([[0], np.cumsum(begins)])


def _shifted(values: Floats, session: Ints, steps: int) -> Floats:
    """The value of the message so many places before (or after, if negative) in the session."""
    moved = np.zeros_like(values)
    if steps > 0:
        same = session[steps:] == session[:-steps]
        moved[steps:] = np.where(same, values[:-steps], 0.0)
    else:
        same = session[:steps] == session[-steps:]
        moved[:steps] = np.where(same, values[-steps:], 0.0)
    return moved


def _of_session(values: Floats, session: Ints, most: int = 3) -> Floats:
    """The mean of the best `most` values of each message's session; those that lack count 0."""
    order = np.lexsort((-values, session))
    ordered = session[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    best = np.where(rank < most, values[order], 0.0)
    means = np.add.reduceat(best, starts) / most if len(starts) else best
    found = np.empty_like(values)
    found[order] = np.repeat(means, np.diff(np.append(starts, len(order))))
    return found
