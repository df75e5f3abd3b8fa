"""JSON values: what goes in comes out equal and apart, and what is no JSON is refused by name."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonplace import HashingEmbedder, InvalidInputError, LimitExceededError, Memory
from commonplace.jsonvalue import (
    MAX_INTEGER_BITS,
    MAX_JSON_DEPTH,
    checked_json,
    dump_json,
    load_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BIG = 2**MAX_INTEGER_BITS - 1
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-BIG, BIG),
    st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, BIG, -BIG, -0.0, 5e-324, 1e308, 0.1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "\0", "\u2028", "\ufeff", "e\u0301", "\U0001f600", "\x7f", "NaN", "null"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


def nested(depth: int) -> Any:
    """A list in a list in a list, so many deep."""
    found: Any = []
    for _ in range(depth - 1):
        found = [found]
    return found


def containers(value: Any) -> Iterator[int]:
    """The identity of every list and dict in a value."""
    if isinstance(value, list | dict):
        yield id(value)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        inner: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
        for item in inner:
            yield from containers(item)


@given(VALUES)
def test_a_checked_value_is_equal_down_to_types_and_order(value: Any) -> None:
    """`repr` tells `1`, `1.0`, `True`, `0.0` and `-0.0` apart, which `==` does not."""
    copy = checked_json(value, "value")
    assert repr(copy) == repr(value)
    assert repr(load_json(dump_json(copy))) == repr(value)


@given(VALUES)
def test_a_checked_value_shares_nothing_with_what_was_given(value: Any) -> None:
    copy = checked_json(value, "value")
    assert not set(containers(copy)) & set(containers(value))


@given(st.lists(VALUES, min_size=1, max_size=5))
@settings(max_examples=25)
def test_a_memory_gives_back_what_it_was_given(values: list[Any]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(4)) as memory:
        stored = memory.add_many(
            {"content": "x", "value": value, "metadata": {"m": value}, "embed": False}
            for value in values
        )
        again = memory.get_many(record.id for record in stored)
        for value, record, read in zip(values, stored, again, strict=True):
            assert read is not None
            assert repr(record.value) == repr(read.value) == repr(value)
            assert repr(record.metadata) == repr(read.metadata) == repr({"m": value})


def test_what_was_read_is_the_callers_own(memory: Memory) -> None:
    given: dict[str, Any] = {"list": [{"n": 1}]}
    written: Any = memory.add("x", id="1", value=given, metadata=given)
    written.value["list"][0]["n"] = 2
    written.metadata["list"].clear()
    given["list"].append("more")
    for _ in range(2):
        read: Any = memory.get("1")
        assert read.value == read.metadata == {"list": [{"n": 1}]}
        read.value["list"][0]["n"] = 3
        read.metadata.clear()
        found: Any = memory.search("x")[0].record
        assert found.value == found.metadata == {"list": [{"n": 1}]}
        found.value.clear()


def wrapped(value: Any) -> Iterator[Any]:
    """The value alone, and at several depths."""
    yield from (value, [value], {"a": value}, [1, {"b": [None, value]}], {"": {"x": [[value]]}})


@pytest.mark.parametrize(
    "number", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float64("inf")]
)
def test_nan_and_infinity_are_refused_by_name(number: float) -> None:
    for value in wrapped(number):
        with pytest.raises(InvalidInputError, match=rf"metadata holds .*{float(number)!r}.*None"):
            checked_json(value, "metadata")


@pytest.mark.parametrize("text", ["\ud800", "x\udfff", "\udc00\ud800", "\ud83d \ude00"])
def test_a_lone_surrogate_is_refused_in_texts_and_keys(text: str) -> None:
    for value in (*wrapped(text), {text: 1}, [{"a": {text: 1}}]):
        with pytest.raises(InvalidInputError, match=r"value.*lone surrogate at position") as caught:
            checked_json(value, "value")
        str(caught.value).encode()


@pytest.mark.parametrize(
    "value",
    [
        (),
        (1, 2),
        {1},
        frozenset[int](),
        b"bytes",
        bytearray(b"x"),
        1j,
        Decimal(1),
        datetime(2024, 1, 1, tzinfo=UTC),
        np.int64(1),
        np.float32(1),
        np.zeros(2),
        object(),
        ...,
        int,
        iter([1]),
    ],
)
def test_what_is_no_json_is_refused_by_the_name_of_its_type(value: Any) -> None:
    for holder in wrapped(value):
        with pytest.raises(InvalidInputError, match=rf"value holds an? .*{type(value).__name__}"):
            checked_json(holder, "value")


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"a", ("a",)])
def test_a_key_that_is_no_text_is_refused_by_its_type(key: Any) -> None:
    for holder in wrapped({key: 1}):
        with pytest.raises(InvalidInputError, match=rf"key of type {type(key).__name__}"):
            checked_json(holder, "value")


def test_the_depth_is_bounded_and_a_value_in_itself_ends() -> None:
    assert checked_json(nested(MAX_JSON_DEPTH), "value") == nested(MAX_JSON_DEPTH)
    with pytest.raises(LimitExceededError, match=f"value.*{MAX_JSON_DEPTH} deep"):
        checked_json(nested(MAX_JSON_DEPTH + 1), "value")
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle]
    with pytest.raises(LimitExceededError):
        checked_json(cycle, "value")


def test_integers_are_exact_up_to_a_bound() -> None:
    for number in (BIG, -BIG):
        assert load_json(dump_json(checked_json(number, "value"))) == number
    for number in (BIG + 1, -BIG - 1, 10**5000):
        with pytest.raises(LimitExceededError, match=f"{MAX_INTEGER_BITS:,}|{MAX_INTEGER_BITS}"):
            checked_json(number, "value")


def test_json_is_written_compactly_in_order_as_unicode() -> None:
    assert dump_json({"b": [1, 2.0], "a": {"é": None}}) == '{"b":[1,2.0],"a":{"é":null}}'
    assert json.loads(dump_json("\u2028\0")) == "\u2028\0"


class Colour(str, Enum):  # noqa: UP042 - a `StrEnum` prints as its value; this one does not
    RED = "red"


class Level(IntEnum):
    HIGH = 3


def test_plain_types_come_out_of_their_subclasses() -> None:
    """Regression: a text enum came out as its name, `Colour.RED`."""
    given = OrderedDict({Colour.RED: [Colour.RED, Level.HIGH, np.float64(0.1), True]})
    copy: Any = checked_json(given, "value")
    assert repr(copy) == "{'red': ['red', 3, 0.1, True]}"
    assert type(copy["red"][0]) is str
    assert type(copy["red"][1]) is int
    assert type(copy["red"][2]) is float


def test_a_memory_takes_the_text_of_an_enum_everywhere(memory: Memory) -> None:
    colour: Any = Colour.RED
    memory.add(
        colour,
        id=colour,
        key=colour,
        kind=colour,
        scope=colour,
        tags=[colour],
        value=colour,
        metadata={colour: colour},
        source={"app": colour},
    )
    record = memory.get(colour)
    assert record is not None
    expected = {
        **dict.fromkeys(("id", "key", "kind", "content", "scope", "value"), "red"),
        "tags": ["red"],
        "metadata": {"red": "red"},
        "source": {"app": "red"},
    }
    found = record.to_dict()
    assert {name: found[name] for name in expected} == expected
    for conditions in ({colour: colour}, {colour: {"$in": [colour]}}, {"@kind": colour}):
        assert memory.list(filter=conditions, tags=colour, kinds=colour, scope=colour) == [record]
    assert memory.get(key=colour, scope=colour) == record
    assert memory.search(colour)[0].record == record
