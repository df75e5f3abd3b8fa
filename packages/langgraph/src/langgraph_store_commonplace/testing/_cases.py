"""The cases that every store is asked: values, deleting, listing, filters, batches, namespaces."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

from langgraph_store_commonplace.testing._case import Trial, case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from langgraph.store.base import BaseStore

NS = ("users", "alice")
HOSTILE = ["a_%", "a[b]", "a?b", "new\nline", "tab\t", "Ünïcödé", "日本", "*", "a/b", "a\\b", "a:b"]


def keys(items: Iterable[Any]) -> list[str]:
    """The keys of items, in order."""
    return [item.key for item in items]


def raises(kinds: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> None:
    """Whether a call raises one of these errors."""
    try:
        found = call()
    except kinds:
        return
    raise AssertionError(f"nothing was raised; the answer was {found!r:.80}")


def fill(
    store: BaseStore, values: Sequence[dict[str, Any]], namespace: tuple[str, ...] = NS
) -> None:
    """Put values under the keys 0, 1, 2 ..."""
    for number, value in enumerate(values):
        store.put(namespace, str(number), value)


# values by key


@case("put_get", "What is put comes back equal, with its key and namespace.", "`BaseStore.put`")
def _(t: Trial) -> None:
    value: dict[str, Any] = {
        "text": "tea",
        "n": 1,
        "f": 0.1,
        "t": True,
        "none": None,
        "deep": {"list": [1, {}]},
    }
    t.store.put(NS, "k", value)
    item = t.store.get(NS, "k")
    assert item is not None
    assert (item.value, item.key, item.namespace) == (value, "k", NS)


@case("put_get", "A missing item is None.", "`BaseStore.get`")
def _(t: Trial) -> None:
    assert t.store.get(NS, "nothing") is None
    assert t.store.get(("no", "where"), "k") is None


@case("put_get", "A put replaces the whole value.", "`BaseStore.put`: store or update")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"a": 1, "b": 2})
    t.store.put(NS, "k", {"a": 3})
    item = t.store.get(NS, "k")
    assert item is not None
    assert item.value == {"a": 3}


@case("put_get", "The same key in two namespaces is two items.", "`BaseStore.put`")
def _(t: Trial) -> None:
    t.store.put(("a",), "k", {"at": "a"})
    t.store.put(("a", "b"), "k", {"at": "ab"})
    found = [t.store.get(("a",), "k"), t.store.get(("a", "b"), "k")]
    assert [item and item.value for item in found] == [{"at": "a"}, {"at": "ab"}]


@case(
    "put_get",
    "Keys may be empty, long, or hold dots, slashes and new lines.",
    "deepagents: file paths",
)
def _(t: Trial) -> None:
    odd = ["", "a.b", "/memories/notes.txt", "new\nline", "日本語", "x" * 500, "%_", "'\"; --"]
    for number, key in enumerate(odd):
        t.store.put(NS, key, {"n": number})
    for number, key in enumerate(odd):
        item = t.store.get(NS, key)
        assert item is not None, f"key {key[:20]!r} is not found"
        assert item.value == {"n": number}


@case("put_get", "A key that is not text is turned into text.", "`BaseStore.put`: `str(key)`")
def _(t: Trial) -> None:
    t.store.put(NS, 7, {"n": 7})  # pyright: ignore[reportArgumentType] - what users do
    item = t.store.get(NS, "7")
    assert item is not None
    assert item.key == "7"


@case("put_get", "Integers of any size come back exactly.", "JSON; SQLite and MongoDB raise")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 2**70, "m": -(2**63)})
    item = t.store.get(NS, "k")
    assert item is not None
    assert item.value == {"n": 2**70, "m": -(2**63)}


@case("put_get", "The keys of a value keep their order.", "`dict`; jsonb sorts them")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"b": 1, "a": {"z": 1, "y": 2}})
    item = t.store.get(NS, "k")
    assert item is not None
    assert list(item.value) == ["b", "a"]
    assert list(item.value["a"]) == ["z", "y"]


@case("put_get", "A value that JSON cannot hold is refused when it is put.", "langgraph#8835")
def _(t: Trial) -> None:
    raises((TypeError, ValueError), lambda: t.store.put(NS, "k", {"x": {1, 2}}))
    assert t.store.get(NS, "k") is None


@case("put_get", "A store without items is truthy.", "`Runtime.merge`: `other.store or self.store`")
def _(t: Trial) -> None:
    assert t.store


# deleting


@case("delete", "A deleted item is gone from get, search and listing.", "`BaseStore.delete`")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"a": 1})
    t.store.delete(NS, "k")
    assert t.store.get(NS, "k") is None
    assert t.store.search(NS) == []
    assert t.store.list_namespaces() == []


@case("delete", "Deleting what is not there is silent.", "`BaseStore.delete`")
def _(t: Trial) -> None:
    t.store.delete(NS, "nothing")
    t.store.delete(("no", "where"), "nothing")


@case("delete", "`PutOp(..., None)` deletes.", "`PutOp.value`: None deletes")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"a": 1})
    t.batch([PutOp(NS, "k", None)])
    assert t.store.get(NS, "k") is None


@case("delete", "A deleted item that is put again begins anew.", "langgraph#8340")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"a": 1})
    first = t.store.get(NS, "k")
    t.sleep(1.1)
    t.store.delete(NS, "k")
    t.store.put(NS, "k", {"a": 2})
    again = t.store.get(NS, "k")
    assert first is not None
    assert again is not None
    assert again.created_at > first.created_at


# listing by prefix


@case("search_prefix", "A prefix reaches any depth below it.", "`BaseStore.search`")
def _(t: Trial) -> None:
    for namespace in (("a",), ("a", "b"), ("a", "b", "c"), ("b",)):
        t.store.put(namespace, "k", {"at": list(namespace)})
    assert {item.namespace for item in t.store.search(("a",))} == {
        ("a",),
        ("a", "b"),
        ("a", "b", "c"),
    }
    assert {item.namespace for item in t.store.search(("a", "b"))} == {("a", "b"), ("a", "b", "c")}


@case("search_prefix", "The empty prefix is everything.", "`BaseStore.search`")
def _(t: Trial) -> None:
    t.store.put(("a",), "k", {"n": 1})
    t.store.put(("b", "c"), "k", {"n": 2})
    assert len(t.store.search(())) == 2


@case("search_prefix", "A prefix ends at a label: `acme` never sees `acme-corp`.", "CVE-2026-71433")
def _(t: Trial) -> None:
    for name in ("acme", "acme-corp", "acme corp", "acme0", "acm"):
        t.store.put((name, "x"), "k", {"of": name})
    assert [item.value["of"] for item in t.store.search(("acme",))] == ["acme"]


@case(
    "search_prefix",
    "Labels are compared exactly, pattern characters too.",
    "sqlite `test_store.py`: metacharacters",
)
def _(t: Trial) -> None:
    for label in HOSTILE:
        t.store.put((label, "x"), "k", {"of": label})
    for label in HOSTILE:
        assert [item.value["of"] for item in t.store.search((label,))] == [label]


@case("search_prefix", "Labels differ by case.", "sqlite `test_store.py`: case-sensitive")
def _(t: Trial) -> None:
    t.store.put(("Alice",), "k", {"n": 1})
    t.store.put(("alice",), "k", {"n": 2})
    assert [item.value["n"] for item in t.store.search(("alice",))] == [2]


@case("search_prefix", "A prefix may be given as a list.", "sqlite and postgres `test_store.py` do")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    found = t.store.search(list(NS))  # pyright: ignore[reportArgumentType] - what their tests do
    assert keys(found) == ["k"]


@case("search_prefix", "A prefix longer than any namespace finds nothing.", "`BaseStore.search`")
def _(t: Trial) -> None:
    t.store.put(("a",), "k", {"n": 1})
    assert t.store.search(("a", "b", "c")) == []


@case("search_prefix", "Without a query an item's score is None.", "`SearchItem.score`")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    (item,) = t.store.search(NS)
    assert item.score is None


@case("search_prefix", "A query without an index lists, and raises nothing.", "every shipped store")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    (item,) = t.store.search(NS, query="anything")
    assert item.score is None


# filters

STOCK = [
    {
        "kind": "tea",
        "price": 9,
        "hot": True,
        "meta": {"from": "China", "stars": 5},
        "tags": ["a", "b"],
    },
    {"kind": "tea", "price": 10, "hot": False, "meta": {"from": "India"}, "tags": ["a"]},
    {"kind": "cake", "price": 100, "hot": 1, "note": None},
    {"kind": "cake", "price": "9"},
]


def chosen(t: Trial, wanted: dict[str, Any]) -> list[int]:
    """Which of the stock a filter chooses."""
    return sorted(int(item.key) for item in t.store.search(NS, filter=wanted, limit=100))


def filter_case(says: str, rests_on: str, *asked: tuple[dict[str, Any], list[int]]) -> None:
    """A case about filters: each with the numbers of the stock that it chooses."""

    def program(t: Trial) -> None:
        fill(t.store, STOCK)
        for wanted, expected in asked:
            found = chosen(t, wanted)
            assert found == expected, f"{wanted} chose {found}, not {expected}"

    case("filter", says, rests_on)(program)


filter_case(
    "Equality, alone and several at once.",
    "`BaseStore.search`: filter",
    ({"kind": "tea"}, [0, 1]),
    ({"kind": "tea", "price": 10}, [1]),
    ({"kind": "soup"}, []),
)
filter_case("No filter and an empty one choose all.", "`BaseStore.search`", ({}, [0, 1, 2, 3]))
filter_case(
    "`$eq` and `$ne`.",
    "`SearchOp.filter`",
    ({"kind": {"$eq": "tea"}}, [0, 1]),
    ({"kind": {"$ne": "tea"}}, [2, 3]),
)
filter_case(
    "Numbers are compared as numbers: 9 < 10 < 100.",
    "langgraph#7684",
    ({"price": {"$gt": 9}}, [1, 2]),
    ({"price": {"$gte": 9, "$lt": 100}}, [0, 1]),
    ({"price": {"$lte": 10}}, [0, 1]),
)
filter_case(
    "A field that is missing is not greater and not less, and raises nothing.",
    "langgraph#8365",
    ({"note": {"$gt": 1}}, []),
    ({"meta": {"stars": {"$gte": 1}}}, [0]),
)
filter_case(
    "A missing field does not differ from anything.",
    "langgraph#8366",
    ({"meta": {"$ne": 1}}, [0, 1]),
)
filter_case(
    "None chooses what is null and what is missing.",
    "langgraph#8696",
    ({"note": None}, [0, 1, 2, 3]),
)
filter_case("True is not 1.", "JSON", ({"hot": True}, [0]), ({"hot": 1}, [2]))
filter_case("Text is not a number.", "JSON", ({"price": "9"}, [3]), ({"price": 9}, [0]))
filter_case(
    "A nested dict chooses by the fields that it names.",
    "`InMemoryStore`",
    ({"meta": {"from": "China"}}, [0]),
    ({"meta": {"from": "China", "stars": 5}}, [0]),
    ({"meta": {"from": "Peru"}}, []),
)
filter_case("A dotted name is a path.", "langgraph#7795", ({"meta.from": "India"}, [1]))
filter_case(
    "An empty dict chooses any dict, and nothing else.", "`InMemoryStore`", ({"meta": {}}, [0, 1])
)
filter_case(
    "Lists are equal item by item.",
    "sqlite `test_search_items`",
    ({"tags": ["a", "b"]}, [0]),
    ({"tags": {"$eq": ["a"]}}, [1]),
    ({"tags": ["b", "a"]}, []),
)
filter_case(
    "Text is ordered by code points.", "`SearchOp.filter`", ({"kind": {"$gt": "d"}}, [0, 1])
)


@case("filter", "An unknown operator is a ValueError.", "`InMemoryStore`: `Unsupported operator`")
def _(t: Trial) -> None:
    fill(t.store, STOCK)
    raises(ValueError, lambda: t.store.search(NS, filter={"price": {"$near": 9}}))


@case("filter", "`$or` works or is refused; it never silently finds nothing.", "langgraph#8829")
def _(t: Trial) -> None:
    fill(t.store, STOCK)
    try:
        found = chosen(t, {"$or": [{"price": 9}, {"price": 10}]})
    except (ValueError, NotImplementedError):
        return
    assert found == [0, 1]


@case("filter", "Quotes and spaces in a field's name are no matter.", "CVE-2025-8709")
def _(t: Trial) -> None:
    t.store.put(NS, "0", {"it's": 1, "two words": 2, 'a"b': 3})
    t.store.put(NS, "1", {"other": 1})
    for wanted in ({"it's": 1}, {"two words": 2}, {'a"b': 3}):
        assert chosen(t, wanted) == [0], wanted
    assert chosen(t, {"x') OR 1=1 --": 1}) == []


@case(
    "filter",
    "NaN equals nothing and infinity bounds everything.",
    "sqlite `test_numeric_filter_safety`",
)
def _(t: Trial) -> None:
    fill(t.store, [{"n": 1}, {"n": 2}])
    assert chosen(t, {"n": float("nan")}) == []
    assert chosen(t, {"n": {"$lt": float("inf")}}) == [0, 1]
    assert chosen(t, {"n": {"$gt": float("-inf")}}) == [0, 1]


# limit and offset


@case(
    "paging",
    "Pages put together are the whole list.",
    "memory `test_search_pages_match_full_listing`",
)
def _(t: Trial) -> None:
    fill(t.store, [{"n": number} for number in range(25)])
    whole = keys(t.store.search(NS, limit=100))
    pages = [
        key for start in range(0, 28, 4) for key in keys(t.store.search(NS, limit=4, offset=start))
    ]
    assert len(whole) == 25
    assert pages == whole


@case("paging", "Pages of a filter put together are all that it chooses.", "memory `test_store.py`")
def _(t: Trial) -> None:
    fill(t.store, [{"n": number, "even": number % 2 == 0} for number in range(25)])
    asked: dict[str, Any] = {"filter": {"even": True}}
    whole = keys(t.store.search(NS, **asked, limit=100))
    pages = [
        key
        for start in range(0, 15, 3)
        for key in keys(t.store.search(NS, **asked, limit=3, offset=start))
    ]
    assert len(whole) == 13
    assert pages == whole


@case("paging", "A limit of 0 gives nothing.", "langgraph#8696")
def _(t: Trial) -> None:
    fill(t.store, [{"n": 1}])
    assert t.store.search(NS, limit=0) == []


@case("paging", "An offset beyond the end gives nothing.", "`BaseStore.search`")
def _(t: Trial) -> None:
    fill(t.store, [{"n": 1}])
    assert t.store.search(NS, offset=5) == []


@case("paging", "A negative limit or offset is a ValueError.", "langgraph#8696")
def _(t: Trial) -> None:
    fill(t.store, [{"n": 1}])
    raises(ValueError, lambda: t.store.search(NS, limit=-1))
    raises(ValueError, lambda: t.store.search(NS, offset=-1))


# listing namespaces

TREE = [("a",), ("a", "b"), ("a", "b", "c"), ("ab", "c"), ("b", "x", "c"), ("b", "y", "d")]


def grow(t: Trial) -> None:
    """Put an item into each namespace of the tree."""
    for namespace in TREE:
        t.store.put(namespace, "k", {"n": 1})


@case(
    "list_namespaces",
    "Each namespace that holds items is listed once, sorted.",
    "`BaseStore.list_namespaces`",
)
def _(t: Trial) -> None:
    grow(t)
    t.store.put(("a",), "k2", {"n": 1})
    assert t.store.list_namespaces() == sorted(TREE)


@case("list_namespaces", "By prefix, by whole labels.", "memory `test_list_namespaces_basic`")
def _(t: Trial) -> None:
    grow(t)
    assert t.store.list_namespaces(prefix=("a",)) == [("a",), ("a", "b"), ("a", "b", "c")]


@case("list_namespaces", "By suffix.", "memory `test_list_namespaces_basic`")
def _(t: Trial) -> None:
    grow(t)
    assert t.store.list_namespaces(suffix=("c",)) == [
        ("a", "b", "c"),
        ("ab", "c"),
        ("b", "x", "c"),
    ]


@case("list_namespaces", "Prefix and suffix must both hold.", "memory `test_list_namespaces_basic`")
def _(t: Trial) -> None:
    grow(t)
    assert t.store.list_namespaces(prefix=("b",), suffix=("c",)) == [("b", "x", "c")]


@case(
    "list_namespaces",
    "A wildcard stands for one label, in prefix and suffix.",
    "memory `test_list_namespaces_with_wildcards`",
)
def _(t: Trial) -> None:
    grow(t)
    assert t.store.list_namespaces(prefix=("b", "*", "d")) == [("b", "y", "d")]
    assert t.store.list_namespaces(suffix=("b", "*")) == [("a", "b", "c")]
    assert t.store.list_namespaces(prefix=("*", "*")) == sorted(one for one in TREE if len(one) > 1)


@case("list_namespaces", "A label `*` can be stored and listed.", "`_validate_namespace` allows it")
def _(t: Trial) -> None:
    t.store.put(("*", "x"), "k", {"n": 1})
    t.store.put(("a", "x"), "k", {"n": 2})
    assert t.store.list_namespaces() == [("*", "x"), ("a", "x")]
    assert keys(t.store.search(("*",))) == ["k"]


@case(
    "list_namespaces",
    "`max_depth` cuts, then repeats go, then pages are made.",
    "memory `test_list_namespaces_max_depth`",
)
def _(t: Trial) -> None:
    grow(t)
    assert t.store.list_namespaces(max_depth=1) == [("a",), ("ab",), ("b",)]
    assert t.store.list_namespaces(max_depth=2, limit=2, offset=1) == [("a", "b"), ("ab", "c")]
    assert t.store.list_namespaces(max_depth=9) == sorted(TREE)


@case(
    "list_namespaces",
    "Pages put together are the whole list.",
    "memory `test_list_namespaces_pagination`",
)
def _(t: Trial) -> None:
    grow(t)
    pages = [
        one for start in range(0, 8, 2) for one in t.store.list_namespaces(limit=2, offset=start)
    ]
    assert pages == sorted(TREE)
    assert t.store.list_namespaces(limit=0) == []


@case("list_namespaces", "A namespace goes with its last item.", "langgraph#8734")
def _(t: Trial) -> None:
    t.store.put(NS, "one", {"n": 1})
    t.store.put(NS, "two", {"n": 2})
    t.store.delete(NS, "one")
    assert t.store.list_namespaces() == [NS]
    t.store.delete(NS, "two")
    assert t.store.list_namespaces() == []


@case("list_namespaces", "Reading makes no namespace.", "langgraph#8734")
def _(t: Trial) -> None:
    t.store.get(NS, "k")
    t.store.search(NS)
    t.store.delete(NS, "k")
    assert t.store.list_namespaces() == []


@case(
    "list_namespaces",
    "Labels of any form come back as they are.",
    "sqlite `test_store.py`: trailing newline",
)
def _(t: Trial) -> None:
    for label in HOSTILE:
        t.store.put((label, "x"), "k", {"n": 1})
    assert sorted(t.store.list_namespaces()) == sorted((label, "x") for label in HOSTILE)
    for label in HOSTILE:
        if label != "*":
            assert t.store.list_namespaces(prefix=(label,)) == [(label, "x")]


@case(
    "list_namespaces",
    "They are sorted label by label, not as joined text.",
    "`InMemoryStore`: sorted tuples",
)
def _(t: Trial) -> None:
    for namespace in (("a-b", "c"), ("a", "b"), ("a",), ("a b",)):
        t.store.put(namespace, "k", {"n": 1})
    assert t.store.list_namespaces() == [("a",), ("a", "b"), ("a b",), ("a-b", "c")]


# batches


@case("batch", "Results stand in the order of the operations.", "sqlite `test_batch_order`")
def _(t: Trial) -> None:
    t.store.put(NS, "a", {"n": 1})
    found = t.batch(
        [
            GetOp(NS, "a"),
            PutOp(NS, "b", {"n": 2}),
            SearchOp(NS),
            ListNamespacesOp(match_conditions=(MatchCondition("prefix", ("users",)),)),
            GetOp(NS, "none"),
        ]
    )
    assert found[0].key == "a"
    assert found[1] is None
    assert keys(found[2]) == ["a"]
    assert found[3] == [NS]
    assert found[4] is None


@case("batch", "Reads see the state before the batch.", "`InMemoryStore.batch`")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    _, before = t.batch([PutOp(NS, "k", {"n": 2}), GetOp(NS, "k")])
    assert before.value == {"n": 1}
    after = t.store.get(NS, "k")
    assert after is not None
    assert after.value == {"n": 2}


@case("batch", "Of several puts of one item the last wins.", "`AsyncBatchedBaseStore`: dedupe")
def _(t: Trial) -> None:
    t.batch([PutOp(NS, "k", {"n": number}) for number in range(5)])
    item = t.store.get(NS, "k")
    assert item is not None
    assert item.value == {"n": 4}


@case("batch", "Put and then delete ends deleted; delete and then put ends stored.", "last wins")
def _(t: Trial) -> None:
    t.store.put(NS, "b", {"n": 0})
    t.batch(
        [
            PutOp(NS, "a", {"n": 1}),
            PutOp(NS, "a", None),
            PutOp(NS, "b", None),
            PutOp(NS, "b", {"n": 2}),
        ]
    )
    assert t.store.get(NS, "a") is None
    item = t.store.get(NS, "b")
    assert item is not None
    assert item.value == {"n": 2}


@case(
    "batch",
    "No operations give no results; a generator of them will do.",
    "`BaseStore.batch`: an iterable",
)
def _(t: Trial) -> None:
    assert t.batch([]) == []
    t.batch(PutOp(NS, str(number), {"n": number}) for number in range(3))
    assert len(t.store.search(NS)) == 3


@case(
    "batch",
    "One malformed operation, and nothing of the batch is written.",
    "sqlite `test_batch_rejects_invalid_namespace_labels`",
)
def _(t: Trial) -> None:
    for bad in (("a.b",), ("",), ("a\0",), (7,)):
        raises(
            ValueError,
            lambda bad=bad: t.batch([PutOp(NS, "k", {"n": 1}), PutOp(bad, "k", {"n": 2})]),  # pyright: ignore[reportArgumentType] - on purpose
        )
        assert t.store.get(NS, "k") is None, f"written beside {bad}"


@case(
    "batch",
    "One value that JSON cannot hold, and nothing of the batch is written.",
    "all or nothing",
)
def _(t: Trial) -> None:
    raises(
        (TypeError, ValueError),
        lambda: t.batch([PutOp(NS, "k", {"n": 1}), PutOp(NS, "l", {"n": object()})]),
    )
    assert t.store.get(NS, "k") is None


@case("batch", "500 items are got at once, each its own.", "Redis gives the first ten")
def _(t: Trial) -> None:
    t.batch([PutOp(NS, str(number), {"n": number}) for number in range(500)])
    found = t.batch([GetOp(NS, str(number)) for number in range(500)])
    assert [item and item.value["n"] for item in found] == list(range(500))


@case(
    "batch",
    "A batch may write below the reserved root, as LangGraph itself does.",
    "memory `test_cannot_put_empty_namespace`",
)
def _(t: Trial) -> None:
    t.batch([PutOp(("langgraph", "x"), "k", {"n": 1})])
    assert t.store.get(("langgraph", "x"), "k") is not None


# malformed namespaces

MALFORMED: list[Any] = [("a", ""), ("a.b",), ("a\0b",), ("a", 7), ("a", None)]


@case(
    "namespace_validation",
    "A put refuses labels that are empty, not text, or hold a period or NUL.",
    "`_validate_namespace`",
)
def _(t: Trial) -> None:
    for namespace in MALFORMED:
        raises(InvalidNamespaceError, lambda n=namespace: t.store.put(n, "k", {"n": 1}))


@case(
    "namespace_validation",
    "A put refuses the empty namespace and the reserved root.",
    "memory `test_cannot_put_empty_namespace`",
)
def _(t: Trial) -> None:
    raises(InvalidNamespaceError, lambda: t.store.put((), "k", {"n": 1}))
    raises(InvalidNamespaceError, lambda: t.store.put(("langgraph",), "k", {"n": 1}))
    t.store.put(("x", "langgraph"), "k", {"n": 1})


@case(
    "namespace_validation",
    "Reading and deleting refuse malformed labels too.",
    "memory `test_rejects_invalid_namespace_labels`",
)
def _(t: Trial) -> None:
    for namespace in MALFORMED:
        raises(InvalidNamespaceError, lambda n=namespace: t.store.get(n, "k"))
        raises(InvalidNamespaceError, lambda n=namespace: t.store.delete(n, "k"))
        raises(InvalidNamespaceError, lambda n=namespace: t.store.search(n))
        raises(InvalidNamespaceError, lambda n=namespace: t.store.list_namespaces(prefix=n))
        raises(InvalidNamespaceError, lambda n=namespace: t.store.list_namespaces(suffix=n))


@case(
    "namespace_validation",
    "A batch refuses them as the verbs do.",
    "langgraph#8832, langgraph#7575",
)
def _(t: Trial) -> None:
    for namespace in MALFORMED:
        for asked in (GetOp(namespace, "k"), PutOp(namespace, "k", None), SearchOp(namespace)):
            raises(InvalidNamespaceError, lambda op=asked: t.batch([op]))


@case("namespace_validation", "A batch refuses to put into the empty namespace.", "`BaseStore.put`")
def _(t: Trial) -> None:
    raises(ValueError, lambda: t.batch([PutOp((), "k", {"n": 1})]))


@case(
    "namespace_validation",
    "One text is no namespace: it would be read letter by letter.",
    "`put('abc', ...)` writes ('a', 'b', 'c')",
)
def _(t: Trial) -> None:
    text: Any = "abc"
    raises((TypeError, ValueError), lambda: t.store.put(text, "k", {"n": 1}))
    raises((TypeError, ValueError), lambda: t.store.search(text))


# threads and event loops


@case("concurrency", "The asynchronous verbs do what the others do.", "`BaseStore.aput`")
def _(t: Trial) -> None:
    async def work() -> None:
        await t.store.aput(NS, "k", {"n": 1})
        item = await t.store.aget(NS, "k")
        assert item is not None
        assert item.value == {"n": 1}
        assert keys(await t.store.asearch(NS)) == ["k"]
        assert await t.store.alist_namespaces() == [NS]
        await t.store.adelete(NS, "k")
        assert await t.store.aget(NS, "k") is None

    t.run(work)


@case("concurrency", "A store works in one event loop after the other.", "langgraph#6693")
def _(t: Trial) -> None:
    async def write(number: int) -> None:
        await t.store.aput(NS, str(number), {"n": number})

    for number in range(3):
        t.run(lambda n=number: write(n))
    assert len(t.store.search(NS)) == 3


@case("concurrency", "The plain verbs work inside a running event loop.", "langgraph#2875")
def _(t: Trial) -> None:
    async def work() -> None:
        t.store.put(NS, "k", {"n": 1})
        assert t.store.get(NS, "k") is not None

    t.run(work)


@case("concurrency", "A put that was awaited is seen by the next get.", "langgraph#5503")
def _(t: Trial) -> None:
    async def work() -> None:
        for number in range(20):
            await t.store.aput(NS, "k", {"n": number})
            item = await t.store.aget(NS, "k")
            assert item is not None
            assert item.value == {"n": number}

    t.run(work)


@case(
    "concurrency",
    "One bad call does not fail its neighbours.",
    "sqlite `test_invalid_namespace_only_fails_its_own_call`",
)
def _(t: Trial) -> None:
    async def work() -> list[Any]:
        good = [t.store.aput(NS, str(number), {"n": number}) for number in range(5)]
        bad = t.store.abatch([PutOp(("a.b",), "k", {"n": 1})])
        return await asyncio.gather(*good, bad, return_exceptions=True)

    found = t.run(work)
    assert isinstance(found[-1], ValueError)
    assert found[:-1] == [None] * 5
    assert len(t.store.search(NS)) == 5


@case(
    "concurrency", "51 writers at once, 50 of them of one key.", "langgraph `test_store_injected`"
)
def _(t: Trial) -> None:
    async def work() -> None:
        same = (t.store.aput(NS, "same", {"n": number}) for number in range(50))
        await asyncio.gather(*same, t.store.aput(NS, "other", {"n": -1}))

    t.run(work)
    assert sorted(keys(t.store.search(NS))) == ["other", "same"]


@case("concurrency", "Eight threads lose nothing.", "tools run in threads")
def _(t: Trial) -> None:
    ready = threading.Barrier(8)

    def write(thread: int) -> None:
        ready.wait()
        for number in range(10):
            t.store.put((*NS, str(thread)), str(number), {"n": number})
            assert t.store.get((*NS, str(thread)), str(number)) is not None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(t.store.search(NS, limit=100)) == 80


# what is stored is a copy


@case("isolation_copy", "Changing what was put changes nothing stored.", "langgraph#8835")
def _(t: Trial) -> None:
    value: dict[str, Any] = {"list": [1], "deep": {"n": 1}}
    t.store.put(NS, "k", value)
    value["list"] = [2]
    value["deep"]["n"] = 2
    item = t.store.get(NS, "k")
    assert item is not None
    assert item.value == {"list": [1], "deep": {"n": 1}}


@case(
    "isolation_copy", "Changing what get or search gave changes nothing stored.", "langgraph#8835"
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"deep": {"n": 1}})
    for read in (lambda: t.store.get(NS, "k"), lambda: t.store.search(NS)[0]):
        item = read()
        assert item is not None
        item.value["deep"]["n"] = 2
        again = read()
        assert again is not None
        assert again.value == {"deep": {"n": 1}}


# times and order


@case("ordering", "Times are aware, and of UTC.", "`Item.created_at`")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    item = t.store.get(NS, "k")
    assert item is not None
    for moment in (item.created_at, item.updated_at):
        assert moment.tzinfo is not None
        assert moment.utcoffset() == timedelta(0), moment.astimezone(UTC)


@case("ordering", "Overwriting keeps `created_at` and moves `updated_at`.", "langgraph#8340")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    first = t.store.get(NS, "k")
    t.sleep(1.1)
    t.store.put(NS, "k", {"n": 2})
    second = t.store.get(NS, "k")
    assert first is not None
    assert second is not None
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


@case(
    "ordering",
    "`updated_at` grows with every write, however fast they come.",
    "postgres `test_store.py`",
)
def _(t: Trial) -> None:
    moments: list[Any] = []
    for number in range(5):
        t.store.put(NS, "k", {"n": number})
        item = t.store.get(NS, "k")
        assert item is not None
        moments.append(item.updated_at)
    assert moments == sorted(set(moments))


@case("ordering", "Reading changes no time.", "`Item.updated_at`")
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    before = t.store.get(NS, "k")
    t.sleep(1.1)
    t.store.search(NS)
    assert t.store.get(NS, "k") == before


@case("ordering", "Lists come last written first.", "langgraph#8831; the SQL stores")
def _(t: Trial) -> None:
    for key in "abc":
        t.store.put(NS, key, {"n": 1})
        t.sleep(1.1)
    t.store.put(NS, "a", {"n": 2})
    assert keys(t.store.search(NS)) == ["a", "c", "b"]
