"""The vectors of a space as NumPy arrays in one `.npz` file, written a few rows at a time."""

from __future__ import annotations

import itertools
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from commonplace.moving.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import DTypeLike

    from commonplace.ledger import Ledger, Selection, Space

_ROWS_AT_ONCE = 1_000


def write_arrays(ledger: Ledger, path: Path, selection: Selection, space: Space) -> int:
    """Write `ids`, `ordinals` and `vectors` of the selected records; how many rows they have."""
    with ledger.extract() as extract, written_whole(path) as file:
        count, longest = 0, 1
        for record_id, _ in extract.numbered_vectors(selection, space):
            count, longest = count + 1, max(longest, len(record_id))
        with zipfile.ZipFile(file, "w") as archive:
            numbered = extract.numbered_vectors(selection, space)
            _write(archive, "ids", f"<U{longest}", (count,), (one for one, _ in numbered))
            numbered = extract.numbered_vectors(selection, space)
            _write(archive, "ordinals", "<i8", (count,), (ordinal for _, ordinal in numbered))
            rows = (np.frombuffer(one, "<f4") for one in extract.vectors_of(selection, space))
            _write(archive, "vectors", "<f4", (count, space.dimension), rows)
    return count


def _write(
    archive: zipfile.ZipFile,
    name: str,
    dtype: DTypeLike,
    form: tuple[int, ...],
    rows: Iterable[Any],
) -> None:
    header = {"descr": dtype, "fortran_order": False, "shape": form}
    remaining = iter(rows)
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, header)
        while some := list(itertools.islice(remaining, _ROWS_AT_ONCE)):
            member.write(np.array(some, dtype=dtype).tobytes())
