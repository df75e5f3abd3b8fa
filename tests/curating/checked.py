"""Runs of `maintain` that are checked as they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonplace import MaintenanceReport, Memory, Policy

DAY = 86_400.0


def steps(report: MaintenanceReport) -> list[tuple[str, str]]:
    return sorted((step.action, step.record_id) for step in report.steps)


def everything(memory: Memory) -> list[Any]:
    found = memory.list(order_by="id", include_closed=True, include_archived=True)
    return [(one, memory.history(one.id), memory.links(one.id)) for one in found]


def run(memory: Memory, policy: Policy) -> MaintenanceReport:
    """A run that does what the dry run said, after which a second one has nothing to do."""
    before, head = everything(memory), memory._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal
    told = memory.maintain(policy, dry_run=True)
    assert told.dry_run
    assert (everything(memory), memory._store.head()) == (before, head)  # pyright: ignore[reportPrivateUsage] - as above
    done = memory.maintain(policy)
    assert not done.dry_run
    assert (done.steps, done.states, done.skipped) == (told.steps, told.states, 0)
    again = memory.maintain(policy)
    assert (again.steps, again.states) == ((), 0)
    return done


def ids(memory: Memory, **which: Any) -> list[str]:
    return [one.id for one in memory.list(order_by="id", **which)]


def lived(memory: Memory, clock: Any) -> None:
    """Records of three ages: `old` never touched again, `used` written lately, `new`."""
    memory.add("old tea", id="old", scope="a", importance=0.2)
    memory.add("used tea", id="used", scope="a", importance=0.8)
    clock.wait(10 * DAY)
    memory.update("used", tags=["x"])
    memory.add("new tea", id="new", scope="b", kind="message", importance=0.2)
    clock.wait(DAY)
