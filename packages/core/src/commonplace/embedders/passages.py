"""Long texts in passages, each short enough for one vector."""

from __future__ import annotations

_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "。", "; ", ", ", " ")


def passages(text: str, longest: int | None) -> list[str]:
    """`text` in pieces of at most `longest` characters, cut where the sense allows it.

    A piece ends at the last paragraph, line, sentence, clause or word that fits, and at least half
    of it is used. Nothing is dropped but the white space around the cuts.
    """
    pieces: list[str] = []
    rest = text.strip()
    while longest is not None and len(rest) > longest:
        cut = _cut(rest, longest)
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [piece for piece in (*pieces, rest) if piece]


def _cut(text: str, longest: int) -> int:
    for mark in _BREAKS:
        found = text.rfind(mark, longest // 2, longest)
        if found >= 0:
            return found + len(mark)
    return longest
