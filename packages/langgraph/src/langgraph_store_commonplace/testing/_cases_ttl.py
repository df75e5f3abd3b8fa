"""The cases of expiry, and of opening a store again."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from langgraph.store.base import PutOp

from langgraph_store_commonplace.testing._case import Trial, case
from langgraph_store_commonplace.testing._cases import NS, keys, raises

if TYPE_CHECKING:
    from langgraph.store.base import TTLConfig

SHORT = 1.5 / 60
"""A time to live, in minutes: stores with a clock of whole seconds keep it too."""

LONG = 60.0
AFTER = 3.5
"""After so many seconds what was short has passed."""

HALF = 1.0
RENEWS: TTLConfig = {"refresh_on_read": True}
KEEPS: TTLConfig = {"refresh_on_read": False}


def swept(t: Trial) -> int:
    """What the sweeper finds."""
    store: Any = t.store
    found = store.sweep_ttl()
    return t.run(lambda: found) if inspect.iscoroutine(found) else found


@case(
    "ttl",
    "An item is there until its time is over, and gone when it was swept.",
    "sqlite `test_ttl.py`",
    ttl=KEEPS,
)
def _(t: Trial) -> None:
    t.store.put(NS, "short", {"n": 1}, ttl=SHORT)
    t.store.put(NS, "long", {"n": 2}, ttl=LONG)
    t.store.put(NS, "ever", {"n": 3})
    assert len(t.store.search(NS)) == 3
    t.sleep(AFTER)
    assert swept(t) == 1
    assert t.store.get(NS, "short") is None
    assert sorted(keys(t.store.search(NS))) == ["ever", "long"]


@case(
    "ttl",
    "The default holds where a put says nothing; None is never.",
    "`TTLConfig.default_ttl`",
    ttl={"default_ttl": SHORT, "refresh_on_read": False},
)
def _(t: Trial) -> None:
    t.store.put(NS, "default", {"n": 1})
    t.store.put(NS, "never", {"n": 2}, ttl=None)
    t.sleep(AFTER)
    swept(t)
    assert keys(t.store.search(NS)) == ["never"]


@case(
    "ttl", "A new put sets the time anew, or takes it off.", "sqlite `test_ttl_override`", ttl=KEEPS
)
def _(t: Trial) -> None:
    for key in ("longer", "never", "shorter"):
        t.store.put(NS, key, {"n": 1}, ttl=LONG if key == "shorter" else SHORT)
    t.store.put(NS, "longer", {"n": 2}, ttl=LONG)
    t.store.put(NS, "never", {"n": 2}, ttl=None)
    t.store.put(NS, "shorter", {"n": 2}, ttl=SHORT)
    t.sleep(AFTER)
    swept(t)
    assert sorted(keys(t.store.search(NS))) == ["longer", "never"]


@case("ttl", "A time to live in a batch counts.", "`PutOp.ttl`", ttl=KEEPS)
def _(t: Trial) -> None:
    t.batch([PutOp(NS, "k", {"n": 1}, ttl=SHORT)])
    t.sleep(AFTER)
    swept(t)
    assert t.store.get(NS, "k") is None


@case(
    "ttl",
    "A time to live that is negative or no number is refused.",
    "bad input fails at the write",
    ttl=KEEPS,
)
def _(t: Trial) -> None:
    for ttl in (-1, float("nan"), "soon"):
        wrong: Any = ttl
        raises((TypeError, ValueError), lambda bad=wrong: t.store.put(NS, "k", {"n": 1}, ttl=bad))
    assert t.store.get(NS, "k") is None


@case(
    "ttl_refresh",
    "A get renews the time, as it was set up.",
    "sqlite `test_ttl_refresh_on_read`",
    ttl=RENEWS,
)
def _(t: Trial) -> None:
    t.store.put(NS, "read", {"n": 1}, ttl=2 * SHORT)
    t.store.put(NS, "left", {"n": 1}, ttl=2 * SHORT)
    for _ in range(3):
        t.sleep(2 * HALF)
        assert t.store.get(NS, "read") is not None
    swept(t)
    assert t.store.get(NS, "read") is not None
    assert t.store.get(NS, "left", refresh_ttl=False) is None


@case(
    "ttl_refresh",
    "A search renews the time of what it finds, and of nothing else.",
    "sqlite `test_search_with_ttl`",
    ttl=RENEWS,
)
def _(t: Trial) -> None:
    t.store.put(NS, "read", {"kind": "a"}, ttl=2 * SHORT)
    t.store.put(NS, "left", {"kind": "b"}, ttl=2 * SHORT)
    for _ in range(3):
        t.sleep(2 * HALF)
        assert keys(t.store.search(NS, filter={"kind": "a"})) == ["read"]
    swept(t)
    assert keys(t.store.search(NS)) == ["read"]


@case("ttl_refresh", "`refresh_ttl=False` renews nothing.", "`BaseStore.get`", ttl=RENEWS)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1}, ttl=2 * SHORT)
    t.sleep(2 * HALF)
    t.store.get(NS, "k", refresh_ttl=False)
    t.store.search(NS, refresh_ttl=False)
    t.sleep(2 * HALF)
    swept(t)
    assert t.store.get(NS, "k", refresh_ttl=False) is None


@case("ttl_refresh", "Without a time to live reading gives none.", "`TTLConfig`", ttl=RENEWS)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1})
    t.store.get(NS, "k")
    t.sleep(AFTER)
    swept(t)
    assert t.store.get(NS, "k") is not None


@case(
    "omit_expired",
    "What expired is not got, found or listed, swept or not.",
    "postgres `test_store.py`: omit_expired",
    ttl={"refresh_on_read": False, "omit_expired": True},
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1}, ttl=SHORT)
    t.sleep(AFTER)
    assert t.store.get(NS, "k") is None
    assert t.store.search(NS) == []
    assert t.store.list_namespaces() == []


@case(
    "omit_expired",
    "Reading does not bring it back.",
    "postgres `test_store.py`: refresh must not resurrect",
    ttl={"refresh_on_read": True, "omit_expired": True},
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1}, ttl=SHORT)
    t.sleep(AFTER)
    assert t.store.get(NS, "k", refresh_ttl=True) is None
    assert t.store.search(NS, refresh_ttl=True) == []
    assert t.store.get(NS, "k") is None


@case(
    "omit_expired",
    "Pages are full though expired items lie between.",
    "postgres `test_store.py`: filtered before LIMIT",
    ttl={"refresh_on_read": False, "omit_expired": True},
)
def _(t: Trial) -> None:
    for number in range(10):
        t.store.put(NS, str(number), {"n": number}, ttl=SHORT if number % 2 else LONG)
    t.sleep(AFTER)
    assert len(t.store.search(NS, limit=5)) == 5
    assert t.store.search(NS, limit=5, offset=5) == []


@case(
    "omit_expired",
    "What expired and is put again begins anew.",
    "`Item.created_at`",
    ttl={"refresh_on_read": False, "omit_expired": True},
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"n": 1}, ttl=SHORT)
    first = t.store.get(NS, "k")
    t.sleep(AFTER)
    t.store.put(NS, "k", {"n": 2})
    again = t.store.get(NS, "k")
    assert first is not None
    assert again is not None
    assert (again.value, again.created_at > first.created_at) == ({"n": 2}, True)


@case(
    "persistence",
    "What was put is there when the store is opened again.",
    "a store on disk",
    fields=("text",),
)
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"text": "green tea"})
    before = t.store.get(NS, "k")
    with t.again() as again:
        assert again.get(NS, "k") == before
        (item,) = again.search(NS, query="green tea")
        assert item.score is not None
        assert again.list_namespaces() == [NS]


@case("persistence", "What was deleted is not.", "a store on disk", fields=("text",))
def _(t: Trial) -> None:
    t.store.put(NS, "k", {"text": "green tea"})
    t.store.delete(NS, "k")
    with t.again() as again:
        assert again.get(NS, "k") is None
        assert again.search(NS, query="green tea") == []
