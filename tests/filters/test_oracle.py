"""Random filters over random records: SQL must agree with the plain-Python meaning."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonplace import HashingEmbedder, InvalidInputError, Memory, Record, matches, parse_filter

if TYPE_CHECKING:
    from tests.figures import Figures

NAMES = st.sampled_from(
    ["a", "b", "a.b", "a.b.c", "c d", "", 'q"q', "b\\s", "tab\t", "ü", "0", "$x"[1:], "c"]
)
TEXTS = st.sampled_from(
    ["", "x", "X", "x y", "ü", "9", "10", "a\0b", "a\0c", "a", "true", "\U0001f600", "[1, 2]"]
)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 1.0, -0.0, 0.1, 1e300]),
    st.floats(allow_nan=False, allow_infinity=False),
)
SCALARS = st.one_of(st.none(), st.booleans(), TEXTS, NUMBERS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
OPERANDS = st.one_of(SCALARS, st.sampled_from([float("nan"), float("inf"), float("-inf")]), VALUES)
MOMENTS = st.sampled_from([datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)])


def operators(operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.dictionaries(
            st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains"]),
            operand,
            min_size=1,
            max_size=2,
        ),
        st.dictionaries(
            st.sampled_from(["$in", "$nin"]), st.lists(operand, max_size=3), min_size=1, max_size=1
        ),
        st.fixed_dictionaries({"$exists": st.booleans()}),
    )


PLACES = st.one_of(
    NAMES,
    st.builds("@value.{}".format, st.sampled_from(["a", "a.b", "c"])),
    st.sampled_from(["@value", "@source.app", "@metadata.a"]),
)
LEAVES = st.one_of(
    st.dictionaries(PLACES, st.one_of(SCALARS, operators(OPERANDS)), max_size=2),
    st.dictionaries(NAMES, st.dictionaries(NAMES, SCALARS, max_size=2), max_size=1),
    st.dictionaries(
        st.sampled_from(["@kind", "@key", "@content", "@scope", "@importance", "@version"]),
        st.one_of(SCALARS, operators(SCALARS)),
        max_size=1,
    ),
    st.dictionaries(st.just("@tags"), operators(TEXTS), max_size=1),
    st.dictionaries(
        st.sampled_from(["@created_at", "@expires_at", "@valid_from"]),
        st.one_of(
            st.none(),
            MOMENTS,
            st.dictionaries(st.sampled_from(["$gt", "$lte", "$ne", "$eq"]), MOMENTS, min_size=1),
        ),
        max_size=1,
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=5,
)
RECORDS = st.fixed_dictionaries(
    {
        "content": TEXTS,
        "metadata": DOCUMENTS,
        "value": VALUES,
        "tags": st.lists(TEXTS.filter(bool), max_size=2),
        "kind": st.sampled_from(["fact", "x"]),
        "key": st.one_of(st.none(), st.uuids().map(str)),
        "importance": st.sampled_from([0, 0.5, 1]),
        "source": st.sampled_from([None, {"app": "x"}, {"app": "a\0b"}]),
        "created_at": MOMENTS,
        "valid_from": st.one_of(st.none(), MOMENTS),
        "scope": st.sampled_from(["", "x", "x/y"]),
    }
)


def check(memory: Memory, records: list[dict[str, Any]], given_filter: dict[str, Any]) -> None:
    stored = memory.add_many([{**record, "embed": False} for record in records])
    tree = parse_filter(given_filter)
    expected = {record.id for record in stored if matches(tree, record)}
    assert {record.id for record in memory.list(filter=given_filter)} == expected
    assert memory.count(filter=given_filter) == len(expected)
    memory.delete(everything=True)


def checked(trees: int) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8), keep_versions=0) as memory:

        @given(records=st.lists(RECORDS, min_size=1, max_size=8), given_filter=FILTERS)
        @settings(max_examples=trees)
        def compare(records: list[dict[str, Any]], given_filter: dict[str, Any]) -> None:
            memory.delete(everything=True)  # what an example left that failed
            check(memory, records, given_filter)

        compare()


def test_sql_agrees_with_plain_python(figures: Figures) -> None:
    checked(300)
    figures(14, trees=300, differences=0)


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_sql_agrees_with_plain_python_at_length(figures: Figures) -> None:
    checked(20_000)
    figures(14, trees=20_000, differences=0)


# The decided cases: metadata, filter, whether it matches.
CASES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"n": 10}, {"n": {"$gt": 9}}, True),
    ({"n": 10}, {"n": 10.0}, True),
    ({}, {"n": {"$gt": 1}}, False),
    ({"s": "b"}, {"s": {"$gt": "a"}}, True),
    ({"s": "B"}, {"s": {"$gt": "a"}}, False),
    ({"s": "9"}, {"s": {"$gt": 1}}, False),
    ({}, {"n": {"$ne": 1}}, False),
    ({"n": None}, {"n": {"$ne": 1}}, False),
    ({"n": "x"}, {"n": {"$ne": 1}}, True),
    ({}, {"n": None}, True),
    ({"n": None}, {"n": None}, True),
    ({"n": 0}, {"n": None}, False),
    ({"b": True}, {"b": 1}, False),
    ({"b": 1}, {"b": True}, False),
    ({"b": True}, {"b": True}, True),
    ({"m": {"x": 1, "y": 2}}, {"m": {"x": 1}}, True),
    ({"m": {"x": 5}}, {"m": {"x": {"$gt": 4}}}, True),
    ({"m": {"x": 1}}, {"m": {"x": 2}}, False),
    ({"m": {"x": 1}}, {"m": {}}, True),
    ({"m": 1}, {"m": {}}, False),
    ({"m": {"x": 1}}, {"m.x": 1}, True),
    ({"m.x": 2, "m": {"x": 1}}, {"m.x": 2}, True),
    ({"m.x": 2, "m": {"x": 1}}, {"m.x": 1}, False),
    ({"l": [1, 2]}, {"l": [1, 2]}, True),
    ({"l": "[1, 2]"}, {"l": [1, 2]}, False),
    ({"l": [1, 2]}, {"l": {"$eq": [1, 2]}}, True),
    ({"l": [1, 2]}, {"l": {"$contains": 2}}, True),
    ({"s": "green tea"}, {"s": {"$contains": "tea"}}, True),
    ({'odd "key"': 1}, {'odd "key"': 1}, True),
    ({"n": 1}, {"$or": [{"n": 1}, {"n": 2}]}, True),
    ({"n": 1}, {"n": {"$in": [1, 2]}}, True),
    ({"n": 1}, {"n": {"$in": []}}, False),
    ({"n": 1}, {"n": {"$nin": []}}, True),
    ({}, {"n": {"$in": [None]}}, True),
    ({"n": None}, {"n": {"$exists": True}}, True),
    ({}, {"n": {"$exists": False}}, True),
    ({}, {"$not": {"n": 1}}, True),
    ({"n": 1}, {}, True),
    ({"n": 1}, {"n": float("nan")}, False),
    ({"n": 2**63}, {"n": 2**63}, True),
    ({"n": 2**63}, {"n": 2**63 + 1}, False),
    ({}, {"@importance": {"$contains": 0}}, False),  # no text, though "0.5" holds a "0"
    ({}, {"@version": {"$contains": 1}}, False),
]


@pytest.mark.parametrize(("metadata", "given_filter", "expected"), CASES)
def test_decided_cases(
    memory: Memory, metadata: dict[str, Any], given_filter: dict[str, Any], *, expected: bool
) -> None:
    record: Record = memory.add("x", metadata=metadata)
    assert matches(parse_filter(given_filter), record) is expected
    assert matches(given_filter, record) is expected
    assert memory.count(filter=given_filter) == int(expected)


def test_no_filter_matches_every_record(memory: Memory) -> None:
    assert matches(None, memory.add("x"))


@pytest.mark.parametrize(
    "given_filter",
    [
        {"$nor": []},
        {"n": {"$regex": "x"}},
        {"n": {"$gt": 1, "x": 2}},
        {"$and": []},
        {"$or": {}},
        {"n": {"$in": 1}},
        {"n": {"$exists": 1}},
        {"@nothing": 1},
        {"@created_at": "2024"},
        {"@created_at": datetime(2024, 1, 1)},  # noqa: DTZ001 - refused for it
        {"n": object()},
        {1: 2},
        [],
        "n = 1",
        {"n": "\ud800"},
    ],
)
def test_malformed_filters_are_refused(memory: Memory, given_filter: Any) -> None:
    record = memory.add("x")
    with pytest.raises(InvalidInputError):
        memory.list(filter=given_filter)
    with pytest.raises(InvalidInputError):
        matches(given_filter, record)


def test_deep_and_wide_filters_are_refused(memory: Memory) -> None:
    deep: dict[str, Any] = {"n": 1}
    for _ in range(40):
        deep = {"$not": deep}
    for given_filter in (deep, {"$or": [{"n": n} for n in range(300)]}):
        with pytest.raises(InvalidInputError):
            memory.count(filter=given_filter)
