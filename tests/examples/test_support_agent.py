"""The support agent recalls what its customer said in another conversation, and no one else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.examples.conftest import SaidBy


def test_the_customer_is_remembered_and_the_stranger_is_not(said_by: SaidBy) -> None:
    said = said_by("support_agent.py")
    _, friday, stranger = said.split("Friday, ")
    assert "tool: Her router is a Fritz model 7590; She prefers" in friday
    assert "tool: nothing is known" in stranger
    assert "2 memories in [('customers', 'alice@example%2Ecom')]" in stranger
