"""What a filter may be."""

from __future__ import annotations

import pytest

from commonplace import HashingEmbedder, LimitExceededError, Memory, parse_filter


@pytest.mark.parametrize("operator", ["$in", "$nin"])
def test_a_list_of_values_has_a_limit(operator: str) -> None:
    parse_filter({"n": {operator: list(range(500))}})
    with pytest.raises(LimitExceededError, match="500"):
        parse_filter({"n": {operator: list(range(501))}})
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add("x", metadata={"n": 499})
        assert memory.count(filter={"n": {"$in": list(range(500))}}) == 1
