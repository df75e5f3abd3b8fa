"""The public names: each is there, in all three lists, and costs nothing before it is used."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import commonplace

HEAVY = ["sqlalchemy", "alembic", "sqlite3", "numpy", "chromadb", "pydantic", "anyio", "tokenizers"]
TREE = ast.parse(Path(commonplace.__file__).read_text())


def typed() -> dict[str, list[str]]:
    """The names that type checkers are told of, by module."""
    (block,) = (node for node in TREE.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    return {
        (node.module or "").removeprefix("commonplace."): [alias.name for alias in node.names]
        for node in imports
    }


def listed(name: str) -> object:
    """What a name of the module is set to, as written."""
    (found,) = (
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return ast.literal_eval(found)


def loaded_by(program: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has imported after a program."""
    report = f"{program}\nimport sys; print(*({set(HEAVY)!r} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=120
    )
    return set(ran.stdout.split())


def test_the_three_lists_agree() -> None:
    homes = listed("_HOMES")
    assert homes == typed()
    assert isinstance(homes, dict)
    assert sorted(name for names in typed().values() for name in names) == listed("__all__")


@pytest.mark.parametrize("name", commonplace.__all__)
def test_every_public_name_resolves_to_what_its_home_holds(name: str) -> None:
    (home,) = (home for home, names in typed().items() if name in names)
    found = getattr(commonplace, name)
    assert found is getattr(importlib.import_module(f"commonplace.{home}"), name)
    assert found.__doc__
    assert getattr(found, "__name__", name) == name  # a type alias has none


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'nothing'"):
        getattr(commonplace, "nothing")  # noqa: B009 - pyright knows that it is not there
    with pytest.raises(ImportError):
        importlib.import_module("commonplace.nothing")


def test_dir_lists_the_public_names() -> None:
    assert dir(commonplace) == sorted(commonplace.__all__)


def test_the_version_is_that_of_the_package() -> None:
    assert commonplace.__version__ == importlib.metadata.version("commonplace")


@pytest.mark.parametrize(
    "program",
    [
        "import commonplace",
        "from commonplace import Scope, Record, Source, Hit, ScopeInfo",
        "from commonplace import CommonplaceError, InvalidInputError",
        "from commonplace import Filter, matches, parse_filter",
        "from commonplace import SystemClock",
    ],
)
def test_importing_it_and_its_plain_values_is_cheap(program: str) -> None:
    assert loaded_by(program) == set()


def test_importing_the_memory_leaves_chroma_and_the_migrations_for_later() -> None:
    loaded = loaded_by("from commonplace import Memory")
    assert {"sqlalchemy", "numpy"} <= loaded
    assert not loaded & {"chromadb", "pydantic", "alembic", "tokenizers"}


def test_every_name_can_be_imported_at_once() -> None:
    assert "numpy" in loaded_by("from commonplace import *; Memory, Scope, AsyncMemory")
