"""Where e-mail addresses, card numbers and API keys lie in a text; phone numbers: `phones`.

Every search takes time linear in the text: what repeats without bound either never gives back what
it took (`++`), or gives it back one step at a time to a test of fixed length, and is never begun
twice in the same run of characters.

A finder is given a *folded* text: as long as the original, with one form for each digit, space and
dash. What it finds begins and ends between characters that could not have been part of it, so that
replacing it reveals nothing new.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span: TypeAlias = tuple[int, int]

_ESCAPE = re.compile(r"\\[nrt]")


def folded(text: str) -> str:
    """`text` with one form for each digit, space, dash and the like, position by position.

    A line break written as an escape, as in JSON inside a text, becomes spaces.
    """
    if "\\" in text:
        text = _ESCAPE.sub("  ", text)
    return text if text.isascii() else text.translate(_folds())


def masked(text: str, spans: Iterable[Span]) -> str:
    """`text` with something that no finder looks for in these places; spans in order."""
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        parts += [text[end:start], "]" * (stop - start)]
        end = stop
    return "".join([*parts, text[end:]])


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses, those of international domains included."""
    if "@" in text:
        yield from (found.span() for found in _EMAIL.finditer(text))


def cards(text: str) -> Iterator[Span]:
    """Payment card numbers: 13 to 19 digits as networks issue them, with a Luhn check digit."""
    for run in _CARD_RUN.finditer(text):
        groups = [group.span() for group in _DIGITS.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _card_end(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def keys(text: str) -> Iterator[Span]:
    """API keys, tokens and private keys of well-known forms."""
    for found in _KEY.finditer(text):
        yield found.span("token" if found["token"] else 0)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    odd, even = digits[-1::-2], digits[-2::-2]
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in even)
    return (sum(map(int, odd)) + doubled) % 10 == 0


@functools.cache
def _folds() -> dict[int, str]:
    folds = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(128, sys.maxunicode + 1)
        if chr(code).isdecimal()
    }
    folds |= dict.fromkeys([0xA0, 0x2007, 0x2009, 0x202F, 0x3000], " ")
    folds |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE63, 0xFF0D], "-")
    return folds | {0xFF20: "@", 0xFF0E: ".", 0xFF0B: "+", 0xFF08: "(", 0xFF09: ")", 0xFF0F: "/"}


_DOMAIN = r"""
    @ (?!\d+\.\d | \dx\.)                     # name@1.2.3-beta.x is a version, logo@2x.png a file
    (?:[\w-]++\.)+ (?:xn--[\w-]{2,} | [^\W\d_]{2,})
"""
# A local part is a whole run of its characters, and of such runs joined by an apostrophe. What is
# written on without a gap belongs to it, up to the last address.
_EMAIL = re.compile(
    rf"""
    (?<![\w.%+-]) (?<![\w.%+-]')
    (?!git@)                                   # git@github.com:owner/name is an address of code
    [\w.%+-]++ (?:'[\w.%+-]++)*+ (?<!\.) {_DOMAIN}
    (?:[\w.%+'-]*+ {_DOMAIN})*
    """,
    re.VERBOSE,
)

_DIGITS = re.compile(r"[0-9]+")
_CARD_RUN = re.compile(
    r"(?=[0-9])(?<![^\W_])(?<!\d\.)(?<!\+)[0-9]++(?:[ -][0-9]++)*(?![^\W_]|\+|\.[0-9])"
)
# How many digits the cards of a network have: its first digits, then how many follow.
_NETWORK = re.compile(
    r"""
      4 (?:\d{12} | \d{15} | \d{18})          # Visa
    | 2[2-7] \d{14,17}                        # Mastercard, Mir
    | 3[0689] \d{12,17} | 35 \d{14,17}        # Diners Club, JCB
    | 3[47] \d{13}                            # American Express
    | [56] \d{12,18}                          # Mastercard, Maestro, UnionPay, Discover, RuPay
    """,
    re.VERBOSE,
)
_FEWEST, _MOST, _MOST_GROUPS = 13, 19, 5
_GROUPINGS = {(4, 6, 5), (4, 6, 4), (8, 8), (6, 10), (6, 13)}


def _card_end(text: str, groups: list[Span], first: int) -> int | None:
    """The last group of the longest card number that begins with a group."""
    for last in range(min(first + _MOST_GROUPS, len(groups)) - 1, first - 1, -1):
        if not _FEWEST <= groups[last][1] - groups[first][0] - (last - first) <= _MOST:
            continue
        digits = [text[start:end] for start, end in groups[first : last + 1]]
        number = "".join(digits)
        if _is_grouped(digits) and _NETWORK.fullmatch(number) and luhn(number):
            return last
    return None


def _is_grouped(digits: list[str]) -> bool:
    *before, last = map(len, digits)
    fours = all(length == 4 for length in before) and last <= 7  # noqa: PLR2004 - as on the card
    return not before or fours or (*before, last) in _GROUPINGS


_KEY = re.compile(
    r"""
    -----BEGIN[ ](?:[A-Z0-9]{1,16}[ ]){0,4}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
    (?: (?:(?!-----)[\w\s.%+'"`@/\\:=#~()$,-])*+                # whole, or cut off
        -----END[ ](?:[A-Z0-9]{1,16}[ ]){0,4}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      | (?:\s*+[A-Za-z0-9+/=]{16,}+)++
    )
  | (?<![A-Za-z0-9]) (?:
        sk-(?=[a-z_-]{0,64}[0-9A-Z])[A-Za-z0-9_-]{16,}             # OpenAI, Anthropic and others
      | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}                   # Stripe
      | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])                   # AWS
      | gh[a-z]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,}    # GitHub
      | glpat-[A-Za-z0-9_-]{16,}                                   # GitLab
      | xox[a-z]-[A-Za-z0-9-]{10,}                                 # Slack
      | AIza[A-Za-z0-9_-]{30,}                                     # Google
      | hf_[A-Za-z0-9]{30,}                                        # Hugging Face
      | (?<![_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,3}    # JWT
      | (?i:bearer)[ ]{1,4}(?=[A-Za-z._~+/-]{0,64}[0-9])
        (?P<token>[A-Za-z0-9._~+/-]{12,}={0,2})
    )
    """,
    re.VERBOSE,
)
