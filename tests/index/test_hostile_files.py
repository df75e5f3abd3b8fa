"""Index files that somebody prepared are not opened: nothing in them runs, nothing is followed."""

from __future__ import annotations

import json
import pickle
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace.index.manifest import digests
from commonplace.index.safety import is_safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.index.conftest import Built

pytestmark = pytest.mark.files

QUERY = np.random.default_rng(3).standard_normal(32).astype(np.float32)


class Sprung:
    """What runs when it is unpickled."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.trap), "w")


def _pickled(index: Path, trap: Path) -> None:
    (found,) = index.rglob("index_metadata.pickle")
    found.write_bytes(pickle.dumps({"dimensionality": 32, "id_to_label": Sprung(trap)}))


def _configured(index: Path, trap: Path) -> None:
    """An embedding function with remote code, as Chroma's server once loaded it."""
    loader = {
        "type": "known",
        "name": "sentence_transformer",
        "config": {
            "model_name": str(trap),
            "device": "cpu",
            "normalize_embeddings": False,
            "kwargs": {"trust_remote_code": True},
        },
    }
    with sqlite3.connect(index / "chroma.sqlite3") as chroma:
        text = json.dumps({"embedding_function": loader})
        chroma.execute("UPDATE collections SET config_json_str = ?", (text,))
    chroma.close()


def _linked(index: Path, trap: Path) -> None:
    outside = trap.with_name("outside")
    (found,) = index.rglob("header.bin")
    outside.write_bytes(found.read_bytes())
    found.unlink()
    found.symlink_to(outside)


def _elsewhere(index: Path, trap: Path) -> None:
    elsewhere = trap.with_name("elsewhere")
    index.rename(elsewhere)
    index.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "prepared",
    [
        _pickled,
        _configured,
        pytest.param(_linked, marks=pytest.mark.nightly),
        pytest.param(_elsewhere, marks=pytest.mark.nightly),
    ],
)
def test_prepared_files_do_nothing_and_the_memory_answers(
    built: Built, tmp_path: Path, prepared: Callable[[Path, Path], None]
) -> None:
    trap, index = tmp_path / "trap", built.path / "index"
    prepared(index, trap)
    found = json.loads((index / "manifest.json").read_text())
    signed = json.dumps({**found, "digests": digests(index)})  # whoever writes files can sign them
    (index / "manifest.json").write_text(signed)
    others = {one: one.read_bytes() for one in tmp_path.glob("outside*") if one.is_file()}
    others |= {one: one.read_bytes() for one in tmp_path.glob("elsewhere/**/*") if one.is_file()}
    with built.open() as memory:
        memory.flush()
        expected = built.nearest(QUERY, 10)
        assert len({hit.id for hit in memory.search(vector=QUERY)} & set(expected)) >= 9
        assert memory.verify().ok
    assert not trap.exists()
    assert {one: one.read_bytes() for one in others} == others


def test_what_chroma_wrote_is_safe_and_what_it_did_not_is_not(built: Built, tmp_path: Path) -> None:
    index = built.path / "index"
    assert is_safe(index)
    (metadata,) = index.rglob("index_metadata.pickle")
    whole = metadata.read_bytes()
    for wrong in (pickle.dumps(Sprung(tmp_path / "trap")), whole[:-1], whole + b"cos\n", b"", b"x"):
        metadata.write_bytes(wrong)
        assert not is_safe(index)
    assert not (tmp_path / "trap").exists()
    metadata.write_bytes(pickle.dumps({"a": [1, 2.5, None, True, (b"x", "y" * 300)]}))
    assert is_safe(index)
