"""The file: whole or absent, for its owner alone; cut off or altered, it is refused unread."""

from __future__ import annotations

import gzip
import json
import os
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    FileDamagedError,
    FormatError,
    FormatTooNewError,
    InvalidInputError,
    Memory,
    NotFoundError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.moving.conftest import ContentsOf


@pytest.fixture
def export(original: Memory, tmp_path: Path) -> Path:
    original.export(tmp_path / "x.jsonl")
    return tmp_path / "x.jsonl"


def refuse(memory: Memory, path: Path) -> None:
    """Importing the file is an error of ours, and leaves the memory as it was."""
    head = memory.stats().head
    with pytest.raises(FormatError):
        memory.import_(path)
    assert memory.stats().head == head
    assert memory.stats().scopes == 0


def test_a_file_cut_off_anywhere_is_refused(copy: Memory, export: Path, tmp_path: Path) -> None:
    whole = export.read_bytes()
    borders = [n for n, byte in enumerate(whole) if byte == ord("\n")]
    cuts = {0, 1, *borders, *(n + 1 for n in borders[:-1]), *range(2, len(whole), 97)}
    for cut in sorted(cuts):
        (tmp_path / "cut.jsonl").write_bytes(whole[:cut])
        refuse(copy, tmp_path / "cut.jsonl")
    assert copy.import_(export).records.added == 3


def test_a_file_with_one_bit_flipped_anywhere_is_refused(
    copy: Memory, export: Path, tmp_path: Path
) -> None:
    whole, chance = export.read_bytes(), random.Random(1)
    for place in range(0, len(whole), 11):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        (tmp_path / "flipped.jsonl").write_bytes(flipped)
        refuse(copy, tmp_path / "flipped.jsonl")


def test_lines_in_another_order_or_number_are_refused(
    copy: Memory, export: Path, tmp_path: Path
) -> None:
    lines = export.read_bytes().splitlines(keepends=True)
    changed = {
        "swapped": [lines[0], lines[2], lines[1], *lines[3:]],
        "one less": [*lines[:2], *lines[3:]],
        "twice": [*lines[:2], *lines[1:]],
        "more after the end": [*lines, lines[1]],
        "a blank line": [*lines[:3], b"\n", *lines[3:]],
    }
    for some in changed.values():
        (tmp_path / "changed.jsonl").write_bytes(b"".join(some))
        refuse(copy, tmp_path / "changed.jsonl")


def test_a_compressed_file_is_smaller_and_says_the_same(
    original: Memory, copy: Memory, contents_of: ContentsOf, export: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "x.jsonl.gz"
    report = original.export(packed)
    assert report.size == packed.stat().st_size < export.stat().st_size
    unpacked = gzip.decompress(packed.read_bytes()).splitlines()
    assert unpacked[1:-1] == export.read_bytes().splitlines()[1:-1]
    renamed = packed.rename(tmp_path / "named otherwise")
    assert copy.import_(renamed).records.added == 3
    assert contents_of(copy) == contents_of(original)


def test_a_compressed_file_that_is_damaged_is_refused(
    original: Memory, copy: Memory, tmp_path: Path
) -> None:
    packed = tmp_path / "x.gz"
    original.export(packed)
    whole, chance = packed.read_bytes(), random.Random(2)
    for cut in range(0, len(whole), 53):
        packed.write_bytes(whole[:cut])
        refuse(copy, packed)
    for place in range(10, len(whole), 7):  # the header says nothing that matters
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        if unpacked(flipped) != unpacked(whole):  # not so where only bits of the padding differ
            packed.write_bytes(flipped)
            refuse(copy, packed)


def unpacked(packed: bytes | bytearray) -> bytes | None:
    try:
        return gzip.decompress(packed)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return None


def forged(export: Path, change: Callable[[dict[str, Any]], object], line: int = 1) -> None:
    """Change a line of an export, and make its hash right again."""
    import hashlib  # noqa: PLC0415 - only a forger needs it

    lines = [json.loads(one) for one in export.read_text().splitlines()]
    change(lines[line] if line == 0 else next(iter(lines[line].values())))
    body = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines[:-1])
    digest = hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
    end = json.dumps({**lines[-1], "blake2b": digest}, separators=(",", ":"))
    export.write_bytes((body + end + "\n").encode("utf-8", "surrogatepass"))


FORGERIES: dict[str, dict[str, Any]] = {
    "an unknown field": {"colour": "red"},
    "a missing field": {"kind": None},
    "no id": {"id": ""},
    "an id that ends early": {"id": "a\0b"},
    "another type": {"content": 7},
    "a flag for a number": {"version": True},
    "a number in words": {"created_at": "now"},
    "no kind": {"kind": "Not A Kind"},
    "an empty kind": {"kind": ""},
    "tags that are no texts": {"tags": [1]},
    "metadata that is no object": {"metadata": [1]},
    "an unknown source": {"source": {"colour": "red"}},
    "too much importance": {"importance": 2.5},
    "version zero": {"version": 0},
    "a version beyond all": {"version": 2**64},
    "a year beyond all": {"updated_at": 2**60},
    "an end before the beginning": {"valid_from": 5, "valid_to": 4},
    "a scope with a hole": {"scope": "a//b"},
    "NaN": {"value": float("nan")},
    "infinity": {"metadata": {"n": float("inf")}},
    "a lone surrogate": {"content": "\ud800"},
    "a hidden surrogate": {"metadata": {"x": ["\ud800"]}},
    "too deep": {"value": json.loads("[" * 65 + "]" * 65)},
    "too deep below": {"metadata": {"x": json.loads("[" * 65 + "]" * 65)}},
    "too long": {"content": "x" * 1_000_001},
    "too much metadata": {"metadata": {"x": "y" * 64_000}},
    "too many keys": {"metadata": {str(n): n for n in range(300)}},
    "vectors of an unknown space": {"vectors": {"nobody's": ["AAAA"]}},
    "vectors that are no object": {"vectors": 7},
    "a vector that is too short": {"vectors": {"default": ["AAAA"]}},
    "a vector that is no Base64": {"vectors": {"default": ["é"]}},
    "a vector of NaN": {"vectors": {"default": ["AADAfw==" * 64]}},
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES)
def test_a_line_that_no_memory_would_write_is_refused_although_the_hash_is_right(
    copy: Memory, export: Path, changes: dict[str, Any]
) -> None:
    forged(export, lambda fields: fields.update(changes))
    refuse(copy, export)


def test_a_vector_of_nan_is_refused_as_such(copy: Memory, original: Memory, export: Path) -> None:
    import base64  # noqa: PLC0415 - only this test needs it

    nan = base64.b64encode(b"\0\0\xc0\x7f" * 64).decode()
    forged(export, lambda fields: fields["vectors"].update({"default": [nan]}))
    with pytest.raises(FileDamagedError, match="NaN"):
        copy.import_(export)
    assert original.count() == 3


def test_a_former_state_that_is_newer_than_its_record_is_refused(
    copy: Memory, export: Path
) -> None:
    forged(export, lambda fields: fields.update({"version": 9}), line=2)
    refuse(copy, export)


def test_errors_say_where_and_hold_no_text(copy: Memory, export: Path) -> None:
    forged(export, lambda fields: fields.update({"importance": "secret-word"}), line=3)
    with pytest.raises(FileDamagedError, match=r"line 4: importance") as refused:
        copy.import_(export)
    assert "secret-word" not in str(refused.value)


def test_an_export_of_a_newer_version_says_so(copy: Memory, export: Path) -> None:
    forged(export, lambda manifest: manifest.update({"version": 2}), line=0)
    with pytest.raises(FormatTooNewError, match="upgrade"):
        copy.import_(export)


@pytest.mark.parametrize(
    "changes", [{"spaces": 7}, {"counts": None}, {"spaces": {"default": {}}}, {"scopes": 7}]
)
def test_a_first_line_that_is_damaged_is_refused(
    copy: Memory, export: Path, changes: dict[str, Any]
) -> None:
    forged(export, lambda manifest: manifest.update(changes), line=0)
    refuse(copy, export)


@pytest.mark.parametrize("content", ["", "\n", "[]\n", '{"content": "x"}\n', "a,b\n", "\0" * 99])
def test_another_file_is_no_export(copy: Memory, tmp_path: Path, content: str) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(FormatError, match="import_records"):
        copy.import_(tmp_path / "x")


def test_only_its_owner_can_read_an_export(original: Memory, tmp_path: Path) -> None:
    original.export(tmp_path / "x.jsonl")
    original.export_vectors(tmp_path / "x.npz")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_an_export_that_fails_leaves_nothing_and_keeps_what_was_there(
    original: Memory, tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text("precious")

    def fail(_step: str, _done: int, _total: int) -> None:
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        original.export(tmp_path / "x.jsonl", progress=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
    assert (tmp_path / "x.jsonl").read_text() == "precious"
    original.export(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_text().startswith('{"format":')


def test_a_link_stays_a_link_to_the_new_export(original: Memory, tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").touch()
    (tmp_path / "x.jsonl").symlink_to("real.jsonl")
    original.export(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").stat().st_size > 0


@pytest.mark.parametrize("path", ["", 7, None, "a\0b", b"x"])
def test_a_path_is_a_path(original: Memory, path: Any) -> None:
    for verb in (original.export, original.import_, original.export_vectors):
        with pytest.raises(InvalidInputError):
            verb(path)


def test_places_that_are_no_files_are_refused(original: Memory, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidInputError, match="not a plain file"):
            original.export(path)
        with pytest.raises(InvalidInputError, match="not a plain file"):
            original.import_(path)
    assert (tmp_path / "pipe").is_fifo()


def test_a_place_that_is_not_there_is_named(original: Memory, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        original.export(tmp_path / "nowhere" / "x.jsonl")
    with pytest.raises(NotFoundError, match="nowhere"):
        original.import_(tmp_path / "nowhere.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError, match="no directory"):
        original.import_(tmp_path / "file" / "x.jsonl")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_place_that_may_not_be_written_is_named(original: Memory, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionDeniedError):
        original.export(tmp_path / "x.jsonl")


def test_a_file_that_changes_while_it_is_read_is_refused(
    copy: Memory, original: Memory, export: Path
) -> None:
    original.add_many(f"text {n}" for n in range(1500))
    original.export(export)

    def change(step: str, _done: int, _total: int) -> None:
        if step == "importing":
            os.utime(export, ns=(1, 1))

    with pytest.raises(FileDamagedError, match="changed"):
        copy.import_(export, progress=change)


def test_progress_says_how_far_it_has_come(copy: Memory, original: Memory, tmp_path: Path) -> None:
    original.add_many(f"text {n} " * 100 for n in range(2500))
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    path = tmp_path / "x.jsonl"
    report = original.export(path, progress=tell)
    lines = len(path.read_text().splitlines())
    assert told[-1] == ("exporting", lines - 2, lines - 2)
    assert len(told) > 1
    told.clear()
    copy.import_(path, progress=tell)
    assert {total for _, _, total in told} == {report.size}
    for wanted in ("checking", "importing"):
        done = [so_far for step, so_far, _ in told if step == wanted]
        assert len(done) == 3
        assert done == sorted(done)
        assert 0 < done[-1] <= report.size
