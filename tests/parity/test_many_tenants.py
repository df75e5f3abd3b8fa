"""A thousand tenants with names that are easily confused, each doing anything through any face.

What a tenant does shows it nothing of another, and changes nothing of another's: looked up in the
ledger's file beside the library.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from crewai.memory.storage.backend import EmbeddingDimensionMismatchError
from langgraph.store.base import InvalidNamespaceError
from tests.parity.acting import DEEDS, Act, Faces
from tests.parity.tenants import Tenant, Watch, names, shown

from commonplace import CommonplaceError, HashingEmbedder, Memory, Scope
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.figures import Figures

TENANTS = 1000
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
REFUSALS = (CommonplaceError, InvalidNamespaceError, EmbeddingDimensionMismatchError)


class House:
    """All tenants in one memory, and what is known of each beside it."""

    def __init__(self, directory: Path, runner: asyncio.Runner, index: str) -> None:
        self.clock = FakeClock()
        self.memory = Memory(
            directory / "memory", embedder=HashingEmbedder(64), clock=self.clock, index=index
        )
        self.tenants = [Tenant(number, name) for number, name in enumerate(names(TENANTS))]
        self.faces = Faces(self.memory, self.clock, directory, runner)
        self.memory.add_many(
            {
                "content": f"{tenant.name.strip() or 'nobody'} likes green tea {tenant.mark}",
                "scope": tenant.scope,
                "key": key,
                "metadata": {"owner": tenant.mark},
            }
            for tenant in self.tenants
            for key in ("profile", None)
        )
        self.watch = Watch(directory / "memory")
        self.known = {one.number: self.watch.digest(one) for one in self.tenants}
        self.told: dict[int, set[str]] = {}
        self.done: Counter[str] = Counter()
        self.answered = self.refused = 0
        self.wrongs: list[str] = []

    def close(self) -> None:
        self.watch.close()
        self.memory.close()

    def neighbour(self, tenant: Tenant, rng: random.Random) -> Tenant:
        """One whose name sorts next to it, or anyone."""
        if rng.random() < 0.3:
            return rng.choice([one for one in rng.sample(self.tenants, 2) if one != tenant])
        step = rng.choice([-2, -1, 1, 2])
        return self.tenants[(tenant.number + step) % len(self.tenants)]

    def act(self, rng: random.Random) -> None:
        """One of them does something; what it sees and what it leaves behind is looked at."""
        tenant = rng.choice(self.tenants)
        victim = self.neighbour(tenant, rng)
        own, foreign = self.watch.ids(tenant), self.watch.lasting(victim)
        face = rng.choice(list(DEEDS))
        number = rng.randrange(len(DEEDS[face]))
        deed = f"{face} {number} of {tenant.name!r}, knowing {victim.name!r}"
        act = Act(self.faces, tenant, victim, rng, own, foreign)
        head = self.watch.head()
        self.clock.wait(0.01)
        try:
            answer = DEEDS[face][number](act)
            self.answered += 1
        except REFUSALS as error:
            answer = error
            self.refused += 1
        self.done[face] += 1
        told = self.told.setdefault(tenant.number, set())  # it may have used them as keys
        told |= {*foreign, *UUID.findall(act.brought)}
        self._look(deed, tenant, answer, told)
        for path in self.watch.touched(head):
            if not tenant.scope.contains(Scope.parse(path)):
                self.wrongs.append(f"{deed}: changed something at {path!r}")
        if self.watch.digest(victim) != self.known[victim.number]:
            self.wrongs.append(f"{deed}: changed what the other has")
        self.known[tenant.number] = self.watch.digest(tenant)

    def _look(self, deed: str, tenant: Tenant, answer: object, named: set[str]) -> None:
        """Whether an answer shows anything of others but ids that it was asked for by."""
        seen = shown(answer)
        if seen.marks - {tenant.number}:
            self.wrongs.append(f"{deed}: saw {sorted(seen.marks)}")
        if outside := [one for one in seen.scopes if not tenant.scope.contains(one)]:
            self.wrongs.append(f"{deed}: saw the scope {outside[0].path!r}")
        ids = {found for text in seen.texts for found in UUID.findall(text)} - named
        for name, paths in self.watch.owners(ids).items():
            if not any(tenant.scope.contains(Scope.parse(path)) for path in paths):
                self.wrongs.append(f"{deed}: saw the id {name}")

    def counts(self, some: list[Tenant]) -> None:
        """Tenants count as many as the ledger holds of them."""
        now = self.clock.now()
        for tenant in some:
            view = self.memory.scope(tenant.scope)
            held = self.watch.live(tenant, now)
            told = view.count(include_closed=True, include_archived=True)
            stats = view.stats()
            if not told == held == stats.records:
                self.wrongs.append(f"{tenant.name!r} counts {told} and {stats.records}, not {held}")


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    with asyncio.Runner() as runner:
        opened = House(tmp_path, runner, getattr(request, "param", "auto"))
        yield opened
        opened.close()


def live(house: House, operations: int, figures: Figures) -> None:
    rng = random.Random(26)
    for _ in range(operations):
        house.act(rng)
        assert not house.wrongs, house.wrongs
    house.counts(rng.sample(house.tenants, min(operations // 15, TENANTS)))
    for tenant in house.tenants:
        if house.watch.digest(tenant) != house.known[tenant.number]:
            house.wrongs.append(f"something of {tenant.name!r} is not as it left it")
    assert not house.wrongs, house.wrongs
    assert house.memory.verify().ok
    figures(
        26,
        tenants=len(house.tenants),
        operations=operations,
        answered=house.answered,
        refused=house.refused,
        foreign_records=len(house.wrongs),
        **{f"through_{face}": number for face, number in sorted(house.done.items())},
    )


@pytest.mark.files
def test_tenants_stay_apart(house: House, figures: Figures) -> None:
    live(house, 1_200, figures)


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.files
def test_tenants_stay_apart_at_length(house: House, figures: Figures) -> None:
    live(house, 40_000, figures)
