"""A migrated memory holds what its source held, and an unfinished one cannot be opened."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.migrating.conftest import change, opened, question, said, stock, tables

from commonplace import (
    ConflictError,
    Encryption,
    FormatTooNewError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    StorageFullError,
    StoreLockedError,
    StoreUnavailableError,
    migrate,
)
from commonplace.ledger.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = pytest.mark.files

FORMATS = Path(__file__).parents[1] / "trust" / "formats"


@pytest.mark.nightly
def test_ten_thousand_records_come_over(
    tmp_path: Path, prepared: Callable[[int], Path], target: Path
) -> None:
    source = shutil.copytree(prepared(10_000), tmp_path / "source")
    report = migrate(source, target)
    assert report.failures == []
    assert report.ok
    assert report.tables["records"].rows == 10_010 - 500 - 1
    assert report.tables["vectors"].rows_there == 2 * (10_000 - 500 - 1) + 10
    assert (report.resumed, report.restarted) == (0, False)
    assert tables(target) == tables(source)
    assert said(target) == said(source)


def test_all_tables_are_copied_but_how_far_indexes_have_come(source: Path, target: Path) -> None:
    report = migrate(str(source), str(target))
    assert {*report.tables} == {*metadata.tables} - {"index_state"}
    empty = {name for name, table in report.tables.items() if not table.rows}
    assert empty == set()  # so that every table was put to the test
    assert report.rows == sum(table.rows_there for table in report.tables.values())


def test_it_is_a_memory_of_its_own(source: Path, target: Path) -> None:
    report = migrate(source, target)
    assert report.ledger_id != report.source_id
    (origin,) = question(target, "SELECT value FROM settings WHERE name = 'restored'")[0]
    assert json.loads(origin)["ledger_id"] == report.source_id
    assert question(target, "SELECT * FROM index_state") == []
    assert (target.stat().st_mode & 0o777, report.source) == (0o700, str(source))


def test_numbers_are_never_given_out_again(source: Path, target: Path) -> None:
    migrate(source, target)
    for place in (source, target):
        with opened(place) as memory:
            memory.add("new", id="new")
    pks = [question(place, "SELECT pk FROM records WHERE id = 'new'") for place in (source, target)]
    assert pks[0] == pks[1]


def test_the_report_is_json(source: Path, target: Path) -> None:
    told = json.loads(json.dumps(migrate(source, target).to_dict()))
    assert told["ok"] is True
    assert told["tables"]["records"]["rows"] == told["tables"]["records"]["rows_there"]


def test_what_is_written_meanwhile_is_not_in_the_copy(source: Path, target: Path) -> None:
    written: list[str] = []
    with opened(source) as memory:
        before = memory.count()

        def write(step: str, _done: int, _total: int) -> None:
            if step == "copying":
                written.append(memory.add("meanwhile").id)

        assert migrate(source, target, progress=write).ok
    assert written
    with opened(target) as copy:
        assert copy.count() == before
        assert copy.verify().ok


def test_progress_is_told(source: Path, target: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    report = migrate(source, target, progress=tell)
    assert {step for step, _, _ in told} == {"copying", "verifying"}
    assert {total for _, _, total in told} == {report.rows}
    assert [done for step, done, _ in told if step == "copying"][-1] == report.rows


def test_an_empty_memory_comes_over(tmp_path: Path, target: Path) -> None:
    opened(tmp_path / "empty").close()
    assert migrate(tmp_path / "empty", target).ok
    with opened(target) as memory:
        assert memory.count() == 0
        assert memory.add("first", scope="users/alice").version == 1


def test_a_target_that_is_a_new_memory_is_taken(source: Path, target: Path) -> None:
    opened(target).close()
    assert migrate(source, target).ok
    assert said(target) == said(source)


def test_what_is_sealed_stays_sealed_without_a_key(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    keys = Encryption(keys={"first": bytes(32)}, scopes=["secret"])
    with Memory(source, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("canary from before", id="before", scope="secret")  # bare until a rotation
    with Memory(source, encryption=keys, embedder=HashingEmbedder(16), index="exact") as memory:
        kept = memory.add("canary", id="sealed", scope="secret/deep", metadata={"n": 1})
        memory.add("canary in the open", id="bare")
        memory.update("sealed", importance=0.9)
    for _ in range(2):  # refused by no guard, neither at first nor when it is begun anew
        with break_before_the_end(target):
            assert not migrate(source, target).ok
    assert migrate(source, target).ok
    assert tables(target) == tables(source)
    with Memory(target, encryption=keys, embedder=HashingEmbedder(16), index="exact") as memory:
        assert memory.get("sealed") is not None
        assert memory.history("sealed")[0].record == kept
        assert {hit.id for hit in memory.search("canary", mode="lexical")} == {
            "before",
            "sealed",
            "bare",
        }
        assert memory.verify().ok
    triggers = "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    assert question(target, triggers) == question(source, triggers)
    assert question(target, triggers) != []


@pytest.mark.parametrize("former", sorted(FORMATS.glob("*.sqlite.gz")), ids=lambda file: file.name)
def test_a_memory_of_a_former_format_comes_over(tmp_path: Path, target: Path, former: Path) -> None:
    source = tmp_path / "source"
    source.mkdir(mode=0o700)
    (source / "ledger.sqlite").write_bytes(gzip.decompress(former.read_bytes()))
    told = json.loads(former.with_name(former.name.replace("sqlite.gz", "json")).read_text())
    assert migrate(source, target).ok
    with Memory(target, embedder=HashingEmbedder(8), index="exact") as memory:
        kept = memory.list(limit=1000, include_archived=True, include_closed=True, order_by="id")
        assert [record.to_dict() for record in kept] == told["records"]
        assert [hit.id for hit in memory.search("text 7", limit=5)] == told["found"]
        assert memory.verify().ok


def break_before_the_end(
    target: Path, *statements: str
) -> contextlib.AbstractContextManager[pytest.MonkeyPatch]:
    """Alter the target by hand when all is copied, and nothing is compared."""
    wrong = statements or ("DELETE FROM records WHERE rowid = (SELECT max(rowid) FROM records)",)

    def reached(name: str) -> None:
        if name == "migrate.copied":
            change(target, *wrong)

    @contextlib.contextmanager
    def broken() -> Generator[pytest.MonkeyPatch]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("commonplace.failpoints._armed", reached)
            yield patch

    return broken()


@pytest.mark.parametrize(
    ("statement", "failure"),
    [
        ("DELETE FROM links WHERE id = 3", "links: 20 rows in the source, 19 in the target"),
        ("UPDATE records SET content = 'other' WHERE id = 'r8'", "records: rows of the target"),
        ("UPDATE journal SET at = at + 1 WHERE seq = 7", "journal: rows of the target"),
        (
            "UPDATE vectors SET vector = zeroblob(12) WHERE id IN (SELECT min(id) FROM vectors)",
            "vectors: rows of the target",
        ),
        ("INSERT INTO cursors VALUES ('other', 1)", "cursors: 1 rows in the source, 2"),
        (
            "INSERT INTO full_text(rowid, content, scopes) VALUES (99999, 'a', 's1')",
            "full text: 0 texts missing, 1 entries too many",
        ),
    ],
)
def test_what_is_not_equal_is_noticed_and_can_be_done_again(
    source: Path, target: Path, statement: str, failure: str
) -> None:
    with break_before_the_end(target, statement):
        report = migrate(source, target)
    assert not report.ok
    (found,) = report.failures
    assert found.startswith(failure)
    with pytest.raises(StoreUnavailableError, match="unfinished copy"):
        opened(target)
    again = migrate(source, target)
    assert (again.ok, again.restarted, again.resumed) == (True, True, 0)
    assert tables(target) == tables(source)
    assert said(target) == said(source)


def test_refused_is_what_holds_a_memory(source: Path, target: Path, tmp_path: Path) -> None:
    with opened(target) as memory:
        memory.add("kept", id="kept")
    with pytest.raises(ConflictError, match="holds a memory already"):
        migrate(source, target)
    with opened(target) as memory:
        assert [one.id for one in memory.list()] == ["kept"]
        with pytest.raises(StoreLockedError, match="open"):
            migrate(source, target)
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(ConflictError, match="not empty"):
        migrate(source, other)
    assert [one.name for one in other.iterdir()] == ["letter.txt"]
    with pytest.raises(ConflictError, match="is a file"):
        migrate(source, other / "letter.txt")


def test_refused_is_a_finished_copy(source: Path, target: Path) -> None:
    migrate(source, target)
    with pytest.raises(ConflictError, match="holds a memory already"):
        migrate(source, target)


def test_refused_is_the_unfinished_copy_of_another(
    source: Path, target: Path, tmp_path: Path
) -> None:
    with break_before_the_end(target):
        migrate(source, target)
    stock(tmp_path / "another", 20)
    with pytest.raises(ConflictError, match="unfinished copy of memory"):
        migrate(tmp_path / "another", target)
    with pytest.raises(StoreUnavailableError, match="unfinished copy"):
        migrate(target, tmp_path / "third")
    assert not (tmp_path / "third").exists()


def test_refused_is_one_place(source: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(source)
    for same in (source, tmp_path / "alias"):
        with pytest.raises(InvalidInputError, match="source itself"):
            migrate(source, same)
    for given in ((":memory:", tmp_path / "a"), (source, ":memory:")):
        with pytest.raises(InvalidInputError, match="in memory"):
            migrate(*given)


def test_refused_is_what_is_not_there_or_newer(source: Path, target: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        migrate(tmp_path / "missing", target)
    change(source, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FormatTooNewError, match="9999"):
        migrate(source, target)
    assert not target.exists()


def test_refused_is_a_disk_that_is_too_small(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.disk_usage

    def usage(path: Any) -> Any:  # a full disk of this size cannot be made without rights
        return real(path)._replace(free=1000)

    monkeypatch.setattr("commonplace.moving.places.shutil.disk_usage", usage)
    with pytest.raises(StorageFullError, match="1,000 are free"):
        migrate(source, target)
    assert not target.exists()


def test_the_later_of_two_runs_takes_over(source: Path, target: Path) -> None:
    def run_another(name: str) -> None:
        if name == "migrate.lot":
            change(
                target,
                "UPDATE settings SET value = json_set(value, '$.run', 'other') "
                "WHERE name = 'unfinished_copy'",
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("commonplace.failpoints._armed", run_another)
        with pytest.raises(StoreLockedError, match="taken over"):
            migrate(source, target)
    assert migrate(source, target).ok
    assert tables(target) == tables(source)


def test_what_is_raised_meanwhile_comes_out_as_it_is(source: Path, target: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(source, target, progress=stop)
    assert migrate(source, target).ok
    assert tables(target) == tables(source)
