"""The command that measures recall: `bench`."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from commonplace.cli import options, terminal
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from commonplace.bench.data import Format


def bench(
    data: Annotated[Path, typer.Argument(help="LoCoMo's, LongMemEval's, or a JSONL file.")],
    *,
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option("--format", help="locomo, longmemeval or jsonl.")
    ],
    system: Annotated[
        list[str] | None,
        typer.Option("--system", help="What to measure; several times for several."),
    ] = None,
    roles: Annotated[
        str, typer.Option("--roles", help="Whose turns of LongMemEval count: user or all.")
    ] = "user",
    pooled: Annotated[
        bool, typer.Option("--pooled", help="All conversations in one memory, each in its scope.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many conversations.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A directory for files with every ranking.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="A Markdown file to write the tables into.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how well questions find the turns that answer them, here and in other systems."""
    from commonplace.bench.data import load, sha256  # noqa: PLC0415 - only this command needs it
    from commonplace.bench.page import tables, written_into  # noqa: PLC0415
    from commonplace.bench.running import run  # noqa: PLC0415
    from commonplace.bench.systems import made  # noqa: PLC0415

    if roles not in {"user", "all"}:
        raise InvalidInputError("roles is 'user' or 'all'")
    conversations = load(data, cast("Format", format), roles=roles)[:limit]
    if not conversations:
        raise InvalidInputError("there is no question with an answer in the data")
    factories = {name: made(name) for name in system or ["commonplace", "bm25"]}
    summaries: list[dict[str, Any]] = []
    for name, factory in factories.items():
        terminal.note(f"{name}: {terminal.counted(len(conversations), 'conversation')}")
        result = run(name, factory, conversations, pooled=pooled)
        summaries.append(result.summary())
        if out is not None:
            _write(out, f"{format}-{name.replace(':', '.')}", result.rows)
    about = f"{data.name}, sha256 {sha256(data)[:16]}, {len(conversations)} conversations"
    if page is not None:
        written_into(page, format, about, summaries)
    if as_json:
        terminal.print_json({"data": about, "results": summaries})
    else:
        typer.echo(tables(about, summaries))


def _write(directory: Path, name: str, rows: list[dict[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (directory / f"{name}.jsonl").write_text(lines, "utf-8")
