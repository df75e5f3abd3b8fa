"""Backups hold everything that was acknowledged, and restoring gives it back or changes nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonplace import (
    ConflictError,
    DataDamagedError,
    FileDamagedError,
    FormatTooNewError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    OutsideViewError,
    StoreLockedError,
    check_backup,
    restore_backup,
)
from commonplace.ledger.schema import FORMAT
from commonplace.testing import faults

if TYPE_CHECKING:
    from tests.figures import Figures

pytestmark = pytest.mark.files

WRITER = Path(__file__).parent / "programs" / "steady.py"
KILLED = Path(__file__).parent / "programs" / "restoring.py"


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16), index="exact")


@pytest.fixture
def stocked(path: Path) -> Path:
    """A memory with something of every kind in it."""
    with opened(path) as memory:
        memory.add_many(
            {"content": f"text {n}", "id": f"r{n}", "key": f"k{n}", "scope": f"s/{n % 3}"}
            for n in range(40)
        )
        memory.update("r1", content="changed")
        memory.delete("r2")
        memory.link("r3", "r4")
        memory.thread("talk", scope="s/talk").add(["hello", ("assistant", "hi")])
    return path


def everything(path: Path) -> list[str]:
    """All that an export says, but its first and last line: when, of what, and the digest."""
    target = path.parent / f"{path.name}.jsonl"
    with opened(path) as memory:
        assert memory.verify().ok
        memory.export(target)
    return target.read_text().splitlines()[1:-1]


def test_a_restored_memory_holds_what_was_backed_up(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        report = memory.backup(tmp_path / "b")
        assert (report.records, report.links, report.threads, report.messages) == (41, 1, 1, 2)
        assert report.versions == 2
        identity = report.ledger_id
    assert check_backup(tmp_path / "b") == report
    restored = restore_backup(tmp_path / "b", tmp_path / "new")
    assert everything(tmp_path / "new") == everything(stocked)
    assert restored.backup == report
    assert restored.ledger_id != identity
    assert restored.previous is None


def test_files_are_the_owners_alone_and_nothing_lies_about(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    restore_backup(str(tmp_path / "b"), str(tmp_path / "new"))
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "ledger.sqlite").stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b", "memory", "new"]


def test_a_backup_is_a_database_that_sqlite_reads(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    with closing(sqlite3.connect(tmp_path / "b")) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (41,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert json.loads((tmp_path / "b").read_bytes().splitlines()[-2])["counts"]["records"] == 41
    check_backup(tmp_path / "b")


def test_a_file_is_not_overwritten_unless_asked(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
        with pytest.raises(ConflictError, match="there already"):
            memory.backup(tmp_path / "b")
        memory.add("one more")
        assert memory.backup(tmp_path / "b", overwrite=True).records == 42
        with pytest.raises(NotFoundError):
            memory.backup(tmp_path / "missing" / "b")
        with pytest.raises(InvalidInputError, match="elsewhere"):
            memory.backup(stocked / "b")
        with pytest.raises(InvalidInputError):
            memory.backup(tmp_path, overwrite=True)


def test_a_view_is_refused(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory, pytest.raises(OutsideViewError, match="export"):
        memory.scope("s").backup(tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_memory_in_memory_can_be_backed_up(tmp_path: Path) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add("kept", id="kept")
        memory.backup(tmp_path / "b")
        memory.add("later")
    restore_backup(tmp_path / "b", tmp_path / "new")
    with opened(tmp_path / "new") as memory:
        assert [record.id for record in memory.list()] == ["kept"]


def test_progress_is_told(stocked: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    with opened(stocked) as memory:
        memory.backup(tmp_path / "b", progress=tell)
    restore_backup(tmp_path / "b", tmp_path / "new", progress=tell)
    steps = {step for step, _, _ in told}
    assert steps == {"copying", "checking", "restoring"}
    assert all(step in steps for step, done, total in told if done == total)


def test_what_is_raised_meanwhile_leaves_nothing(stocked: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with opened(stocked) as memory:
        with pytest.raises(KeyboardInterrupt):
            memory.backup(tmp_path / "b", progress=stop)
        memory.backup(tmp_path / "b")
        assert memory.add("goes on").id
    with pytest.raises(KeyboardInterrupt):
        restore_backup(tmp_path / "b", tmp_path / "new", progress=stop)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b", "memory"]


def test_a_memory_in_the_place_is_kept_aside(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
        memory.add("later", id="later")
        before = memory.count()
        with pytest.raises(ConflictError, match="holds a memory"):
            restore_backup(tmp_path / "b", stocked)
        with pytest.raises(StoreLockedError, match="open"):
            restore_backup(tmp_path / "b", stocked, replace=True)
    restored = restore_backup(tmp_path / "b", stocked, replace=True)
    assert restored.previous is not None
    with opened(stocked) as memory, opened(restored.previous) as old:
        assert (memory.count(), old.count()) == (before - 1, before)
        assert memory.get("later") is None


def test_a_memory_that_another_process_has_open_is_not_replaced(
    stocked: Path, tmp_path: Path
) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    program = (
        "import sys; from commonplace import Memory; m = Memory(sys.argv[1], index='exact'); "
        "m.count(); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(stocked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreLockedError):
            restore_backup(tmp_path / "b", stocked, replace=True)
        other.communicate()
    assert restore_backup(tmp_path / "b", stocked, replace=True).previous is not None


def test_a_directory_of_something_else_is_left_alone(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    other = tmp_path / "other"
    other.mkdir()
    restore_backup(tmp_path / "b", other)
    shutil.rmtree(other)
    other.mkdir()
    (other / "theirs").write_text("x")
    for replace in (False, True):
        with pytest.raises(ConflictError, match="no memory"):
            restore_backup(tmp_path / "b", other, replace=replace)
        with pytest.raises(ConflictError, match="file"):
            restore_backup(tmp_path / "b", other / "theirs", replace=replace)
    assert [one.name for one in other.iterdir()] == ["theirs"]
    with pytest.raises(InvalidInputError):
        restore_backup(tmp_path / "b", ":memory:")
    with pytest.raises(NotFoundError):
        restore_backup(tmp_path / "none", tmp_path / "new")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("damage", sorted(set(faults.DAMAGES) - {"delete"}))
def test_a_damaged_backup_is_refused(stocked: Path, tmp_path: Path, damage: str, seed: int) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    before = (tmp_path / "b").read_bytes()
    faults.DAMAGES[damage].apply(tmp_path / "b", seed)
    if (tmp_path / "b").read_bytes() == before:
        return  # a block of zeros was zeroed
    with pytest.raises(FileDamagedError):
        restore_backup(tmp_path / "b", tmp_path / "new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b", "memory"]


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"\n\n\n", b"x" * 100_000, b'\n{"file": 1}\nab\n')):
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(FileDamagedError, match="no backup"):
            restore_backup(tmp_path / "b", tmp_path / f"new{number}")


def test_a_newer_format_is_refused_with_both_named(stocked: Path, tmp_path: Path) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    data = (tmp_path / "b").read_bytes()
    newer = data.replace(f'"format": "{FORMAT}"'.encode(), b'"format": "9999"')
    (tmp_path / "b").write_bytes(newer)
    with pytest.raises(FormatTooNewError, match=f"9999.*{FORMAT}"):
        restore_backup(tmp_path / "b", tmp_path / "new")


def test_a_damaged_ledger_is_not_backed_up(stocked: Path, tmp_path: Path) -> None:
    data = bytearray((stocked / "ledger.sqlite").read_bytes())
    data[-8192:] = bytes(8192)
    (stocked / "ledger.sqlite").write_bytes(data)
    with pytest.raises(DataDamagedError), opened(stocked) as memory:
        memory.backup(tmp_path / "b")
    assert [one.name for one in tmp_path.iterdir()] == ["memory"]


def test_a_restored_memory_is_followed_anew(stocked: Path, tmp_path: Path) -> None:
    """Under its old identity, what it writes under numbers already used would not be seen."""
    copy = tmp_path / "copy"
    with opened(stocked) as memory, opened(copy) as target:
        memory.backup(tmp_path / "b")
        memory.add("gone with the restore", id="gone")
        target.sync(memory)
    restore_backup(tmp_path / "b", stocked, replace=True)
    with opened(stocked) as memory, opened(copy) as target:
        memory.add("takes its number", id="fresh")
        target.sync(memory)
        assert target.get("fresh") is not None


@pytest.mark.parametrize("point", ["restore.before_swap", "restore.between_swaps"])
def test_a_restore_that_is_killed_loses_neither(stocked: Path, tmp_path: Path, point: str) -> None:
    with opened(stocked) as memory:
        memory.backup(tmp_path / "b")
        memory.add("later", id="later")
    done = subprocess.run(
        [sys.executable, str(KILLED), str(tmp_path / "b"), str(stocked), point], check=False
    )
    assert done.returncode == -9
    if point == "restore.before_swap":
        with opened(stocked) as memory:
            assert memory.get("later") is not None
    else:
        (kept,) = tmp_path.glob("memory.before-*")
        with opened(kept) as memory:
            assert memory.get("later") is not None
        restore_backup(tmp_path / "b", stocked)
        with opened(stocked) as memory:
            assert memory.count() == 41


def taken_while_writing(tmp_path: Path, snapshots: int, figures: Figures) -> None:
    """Back up beside a writer in another process; each backup holds all it said before."""
    source = tmp_path / "source"
    with opened(source) as memory:
        memory.add_many(f"before {n} " * 20 for n in range(2000))
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), str(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    said: list[str] = []
    missing = extra = restored = 0
    with writer, opened(source) as memory:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for number in range(snapshots):
            # All that the pipe holds was acknowledged before the backup begins.
            said.append("0")
            while int(said[-1]) <= number + 1:  # it writes on
                writer.stdin.write(b"say\n")
                writer.stdin.flush()
                said[-1] = writer.stdout.readline().decode().strip()
            memory.add(f"own {number}", id=f"own{number}")
            file, place = tmp_path / f"b{number}", tmp_path / f"r{number}"
            report = memory.backup(file)
            restore_backup(file, place)
            with opened(place) as copy:
                assert copy.verify().ok
                found = {record.id for record in copy.list(scope="steady", limit=100_000)}
                acknowledged = {str(n) for n in range(int(said[-1]))}
                missing += len(acknowledged - found)
                missing += sum(copy.get(f"own{n}") is None for n in range(number + 1))
                extra += found != {str(n) for n in range(len(found))}  # each write after another
                restored += copy.count() == report.records
            shutil.rmtree(place)
            file.unlink()
        writer.communicate(b"end\n")
        written = memory.count(scope="steady")
    figures(
        7,
        snapshots=snapshots,
        restored=restored,
        acknowledged_meanwhile=written,
        missing=missing,
        not_one_moment=extra,
    )
    assert (restored, missing, extra) == (snapshots, 0, 0)
    assert written > snapshots


def test_backups_while_another_process_writes(tmp_path: Path, figures: Figures) -> None:
    taken_while_writing(tmp_path, 4, figures)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_fifty_backups_while_another_process_writes(tmp_path: Path, figures: Figures) -> None:
    taken_while_writing(tmp_path, 50, figures)
