"""What is remembered stands in no log, error, repr, warning or traceback, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import place_of, tell_ledger
from typer.testing import CliRunner

from commonplace import (
    CommonplaceError,
    HashingEmbedder,
    Memory,
    Redaction,
    RefusedError,
    SizeLimits,
    Source,
)
from commonplace.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.figures import Figures

    from commonplace import Record

CANARIES = 1000


class Refusing:
    """Refuses what asks for it."""

    def before_write(self, record: Record) -> Record:
        if "refuse" in record.tags:
            raise RefusedError("not here")
        return record


@pytest.fixture
def memory(path: Path) -> Iterator[Memory]:
    middleware = [Refusing(), Redaction(), SizeLimits(content=10_000)]
    with Memory(path, embedder=HashingEmbedder(16), middleware=middleware) as opened:
        opened.add("kept", id="kept", key="kept")
        opened.add("other", id="other")
        yield opened


def _imported(memory: Memory, path: Path, secret: str) -> Any:
    path.write_text(f'{json.dumps({"content": secret, "importance": 9})}\n{{"content": "{secret}\n')
    return memory.import_records(path, on_error="report")


def _not_imported(memory: Memory, path: Path, secret: str) -> Any:
    whole = path.with_suffix(".export")
    memory.add(secret, id="exported")
    memory.export(whole)
    path.write_text(whole.read_text()[:-20].replace("exported", "changed"))
    return memory.import_(path)


def _threads_not_imported(memory: Memory, path: Path, secret: str) -> Any:
    line = {"messages": [{"role": "user", "content": secret}, {"role": 5, "content": secret}]}
    path.write_text(json.dumps(line) + f'\n{{"{secret}')
    return memory.threads.import_(path, strict=True)


def _watched(memory: Memory, _: Path, secret: str) -> Any:
    def fail(event: Any) -> None:
        raise ValueError(type(event).__name__)

    with memory.on("add", fail) as watching:
        made = memory.add(secret)
        watching.wait(timeout=60)
        return made, watching


def _extracted(memory: Memory, _: Path, secret: str) -> Any:
    def take(*_: Any) -> list[dict[str, str]]:
        return [{"content": secret, "unknown": "x"}]

    return memory.thread("t").extract(take)


def _looked_at(memory: Memory, _: Path, __: str) -> Any:
    return [memory.history("kept"), memory.events(), memory.related("kept")]


def _broken(memory: Memory, path: Path, secret: str) -> Any:
    """The database itself fails in the middle of a write: its errors carry what was written."""
    ledger = path.parent / "memory"
    breaking = "CREATE TRIGGER no BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no'); END"
    mending = "DROP TRIGGER no"
    if memory.directory is None:
        breaking = "ALTER TABLE records ADD CONSTRAINT no CHECK (id IS NULL) NOT VALID"
        mending = "ALTER TABLE records DROP CONSTRAINT no"
    tell_ledger(ledger, breaking)
    try:
        return memory.add(secret, metadata={secret: secret}, value=[secret], tags=[secret])
    finally:
        tell_ledger(ledger, mending)


DEEDS: list[Callable[[Memory, Path, str], Any]] = [
    lambda memory, _, secret: memory.add(
        secret, value={secret: [secret]}, metadata={secret: secret}, tags=[secret]
    ),
    lambda memory, _, secret: memory.add("x", source=Source(app=secret, uri=secret, user=secret)),
    lambda memory, _, secret: memory.add(secret, importance=7),
    lambda memory, _, secret: memory.add(secret, value={secret: {1, 2}}),
    lambda memory, _, secret: memory.add(secret, value={secret: float("nan")}),
    lambda memory, _, secret: memory.add(secret, metadata={secret: object()}),
    lambda memory, _, secret: memory.add(secret + "\ud800"),
    lambda memory, _, secret: memory.add(secret, tags=[secret, 5]),  # pyright: ignore[reportArgumentType]
    lambda memory, _, secret: memory.add(secret * 1000),
    lambda memory, _, secret: memory.add(secret, tags=["refuse"]),
    lambda memory, _, secret: memory.add(secret, key="kept", if_exists="error"),
    lambda memory, _, secret: memory.add(secret, vector=[1.0, 2.0]),
    lambda memory, _, secret: memory.add_many(
        [secret, {"content": secret, "kind": secret.upper()}]
    ),
    lambda memory, _, secret: memory.update("kept", content=secret, expected_version=10**6),
    lambda memory, _, secret: memory.update("kept", content=secret, metadata={"m": secret}),
    lambda memory, _, secret: memory.update("nobody", content=secret),
    lambda memory, _, secret: memory.search(secret, explain=True),
    lambda memory, _, secret: memory.search(secret, mode="lexical", filter={"a": {"$gt": secret}}),
    lambda memory, _, secret: memory.search(secret + '" OR (', mode="lexical"),
    lambda memory, _, secret: memory.search(secret, filter={"@created_at": secret}),
    lambda memory, _, secret: memory.search(secret, limit=-1),
    lambda memory, _, secret: memory.list(filter={"a": {"$in": secret}}),
    lambda memory, _, secret: memory.recall(secret, limit=5),
    lambda memory, _, secret: memory.recall(secret, token_budget=-5),
    lambda memory, _, secret: memory.link("kept", "other", reason=secret, metadata={"m": secret}),
    lambda memory, _, secret: memory.link("kept", "other", reason=secret, weight=5),
    lambda memory, _, secret: memory.supersede("nobody", {"content": secret}),
    lambda memory, _, secret: memory.supersede("kept", {"content": secret, "importance": secret}),
    lambda memory, _, secret: memory.thread("t").add([{"role": "user", "content": secret}]),
    lambda memory, _, secret: memory.thread("t").add([{"role": 5, "content": secret}]),
    lambda memory, _, secret: memory.thread("t").add([{"role": "user", "content": {secret: {1}}}]),
    lambda memory, _, secret: memory.thread("t", source={"user": secret}).context(max_tokens=9),
    _extracted,
    _looked_at,
    lambda memory, _, secret: memory.roll_back(filter={"@content": secret}, dry_run=True),
    _imported,
    _not_imported,
    _threads_not_imported,
    _watched,
    _broken,
]


def told(error: BaseException) -> str:
    """Everything that an error says, and what led to it, as a log would have it."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


def test_no_secret_is_told(
    memory: Memory, tmp_path: Path, caplog: pytest.LogCaptureFixture, figures: Figures
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    heard: list[str] = []
    failed = 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for number in range(CANARIES):
            secret = f"canary{number}bird"
            try:
                made = DEEDS[number % len(DEEDS)](memory, tmp_path / "file.jsonl", secret)
                heard.append(repr(made))
            except CommonplaceError as error:
                failed += 1
                heard.append(told(error))
        heard += [str(one.message) for one in warned]
    logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
    heard += [repr(memory), repr(memory.thread("t")), repr(memory.threads), caplog.text]
    heard += [str(one.__dict__) for one in caplog.records]
    leaks = [text for text in heard if "canary" in text.casefold()]
    assert leaks == []
    assert failed > CANARIES // 3
    assert memory.count(filter={"@content": {"$contains": "canary"}}) > 10
    figures(30, canaries=CANARIES, failing_calls=failed, log_records=len(caplog.records), leaks=0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "SECRET", "--metadata", '{"a": SECRET'],
        ["add", "SECRET", "--id", "kept", "--if-exists", "error"],
        ["add", "SECRET", "--metadata", '{"a": NaN, "b": "SECRET"}'],
        ["search", "SECRET", "--filter", '{"a": {"$in": "SECRET"}}'],
        ["search", "SECRET", "--mode", "dense", "--filter", "SECRET"],
        ["supersede", "nobody", "--content", "SECRET"],
        ["recall", "SECRET", "--token-budget", "0"],
    ],
)
@pytest.mark.usefixtures("memory")
def test_the_command_line_does_not_repeat_it(path: Path, arguments: list[str]) -> None:
    secret = "canary7bird"  # noqa: S105 - nobody's
    given = [one.replace("SECRET", secret) for one in arguments]
    env = {"COMMONPLACE_MEMORY": place_of(path), "NO_COLOR": "1"}
    result = CliRunner().invoke(app, given, env=env)
    assert result.exit_code in {1, 2}
    assert secret not in result.output
    assert result.exception is None or secret not in told(result.exception)
