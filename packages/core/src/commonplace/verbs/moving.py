"""Moving: `export`, `import_`, `import_records`, `export_vectors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from commonplace.arguments import checked_choice, checked_flag, checked_function, checked_id
from commonplace.drafts import OWN_SPACE
from commonplace.errors import NotFoundError
from commonplace.moving.arrays import write_arrays
from commonplace.moving.exporting import write_export
from commonplace.moving.files import checked_path, opened
from commonplace.moving.plain import checked_mapping, csv_lines, format_of, json_lines, store
from commonplace.moving.reports import ImportReport
from commonplace.verbs.handle import Handle, fields_given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from commonplace.drafts import RecordFields
    from commonplace.moving.choosing import OnConflict
    from commonplace.moving.plain import Fields, OnError, PlainFormat
    from commonplace.moving.reports import ExportReport, Progress
    from commonplace.scope import ScopeLike


class Moving(Handle):
    """The verbs that move records out of a memory and into it."""

    def export(
        self,
        path: str | Path,
        *,
        scope: ScopeLike | None = None,
        history: bool = True,
        vectors: bool = True,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write everything this view reads into a file, without loss: JSON Lines.

        Records with their vectors, their former states, links, threads and messages, as they are
        at one moment; expired records are left out. The file is there when it is whole, and only
        its owner can read it. It takes the place of a file of the same name. It is written as it
        is read: a large memory takes no more working memory than a small one.

        Args:
            path: the file; compressed if its name ends in `.gz`.
            scope: only this scope and what is below it.
            history: whether former states of records are wanted.
            vectors: whether vectors are; without them, importing embeds every record anew.
            progress: told how many lines are written.

        Raises:
            OutsideViewError: the scope lies outside this view.
            NotFoundError: there is no such directory.
            StorageFullError: the disk is full; nothing is left of the file.
        """
        wanted = self._wanted(scope)
        return write_export(
            self._store.ledger,
            checked_path(path),
            self._selection(wanted),
            scopes=[one.path for one in wanted],
            history=checked_flag(history, "history"),
            vectors=checked_flag(vectors, "vectors"),
            progress=checked_function(progress, "progress"),
        )

    def import_(
        self,
        path: str | Path,
        *,
        on_conflict: OnConflict = "error",
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Write what an export holds, exactly: ids, times, versions, vectors, former states, links.

        The file is read twice. The first time it is checked, all of it, and nothing is written if
        anything must be refused. Then about a thousand rows at a time are written, each time all
        or none. After a kill, importing the same file again passes over what is there and goes
        on. Vectors of this memory's own embedder are taken as they are; if the file has none,
        this memory's embedder makes them, and those of another are kept in a space of their own.

        Args:
            path: the file, compressed or not.
            on_conflict: what to do when an id, or a key, is taken by something different: refuse
                all, leave the file's record out, or put it in its place. What is replaced is
                gone with its history; another record that had its key is deleted.
            dry_run: only check, and say what would happen.
            progress: told how many bytes of the file are done.

        Raises:
            FormatError: the file is no export.
            FormatTooNewError: a newer version of Commonplace wrote it.
            FileDamagedError: it is truncated, or was altered.
            OutsideViewError: it holds a scope outside what this view writes.
            ConflictError: something different is in a record's place.
            ModelMismatchError: a space of that name holds another model's vectors.
            NotFoundError: there is no such file.
        """
        checked_choice(on_conflict, ("error", "skip", "replace"), "on_conflict")
        # What expired here does not exist, and must not stand in a record's place.
        self._store.writer.sweep(self._selection([self._view.writable(None)]))
        return self._store.importer.run(
            checked_path(path),
            self._view,
            on_conflict=on_conflict,
            dry_run=checked_flag(dry_run, "dry_run"),
            progress=checked_function(progress, "progress"),
        )

    def import_records(
        self,
        path: str | Path,
        *,
        mapping: Mapping[str, str] | None = None,
        format: PlainFormat | None = None,  # noqa: A002 - the field's name everywhere
        scope: ScopeLike | None = None,
        on_error: OnError = "report",
        if_exists: Literal["replace", "keep", "error"] = "replace",
        dedupe: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Add the records of a plain file: JSON Lines, or CSV with a header.

        Every line is checked like an argument of `add`, and about a thousand are written at a time.
        A line that is refused is reported with its number and the reason; the others are written.

        Args:
            path: the file, compressed or not.
            mapping: from fields of `add` to the names they have in the file, such as
                `{"content": "text", "metadata.author": "who"}`; names of the file may be paths
                into its objects. What is not named is not taken. Without it the file uses the
                names of `add`.
            format: `jsonl` or `csv`; by the file's name if left out.
            scope: where those go that name none.
            on_error: `report` refused lines, or `stop` at the first, with those before it written.
            if_exists: as in `add`.
            dedupe: as in `add`: with it, importing the same file again adds nothing twice.
            dry_run: only check, and say what would be refused.
            progress: told how many bytes of the file are done.

        Raises:
            InvalidInputError: an argument is malformed, or with `on_error="stop"` a line is.
            OutsideViewError: the scope lies outside what this view writes.
            NotFoundError: there is no such file.
        """
        checked_choice(on_error, ("report", "stop"), "on_error")
        checked_choice(if_exists, ("replace", "keep", "error"), "if_exists")
        checked_flag(dedupe, "dedupe")
        checked_function(progress, "progress")
        place = checked_path(path)
        names = checked_mapping(mapping)
        if format is None:
            format = format_of(place)  # noqa: A001 - as above
        checked_choice(format, ("jsonl", "csv"), "format")
        default: RecordFields = {"scope": self._view.writable(scope)}
        report = ImportReport(dry_run=checked_flag(dry_run, "dry_run"))

        def put(lines: Sequence[Fields]) -> None:
            drafts = self._drafts([fields_given(line, default) for line in lines])
            if not dry_run:
                self._store.writer.put(drafts, if_exists=if_exists, dedupe=dedupe)

        with opened(place) as source:
            read = json_lines if format == "jsonl" else csv_lines

            def advance() -> None:
                if progress is not None:
                    progress("importing", source.position, source.size)

            stop = on_error == "stop"
            store(read(source, names), put, report, stop=stop, advance=advance)
        return report

    def export_vectors(
        self, path: str | Path, *, space: str | None = None, scope: ScopeLike | None = None
    ) -> int:
        """Write the vectors of a space into a NumPy `.npz` file, for other programs.

        `ids` holds the record of each vector (text), `ordinals` its place among the vectors of that
        record, `vectors` a row each (float32). Nothing in it needs pickle.

        Args:
            path: the file, which is whole or absent as in `export`.
            space: the name of the space; the memory's own by default.
            scope: only this scope and what is below it.

        Returns:
            How many vectors were written.

        Raises:
            NotFoundError: no space has that name.
            OutsideViewError: the scope lies outside this view.
        """
        name = OWN_SPACE if space is None else checked_id(space, "space")
        selection = self._selection(self._wanted(scope))
        with self._store.ledger.read() as snapshot:
            found = snapshot.spaces().get(name)
        if found is None:
            raise NotFoundError(f"there is no space {name!r}; `stats` names those there are")
        return write_arrays(self._store.ledger, checked_path(path), selection, found)
