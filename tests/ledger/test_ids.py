from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import InvalidInputError

if TYPE_CHECKING:
    from commonplace import Memory


@pytest.mark.parametrize("text", ["\0", "a\0b", "a\0"])
def test_an_id_or_key_with_nul_is_refused(memory: Memory, text: str) -> None:
    """Regression: it was written, and could never be read, changed or deleted by its name."""
    with pytest.raises(InvalidInputError, match="NUL"):
        memory.add("x", id=text)
    with pytest.raises(InvalidInputError, match="NUL"):
        memory.add("x", key=text)
    kept = memory.add("x", key="plain")
    with pytest.raises(InvalidInputError, match="NUL"):
        memory.update(kept.id, key=text)
    assert memory.count() == 1
    assert memory.get(text) is None
    assert memory.delete([text]) == 0


@pytest.mark.parametrize(
    "text", ["a", "ü", "💥", "%_*", "'; --", "[1]", '"', "\\", "\n", " ", "a/b"]
)
def test_any_other_id_and_key_is_found_again(memory: Memory, text: str) -> None:
    memory.add("other", id="other", key="other", scope="s")
    memory.add("x", id=text, key=text, scope="s")
    assert memory.get(text) == memory.get(key=text, scope="s") is not None
    assert memory.delete(text) == 1
    assert memory.get(key=text, scope="s") is None
    assert memory.count() == 1
