"""Importing an export: checked first, all of it, and then written as it is, some rows at a time."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonplace.drafts import OWN_SPACE
from commonplace.errors import ConflictError
from commonplace.failpoints import reach
from commonplace.ledger import FIELDS, SpaceModel, check_space
from commonplace.moving.checked import Export
from commonplace.moving.choosing import Chooser, Lately, OnConflict
from commonplace.moving.files import opened
from commonplace.moving.reports import ImportReport
from commonplace.moving.spaces import SpacePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from commonplace.clock import Clock
    from commonplace.embedding import OwnModel
    from commonplace.ledger import Ledger, Loading, RowKind, Whole
    from commonplace.moving.choosing import Decision
    from commonplace.moving.files import Source
    from commonplace.moving.reports import Progress
    from commonplace.view import View

    ByKind = list[tuple[RowKind, Sequence[Whole]]]


class Importer:
    """Imports exports into one ledger.

    Args:
        ledger: where to.
        model: makes the vectors that a file lacks.
        clock: tells the time.
        written: called after every transaction.
    """

    def __init__(
        self, ledger: Ledger, model: OwnModel, clock: Clock, written: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._clock = clock
        self._written = written

    def run(
        self,
        path: Path,
        view: View,
        *,
        on_conflict: OnConflict,
        dry_run: bool,
        progress: Progress | None,
    ) -> ImportReport:
        """Check a file, then write what it holds.

        Args:
            path: the file.
            view: what may be written.
            on_conflict: what to do when something else is in a row's place.
            dry_run: whether to stop before anything is written.
            progress: told how many bytes of the file are done.
        """
        with opened(path, twice=True) as source:
            export = Export(source)
            chooser = Chooser(SpacePlan.of(export.manifest, self._own), view, on_conflict)
            report = self._check(_told(export.checked(), source, "checking", progress), chooser)
            if dry_run:
                return report
            return self._write(_told(export.rows(), source, "importing", progress), chooser)

    @property
    def _own(self) -> SpaceModel:
        embedder = self._model.now.embedder
        return SpaceModel(embedder.identity, embedder.dimension)

    def _check(self, batches: Iterable[Sequence[Whole]], chooser: Chooser) -> ImportReport:
        """What would become of the rows. Whatever must be refused is refused here."""
        self._check_spaces(chooser.plan)
        report = ImportReport(dry_run=True)
        lately = Lately()
        for batch in batches:
            chooser.check_scopes(batch)
            with self._ledger.compare() as comparison:
                for kind, wholes in _by_kind(batch, chooser.plan):
                    decision = chooser.decided(comparison, kind, wholes, lately)
                    decision.add_to(report, kind)
                    report.embedded += sum(map(chooser.plan.to_embed, decision.to_write))
        return report

    def _check_spaces(self, plan: SpacePlan) -> None:
        with self._ledger.compare() as comparison:
            spaces = comparison.spaces()
        self._model.now.check(spaces.get(OWN_SPACE))
        for name in plan.models.keys() & spaces.keys():
            check_space(spaces[name], *plan.models[name])

    def _write(self, batches: Iterable[Sequence[Whole]], chooser: Chooser) -> ImportReport:
        report = ImportReport()
        lately = Lately()
        for batch in batches:
            rows = _by_kind(batch, chooser.plan)
            embedded = self._embedded(rows, chooser, lately)
            with self._ledger.load() as loading:
                hangs = functools.partial(loading.may_hang, may_write=chooser.may_write)
                now = self._clock.now()
                for kind, wholes in rows:
                    decision = chooser.decided(loading, kind, wholes, lately, hangs)
                    report.embedded += _counted(decision, chooser.plan, embedded)
                    self._put(loading, kind, decision, chooser, now)
                    decision.add_to(report, kind)
                reach("import.before_count")
                loading.recount(batch)
            reach("import.after_lot")
            self._written()
        return report

    def _embedded(self, rows: ByKind, chooser: Chooser, lately: Lately) -> set[int]:
        """Make the vectors that rows lack and will need, outside any write; which rows got some."""
        if chooser.plan.has_own:
            return set()
        tried = lately.copy()
        with self._ledger.compare() as comparison:
            lacking = [
                whole
                for kind, wholes in rows
                for whole in chooser.decided(comparison, kind, wholes, tried).to_write
                if chooser.plan.to_embed(whole)
            ]
        made = self._model.now.contents_vectors([whole.values["content"] for whole in lacking])
        for whole, matrix in zip(lacking, made, strict=True):
            if matrix is not None:
                vectors = [row.astype("<f4", copy=False).tobytes() for row in matrix]
                whole.vectors = {**whole.vectors, OWN_SPACE: vectors}
                whole.origins = {**whole.origins, OWN_SPACE: "content"}
        return set(map(id, lacking))

    def _put(
        self, loading: Loading, kind: RowKind, decision: Decision, chooser: Chooser, now: int
    ) -> None:
        models = {**chooser.plan.models, OWN_SPACE: self._own}
        used = {name for whole in decision.to_write for name in whole.vectors}
        loading.set_spaces({name: models[name] for name in sorted(used)}, now)
        loading.insert(kind, decision.new, now)
        for whole in tuple(decision.different):
            if not loading.replace(whole, chooser.may_write, now):
                decision.different.remove(whole)
                decision.skipped += 1


def _by_kind(batch: Sequence[Whole], plan: SpacePlan) -> ByKind:
    """The rows by kind, what others hang on first, their vectors under the names they have here."""
    found: dict[RowKind, list[Whole]] = {kind: [] for kind in FIELDS}
    for whole in batch:
        found[whole.kind].append(plan.renamed(whole))
    return [(kind, wholes) for kind, wholes in found.items() if wholes]


def _counted(decision: Decision, plan: SpacePlan, embedded: set[int]) -> int:
    """How many of the rows to write were embedded, which all must be that have to."""
    wanted = {id(whole) for whole in decision.to_write if plan.to_embed(whole)}
    if wanted - embedded:
        raise ConflictError("records changed while they were imported; import again to go on")
    return len(wanted)


def _told(
    batches: Iterable[Sequence[Whole]], source: Source, step: str, progress: Progress | None
) -> Iterator[Sequence[Whole]]:
    """The batches, with a word about each before it is used."""
    for batch in batches:
        if progress is not None:
            progress(step, source.position, source.size)
        yield batch
