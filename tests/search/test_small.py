"""A memory of a few records: words that most of them hold must not outweigh the meaning."""

from __future__ import annotations

import pytest

from commonplace import Memory

FACTS = {
    "What may Alice not eat?": "Alice is allergic to peanuts",
    "Which city did Alice move to?": "Alice moved to Lisbon in May",
    "What is Alice's job?": "Alice works as a nurse at the city hospital",
    "What pets does Alice have?": "Alice has two cats named Milo and Otis",
    "What instrument does Alice play?": "Alice plays the violin on Sundays",
    "Where does Alice's brother live?": "Alice's brother Tom lives in Boston",
    "What language is Alice studying?": "Alice is learning Portuguese",
    "When was Alice born?": "Alice's birthday is on the third of March",
}
"""Questions, and what answers them."""


@pytest.mark.parametrize("others", [0, 1, 10])
def test_few_facts_about_one_person_are_told_apart(others: int) -> None:
    with Memory(":memory:") as memory:
        memory.add_many({"content": fact, "scope": "users/alice"} for fact in FACTS.values())
        memory.add_many({"content": "The build is red", "scope": f"b/{n}"} for n in range(others))
        found = {
            question: memory.search(question, scope="users/alice", limit=1)[0].content
            for question in FACTS
        }
        assert found == FACTS


def test_the_first_question_of_the_readme() -> None:
    with Memory(":memory:") as memory:
        alice = memory.scope("users/alice")
        alice.add("Alice is allergic to peanuts")
        alice.add("Alice moved to Lisbon in May")
        assert alice.search("What may Alice not eat?")[0].content == "Alice is allergic to peanuts"
