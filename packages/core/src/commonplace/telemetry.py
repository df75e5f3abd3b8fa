"""Spans and metrics of what a memory does, for applications that use OpenTelemetry.

Nothing is imported and nothing measured unless the application imported OpenTelemetry and set a
provider. Spans carry counts, sizes, times and fixed words: never text, ids, keys, tags, scopes or
file names. Names follow the semantic conventions for database clients where they have one.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import time
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    P = ParamSpec("P")
    R = TypeVar("R")

_SYSTEM = {"db.system.name": "commonplace"}
_SIZES = ("content", "query", "text")
_BATCHES = ("ids", "records", "messages", "drafts", "puts")
_NUMBERS = ("limit", "offset", "depth", "hops", "max_hops", "batch", "max_tokens")
_FLAGS = ("recursive", "dedupe", "explain", "dry_run", "history")
_WORDS = {"mode": {"hybrid", "dense", "lexical"}, "if_exists": {"replace", "keep", "error"}}
_NOTHING = contextlib.nullcontext()
_NOT_TRACED = frozenset({"close", "on", "scope", "thread", "view"})


def traced(owner: type, prefix: str) -> None:
    """Let every public verb of a class tell of itself; `scope`, `view` and their like do no work.

    Args:
        owner: the class; the verbs that it inherits are told of too.
        prefix: what the names of spans begin with.
    """
    for name, verb in inspect.getmembers(owner, inspect.isfunction):
        if not name.startswith("_") and name not in _NOT_TRACED:
            setattr(owner, name, _told(verb, f"{prefix}.{name.rstrip('_')}"))


def note(**attributes: float | str) -> None:
    """Add attributes to the span under way, if there is one."""
    if _tracer() is not None:
        named = {f"commonplace.{name}": value for name, value in attributes.items()}
        sys.modules["opentelemetry.trace"].get_current_span().set_attributes(named)


def part(name: str, **attributes: float | str) -> AbstractContextManager[None]:
    """A span for a part of what a verb does, for as long as the block lasts."""
    tracer = _tracer()
    return _NOTHING if tracer is None else _part(tracer, name, attributes)


@contextlib.contextmanager
def _part(tracer: Any, name: str, attributes: Mapping[str, Any]) -> Generator[None]:
    named = {f"commonplace.{key}": value for key, value in attributes.items()}
    with _span(tracer, f"commonplace.{name}", named) as span, _failing(span):
        yield


def _told(verb: Callable[P, R], name: str) -> Callable[P, R]:
    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if "opentelemetry" not in sys.modules:
            return verb(*args, **kwargs)
        return _measured(verb, name, args, kwargs)

    return call


def _measured(
    verb: Callable[..., R], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> R:
    tracer, meter = _tracer(), _meter()
    if tracer is None and meter is None:
        return verb(*args, **kwargs)
    common = {**_SYSTEM, "db.operation.name": name.removeprefix("commonplace.")}
    began = time.perf_counter()
    failed: dict[str, str] = {}
    try:
        if tracer is None:
            return verb(*args, **kwargs)
        with _span(tracer, name, {**common, **_asked(verb, args, kwargs)}) as span, _failing(span):
            found = verb(*args, **kwargs)
            span.set_attributes(_answered(found))
            return found
    except BaseException as error:
        failed["error.type"] = type(error).__name__
        raise
    finally:
        if meter is not None:
            _duration(meter).record(time.perf_counter() - began, {**common, **failed})


def _span(tracer: Any, name: str, attributes: Mapping[str, Any]) -> Any:
    return tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


@contextlib.contextmanager
def _failing(span: Any) -> Generator[None]:
    """Say of an error only what class it is of: its message may name what is nobody's business."""
    try:
        yield
    except BaseException as error:
        kind = type(error).__name__
        span.set_attribute("error.type", kind)
        status = sys.modules["opentelemetry.trace"].StatusCode.ERROR
        span.set_status(status, kind)
        raise


def _asked(verb: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What of the arguments may be told: numbers, sizes and words out of fixed lists."""
    try:
        given = _signature(verb).bind_partial(*args, **kwargs).arguments
    except TypeError:  # the verb itself says what is wrong
        return {}
    given = {**given, **given.pop("fields", {})}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in _SIZES and isinstance(value, str):
            found[f"commonplace.{name}.characters"] = len(value)
        elif name in _BATCHES and isinstance(value, list | tuple):
            found["db.operation.batch.size"] = len(cast("list[Any]", value))
        elif _is_tellable(name, value):
            found[f"commonplace.{name}"] = value
        elif name == "filter":
            found["commonplace.filtered"] = value is not None
    return found


def _is_tellable(name: str, value: Any) -> bool:
    if name in _NUMBERS:
        return _is_number(value)
    if name in _FLAGS:
        return isinstance(value, bool)
    return name in _WORDS and isinstance(value, str) and value in _WORDS[name]


def _answered(found: Any) -> dict[str, Any]:
    if isinstance(found, list | tuple | dict):
        return {"db.response.returned_rows": len(cast("list[Any]", found))}
    if _is_number(found):
        return {"commonplace.count": found}
    return {"db.response.returned_rows": 0} if found is None else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


@functools.lru_cache(maxsize=256)
def _signature(verb: Any) -> inspect.Signature:
    return inspect.signature(verb)


def _tracer() -> Any:
    """The application's tracer; None if it has none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else _tracer_of(provider)


def _meter() -> Any:
    """The application's meter; None if it has none."""
    metrics = sys.modules.get("opentelemetry.metrics")
    if metrics is None:
        return None
    provider = metrics.get_meter_provider()
    return None if type(provider).__name__ == "_ProxyMeterProvider" else _meter_of(provider)


@functools.lru_cache(maxsize=4)
def _tracer_of(provider: Any) -> Any:
    return provider.get_tracer("commonplace")


@functools.lru_cache(maxsize=4)
def _meter_of(provider: Any) -> Any:
    return provider.get_meter("commonplace")


@functools.lru_cache(maxsize=4)
def _duration(meter: Any) -> Any:
    return meter.create_histogram(
        "db.client.operation.duration", unit="s", description="How long verbs of a memory took."
    )
