"""Twenty questions about the safety of a CrewAI storage; each is answered by trying it."""

from __future__ import annotations

import copy
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crewai.memory.types import MemoryRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[str], Any]
    Check = Callable[[Make], bool]

EAST = [1.0, 0.0, 0.0, 0.0]
NORTH = [0.0, 1.0, 0.0, 0.0]
JUNE = datetime(2026, 6, 1)  # noqa: DTZ001 - CrewAI's times are naive UTC
CHECKS: dict[str, Check] = {}


def check(question: str) -> Callable[[Check], Check]:
    """Keep a check under its question."""

    def keep(answer: Check) -> Check:
        CHECKS[question] = answer
        return answer

    return keep


def answers(make: Make) -> dict[str, bool]:
    """Whether a storage passes, by question; one that raises does not."""
    found: dict[str, bool] = {}
    for question, passes in CHECKS.items():
        try:
            found[question] = bool(passes(make))
        except Exception:  # noqa: BLE001 - whatever it raises, the answer is no
            found[question] = False
    return found


def record(name: str, scope: str = "/a", **parts: Any) -> MemoryRecord:
    """A record whose id is its content."""
    given: dict[str, Any] = {"embedding": EAST, **parts}
    return MemoryRecord(id=name, content=name, scope=scope, **given)


def with_records(make: Make, *records: MemoryRecord) -> Any:
    """A new storage that holds these."""
    storage = make(tempfile.mkdtemp())
    storage.save(list(records))
    return storage


def tree(make: Make) -> Any:
    """A new storage with scopes whose names begin alike."""
    scopes = {"root": "/", "a": "/a", "ac": "/a/c", "ab": "/ab", "a-b": "/a-b"}
    return with_records(make, *(record(name, scope) for name, scope in scopes.items()))


def left(storage: Any) -> set[str]:
    """The ids of what a storage holds."""
    return {one.id for one in storage.list_records(limit=100)}


@check("search stops at the boundary of a path")
def _(make: Make) -> bool:
    return {one.id for one, _ in tree(make).search(EAST, scope_prefix="/a", limit=9)} == {"a", "ac"}


@check("list_records stops at the boundary of a path")
def _(make: Make) -> bool:
    return {one.id for one in tree(make).list_records(scope_prefix="/a")} == {"a", "ac"}


@check("count stops at the boundary of a path")
def _(make: Make) -> bool:
    return tree(make).count("/a") == 2


@check("delete(scope) leaves the root and siblings")
def _(make: Make) -> bool:
    storage = tree(make)
    return storage.delete(scope_prefix="/a") == 2 and left(storage) == {"a-b", "ab", "root"}


@check("reset(scope) leaves siblings")
def _(make: Make) -> bool:
    storage = tree(make)
    storage.reset("/a")
    return left(storage) == {"a-b", "ab", "root"}


@check("delete(scope, older_than) keeps what is newer")
def _(make: Make) -> bool:
    old = record("old", created_at=JUNE - timedelta(9))
    storage = with_records(make, record("new", created_at=JUNE), old)
    storage.delete(scope_prefix="/a", older_than=JUNE - timedelta(1))
    return left(storage) == {"new"}


@check("delete(record_ids=[]) deletes nothing")
def _(make: Make) -> bool:
    storage = tree(make)
    storage.delete(record_ids=[])
    return len(left(storage)) == 5


@check("delete(ids, categories) is an intersection")
def _(make: Make) -> bool:
    storage = with_records(make, record("x", categories=["c"]), record("y"))
    storage.delete(record_ids=["y"], categories=["c"])
    return left(storage) == {"x", "y"}


@check("delete(ids, scope) is an intersection")
def _(make: Make) -> bool:
    storage = tree(make)
    storage.delete(record_ids=["ab"], scope_prefix="/a")
    return "ab" in left(storage)


@check("saving a known id replaces it")
def _(make: Make) -> bool:
    storage = with_records(make, record("x"))
    storage.save([record("x")])
    return storage.count() == 1


@check("an update without an embedding keeps the vector")
def _(make: Make) -> bool:
    storage = with_records(make, record("x"), record("y", embedding=[0.8, 0.6, 0.0, 0.0]))
    storage.update(MemoryRecord(id="x", content="changed", scope="/a"))
    return storage.search(EAST, limit=1)[0][0].id == "x"


@check("a record without an embedding is never a hit")
def _(make: Make) -> bool:
    storage = with_records(make, record("x"), record("none", embedding=None))
    return [one.id for one, _ in storage.search(EAST, limit=5)] == ["x"]


@check("aware times come back as naive UTC")
def _(make: Make) -> bool:
    storage = with_records(make, record("x", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    return storage.get_record("x").created_at.tzinfo is None


@check("the score is the cosine, 0 to 1")
def _(make: Make) -> bool:
    storage = with_records(make, record("x"), record("o", embedding=NORTH))
    found = {one.id: score for one, score in storage.search(EAST, limit=5)}
    return abs(found["x"] - 1) < 1e-4 and abs(found["o"]) < 1e-4


@check("ids that begin alike stay apart")
def _(make: Make) -> bool:
    return with_records(make, record("longprefix-1"), record("longprefix-2")).count() == 2


@check("limit=0 finds nothing")
def _(make: Make) -> bool:
    return tree(make).search(EAST, limit=0) == []


@check("a deep copy is the same storage")
def _(make: Make) -> bool:
    storage = tree(make)
    return copy.deepcopy(storage) is storage


@check("a second handle sees new writes")
def _(make: Make) -> bool:
    path = tempfile.mkdtemp()
    one = make(path)
    one.save([record("p")])
    other = make(path)
    one.save([record("q")])
    return other.count() == 2 and len(other.search(EAST, limit=9)) == 2


@check("a save after another handle's reset is not lost")
def _(make: Make) -> bool:
    path = tempfile.mkdtemp()
    one = make(path)
    one.save([record("p")])
    other = make(path)
    one.reset()
    other.save([record("q")])
    return one.count() == other.count() == make(path).count() == 1


@check("after a reset vectors may have another length")
def _(make: Make) -> bool:
    storage = with_records(make, record("x"))
    storage.reset()
    storage.save([record("y", embedding=[0.1] * 8)])
    return storage.count() == 1
