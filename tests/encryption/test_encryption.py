"""Encryption at rest: what is encrypted, what opens it, what goes on without the keys."""

from __future__ import annotations

import secrets
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from tests.trust.marked import contents

from commonplace import (
    DataDamagedError,
    Encryption,
    EncryptionError,
    HashingEmbedder,
    InvalidInputError,
    KeyMissingError,
    Memory,
    OutsideViewError,
    failpoints,
    key_from_passphrase,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.figures import Figures

    from commonplace.testing import FakeClock

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
pytestmark = pytest.mark.files  # a ledger on a server is not encrypted
USERS = Encryption(keys={"old": OLD}, scopes=["users"])


def opened(path: Path | str, encryption: Encryption | None = USERS, **options: Any) -> Memory:
    return Memory(path, embedder=HashingEmbedder(64), encryption=encryption, **options)


def occurrences(path: Path, words: list[str]) -> int:
    """How often words stand in any file of a store, in any case."""
    files = [held.lower() for held in contents(path).values()]
    return sum(text.count(word.lower().encode()) for text in files for word in words)


def fill(memory: Memory, words: list[str]) -> None:
    """Write words into every place that is encrypted, and change, archive and delete some."""
    a, b, c, d, e, f, g, h = words
    first = memory.add(f"{a} tea", scope="users/ana", metadata={"note": b}, value={"deep": [c]})
    memory.update(first.id, content=f"{d} coffee", metadata={"note": e})
    other = memory.add(f"{a} again", scope="users/ana/notes")
    memory.link(first.id, other.id, "about", reason=f, metadata={"why": g})
    gone = memory.add(f"{b} is gone", scope="users/ben")
    memory.delete(gone.id)
    memory.archive(other.id)
    thread = memory.thread("talk", scope="users/ana")
    thread.create(metadata={"title": h})
    thread.add([{"role": "user", "content": f"{c} hello?"}, {"role": "assistant", "content": d}])
    moved = memory.add(f"{e} moves", scope="lobby")
    memory.purge(moved.id)
    memory.update(first.id, metadata={"again": f})


def canaries(count: int = 8) -> list[str]:
    return ["k" + secrets.token_hex(12) for _ in range(count)]


def test_no_text_is_in_any_file(path: Path, figures: Figures) -> None:
    words = canaries()
    with opened(path, Encryption(keys={"old": OLD}), index="chroma") as memory:
        fill(memory, words)
        memory.flush()
        while_open = occurrences(path, words)
        assert memory.verify().ok
    found = while_open + occurrences(path, words)
    figures(27, encrypted_canaries=len(words), found=found)
    assert found == 0


def test_scopes_that_are_not_encrypted_stay_as_they_are(path: Path) -> None:
    with opened(path) as memory:
        memory.add("plainly visible", scope="lobby")
        memory.add("hidden from sight", scope="users/ana")
        memory.add("beside it", scope="users-not")
    assert occurrences(path, ["visible"]) > 0
    assert occurrences(path, ["beside"]) > 0
    assert occurrences(path, ["hidden", "sight"]) == 0


def test_everything_reads_as_without_encryption(path: Path) -> None:
    with opened(path) as sealed, opened(":memory:", None) as plain:
        for memory in (sealed, plain):
            for number in range(20):
                memory.add(
                    f"note {number} of tea" if number % 2 else f"note {number}",
                    id=f"r{number}",
                    scope="users/ana" if number % 3 else "lobby",
                    metadata={"n": number, "s": "é\0x"[: number % 4]},
                    value={"deep": {"n": number}} if number % 2 else None,
                )
        filters: list[dict[str, Any]] = [
            {"n": 3},
            {"n": {"$gt": 12}},
            {"s": {"$contains": "é"}},
            {"@content": {"$contains": "tea"}},
            {"@value.deep.n": {"$lte": 7}},
            {"$not": {"n": {"$in": [1, 2, 3]}}},
            {"@value": {"$exists": False}},
            {"absent": None},
        ]
        for wanted in filters:
            ids = [[r.id for r in m.list(filter=wanted, order_by="id")] for m in (sealed, plain)]
            assert ids[0] == ids[1]
            assert sealed.count(filter=wanted) == plain.count(filter=wanted) == len(ids[0])
            hits = [[h.id for h in m.search("tea", filter=wanted)] for m in (sealed, plain)]
            assert sorted(hits[0]) == sorted(hits[1])
        assert [h.id for h in sealed.search("tea", mode="lexical")] == [
            h.id for h in plain.search("tea", mode="lexical")
        ]


def test_words_find_the_past_too(path: Path, clock: FakeClock) -> None:
    with opened(path, clock=clock) as memory:
        record = memory.add("a violet umbrella", scope="users/ana")
        before = record.updated_at
        clock.wait(10)
        memory.update(record.id, content="a green hat")
        clock.wait(10)
        found = memory.search("umbrella", mode="lexical", as_of=before)
        assert [hit.record.content for hit in found] == ["a violet umbrella"]
        assert not memory.search("umbrella", mode="lexical")


def test_the_plan_says_that_words_do_not_find_encrypted_texts_of_a_large_view(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(path) as memory:
        memory.add("a violet umbrella", scope="users/ana")
        memory.add("a violet hat", scope="lobby")
        whole = memory.search("violet", mode="lexical", explain=True)
        assert len(whole) == 2
        assert whole.plan is not None
        assert "encrypted" not in whole.plan.reason
        monkeypatch.setattr("commonplace.search.lexical.MOST_IN_MEMORY", 1)
        large = memory.search("violet", mode="lexical", explain=True)
        assert [hit.record.scope.path for hit in large] == ["lobby"]
        assert large.plan is not None
        assert "encrypted texts are not found" in large.plan.reason


def test_it_is_not_opened_without_encryption(path: Path) -> None:
    with opened(path) as memory:
        memory.add("x", scope="users/ana")
    with pytest.raises(EncryptionError, match="encrypted with 'old'"):
        opened(path, None)
    with pytest.raises(EncryptionError, match="'old' is not the one"):
        opened(path, Encryption(keys={"old": NEW}))
    with opened(path, Encryption(keys={"old": OLD})) as memory:
        assert memory.count() == 1


def test_without_the_key_all_goes_on_that_needs_no_text(path: Path) -> None:
    with opened(path) as memory:
        records = [memory.add(f"x {n}", scope="users/ana", metadata={"n": n}) for n in range(4)]
        memory.update(records[0].id, content="y")
        memory.add("plain", scope="lobby")
    with opened(path, Encryption(keys={})) as memory:
        assert memory.count() == 5
        assert [info.records for info in memory.scopes()] == [1, 4]
        assert memory.list(scope="lobby")[0].content == "plain"
        attempts: list[Any] = [
            lambda: memory.get(records[0].id),
            lambda: memory.search("x"),
            lambda: memory.list(filter={"n": 1}),
            lambda: memory.history(records[0].id),
            lambda: memory.add("new", scope="users/ana"),
            lambda: memory.update(records[1].id, tags=["t"]),
            lambda: memory.export(path.parent / "out.jsonl"),
        ]
        for attempt in attempts:
            with pytest.raises(KeyMissingError, match="key 'old' is needed") as caught:
                attempt()
            assert caught.value.key_name == "old"
        assert memory.verify().ok
        assert memory.delete(records[0].id) == 1
        assert memory.purge(records[0].id) == 2
        assert memory.count() == 4
    with opened(path) as memory:
        assert memory.get(records[1].id) == records[1]
        assert memory.verify().ok


@pytest.mark.parametrize("column", ["content", "value", "metadata"])
@pytest.mark.parametrize("how", ["other record", "other column", "bit"])
def test_what_was_swapped_or_altered_is_refused(path: Path, column: str, how: str) -> None:
    with opened(path) as memory:
        one = memory.add("one", scope="users/ana", value=[1], metadata={"n": 1})
        two = memory.add("two", scope="users/ana", value=[2], metadata={"n": 2})
    taken = {
        "other record": f"(SELECT {column} FROM records WHERE id = '{two.id}')",  # noqa: S608 - a test's own
        "other column": "content" if column != "content" else "metadata",
        "bit": f"CAST(substr({column}, 1, length({column}) - 1) || x'00' AS BLOB)",
    }[how]
    with sqlite3.connect(path / "ledger.sqlite") as connection:
        for name in [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ]:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(f"UPDATE records SET {column} = {taken} WHERE id = '{one.id}'")  # noqa: S608 - a test's own
    connection.close()
    with opened(path) as memory:
        with pytest.raises(DataDamagedError, match="altered or belongs to another"):
            memory.get(one.id)
        assert memory.get(two.id) == two
        assert memory.verify().problems == ("1 records that are not as they were written",)


def test_who_opened_it_before_writes_nothing_that_is_not_encrypted(path: Path) -> None:
    with opened(path, None) as early:
        early.add("known before", scope="users/ana", id="r")
        early.add("x", scope="lobby", id="s")
        with opened(path) as late:
            late.add("sealed", scope="users/ana")
            attempts: list[Any] = [
                lambda: early.add("canary", scope="users/ben"),
                lambda: early.update("r", content="canary"),
                lambda: early.update("s", scope="users/ben"),
                lambda: early.link("r", "s", "about", reason="canary"),
                lambda: early.thread("t", scope="users/a").create(metadata={"x": "canary"}),
            ]
            for attempt in attempts:
                with pytest.raises(EncryptionError, match="this scope is encrypted"):
                    attempt()
            sealed = late.add("sealed too", scope="users/ana", key="k", metadata={"n": 1})
            reads: list[Any] = [
                lambda: early.get(sealed.id),
                lambda: early.get(key="k", scope="users/ana"),
                lambda: early.search("sealed", scope="users"),
                lambda: early.list(filter={"n": 1}),
                lambda: early.update(sealed.id, tags=["t"]),
            ]
            for read in reads:
                with pytest.raises(EncryptionError, match="encrypted after it was opened"):
                    read()
            early.add("fine", scope="lobby")
            assert late.count() == 5
    assert occurrences(path, ["canary"]) == 0


def test_rotation_encrypts_everything_with_the_new_key(path: Path) -> None:
    words = canaries()
    with opened(path) as memory:
        fill(memory, words)
        before = memory.list(limit=100, include_archived=True)
        said = memory.thread("talk", scope="users/ana").messages()
    both = Encryption(keys={"old": OLD, "new": NEW}, active="new")
    with opened(path, both) as memory:
        with pytest.raises(OutsideViewError):
            memory.scope("users").rotate_keys()
        done: list[int] = []
        report = memory.rotate_keys(batch=2, progress=done.append)
        assert report.bare == 0
        assert done[-1] == report.records + report.versions + report.threads + report.links > 8
        assert memory.rotate_keys().records == 0
    with opened(path, Encryption(keys={"new": NEW})) as memory:
        assert memory.list(limit=100, include_archived=True) == before
        assert memory.thread("talk", scope="users/ana").messages() == said
        info = memory.thread("talk", scope="users/ana").info()
        assert info is not None
        assert info.metadata == {"title": words[7]}
        for record in before:
            memory.history(record.id)
            assert (
                memory.add(
                    record.content, scope=record.scope, kind=record.kind, dedupe=True
                ).content
                == record.content
            )
        assert memory.verify().ok


def test_a_rotation_that_was_stopped_goes_on(path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(name: str) -> None:
        if name == "rotate.after_batch":
            raise StoppedError

    with opened(path) as memory:
        records = memory.add_many([{"content": f"n {n}", "scope": "users/a"} for n in range(10)])
    both = Encryption(keys={"old": OLD, "new": NEW}, active="new")
    with opened(path, both) as memory:
        failpoints.arm(stop)
        try:
            with pytest.raises(StoppedError):
                memory.rotate_keys(batch=4)
        finally:
            failpoints.arm(None)
        assert memory.get_many([r.id for r in records]) == records
        assert memory.rotate_keys(batch=4).records == 6
    with opened(path, Encryption(keys={"new": NEW})) as memory:
        assert memory.get_many([r.id for r in records]) == records


def test_a_memory_that_was_not_encrypted_is_by_rotation(path: Path) -> None:
    words = canaries()
    with opened(path, None, index="chroma") as memory:
        fill(memory, words)
        memory.flush()
        before = memory.list(limit=100, include_archived=True)
    assert occurrences(path, words) > 0
    with opened(path, Encryption(keys={"old": OLD}), index="chroma") as memory:
        assert memory.list(limit=100, include_archived=True) == before
        assert memory.rotate_keys().bare > 8
        assert memory.list(limit=100, include_archived=True) == before
        assert [h.id for h in memory.search("coffee", mode="lexical")] == [
            r.id for r in before if "coffee" in r.content
        ]
        assert memory.verify().ok
    assert occurrences(path, words) == 0


def test_forgetting_the_key_of_a_scope_makes_it_unreadable(path: Path) -> None:
    keys = {"all": OLD, "ana": NEW}
    scopes = {"users": "all", "users/ana": "ana"}
    with opened(path, Encryption(keys=keys, active="all", scopes=scopes)) as memory:
        ana = memory.add("of ana", scope="users/ana/notes")
        ben = memory.add("of ben", scope="users/ben")
    with opened(path, Encryption(keys={"all": OLD}, active="all")) as memory:
        assert memory.get(ben.id) == ben
        with pytest.raises(KeyMissingError, match="'ana'"):
            memory.get(ana.id)
        memory.delete(ana.id)
        memory.add("more of ben", scope="users/ben")


def test_records_that_move_are_encrypted_where_they_go(path: Path) -> None:
    with opened(path) as memory:
        record = memory.add("zanzibar", scope="users/ana", metadata={"m": "zanzibar"})
        other = memory.add("y", scope="lobby")
        memory.link(record.id, other.id, "about", reason="zanzibar")
        memory.update(record.id, scope="lobby")
        assert memory.search("zanzibar", mode="lexical")[0].id == record.id
        assert memory.links(record.id)[0].reason == "zanzibar"
    assert occurrences(path, ["zanzibar"]) > 0
    with opened(path) as memory:
        memory.update(record.id, scope="users/ana")
        memory.purge(record.id)
        assert memory.search("zanzibar", mode="lexical")[0].id == record.id
        stored = [
            row
            for table in ("records", "links")
            for row in sqlite3.connect(path / "ledger.sqlite").execute(f"SELECT * FROM {table}")  # noqa: S608 - a test's own
        ]
        assert "zanzibar" not in repr(stored)
        assert memory.verify().ok


def test_it_is_exported_in_the_clear_and_imported_encrypted(path: Path, tmp_path: Path) -> None:
    words = canaries()
    with opened(path) as memory:
        fill(memory, words)
        memory.export(tmp_path / "all.jsonl")
        before = memory.list(limit=100, include_archived=True)
    assert words[3].encode() in (tmp_path / "all.jsonl").read_bytes()
    with opened(tmp_path / "copy", Encryption(keys={"new": NEW})) as memory:
        memory.import_(tmp_path / "all.jsonl")
        assert memory.list(limit=100, include_archived=True) == before
        assert memory.verify().ok
        with opened(path) as source:
            assert source.diff(memory).empty
    assert occurrences(tmp_path / "copy", words) == 0


def test_what_is_no_key_is_refused() -> None:
    careless: Any = Encryption
    wrong: list[dict[str, Any]] = [
        {"keys": None},
        {"keys": {"a": b"short"}},
        {"keys": {"a": "x" * 32}},
        {"keys": {"": OLD}},
        {"keys": {1: OLD}},
        {"keys": {"x\n": OLD}},
        {"keys": {"k" * 200: OLD}},
        {"keys": {"a": OLD}, "active": "b"},
        {"keys": {"a": OLD}, "scopes": "users"},
        {"keys": {"a": OLD}, "scopes": {"users": "b"}},
        {"keys": {"a": OLD}, "scopes": ["a//b"]},
    ]
    for arguments in wrong:
        with pytest.raises(InvalidInputError):
            careless(**arguments)
    with pytest.raises(InvalidInputError):
        key_from_passphrase("", b"x" * 16)
    with pytest.raises(InvalidInputError):
        key_from_passphrase("x", b"x")
    assert OLD.hex() not in repr(Encryption(keys={"a": OLD}))
    with pytest.raises(EncryptionError, match="which one is active"):
        opened(":memory:", Encryption(keys={"a": OLD, "b": NEW}))
    with pytest.raises(InvalidInputError, match="encryption is an Encryption"):
        Memory(":memory:", encryption=careless)


def test_a_passphrase_makes_a_key() -> None:
    key = key_from_passphrase("correct horse battery staple", b"salt" * 4)
    assert len(key) == 32
    assert key == key_from_passphrase("correct horse battery staple", b"salt" * 4)
    assert key != key_from_passphrase("correct horse battery staple", b"tlas" * 4)
