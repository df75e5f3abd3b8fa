"""`commonplace bench`: data, measures, systems, results."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2
from typer.testing import CliRunner

from commonplace import InvalidInputError, NotFoundError
from commonplace.bench import SYSTEMS, load, made, run, written_into
from commonplace.bench.metrics import area, interval, scores
from commonplace.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path


def talk(name: str, animal: str) -> dict[str, Any]:
    texts = [f"I have a {animal} at home", "The weather is fine", "Let us go hiking", "Good night"]
    turns = [
        {"id": str(n), "text": text, "speaker": "Ben", "session": str(n // 2), "at": "2023-05-08"}
        for n, text in enumerate(texts)
    ]
    questions = [
        {"question": f"Who has a {animal}?", "answers": ["0"], "category": "pets"},
        {"question": "What of nobody?", "answers": ["gone"]},
    ]
    return {"conversation": name, "turns": turns, "questions": questions}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    lines = [json.dumps(talk("a", "parrot")), json.dumps(talk("b", "zebra"))]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("system", ["commonplace", "commonplace-facts", "bm25"])
@pytest.mark.parametrize("pooled", [False, True])
def test_systems_find_what_is_there(file: Path, system: str, *, pooled: bool) -> None:
    conversations = load(file, "jsonl")
    assert [len(one.questions) for one in conversations] == [1, 1]
    result = run(system, made(system), conversations, pooled=pooled)
    summary = result.summary()
    assert summary["questions"] == 2
    assert summary["overall"]["MRR"] == 1
    assert summary["overall"]["recall@10"] == 1
    assert summary["overall"]["recall@10 95%"] == [1, 1]
    assert summary["foreign_turns"] == 0
    assert list(summary["categories"]) == ["pets"]
    if system == "commonplace":
        assert summary["abstention_auc"] == 1


WITH_A_MODEL = "chroma-minilm"


@pytest.mark.parametrize("system", sorted(set(SYSTEMS) - {WITH_A_MODEL}))
@pytest.mark.filterwarnings("ignore")  # of what frameworks import and leave open
def test_every_system_that_is_installed_answers(
    file: Path, system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    conversations = load(file, "jsonl")
    try:
        summary = run(system, made(system), conversations, pooled=True).summary()
    except InvalidInputError as error:
        assert "is not installed; pip install it first" in str(error)  # noqa: PT017 - or it answers
        pytest.skip(str(error))
    assert summary["overall"]["MRR"] == 1
    assert summary["overall"]["recall@10"] == 1
    assert summary["foreign_turns"] == 0


@pytest.mark.parametrize("system", ["autogen", "chroma", "crewai", "langchain", "langgraph"])
def test_the_systems_of_the_frameworks_are_installed_here(system: str) -> None:
    """So that none of those above is skipped by mistake."""
    package = {"autogen": "autogen_ext", "chroma": "chromadb", "langchain": "langchain_core"}
    assert importlib.util.find_spec(package.get(system, system))


def test_a_model_that_cannot_be_downloaded_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "DOWNLOAD_PATH", tmp_path)
    with pytest.raises(InvalidInputError, match="all-MiniLM-L6-v2"):
        made(WITH_A_MODEL)()


def test_measures_are_those_of_the_books() -> None:
    sessions = {"a": "1", "b": "1", "c": "2"}
    found = scores(["b", "a", "c"], ["a", "c"], sessions)
    ideal = 1 + 1 / math.log2(3)
    assert found["nDCG@10"] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)
    assert found["MRR"] == 0.5
    assert found["recall@5"] == found["session hit@5"] == 1
    assert scores([], ["a"], sessions)["nDCG@10"] == 0
    low, high = interval([0, 1, 0, 1, 1, 1], ["x", "x", "y", "y", "z", "z"])
    assert 0.5 <= low < 2 / 3 < high <= 1
    assert area([2, 3], [1, 2]) == 0.875


def test_locomo_and_longmemeval_are_read(tmp_path: Path) -> None:
    sample = {
        "sample_id": "s",
        "conversation": {
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ada", "dia_id": "D1:1", "text": "I like tea"}],
        },
        "qa": [
            {"question": "What does Ada like?", "evidence": ["D1:01"], "category": 4},
            {"question": "What else?", "evidence": ["D9:9"], "category": 1},
        ],
    }
    locomo = tmp_path / "locomo.json"
    locomo.write_text(json.dumps([sample]), "utf-8")
    (talk,) = load(locomo, "locomo")
    assert talk.questions[0].answers == ("D1:1",)
    assert talk.turns[0].at is not None
    assert talk.turns[0].at.isoformat() == "2023-05-08T13:56:00+00:00"
    assert len(talk.questions) == 1
    entry = {
        "question_id": "q",
        "question": "What tea?",
        "question_type": "single",
        "question_date": "2023/05/20 (Sat) 02:21",
        "haystack_session_ids": ["x"],
        "haystack_dates": ["2023/05/08 (Mon) 10:00"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "Green tea", "has_answer": True},
                {"role": "assistant", "content": "Fine"},
            ]
        ],
    }
    packed = tmp_path / "longmemeval.json.gz"
    packed.write_bytes(
        gzip.compress(json.dumps([entry, {**entry, "question_id": "q_abs"}]).encode())
    )
    (one,) = load(packed, "longmemeval")
    assert [turn.text for turn in one.turns] == ["Green tea"]
    assert len(load(packed, "longmemeval", roles="all")[0].turns) == 2


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="snap-research/locomo"):
        load(tmp_path / "none.json", "locomo")
    (tmp_path / "wrong.json").write_text("[{}]", "utf-8")
    for format_ in ("locomo", "longmemeval", "jsonl"):
        with pytest.raises(InvalidInputError):
            load(tmp_path / "wrong.json", format_)
    with pytest.raises(InvalidInputError, match="module:factory"):
        made("nothing")
    with pytest.raises(InvalidInputError, match="not installed"):
        made("no_such_module:factory")
    assert "commonplace" in SYSTEMS


def test_the_command_writes_rankings_and_tables(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Results\n<!-- bench:jsonl -->\nold\n<!-- end:jsonl -->\nafter\n", "utf-8")
    arguments = ["bench", str(file), "--format", "jsonl", "--system", "bm25"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path), "--page", str(page)])
    assert done.exit_code == 0, done.output
    rows = (tmp_path / "jsonl-bm25.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["question"] for row in rows] == ["a/0", "b/0"]
    text = page.read_text("utf-8")
    assert "| bm25 | 1.000 (1.000 to 1.000) |" in text
    assert "sha256" in text
    assert "old" not in text
    assert text.endswith("<!-- end:jsonl -->\nafter\n")
    with pytest.raises(InvalidInputError, match="marks"):
        written_into(page, "other", "", [])
