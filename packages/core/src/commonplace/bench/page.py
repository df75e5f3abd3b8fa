"""The results as a page: tables between two marks of a Markdown file."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any

from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PACKAGES = (
    *("commonplace", "numpy", "chromadb", "langchain-core", "langgraph"),
    *("autogen-ext", "crewai", "lancedb", "mem0ai", "neural-memorygraph"),
)
_COLUMNS = ("recall@5", "recall@10", "nDCG@10", "MRR", "hit@5", "session hit@5")


def written_into(path: Path, name: str, data: str, summaries: Sequence[dict[str, Any]]) -> None:
    """Put the tables between the marks `<!-- bench:NAME -->` and `<!-- end:NAME -->` of a file.

    Args:
        path: the file.
        name: the name in the marks.
        data: what was measured on, with its hash.
        summaries: of the results.

    Raises:
        InvalidInputError: the file has no such marks.
    """
    text = path.read_text("utf-8")
    begin, end = f"<!-- bench:{name} -->", f"<!-- end:{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise InvalidInputError(f"{str(path)!r} has no marks {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{tables(data, summaries)}\n\n{end}{after}", "utf-8")


def tables(data: str, summaries: Sequence[dict[str, Any]]) -> str:
    """The tables in Markdown: overall with confidence intervals, and recall@10 by category."""
    lines = [f"Data: {data}. {_versions()}", "", _row("system", *_COLUMNS, "p50, p95 ms")]
    lines.append(_rule(len(_COLUMNS) + 2))
    for one in summaries:
        cells = [_cell(one["overall"], name) for name in _COLUMNS]
        times = f"{one['search_ms_p50']:.1f}, {one['search_ms_p95']:.1f}"
        lines.append(_row(one["system"], *cells, times))
    categories = sorted({name for one in summaries for name in one["categories"]})
    named = [f"{name} ({summaries[0]['categories'][name]['n']})" for name in categories]
    lines += ["", _row("recall@10 by category (questions)", *named), _rule(len(named) + 1)]
    for one in summaries:
        cells = [f"{one['categories'][name]['recall@10']:.3f}" for name in categories]
        lines.append(_row(one["system"], *cells))
    for one in summaries:
        if one["abstention_auc"] is not None:
            lines += ["", f"Abstention, {one['system']}: AUC {one['abstention_auc']:.3f}."]
    return "\n".join(lines)


def _cell(overall: dict[str, Any], name: str) -> str:
    low, high = overall[f"{name} 95%"]
    return f"{overall[name]:.3f} ({low:.3f} to {high:.3f})"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"|---|{'--:|' * (columns - 1)}"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{', '.join(found)}."
