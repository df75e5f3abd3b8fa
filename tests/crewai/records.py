"""Records of CrewAI for tests: made in one line, and drawn at random."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crewai.memory.types import MemoryRecord
from hypothesis import strategies as st

EAST = [1.0, 0.0, 0.0, 0.0]
NORTH = [0.0, 1.0, 0.0, 0.0]
JUNE = datetime(2026, 6, 1)  # noqa: DTZ001 - CrewAI's times are naive UTC


def record(name: str, scope: str = "/a", **parts: Any) -> MemoryRecord:
    """A record whose id is its content."""
    given: dict[str, Any] = {"embedding": EAST, "created_at": JUNE, "last_accessed": JUNE, **parts}
    return MemoryRecord(id=name, content=name, scope=scope, **given)


SCOPES = ["/", "/a", "/a/c", "/ab", "/a-b", "/a_b", "/A", "/a%", "/a/c/d", "/é", "/a\u0301", "/a.b"]
PREFIXES = [None, "", *SCOPES, "a", "/a/", "//a", "a/c/", "/a/c/d/e", "/nowhere"]
NARROW = [prefix for prefix in PREFIXES if prefix not in {None, "", "/"}]
CATEGORIES = ["red", "Red", "blue", "b%", "größe"]
KEYS = ["n", "a.b", "$x", "@kind", "weird key", ""]
VALUES: list[Any] = [0, 1, 1.0, True, False, "1", "x", None, 1.5, [1, "a"], {"k": [1]}, -(2**70)]
COMPONENTS = st.integers(-2, 2).map(float)


def seldom(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """None three times out of four."""
    return st.integers(0, 3).flatmap(lambda n: st.none() if n else strategy)


vectors = st.lists(COMPONENTS, min_size=4, max_size=4)
metadatas = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
categories = st.lists(st.sampled_from(CATEGORIES), max_size=3)
moments = st.integers(0, 3).map(lambda days: JUNE + timedelta(days=days))
ids = st.sampled_from([f"longprefix-{n}" for n in range(12)])
records = st.builds(
    MemoryRecord,
    id=ids,
    content=st.sampled_from(["", " ", "the fox", "der Füchse\u2028", "🦊 \U0001f98a", "x" * 300]),
    scope=st.sampled_from(SCOPES),
    categories=categories,
    metadata=metadatas,
    importance=st.sampled_from([0.0, 0.3, 1.0]),
    created_at=moments,
    last_accessed=moments,
    embedding=st.none() | vectors,
    source=st.sampled_from([None, "alice", ""]),
    private=st.booleans(),
)
