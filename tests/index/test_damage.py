"""Whatever happens to the index, the memory answers exactly and the caller lives."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.index.conftest import stopped_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.index.conftest import Built

    from commonplace import Memory

pytestmark = pytest.mark.files

QUERY = np.random.default_rng(3).standard_normal(32).astype(np.float32)


def _flip(directory: Path, name: str, seed: int) -> None:
    chance = random.Random(seed)
    for file in directory.rglob(name):
        data = bytearray(file.read_bytes())
        for _ in range(64):
            data[chance.randrange(len(data))] ^= 0xFF
        file.write_bytes(data)


def _truncate(directory: Path, name: str) -> None:
    for file in directory.rglob(name):
        os.truncate(file, file.stat().st_size // 2)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "directory gone": shutil.rmtree,
    "vectors flipped 1": lambda d: _flip(d, "data_level0.bin", 1),
    "vectors flipped 2": lambda d: _flip(d, "data_level0.bin", 2),
    "links flipped": lambda d: _flip(d, "link_lists.bin", 3),
    "database flipped": lambda d: _flip(d, "chroma.sqlite3", 4),
    "database cut": lambda d: _truncate(d, "chroma.sqlite3"),
    "vectors cut": lambda d: _truncate(d, "data_level0.bin"),
    "header empty": lambda d: [f.write_bytes(b"") for f in d.rglob("header.bin")],
    "manifest garbage": lambda d: (d / "manifest.json").write_bytes(b"\xff{"),
    "manifest of another memory": lambda d: (d / "manifest.json").write_text(
        '{"ledger_id": "x", "chroma": "1", "digests": null}'
    ),
}


QUICK = {
    ("directory gone", True),
    ("vectors flipped 1", True),
    ("database flipped", False),
    ("header empty", False),
}


@pytest.mark.parametrize(
    ("damage", "clean"),
    [
        pytest.param(
            damage,
            clean,
            id=f"{damage} after {'a clean close' if clean else 'a kill'}",
            marks=() if (damage, clean) in QUICK else pytest.mark.nightly,
        )
        for damage in DAMAGE
        for clean in (True, False)
    ],
)
def test_a_damaged_index_is_rebuilt_and_never_lied_from(
    built: Built, damage: str, *, clean: bool
) -> None:
    if not clean:
        _unclean(built)
    DAMAGE[damage](built.path / "index")
    with built.open() as memory:
        expected = built.nearest(QUERY, 10)
        assert len({hit.id for hit in memory.search(vector=QUERY)} & set(expected)) >= 9
        memory.flush()
        hits = memory.search(vector=QUERY, explain=True)
        assert len({hit.id for hit in hits} & set(expected)) >= 9
        assert memory.repair().ok
        assert memory.verify().ok


def _unclean(built: Built) -> None:
    """Leave the manifest as a killed process leaves it: in use, without digests."""
    manifest = built.path / "index" / "manifest.json"
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**found, "digests": None}))


def test_the_index_process_may_be_killed_at_any_time(built: Built) -> None:
    with built.open() as memory:
        memory.flush()
        expected = {hit.id for hit in memory.search(vector=QUERY)}
        os.kill(_index_process(memory), signal.SIGKILL)
        for _ in range(3):
            assert {hit.id for hit in memory.search(vector=QUERY)} == expected
        memory.flush()
        assert memory.search(vector=QUERY, explain=True).plan.route == "index"  # pyright: ignore[reportOptionalMemberAccess]


def test_a_stopped_index_process_is_done_without(built: Built) -> None:
    with built.open() as memory:
        memory.flush()
        expected = {hit.id for hit in memory.search(vector=QUERY)}
        with stopped_process(_index_process(memory)):
            hits = memory.search(vector=QUERY, explain=True)
            assert {hit.id for hit in hits} == expected
            assert hits.plan is not None
            assert hits.plan.route == "exact"
            memory.add("written meanwhile", vector=QUERY, id="meanwhile")
            assert memory.search(vector=QUERY)[0].id == "meanwhile"
        memory.flush()
        assert memory.search(vector=QUERY)[0].id == "meanwhile"


def test_a_hostile_working_directory_is_not_imported(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    for name in ("commonplace", "chromadb", "numpy"):
        (trap / name).mkdir(parents=True)
        (trap / name / "__init__.py").write_text("open('sprung', 'w')")
    monkeypatch.chdir(trap)
    with built.open() as memory:
        memory.flush()
        assert memory.search(vector=QUERY, explain=True).plan.route == "index"  # pyright: ignore[reportOptionalMemberAccess]
    assert not (trap / "sprung").exists()


def _index_process(memory: Memory) -> int:
    # The process is nobody's public business; the test must hit it.
    process = memory._store._index._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    return process.pid
