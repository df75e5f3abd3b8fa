"""The example of several agents runs as it stands, and says what its story says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.examples.conftest import LinesOf


def test_the_agents_end_with_one_truth(lines_of: LinesOf) -> None:
    lines = lines_of("several_agents.py")
    for line in (
        "only support has: calls, hosting-new",
        "only sales has: hosting-old",
        "both have payment, with another content; support is newer",
        "both have seats, with another content; sales is newer",
        "The merge did:    2 added, 1 updated, 1 kept, 0 same",
        "now:         Acme is hosted in Dublin",
        "in February: Acme is hosted in Frankfurt",
        "hosting-new supersedes hosting-old: they were moved in March",
        "version 1, ended by supersede, true until: open",
        "version 2, present, true until: 2026-03-01",
        "Do they differ now? no",
    ):
        assert line in lines
