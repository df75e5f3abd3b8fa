"""The example of an AutoGen assistant runs as it stands, and says what its story says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.examples.conftest import LinesOf


def test_the_assistant_remembers_and_the_team_shares(lines_of: LinesOf) -> None:
    lines = lines_of("autogen_assistant.py")
    for line in (
        "Alice is allergic to peanuts.",
        '{"dishes": ["soup", "peanut curry"], "restaurant": "Zum Kater"}',
        "The question stood last: Which dish should I leave out: soup or peanut curry?",
        "Alice's memory says: Alice is allergic to peanuts.",
        "Bob's memory says:",
        "planner recalled: The night train to Vienna has sleeping cars.",
        "guide recalled: The museum in Vienna is closed on Mondays.",
    ):
        assert line in lines
