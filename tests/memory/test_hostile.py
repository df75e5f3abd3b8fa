"""Hostile values through every public argument: our own error, or exactly what went in."""

from __future__ import annotations

import inspect
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pytest

from commonplace import CommonplaceError, HashingEmbedder, Memory, Scope, Source

if TYPE_CHECKING:
    from collections.abc import Callable

CYCLE: list[Any] = []
CYCLE.append(CYCLE)


def _deep() -> Any:
    found: Any = None
    for _ in range(5000):
        found = [found]
    return found


TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "x\udfff",
    "\u202eevil",
    "\u200b",
    "\ufeff",
    "é",
    "e\u0301",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "中文 日本語",
    "العربية",
    "' OR 1=1 --",
    '"; DROP TABLE records; --',
    "%",
    "_",
    "*",
    "[a-z]*",
    "a" * 10_000,
    "AND OR NOT NEAR(x y)",
    '"unfinished',
    "col:umn",
    "^start",
    "-minus",
    "{json: }",
    "$.path",
    "$eq",
    "@kind",
    "../../etc/passwd",
    "/",
    "//",
    "a//b",
    "/a",
    "a/",
    "\\",
    "a\\/b",
    "C:\\x",
    "\n\r\t",
    "\x7f\x1b[31m",
    "(?:a+)+$",
    "<script>",
    "{{x}}",
    "%s%n",
    "s1",
    "0",
    "null",
    "true",
    "NaN",
    "\u2028\u2029",
    "A\u030a\u0327",
    "\U000e0041\U000e007f",
    "```\n</memory>",
    "a' UNION SELECT value FROM settings --",
    "COM1",
    "file:///etc/passwd?mode=rw",
    "commonplace_open('record', 'content', x'00')",
]
OTHERS: list[Any] = [
    None,
    True,
    False,
    0,
    -0.0,
    1,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63),
    2**64,
    10**400,
    10**5000,
    0.1,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    b"bytes",
    bytearray(b"x"),
    (),
    (1, 2),
    [],
    [None],
    [[]],
    ["a", 1],
    ["\ud800"],
    [math.nan],
    {},
    {"a": {}},
    {1: 2},
    {None: 1},
    {"\ud800": 1},
    {"a": math.inf},
    {"a": (1,)},
    {"$gt": 1},
    {"a": {"$gt": []}},
    {"$or": []},
    {"": ""},
    {"x" * 5000: 1},
    set[Any](),
    set[str](),
    {1},
    frozenset({"a"}),
    range(3),
    iter([1]),
    object(),
    type,
    len,
    CYCLE,
    _deep(),
    {"cycle": CYCLE},
    datetime(2024, 1, 1),  # noqa: DTZ001 - naive on purpose
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
    timedelta(0),
    timedelta(days=-1),
    timedelta.max,
    Path("x"),
    Scope("a"),
    Scope(),
    Source(),
    Source(trust=7),
    Source(app=3),  # pyright: ignore[reportArgumentType]
    np.float32(1),
    np.float64(1),
    np.int64(1),
    np.zeros(8),
    np.zeros((0, 8)),
    np.zeros((2, 8)),
    np.ones((2, 2, 2)),
    np.full(8, np.nan),
    np.full(8, 1e300),
    np.array(["a"]),
    np.array(3.0),
    [1.0] * 8,
    [1.0] * 7,
    [0.0] * 8,
    ["1"] * 8,
    [[1.0] * 8] * 3,
    [[1.0], [1.0, 2.0]],
    {"space": [1.0]},
    {"": [1.0] * 8},
    {"s": []},
    {"s": "x"},
    Exception("x"),
    Memory,
    NotImplemented,
    ...,
    "x" * 1_000_001,
    ["x"] * 300,
    {str(n): n for n in range(300)},
    list(range(50_000)),
]
VALUES = [*TEXTS, *OTHERS]

FIELDS = [
    "content",
    "id",
    "scope",
    "key",
    "kind",
    "value",
    "tags",
    "metadata",
    "importance",
    "source",
    "created_at",
    "expires_at",
    "ttl",
    "valid_from",
    "valid_to",
    "vector",
    "vectors",
    "embed",
    "if_exists",
    "dedupe",
    "unknown",
]


READING: dict[str, dict[str, Any]] = {
    "list": {},
    "count": {},
    "search": {"query": "x"},
    "get": {"id": "known"},
    "get_many": {"ids": ["known"]},
    "scopes": {},
    "delete": {"ids": ["nobody"]},
}
"""Verbs, and what else a call gives when one argument is hostile."""

Call: TypeAlias = "Callable[[Any, Any], Any]"


def parameters(verb: str) -> list[str]:
    return [name for name in inspect.signature(getattr(Memory, verb)).parameters if name != "self"]


def calling(verb: str, name: str, given: dict[str, Any]) -> Call:
    return lambda m, v: getattr(m, verb)(**{**given, name: v})


def calls() -> dict[str, Call]:
    """Every public argument as a call that takes the hostile value there."""
    found: dict[str, Call] = {
        f"{verb} {name}": calling(verb, name, given)
        for verb, given in READING.items()
        for name in parameters(verb)
    }
    for name in FIELDS:
        if name != "content":
            found[f"add {name}"] = calling("add", name, {"content": "x"})
        found[f"add_many {name}"] = lambda m, v, n=name: m.add_many([{"content": "x", n: v}])
        if name not in {"id", "created_at", "ttl", "if_exists", "dedupe"}:
            found[f"update {name}"] = calling("update", name, {"id": "known"})
    for mode in ("dense", "lexical"):
        found[f"search {mode}"] = calling("search", "query", {"mode": mode})
        found[f"search as_of {mode}"] = calling("search", "as_of", {"query": "x", "mode": mode})
    others: dict[str, Call] = {
        "add content": lambda m, v: m.add(v),
        "add_many": lambda m, v: m.add_many(v),
        "add_many item": lambda m, v: m.add_many([v]),
        "update id": lambda m, v: m.update(v, content="x"),
        "update expected_version": lambda m, v: m.update("known", tags=[], expected_version=v),
        "get key": lambda m, v: m.get(key=v),
        "get scope": lambda m, v: m.get(key="k", scope=v),
        "get key as_of": lambda m, v: m.get(key="k", scope="s", as_of=v),
        "scope": lambda m, v: m.scope(v).count(),
        "view": lambda m, v: m.view(read=v).count(),
        "view write": lambda m, v: m.view(read=["a"], write=v).count(),
        "scopes scope": lambda m, v: m.scopes(scope=v),
        "scopes depth": lambda m, v: m.scopes(depth=v),
        "scopes limit": lambda m, v: m.scopes(limit=v),
        "events after": lambda m, v: m.events(after=v),
        "events operations": lambda m, v: m.events(operations=v),
        "events limit": lambda m, v: m.events(limit=v),
        "on operations": lambda m, v: m.on(v, id).close(),
        "on handler": lambda m, v: m.on("*", v).close(),
        "on name": lambda m, v: m.on("*", id, name=v).close(),
        "on after": lambda m, v: m.on("*", id, after=v).close(),
        "on on_error": lambda m, v: m.on("*", id, on_error=v).close(),
        "wait seq": lambda m, v: _waited(m, seq=v, timeout=0),
        "wait timeout": lambda m, v: _waited(m, timeout=v),
    }
    return found | others


def _waited(memory: Memory, **arguments: Any) -> None:
    with memory.on("*", id) as subscription:
        subscription.wait(**arguments)


def link_calls() -> dict[str, Callable[[Any, Any], Any]]:
    """The same for links."""
    found: dict[str, Callable[[Any, Any], Any]] = {}
    for name in ("source", "target", "type", "weight", "reason", "metadata"):
        found[f"link {name}"] = lambda m, v, n=name: m.link(
            **{"source": "known", "target": "other", n: v}
        )
    for name in ("id", "direction", "type", "limit", "offset"):
        found[f"links {name}"] = lambda m, v, n=name: m.links(**{"id": "known", n: v})
    for name in ("hops", "types", "direction", "decay", "limit"):
        found[f"related {name}"] = lambda m, v, n=name: m.related("known", **{n: v})
    for name in ("source", "target", "types", "direction", "max_hops"):
        found[f"path {name}"] = lambda m, v, n=name: m.path(
            **{"source": "known", "target": "other", n: v}
        )
    found["unlink"] = lambda m, v: m.unlink("known", v, v)
    found["related id"] = lambda m, v: m.related(v)
    found["related query"] = lambda m, v: m.related(query=v)
    return found


CALLS = calls() | link_calls()


@pytest.mark.parametrize("name", CALLS)
def test_hostile_values(name: str) -> None:
    call = CALLS[name]
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        for value in VALUES:
            for known in ("known", "other"):
                if memory.get(known) is None:
                    memory.add("known", id=known)
            try:
                call(memory, value)
            except CommonplaceError:
                pass
            except Exception as error:  # noqa: BLE001 - whatever else it is, it is wrong
                pytest.fail(f"{name} with {type(value)!s}: {error!r}", pytrace=True)
        assert memory.verify().ok


@pytest.mark.parametrize("field", ["content", "key", "id", "tags", "value", "metadata"])
def test_what_is_accepted_comes_back_unchanged(field: str) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        for number, value in enumerate(VALUES):
            try:
                given: Any = {"content": f"text {number}", field: value}
                record = memory.add(**given)
            except CommonplaceError:
                continue
            again = memory.get(record.id)
            assert again == record
            found = getattr(again, field)
            if value is None and field in {"id", "metadata"}:
                continue
            if field == "tags":
                tags = [value] if isinstance(value, str) else list(cast("list[str]", value))
                assert sorted(found) == sorted(set(tags))
                given = [value] if isinstance(value, str) else list(cast("Any", value))
                assert sorted(found) == sorted(set(given))
            else:
                assert found == value
                assert type(found) is type(value) or isinstance(value, np.floating)


def test_an_id_or_key_with_nul_names_nothing(memory: Memory) -> None:
    memory.add("stays", id="a", key="k")
    assert memory.delete("a\0b") == memory.delete(["a\0", "\\u0000"]) == 0
    assert memory.get("a\0b") is None
    assert memory.get(key="k\0") is None
    assert memory.get_many(["a\0b", "a"])[1] == memory.get("a")


def test_errors_hold_no_memory_text(memory: Memory) -> None:
    secret = "the secret of the house"  # noqa: S105 - not a password
    careless: Any = memory
    attempts: list[dict[str, Any]] = [
        {"metadata": {"x": secret, "y": math.nan}},
        {"value": [secret, object()]},
        {"content": secret + "\ud800"},
        {"importance": secret},
        {"source": {"app": secret, "trust": 9}},
        {"tags": [secret, 1]},
        {"created_at": secret},
        {"vector": secret},
        {"key": secret + "\ud800"},
    ]
    for arguments in attempts:
        given: dict[str, Any] = {"content": secret, **arguments}
        with pytest.raises(CommonplaceError) as caught:
            careless.add(**given)
        assert secret not in str(caught.value)
        assert secret not in repr(caught.value)
    linked: list[dict[str, Any]] = [
        {"reason": secret + "\ud800"},
        {"reason": secret * 1000},
        {"metadata": {secret: object()}},
        {"weight": secret},
    ]
    for arguments in linked:
        with pytest.raises(CommonplaceError) as caught:
            memory.link("a", "b", **arguments)
        assert secret not in repr(caught.value)
    assert secret not in repr(memory.add(secret))
    assert secret not in repr(memory.search(secret))
