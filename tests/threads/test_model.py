"""Threads in any order of verbs, against lists in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from commonplace import (
    ConflictError,
    HashingEmbedder,
    Memory,
    Message,
    NotFoundError,
    Thread,
    ThreadEndedError,
)
from commonplace.testing import FakeClock

KEYS = st.sampled_from(["one", "two", "three"])
IDS = st.sampled_from([None, None, "a", "b", "c"])
WORDS = st.sampled_from(["tea", "green tea", "", "été\0", "a train to Porto"])
CONTENTS = WORDS | st.sampled_from([None, [{"type": "text", "text": "tea"}], {"n": 1}, [1], [True]])
ROLES = st.sampled_from(["user", "assistant", "system", "Ana"])
TTLS = st.sampled_from([None, None, None, 5, 50])
GIVEN = st.fixed_dictionaries({"id": IDS, "role": ROLES, "content": CONTENTS, "ttl": TTLS})


@dataclass
class Held:
    """What the model holds of a message."""

    id: str | None
    role: str
    content: Any
    until: datetime | None
    position: int
    message: Message


@dataclass
class Line:
    """What the model holds of a thread."""

    most: int | None
    ttl: int | None
    messages: list[Held] = field(default_factory=list[Held])
    ended: bool = False
    next: int = 0


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.memory = Memory(":memory:", embedder=HashingEmbedder(16), clock=self.clock)
        self.lines: dict[str, Line] = {}

    def teardown(self) -> None:
        self.memory.close()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.clock.micros)

    def _thread(self, key: str) -> Thread:
        return self.memory.thread(key, scope=f"s/{key}")

    def _living(self, key: str) -> list[Held]:
        now = self._now()
        held = self.lines[key].messages if key in self.lines else []
        return [one for one in held if one.until is None or one.until > now]

    def _line(self, key: str) -> Line:
        return self.lines.setdefault(key, Line(None, None))

    @rule(key=KEYS, most=st.sampled_from([None, 1, 3]), ttl=st.sampled_from([None, 20]))
    def create(self, key: str, most: int | None, ttl: int | None) -> None:
        self._thread(key).create(max_messages=most, message_ttl=ttl)
        self.lines.setdefault(key, Line(most, ttl))

    @rule(key=KEYS, given=st.lists(GIVEN, max_size=5))
    def add(self, key: str, given: list[dict[str, Any]]) -> None:
        if key in self.lines and self.lines[key].ended and given:
            with pytest.raises(ThreadEndedError):
                self._thread(key).add(given)
            return
        added = self._thread(key).add(given)
        assert [(one.role, one.content) for one in added] == [
            self._last(given, one) for one in given
        ]
        if given:
            self._put(self._line(key), given, added)

    def _last(self, given: list[dict[str, Any]], wanted: dict[str, Any]) -> tuple[str, Any]:
        """What the last of the messages with this one's id says."""
        name = wanted["id"]
        whole = wanted if name is None else [one for one in given if one["id"] == name][-1]
        return whole["role"], whole["content"]

    def _put(self, line: Line, given: list[dict[str, Any]], added: list[Message]) -> None:
        living = set(map(id, self._living_of(line)))
        fresh = False
        for one, message in zip(given, added, strict=True):
            old = [held for held in line.messages if one["id"] is not None and held.id == one["id"]]
            if old and id(old[0]) in living:
                old[0].role, old[0].content = message.role, message.content
                old[0].message, old[0].until = message, message.expires_at
                continue
            line.messages = [held for held in line.messages if held not in old]
            held = Held(
                one["id"], message.role, message.content, message.expires_at, line.next, message
            )
            line.messages.append(held)
            living.add(id(held))
            line.next, fresh = line.next + 1, True
        if fresh and line.most is not None and len(line.messages) > line.most:
            line.messages = [held for held in line.messages if id(held) in living][-line.most :]

    def _living_of(self, line: Line) -> list[Held]:
        now = self._now()
        return [one for one in line.messages if one.until is None or one.until > now]

    @rule(key=KEYS)
    def add_again(self, key: str) -> None:
        """What is there already changes nothing, not even its version."""
        if key not in self.lines or self.lines[key].ended or not self._living(key):
            return
        thread = self._thread(key)
        before = thread.messages()
        info = thread.info()
        records = self.memory.get_many([one.record_id for one in before])
        assert thread.add(before) == before
        assert thread.messages() == before
        assert self.memory.get_many([one.record_id for one in before]) == records
        assert thread.info() == info

    @rule(key=KEYS, data=st.data(), given=st.lists(GIVEN, max_size=3))
    def replace(self, key: str, data: Any, given: list[dict[str, Any]]) -> None:
        line = self._line(key) if given else self.lines.get(key)
        if line is not None and line.ended:
            with pytest.raises(ThreadEndedError):
                self._thread(key).replace(given)
            return
        living = self._living(key)
        stays: list[Held] = (
            data.draw(st.lists(st.sampled_from(living), unique_by=id)) if living else []
        )
        added = self._thread(key).replace([*(one.message for one in stays), *given])
        line = self._line(key)
        named = {one["id"] for one in given} - {None}
        line.messages = [one for one in line.messages if one in stays or one.id in named]
        self._put(line, given, added[len(stays) :])

    @rule(key=KEYS)
    def pop(self, key: str) -> None:
        if key in self.lines and self.lines[key].ended:
            with pytest.raises(ThreadEndedError):
                self._thread(key).pop()
            return
        living = self._living(key)
        assert self._thread(key).pop() == (living[-1].message if living else None)
        if living:
            self.lines[key].messages.remove(living[-1])

    @rule(key=KEYS, data=st.data(), content=CONTENTS)
    def update_message(self, key: str, data: Any, content: Any) -> None:
        living = self._living(key)
        if not living:
            with pytest.raises(NotFoundError):
                self._thread(key).update_message("a", content=content)
            return
        chosen = data.draw(st.sampled_from(living))
        if self.lines[key].ended:
            with pytest.raises(ThreadEndedError):
                self._thread(key).update_message(chosen.message.id, content=content)
            return
        changed = self._thread(key).update_message(chosen.message.id, content=content)
        before = chosen.message
        assert (changed.id, changed.position) == (before.id, before.position)
        assert (changed.created_at, changed.expires_at) == (before.created_at, before.expires_at)
        chosen.content, chosen.message = content, changed

    @rule(key=KEYS, data=st.data())
    def delete_messages(self, key: str, data: Any) -> None:
        thread = self._thread(key)
        if key not in self.lines:
            with pytest.raises(NotFoundError):
                thread.delete_messages("a")
            return
        living = self._living(key)
        chosen: list[Held] = (
            data.draw(st.lists(st.sampled_from(living), unique_by=id)) if living else []
        )
        names = [*(one.message.id for one in chosen), "nobody"]
        if self.lines[key].ended:
            with pytest.raises(ThreadEndedError):
                thread.delete_messages(names)
            return
        assert thread.delete_messages(names) == len(chosen)
        for one in chosen:
            self.lines[key].messages.remove(one)

    @rule(key=KEYS)
    def clear(self, key: str) -> None:
        if key in self.lines and self.lines[key].ended:
            with pytest.raises(ThreadEndedError):
                self._thread(key).clear()
            return
        held = self.lines[key].messages if key in self.lines else []
        assert self._thread(key).clear() == len(held)
        held.clear()

    @rule(key=KEYS, end=st.booleans())
    def end_or_reopen(self, key: str, *, end: bool) -> None:
        thread = self._thread(key)
        verb = thread.end if end else thread.reopen
        if key not in self.lines:
            with pytest.raises(NotFoundError):
                verb()
            return
        verb()
        self.lines[key].ended = end

    @rule(key=KEYS, other=KEYS, data=st.data())
    def branch(self, key: str, other: str, data: Any) -> None:
        thread = self._thread(key)
        if key not in self.lines:
            with pytest.raises(NotFoundError):
                thread.branch(other)
            return
        living = self._living(key)
        last = data.draw(st.sampled_from([None, *living]))
        at = None if last is None else data.draw(st.sampled_from([last.position, last.message.id]))
        if other in self.lines:
            with pytest.raises(ConflictError):
                thread.branch(other, at=at, scope=f"s/{other}")
            return
        copied = living if last is None else living[: living.index(last) + 1]
        new = thread.branch(other, at=at, scope=f"s/{other}")
        line = self._line(other)
        line.most, line.ttl = self.lines[key].most, self.lines[key].ttl
        for one, message in zip(copied[-(line.most or 99) :], new.messages(), strict=True):
            assert (message.given, message.id) == (one.message.given, one.message.id)
            until = message.expires_at
            held = Held(message.id, one.role, one.content, until, message.position, message)
            line.messages.append(held)
        line.next = len(copied)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self._thread(key).delete() == (key in self.lines)
        self.lines.pop(key, None)

    @rule(seconds=st.sampled_from([1, 10, 30]))
    def wait(self, seconds: int) -> None:
        self.clock.wait(seconds)

    @rule()
    def sweep(self) -> None:
        gone = sum(len(line.messages) for line in self.lines.values())
        for key, line in self.lines.items():
            line.messages = self._living(key)
        assert self.memory.sweep() == gone - sum(len(one.messages) for one in self.lines.values())

    @rule(
        key=KEYS,
        limit=st.sampled_from([None, 0, 1, 2, 9]),
        before=st.none() | st.integers(0, 9),
        after=st.none() | st.integers(0, 9),
        roles=st.lists(ROLES, max_size=2),
        data=st.data(),
    )
    def window(
        self,
        key: str,
        limit: int | None,
        before: int | None,
        after: int | None,
        roles: list[str],
        data: Any,
    ) -> None:
        living = self._living(key)
        moments = [one.message.created_at for one in living]
        since = data.draw(st.sampled_from([None, *moments]))
        wanted = [
            one.message
            for one in living
            if (before is None or one.position < before)
            and (after is None or one.position > after)
            and (since is None or one.message.created_at >= since)
            and (not roles or one.role in roles)
        ]
        if limit is not None:
            from_the_start = after is not None and before is None
            skipped = 0 if from_the_start else max(len(wanted) - limit, 0)
            wanted = wanted[skipped : skipped + limit]
        found = self._thread(key).messages(
            limit=limit, before=before, after=after, since=since, roles=roles
        )
        assert found == wanted

    @invariant()
    def every_thread_is_as_the_model_says(self) -> None:
        assert self.memory.threads.count() == len(self.lines)
        for key, line in self.lines.items():
            info = self._thread(key).info()
            assert info is not None
            found = self._thread(key).messages()
            assert [(one.role, one.content) for one in found] == [
                (one.role, one.content) for one in self._living(key)
            ]
            assert list(map(repr, (one.content for one in found))) == [
                repr(one.content) for one in self._living(key)
            ]
            assert [one.position for one in found] == [one.position for one in self._living(key)]
            assert info.messages == len(line.messages)
            assert info.tokens == sum(one.message.token_count for one in line.messages)
            assert (info.ended_at is not None) == line.ended
        held = sum(len(line.messages) for line in self.lines.values())
        living = sum(len(self._living(key)) for key in self.lines)
        assert self.memory.count() == living
        assert held >= living
        assert self.memory.verify().ok


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestMachine = Machine.TestCase
