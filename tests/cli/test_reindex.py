from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

MODULE = """
from commonplace import HashingEmbedder

ready = HashingEmbedder(32)

def made():
    return HashingEmbedder(16)

def broken():
    raise RuntimeError("no key was given")
"""
BUILT_IN = "commonplace/static-en-256@1"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of embedders where the command is run."""
    (tmp_path / "their_embedders.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return "their_embedders"


def spaces(cli: Cli) -> dict[str, tuple[str, int]]:
    return {
        space["name"]: (space["identity"], space["vectors"])
        for space in cli.json("stats")["spaces"]
    }


def test_a_dry_run_counts_and_changes_nothing(stocked: Cli, module: str) -> None:
    report = stocked.json("reindex", "--embedder", f"{module}:ready", "--dry-run")
    assert (report["records"], report["versions"], report["switched"]) == (3, 0, False)
    assert (report["former"], report["identity"]) == (BUILT_IN, "commonplace/hashing-32@1")
    assert report["characters"] > 0
    assert spaces(stocked) == {"default": (BUILT_IN, 3)}


@pytest.mark.parametrize(("name", "dimension"), [("ready", 32), ("made", 16)])
def test_another_embedder_and_back(stocked: Cli, module: str, name: str, dimension: int) -> None:
    before = stocked.json("search", "what may alice not eat")
    report = stocked.json("reindex", "--embedder", f"{module}:{name}", "--batch", "2")
    assert (report["records"], report["vectors"], report["switched"]) == (3, 3, True)
    assert spaces(stocked) == {"default": (f"commonplace/hashing-{dimension}@1", 3)}
    refused = stocked("search", "peanuts", code=1).stderr
    assert "hashing" in refused
    assert "reindex" in refused
    assert stocked.json("search", "peanuts", "--mode", "lexical")
    shown = stocked("reindex", "-e", "builtin").stdout
    assert "records" in shown
    assert stocked.json("search", "what may alice not eat") == before
    assert stocked.json("verify")["ok"]


def test_the_old_vectors_are_kept_if_asked(stocked: Cli, module: str) -> None:
    report = stocked.json("reindex", "--embedder", f"{module}:ready", "--keep-old")
    assert report["kept"] == BUILT_IN
    assert spaces(stocked) == {
        BUILT_IN: (BUILT_IN, 3),
        "default": ("commonplace/hashing-32@1", 3),
    }


@pytest.mark.parametrize(
    ("embedder", "said"),
    [
        ("their_embedders:nothing", "cannot be loaded: AttributeError"),
        ("no_such_module:made", "cannot be loaded: ModuleNotFoundError"),
        ("their_embedders:broken", "RuntimeError: no key was given"),
        ("their_embedders:MODULE", "cannot be loaded"),
        ("json:loads", "failed to make an embedder: TypeError"),
        ("sys:path", "list is not an embedder"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_is_no_embedder_is_said_in_a_line(stocked: Cli, embedder: str, said: str) -> None:
    refused = stocked("reindex", "--embedder", embedder, code=1).stderr
    assert said in refused
    assert refused.count("\n") == 1
    assert spaces(stocked) == {"default": (BUILT_IN, 3)}


@pytest.mark.parametrize(
    "arguments", [[], ["-e", "made"], ["-e", ":"], ["-e", "builtin", "--batch", "0"]]
)
def test_wrong_usage(stocked: Cli, arguments: list[str]) -> None:
    stocked("reindex", *arguments, code=2)


def test_a_memory_that_is_not_there_is_not_made(cli: Cli) -> None:
    cli("reindex", "--embedder", "builtin", code=1)
    assert not cli.memory.exists()
