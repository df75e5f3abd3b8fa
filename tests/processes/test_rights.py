"""Where a memory may not be, or not be written: our own errors, soon, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    HashingEmbedder,
    Memory,
    NotFoundError,
    PermissionDeniedError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.figures import Figures

PROGRAM = Path(__file__).parent / "programs" / "attempt.py"
NOBODY = 65_534

pytestmark = [
    pytest.mark.files,
    pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX"),
]


def attempt(path: Path, what: str = "use") -> dict[str, Any]:
    """What a user without rights gets there; what is refused, soon."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(path), what],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["error"] is None or told["seconds"] < 1
    return told


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that another user reaches, which pytest's own are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    for directory, _, _ in os.walk(made):
        Path(directory).chmod(0o700)
    shutil.rmtree(made)


@pytest.fixture
def theirs(place: Path) -> Path:
    """A memory of one record that belongs to the user without rights."""
    path = place / "memory"
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        memory.add("kept", id="kept")
    give(path)
    assert "mine" in attempt(path)["found"]
    return path


def give(path: Path) -> None:
    if os.getuid() == 0:
        for one in [path, *path.rglob("*")]:
            os.chown(one, NOBODY, NOBODY)


def below(path: Path) -> list[str]:
    return sorted(str(one.relative_to(path)) for one in path.rglob("*"))


def test_a_directory_that_may_not_be_written_gets_nothing(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o500)
    give(closed)
    for path in (closed, closed / "new", closed / "missing" / "new"):
        told = attempt(path)
        assert told["error"] == "PermissionDeniedError"
        assert str(closed) in told["text"]
        assert below(closed) == []


@pytest.mark.parametrize("what", ["open", "open only"])
def test_a_directory_that_may_not_be_entered_is_named(place: Path, what: str) -> None:
    """Regression: with `create=False` it was the bare `PermissionError`."""
    closed = place / "closed"
    closed.mkdir()
    with Memory(closed / "memory", embedder=HashingEmbedder(16)):
        pass
    give(closed)
    closed.chmod(0)
    told = attempt(closed / "memory", what)
    assert told["error"] == "PermissionDeniedError"
    assert str(closed / "memory") in told["text"]


def test_a_memory_in_a_directory_that_may_only_be_read_is_refused(theirs: Path) -> None:
    before = below(theirs)
    theirs.chmod(0o500)
    assert attempt(theirs)["error"] == "PermissionDeniedError"
    assert below(theirs) == before


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o400])
def test_a_ledger_file_without_rights_is_refused(theirs: Path, mode: int) -> None:
    before = below(theirs)
    (theirs / "ledger.sqlite").chmod(mode)
    told = attempt(theirs)
    assert told["error"] == "PermissionDeniedError"
    assert str(theirs / "ledger.sqlite") in told["text"]
    assert below(theirs) == before


def test_another_users_memory_is_refused(place: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("takes two users")
    with Memory(place / "memory", embedder=HashingEmbedder(16)) as memory:
        memory.add("private")
    assert attempt(place / "memory")["error"] == "PermissionDeniedError"


def test_paths_that_cannot_be_are_refused_and_nothing_is_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("theirs")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "ledger.sqlite").mkdir()
    for path in (file, file / "below", odd):
        with pytest.raises(PermissionDeniedError, match=str(path.parent)):
            Memory(path, embedder=HashingEmbedder(16))
    for path in (loop, tmp_path / ("x" * 300)):
        with pytest.raises(Exception, match=r"cannot be used|is a file") as caught:
            Memory(path, embedder=HashingEmbedder(16))
        assert type(caught.value).__module__ == "commonplace.errors"
    assert sorted(below(tmp_path)) == ["file", "loop", "odd", "odd/ledger.sqlite"]
    assert file.read_text() == "theirs"


def test_a_memory_that_is_not_there_is_not_made_when_it_may_not_be(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "missing" / "none", tmp_path):
        with pytest.raises(NotFoundError, match="check the path"):
            Memory(path, create=False)
    assert below(tmp_path) == []


def test_a_missing_parent_is_made(tmp_path: Path) -> None:
    with Memory(tmp_path / "a" / "b" / "memory", embedder=HashingEmbedder(16)) as memory:
        assert memory.count() == 0
    assert (tmp_path / "a" / "b" / "memory").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_vanishes_while_it_is_open_takes_no_writes(path: Path) -> None:
    """Regression: they were acknowledged, and went into files that had no name any more."""
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("kept", id="kept")
        moved = path.with_name("moved")
        path.rename(moved)
        with pytest.raises(StoreUnavailableError, match=f"{path}/ledger.sqlite was removed"):
            memory.add("lost")
        assert memory.get("kept") is not None
        moved.rename(path)
        memory.add("back again", id="back")
        shutil.rmtree(path)
        with pytest.raises(StoreUnavailableError, match="removed or replaced"):
            memory.delete("kept")
        assert not path.exists()
        with Memory(path, embedder=HashingEmbedder(16), index="exact") as other:
            other.add("new", id="new")
            with pytest.raises(StoreUnavailableError, match="removed or replaced"):
                memory.add("lost")
            assert [record.id for record in other.list()] == ["new"]


def test_ten_places_where_a_memory_cannot_be(place: Path, figures: Figures) -> None:
    """The cases above once more, together, for their figures."""
    closed, entered, foreign = (place / name for name in ("closed", "entered", "foreign"))
    for directory in (closed, entered):
        directory.mkdir()
        give(directory)
    with Memory(foreign, embedder=HashingEmbedder(16)):
        pass
    places = {"closed": closed, "new in closed": closed / "new", "deep": closed / "a" / "b"}
    places["in one not entered"] = entered / "memory"
    modes = {"unreadable": 0o200, "read-only": 0o400, "without rights": 0}
    for name, mode in modes.items():
        places[name] = made = place / name
        with Memory(made, embedder=HashingEmbedder(16)):
            pass
        give(made)
        (made / "ledger.sqlite").chmod(mode)
    places["read-only directory"] = readable = place / "read-only directory"
    with Memory(readable, embedder=HashingEmbedder(16)):
        pass
    give(readable)
    readable.chmod(0o500)
    places["a file"] = place / "a file"
    places["a file"].touch(mode=0o644)
    places["below a file"] = places["a file"] / "memory"
    if os.getuid() == 0:
        places["another user's"] = foreign
    closed.chmod(0o500)
    entered.chmod(0)
    before = below(place)
    told = {name: attempt(path) for name, path in places.items()}
    refused = [one for one in told.values() if one["error"] == "PermissionDeniedError"]
    named = [name for name, path in places.items() if str(path.parent) in told[name]["text"]]
    created = set(below(place)) - set(before)
    figures(4, cases=len(told), refused=len(refused), path_named=len(named), created=len(created))
    assert len(refused) == len(named) == len(told) >= 10
    assert not created
