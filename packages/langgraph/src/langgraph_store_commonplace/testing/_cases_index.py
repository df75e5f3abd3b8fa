"""The cases of search by meaning: what is found, in what order, and by which paths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from langgraph.store.base import PutOp

from langgraph_store_commonplace.testing._case import Trial, case
from langgraph_store_commonplace.testing._cases import NS, keys, raises

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT = ("text",)


def notes(t: Trial, *texts: str, **more: Any) -> None:
    """Put texts under the keys 0, 1, 2 ..."""
    for number, text in enumerate(texts):
        t.store.put(NS, str(number), {"text": text, "n": number}, **more)


def ranked(t: Trial, query: str, **more: Any) -> list[str]:
    """The keys of the items that have a score, in order."""
    return [item.key for item in t.store.search(NS, query=query, **more) if item.score is not None]


def near(one: float | None, other: float) -> bool:
    """Whether two scores are the same but for rounding."""
    return one is not None and math.isclose(one, other, abs_tol=1e-3)


# search by meaning


@case("semantic", "The nearest item comes first.", "`BaseStore.search`: query", fields=TEXT)
def _(t: Trial) -> None:
    notes(t, "red apple", "green tea", "black tea leaf")
    assert ranked(t, "green tea")[:2] == ["1", "2"]


@case(
    "semantic",
    "What was put is found by the very next search.",
    "memory `test_vector_store`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    for number in range(10):
        t.store.put(NS, str(number), {"text": f"word{number}"})
        assert ranked(t, f"word{number}", limit=1) == [str(number)]


@case(
    "semantic",
    "A new value is found by its own text and no more by the old one.",
    "memory `test_vector_update_with_embedding`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea", "red apple")
    t.store.put(NS, "0", {"text": "black coffee"})
    scores = {item.key: item.score for item in t.store.search(NS, query="green tea")}
    assert near(scores["0"], 0)
    assert ranked(t, "black coffee", limit=1) == ["0"]


@case(
    "semantic",
    "A filter chooses first; ranking comes after.",
    "memory `test_vector_search_with_filters`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    for number in range(30):
        t.store.put(NS, f"near{number}", {"text": "green tea", "of": "others"})
    t.store.put(NS, "own", {"text": "red apple", "of": "mine"})
    assert keys(t.store.search(NS, query="green tea", filter={"of": "mine"}, limit=5)) == ["own"]


@case(
    "semantic",
    "A prefix chooses first too: others' nearer items hide none of one's own.",
    "filter before ranking",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.batch([PutOp(("others", str(n)), "k", {"text": "green tea"}) for n in range(50)])
    t.store.put(("mine",), "own", {"text": "red apple"})
    assert keys(t.store.search(("mine",), query="green tea")) == ["own"]


@case("semantic", "Ranked pages put together are the whole ranking.", "langgraph#8977", fields=TEXT)
def _(t: Trial) -> None:
    t.batch([PutOp(NS, f"{n:02d}", {"text": "tea " * (n % 7) + f"word{n}"}) for n in range(40)])
    whole = keys(t.store.search(NS, query="tea", limit=100))
    pages = [
        key
        for start in range(0, 45, 5)
        for key in keys(t.store.search(NS, query="tea", limit=5, offset=start))
    ]
    assert len(whole) == 40
    assert sorted(pages) == sorted(whole), f"{len(set(pages))} of 40 are reached"
    assert pages == whole


@case(
    "semantic",
    "An empty or blank query is no query.",
    "sqlite `test_vector_search_edge_cases`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea")
    for query in ("", " "):
        (item,) = t.store.search(NS, query=query)
        assert item.key == "0"


@case("semantic", "Equal texts in one batch are all found.", "langgraph#8822", fields=TEXT)
def _(t: Trial) -> None:
    t.batch([PutOp(NS, str(n), {"text": "green tea"}) for n in range(5)])
    assert sorted(ranked(t, "green tea")) == list("01234")


@case(
    "semantic",
    "A deleted item is not found, nor by a new one of its key.",
    "langgraph#8757",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea")
    t.store.delete(NS, "0")
    assert t.store.search(NS, query="green tea") == []
    t.store.put(NS, "0", {"text": "red apple"}, index=False)
    (item,) = t.store.search(NS, query="green tea")
    assert item.score is None


@case(
    "semantic",
    "Texts in any script are found by themselves.",
    "memory `test_non_ascii`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    texts = ["これは日本語", "это русский", "هذا عربي", "αυτά ελληνικά", "זה עברית"]
    notes(t, *texts)
    for number, text in enumerate(texts):
        assert ranked(t, text, limit=1) == [str(number)]


@case(
    "semantic",
    "Queries are embedded as queries, stored texts as documents.",
    "langchain-azure#498",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea")
    t.store.search(NS, query="what to drink")
    assert t.embeddings.queries == ["what to drink"]
    assert t.embeddings.documents == ["green tea"]


@case(
    "semantic",
    "Vectors of the wrong length are refused when they are put.",
    "contract: dims",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.embeddings.vector = lambda text: [1.0, 2.0]  # noqa: ARG005 - a broken model
    raises(Exception, lambda: t.store.put(NS, "k", {"text": "green tea"}))
    assert t.store.get(NS, "k") is None


@case(
    "semantic",
    "Where embedding fails nothing of the batch is written.",
    "all or nothing",
    fields=TEXT,
)
def _(t: Trial) -> None:
    def fail(text: str) -> list[float]:  # noqa: ARG001 - a broken model
        raise RuntimeError("the model is down")

    t.embeddings.vector = fail
    raises(
        Exception,
        lambda: t.batch(
            [PutOp(NS, "plain", {"text": "red"}, index=False), PutOp(NS, "k", {"text": "green"})]
        ),
    )
    assert t.store.get(NS, "plain") is None
    assert t.store.get(NS, "k") is None


# indexed paths


@case(
    "index_paths",
    "Only the fields that the index names are embedded.",
    "langgraph#8808",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"text": "green tea", "secret": "red apple"})
    assert t.embeddings.documents == ["green tea"]


@case(
    "index_paths",
    "The best of several fields counts.",
    "memory `test_embed_with_path`",
    fields=("title", "body"),
)
def _(t: Trial) -> None:
    t.store.put(NS, "title", {"title": "green tea", "body": "something else entirely"})
    t.store.put(NS, "body", {"title": "something else entirely", "body": "green tea"})
    found = t.store.search(NS, query="green tea")
    assert [near(item.score, 1) for item in found] == [True, True]


@case("index_paths", "A put may name paths of its own.", "`BaseStore.put`: index", fields=TEXT)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"text": "red apple", "other": "green tea"}, index=["other"])
    assert t.embeddings.documents == ["green tea"]


@case(
    "index_paths",
    'A put may name the whole value, `"$"`.',
    "it indexes nothing in the shipped stores",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"other": "green tea"}, index=["$"])
    (item,) = t.store.search(NS, query="green tea")
    assert item.score is not None
    assert item.score > 0


@case(
    "index_paths",
    "Nested fields, list items and all of a list.",
    "`get_text_at_path`",
    fields=("meta.title", "tags[0]", "rows[*].text"),
)
def _(t: Trial) -> None:
    value = {
        "meta": {"title": "one"},
        "tags": ["two", "no"],
        "rows": [{"text": "three"}, {"text": "four"}],
    }
    t.store.put(NS, "k", value)
    assert sorted(t.embeddings.documents) == ["four", "one", "three", "two"]
    for query in ("one", "two", "three", "four"):
        (item,) = t.store.search(NS, query=query)
        assert near(item.score, 1), query


@case(
    "index_paths",
    "A list that shrinks leaves no vector behind.",
    "langgraph#8214",
    fields=("tags[*]",),
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"tags": ["green", "red"]})
    t.store.put(NS, "k", {"tags": ["green"]})
    (item,) = t.store.search(NS, query="red")
    assert item.score is None or near(item.score, 0)


@case(
    "index_paths", "An item of many vectors hides no others.", "langgraph#8977", fields=("tags[*]",)
)
def _(t: Trial) -> None:
    t.store.put(NS, "many", {"tags": [f"tea word{n}" for n in range(50)]})
    for number in range(5):
        t.store.put(NS, str(number), {"tags": [f"tea other{number} more{number}"]})
    assert sorted(keys(t.store.search(NS, query="tea", limit=6))) == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "many",
    ]


@case(
    "index_paths",
    "A path that the value lacks is no error.",
    "`get_text_at_path`",
    fields=("text", "missing.deeper[3]"),
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"text": "green tea"})
    assert ranked(t, "green tea") == ["k"]


@case(
    "index_paths",
    "A bare text for `index` is refused: it would be read letter by letter.",
    "`BaseStore.put`: a list",
    fields=TEXT,
)
def _(t: Trial) -> None:
    text: Any = "text"
    raises((TypeError, ValueError), lambda: t.store.put(NS, "k", {"text": "tea"}, index=text))


# scores


@case("scores", "A score is the cosine of the two texts.", "sqlite `test_scores`", fields=TEXT)
def _(t: Trial) -> None:
    texts = ["green tea", "black tea leaf", "red apple", "tea"]
    notes(t, *texts)
    for item in t.store.search(NS, query="green tea"):
        assert near(item.score, t.embeddings.cosine(texts[int(item.key)], "green tea")), item.key


@case("scores", "Scores fall from hit to hit.", "memory `test_vector_search`", fields=TEXT)
def _(t: Trial) -> None:
    notes(t, *("tea " * n + "word" for n in range(6)))
    scores = _scores(t.store.search(NS, query="tea"))
    assert scores == sorted(scores, reverse=True)


@case(
    "scores",
    "A vector of zeros scores 0, on either side, and is never NaN.",
    "Postgres ranks NaN first",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea", "...")
    for query in ("green tea", "?!"):
        scores = {item.key: item.score for item in t.store.search(NS, query=query)}
        assert not any(score is not None and math.isnan(score) for score in scores.values())
        assert scores["1"] in (None, 0)
    assert ranked(t, "green tea", limit=1) == ["0"]


@case(
    "scores",
    "The nearest of all is found at a limit of 1.",
    "memory `test_vector_search_scores_every_item`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.batch([PutOp(NS, str(n), {"text": f"tea word{n}"}) for n in range(200)])
    t.store.put(NS, "exact", {"text": "tea"})
    assert ranked(t, "tea", limit=1) == ["exact"]


# items without a vector


@case(
    "unscored_tail",
    "Items put with `index=False` come after the ranked ones, with score None.",
    "memory `test_embed_with_path`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea", "red apple")
    t.store.put(NS, "silent", {"text": "green tea"}, index=False)
    found = t.store.search(NS, query="green tea")
    assert keys(found) == ["0", "1", "silent"]
    assert found[-1].score is None


@case(
    "unscored_tail",
    "They take no place before a ranked item.",
    "memory `test_vector_insert_with_auto_embedding`",
    fields=TEXT,
)
def _(t: Trial) -> None:
    t.store.put(NS, "silent", {"text": "green tea"}, index=False)
    notes(t, "green tea", "red apple", "blue sky")
    assert "silent" not in keys(t.store.search(NS, query="green tea", limit=3))


@case(
    "unscored_tail",
    "Pages through ranked and unranked items meet each once.",
    "langgraph#8871",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, *(f"tea word{n}" for n in range(7)))
    for number in range(6):
        t.store.put(NS, f"silent{number}", {"n": number}, index=False)
    whole = keys(t.store.search(NS, query="tea", limit=100))
    pages = [
        key
        for start in range(0, 16, 4)
        for key in keys(t.store.search(NS, query="tea", limit=4, offset=start))
    ]
    assert len(whole) == 13
    assert pages == whole


@case(
    "unscored_tail",
    "An item that is put again with `index=False` loses its vector.",
    "langgraph#8214",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea")
    t.store.put(NS, "0", {"text": "green tea"}, index=False)
    (item,) = t.store.search(NS, query="green tea")
    assert item.score is None


@case(
    "unscored_tail",
    "So does one whose put names no path, or one that is not there.",
    "langgraph#8214",
    fields=TEXT,
)
def _(t: Trial) -> None:
    notes(t, "green tea", "green tea")
    t.store.put(NS, "0", {"text": "green tea"}, index=[])
    t.store.put(NS, "1", {"text": "green tea"}, index=["nowhere"])
    assert _scores(t.store.search(NS, query="green tea")) == [None, None]


@case("unscored_tail", "A filter holds for them too.", "filter before ranking", fields=TEXT)
def _(t: Trial) -> None:
    t.store.put(NS, "a", {"text": "tea", "kind": "x"}, index=False)
    t.store.put(NS, "b", {"text": "tea", "kind": "y"}, index=False)
    assert keys(t.store.search(NS, query="tea", filter={"kind": "y"})) == ["b"]


def _scores(items: Iterable[Any]) -> list[Any]:
    return [item.score for item in items]
