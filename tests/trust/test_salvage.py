"""What can be read of a damaged ledger is put into a new memory beside; the rest is told of."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from commonplace import DataDamagedError, Diagnosis, Encryption, HashingEmbedder, Memory, doctor
from commonplace.testing import faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.figures import Figures

    from commonplace import Record

pytestmark = pytest.mark.files

EMBEDDER = HashingEmbedder(16)
COUNT, PAGE = 400, 8_192
KEYS = Encryption(keys={"k": bytes(32)}, scopes=["sealed"])
LEDGER = "ledger.sqlite"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("salvage") / "memory"
    with opened(path) as memory:
        memory.add_many(
            {
                "id": f"r{n:03}",
                "content": f"text {n} {'about this and that ' * 10}",
                "scope": f"users/u{n % 7}/notes",
                "metadata": {"number": n},
            }
            for n in range(COUNT)
        )
        memory.add("nobody reads this", id="sealed", scope="sealed", metadata={"secret": True})
        memory.update("r001", content="what it says now")
        memory.link("r002", "r003", "about", reason="they belong together")
        memory.thread("talk", scope="users/u1").add(["Hello there.", "Good day."])
        memory.set_quota("users/u2", 1_000)
        filling = [f"gone{n}" for n in range(200)]
        memory.add_many({"id": name, "content": "filling " * 100} for name in filling)
    with Memory(path, embedder=EMBEDDER, index="exact", encryption=KEYS, keep_versions=0) as memory:
        memory.delete(filling)  # which leaves pages free
    return path


def opened(path: Path) -> Memory:
    return Memory(path, embedder=EMBEDDER, index="exact", encryption=KEYS)


@pytest.fixture
def hurt(original: Path, path: Path) -> Path:
    shutil.copytree(original, path)
    return path


def damage(path: Path, start: int, size: int, *, places: int, seed: int) -> None:
    """Invert bits of a part of the ledger."""
    ledger = path / LEDGER
    data = bytearray(ledger.read_bytes())
    part = path.with_name("part")
    part.write_bytes(data[start : start + size])
    faults.flip(part, places=places, seed=seed)
    data[start : start + size] = part.read_bytes()
    part.unlink()
    ledger.write_bytes(data)


def salvaged(path: Path) -> tuple[Diagnosis, Path]:
    before = (path / LEDGER).read_bytes()
    found = doctor(path, fix=True, embedder=EMBEDDER, encryption=KEYS)
    assert (path / LEDGER).read_bytes() == before
    assert not found.ok
    (new,) = path.parent.glob("memory.salvaged-*")
    return found, new


def state(path: Path) -> dict[str, Record]:
    with opened(path) as memory:
        return {record.id: record for record in memory.list(limit=2_000)}


def page_of(path: Path, text: bytes) -> int:
    """Where the first page begins on which something stands."""
    return (path / LEDGER).read_bytes().index(text) // PAGE * PAGE


def test_of_a_damaged_page_only_its_records_are_lost(original: Path, hurt: Path) -> None:
    before = state(original)
    damage(hurt, page_of(hurt, b"text 200 "), PAGE, places=300, seed=1)
    told = doctor(hurt, embedder=EMBEDDER, encryption=KEYS)
    (finding,) = (one for one in told.findings if one.about == "ledger")
    assert finding.fixable
    assert "restore-backup FILE" in finding.remedy
    assert list(hurt.parent.glob("*.salvaged-*")) == []
    _, new = salvaged(hurt)
    after = state(new)
    lost = set(before) - set(after)
    assert 1 <= len(lost) <= 40
    assert "r200" in lost
    assert all(before[name] == record for name, record in after.items())
    with opened(new) as memory:
        assert memory.verify().problems == ()


def test_what_is_no_record_costs_none(original: Path, hurt: Path) -> None:
    """The header, and a page of an index."""
    before = state(original)
    damage(hurt, 0, 100, places=30, seed=2)
    found, new = salvaged(hurt)
    assert state(new) == before
    (finding,) = (one for one in found.findings if one.about == "ledger")
    assert f"{len(before)} records" in finding.remedy
    assert "not none" in finding.remedy
    with opened(new) as memory:
        assert memory.verify().problems == ()
        told = [one.record.content.split(" about")[0] for one in memory.history("r001")]
        assert sorted(told) == ["text 1", "what it says now"]
        assert [link.reason for link in memory.links("r002")] == ["they belong together"]
        assert [one.text for one in memory.thread("talk", scope="users/u1").messages()] == [
            "Hello there.",
            "Good day.",
        ]
        assert memory.search("text 17", scope="users/u3")[0].record.scope.path == "users/u3/notes"
        assert len(memory.events(operations="add", limit=2_000)) == len(before)


def index_page(path: Path) -> int:
    """A page of the index on the ids of records."""
    data = (path / LEDGER).read_bytes()
    pages = range(0, len(data), PAGE)
    # A leaf of an index, with ids and nothing of what other indexes hold.
    wanted = (at for at in pages if data[at] == 0x0A and data[at : at + PAGE].count(b"r2") > 50)
    return next(wanted)


def free_page(path: Path) -> int:
    """The page that lists free ones."""
    number = int.from_bytes((path / LEDGER).read_bytes()[32:36], "big")
    assert number
    return (number - 1) * PAGE


@pytest.mark.parametrize("page", [index_page, free_page])
def test_pages_that_hold_no_text_cost_no_record(
    original: Path, hurt: Path, page: Callable[[Path], int]
) -> None:
    before = state(original)
    damage(hurt, page(hurt), PAGE, places=300, seed=3)
    _, new = salvaged(hurt)
    assert state(new) == before


def test_the_newest_backup_is_named_first(hurt: Path) -> None:
    with opened(hurt) as memory:
        memory.backup(hurt.parent / "night.backup")
    damage(hurt, 0, 100, places=30, seed=2)
    for fix in (False, True):
        found = doctor(hurt, fix=fix, embedder=EMBEDDER, encryption=KEYS)
        (finding,) = (one for one in found.findings if one.about == "ledger")
        assert finding.remedy.startswith("restore the newest backup: `commonplace restore-backup /")
        assert "night.backup" in finding.remedy


def scattered(hurt: Path, before: dict[str, Record], *, places: int, seed: int) -> int:
    """Flip bits anywhere; how many records came over, all of them as they were."""
    damage(hurt, 0, (hurt / LEDGER).stat().st_size, places=places, seed=seed)
    found = doctor(hurt, fix=True, embedder=EMBEDDER, encryption=KEYS)
    made = list(hurt.parent.glob("memory.salvaged-*"))
    if not made:  # SQLite found nothing, or there is nothing to be read
        assert not found.ok or set(state(hurt)) == set(before)
        return 0
    with opened(made[0]) as memory:
        assert memory.verify().problems == ()
    after = state(made[0])
    changed = [name for name, one in after.items() if before[name] != at_its_place(one, before)]
    assert changed == []
    return len(after)


def at_its_place(record: Record, before: dict[str, Record]) -> Record:
    """The record, where it was if the name of its scope could not be read."""
    if record.scope.segments[:1] != ("recovered",):
        return record
    return replace(record, scope=before[record.id].scope)


def test_scattered_damage_costs_what_it_hits(original: Path, tmp_path: Path) -> None:
    before = state(original)
    kept = 0
    for seed in range(3):
        hurt = tmp_path / str(seed) / "memory"
        shutil.copytree(original, hurt)
        kept += scattered(hurt, before, places=20, seed=seed)
    assert kept > len(before)


def test_a_damaged_schema_is_told_of(hurt: Path) -> None:
    """Regression: what SQLite says of it quotes bytes that are no text."""
    data = (hurt / LEDGER).read_bytes()
    at = data.index(b"CREATE TABLE records")
    (hurt / LEDGER).write_bytes(data[:at] + b"\xe4\xff" * 10 + data[at + 20 :])
    found = doctor(hurt, fix=True, embedder=EMBEDDER, encryption=KEYS)
    assert [one.about for one in found.findings] == ["ledger"]
    with pytest.raises(DataDamagedError):
        opened(hurt)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_scattered_damage_of_many_seeds(original: Path, tmp_path: Path, figures: Figures) -> None:
    before = state(original)
    kept: list[int] = []
    for seed in range(100):
        hurt = tmp_path / str(seed) / "memory"
        shutil.copytree(original, hurt)
        kept.append(scattered(hurt, before, places=1 + seed, seed=seed))
        shutil.rmtree(hurt.parent)
    made = [count for count in kept if count]
    figures(
        5,
        damaged=len(kept),
        salvaged=len(made),
        records=len(before),
        kept_median=sorted(made)[len(made) // 2],
        changed=0,
    )
    assert len(made) >= 20
