"""Texts as PostgreSQL keeps them: any character, also NUL, in the order of code points.

PostgreSQL's texts cannot hold U+0000. Four characters that no text of people's holds are written as
three each: U+0001 begins such a group, U+0002 and U+0003 stand only within one. So every text comes
back equal, texts compare as they did, and one holds another if and only if it did before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_GROUPS = {
    "\0": "\x01\x02\x02",
    "\x01": "\x01\x02\x03",
    "\x02": "\x01\x03\x02",
    "\x03": "\x01\x03\x03",
}
_WRITTEN = str.maketrans(_GROUPS)
_READ = {group: character for character, group in _GROUPS.items()}
_GROUP = re.compile("\x01[\x02\x03][\x02\x03]")


def written(text: str) -> str:
    """The text as PostgreSQL is given it."""
    if "\0" in text or "\x01" in text or "\x02" in text or "\x03" in text:
        return text.translate(_WRITTEN)
    return str.__str__(text)  # what is stored of an enum member


def read(text: str) -> str:
    """The text that `written` made what PostgreSQL gives of."""
    if "\x01" in text:
        return _GROUP.sub(lambda found: _READ[found[0]], text)
    return text


def quoted(lexeme: str) -> str:
    """A word as it stands in a `tsvector` or a `tsquery`."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def array_of_texts(texts: Iterable[str | None]) -> str:
    """An array as PostgreSQL reads it."""
    return "{" + ",".join("NULL" if text is None else _in_array(text) for text in texts) + "}"


def array_of_numbers(numbers: Iterable[float | None]) -> str:
    """As `array_of_texts`, of integers or floats."""
    return "{" + ",".join("NULL" if one is None else repr(one) for one in numbers) + "}"


def _in_array(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
