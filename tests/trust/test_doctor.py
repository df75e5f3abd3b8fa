"""`doctor` says what is wrong with a memory and around it, and mends what can be mended."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.pgserver import place_of, tell_ledger
from typer.testing import CliRunner

from commonplace import (
    ChromaServer,
    Diagnosis,
    Encryption,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    Report,
    doctor,
)
from commonplace.cli.app import app
from commonplace.testing import faults

EMBEDDER = HashingEmbedder(16)
LEFT_OPEN = Path(__file__).parent / "programs" / "left_open.py"


def opened(path: Path) -> Memory:
    return Memory(path, embedder=EMBEDDER, index="exact")


def examined(path: Path, *, fix: bool = False) -> Diagnosis:
    return doctor(place_of(path), fix=fix, embedder=EMBEDDER)


def about(found: Diagnosis) -> list[str]:
    return [one.about for one in found.findings]


@pytest.fixture
def stocked(path: Path) -> Path:
    with opened(path) as memory:
        memory.add_many({"content": f"text {n}", "id": f"r{n}"} for n in range(200))
    return path


def test_a_sound_memory_has_no_findings(stocked: Path) -> None:
    found = examined(stocked)
    assert found.ok
    assert found.findings == ()
    assert examined(stocked, fix=True).findings == ()


@pytest.mark.files
def test_an_encrypted_memory_is_examined_with_its_keys_and_without(path: Path) -> None:
    keys = {"one": bytes(32), "two": bytes([1]) * 32}
    given = Encryption(keys=keys, active="one", scopes={"a": "one", "b": "two"})
    with Memory(path, embedder=EMBEDDER, index="exact", encryption=given) as memory:
        memory.add("what nobody reads", scope="a")
        hurt = memory.add("what is damaged", scope="b")
    (left_out,) = examined(path).findings
    assert (left_out.about, left_out.problem) == ("encryption", False)
    assert "'one', 'two' was not looked at" in left_out.text
    assert examined(path).ok
    whole = doctor(path, embedder=EMBEDDER, encryption=Encryption(keys=keys))
    assert whole.findings == ()
    with closing(sqlite3.connect(path / "ledger.sqlite")) as connection:
        query = "SELECT content FROM records WHERE id = ?"
        ((sealed,),) = connection.execute(query, (hurt.id,)).fetchall()
        altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
        connection.execute("UPDATE records SET content = ? WHERE id = ?", (altered, hurt.id))
        connection.commit()
    part = doctor(path, embedder=EMBEDDER, encryption=Encryption(keys={"one": keys["one"]}))
    assert [(one.about, "'two'" in one.text) for one in part.findings] == [("encryption", True)]
    found = doctor(path, embedder=EMBEDDER, encryption=Encryption(keys=keys))
    assert about(found) == ["ledger"]
    assert not found.ok
    wrong = doctor(path, embedder=EMBEDDER, encryption=Encryption(keys={"one": bytes([9]) * 32}))
    assert "not the one" in wrong.findings[0].text
    with pytest.raises(InvalidInputError):
        doctor(path, encryption=keys)  # pyright: ignore[reportArgumentType]


def test_keys_alone_encrypt_nothing(stocked: Path) -> None:
    assert doctor(
        place_of(stocked), embedder=EMBEDDER, encryption=Encryption(keys={"k": bytes(32)})
    ).ok
    with opened(stocked) as memory:  # it opens without keys, as before
        assert memory.count() == 200


@pytest.mark.files
def test_rights_are_told_and_taken_away(stocked: Path) -> None:
    stocked.chmod(0o755)
    (stocked / "ledger.sqlite").chmod(0o644)
    found = examined(stocked)
    assert not found.ok
    assert about(found) == ["rights", "rights"]
    assert not any(one.fixed for one in found.findings)
    assert (stocked / "ledger.sqlite").stat().st_mode & 0o777 == 0o644
    assert examined(stocked, fix=True).ok
    assert (stocked / "ledger.sqlite").stat().st_mode & 0o777 == 0o600
    assert stocked.stat().st_mode & 0o777 == 0o700
    assert examined(stocked).findings == ()


@pytest.mark.files
def test_leftovers_are_removed_when_they_are_old(stocked: Path) -> None:
    fresh = stocked.parent / f".{stocked.name}.0123.tmp"
    old = stocked.parent / f".{stocked.name}.4567.tmp"
    for draft in (fresh, old):
        draft.mkdir(mode=0o700)
        (draft / "ledger.sqlite").touch()
    past = time.time() - 7200
    os.utime(old, (past, past))
    assert about(examined(stocked)) == ["leftovers"]
    assert examined(stocked, fix=True).ok
    assert fresh.exists()
    assert not old.exists()


def test_what_is_derived_is_rebuilt(stocked: Path) -> None:
    tell_ledger(stocked, "UPDATE scopes SET total = 7")
    found = examined(stocked)
    assert [(one.about, one.fixable, one.fixed) for one in found.findings] == [
        ("ledger", True, False)
    ]
    assert examined(stocked, fix=True).ok
    assert examined(stocked).findings == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET content = 'other' WHERE id = 'r7'",
        "UPDATE records SET metadata = :json WHERE id = 'r7'",
        "UPDATE records SET version = 2 WHERE id = 'r7'",
        "UPDATE vectors SET vector = :zeros WHERE id = 7",
    ],
)
def test_a_record_that_was_altered_is_told_and_not_called_mended(
    stocked: Path, statement: str
) -> None:
    tell_ledger(stocked, statement, json='{"a":1}', zeros=bytes(64))
    for fix in (False, True):
        found = examined(stocked, fix=fix)
        assert not found.ok
        assert "not as they were written" in found.findings[0].text
        assert "backup" in found.findings[0].remedy


@pytest.mark.files
def test_a_ledger_that_does_not_open_is_told(stocked: Path) -> None:
    faults.flip(stocked / "ledger.sqlite", places=4000, seed=1)
    with (stocked / "ledger.sqlite").open("r+b") as file:
        file.write(bytes(100))
    found = examined(stocked, fix=True)
    assert not found.ok
    assert about(found) == ["ledger"]
    assert "restore-backup" in found.findings[0].remedy


@pytest.mark.files
@pytest.mark.parametrize("fault", [faults.empty, faults.delete])
def test_a_ledger_that_is_gone_is_told(stocked: Path, fault: object) -> None:
    assert callable(fault)
    fault(stocked / "ledger.sqlite")
    found = examined(stocked)
    assert not found.ok
    assert "missing or empty" in found.findings[0].text


def test_expired_records_are_swept(path: Path) -> None:
    with opened(path) as memory:
        memory.add("short lived", ttl=0.000_001)
        memory.add("stays")
    found = examined(path)
    assert found.ok  # it is no problem
    assert about(found) == ["expired"]
    assert examined(path, fix=True).findings[0].fixed
    assert examined(path).findings == ()


def test_another_embedder_is_told(stocked: Path) -> None:
    place = place_of(stocked)
    found = doctor(place, embedder=HashingEmbedder(32))
    assert about(found) == ["embedder"]
    assert not found.ok
    assert doctor(place).ok  # without one named, it is worth a note
    assert about(doctor(place)) == ["embedder"]


@pytest.mark.files
def test_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        doctor(tmp_path / "none")
    with pytest.raises(InvalidInputError):
        doctor(":memory:")
    assert "no memory" in doctor(tmp_path).findings[0].text
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "none.before-2026").mkdir()
    with pytest.raises(NotFoundError, match="rename it back"):
        doctor(tmp_path / "none")


@pytest.mark.files
@pytest.mark.parametrize("damage", ["flip 10", "truncate", "delete"])
def test_a_log_that_lost_changes_is_given_up_when_asked(path: Path, damage: str) -> None:
    command = [sys.executable, str(LEFT_OPEN), str(path), "40", "exact", "kill"]
    assert subprocess.run(command, check=False).returncode == -9
    faults.DAMAGES[damage].apply(path / "ledger.sqlite-wal", 2)
    found = doctor(path)
    assert about(found)[0] == "log"
    assert not found.ok
    fixed = doctor(path, fix=True)
    assert fixed.findings[0].fixed
    if damage != "delete":
        assert (path / "ledger.sqlite-wal.damaged").exists()
    if fixed.ok:
        with Memory(path, index="exact") as memory:
            assert memory.verify().ok
    else:  # not even the tables had reached the ledger's own file
        assert "log" not in about(doctor(path))


def test_an_erasure_that_is_not_finished_is_to_be_finished(
    stocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify(_: Memory) -> Report:
        return Report(problems=("erasure e1 is not finished (index); compact does it",))

    monkeypatch.setattr(Memory, "verify", verify)
    (finding,) = examined(stocked).findings
    assert (finding.about, finding.remedy) == ("ledger", "finish it, as compact does")
    assert finding.fixable


def test_the_driver_of_a_server_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "commonplace.ledger.postgres_database", None)
    (finding,) = doctor("postgresql://host/db").findings
    assert "driver" in finding.text
    assert finding.remedy.startswith("install the driver")


@pytest.mark.files
def test_the_command_takes_index_and_embedder_from_the_settings(
    stocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def examine(_: object, **options: object) -> Diagnosis:
        asked.append((options["index"], options["embedder"]))
        return Diagnosis(path="", findings=())

    monkeypatch.setattr("commonplace.doctor", examine)
    command = ["doctor", "--memory", str(stocked)]
    for more in ([], ["--index", "exact"], ["--index", "http://there"]):
        env = {"COMMONPLACE_INDEX": "http://here", "COMMONPLACE_INDEX_TIMEOUT": "3"}
        assert CliRunner().invoke(app, [*command, *more], env=env).exit_code == 0
    assert CliRunner().invoke(app, command, env={"COMMONPLACE_EMBEDDER": "builtin"}).exit_code == 0
    here, there = (ChromaServer(f"http://{name}", timeout=3) for name in ("here", "there"))
    assert asked[:3] == [(here, None), ("exact", None), (there, None)]
    assert "StaticEmbedder" in repr(asked[3])
    wrong = CliRunner().invoke(app, [*command, "--index", "nowhere"])
    assert "index (argument): an index is 'auto'" in wrong.stderr


@pytest.mark.files
def test_the_command(stocked: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["doctor", "--memory", str(stocked), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["ok"]
    stocked.chmod(0o750)
    done = runner.invoke(app, ["doctor", "--memory", str(stocked)])
    assert done.exit_code == 3
    assert "--fix would" in done.stdout
    done = runner.invoke(app, ["doctor", "--memory", str(stocked), "--fix"])
    assert done.exit_code == 0
    assert "fixed: rights" in done.stdout
