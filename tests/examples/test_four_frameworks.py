"""The example of four frameworks runs as it stands: each recalls what the others wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.examples.conftest import SaidBy

APPS = {"langgraph", "langchain", "crewai", "autogen"}


def test_all_four_recall_what_all_four_wrote(said_by: SaidBy) -> None:
    said = said_by("four_frameworks.py")
    wrote = re.findall(r"^  (\w+) +([\d,]+)$", said, re.MULTILINE)
    assert {app for app, _ in wrote} == APPS
    assert sum(int(count.replace(",", "")) for _, count in wrote) == 3004
    recalled = re.findall(r"^  (\w+) +recalls 5 of their own, written by (.+)$", said, re.MULTILINE)
    assert len(recalled) == 6 * len(APPS)
    for reader in ("LangGraph", "LangChain", "CrewAI", "AutoGen"):
        writers = {one for name, some in recalled if name == reader for one in some.split(", ")}
        assert writers <= APPS
        assert len(writers) >= 3
