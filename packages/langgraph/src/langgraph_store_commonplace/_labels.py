"""Any text as a namespace label, and back."""

from __future__ import annotations

import re

_REFUSED = {".": "%2E", "\0": "%00", "%": "%25", "*": "%2A"}
_EMPTY = "%"
_ROOT = "langgraph"
_ESCAPED_ROOT = "%6Canggraph"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def label(text: object) -> str:
    """A namespace label for any text: an e-mail address, a number, even the empty text.

    LangGraph refuses labels that are empty or hold a period or a NUL, and reads `*` as a pattern.
    Here these are percent-encoded; all other texts stay as they are. `unlabel` gives them back.

    Args:
        text: what to name; what is not text is turned into text first.
    """
    plain = str(text)
    if not plain:
        return _EMPTY
    if plain == _ROOT:
        return _ESCAPED_ROOT
    return "".join(_REFUSED.get(character, character) for character in plain)


def unlabel(label: str) -> str:
    """The text for which `label` gave this label."""
    if label == _EMPTY:
        return ""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), label)
