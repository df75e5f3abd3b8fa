from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.figures import Figures
from tests.pgserver import GIVEN, Postgres, served

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="keep the figures of tests in this directory")
    parser.addoption(
        "--ledger",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="where the memories of tests have their ledgers; what is about files is skipped then",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Full forms have an hour each; tests about files are not run where there are none."""
    on_server = config.getoption("--ledger") != "sqlite"
    for item in items:
        if item.get_closest_marker("nightly") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3_600))
        if on_server and item.get_closest_marker("files"):
            item.add_marker(pytest.mark.skip(reason="about the files of a ledger"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of its own for this process of tests."""
    with served() as server:
        yield server


@pytest.fixture(autouse=True)
def _ledgers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With `--ledger postgres` every memory has a schema on the server in place of a directory."""
    monkeypatch.delenv(GIVEN, raising=False)  # it is no option of a memory
    if request.config.getoption("--ledger") == "sqlite":
        yield
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.instead_of_files(monkeypatch):
        yield


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Call it with the number of a test in docs/trust.md and what was counted."""
    return Figures(
        name=re.sub(r"\W+", "_", request.node.name.removeprefix("test_")).strip("_"),
        nightly=request.node.get_closest_marker("nightly") is not None,
        started=time.monotonic(),
        directory=request.config.getoption("--figures"),
    )


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder(64)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture(params=["in memory", "on disk"])
def memory(
    request: pytest.FixtureRequest, path: Path, embedder: HashingEmbedder
) -> Iterator[Memory]:
    where = ":memory:" if request.param == "in memory" else path
    with Memory(where, embedder=embedder) as opened:
        yield opened
