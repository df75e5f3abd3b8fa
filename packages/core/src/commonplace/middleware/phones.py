"""Where phone numbers lie in a text: the international form, and the common national ones.

Digits alone say little. So a number is known by a plus sign, by the word before it, or by its form:
the lengths of its groups of digits and what joins them. Dates, times, IP addresses, versions and
amounts have none of these forms. Every form is of bounded length, so that the search is linear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from commonplace.middleware.patterns import masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.middleware.patterns import Span

# Begin and end mirror each other: what one number keeps another from being seen, its being redacted
# must not bring to light. An extension may follow, as in 415-555-2671x12.
_BEGIN = r"(?<![\w+$€£¥]) (?<!\w-) (?<!\d[.:])"
_END = r"(?! (?!x\d) [\w+] ) (?! [.:-][\d(] )"
_JOINT = r"[ ./()-]"
_DIGIT = re.compile(r"[0-9]")

_INTERNATIONAL = re.compile(
    rf"""
    (?=[+0]) (?: (?<![\w+]) \+
               | {_BEGIN} 00(?=[1-9](?:\d{{10}} | \d{{0,2}}[ ./(-])) (?!\d\d(?:[ ]\d{{4}}){{2}}) )
    (?! 1 {_JOINT}{{0,3}} [01] )                               # no area code begins so
    (?! \d{{1,3}}\.\d{{5,8}} (?!\d) )                       # a decimal number
    (?! \d{{1,3}}(?:[ .]\d{{3}}){{1,4}}[ ]?(?:[€$£¥%]|(?:EUR|USD|GBP|CHF|JPY)\b) )
    [1-9] (?:{_JOINT}{{0,3}}\d){{8,14}}
    {_END}
    """,
    re.VERBOSE,
)

# After a word that says what it is, any 7 to 15 digits that are no date and no IP address.
_NAMED = re.compile(
    rf"""
    (?<!\w) (?i:phone|telephone|tel|telefon|mobile|cell|fax|whatsapp)
    (?:[ ](?i:number|no|nr))? \.? (?:[ ](?:is|at))? [ :=\#]{{0,3}}
    (?! (?:19|20)\d\d[./-]\d\d?[./-]\d | \d\d?[./-]\d\d?[./-](?:19|20)\d\d )
    (?! \d{{1,3}}(?:\.\d{{1,3}}){{3}} (?!\d) )
    (?P<number> \(?\d (?:{_JOINT}{{0,2}}\d){{6,14}} )
    {_END}
    """,
    re.VERBOSE,
)

# The lengths of the groups of numbers with a trunk zero, such as 020 7946 0958.
_TRUNK = [
    *[(2, 2, 2, 2, 2), (2, 3, 3, 2), (2, 3, 2, 2), (2, 3, 4), (2, 4, 4), (2, 8), (2, 7)],
    *[(3, 3, 2, 2), (3, 3, 2, 3), (3, 2, 2, 2), (3, 3, 3), (3, 3, 4), (3, 4, 3), (3, 4, 4)],
    *[(3, 8), (3, 7), (3, 6)],
    *[(4, 2, 2, 2), (4, 3, 2, 2), (4, 2, 4), (4, 3, 3), (4, 3, 4), (4, 4, 3)],
    *[(4, 8), (4, 7), (4, 6), (4, 5)],
    *[(5, 3, 3), (5, 3, 4), (5, 7), (5, 6), (5, 5)],
]
_OTHERS = r"""
      (?:1[ .-])? (?: \(\d{3}\)[ ]?-?\d{3}[ .-]?\d{4}          # North America
                    | \d{3}-\d{3}-\d{4} | \d{3}\.\d{3}\.\d{4}
                    | [2-9]\d\d[ ][2-9]\d\d[ -]\d{4} )
    | 8[ -]\(?\d{3}\)?[ -]\d{3}[ -]\d\d[ -]?\d\d               # Russia
    | \(\d{3}\)[ ]?\d{3}-\d\d-\d\d | \d{3}[ ]\d{3}-\d\d-\d\d
    | \(\d\d\)[ ]?\d{4,5}[ -]\d{4}                             # Brazil
    | 1[3-9]\d(?:[ ]\d{4}[ ]\d{4}|-\d{4}-\d{4})                # China
    | 01[567]\d[ ]\d{4}[ ]\d{4}                               # Germany
    | (?!0123456789)0[1-9]\d{8,9}                              # a trunk zero, unbroken
"""


def _trunk(lengths: tuple[int, ...]) -> str:
    """The pattern of one form: any joint after the first group, then the same one throughout."""
    area, subscriber, *rest = lengths
    tails = ("".join(rf"{joint}\d{{{length}}}" for length in rest) for joint in ("[ ]", "-", r"\."))
    slash = r"|[ ]?/[ ]?" if area > 2 else ""  # noqa: PLR2004 - 01/02/2024 is a date
    first = rf"(?(open)\)[ ]?-?|(?:[ .-]|[ ]-[ ]{slash}))"
    tail = f"(?:{'|'.join(tails)})" if rest else ""
    return rf"0[1-9]\d{{{area - 2}}}{first}\d{{{subscriber}}}{tail}"


_LONGEST_FIRST = sorted(_TRUNK, key=sum, reverse=True)
_NATIONAL = re.compile(
    rf"""
    (?=[(0-9]) {_BEGIN}
    (?: (?P<open>\()? (?: {"|".join(map(_trunk, _LONGEST_FIRST))} )
      | {_OTHERS}
    )
    {_END}
    """,
    re.VERBOSE,
)


def phones(text: str) -> Iterator[Span]:
    """Phone numbers in a folded text, in no particular order."""
    if not _DIGIT.search(text):
        return
    for pattern, group in ((_INTERNATIONAL, 0), (_NAMED, "number"), (_NATIONAL, 0)):
        found = [match.span(group) for match in pattern.finditer(text)]
        text = masked(text, found)
        yield from found
