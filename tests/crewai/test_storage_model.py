"""The storage beside a plain-Python model: random records, scopes and filters, equal answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.crewai import records as some
from tests.crewai.model import check_found, holds, scores, segments, within

from commonplace import HashingEmbedder, Memory
from crewai_commonplace import CommonplaceStorage

if TYPE_CHECKING:
    from datetime import datetime

    from crewai.memory.types import MemoryRecord

prefixes = st.sampled_from(some.PREFIXES)
filters = some.seldom(
    st.dictionaries(st.sampled_from(some.KEYS), st.sampled_from(some.VALUES), max_size=2)
)
wanted = some.seldom(some.categories)


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(":memory:", embedder=HashingEmbedder(8))
        self.storage = CommonplaceStorage(self.memory, scope="team/crew")
        self.outside = self.memory.add("not the crew's", scope="team/crew-two")
        self.held: dict[str, MemoryRecord] = {}

    def teardown(self) -> None:
        assert self.memory.get(self.outside.id) == self.outside
        self.memory.close()

    def put(self, record: MemoryRecord) -> None:
        old = self.held.get(record.id)
        kept: dict[str, Any] = {}
        if old is not None and not any(record.embedding or ()):
            kept["embedding"] = old.embedding
        if old is not None and old.private and record.source is None and not record.private:
            kept |= {"private": True, "source": old.source}
        self.held[record.id] = record.model_copy(update=kept, deep=True)

    @initialize(batch=st.lists(some.records, min_size=12, max_size=16))
    def begin(self, batch: list[MemoryRecord]) -> None:
        self.save(batch)

    @rule(batch=st.lists(some.records, max_size=5))
    def save(self, batch: list[MemoryRecord]) -> None:
        self.storage.save(batch)
        for record in {one.id: one for one in batch}.values():
            self.put(record)

    @rule(record=some.records)
    def update(self, record: MemoryRecord) -> None:
        self.storage.update(record)
        self.put(record)

    @rule(
        prefix=some.seldom(prefixes),
        categories=wanted,
        metadata=filters,
        ids=some.seldom(st.lists(some.ids, max_size=3)),
        older=some.seldom(some.moments),
    )
    def delete(
        self,
        prefix: str | None,
        categories: list[str] | None,
        metadata: dict[str, Any] | None,
        ids: list[str] | None,
        older: datetime | None,
    ) -> None:
        empty = [] in (categories, ids) or metadata == {}
        gone = [
            record.id
            for record in self.held.values()
            if not empty
            and holds(record, prefix, categories, metadata)
            and (ids is None or record.id in ids)
            and (older is None or record.created_at < older)
        ]
        assert self.storage.delete(prefix, categories, ids, older, metadata) == len(gone)
        for name in gone:
            del self.held[name]

    @rule(prefix=st.sampled_from(some.NARROW))
    def reset(self, prefix: str | None) -> None:
        self.storage.reset(prefix)
        self.held = {k: v for k, v in self.held.items() if not within(prefix, v.scope)}

    @rule(
        query=some.vectors.filter(any),
        prefix=prefixes,
        categories=wanted,
        metadata=filters,
        limit=st.integers(-1, 5),
        least=st.sampled_from([0.0, 0.5]),
    )
    def search(
        self,
        query: list[float],
        prefix: str | None,
        categories: list[str] | None,
        metadata: dict[str, Any] | None,
        limit: int,
        least: float,
    ) -> None:
        possible = scores(list(self.held.values()), query, prefix, categories, metadata)
        found = self.storage.search(query, prefix, categories, metadata, limit, least)
        check_found(found, possible, limit, least)

    @rule(prefix=prefixes, limit=st.integers(-1, 4), offset=st.integers(-1, 3))
    def listing(self, prefix: str | None, limit: int, offset: int) -> None:
        listed = self.storage.list_records(prefix, limit, offset)
        inside = [one for one in self.held.values() if within(prefix, one.scope)]
        inside.sort(key=lambda one: one.id)
        inside.sort(key=lambda one: one.created_at, reverse=True)
        page = inside[offset : offset + limit] if limit > 0 and offset >= 0 else []
        assert listed == [one.model_copy(update={"embedding": None}) for one in page]

    @rule(prefix=prefixes)
    def telling(self, prefix: str | None) -> None:
        inside = [one for one in self.held.values() if within(prefix, one.scope)]
        assert self.storage.count(prefix) == len(inside)
        counts: dict[str, int] = {}
        for one in inside:
            for category in set(one.categories):
                counts[category] = counts.get(category, 0) + 1
        assert self.storage.list_categories(prefix) == counts
        depth = len(segments(prefix)) + 1
        parts = [segments(one.scope)[:depth] for one in inside]
        children = sorted({"/" + "/".join(part) for part in parts if len(part) == depth})
        assert self.storage.list_scopes(prefix or "/") == children
        info = self.storage.get_scope_info(prefix or "/")
        times = [one.created_at for one in inside]
        assert info.path == "/" + "/".join(segments(prefix))
        assert info.record_count == len(inside)
        assert info.categories == sorted(counts)
        assert info.child_scopes == children
        assert (info.oldest_record, info.newest_record) == (
            min(times, default=None),
            max(times, default=None),
        )

    @rule(name=some.ids)
    def reading(self, name: str) -> None:
        found, held = self.storage.get_record(name), self.held.get(name)
        if held is None:
            assert found is None
            return
        assert found is not None
        assert found == held.model_copy(update={"embedding": found.embedding})
        stored = held.embedding if held.embedding and any(held.embedding) else None
        assert found.embedding == stored

    @invariant()
    def nothing_more(self) -> None:
        assert self.storage.count() == len(self.held)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
