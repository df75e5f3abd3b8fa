"""`Scope`: where a record lives, as a path of whole segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from commonplace.errors import InvalidInputError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
MAX_SEGMENT_BYTES = 1024

ScopeLike: TypeAlias = "Scope | str"
"""A `Scope`, or its path as text such as `"users/alice"`."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Scope:
    r"""A place in the memory: `Scope("users", "alice")`, the same as `"users/alice"` as text.

    A scope contains what is at it and below it, by whole segments and never by text prefix:
    `acme` does not contain `acme-corp` (CVE-2026-71433 was that mistake). The root, `Scope()`,
    contains everything. In a path as text a `/` that belongs to a segment is written `\/`
    and a backslash is written `\\`.

    Args:
        *segments: any non-empty Unicode text each, compared exactly and case-sensitively.

    Raises:
        InvalidInputError: a segment is empty, not text, or holds a lone surrogate.
        LimitExceededError: more than 32 segments, or one of more than 1,024 UTF-8 bytes.
    """

    segments: tuple[str, ...]

    def __init__(self, *segments: str) -> None:
        if len(segments) > MAX_DEPTH:
            raise LimitExceededError(
                f"a scope has at most {MAX_DEPTH} segments, got {len(segments)}; use fewer levels"
            )
        for segment in segments:
            _check_segment(segment)
        object.__setattr__(self, "segments", tuple(map(str.__str__, segments)))

    @classmethod
    def of(cls, value: ScopeLike) -> Scope:
        """The scope that `value` names: itself, or the parsed path.

        Raises:
            InvalidInputError: `value` is neither a `Scope` nor text, or the path has an empty
                segment or an unfinished escape.
        """
        if isinstance(value, Scope):
            return value
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(
                f"a scope is a Scope or a path as text such as 'users/alice', "
                f"not {type(value).__name__}"
            )
        return cls.parse(value)

    @classmethod
    def parse(cls, path: str) -> Scope:
        """The scope written as `path`; the empty text is the root."""
        return cls(*_split(path)) if path else cls()

    @property
    def path(self) -> str:
        """The scope as text; `Scope.parse` reads it back."""
        return "/".join(map(_escape, self.segments))

    @property
    def parent(self) -> Scope:
        """The scope one level up; the root is its own parent."""
        return Scope(*self.segments[:-1])

    def ancestors(self) -> Iterator[Scope]:
        """Every scope that contains this one: itself first, the root last."""
        for length in range(len(self.segments), -1, -1):
            yield Scope(*self.segments[:length])

    def contains(self, other: Scope) -> bool:
        """Whether `other` is this scope or lies below it."""
        return other.segments[: len(self.segments)] == self.segments

    def __truediv__(self, segment: str) -> Scope:
        """The scope below this one: `Scope("users") / "alice"`."""
        return Scope(*self.segments, segment)

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Scope({', '.join(map(repr, self.segments))})"


ROOT = Scope()
"""The scope that contains everything."""


def _check_segment(segment: object) -> None:
    if not isinstance(segment, str):
        raise InvalidInputError(f"a scope segment is text, not {type(segment).__name__}")
    if not segment:
        raise InvalidInputError(
            "a scope segment may not be empty; check for a doubled, leading or trailing '/'"
        )
    try:
        size = len(segment.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError("a scope segment holds a lone surrogate; remove it") from error
    if size > MAX_SEGMENT_BYTES:
        raise LimitExceededError(
            f"a scope segment has at most {MAX_SEGMENT_BYTES} UTF-8 bytes, got {size}; shorten it"
        )


def _escape(segment: str) -> str:
    return segment.replace("\\", "\\\\").replace("/", "\\/")


def _split(path: str) -> list[str]:
    if "\\" not in path:
        return path.split("/")
    segments = [""]
    characters = iter(path)
    for character in characters:
        if character == "/":
            segments.append("")
        elif character == "\\":
            segments[-1] += _unescaped(next(characters, ""))
        else:
            segments[-1] += character
    return segments


def _unescaped(character: str) -> str:
    if character not in {"/", "\\"} or not character:
        raise InvalidInputError(r"in a scope path a backslash stands before '/' or '\' only")
    return character
