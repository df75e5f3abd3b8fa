"""Importing where something is already: equal rows are passed over, others decided about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import ConflictError, InvalidInputError, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.moving.conftest import ContentsOf, Write

    from commonplace.testing import FakeClock


@pytest.fixture
def export(original: Memory, tmp_path: Path) -> Path:
    original.export(tmp_path / "x.jsonl")
    return tmp_path / "x.jsonl"


def untouched(memory: Memory, contents_of: ContentsOf, export: Path) -> None:
    """By default a conflict is an error, and nothing is written."""
    before, head = contents_of(memory), memory.stats().head
    with pytest.raises(ConflictError):
        memory.import_(export)
    with pytest.raises(ConflictError):
        memory.import_(export, dry_run=True)
    assert (contents_of(memory), memory.stats().head) == (before, head)


def test_an_id_with_another_state(
    copy: Memory, original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.add("something else", id="tea", scope="users/alice", tags=["mine"])
    copy.update("tea", content="something else again")
    untouched(copy, contents_of, export)
    report = copy.import_(export, on_conflict="skip")
    assert (report.records.skipped, report.records.added) == (1, 2)
    assert report.versions.skipped == 2
    kept = copy.get("tea")
    assert kept is not None
    assert (kept.content, kept.version) == ("something else again", 2)
    assert copy.verify().ok
    report = copy.import_(export, on_conflict="replace")
    assert (report.records.replaced, report.records.unchanged) == (1, 2)
    assert contents_of(copy) == contents_of(original)
    assert copy.verify().ok
    assert copy.search("something else again", mode="lexical") == []


def test_an_id_in_another_scope_moves_when_it_is_replaced(
    copy: Memory, original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.add("Alice likes coffee", id="tea", scope="elsewhere")
    copy.import_(export, on_conflict="replace")
    assert contents_of(copy) == contents_of(original)
    assert [info.scope.path for info in copy.scopes()] == ["users/alice", "users/bob"]
    assert copy.verify().ok


def test_a_key_that_another_record_has(
    copy: Memory, original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    other = copy.add("my drink", scope="users/alice", key="drink")
    untouched(copy, contents_of, export)
    assert copy.import_(export, on_conflict="skip").records.skipped == 1
    assert copy.get(key="drink", scope="users/alice") == other
    assert copy.import_(export, on_conflict="replace").records.replaced == 1
    found = copy.get(key="drink", scope="users/alice")
    assert found is not None
    assert found.id == "tea"
    assert copy.get(other.id) is None
    assert copy.get(other.id, as_of=other.updated_at) == other
    assert [record for record in copy.list() if record.id != other.id] == original.list()
    assert copy.verify().ok


def test_keys_that_changed_owners(
    copy: Memory, original: Memory, tmp_path: Path, contents_of: ContentsOf
) -> None:
    original.add("one", id="one", key="a")
    original.add("two", id="two", key="b")
    original.export(tmp_path / "x.jsonl")
    copy.add("ours", id="two", key="a")
    copy.add("ours too", id="one", key="b")
    copy.import_(tmp_path / "x.jsonl", on_conflict="replace")
    assert copy.list() == original.list()
    assert contents_of(copy)["records"] == contents_of(original)["records"]
    assert copy.verify().ok
    assert copy.update("one", content="still works").version == 2


def test_a_record_that_was_deleted_here_since(
    copy: Memory, original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.import_(export)
    copy.delete("tea")
    untouched(copy, contents_of, export)
    report = copy.import_(export, on_conflict="skip")
    assert (report.records.skipped, report.records.unchanged) == (1, 2)
    assert copy.get("tea") is None
    copy.import_(export, on_conflict="replace")
    assert contents_of(copy) == contents_of(original)
    assert copy.update("tea", content="and on").version == 4
    assert copy.verify().ok


def test_a_record_that_was_deleted_there_stays_here(
    copy: Memory, original: Memory, export: Path, tmp_path: Path
) -> None:
    copy.import_(export)
    original.delete("tea")
    original.export(tmp_path / "later.jsonl")
    with pytest.raises(ConflictError, match="'tea'"):
        copy.import_(tmp_path / "later.jsonl")
    for choice in ("skip", "replace"):
        report = copy.import_(tmp_path / "later.jsonl", on_conflict=choice)
        assert report.versions.skipped == 1
        assert copy.get("tea") is not None
    assert copy.update("tea", content="and on").version == 4
    assert copy.verify().ok


def test_a_later_export_brings_a_copy_up_to_date(
    copy: Memory, original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.import_(export)
    original.update("home", content="Alice moved to Faro")
    original.update("tea", scope="users/bob", key="drink")
    original.add("something new", id="new")
    original.export(export)
    report = copy.import_(export, on_conflict="replace")
    assert (report.records.added, report.records.replaced, report.records.unchanged) == (1, 2, 1)
    assert contents_of(copy) == contents_of(original)
    assert copy.verify().ok


def test_a_former_state_that_differs(
    copy: Memory, export: Path, write: Write, contents_of: ContentsOf, original: Memory
) -> None:
    copy.import_(export)
    write(copy, "UPDATE versions SET importance = 0.25 WHERE id = 'car'")
    assert copy.verify().ok  # it is another state, not a damaged one
    untouched(copy, contents_of, export)
    assert copy.import_(export, on_conflict="skip").versions.skipped == 1
    assert copy.import_(export, on_conflict="replace").versions.replaced == 1
    assert contents_of(copy) == contents_of(original)
    assert copy.verify().ok


def test_vectors_that_differ_are_another_state(
    copy: Memory, export: Path, write: Write, contents_of: ContentsOf, original: Memory
) -> None:
    copy.import_(export)
    write(copy, "UPDATE vectors SET vector = :zeros WHERE ordinal = 1", zeros=bytes(12))
    assert copy.verify().ok  # it is another state, not a damaged one
    untouched(copy, contents_of, export)
    assert copy.import_(export, on_conflict="replace").records.replaced == 1
    assert contents_of(copy) == contents_of(original)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("links", "UPDATE links SET weight = 0.5 WHERE target_id = 'home'"),
        ("threads", "UPDATE threads SET max_messages = 99"),
        ("messages", "UPDATE messages SET role = 'agent'"),
        ("messages", "UPDATE messages SET record_pk = (SELECT pk FROM records WHERE id = 'tea')"),
    ],
)
def test_links_threads_and_messages_that_differ(
    copy: Memory,
    original: Memory,
    export: Path,
    write: Write,
    contents_of: ContentsOf,
    table: str,
    change: str,
) -> None:
    copy.import_(export)
    write(copy, change)
    untouched(copy, contents_of, export)
    assert copy.import_(export, on_conflict="skip").to_dict()[table]["skipped"] == 1
    assert copy.import_(export, on_conflict="replace").to_dict()[table]["replaced"] == 1
    assert contents_of(copy) == contents_of(original)


def test_a_thread_whose_key_another_one_has_is_never_replaced(
    copy: Memory, export: Path, write: Write, contents_of: ContentsOf
) -> None:
    copy.add("x", scope="users/alice")
    scope = "(SELECT id FROM scopes WHERE path = 'users/alice')"
    row = f"('mine', {scope}, 'chat', '{{}}', 1, 2, NULL, NULL, NULL, NULL, 0, 0, 0, 0)"
    write(copy, f"INSERT INTO threads VALUES {row}")  # noqa: S608 - our own names
    untouched(copy, contents_of, export)
    with pytest.raises(ConflictError, match="key of another"):
        copy.import_(export, on_conflict="replace")
    report = copy.import_(export, on_conflict="skip")
    assert (report.threads.skipped, report.messages.skipped) == (1, 1)
    assert [row[1] for row in contents_of(copy)["threads"]] == ["mine"]


def test_links_to_what_was_left_out_are_left_out(
    copy: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.import_(export)
    copy.delete("home")
    with_link = contents_of(copy)["links"]
    report = copy.import_(export, on_conflict="skip")
    assert report.links.added == 0
    assert contents_of(copy)["links"] == with_link
    assert copy.verify().ok


def test_a_record_in_many_states_is_left_out_whole(
    copy: Memory, original: Memory, tmp_path: Path
) -> None:
    for n in range(2500):
        original.update("home", content=f"state {n}", embed=False)
    original.export(tmp_path / "x.jsonl", vectors=False)
    copy.add("mine", id="home", embed=False)
    report = copy.import_(tmp_path / "x.jsonl", on_conflict="skip")
    assert report.versions.skipped == 2500
    assert copy.update("home", content="mine still").version == 2


def test_what_expired_here_stands_in_nobodys_place(
    copy: Memory, export: Path, clock: FakeClock, contents_of: ContentsOf, original: Memory
) -> None:
    copy.add("short lived", id="tea", scope="users/alice", ttl=1)
    copy.add("short lived", key="drink", scope="users/alice", ttl=1)
    clock.micros += 2_000_000
    assert copy.import_(export, dry_run=True).records.added == 3
    assert copy.import_(export).records.added == 3
    assert contents_of(copy) == contents_of(original)


def test_a_dry_run_says_what_would_happen(
    copy: Memory, export: Path, contents_of: ContentsOf
) -> None:
    copy.add("something else", id="tea")
    before = contents_of(copy)
    tried = copy.import_(export, on_conflict="replace", dry_run=True)
    assert contents_of(copy) == before
    assert tried.dry_run
    done = copy.import_(export, on_conflict="replace")
    assert {**tried.to_dict(), "dry_run": False} == done.to_dict()


def test_what_to_do_is_one_of_three(copy: Memory, export: Path) -> None:
    with pytest.raises(InvalidInputError, match="on_conflict"):
        copy.import_(export, on_conflict="merge")  # pyright: ignore[reportArgumentType]
