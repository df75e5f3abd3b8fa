"""What the pages of the frameworks say of servers runs, on servers of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.test_examples import blocks

if TYPE_CHECKING:
    from tests.pgserver import Postgres
    from tests.servers.conftest import Server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DOCS = Path(__file__).parents[2] / "docs"
_HERE = "postgresql://app@db.internal/agents"


@pytest.mark.parametrize("page", ["langgraph", "langchain", "crewai", "autogen"])
def test_the_page_of_a_framework_on_servers(
    page: str, postgres: Postgres, shared: Server, tmp_path: Path
) -> None:
    postgres.run("DROP SCHEMA IF EXISTS commonplace CASCADE; DROP SCHEMA IF EXISTS crews CASCADE")
    program = "\n".join(blocks(DOCS / f"{page}.md", "py"))
    secretly = f"{postgres.at('crews')}&sslpassword=secret"
    program = program.replace(_HERE.replace("app", "app:secret", 1) + "?schema=crews", secretly)
    program = program.replace(_HERE, postgres.url)
    program = program.replace("http://chroma.internal:8000", shared.url)
    assert "db.internal" not in program
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={
            **os.environ,
            "CREWAI_DISABLE_TELEMETRY": "true",
            "OTEL_SDK_DISABLED": "true",
            "CREWAI_TRACING_ENABLED": "false",
            "CREWAI_STORAGE_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    postgres.run("DROP SCHEMA IF EXISTS commonplace CASCADE; DROP SCHEMA IF EXISTS crews CASCADE")
    assert done.returncode == 0, done.stderr
