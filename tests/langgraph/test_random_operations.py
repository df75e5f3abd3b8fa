"""Random lists of operations, beside LangGraph's own `InMemoryStore`: equal answers.

Known differences, which are allowed for here and nowhere else:

- Order: a search without a query gives the newest first here, the order of writing there.
- `InMemoryStore` lists namespaces that are empty: whose items were deleted, or that were asked for.
- Its filters take `True` for `1` and a missing field for a null, and its `$gt` raises where a field
  is missing or no number: filters here compare numbers with numbers that are there.
- It keeps infinities and what is no number, which JSON has no word for; ours refuses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from commonplace import HashingEmbedder, Memory
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from tests.figures import Figures

Operation = GetOp | PutOp | SearchOp | ListNamespacesOp
LABELS = st.sampled_from(["a", "b", "ab", "ü", "a b", "\U0001f600"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "K", "key", "k\n", "ключ", "1"])
LEAVES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
NUMBERS = st.integers(-3, 3)
VALUES = st.fixed_dictionaries(
    {"n": NUMBERS, "s": st.sampled_from(["x", "y", "x y"])},
    optional={
        "more": st.recursive(
            LEAVES,
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        )
    },
)
FILTERS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"n": NUMBERS}),
    st.fixed_dictionaries({"s": st.sampled_from(["x", "y", "z"])}),
    st.fixed_dictionaries({"n": NUMBERS, "s": st.sampled_from(["x", "y"])}),
    st.fixed_dictionaries(
        {
            "n": st.dictionaries(
                st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), NUMBERS, min_size=1
            )
        }
    ),
)
PLACES = st.lists(st.one_of(LABELS, st.just("*")), min_size=1, max_size=3).map(tuple)
CONDITIONS = st.builds(MatchCondition, st.sampled_from(["prefix", "suffix"]), PLACES)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.tuples(NAMESPACES, KEYS, VALUES).map(lambda given: PutOp(*given)),
    st.tuples(NAMESPACES, KEYS, st.one_of(st.none(), VALUES)).map(lambda given: PutOp(*given)),
    st.tuples(NAMESPACES, KEYS).map(lambda given: GetOp(*given)),
    st.tuples(
        st.one_of(st.just(()), NAMESPACES), FILTERS, st.sampled_from([3, 1000]), st.integers(0, 3)
    ).map(lambda given: SearchOp(*given)),
    st.builds(
        ListNamespacesOp,
        st.one_of(st.none(), st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple)),
        st.one_of(st.none(), st.integers(1, 3)),
        st.sampled_from([2, 1000]),
        st.integers(0, 2),
    ),
)
BATCHES = st.lists(st.lists(OPERATIONS, min_size=1, max_size=4), min_size=1, max_size=12)


def shown(item: Item | None) -> tuple[Any, ...] | None:
    return None if item is None else (item.namespace, item.key, item.value)


def all_found(store: InMemoryStore, operation: SearchOp) -> list[Any]:
    every = operation._replace(limit=10_000, offset=0)
    found: Any = store.batch([every])[0]
    return [shown(item) for item in found]


def namespaces(store: InMemoryStore, operation: ListNamespacesOp) -> list[tuple[str, ...]]:
    """What it lists of namespaces that hold something."""
    every = operation._replace(max_depth=None, limit=10_000, offset=0)
    listed: Any = store.batch([every])[0]
    held = [
        name
        for name in listed
        if any(i.namespace == name for i in store.search(name, limit=10_000))
    ]
    cut = sorted({name[: operation.max_depth] for name in held})
    return cut[operation.offset : operation.offset + operation.limit]


class Both:
    """A store of each kind, which are given the same."""

    def __init__(self, memory: Memory) -> None:
        self.ours = CommonplaceStore(memory)
        self.theirs = InMemoryStore()
        self.answers = 0

    def run(self, batch: list[Operation]) -> None:
        expected = [self._expected(operation) for operation in batch]  # reads see what was before
        self.theirs.batch(batch)
        for operation, found, wanted in zip(batch, self.ours.batch(batch), expected, strict=True):
            self._compare(operation, found, wanted)
            self.answers += 1

    def _expected(self, operation: Operation) -> Any:
        if isinstance(operation, SearchOp):
            return all_found(self.theirs, operation)
        if isinstance(operation, ListNamespacesOp):
            return namespaces(self.theirs, operation)
        return shown(self.theirs.batch([operation])[0]) if isinstance(operation, GetOp) else None  # pyright: ignore[reportArgumentType] - a get gives an item

    def _compare(self, operation: Operation, found: Any, wanted: Any) -> None:
        if isinstance(operation, SearchOp):
            got = [shown(item) for item in found]
            assert len(got) == len(wanted[operation.offset : operation.offset + operation.limit])
            assert all(one in wanted for one in got)
            assert len({one[:2] for one in got if one}) == len(got)
        elif isinstance(operation, GetOp):
            assert shown(found) == wanted
        else:
            assert found == wanted

    def pages(self) -> None:
        """Page by page everything comes once."""
        whole = [shown(item) for item in self.ours.search((), limit=10_000)]
        parts = [
            shown(item)
            for start in range(0, len(whole) + 1, 3)
            for item in self.ours.search((), limit=3, offset=start)
        ]
        assert parts == whole
        assert len(whole) == len(all_found(self.theirs, SearchOp(())))


def compared(lists: int) -> int:
    answers = 0
    with Memory(":memory:", embedder=HashingEmbedder(8), keep_versions=0) as memory:

        @given(BATCHES)
        @settings(max_examples=lists)
        def compare(batches: list[list[Operation]]) -> None:
            nonlocal answers
            memory.delete(everything=True)
            both = Both(memory)
            for batch in batches:
                both.run(batch)
            both.pages()
            answers += both.answers

        compare()
    return answers


def test_random_lists_of_operations_give_the_same(figures: Figures) -> None:
    figures(12, lists=50, answers=compared(50), differences=0)


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_a_thousand_lists_of_operations_give_the_same(figures: Figures) -> None:
    figures(12, lists=1_000, answers=compared(1_000), differences=0)
