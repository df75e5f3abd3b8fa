"""A view exports what it reads and imports what it may write, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import ConflictError, Memory, OutsideViewError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.moving.conftest import ContentsOf, Write


def said(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_view_exports_only_what_it_reads(original: Memory, copy: Memory, tmp_path: Path) -> None:
    original.add("a spy", scope="users/alice2", id="spy", vectors={"secret space": [1.0]})
    view = original.scope("users/alice")
    report = view.export(tmp_path / "x.jsonl")
    assert (report.records, report.versions, report.links) == (2, 2, 1)
    assert (report.threads, report.messages) == (1, 1)
    text = (tmp_path / "x.jsonl").read_text()
    assert not any(word in text for word in ("Bob", "cello", "car", "spy", "secret"))
    assert said(tmp_path / "x.jsonl")[0]["scopes"] == ["users/alice"]
    copy.import_(tmp_path / "x.jsonl")
    assert copy.list() == view.list()
    assert copy.verify().ok


def test_a_scope_narrows_an_export_and_must_lie_in_the_view(
    original: Memory, tmp_path: Path
) -> None:
    assert original.export(tmp_path / "x.jsonl", scope="users/bob").records == 1
    assert original.export(tmp_path / "x.jsonl", scope="users").records == 3
    assert original.export(tmp_path / "x.jsonl", scope="nobody").records == 0
    for export in (original.scope("users/alice").export, original.scope("users").export_vectors):
        with pytest.raises(OutsideViewError):
            export(tmp_path / "y", scope="other")
    assert not (tmp_path / "y").exists()


def test_several_scopes_are_exported_together(original: Memory, tmp_path: Path) -> None:
    original.add_many({"content": "x", "scope": f"many/{n}"} for n in range(100))
    view = original.view(read=["users/bob", "many"])
    assert view.export(tmp_path / "x.jsonl").records == 101


def test_states_that_lay_elsewhere_are_not_exported(original: Memory, tmp_path: Path) -> None:
    original.add("secret of bob", scope="users/bob", id="moved")
    original.update("moved", content="for alice now", scope="users/alice")
    original.update("moved", content="for alice still")
    original.scope("users/alice").export(tmp_path / "x.jsonl")
    states = [line["version"] for line in said(tmp_path / "x.jsonl")[1:] if "version" in line]
    moved = [state for state in states if state["id"] == "moved"]
    assert [state["content"] for state in moved] == ["for alice now"]
    assert "secret" not in (tmp_path / "x.jsonl").read_text()
    original.scope("users/bob").export(tmp_path / "x.jsonl")
    text = (tmp_path / "x.jsonl").read_text()
    assert "secret of bob" in text
    assert "for alice" not in text


def test_an_import_outside_the_view_is_refused_before_anything_is_written(
    original: Memory, copy: Memory, tmp_path: Path
) -> None:
    original.export(tmp_path / "x.jsonl")
    with pytest.raises(OutsideViewError, match="users/bob"):
        copy.scope("users/alice").import_(tmp_path / "x.jsonl")
    with pytest.raises(OutsideViewError, match="only reads"):
        copy.view(read=["users"]).import_(tmp_path / "x.jsonl")
    assert copy.stats().head == 0
    original.scope("users/alice").export(tmp_path / "x.jsonl")
    assert copy.scope("users/alice").import_(tmp_path / "x.jsonl").records.added == 2


def test_former_states_and_threads_must_lie_in_the_view_too(
    original: Memory, copy: Memory, tmp_path: Path, write: Write
) -> None:
    original.delete(everything=True)
    original.export(tmp_path / "x.jsonl")
    with pytest.raises(OutsideViewError):
        copy.scope("users/bob").import_(tmp_path / "x.jsonl")
    write(original, "DELETE FROM versions")
    original.export(tmp_path / "x.jsonl")
    with pytest.raises(OutsideViewError):
        copy.scope("users/bob").import_(tmp_path / "x.jsonl")
    assert copy.stats().head == 0


def test_an_id_taken_outside_the_view_is_never_changed(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    original.scope("users/alice").export(tmp_path / "x.jsonl")
    copy.add("somebody else's", id="tea", scope="users/bob")
    before = contents_of(copy)
    view = copy.scope("users/alice")
    for choice in ("error", "replace"):
        with pytest.raises(ConflictError, match="'tea'"):
            view.import_(tmp_path / "x.jsonl", on_conflict=choice)
        assert contents_of(copy) == before
    report = view.import_(tmp_path / "x.jsonl", on_conflict="skip")
    assert (report.records.skipped, report.versions.skipped) == (1, 2)
    assert report.links.skipped == 1
    found = copy.get("tea")
    assert found is not None
    assert found.content == "somebody else's"


def test_a_history_outside_the_view_is_never_forgotten(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    original.scope("users/alice").export(tmp_path / "x.jsonl")
    copy.add("bob's", id="home", scope="users/bob")
    copy.update("home", scope="users/alice")
    copy.update("home", content="mine")
    copy.scope("users/alice").delete("home")
    before = contents_of(copy)["versions"]
    view = copy.scope("users/alice")
    with pytest.raises(ConflictError, match="'home'"):
        view.import_(tmp_path / "x.jsonl", on_conflict="replace")
    assert contents_of(copy)["versions"] == before


def test_a_state_in_place_of_one_outside_the_view_is_refused_before_anything_is_written(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    original.update("home", content="as new as the one here")
    original.scope("users/alice").export(tmp_path / "x.jsonl")
    copy.add("bob's", id="home", scope="users/bob")
    copy.update("home", content="mine", scope="users/alice")
    before = contents_of(copy)
    view = copy.scope("users/alice")
    for dry_run in (True, False):
        with pytest.raises(ConflictError, match="'home', 1 is taken outside"):
            view.import_(tmp_path / "x.jsonl", on_conflict="replace", dry_run=dry_run)
    assert contents_of(copy) == before
    copy.import_(tmp_path / "x.jsonl", on_conflict="replace")
    assert copy.history("home") == original.history("home")


def test_links_and_messages_do_not_reach_outside_the_view(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    original.export(tmp_path / "x.jsonl")
    copy.add("bob's", id="cello", scope="users/bob")
    # An export whose records are all alice's, with a link that somebody else's record ends.
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    forged = [line for line in lines if '"cello"' not in line or '"link"' in line]
    forged = [line for line in forged if "users/bob" not in line]
    _seal(tmp_path / "x.jsonl", forged)
    report = copy.scope("users/alice").import_(tmp_path / "x.jsonl")
    assert (report.links.added, report.links.skipped) == (1, 1)
    assert [row[:2] for row in contents_of(copy)["links"]] == [("tea", "home")]


def test_vectors_of_a_view(original: Memory, tmp_path: Path) -> None:
    assert original.export_vectors(tmp_path / "x.npz") == 3
    assert original.scope("users/alice").export_vectors(tmp_path / "x.npz") == 2
    with np.load(tmp_path / "x.npz") as arrays:
        assert set(arrays["ids"]) == {"tea", "home"}


def _seal(path: Path, lines: list[str]) -> None:
    """Write lines as an export whose counts and hash are right."""
    import hashlib  # noqa: PLC0415 - only a forger needs it

    rows = [next(iter(json.loads(line))) for line in lines[1:-1]]
    counts = {
        f"{kind}s": rows.count(kind) for kind in ("record", "version", "link", "thread", "message")
    }
    vectors = sum(
        len(some)
        for line in lines[1:-1]
        for fields in json.loads(line).values()
        for some in fields.get("vectors", {}).values()
    )
    first = json.dumps({**json.loads(lines[0]), "counts": counts})
    body = "".join(f"{line}\n" for line in [first, *lines[1:-1]])
    digest = hashlib.blake2b(body.encode(), digest_size=32).hexdigest()
    end = json.dumps(
        {"end": {**counts, "vectors": vectors}, "blake2b": digest}, separators=(",", ":")
    )
    path.write_text(f"{body}{end}\n")
