"""Queries as people write them: whatever they hold, they find words or nothing, and never raise."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import HashingEmbedder, InvalidInputError, LimitExceededError, Memory
from commonplace.analysis import ENGLISH, MAX_TERMS
from commonplace.limits import MAX_QUERY_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

MODES = ["dense", "lexical", "hybrid"]
TEXTS = {
    "tea": "green tea, naïvely brewed by Zoë",
    "résumé": "the résumé of a résumé",
    "code": "snake_case and C++ in foo.bar(baz)",
    "chinese": "中文 日本語",
    "emoji": "a smile 😀 and a family 👨\u200d👩\u200d👧",
    "stop": "it is what it is",
    "numbers": "3.14 and 10,000",
    "token": "s2 s3",
}
ODD = [
    '"',
    '""',
    '"unfinished',
    "'",
    "a'b",
    "AND",
    "OR NOT",
    "tea AND",
    "NEAR(green tea, 2)",
    "green + tea",
    "^green",
    "tea*",
    "*",
    "-tea",
    "content : tea",
    "scopes : s1",
    "{content scopes} : tea",
    "(",
    ") OR (",
    "((((((((((",
    "tea; DROP TABLE full_text",
    "%",
    "_",
    "?",
    ":text_query",
    "\\",
    "\0",
    "tea\0green",
    "\n\t",
    "\u200b",
    "\ufeff",
    "\u0301",
    "😀",
    "👨\u200d👩\u200d👧",
    "中文",
    "日本語 中文",
    "العربية",
    "हिन्दी",
    "ß",
    "İ",
    "ﬁ",
    "①",
    "x" * MAX_QUERY_CHARACTERS,
    "it is what it is",
    "the of and",
    "don't",
    "C++",
    "3.14",
]


@pytest.fixture(scope="module")
def library() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(32)) as memory:
        memory.add_many(
            {"content": text, "id": name, "scope": "a/b"} for name, text in TEXTS.items()
        )
        memory.add("elsewhere", scope="c")
        yield memory


def found(memory: Memory, query: str, **options: Any) -> set[str]:
    hits = memory.search(query, mode="lexical", limit=100, **options)
    assert all(hit.lexical == hit.score and hit.score > 0 for hit in hits)
    return {hit.id for hit in hits}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ODD, ids=lambda query: ascii(query[:20]))
def test_odd_queries_never_raise_and_stay_in_their_scope(
    library: Memory, query: str, mode: Any
) -> None:
    for scope in (None, "a", "a/b", "c", "nowhere"):
        hits = library.search(query, mode=mode, scope=scope, limit=100)
        assert len(hits) <= len(TEXTS) + 1
        if scope == "c":
            assert {hit.content for hit in hits} <= {"elsewhere"}
        if scope == "nowhere":
            assert hits == []


@given(query=st.text(max_size=30), mode=st.sampled_from(MODES))
def test_any_text_is_a_query(library: Memory, query: str, mode: Any) -> None:
    everything = library.search(query, mode=mode, limit=100)
    within = library.search(query, mode=mode, limit=100, scope="a")
    assert {hit.id for hit in within} == {hit.id for hit in everything if hit.id in TEXTS}


@given(
    words=st.lists(st.sampled_from(["tea", "TEA", "zoë", "ZOE", "smile", "s2", "nothing"])),
    between=st.text(st.sampled_from("\"'*():^-+{}.,; \n😀"), min_size=1, max_size=3),
)
def test_signs_between_words_mean_nothing(library: Memory, words: list[str], between: str) -> None:
    plain = {"tea": "tea", "zoë": "tea", "zoe": "tea", "smile": "emoji", "s2": "token"}
    expected = {plain[word.lower()] for word in words if word.lower() in plain}
    query = between.join(words)
    assert found(library, query or "nothing") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("naively", {"tea"}),
        ("brewing", {"tea"}),
        ("ZOË", {"tea"}),
        ("snake", {"code"}),
        ("snake_case", {"code"}),
        ("foo.bar", {"code"}),
        ("中文", {"chinese"}),
        ("3.14", {"numbers"}),
        ("what it is", {"stop"}),
        ("the tea", {"tea"}),
        ("s2", {"token"}),
        ("s1", set[str]()),
        ("_", set[str]()),
        ("😀", set[str]()),
    ],
)
def test_what_words_find(library: Memory, query: str, expected: set[str]) -> None:
    assert found(library, query) == found(library, query, scope="a") == expected


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_accents_are_found_however_they_are_composed(written: Any, form: Any) -> None:
    """Regression: a query typed with combining accents fell apart into pieces of words."""
    with Memory(":memory:", embedder=HashingEmbedder(4)) as memory:
        memory.add(unicodedata.normalize(written, "the résumé of Zoë"), id="1")
        memory.add("re sume", id="2")
        for query in ("résumé", "RÉSUMÉ", "Zoë", "resume"):
            assert found(memory, unicodedata.normalize(form, query)) == {"1"}


def test_only_stop_words_are_looked_for_when_there_is_nothing_else(library: Memory) -> None:
    assert {"it", "is", "what"} <= ENGLISH.stop_words
    assert found(library, "it is") == {"stop"}
    assert "stop" not in found(library, "is it green tea")


def test_ten_thousand_words_are_a_query(library: Memory) -> None:
    words = [f"w{number}" for number in range(9_990)]
    many = " ".join(["tea", *words])
    assert len(many) <= MAX_QUERY_CHARACTERS
    for mode in MODES:
        assert library.search(many, mode=mode)  # pyright: ignore[reportArgumentType] - one of the modes
    assert found(library, many) == {"tea"}
    assert found(library, " ".join([*words[: MAX_TERMS - 1], "tea"])) == {"tea"}
    assert found(library, " ".join(["tea"] * 10_000)) == {"tea"}
    with pytest.raises(LimitExceededError, match="64,000"):
        library.search("x" * (MAX_QUERY_CHARACTERS + 1))


@pytest.mark.parametrize("mode", MODES)
def test_a_least_score_cuts_the_ranking_where_it_says(library: Memory, mode: Any) -> None:
    query = "green tea and a smile"
    whole = library.search(query, mode=mode, limit=100)
    scores = [hit.score for hit in whole]
    assert len(set(scores)) > 1
    for least in [*scores, max(scores) + 1, -1, 0, 0.5]:
        cut = library.search(query, mode=mode, limit=100, min_score=least)
        assert cut == [hit for hit in whole if hit.score >= least]
        for offset in range(3):
            page = library.search(query, mode=mode, limit=2, offset=offset, min_score=least)
            assert page == cut[offset : offset + 2]


@pytest.mark.parametrize("query", [None, "", " \n"])
def test_without_a_query_arguments_count_as_with_one(library: Memory, query: str | None) -> None:
    """Regression: they were not looked at, and hits of score 0 passed any least score."""
    assert library.search(query, min_score=0, limit=100) == library.search(query, limit=100)
    assert len(library.search(query, min_score=-1, limit=100)) == len(TEXTS) + 1
    assert library.search(query, min_score=0.1) == []
    for options in ({"min_score": "x"}, {"dense_weight": 2}, {"explain": "yes"}, {"mode": "best"}):
        wrong: Any = options
        with pytest.raises(InvalidInputError):
            library.search(query, **wrong)
