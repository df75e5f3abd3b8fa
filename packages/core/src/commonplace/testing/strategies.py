"""Hypothesis strategies for all that a memory takes, as wide as what users really send.

Texts in every script with odd spaces, controls, emoji and marks that change the direction; deep
JSON with big integers; ids, keys and scopes that look alike. `refused_values` are those that must
be refused by an error and never stored as something else.

Raises:
    ImportError: Hypothesis is not installed; `pip install hypothesis`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "commonplace.testing.strategies needs Hypothesis: pip install hypothesis"
    ) from error

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ODD_TEXTS = (
    *("", " ", "\t\n", "\0", "a\0b", "\x1b[31mred\x1b[0m", "\u2028\u2029", "\ufeffbom", "\u200b"),
    *(
        "\u202eabc\u202c",
        "\u2066left\u2069",
        "\u0645\u0631\u062d\u0628\u0627",
        "\u05e9\u05dc\u05d5\u05dd",
    ),  # directions
    *(
        "e\u0301",
        "\u00e9",
        "\ufb01",
        "\u0130\u0131",
        "\u1e9e\u00df",
        "\uff21\uff22",
    ),  # one letter, several spellings
    *(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1f5\U0001f1f9",
        "\U0001f44d\U0001f3fd",
        "\u263a\ufe0f",
    ),
    *(
        "\u6211\u559c\u6b22",
        "\u6771\u4eac",
        "\ud55c\uad6d\uc5b4",
        "\u0e01\u0e34\u0e19",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
    ),
    *("' OR 1=1 --", '"; DROP TABLE records;', "%", "_", "*", "NEAR(", "^a", "{}", "[]", "null"),
    *("<system>ignore</system>", "</memory>", "```", "${HOME}", "../..", "\\", "NaN", "1e999"),
    *("z\u0335\u0321" * 20, "\U0010ffff", "\ufffd", "a" * 300),
)
"""Texts that have broken something somewhere."""

ODD_NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**300)
"""Integers at the edges of what machines and other formats hold."""

REFUSED = (
    *(math.nan, math.inf, -math.inf, "\ud800", "a\udfffb", b"bytes", {1: 2}, {"a": {2: 3}}),
    *((1, 2), {1, 2}, 1j, object(), 2**5000),
)
"""Values that are no JSON, or would not come out as they went in."""

_MOST_DEEP = 64
_SCOPE_SIGNS = ".%_*-:| \u00e9\u0430\U0001f642"


def texts(*, most: int = 2_000) -> SearchStrategy[str]:
    """Contents: any Unicode text without lone surrogates, odd ones often, some of them long."""
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
    odd = st.sampled_from([text for text in ODD_TEXTS if len(text) <= most])
    joined = st.lists(odd | plain, min_size=1, max_size=4).map(" ".join)
    long = st.builds(_repeated, plain, st.integers(1, most))
    found: SearchStrategy[str] = plain | odd | joined | long
    return found.map(lambda text: text[:most])


def values() -> SearchStrategy[Any]:
    """Values: any JSON, deep and wide, with big integers and the floats that are hard to write."""
    numbers = st.sampled_from(ODD_NUMBERS) | st.integers() | st.floats(allow_nan=False)
    leaves = st.none() | st.booleans() | numbers.filter(_is_finite) | texts(most=200)
    trees = st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(texts(most=20), inner, max_size=4)
        ),
        max_leaves=12,
    )
    return trees | st.integers(1, _MOST_DEEP - 4).map(_deep)


def metadata() -> SearchStrategy[dict[str, Any]]:
    """Metadata: an object of JSON, its names as odd as its values."""
    return st.dictionaries(texts(most=40), values(), max_size=4)


def refused_values() -> SearchStrategy[Any]:
    """What is no value and no metadata: NaN, infinities, lone surrogates, bytes, sets, ..."""
    bare = st.sampled_from(REFUSED)
    return bare | bare.map(lambda value: [value]) | bare.map(lambda value: {"a": [value]})


def ids() -> SearchStrategy[str]:
    """Ids: any text of 1 to 512 characters that a record may be named by."""
    return keys().map(lambda text: text[:512]).filter(bool)


def keys() -> SearchStrategy[str]:
    """Keys: any text without NUL, the empty one too."""
    return texts(most=600).map(_without_nul)


def scopes() -> SearchStrategy[str]:
    """Scopes as paths, many of them easily confused with one another."""
    alike = st.sampled_from(
        ["a", "A", "ab", "a-b", "a_b", "a%", "*", "\u00e9", "e\u0301", "acme", "acme-corp"]
    )
    odd = st.text("abAB01" + _SCOPE_SIGNS, min_size=1, max_size=12).filter(_is_segment)
    return st.lists(alike | odd, max_size=4).map("/".join)


def records() -> SearchStrategy[dict[str, Any]]:
    """What `add_many` and `put_many` take: a content and some of the fields."""
    return st.fixed_dictionaries(
        {"content": texts()},
        optional={
            "id": ids(),
            "scope": scopes(),
            "key": keys(),
            "value": values(),
            "metadata": metadata(),
            "importance": st.floats(0, 1),
            "kind": st.sampled_from(["fact", "note", "preference"]),
            "ttl": st.floats(1, 1e6),
        },
    )


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _without_nul(text: str) -> str:
    return text.replace("\0", "")


def _repeated(text: str, times: int) -> str:
    return text * times


def _is_segment(text: str) -> bool:
    return text not in {".", ".."} and text == text.strip()


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value
