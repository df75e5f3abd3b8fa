"""Trying a store: all cases at once, or as tests of pytest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from langgraph_store_commonplace.testing import _cases, _cases_index, _cases_ttl
from langgraph_store_commonplace.testing._case import CAPABILITIES, CASES, Case, NotTriedError
from langgraph_store_commonplace.testing._report import Outcome, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from langgraph_store_commonplace.testing._case import Factory

_LOADED = (_cases, _cases_index, _cases_ttl)  # importing them registers their cases
_LONGEST = 200


def cases(*capabilities: str) -> list[Case]:
    """The cases of some capabilities, or all of them."""
    if unknown := set(capabilities) - set(CAPABILITIES):
        raise ValueError(f"no such capability: {sorted(unknown)}; there are {list(CAPABILITIES)}")
    return [case for case in CASES if not capabilities or case.capability in capabilities]


def validate(
    factory: Factory,
    *,
    name: str = "store",
    skip: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[Outcome], None] | None = None,
) -> Report:
    """Try every case on stores of a factory.

    Args:
        factory: called as `factory(index=..., ttl=...)`; gives an empty store, or a context
            manager that does. None for `index` is a store without search by meaning.
        name: what to call it in the report.
        skip: capabilities or ids of cases that are not tried.
        sleep: lets seconds pass for the store.
        progress: called after every case.
    """
    outcomes: list[Outcome] = []
    for case in cases():
        outcome = _tried(case, factory, skip, sleep)
        outcomes.append(outcome)
        if progress is not None:
            progress(outcome)
    return Report(name=name, outcomes=tuple(outcomes))


def _tried(
    case: Case, factory: Factory, skip: Collection[str], sleep: Callable[[float], None]
) -> Outcome:
    if case.id in skip or case.capability in skip:
        return Outcome(case=case, verdict="skipped", reason="left out")
    try:
        case.run(factory, sleep=sleep)
    except NotTriedError as error:
        return Outcome(case=case, verdict="skipped", reason=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a store raises is its answer
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        return Outcome(case=case, verdict="failed", reason=reason[:_LONGEST])
    return Outcome(case=case, verdict="passed")


class StoreConformance:
    """The cases as tests of pytest. Subclass it, name the class `Test...`, and say what to try.

    ```python
    class TestMyStore(StoreConformance):
        def factory(self, *, index, ttl):
            return MyStore(index=index, ttl=ttl)
    ```

    Attributes:
        known_failures: ids of cases that the store breaks, each with the reason. One that passes
            all the same fails the test, so that the list stays true.
        skip: capabilities or ids of cases that are not tried.
    """

    known_failures: ClassVar[Mapping[str, str]] = {}
    skip: ClassVar[Collection[str]] = ()

    def factory(self, *, index: Any, ttl: Any) -> Any:
        """An empty store, or a context manager that gives one."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Let seconds pass for the store."""
        time.sleep(seconds)

    def pytest_cases(self) -> Iterator[Case]:
        """The cases that are tried."""
        return (case for case in cases() if not {case.id, case.capability} & set(self.skip))

    def test_case(self, case: Case) -> None:
        """One case; `pytest_generate_tests` names them."""
        outcome = _tried(case, self.factory, self.skip, self.sleep)
        if case.id in self.known_failures:
            assert outcome.verdict == "failed", f"{case.id} passes; take it off known_failures"
        else:
            assert outcome.verdict != "failed", f"{case.id}: {case.says} {outcome.reason}"

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Give `test_case` its cases."""
        metafunc.parametrize("case", list(self.pytest_cases()), ids=str)
