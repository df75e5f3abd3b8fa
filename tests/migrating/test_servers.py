"""A memory is migrated between directories and servers, and is what it was, to the last bit."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.migrating.conftest import opened, said

from commonplace import (
    ConflictError,
    Encryption,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    MigrationReport,
    StoreUnavailableError,
    migrate,
)
from commonplace.ledger import COPIED, Ledger, Sum
from commonplace.moving import migrating
from commonplace.testing import crash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pgserver import Postgres

pytestmark = pytest.mark.files

PROGRAM = Path(__file__).parent / "programs" / "copying.py"
ODD = "a\0b\1c\2d \U0001f600 \\u0000 \u202e \uffff e\u0301 '\"\\ %s $1 {}"
VALUE = {ODD: [ODD, 2**4000, -(2**70), -0.0, 1e300, 5e-324, {"": None}], "z": 1, "a": 2}


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("migrated") as given:
        yield given


@pytest.fixture
def other_url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("migrated_too") as given:
        yield given


@pytest.fixture
def odd(source: Path) -> Path:
    """The source, with what a database may be particular about."""
    with opened(source) as memory:
        memory.add(
            ODD,
            id="odd",
            scope="ü/a\0b",
            key=ODD.replace("\0", ""),
            kind="fact",
            value=VALUE,
            metadata={**VALUE, "n": -0.0},
            tags=[ODD],
            source={"app": ODD},
            vectors={"theirs": [-0.0, 5e-38, 3.0]},
        )
        memory.update("odd", content=f"{ODD} later")
        memory.link("odd", "r1", type="about", metadata={"why": ODD})
        memory.thread(ODD.replace("\0", ""), scope="talks").add([("user", ODD)])
        memory.add("x" * 900_000 + " " + ODD, id="long")
    return source


def sums(place: Path | str) -> dict[str, str]:
    """What every table adds up to."""
    ledger = Ledger.open(place, create=False)
    found: dict[str, str] = {}
    with contextlib.closing(ledger), ledger.stored() as rows:
        for name, table in COPIED.items():
            total = Sum()
            for row in rows.rows(table):
                total.add(row)
            found[name] = f"{total.rows} {total.text}"
    del found["settings"]  # a copy has some of its own
    return found


def highest(place: Path | str) -> dict[str, int]:
    """The highest number that each table has given out."""
    ledger = Ledger.open(place, create=False)
    with contextlib.closing(ledger), ledger.stored() as rows:
        return rows.numbers()


def lines(place: Path | str, file: Path) -> list[str]:
    """The memory as an export says it, but for the lines that say when it was."""
    with opened(place) as memory:
        memory.export(file)
    return file.read_text().splitlines()[1:-1]


def told(place: Path | str) -> dict[str, Any]:
    """What a memory says, but for scores by words, which each database reckons in its own way."""
    found = said(place)
    found["words"] = sorted(name for name, _ in found["words"])
    return found


def moved(source: Path | str, target: Path | str) -> MigrationReport:
    report = migrate(source, target)
    assert report.failures == []
    assert report.ok
    return report


def test_to_a_server_to_another_and_back_it_is_the_same(
    odd: Path, url: str, other_url: str, target: Path, tmp_path: Path
) -> None:
    report = moved(odd, url)
    assert report.tables["records"].rows == report.tables["records"].rows_there > 200
    assert {name for name, table in report.tables.items() if not table.rows} == set()
    moved(url, other_url)
    moved(other_url, target)
    wanted = sums(odd)
    assert sums(url) == wanted
    assert sums(other_url) == wanted
    assert sums(target) == wanted
    places = {"odd": odd, "one": url, "other": other_url, "back": target}
    said_by = [lines(place, tmp_path / f"{name}.jsonl") for name, place in places.items()]
    assert len(said_by[0]) > 300
    assert said_by == said_by[:1] * 4
    before = told(odd)
    assert told(url) == before
    assert told(target) == before
    with opened(url) as memory:
        kept: Any = memory.get("odd")
        assert kept.value == VALUE
        assert str(kept.value[ODD][3]) == "-0.0"
        assert str(kept.metadata["n"]) == "-0.0"
        assert memory.history("odd")[0].record.content == ODD


def test_numbers_are_never_given_out_again(source: Path, url: str, target: Path) -> None:
    """The highest ones of the source are gone with their records."""
    moved(source, url)
    moved(url, target)
    wanted = highest(source)
    assert wanted["records"] > 0
    for place in (url, target):
        assert {name: highest(place)[name] for name in wanted} == wanted
    numbers: list[int] = []
    for place in (source, url, target):
        with opened(place) as memory:
            memory.add("new", id="new")
            memory.update("new", content="newer")
            memory.link("new", "r1", type="about")
            memory.thread("another").add("hello")
            numbers.append(memory.events(limit=10_000)[-1].seq)
            assert memory.verify().problems == ()
    assert numbers[0] == numbers[1] == numbers[2]


def test_who_had_the_target_open_writes_nothing_into_an_unfinished_copy(
    source: Path, url: str
) -> None:
    """Regression: its rows stood in the way of those of the source, for good."""
    with opened(url) as early:
        outcome = crash.run(PROGRAM, source, url, kill_at="migrate.lot", nth=5)
        assert outcome.killed, outcome.errors
        with pytest.raises(StoreUnavailableError, match="unfinished copy"):
            early.add("too early")
        assert migrate(source, url).ok
        early.add("in time", id="early")
    with opened(url) as memory:
        assert memory.get("early") is not None


def test_a_table_of_others_that_counts_its_rows_is_no_matter(
    postgres: Postgres, source: Path, url: str, other_url: str
) -> None:
    """Regression: the migration failed at its very end, and again whenever it was resumed."""
    for place, schema in ((url, "migrated"), (other_url, "migrated_too")):
        opened(place).close()
        postgres.run(f'CREATE TABLE "{schema}".theirs (number serial)')
    try:
        assert migrate(source, url).ok
        assert migrate(url, other_url).ok
    finally:
        postgres.run("DROP TABLE migrated.theirs, migrated_too.theirs")


@pytest.mark.parametrize("way", ["to a server", "from a server"])
@pytest.mark.parametrize("point", ["migrate.lot", "migrate.copied", "ledger.before_commit"])
def test_killed_it_goes_on(source: Path, url: str, target: Path, way: str, point: str) -> None:
    places: tuple[Path | str, Path | str] = (source, url)
    if way == "from a server":
        moved(source, url)
        places = (url, target)
    nth = 1 if point == "migrate.copied" else 20
    outcome = crash.run(PROGRAM, *places, kill_at=point, nth=nth)
    assert outcome.killed, outcome.errors
    with pytest.raises(StoreUnavailableError, match="unfinished copy"):
        opened(places[1])
    report = moved(*places)
    assert report.resumed > 0
    assert not report.restarted
    assert sums(places[1]) == sums(source)


def test_a_source_that_was_changed_since_is_copied_anew(source: Path, url: str) -> None:
    outcome = crash.run(PROGRAM, source, url, kill_at="migrate.lot", nth=25)
    assert outcome.killed, outcome.errors
    with opened(source) as memory:
        memory.erase("r1")
    assert moved(source, url).restarted
    assert sums(url) == sums(source)


def test_a_server_is_copied_while_others_write(url: str, source: Path, target: Path) -> None:
    moved(source, url)
    before = sums(url)
    written: list[str] = []
    with opened(url) as memory:

        def write(step: str, _done: int, _total: int) -> None:
            if step == "copying":
                written.append(memory.add("meanwhile").id)

        assert migrate(url, target, progress=write).ok
    assert written
    assert sums(target) == before


def test_an_index_that_was_begun_is_no_matter_of_the_copy(
    source: Path, url: str, target: Path
) -> None:
    for name in ("index_begun", "index_lease"):
        ledger = Ledger.open(source)
        with contextlib.closing(ledger), ledger.write() as transaction:
            transaction.set_setting(name, "of the source")
    moved(source, url)
    moved(url, target)
    for place in (url, target):
        ledger = Ledger.open(place)
        with contextlib.closing(ledger), ledger.read() as snapshot:
            assert snapshot.setting("index_begun") is None
            assert snapshot.setting("index_lease") is None


def test_refused_is_what_cannot_be(source: Path, url: str, tmp_path: Path) -> None:
    with Memory(url, embedder=HashingEmbedder(16)) as memory:
        memory.add("kept", id="kept")
    with pytest.raises(ConflictError, match="holds a memory already"):
        migrate(source, url)
    with pytest.raises(InvalidInputError, match="source itself"):
        migrate(url, url)
    with pytest.raises(InvalidInputError, match="source itself"):
        migrate(url, f"{url}&pool_size=3")
    keys = Encryption(keys={"first": bytes(32)}, scopes=["secret"])
    sealed = tmp_path / "sealed"
    with Memory(sealed, encryption=keys, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("canary", scope="secret")
    with pytest.raises(InvalidInputError, match="encrypted"):
        migrate(sealed, url)
    with Memory(url, embedder=HashingEmbedder(16)) as memory:
        assert [one.id for one in memory.list()] == ["kept"]


def test_refused_with_an_encrypted_source_is_a_new_server_too(tmp_path: Path, url: str) -> None:
    keys = Encryption(keys={"first": bytes(32)}, scopes=["secret"])
    sealed = tmp_path / "sealed"
    with Memory(sealed, encryption=keys, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("canary", scope="secret")
    with pytest.raises(InvalidInputError, match="encrypted"):
        migrate(sealed, url)
    with Memory(url, embedder=HashingEmbedder(16)) as memory:
        assert memory.count() == 0


def test_no_password_is_told(source: Path, url: str) -> None:
    given = url.replace(":@", ":hush-hush@")
    assert given != url
    report = migrate(source, given)
    assert report.ok
    assert "hush" not in str(report.to_dict())
    with pytest.raises(ConflictError) as refused:
        migrate(source, given)
    assert "hush" not in str(refused.value)


def test_lots_of_any_size_come_over(
    source: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_ROWS_AT_ONCE", 7)
    moved(source, url)
    assert sums(url) == sums(source)
