"""No package can run what it reads: what could is named in no module but those known here."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.figures import Figures

PACKAGES = Path(__file__).parents[2] / "packages"
MODULES = {
    *(
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "joblib",
        "marshal",
        "shelve",
        "yaml",
        "jsonpickle",
    ),
    *("subprocess", "multiprocessing", "socket", "urllib.request", "http.client", "requests"),
    *("httpx", "aiohttp", "ctypes", "code", "codeop", "runpy", "zipfile", "tarfile"),
}
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.fork"),
    *("importlib.import_module", "pickle.load", "pickle.loads", "numpy.load", "np.load"),
}
KNOWN = {
    # The index process is a fixed program of ours, started by a list of arguments.
    ("core/src/commonplace/index/index.py", "subprocess"),
    # The demo shows that a memory outlives its process, and runs frameworks apart.
    ("core/src/commonplace/cli/demo/isolate.py", "subprocess"),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(PACKAGES.rglob("src/**/*.py")):
        yield str(file.relative_to(PACKAGES)), ast.parse(file.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def dangers(tree: ast.Module) -> Iterator[tuple[str, ast.Call | None]]:
    names = set(imported(tree))
    yield from ((name, None) for name in sorted(names & MODULES))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS:
                yield called, node
            if any(one.arg == "shell" for one in node.keywords):
                yield "shell=", node
            if any(
                one.arg in {"allow_pickle", "trust_remote_code"}
                and ast.unparse(one.value) != "False"
                for one in node.keywords
            ):
                yield "allow_pickle=", node


def names_come_from_us(call: ast.Call) -> bool:
    """Whether a module is imported by a name that no data can choose."""
    return all(
        isinstance(part, ast.Constant)
        or (isinstance(part, ast.Name) and part.id in {"__name__", "name", "module"})
        or isinstance(part, ast.JoinedStr | ast.Subscript | ast.Attribute)
        for part in call.args
    )


def test_nothing_that_runs_data_is_used(figures: Figures) -> None:
    found: set[tuple[str, str]] = set()
    looked = 0
    for file, tree in modules():
        looked += 1
        for name, call in dangers(tree):
            by_table = name == "importlib.import_module" and file.endswith(LAZY)
            loads_arrays = name == "np.load" and call is not None and _without_pickle(call)
            if not by_table and not loads_arrays:
                found.add((file, name))
    assert looked > 250
    assert found == KNOWN
    figures(30, modules_looked_at=looked, that_run_data=len(found - KNOWN))


LAZY = ("__init__.py",)
"""Where public names are loaded lazily, from a table in the module itself."""


def _without_pickle(call: ast.Call) -> bool:
    """NumPy's own default is not to load pickles; it may only be said again."""
    return all(
        one.arg != "allow_pickle" or ast.unparse(one.value) == "False" for one in call.keywords
    )
