"""The public names of the package, and what importing them costs."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import langchain_commonplace

TREE = ast.parse(Path(langchain_commonplace.__file__).read_text("utf-8"))


def typed() -> dict[str, list[str]]:
    """The names that type checkers are told of, by module."""
    (block,) = (node for node in TREE.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        (node.module or "").removeprefix("langchain_commonplace."): [
            alias.name for alias in node.names
        ]
        for node in imports
    }


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_the_lists_of_names_agree() -> None:
    names = sorted(name for some in typed().values() for name in some)
    assert names == langchain_commonplace.__all__ == dir(langchain_commonplace)


@pytest.mark.parametrize("name", langchain_commonplace.__all__)
def test_every_name_is_what_its_home_holds(name: str) -> None:
    (home,) = (home for home, names in typed().items() if name in names)
    found = getattr(langchain_commonplace, name)
    assert found is getattr(importlib.import_module(f"langchain_commonplace.{home}"), name)
    assert found.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'nothing'"):
        getattr(langchain_commonplace, "nothing")  # noqa: B009 - pyright knows that it is not there


def test_the_version_is_that_of_the_package() -> None:
    found = importlib.metadata.version("langchain-commonplace")
    assert langchain_commonplace.__version__ == found


def test_it_loads_no_agents_before_they_are_used() -> None:
    loaded = "import sys; print({'langchain', 'langgraph', 'langchain_classic'} & set(sys.modules))"
    assert run(f"import langchain_commonplace; {loaded}") == "set()"
    assert run(f"from langchain_commonplace import CommonplaceRetriever; {loaded}") == "set()"
    assert run(f"from langchain_commonplace import CommonplaceByteStore; {loaded}") == "set()"


def test_classic_memory_without_langchain_classic_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['langchain_classic'] = None\n"
        "try: import langchain_commonplace.classic\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install langchain-classic" in run(program)
