"""Filters mean the same on encrypted memories: random ones against the plain-Python matcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tests.filters.test_oracle import FILTERS, RECORDS, check

from commonplace import Encryption, HashingEmbedder, Memory

if TYPE_CHECKING:
    from tests.figures import Figures

pytestmark = pytest.mark.files  # a ledger on a server is not encrypted


def checked(trees: int) -> None:
    encryption = Encryption(keys={"k": bytes(range(32))})
    with Memory(
        ":memory:", embedder=HashingEmbedder(8), keep_versions=0, encryption=encryption
    ) as memory:

        @given(records=st.lists(RECORDS, min_size=1, max_size=8), given_filter=FILTERS)
        @settings(max_examples=trees)
        def compare(records: list[dict[str, Any]], given_filter: dict[str, Any]) -> None:
            memory.delete(everything=True)  # what an example left that failed
            check(memory, records, given_filter)

        compare()


def test_filters_of_what_is_sealed_agree_with_plain_python() -> None:
    checked(60)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_many_filters_of_what_is_sealed_agree(figures: Figures) -> None:
    checked(5_000)
    figures(14, trees_on_encrypted_memories=5_000, differences=0)
