"""Which entry of the index belongs to which record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import Memory, PrecomputedEmbedder
from commonplace.index.follower import entry_id, record_ids

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.files

IDS = st.text(st.sampled_from("ab#01²\\% "), min_size=1) | st.text(min_size=1)
ENTRIES = st.tuples(IDS, st.integers(0, 4095))


@given(st.lists(ENTRIES, unique=True))
def test_no_two_vectors_share_an_entry_whatever_the_ids(entries: list[tuple[str, int]]) -> None:
    assert len({entry_id(*entry) for entry in entries}) == len(entries)


@given(st.lists(ENTRIES))
def test_an_entry_names_its_record(entries: list[tuple[str, int]]) -> None:
    named = record_ids(entry_id(*entry) for entry in entries)
    assert named == list(dict.fromkeys(record_id for record_id, _ in entries))


def test_ordinary_ids_are_shown_as_they_are() -> None:
    assert entry_id("019a-b", 0) == "019a-b"
    assert entry_id("019a-b", 2) == "019a-b#2"


def test_a_record_whose_id_looks_like_an_entry_is_indexed_beside_the_other(path: Path) -> None:
    """Regression: `a` with three vectors and a record `a#1` made the index process die for ever."""
    embedder = PrecomputedEmbedder("t", 4)
    with Memory(path, embedder=embedder, index="chroma") as memory:
        memory.add("x", id="a", vector=np.eye(4)[:3])
        memory.add("y", id="a#1", vector=[0.0, 0.0, 0.0, 1.0])
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok


def test_records_of_many_vectors_are_indexed_in_batches_that_chroma_takes(path: Path) -> None:
    """Regression: 2,000 records of four vectors are more than Chroma takes at once (5,461)."""
    given = np.random.default_rng(0).standard_normal((1_500, 4, 4)).astype(np.float32)
    with Memory(path, embedder=PrecomputedEmbedder("t", 4), index="chroma") as memory:
        memory.add_many({"id": f"r{n}", "vector": given[n]} for n in range(len(given)))
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok
        memory.delete(f"r{n}" for n in range(0, len(given), 2))
        memory.flush()
        assert memory.verify().ok
