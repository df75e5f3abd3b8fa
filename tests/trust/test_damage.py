"""Files of a store are damaged in every way: it says so, mends it or is right; it never crashes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from commonplace import Memory, PrecomputedEmbedder
from commonplace.testing import faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.figures import Figures

pytestmark = pytest.mark.files

PROGRAMS = Path(__file__).parent / "programs"
COUNT = 250
KINDS = {
    "ledger": ("closed", "ledger.sqlite"),
    "ledger left open": ("killed", "ledger.sqlite"),
    "log": ("killed", "ledger.sqlite-wal"),
    "index of the log": ("killed", "ledger.sqlite-shm"),
    "index": ("indexed", "index"),
    "manifest": ("indexed", "index/manifest.json"),
    "lock": ("indexed", "index.lock"),
}


class Case(NamedTuple):
    kind: str
    damage: str
    seed: int


class Stores(NamedTuple):
    """The stores that copies are made of, and what they hold."""

    home: Path
    truth: Path

    def copy(self, case: Case, target: Path) -> None:
        """A damaged copy."""
        store, name = KINDS[case.kind]
        shutil.copytree(self.home / store, target)
        file = target / name
        if case.kind == "index":
            files = sorted(one for one in file.rglob("*") if one.is_file())
            files = [one for one in files if one.name != "manifest.json"]
            file = files[case.seed % len(files)]
        faults.DAMAGES[case.damage].apply(file, case.seed)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    home = tmp_path_factory.mktemp("stores")
    for name, index, end in (
        ("closed", "exact", "close"),
        ("killed", "exact", "kill"),
        ("indexed", "chroma", "close"),
    ):
        command = [sys.executable, str(PROGRAMS / "left_open.py")]
        command += [str(home / name), str(COUNT), index, end]
        done = subprocess.run(command, check=False)
        assert done.returncode == (-9 if end == "kill" else 0)
    truth: dict[str, object] = {}
    for name in ("closed", "killed", "indexed"):
        shutil.copytree(home / name, home / "copy")
        with Memory(home / "copy", embedder=PrecomputedEmbedder("damage", 16)) as memory:
            truth = {record.id: record.to_dict() for record in memory.list(limit=COUNT + 1)}
        assert len(truth) == COUNT
        (home / f"{name}.json").write_text(json.dumps(truth))
        shutil.rmtree(home / "copy")
    return Stores(home, home)


def asked(stores: Stores, cases: list[Case], tmp_path: Path) -> Iterator[tuple[Case, str]]:
    """What came of each case; those of one kind of store in one process."""
    for store in dict.fromkeys(KINDS[case.kind][0] for case in cases):
        some = [case for case in cases if KINDS[case.kind][0] == store]
        paths = [tmp_path / f"{store}{number}" for number in range(len(some))]
        for case, path in zip(some, paths, strict=True):
            stores.copy(case, path)
        index = "chroma" if store == "indexed" else "exact"
        command = [sys.executable, "-X", "faulthandler", str(PROGRAMS / "damaged.py")]
        command += [str(stores.truth / f"{store}.json"), index, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        lines += ["crash"] * (len(some) - len(lines))
        if "crash" in lines:
            print(done.stderr)  # noqa: T201 - what a failure is understood by
        for path in paths:
            shutil.rmtree(path)
        yield from zip(some, lines, strict=True)


def held(results: Iterable[tuple[Case, str]], figures: Figures) -> None:
    verdicts: Counter[str] = Counter()
    bad: list[tuple[Case, str]] = []
    for case, line in results:
        name = line.split(" ", 1)[0]
        verdicts[name] += 1
        print(case, line)  # noqa: T201 - the table of what came of what
        if name in {"crash", "silent"}:
            bad.append((case, line))
    figures(
        5,
        cases=verdicts.total(),
        **{name: verdicts[name] for name in ("healthy", "repaired", "error", "told")},
        crashes=verdicts["crash"],
        silent=verdicts["silent"],
    )
    assert bad == []


def test_damaged_stores_are_told(stores: Stores, tmp_path: Path, figures: Figures) -> None:
    quick = [
        Case(kind, damage, 1)
        for kind in ("ledger", "log", "index of the log")
        for damage in faults.DAMAGES
    ]
    held(asked(stores, quick, tmp_path), figures)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_damaged_stores_of_every_kind_are_told(
    stores: Stores, tmp_path: Path, figures: Figures
) -> None:
    cases = [
        [Case(kind, name, seed) for seed in range(3 if damage.random or kind == "index" else 1)]
        for kind in KINDS
        for name, damage in faults.DAMAGES.items()
    ]
    held((result for some in cases for result in asked(stores, some, tmp_path)), figures)
