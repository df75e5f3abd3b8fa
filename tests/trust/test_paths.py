"""Whatever names and files are handed in, nothing is written or read beside the memory's own."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    CommonplaceError,
    HashingEmbedder,
    IndexUnavailableError,
    Memory,
    PermissionDeniedError,
    Scope,
)
from commonplace.limits import MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.figures import Figures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")

_SEEDS = [
    *(
        "..",
        "../..",
        "../outside",
        "a/../../outside",
        "/etc/passwd",
        "/srv/x",
        "//",
        "~",
        "~root/x",
    ),
    *(
        "..\\..\\outside",
        "C:\\outside",
        "\\\\host\\share",
        "file:///etc/passwd",
        "%2e%2e%2foutside",
    ),
    *("outside\0.txt", "\0", "con", "nul", "aux.txt", "/dev/null", "/dev/zero", "/proc/self/mem"),
    *(
        "ledger.sqlite",
        "index/manifest.json",
        "index.lock",
        "ledger.sqlite-wal",
        ".",
        "./.",
        "....",
    ),
    *("$(touch outside)", "`touch outside`", "; touch outside", "| tee outside", "x\n../outside"),
    *(
        "\u2025/outside",
        "\uff0e\uff0e\uff0foutside",
        "..\u2215outside",
        "{outside}",
        "*",
        "?",
        "x" * 250,
    ),
]
NAMES = [
    *_SEEDS,
    *(f"{one}/{other}" for one in _SEEDS for other in _SEEDS if one != other),
][:500]
KNOWN = {
    *("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "index.lock", "index"),
    "memory.txt",
}


@pytest.fixture
def jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place to stand, with files around it that are none of ours and stay as they are."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("theirs")
    home = tmp_path / "home"
    (home / "inner").mkdir(parents=True)
    monkeypatch.chdir(home / "inner")
    monkeypatch.setenv("HOME", str(home))
    before = looked_at(tmp_path)
    yield home / "inner"
    after = {name: what for name, what in looked_at(tmp_path).items() if "inner" not in name}
    assert after == {name: what for name, what in before.items() if "inner" not in name}


def looked_at(place: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a place, with its mode and its bytes."""
    found: dict[str, tuple[int, bytes]] = {}
    for one in place.rglob("*"):
        status = one.lstat()
        plain = stat.S_ISREG(status.st_mode)
        found[str(one.relative_to(place))] = (status.st_mode, one.read_bytes() if plain else b"")
    return found


@pytest.mark.files
def test_names_are_never_paths(jail: Path, figures: Figures) -> None:
    with Memory("memory", embedder=HashingEmbedder(16), index="exact") as memory:
        for number, name in enumerate(NAMES):
            deeds: list[Any] = [
                lambda name=name: memory.add("text", scope=Scope("users", name), key=name),
                lambda name=name: memory.add("text", id=name, tags=[name], metadata={name: name}),
                lambda name=name: memory.thread(name, scope=Scope("users")).add(name),
                lambda name=name: memory.add("text", vectors={name: [1.0, 0.0]}),
                lambda name=name: memory.add("text", source={"uri": name, "app": name}),
            ]
            try:
                deeds[number % len(deeds)]()
            except CommonplaceError:
                continue
        kept = {one.name for one in (jail / "memory").iterdir()}
        assert kept <= KNOWN
    assert [one.name for one in jail.iterdir()] == ["memory"]
    figures(29, names=len(NAMES), files_elsewhere=0)


@pytest.mark.files
@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"])
@pytest.mark.parametrize("what", ["link", "pipe", "directory"])
def test_a_ledger_that_leads_elsewhere_is_refused(jail: Path, name: str, what: str) -> None:
    place = jail / "memory"
    place.mkdir()
    secret = jail.parents[1] / "outside" / "secret"
    planted(place / name, what, secret)
    with pytest.raises(PermissionDeniedError, match=name):
        Memory(place, embedder=HashingEmbedder(16))
    assert secret.read_text() == "theirs"


@pytest.mark.files
@pytest.mark.parametrize(
    "name",
    [
        "index.lock",
        "index/manifest.json.new",
        pytest.param("index", marks=pytest.mark.nightly),
        pytest.param("index/manifest.json", marks=pytest.mark.nightly),
    ],
)
def test_an_index_that_leads_elsewhere_is_not_followed(jail: Path, name: str) -> None:
    place = jail / "memory"
    with Memory(place, embedder=HashingEmbedder(16)) as memory:
        memory.add("text")
    (place / "index").mkdir(exist_ok=True)
    secret = jail.parents[1] / "outside" / ("secret" if name != "index" else "")
    if name == "index":
        (place / "index").rmdir()
    (place / name).unlink(missing_ok=True)
    (place / name).symlink_to(secret)
    with Memory(place, embedder=HashingEmbedder(16), index="chroma") as memory:
        memory.add("more text")
        assert len(memory.search("text")) == 2
        if name == "index.lock":
            with pytest.raises(IndexUnavailableError):
                memory.flush()
        else:
            memory.flush()
        assert len(memory.search("text")) == 2


def planted(place: Path, what: str, target: Path) -> None:
    if what == "link":
        place.symlink_to(target)
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()


def hostile_files(jail: Path) -> dict[str, Path]:
    """What may be handed in as a file to import, and is none."""
    made = {
        name: jail / name.replace(" ", "-")
        for name in ("empty", "garbage", "deep", "binary", "odd gzip")
    }
    made["empty"].write_bytes(b"")
    made["garbage"].write_text("not json\n" * 100)
    made["deep"].write_text('{"content":' + "[" * 100_000)
    made["binary"].write_bytes(bytes(range(256)) * 100)
    made["odd gzip"].write_bytes(b"\x1f\x8b" + b"\0" * 100)
    made["a directory"] = jail
    made["nothing"] = jail / "missing" / "file"
    made["below a file"] = made["empty"] / "file"
    made["a broken link"] = jail / "broken"
    made["a broken link"].symlink_to(jail / "gone")
    made["a loop"] = jail / "loop"
    made["a loop"].symlink_to(made["a loop"])
    made["a long name"] = jail / ("x" * 300)
    made["a long path"] = jail / "/".join(["y" * 100] * 50)
    return made


def test_files_that_are_none_are_refused_and_nothing_is_written(
    jail: Path, figures: Figures
) -> None:
    tried = 0
    with Memory("memory", embedder=HashingEmbedder(16)) as memory:
        head = memory.stats().head
        for place in [*hostile_files(jail).values(), "", "\0", f"{jail}/a\0b"]:
            for deed in (memory.import_, memory.import_records, memory.threads.import_):
                tried += 1
                try:
                    report: Any = deed(place)
                except CommonplaceError:
                    continue
                assert (
                    not report.to_dict()["records"]["added"]
                    if "records" in report.to_dict()
                    else True
                )
        assert memory.stats().head == head
        assert memory.count() == 0
    figures(29, imports_of_hostile_files=tried, records_written=0)


@pytest.mark.usefixtures("jail")
def test_a_file_without_lines_is_not_read_to_its_end() -> None:
    """Regression: `/dev/zero` was read until the memory was full."""
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        with pytest.raises(CommonplaceError, match=f"{MAX_LINE_BYTES:,}"):
            memory.import_records("/dev/zero", format="jsonl")
        assert memory.count() == 0


def test_an_export_does_not_take_the_place_of_what_is_no_file(jail: Path) -> None:
    pipe = jail / "pipe"
    os.mkfifo(pipe)
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add("text")
        for place in (pipe, jail, jail / "missing" / "file"):
            for deed in (memory.export, memory.export_vectors, memory.threads.export):
                with pytest.raises(CommonplaceError):
                    deed(place)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(one.name for one in jail.iterdir()) == ["pipe"]


@pytest.mark.files
@pytest.mark.parametrize(
    "umask",
    [
        0o000,
        pytest.param(0o022, marks=pytest.mark.nightly),
        pytest.param(0o077, marks=pytest.mark.nightly),
    ],
)
def test_every_file_is_its_owners_alone(jail: Path, umask: int, figures: Figures) -> None:
    former = os.umask(umask)
    try:
        with Memory("memory", embedder=HashingEmbedder(16), index="chroma") as memory:
            memory.add_many(f"text {number}" for number in range(1200))
            memory.flush()
            memory.thread("t").add("hello")
            for name, export in {
                "all.jsonl": memory.export,
                "all.jsonl.gz": memory.export,
                "vectors.npz": memory.export_vectors,
                "threads.jsonl": memory.threads.export,
            }.items():
                export(name)
            found = looked_at(jail)
    finally:
        os.umask(former)
    files = [stat.S_IMODE(mode) for mode, _ in found.values() if stat.S_ISREG(mode)]
    folders = [stat.S_IMODE(mode) for mode, _ in found.values() if stat.S_ISDIR(mode)]
    assert len(files) > 10
    assert (set(files), set(folders)) == ({0o600}, {0o700})
    figures(29, files=len(files), directories=len(folders), open_to_others=0)


@pytest.mark.usefixtures("jail")
def test_lines_of_an_import_name_no_files() -> None:
    """A path in a record is a text: nothing is opened for it."""
    line = {
        "content": "x",
        "source": {"uri": "file:///etc/passwd"},
        "metadata": {"path": "/etc/passwd"},
    }
    Path("lines.jsonl").write_text(json.dumps(line))
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.import_records("lines.jsonl")
        assert "root:" not in str([one.to_dict() for one in memory.list()])
