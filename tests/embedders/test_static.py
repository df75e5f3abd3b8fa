"""The built-in embedder."""

# pyright: reportPrivateUsage=false
# Whether the table is loaded, and how often, cannot be seen from outside.

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonplace.embedders import static
from commonplace.embedders.port import Embedder
from commonplace.embedders.static import StaticEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Made once with the shipped table. Other numbers mean other vectors under the same identity, and
# memories on disk that no longer fit: then the identity must change too.
GOLDEN = {
    "The cat sat on the mat.": [0.02243, 0.04031, -0.07127, -0.04078, -0.05879, -0.05384],
    "Where did Ada move in May 2023?": [-0.19499, -0.16446, -0.06939, 0.04608, 0.00392, -0.12776],
    "getUserById": [-0.02668, 0.08702, 0.11091, -0.06378, -0.14269, 0.05841],
    "我喜欢吃苹果 😀": [-0.03438, -0.03438, 0.06876, 0.03438, 0.10314, 0.0],
}

STRANGE = [
    "😀",
    "👨\u200d👩\u200d👧",
    "苹果",
    "お寿司",
    "안녕하세요",
    "привет",
    "مرحبا",
    "สวัสดี",
    "Ω≈ç√∫",
    "getUserById",
    "x = {}; y[0] |= 0x7f",
    "::",
    "[UNK]",
    "[PAD]",
    "a" * 500,
    "\x00",
    "\u200b",
    "\u0301",
    "\ufe0f",
    "\ud800",
]


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    return StaticEmbedder().embed_documents(texts)


def likeness(one: str, other: str) -> float:
    first, second = vectors([one, other])
    return float(first @ second)


def test_it_fills_the_port() -> None:
    embedder = StaticEmbedder()
    assert isinstance(embedder, Embedder)
    assert embedder.identity == "commonplace/static-en-256@1"
    assert embedder.dimension == 256
    assert embedder.passage_length == 1000


@pytest.mark.parametrize("count", [0, 1, 3])
def test_shape_and_type(count: int) -> None:
    found = StaticEmbedder().embed_queries(["tea with lemon"] * count)
    assert found.shape == (count, 256)
    assert found.dtype == np.float32


@pytest.mark.parametrize("text", list(GOLDEN))
def test_vectors_never_change(text: str) -> None:
    assert vectors([text])[0, :6].tolist() == pytest.approx(GOLDEN[text], abs=1e-5)


def test_queries_and_documents_share_a_space() -> None:
    texts = ["Where does Ada live?", "привет 😀"]
    embedder = StaticEmbedder()
    np.testing.assert_array_equal(embedder.embed_queries(texts), embedder.embed_documents(texts))


@pytest.mark.parametrize("text", STRANGE)
def test_no_text_is_lost(text: str) -> None:
    assert np.linalg.norm(vectors([text])[0]) == pytest.approx(1, abs=1e-5)


def test_strange_texts_differ() -> None:
    found = vectors(STRANGE[:12])
    alike = found @ found.T - np.eye(len(found))
    assert alike.max() < 0.6


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_white_space_is_zero(text: str) -> None:
    assert not vectors([text]).any()


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("What pets do I have?", "I adopted a puppy last week", "The rent is due on Friday"),
        ("favourite food", "I could eat pizza every day", "The train was late again"),
        ("Where did she travel?", "We flew to Rome for a holiday", "He repaired the old guitar"),
        ("get_user_by_id", "getUserById returns the account", "delete all log files"),
        ("苹果", "我喜欢吃苹果", "今天天气很好"),
        ("привет", "привет, как дела", "сегодня холодно"),
        ("🎉", "We won! 🎉", "We won! 😭"),
    ],
)
def test_related_texts_are_nearer(query: str, near: str, far: str) -> None:
    assert likeness(query, near) > likeness(query, far) + 0.1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tea", "tea"),
        ("café", "cafe"),
        ("\uff34\uff25\uff21", "tea"),  # full width
        ("ПРИВЕТ", "привет"),
        ("tea\u200b", "tea"),  # zero-width space
    ],
)
def test_spellings_of_one_word(one: str, other: str) -> None:
    assert likeness(one, other) == pytest.approx(1, abs=1e-5)


def test_an_emoji_does_not_hide_the_word_beside_it() -> None:
    assert likeness("wonderful😀", "wonderful") > 0.5


def test_the_company_of_other_texts_does_not_matter() -> None:
    texts = ["a red bicycle", *STRANGE, "the tax form"]
    alone = np.concatenate([vectors([text]) for text in texts])
    np.testing.assert_array_equal(vectors(texts), alone)


def test_threads_agree() -> None:
    texts = [f"note {n} about the garden and {'привет' * (n % 2)}" for n in range(200)]
    expected = vectors(texts)
    static._load.cache_clear()  # so that the threads race for the first load
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(vectors, [texts] * 16):
            np.testing.assert_array_equal(found, expected)


def test_a_long_text_is_embedded_whole() -> None:
    long = "gardens need water. " * 20_000
    assert likeness(long, "gardens need water.") == pytest.approx(1, abs=1e-4)


def test_another_process_makes_the_same_vectors() -> None:
    program = (
        "import json, sys; from commonplace.embedders.static import StaticEmbedder;"
        "print(json.dumps(StaticEmbedder().embed_documents(json.load(sys.stdin)).tolist()))"
    )
    texts = ["tea with lemon", "привет 😀"]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(json.loads(run.stdout), vectors(texts), atol=1e-6)
    assert not run.stderr


def test_the_table_is_read_on_first_use_only() -> None:
    static._load.cache_clear()
    embedder = StaticEmbedder()
    assert static._load.cache_info().currsize == 0
    embedder.embed_queries(["tea"])
    embedder.embed_queries(["tea"])
    assert static._load.cache_info().misses == 1


def test_repr_names_the_model() -> None:
    assert repr(StaticEmbedder()) == "<StaticEmbedder 'commonplace/static-en-256@1'>"
