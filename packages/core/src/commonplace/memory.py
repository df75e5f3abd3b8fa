"""`Memory`: the facade. Checks what it is given, then asks the ledger, the search and the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from commonplace.arguments import (
    checked_choice,
    checked_flag,
    checked_id,
    checked_ids,
    checked_iterable,
    checked_limit,
    checked_number,
    checked_offset,
    checked_order,
    checked_query,
    checked_weight,
)
from commonplace.drafts import (
    RecordChanges,
    RecordFields,
    Revision,
    checked_kinds,
    checked_query_vector,
    checked_tags,
    draft,
    fields_of,
)
from commonplace.errors import ConflictError, InvalidInputError, NotFoundError
from commonplace.filters import parse_filter
from commonplace.record import Hit, Hits, Record, ScopeInfo
from commonplace.store import Options, Store
from commonplace.view import View

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from commonplace.clock import Clock
    from commonplace.drafts import VectorLike
    from commonplace.filters import Filter
    from commonplace.ledger import Durability, Selection
    from commonplace.maintenance import Report, Stats
    from commonplace.scope import Scope, ScopeLike
    from commonplace.search import Mode

    FilterLike = Mapping[str, Any] | Filter | None


class Memory:
    """One memory: records in scopes, found by meaning, by words, by filter and by id.

    Use it as a context manager, or call `close()`. Safe to share between threads, and to open from
    several processes at once. After `os.fork` a child must open its own.

    Args:
        path: the directory it lives in, made if it is new; `":memory:"` for a memory that is gone
            when it is closed.
        embedder: what turns texts into vectors: an `Embedder`, LangChain `Embeddings`, a Chroma
            embedding function. The built-in one needs no network, key or download.
        index: `"auto"` keeps an embedded Chroma index beside the ledger once there are enough
            records for it to pay (10,000); `"chroma"` keeps it from the first record on; `"exact"`
            never does; `"http://host:port"` keeps it on a Chroma server.
        durability: `"normal"` loses nothing when the process is killed at any instant, and at most
            the last moments before a power failure; `"full"` waits for the disk on every write and
            loses nothing then either, as far as the disk is honest.
        cache_bytes: how many bytes of vectors of recently searched scopes to keep in memory.
        sweep_every: seconds between automatic removals of expired records; None for never, which
            is enough: expired records are invisible at once.
        clock: where the time comes from; tests fix it.
        create: whether a memory is made where there is none.

    Raises:
        NotFoundError: there is no memory at `path`, with `create=False`.
        PermissionDeniedError: the directory cannot be used.
        FormatTooNewError: a newer version of Commonplace wrote it.
        ModelMismatchError: its vectors were made by another embedder than the one given.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        embedder: Any = None,
        index: str = "auto",
        durability: Durability = "normal",
        cache_bytes: int = 128 * 1024 * 1024,
        sweep_every: float | None = None,
        clock: Clock | None = None,
        create: bool = True,
    ) -> None:
        options = Options(
            embedder=embedder,
            index=index,
            durability=durability,
            cache_bytes=cache_bytes,
            sweep_every=sweep_every,
            clock=clock,
            create=create,
        )
        self._store = Store(path, options)
        self._view = View()

    @classmethod
    def _through(cls, store: Store, view: View) -> Self:
        handle = cls.__new__(cls)
        handle._store = store  # noqa: SLF001 - the handle is of this class
        handle._view = view  # noqa: SLF001 - as above
        return handle

    # Views

    def scope(self, scope: ScopeLike) -> Self:
        """This memory, narrowed to a scope and what lies below it, for reading and writing.

        Raises:
            OutsideViewError: the scope lies outside this view.
        """
        return self.view(read=[scope], write=scope)

    def view(self, *, read: Sequence[ScopeLike], write: ScopeLike | None = None) -> Self:
        """This memory, narrowed to several scopes to read and at most one to write.

        Scopes are always named by their whole path. A view shares its memory's files and threads;
        closing any of them closes all.

        Raises:
            OutsideViewError: a scope lies outside this view.
        """
        return self._through(self._store, self._view.narrowed(read, write))

    # Writing

    def add(
        self,
        content: str = "",
        *,
        if_exists: Literal["replace", "keep", "error"] = "replace",
        dedupe: bool = False,
        **fields: Unpack[RecordFields],
    ) -> Record:
        """Remember something. When it returns, it survives the process being killed.

        Args:
            content: the text that is searched, at most 1,000,000 characters.
            if_exists: what to do when a record has this `id`, or this `key` in this scope:
                replace it (it keeps its id and `created_at`), keep it as it is, or refuse.
            dedupe: return the record of the same scope, kind and content if there is one.
            **fields: `id`, `scope`, `key`, `kind`, `value` (any JSON), `tags`, `metadata`,
                `importance` (0 to 1), `source`, `created_at`, `expires_at` or `ttl` (seconds or
                timedelta), `valid_from`, `valid_to`; `vector` (in the memory's own space),
                `vectors` (by space name, one or several each), and `embed`: False to keep the
                record out of search, or the texts to embed in place of the content.

        Returns:
            The record as it was stored.

        Raises:
            InvalidInputError: a part is malformed or too large; nothing was written.
            OutsideViewError: the scope lies outside what this view writes.
            ConflictError: the id is taken, or `if_exists="error"`.
        """
        return self._put([(content, fields)], if_exists, dedupe=dedupe)[0]

    def add_many(
        self,
        records: Iterable[str | Record | Mapping[str, Any]],
        *,
        if_exists: Literal["replace", "keep", "error"] = "replace",
        dedupe: bool = False,
        scope: ScopeLike | None = None,
    ) -> builtins.list[Record]:
        """Remember many things in one transaction: all of them or none.

        Args:
            records: texts, dicts of `content` and the fields of `add`, or records read elsewhere.
            if_exists: as in `add`.
            dedupe: as in `add`; also within the batch.
            scope: where those go that name none.

        Returns:
            The stored records in the order given. Where two name the same record, the last wins.

        Raises:
            InvalidInputError: one of them is malformed; nothing was written.
        """
        default: RecordFields = {} if scope is None else {"scope": scope}
        given = [_given(one, default) for one in checked_iterable(records, "records")]
        return self._put(given, if_exists, dedupe=dedupe)

    def update(
        self,
        id: str,  # noqa: A002 - the field's name everywhere
        *,
        expected_version: int | None = None,
        **changes: Unpack[RecordChanges],
    ) -> Record:
        """Change the named parts of a record; the others stay. Its version rises by one.

        Changed content is embedded anew in the memory's own space; vectors of other spaces stay
        unless new ones are given.

        Args:
            id: which record.
            expected_version: refuse if the record has another version by now.
            **changes: `content`, `scope` (moves it), `key`, `kind`, `value`, `tags`, `metadata`,
                `importance`, `source`, `expires_at`, `valid_from`, `valid_to`, `vector`,
                `vectors`, `embed`: each as in `add`; None empties what may be empty.

        Raises:
            NotFoundError: no such record can be seen and written from this view.
            ConflictError: the version is not the expected one, or the key is taken.
            InvalidInputError: a part is malformed; nothing was written.
        """
        revision = Revision.of(changes, now=self._store.now())
        if revision.scope is not None:
            self._view.writable(revision.scope)

        def revise(record: Record) -> Record:
            if not self._view.may_write(record.scope):
                raise _not_found(id)
            if expected_version is not None and record.version != expected_version:
                raise ConflictError(
                    f"record {id!r} has version {record.version}, not {expected_version}; "
                    "read it again and decide anew"
                )
            return revision.applied(record)

        if expected_version is not None:
            checked_offset(expected_version, "expected_version")
        selection = self._selection(now=revision.now)
        revised = self._store.writer.revise(checked_id(id), selection, revise, revision)
        if revised is None:
            raise _not_found(id)
        return revised

    def delete(
        self,
        ids: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        everything: bool = False,
    ) -> int:
        """Delete records by id, or all that match, or with `everything=True` all in the view.

        An empty list of ids matches nothing. Several conditions must all hold.

        Returns:
            How many were deleted.

        Raises:
            InvalidInputError: nothing was named; deleting all takes `everything=True`.
            OutsideViewError: the view only reads, or the scope lies outside it.
        """
        target = self._view.writable(scope)
        selection = self._selection([target], filter=filter, kinds=kinds, tags=tags)
        named = ids is not None or scope is not None or selection.narrowed
        if not named and not checked_flag(everything, "everything"):
            raise InvalidInputError(
                "say what to delete: ids, scope, filter, kinds or tags; or everything=True"
            )
        wanted = None if ids is None else checked_ids(ids)
        return self._store.writer.delete(wanted, selection, now=selection.now)

    def sweep(self) -> int:
        """Remove expired records that this view may write for good; how many there were."""
        selection = self._selection([self._view.writable(None)])
        return self._store.writer.sweep(selection)

    # Reading

    def get(
        self,
        id: str | None = None,  # noqa: A002 - the field's name everywhere
        *,
        key: str | None = None,
        scope: ScopeLike | None = None,
    ) -> Record | None:
        """The record with this id, or with this key at this scope; None if there is none.

        Args:
            id: the record's id.
            key: the record's key; with `scope`, or in a view of one scope.
            scope: where the key is looked up: that scope itself, not below it.

        Raises:
            InvalidInputError: neither or both of id and key were given.
        """
        if (id is None) == (key is None):
            raise InvalidInputError("give an id, or a key and its scope")
        if id is not None:
            return self.get_many([checked_id(id)])[0]
        place = self._view.readable(self._only_scope() if scope is None else scope)
        return self._store.reader.by_key(place, checked_id(key, "key"), self._selection())

    def get_many(self, ids: Iterable[str]) -> builtins.list[Record | None]:
        """The records with these ids in the order given; None for each that is not to be seen."""
        wanted = checked_ids(ids)
        found = self._store.reader.by_id(wanted, self._selection())
        return [found.get(record_id) for record_id in wanted]

    def list(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        order_by: str | Sequence[str] = "-created_at",
        limit: int = 100,
        offset: int = 0,
    ) -> builtins.list[Record]:
        """The records that match, newest first, page by page.

        Args:
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: see the guide on filters; `{"topic": "food", "@importance": {"$gte": 0.5}}`.
            kinds: only these kinds.
            tags: only records with at least one of these tags.
            order_by: one or several of `id`, `key`, `kind`, `scope`, `importance`, `version`,
                `created_at`, `updated_at`, `expires_at`, each with `-` in front for descending.
                Ties are broken by id, so that paging to the end returns every match once.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        selection = self._selection(
            self._wanted(scope), below=recursive, filter=filter, kinds=kinds, tags=tags
        )
        return self._store.reader.page(
            selection, checked_order(order_by), checked_limit(limit), checked_offset(offset)
        )

    def count(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
    ) -> int:
        """How many records match; the arguments are those of `list`."""
        selection = self._selection(
            self._wanted(scope), below=recursive, filter=filter, kinds=kinds, tags=tags
        )
        return self._store.reader.count(selection)

    def scopes(
        self,
        *,
        scope: ScopeLike | None = None,
        depth: int | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> builtins.list[ScopeInfo]:
        """The scopes that hold records, ordered by path, each with its count.

        Args:
            scope: only this scope and those below it.
            depth: stop at so many segments from the root; what lies deeper is counted there.
            limit: at most so many.
            offset: after so many.
        """
        if depth is not None:
            checked_offset(depth, "depth")
        selection = self._selection(self._wanted(scope))
        return self._store.reader.scopes(
            selection, depth, checked_limit(limit), checked_offset(offset)
        )

    def search(
        self,
        query: str | None = None,
        *,
        vector: VectorLike | None = None,
        space: str | None = None,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        mode: Mode = "hybrid",
        dense_weight: float = 0.5,
        limit: int = 10,
        offset: int = 0,
        min_score: float | None = None,
        explain: bool = False,
    ) -> Hits:
        """The records nearest to a query in meaning and words, best first.

        Scope, filter and expiry choose the candidates before anything is ranked. A record is found
        by the very next search after its `add` returned. Exact ties are broken by newest, then id.
        Without a query and a vector it lists what matches, newest first, with score 0.

        Args:
            query: what to look for.
            vector: its vector, if it was embedded elsewhere.
            space: the name of the space `vector` belongs to; the memory's own by default.
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: as in `list`.
            kinds: only these kinds.
            tags: only records with at least one of these tags.
            mode: `hybrid` fuses both lanes, `dense` ranks by cosine, `lexical` by BM25.
            dense_weight: the share of the dense lane in a hybrid score, 0 to 1.
            limit: at most so many hits.
            offset: after so many.
            min_score: only hits with at least this score.
            explain: whether the hits carry the plan that found them, as `hits.plan`.

        Raises:
            InvalidInputError: an argument is malformed.
            ModelMismatchError: the memory's vectors are another model's, or of another length.
            EmbedderError: the embedder failed.
        """
        words = checked_query(query)
        read = self._wanted(scope)
        selection = self._selection(read, below=recursive, filter=filter, kinds=kinds, tags=tags)
        checked_choice(mode, ("hybrid", "dense", "lexical"), "mode")
        if space is not None:
            checked_id(space, "space")
        lookup = self._store.reader.lookup(words, checked_query_vector(vector), space, mode)
        if lookup is None:
            records = self._store.reader.page(
                selection, ("-created_at",), checked_limit(limit), checked_offset(offset)
            )
            return Hits(Hit(record=record, score=0.0) for record in records)
        hits = self._store.reader.search(
            lookup,
            selection,
            scope=read[0] if len(read) == 1 and recursive else None,
            dense_weight=checked_weight(dense_weight),
            limit=checked_limit(limit),
            offset=checked_offset(offset),
            min_score=None if min_score is None else checked_number(min_score, "min_score"),
        )
        return hits if checked_flag(explain, "explain") else Hits(hits)

    # Care

    def flush(self) -> None:
        """Bring the index up to date with every write so far. Writes are safe without it."""
        self._store.flush()

    def verify(self) -> Report:
        """What is wrong with the store, if anything; nothing is changed."""
        return self._store.verify()

    def repair(self) -> Report:
        """Mend what `verify` finds, from the ledger; what was mended and what was not."""
        return self._store.repair()

    def stats(self) -> Stats:
        """Counts, sizes and the state of the index of the whole memory."""
        return self._store.stats()

    def close(self) -> None:
        """Finish what is under way and release every file and thread. Idempotent."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        read = ", ".join(repr(scope.path) for scope in self._view.read)
        return f"<{type(self).__name__} {self._store.name!r} reading {read}>"

    def _put(
        self,
        given: Sequence[tuple[str, RecordFields]],
        if_exists: Literal["replace", "keep", "error"],
        *,
        dedupe: bool,
    ) -> builtins.list[Record]:
        checked_choice(if_exists, ("replace", "keep", "error"), "if_exists")
        checked_flag(dedupe, "dedupe")
        home = self._view.writable(None)
        drafts = [
            draft(content, fields, scope=home, now=self._store.now(), fresh_id=self._store.new_id())
            for content, fields in given
        ]
        for made in drafts:
            self._view.writable(made.record.scope)
        return self._store.writer.put(drafts, if_exists=if_exists, dedupe=dedupe)

    def _selection(
        self,
        scopes: Sequence[Scope] | None = None,
        *,
        below: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        now: int | None = None,
    ) -> Selection:
        """What a call may touch: the only way from a view to the ledger."""
        return self._store.selection(
            self._view.read if scopes is None else scopes,
            below=checked_flag(below, "recursive"),
            filter=parse_filter(filter),
            kinds=checked_kinds(kinds),
            tags=checked_tags(tags),
            now=now,
        )

    def _wanted(self, scope: ScopeLike | None) -> Sequence[Scope]:
        return self._view.read if scope is None else [self._view.readable(scope)]

    def _only_scope(self) -> Scope:
        if len(self._view.read) > 1:
            raise InvalidInputError("this view reads several scopes; name the key's scope")
        return next(iter(self._view.read))


def _given(
    record: str | Record | Mapping[str, Any], default: RecordFields
) -> tuple[str, RecordFields]:
    if isinstance(record, str):
        return record, default
    if isinstance(record, Record):
        return record.content, fields_of(record)
    if not isinstance(record, dict):
        raise InvalidInputError(
            f"a record to add is a text, a dict or a Record, not {type(record).__name__}"
        )
    fields = {**default, **record}
    return fields.pop("content", ""), fields  # pyright: ignore[reportReturnType] - checked by `draft`


def _not_found(record_id: str) -> NotFoundError:
    return NotFoundError(f"no record {record_id!r} can be seen and written from this view")
