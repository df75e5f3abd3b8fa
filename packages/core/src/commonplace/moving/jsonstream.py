"""`Values`: JSON values out of a file of any length, one at a time."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

from commonplace.errors import InvalidInputError
from commonplace.jsonvalue import refuse_constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLANK = " \t\n\r"
_MOST = 1 << 28
_NEAR = (
    16  # what is cut off in the middle of an escape or a word is at fault no further from the end
)
_OF_A_NUMBER = 2  # `1e+` is a 1 to the reader, and more of the number may come
_READER = json.JSONDecoder(parse_constant=refuse_constant)


class Values:
    """Reads JSON from its beginning to its end, as deep as it is asked to.

    Every method reads what comes next, so all that `elements` and `members` announce must be read
    before they go on. What was read is forgotten: a long file takes no more memory than its
    longest value.

    Args:
        chunks: the file in pieces.

    Raises:
        InvalidInputError: by each method: what comes next is not what it should be, is not JSON,
            or not UTF-8. Nothing more can be read then. The message holds none of the text.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._lines = 1
        self._ended = False

    @property
    def line(self) -> int:
        """The number of the line that it has come to, from 1."""
        return self._lines + self._text.count("\n", 0, self._at)

    def peek(self) -> str:
        """The first character of what comes next; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                found, end = _READER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_broken(error) or not self._fill():
                    raise InvalidInputError(f"not JSON: {error.msg}") from None
            except RecursionError:
                raise InvalidInputError("nested too deep") from None
            except InvalidInputError:
                raise
            except ValueError:
                raise InvalidInputError("not JSON: an integer has too many digits") from None
            else:
                if end + _OF_A_NUMBER < len(self._text) or not self._fill():
                    self._at = end
                    return found

    def elements(self) -> Iterator[None]:
        """A turn for each element of the array that comes next."""
        self._take("[")
        while self.peek() != "]":
            yield
            self._separated("]")
        self._take("]")

    def members(self) -> Iterator[str]:
        """The name of each member of the object that comes next; its value is to be read."""
        self._take("{")
        while self.peek() != "}":
            name = self.value()
            if not isinstance(name, str):
                raise InvalidInputError("not JSON: a member of an object has no name")
            self._take(":")
            yield name
            self._separated("}")
        self._take("}")

    def _separated(self, closing: str) -> None:
        if self.peek() != closing:
            self._take(",")
            if self.peek() == closing:
                raise InvalidInputError("not JSON: a comma with nothing after it")

    def _take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise InvalidInputError(f"not JSON: {wanted!r} is missing")
        self._at += 1

    def _is_broken(self, error: json.JSONDecodeError) -> bool:
        """Whether it is not just cut off where the text in hand ends."""
        if len(self._text) - self._at > _MOST:
            raise InvalidInputError(f"a value has more than {_MOST:,} characters; split it")
        cut = error.msg.startswith("Unterminated string") or error.pos > len(self._text) - _NEAR
        return not cut

    def _fill(self) -> bool:
        """Read on, about as much as is in hand; whether there was more."""
        if self._ended:
            return False
        wanted, size = len(self._text) - self._at, 0
        parts: list[str] = []
        while not self._ended and size <= wanted:
            parts.append(self._next())
            size += len(parts[-1])
        if size:
            self._lines = self.line
            self._text, self._at = "".join([self._text[self._at :], *parts]), 0
        return size > 0

    def _next(self) -> str:
        chunk = next(self._chunks, None)
        self._ended = chunk is None
        try:
            return self._decoder.decode(chunk or b"", final=self._ended)
        except UnicodeDecodeError:
            raise InvalidInputError("not UTF-8") from None
