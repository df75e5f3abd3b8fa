"""Every type of content goes in and comes out equal, whatever its MIME type and metadata."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core import Image
from autogen_core.memory import MemoryContent, MemoryMimeType
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from autogen_commonplace._convert import from_record, to_fields
from commonplace import HashingEmbedder, InvalidInputError, LimitExceededError, Memory, Source

if TYPE_CHECKING:
    from autogen_commonplace import CommonplaceMemory

pytestmark = pytest.mark.anyio
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=4)
MIME_TYPES = st.sampled_from(list(MemoryMimeType)) | st.sampled_from(
    ["text/plain", "application/json", "text/csv", "image/png", "x/y", ""]
)
CONTENTS = st.builds(
    MemoryContent,
    content=TEXTS | st.binary(max_size=40) | OBJECTS,
    mime_type=MIME_TYPES,
    metadata=st.none() | OBJECTS,
)
RED = Image(PillowImage.new("RGB", (3, 2), (255, 0, 0)))


def same(one: MemoryContent, other: MemoryContent) -> bool:
    """Whether they have equal contents of one type, and MIME types of one type."""
    return (type(one.content), one.content, type(one.mime_type), one.mime_type) == (
        type(other.content),
        other.content,
        type(other.mime_type),
        other.mime_type,
    )


def theirs(content: MemoryContent) -> dict[str, Any]:
    """The metadata of a result that its caller gave."""
    assert content.metadata is not None
    ours = {"id", "score", "similarity", "created_at", "own"}
    kept = {name: part for name, part in content.metadata.items() if name not in ours}
    return {**kept, **content.metadata.get("own", {})}


@given(CONTENTS)
def test_what_goes_in_comes_out_equal(content: MemoryContent) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        before = content.model_copy(deep=True)
        text, fields = to_fields(content)
        fields["source"] = Source(app="autogen")
        found = from_record(memory.add(text, **fields))
        assert same(found, content)
        assert theirs(found) == (content.metadata or {})
        assert same(before, content)
        assert before.metadata == content.metadata


async def test_an_image_comes_back_with_its_pixels(book: CommonplaceMemory) -> None:
    content = MemoryContent(
        content=RED, mime_type=MemoryMimeType.IMAGE, metadata={"caption": "a red square"}
    )
    await book.add_many([content], ids=["red"])
    found = (await book.query("red square")).results[0]
    assert isinstance(found.content, Image)
    assert found.content.image.tobytes() == RED.image.tobytes()
    assert found.mime_type is MemoryMimeType.IMAGE
    again = (await book.query(found)).results[0]
    assert again.metadata is not None
    assert again.metadata["id"] == "red"


@pytest.mark.parametrize(
    ("content", "mime_type", "words"),
    [
        ("Alice likes green tea", "text/plain", "green tea"),
        ("# Alice\n\nlikes *green tea*", MemoryMimeType.MARKDOWN, "green tea"),
        ({"drink": "green tea", "cups": [1, {"hot": True}]}, MemoryMimeType.JSON, "green tea"),
        (b"drink,cups\ngreen tea,3", "text/csv", "green tea"),
    ],
)
async def test_each_is_found_by_its_words_and_results_can_be_asked_for(
    book: CommonplaceMemory, content: Any, mime_type: Any, words: str
) -> None:
    given = MemoryContent(content=content, mime_type=mime_type, metadata={"a": {"b": [None]}})
    await book.add_many([given, text("a slow train")], ids=["tea", "train"])
    found = (await book.query(words)).results[0]
    assert same(found, given)
    assert theirs(found) == {"a": {"b": [None]}}
    again = (await book.query(found, k=1)).results
    assert [one.metadata and one.metadata["id"] for one in again] == ["tea"]


async def test_a_result_says_its_id_score_cosine_and_time(book: CommonplaceMemory) -> None:
    await book.add(text("green tea", {"id": "ticket 17", "score": 5, "topic": "tea"}))
    found = (await book.query("green tea")).results[0].metadata
    assert found is not None
    assert found["topic"] == "tea"
    assert found["own"] == {"id": "ticket 17", "score": 5}
    assert found["similarity"] == pytest.approx(1)
    assert 0 < found["score"] <= 1
    assert found["created_at"].endswith("+00:00")
    assert await book.get("ticket 17") is None
    assert await book.get(found["id"]) is not None


async def test_a_result_can_be_changed_and_given_back(
    book: CommonplaceMemory, memory: Memory
) -> None:
    await book.add(text("green tea", {"id": "ticket 17", "topic": "tea"}))
    found = (await book.query("green tea")).results[0]
    assert found.metadata is not None
    record_id = found.metadata["id"]
    found.content = b"\xff\x00"
    found.mime_type = "x/y"
    await book.update(record_id, found)
    record = memory.get(record_id)
    assert record is not None
    assert record.metadata == {"id": "ticket 17", "topic": "tea"}
    again = await book.get(record_id)
    assert again is not None
    assert same(again, found)


async def test_only_what_the_content_does_not_say_is_kept_beside_it(
    book: CommonplaceMemory, memory: Memory
) -> None:
    await book.add_many(
        [text("green tea"), MemoryContent(content=b"\xff", mime_type="x/y")], ids=["0", "1"]
    )
    plain, other = memory.get_many(["0", "1"])
    assert plain is not None
    assert other is not None
    assert (plain.content, plain.value, plain.metadata) == ("green tea", None, {})
    assert (other.content, other.value) == (
        "",
        {"autogen": {"bytes": base64.b64encode(b"\xff").decode(), "mime_type": "x/y"}},
    )
    assert plain.source == other.source == Source(app="autogen", user="alice")


@pytest.mark.parametrize(
    "kept",
    [
        {"bytes": "no base64"},
        {"bytes": 3},
        {"image": base64.b64encode(b"no image").decode()},
        {"json": {"stale": True}},
        {"json": 3},
        3,
    ],
)
def test_what_is_damaged_or_stale_comes_as_its_text(memory: Memory, kept: object) -> None:
    record = memory.add("the text", value={"autogen": kept}, source=Source(app="autogen"))
    found = from_record(record)
    assert (found.content, found.mime_type) == ("the text", MemoryMimeType.TEXT)


def test_another_frameworks_value_is_not_taken_for_ours(memory: Memory) -> None:
    record = memory.add("the text", value={"autogen": {"bytes": "AA=="}})
    assert from_record(record).content == "the text"


@pytest.mark.parametrize(
    "content",
    [
        {"when": object()},
        {"not a number": float("nan")},
        {1: "a key that is no text"},
        "a lone surrogate \ud800",
    ],
)
async def test_what_cannot_come_back_equal_is_refused_and_nothing_of_the_batch_is_written(
    book: CommonplaceMemory, memory: Memory, content: Any
) -> None:
    bad = MemoryContent.model_construct(
        content=content, mime_type=MemoryMimeType.JSON, metadata=None
    )

    with pytest.raises(InvalidInputError):
        await book.add_many([text("green tea"), bad])
    assert memory.count() == 0


async def test_what_is_too_large_is_refused(book: CommonplaceMemory, memory: Memory) -> None:
    with pytest.raises(LimitExceededError):
        await book.add(MemoryContent(content=bytes(4_000_000), mime_type="x/y"))
    assert memory.count() == 0


async def test_content_without_words_is_reached_by_id_and_by_the_empty_query(
    book: CommonplaceMemory,
) -> None:
    content = MemoryContent(content=b"\xff", mime_type=MemoryMimeType.BINARY)
    (record_id,) = await book.add_many([content])
    listed = (await book.query("")).results
    by_id = await book.get(record_id)
    assert by_id is not None
    assert same(by_id, content)
    assert same(listed[0], content)
    with pytest.raises(InvalidInputError, match="caption"):
        await book.query(content)


def text(content: str, metadata: dict[str, Any] | None = None) -> MemoryContent:
    return MemoryContent(content=content, mime_type=MemoryMimeType.TEXT, metadata=metadata)
