"""`Scope`: any Unicode in a segment, read back from its path, containing by whole segments."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from commonplace import HashingEmbedder, InvalidInputError, LimitExceededError, Memory, Scope
from commonplace.scope import MAX_DEPTH, MAX_SEGMENT_BYTES

AWKWARD = st.text("abA/\\%_.é\u0301\0", min_size=1, max_size=6)
SEGMENTS = st.one_of(AWKWARD, st.text(min_size=1, max_size=20))
SCOPES = st.lists(SEGMENTS, max_size=5).map(lambda segments: Scope(*segments))
NEAR = st.lists(st.sampled_from(["a", "ab", "a/b", "a\\", "\\", "/", "b"]), max_size=3).map(
    lambda segments: Scope(*segments)
)


@given(SCOPES)
def test_a_scope_is_read_back_from_its_path(scope: Scope) -> None:
    assert Scope.parse(scope.path) == scope
    assert Scope.of(str(scope)) == scope
    assert Scope.of(scope) is scope
    assert hash(Scope.parse(scope.path)) == hash(scope)


@given(st.text(st.sampled_from("ab/\\"), max_size=12))
def test_a_path_is_refused_or_written_as_it_was_read(path: str) -> None:
    try:
        scope = Scope.parse(path)
    except InvalidInputError:
        unescaped = path.replace("\\\\", "").replace("\\/", "")
        assert "\\" in unescaped or not all(path.replace("\\\\", "").split("/"))
    else:
        assert scope.path == path


@given(NEAR, NEAR)
def test_containing_is_by_whole_segments(outer: Scope, inner: Scope) -> None:
    """The oracle is the text, whose separators are whole: no segment ends in half an escape."""
    within = inner.path == outer.path or inner.path.startswith(f"{outer.path}/")
    assert outer.contains(inner) == (not outer.segments or within)
    assert outer.contains(inner) == (outer in list(inner.ancestors()))
    if outer.contains(inner) and inner.contains(outer):
        assert outer == inner


@given(SCOPES, SEGMENTS, SEGMENTS)
def test_a_longer_name_is_another_scope(scope: Scope, name: str, more: str) -> None:
    assume(len(f"{name}{more}".encode()) <= MAX_SEGMENT_BYTES)
    assert not (scope / name).contains(scope / f"{name}{more}")
    assert not (scope / f"{name}{more}").contains(scope / name)
    assert (scope / name).contains(scope / name / more)


@given(SCOPES)
def test_ancestors_lead_from_the_scope_to_the_root(scope: Scope) -> None:
    ancestors = list(scope.ancestors())
    assert ancestors[0] == scope
    assert ancestors[-1] == Scope()
    assert [len(one.segments) for one in ancestors] == list(range(len(scope.segments), -1, -1))
    assert [one.parent for one in ancestors] == [*ancestors[1:], Scope()]
    if scope.segments:
        assert scope.parent / scope.segments[-1] == scope


@given(st.lists(NEAR, min_size=1, max_size=8, unique=True))
def test_a_memory_agrees_on_what_contains_what(scopes: list[Scope]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(4)) as memory:
        memory.add_many({"content": "x", "scope": scope, "embed": False} for scope in scopes)
        for outer in scopes:
            found = {record.scope for record in memory.scope(outer).list()}
            assert found == {scope for scope in scopes if outer.contains(scope)}
            assert memory.count(scope=outer, recursive=False) == 1
        assert {info.scope for info in memory.scopes()} == set(scopes)


def test_the_examples_of_the_guide() -> None:
    assert Scope.parse("users/alice") == Scope("users", "alice") == Scope("users") / "alice"
    assert Scope("a/b", "c\\d").path == "a\\/b/c\\\\d"
    assert Scope.parse("") == Scope()
    assert str(Scope()) == ""
    assert repr(Scope("a", "b/c")) == "Scope('a', 'b/c')"
    assert Scope("acme") != Scope("Acme")
    assert Scope("\u00e9") != Scope("e\u0301")


@pytest.mark.parametrize(
    "path", ["/", "//", "/a", "a/", "a//b", "\\", "a\\", "a\\b", "\\n", "a/\ud800"]
)
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidInputError):
        Scope.parse(path)


@pytest.mark.parametrize("segment", ["", None, 1, b"a", ["a"], ("a",), "\udfff", Scope("a")])
def test_a_malformed_segment_is_refused(segment: Any) -> None:
    with pytest.raises(InvalidInputError):
        Scope("a", segment)
    with pytest.raises(InvalidInputError):
        _ = Scope("a") / segment


@pytest.mark.parametrize("value", [None, 1, b"a", ["a"], ("a", "b")])
def test_what_is_no_scope_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=type(value).__name__):
        Scope.of(value)


def test_limits_are_in_segments_and_utf8_bytes() -> None:
    assert len(Scope(*["a"] * MAX_DEPTH).segments) == MAX_DEPTH
    with pytest.raises(LimitExceededError, match=str(MAX_DEPTH)):
        Scope(*["a"] * (MAX_DEPTH + 1))
    with pytest.raises(LimitExceededError):
        _ = Scope(*["a"] * MAX_DEPTH) / "b"
    assert Scope("é" * (MAX_SEGMENT_BYTES // 2)).segments
    with pytest.raises(LimitExceededError, match=str(MAX_SEGMENT_BYTES)):
        Scope("é" * (MAX_SEGMENT_BYTES // 2) + "a")


def test_a_scope_cannot_be_changed() -> None:
    scope: Any = Scope("a")
    with pytest.raises(AttributeError):
        scope.segments = ("b",)
    with pytest.raises((AttributeError, TypeError)):
        scope.other = 1


class Team(str, Enum):  # noqa: UP042 - a `StrEnum` prints as its value; this one does not
    RED = "red"


def test_a_text_of_another_class_counts_as_the_text() -> None:
    """Regression: an enum member became its own name, `Team.RED`."""
    assert Scope(Team.RED) == Scope("red")
    assert Scope.of(Team.RED) == Scope("red")
    assert type(Scope(Team.RED).segments[0]) is str
