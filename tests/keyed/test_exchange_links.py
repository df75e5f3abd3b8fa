"""An exchange that names another's record leaves that one's links alone."""

from __future__ import annotations

from commonplace import HashingEmbedder, Memory


def test_the_links_of_others_are_not_written_again() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        other = memory.scope("users/other")
        one, two = other.add("tea"), other.add("milk")
        other.link(one.id, two.id)
        head = len(other.events(limit=100))
        memory.scope("users/me").exchange([{"content": "mine"}], delete=[one.id, two.id])
        assert len(other.events(limit=100)) == head
        assert memory.get(one.id) == one
