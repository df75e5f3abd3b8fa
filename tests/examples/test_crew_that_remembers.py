"""The example of a crew runs as it stands, offline, and says what its story says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.examples.conftest import SaidBy


def test_the_second_run_knows_what_the_first_learned(said_by: SaidBy) -> None:
    said = said_by("crew_that_remembers.py", warnings="ignore")
    for line in (
        "The first run knew: backups",
        "The second run knew: backups, database",
        "Everyone finds: The team's database is PostgreSQL 17. (through crewai)",
        "After the crew's reset: The database is backed up every night at two. (through langgraph)",
    ):
        assert line in said
