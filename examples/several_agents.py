"""Two agents work apart, each with a memory of its own; then they bring together what they know.

    ./run python examples/several_agents.py

Nothing is asked of a network, and nothing is left on the disk.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from commonplace import Memory

if TYPE_CHECKING:
    from commonplace import Record

CUSTOMER = "customers/acme"
MOVED = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = datetime(2026, 2, 1, tzinfo=UTC)


def main() -> None:
    """Tell the story of the two memories, step by step."""
    with (
        TemporaryDirectory() as folder,
        Memory(Path(folder) / "sales") as sales,
        Memory(Path(folder) / "support") as support,
    ):
        begin_with_the_same(sales, support, Path(folder) / "start.jsonl")
        work_apart(sales, support)
        compare(sales, support)
        bring_together(sales, support)
        settle_the_contradiction(sales)
        share_the_result(sales, support)


def begin_with_the_same(sales: Memory, support: Memory, file: Path) -> None:
    """An export is imported as it is: the two memories have the same records, ids included."""
    sales.add("Acme pays by invoice", scope=CUSTOMER, id="payment")
    sales.add("Acme has 40 seats", scope=CUSTOMER, id="seats")
    sales.export(file)
    support.import_(file)
    show("Both begin with", support.list(order_by="id"))


def work_apart(sales: Memory, support: Memory) -> None:
    """Each learns something, and both learn something about the same."""
    sales.update("seats", content="Acme has 55 seats")
    sales.add("Acme is hosted in Frankfurt", scope=CUSTOMER, id="hosting-old")
    support.add("Acme is hosted in Dublin", scope=CUSTOMER, id="hosting-new", valid_from=MOVED)
    support.update("payment", content="Acme pays by card")
    support.add("Acme wants to be called before 10", scope=CUSTOMER, id="calls")


def compare(sales: Memory, support: Memory) -> None:
    """A diff names ids and fields; it changes nothing."""
    found = sales.diff(support)
    print("How support differs from sales")
    print("  only support has:", ", ".join(found.added))
    print("  only sales has:", ", ".join(found.removed))
    for change in found.changed:
        newer = "sales" if change.newer == "here" else "support"
        print(f"  both have {change.id}, with another {', '.join(change.fields)}; {newer} is newer")
    print()


def bring_together(sales: Memory, support: Memory) -> None:
    """Sales takes in what support has. Of what both have, the newer state stays."""
    print("A merge would do:", outcome(sales, support, dry_run=True))
    print("The merge did:   ", outcome(sales, support, dry_run=False))
    print()
    show("Sales now knows", sales.list(order_by="id"))


def outcome(target: Memory, source: Memory, *, dry_run: bool) -> str:
    """Merge, or only try it, and say what came of it."""
    report = target.merge(source, strategy="newest", dry_run=dry_run)
    return f"{report.added} added, {report.updated} updated, {report.kept} kept, {report.same} same"


def settle_the_contradiction(memory: Memory) -> None:
    """Two records say where Acme is hosted. The old one was true once: it is closed, not gone."""
    reason = "they were moved in March"
    memory.supersede("hosting-old", "hosting-new", reason=reason, at=MOVED)

    question = "Where is Acme hosted?"
    print(question)
    print("  now:        ", memory.search(question)[0].content)
    print("  in February:", memory.search(question, valid_at=BEFORE)[0].content)
    for link in memory.links("hosting-new"):
        print(f"  {link.source_id} {link.type} {link.target_id}: {link.reason}")
    print("History of hosting-old")
    for version in memory.history("hosting-old"):
        end = f"ended by {version.replaced_by}" if version.replaced_by else "present"
        true_until = version.record.valid_to.date() if version.record.valid_to else "open"
        print(f"  version {version.record.version}, {end}, true until: {true_until}")
    print()


def share_the_result(sales: Memory, support: Memory) -> None:
    """The other way round, and both know the same."""
    support.merge(sales)
    print("Do they differ now?", "no" if sales.diff(support).empty else "yes")


def show(title: str, records: list[Record]) -> None:
    """Print the contents of records below a title."""
    print(title)
    for record in records:
        print(f"  {record.id}: {record.content}")
    print()


if __name__ == "__main__":
    main()
