"""Spans and metrics: what they say, and what they never say."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from commonplace import AsyncMemory, CommonplaceError, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan
    from tests.figures import Figures


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)  # CrewAI's tests set it
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The API lets a program set its provider once; each test is a program of its own.
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)  # as above
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    yield reader
    provider.shutdown()


def spans(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def test_a_verb_is_a_span(memory: Memory, exporter: InMemorySpanExporter) -> None:
    memory.add_many([f"tea number {n}" for n in range(3)])
    memory.search("green tea", limit=2, mode="hybrid")
    (added,) = spans(exporter, "commonplace.add_many")
    assert dict(added.attributes or {}) == {
        "db.system.name": "commonplace",
        "db.operation.name": "add_many",
        "db.operation.batch.size": 3,
        "db.response.returned_rows": 3,
    }
    (found,) = spans(exporter, "commonplace.search")
    told = dict(found.attributes or {})
    assert told.pop("commonplace.milliseconds") is not None
    assert told == {
        "db.system.name": "commonplace",
        "db.operation.name": "search",
        "db.response.returned_rows": 2,
        "commonplace.query.characters": 9,
        "commonplace.limit": 2,
        "commonplace.mode": "hybrid",
        "commonplace.route": "exact",
        "commonplace.matches": 3,
        "commonplace.candidates": 3,
        "commonplace.tail": 0,
    }
    embedded = spans(exporter, "commonplace.embed")
    assert [dict(span.attributes or {}) for span in embedded] == [
        {"commonplace.texts": 3},
        {"commonplace.texts": 1},
    ]
    assert embedded[1].parent is not None
    assert found.context is not None
    assert embedded[1].parent.span_id == found.context.span_id


def test_an_error_is_told_by_its_class_alone(
    memory: Memory, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(CommonplaceError):
        memory.update("no such record", content="x")
    (span,) = spans(exporter, "commonplace.update")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "NotFoundError"
    assert span.events == ()
    assert (span.attributes or {})["error.type"] == "NotFoundError"


def test_durations_are_measured(memory: Memory, reader: InMemoryMetricReader) -> None:
    memory.add("x")
    memory.count()
    with pytest.raises(CommonplaceError):
        memory.get("a\ud800")
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("db.client.operation.duration", "s")
    points: Any = metric.data.data_points
    told = {point.attributes["db.operation.name"]: point for point in points}
    assert set(told) == {"add", "count", "get"}
    assert told["get"].attributes["error.type"] == "InvalidInputError"
    assert all(point.count == 1 for point in points)


def test_asynchronous_verbs_and_threads_tell_too(exporter: InMemorySpanExporter) -> None:
    async def work() -> None:
        async with await AsyncMemory.open(":memory:", embedder=HashingEmbedder(8)) as memory:
            await memory.add("x")
            await memory.thread("t").add({"role": "user", "content": "y"})
            await memory.threads.list()

    asyncio.run(work())
    names = {span.name for span in exporter.get_finished_spans()}
    assert {"commonplace.add", "commonplace.thread.add", "commonplace.threads.list"} <= names


def test_no_canary_is_ever_told(
    memory: Memory, exporter: InMemorySpanExporter, figures: Figures
) -> None:
    words = ["k" + secrets.token_hex(8) for _ in range(12)]
    a, b, c, d, e, f, g, h, i, j, k, m = words
    record = memory.add(
        a,
        id=b,
        scope=f"users/{c}",
        key=d,
        kind=e,
        tags=[f],
        metadata={g: h},
        value=i,
        source={"app": j},
    )
    careless: Any = memory
    attempts: list[Any] = [
        lambda: careless.search(a, mode=k, filter={g: h}, scope=f"users/{c}"),
        lambda: memory.search(a, filter={g: h}, scope=f"users/{c}", tags=[f], kinds=[e]),
        lambda: memory.get(b),
        lambda: memory.get(key=d, scope=f"users/{c}"),
        lambda: careless.add(a, if_exists=k, id=b),
        lambda: memory.add(m, id=b, scope="elsewhere"),
        lambda: memory.update(k, content=m),
        lambda: memory.link(b, k, e),
        lambda: memory.thread(k, scope=c).add({"role": m, "content": a, "name": d}),
        lambda: memory.recall(a),
        lambda: memory.list(order_by=k),
        lambda: memory.export(f"/nonexistent/{k}/{m}"),
        lambda: memory.scope(f"users/{c}").add(a, metadata={g: h}),
        lambda: memory.view(read=[f"users/{c}"]).add(a),
        lambda: memory.set_quota(c, 1),
        lambda: memory.delete([b, k]),
    ]
    errors = 0
    for attempt in attempts:
        try:
            attempt()
        except CommonplaceError:
            errors += 1
    told = [span.to_json() for span in exporter.get_finished_spans()]
    found = sum(text.count(word) for text in told for word in words)
    figures(30, spans=len(told), canaries=len(words), errors=errors, found=found)
    assert record.id == b
    assert len(told) > len(attempts)
    assert errors > 3
    assert found == 0


def test_nothing_is_imported_for_it() -> None:
    program = (
        "import json, sys\n"
        "from commonplace import HashingEmbedder, Memory\n"
        "memory = Memory(':memory:', embedder=HashingEmbedder(8))\n"
        "memory.add('x'); memory.search('x'); memory.close()\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('opentelemetry')]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout) == []


def test_without_a_provider_nothing_is_told(memory: Memory) -> None:
    memory.add("x")
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert memory.search("x")
