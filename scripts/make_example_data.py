"""Makes the conversations of `commonplace demo` from your own copy of LongMemEval-S.

    uv run python scripts/make_example_data.py longmemeval_s.json

LongMemEval (Wu et al. 2024, https://github.com/xiaowu0162/LongMemEval, MIT) is a set of questions,
each with some fifty chat sessions of one user behind it. Six questions are kept, one of each type,
with every session behind them: nothing is left out of a history, so that recall is as hard here
as in the whole set. The output is the same byte for byte whenever the input is.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

QUESTIONS = (
    "caf9ead2",  # single-session-user: how long the move took
    "e982271f",  # single-session-assistant: a venue that the assistant had named
    "1d4e3b97",  # single-session-preference: the bike; shares hardly a word with what answers it
    "6aeb4375",  # knowledge-update: Korean restaurants, a count that changed
    "gpt4_d12ceb0e",  # multi-session: an average over ages named in three sessions
    "9a707b81",  # temporal-reasoning: a baking class, so many days ago
)
OUTPUT = Path(__file__).parents[1] / "packages/core/src/commonplace/cli/data/longmemeval"


def main() -> None:
    """Reads the copy named on the command line and writes the two files."""
    parser = argparse.ArgumentParser(description="Makes the conversations of `commonplace demo`.")
    parser.add_argument("source", type=Path, help="longmemeval_s.json, or the same with .gz")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the files go")
    given = parser.parse_args()
    entries = _wanted(given.source)
    given.output.mkdir(parents=True, exist_ok=True)
    _write(given.output / "questions.jsonl", map(_question, entries))
    sessions = (session for entry in entries for session in _sessions(entry))
    _write(given.output / "sessions.jsonl.gz", sessions)
    for path in sorted(given.output.glob("*.jsonl*")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def _wanted(source: Path) -> list[dict[str, Any]]:
    """The chosen questions in the order above, each with its sessions in `haystack_sessions`."""
    text = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    loaded: Any = json.loads(text)
    entries = _joined(cast("dict[str, Any]", loaded)) if isinstance(loaded, dict) else loaded
    found: dict[str, dict[str, Any]] = {entry["question_id"]: entry for entry in entries}
    if missing := [wanted for wanted in QUESTIONS if wanted not in found]:
        raise SystemExit(f"{source} does not hold the questions {', '.join(missing)}")
    return [found[wanted] for wanted in QUESTIONS]


def _joined(loaded: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a sample that keeps each session once, by id, as those of the whole set."""
    sessions: dict[str, Any] = loaded["sessions"]
    return [
        {**entry, "haystack_sessions": [sessions[name] for name in entry["haystack_session_ids"]]}
        for entry in loaded["questions"]
    ]


def _question(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "user": entry["question_id"],
        "type": entry["question_type"],
        "asked": entry["question_date"],
        "question": entry["question"],
        "answer": str(entry["answer"]),
    }


def _sessions(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names, dates = entry["haystack_session_ids"], entry["haystack_dates"]
    for name, date, turns in zip(names, dates, entry["haystack_sessions"], strict=True):
        kept = [_turn(turn) for turn in turns]
        yield {"user": entry["question_id"], "session": name, "date": date, "turns": kept}


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    marked = {"has_answer": True} if turn.get("has_answer") else {}
    return {"role": turn["role"], "content": turn["content"], **marked}


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    data = "".join(f"{encoder.encode(line)}\n" for line in lines).encode()
    # Without a time in the header, the same input gives the same file.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


if __name__ == "__main__":
    main()
