"""The lexical lane: identifiers, phrases, scripts, and statistics of the view alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import Bm25, HashingEmbedder, InvalidInputError, Language, Memory
from commonplace.analysis import ENGLISH, Analyser, searchable

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = {
    "camel": "call getUserName on the HTTPServer",
    "snake": "max_retry_count is 3 in config.yaml",
    "path": "it lies in /usr/local/bin/python3.11",
    "code": "the build failed with ERR_CONN_REFUSED (0x80070005)",
    "chinese": "我喜欢吃苹果 不喜欢香蕉",
    "japanese": "東京タワーに行きました",
    "korean": "한국어를 배우고 있어요",
    "thai": "ฉันชอบกินข้าว",
    "hindi": "मैं हिन्दी सीख रहा हूँ",
    "quote": "To be or not to be, that is the question",
    "green": "a tea that is green",
    "tea": "a cup of green tea",
}


@pytest.fixture(scope="module", params=[64 * 1024 * 1024, 0], ids=["cached", "uncached"])
def library(request: pytest.FixtureRequest) -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(32), cache_bytes=request.param) as memory:
        memory.add_many({"content": text, "id": name} for name, text in TEXTS.items())
        yield memory


def found(memory: Memory, query: str) -> list[str]:
    return [hit.id for hit in memory.search(query, mode="lexical", limit=100)]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("user name", "camel"),
        ("getusername", "camel"),
        ("GetUserName", "camel"),
        ("http server", "camel"),
        ("max_retry_count", "snake"),
        ("retry", "snake"),
        ("config.yaml", "snake"),
        ("/usr/local/bin", "path"),
        ("python3.11", "path"),
        ("ERR_CONN_REFUSED", "code"),
        ("err conn refused", "code"),
        ("0x80070005", "code"),
        ("苹果", "chinese"),
        ("吃苹果", "chinese"),
        ("果", "chinese"),
        ("東京", "japanese"),
        ("タワー", "japanese"),
        ("한국어", "korean"),
        ("กินข้าว", "thai"),
        ("हिन्दी", "hindi"),
    ],
)
def test_identifiers_and_other_scripts_are_found(library: Memory, query: str, best: str) -> None:
    assert found(library, query)[:1] == [best]


def test_what_stands_in_quotes_is_found_as_it_stands(library: Memory) -> None:
    assert set(found(library, "green tea")) == {"green", "tea"}
    assert found(library, '"green tea"') == ["tea"]
    assert found(library, "\u201cgreen tea\u201d, please") == ["tea"]
    assert found(library, '"to be or not to be"') == ["quote"]
    assert found(library, 'who asked "not to be"') == ["quote"]
    assert set(found(library, '"tea green"')) == {"green", "tea"}  # nowhere: the words count


def test_kept_terms_and_read_texts_give_the_same_scores() -> None:
    with (
        Memory(":memory:", embedder=HashingEmbedder(32)) as cached,
        Memory(":memory:", embedder=HashingEmbedder(32), cache_bytes=0) as uncached,
    ):
        for memory in (cached, uncached):
            memory.add_many({"content": text, "id": name} for name, text in TEXTS.items())
        for query in ("green tea", "the user's name", "苹果", '"green tea"', "is that it"):
            scores = [
                {hit.id: hit.score for hit in memory.search(query, mode="lexical", limit=100)}
                for memory in (cached, uncached)
            ]
            assert scores[0] == pytest.approx(scores[1])


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
def test_others_records_leave_no_trace_in_scores(cache_bytes: int) -> None:
    """Regression: how rare a word is was counted over the whole memory."""
    with Memory(":memory:", embedder=HashingEmbedder(32), cache_bytes=cache_bytes) as memory:
        memory.add_many({"content": text, "scope": "mine"} for text in ["green tea", "red wine"])
        before = [hit.score for hit in memory.search("green tea", scope="mine", mode="lexical")]
        memory.add_many({"content": "green green tea", "scope": f"u/{n}"} for n in range(50))
        after = [hit.score for hit in memory.search("green tea", scope="mine", mode="lexical")]
        assert before == after
        narrowed = memory.search("green tea", filter={"@scope": "mine"}, mode="lexical")
        assert [hit.score for hit in narrowed] == before


def test_what_changes_is_found_anew() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(32)) as memory:
        record = memory.add("green tea 苹果 getUserName")
        assert found(memory, "tea") == [record.id]
        memory.update(record.id, content="red wine")
        assert found(memory, "tea") == found(memory, "苹果") == found(memory, "user") == []
        assert found(memory, "wine") == [record.id]
        assert memory.verify().problems == ()
        memory.delete(record.id)
        assert found(memory, "wine") == []
        assert memory.verify().problems == ()


def test_a_language_is_an_option() -> None:
    german = Language(
        name="german",
        stop_words=frozenset({"der", "die", "das"}),
        stem=lambda word: word.removesuffix("e").removesuffix("en"),
    )
    texts = ["die Katze", "Katzen", "cats and the cat"]
    expected: list[tuple[Any, str, set[str]]] = [
        (german, "die Katz", {"die Katze", "Katzen"}),
        (None, "Katze the", {"die Katze", "cats and the cat"}),
        ("english", "the cats", {"cats and the cat"}),
    ]
    for language, query, contents in expected:
        with Memory(":memory:", embedder=HashingEmbedder(8), language=language) as memory:
            memory.add_many(texts)
            assert {hit.content for hit in memory.search(query, mode="lexical")} == contents
    wrong: Any = "klingon"
    with pytest.raises(InvalidInputError, match="language"):
        Memory(":memory:", language=wrong)


@given(text=st.text(max_size=60))
def test_every_word_of_a_text_finds_it(text: str) -> None:
    analyser = Analyser(ENGLISH)
    held = set(analyser.terms(text))
    assert held.issuperset(analyser.wanted(text).terms)
    assert searchable(text).startswith(text)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("agreed", "agre"),
        ("hopping", "hop"),
        ("hoping", "hope"),
        ("relational", "relat"),
        ("generalizations", "gener"),
        ("sky", "sky"),
        ("is", "is"),
        ("naïve", "naïve"),
    ],
)
def test_stems_are_porters(word: str, stem: str) -> None:
    assert ENGLISH.stem(word) == stem


def lexical(memory: Memory, bm25: Bm25 | None = None) -> dict[str, float]:
    hits = memory.search("tea", mode="lexical", bm25=bm25)
    return {hit.content: hit.score for hit in hits}


def test_the_parameters_of_bm25_are_an_argument() -> None:
    often, long = "tea tea tea", "tea by the river with cake bread butter jam cheese olives"
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add_many([often, long, "tea", "coffee"])
        usual, flat = lexical(memory), lexical(memory, Bm25(k1=0, b=0))
        assert usual == lexical(memory, Bm25()) == lexical(memory, Bm25(k1=0.9, b=0.4))
        assert usual[often] > usual["tea"] > usual[long]
        assert flat[often] == flat["tea"] == flat[long] > 0
        repeats = lexical(memory, Bm25(k1=2, b=0))
        assert repeats["tea"] == repeats[long]
        assert repeats[often] / repeats["tea"] == pytest.approx(3 * 3 / (3 + 2))
        assert lexical(memory, Bm25(b=1))[long] < lexical(memory, Bm25(b=0.1))[long]
        assert memory.recall("tea", bm25=Bm25(b=1)).hits


@pytest.mark.parametrize("wrong", [{"k1": -1}, {"k1": 101}, {"k1": "1"}, {"b": 2}, {"b": None}])
def test_what_is_no_parameter_of_bm25_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match=rf"{next(iter(wrong))} is a"):
        Bm25(**wrong)


def test_what_is_not_bm25_is_refused() -> None:
    wrong: Any = {"k1": 1}
    with (
        Memory(":memory:", embedder=HashingEmbedder(16)) as memory,
        pytest.raises(InvalidInputError, match="bm25 is a Bm25 or None, not dict"),
    ):
        memory.search("tea", bm25=wrong)
