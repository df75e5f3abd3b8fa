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
    # The index process is a program of ours, started by a list of arguments without a shell.
    ("core/src/commonplace/index/process.py", "subprocess"),
    # Chroma's own client is given limits and a certificate; it speaks to the server that was named.
    ("core/src/commonplace/index/remote.py", "httpx"),
    # A NumPy archive is written, never read.
    ("core/src/commonplace/moving/arrays.py", "zipfile"),
    # Whoever types a command names the module of an embedder; the bench names its own.
    ("core/src/commonplace/cli/reindex.py", "importlib.import_module"),
    ("core/src/commonplace/bench/importing.py", "importlib.import_module"),
    # Tools for tests start children of their own and speak to them; they run what a test names.
    ("core/src/commonplace/testing/child.py", "importlib.import_module"),
    ("core/src/commonplace/testing/child.py", "os.fork"),
    ("core/src/commonplace/testing/child.py", "runpy"),
    ("core/src/commonplace/testing/child.py", "socket"),
    ("core/src/commonplace/testing/crash.py", "socket"),
    ("core/src/commonplace/testing/crash.py", "subprocess"),
    ("core/src/commonplace/testing/faults.py", "subprocess"),
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


def harmless(file: str, name: str, call: ast.Call | None) -> bool:
    """A module named in the code or in its table of public names; arrays without pickles."""
    if name == "importlib.import_module" and call is not None:
        return isinstance(call.args[0], ast.Constant) or file.endswith("__init__.py")
    return name == "np.load"  # with `allow_pickle` it would be found by that, too


def test_nothing_that_runs_data_is_used(figures: Figures) -> None:
    looked = 0
    found: set[tuple[str, str]] = set()
    for file, tree in modules():
        looked += 1
        found |= {(file, name) for name, call in dangers(tree) if not harmless(file, name, call)}
    assert looked > 250
    assert found == KNOWN
    figures(30, modules_looked_at=looked, that_run_data=len(found - KNOWN))
