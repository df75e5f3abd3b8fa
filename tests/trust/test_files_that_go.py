"""The files of a memory are looked at while its index process makes and removes some."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from commonplace.maintenance.present import files_below

if TYPE_CHECKING:
    from pathlib import Path


def test_what_goes_while_it_is_looked_at_is_passed_over(tmp_path: Path) -> None:
    """Regression: `stats` and `erase` raised `FileNotFoundError` where a journal was removed."""
    (tmp_path / "index" / "deep").mkdir(parents=True)
    for name in ("journal", "log", "index/vectors", "index/deep/links"):
        (tmp_path / name).write_bytes(b"four")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    assert {(str(file.relative_to(tmp_path)), size) for file, size in files_below(tmp_path)} == {
        ("journal", 4),
        ("log", 4),
        ("index/vectors", 4),
        ("index/deep/links", 4),
    }
    going = files_below(tmp_path)
    first, _ = next(going)
    assert first.parent == tmp_path
    shutil.rmtree(tmp_path / "index")
    for file in tmp_path.iterdir():
        file.unlink()
    assert list(going) == []
