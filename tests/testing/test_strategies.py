"""What the strategies make is taken and comes out as it went in; what they refuse is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import HashingEmbedder, InvalidInputError, Memory
from commonplace.testing import strategies


@pytest.fixture(scope="module")
def shared() -> Memory:
    return Memory(":memory:", embedder=HashingEmbedder(16))


@given(record=strategies.records())
def test_what_is_made_is_taken_and_comes_out_equal(shared: Memory, record: dict[str, Any]) -> None:
    for before in shared.list():
        shared.delete(before.id)
    stored = shared.add_many([record])[0]
    given_fields = {name: part for name, part in record.items() if name not in {"ttl", "scope"}}
    assert {name: getattr(stored, name) for name in given_fields} == given_fields
    assert shared.get(stored.id) == stored


@given(value=strategies.refused_values(), place=st.sampled_from(["value", "metadata"]))
def test_what_must_be_refused_is_refused(shared: Memory, value: Any, place: str) -> None:
    before = shared.count()
    given_value = {"n": value} if place == "metadata" else value
    with pytest.raises(InvalidInputError):
        shared.add_many([{"content": "x", place: given_value}])
    assert shared.count() == before


def test_the_rest_of_the_package_needs_no_hypothesis() -> None:
    program = """
import sys
sys.modules["hypothesis"] = None
import commonplace.testing.crash
try:
    import commonplace.testing.strategies
except ImportError as error:
    assert "pip install hypothesis" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
