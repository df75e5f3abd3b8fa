"""`Memory`: the facade. Opens a store; its verbs are in `commonplace.verbs`, by topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from commonplace.store import Options, Store
from commonplace.telemetry import traced
from commonplace.verbs.analysing import Analysing
from commonplace.verbs.auditing import Auditing
from commonplace.verbs.care import Care
from commonplace.verbs.comparing import Comparing
from commonplace.verbs.conversing import Conversing
from commonplace.verbs.erasing import Erasing
from commonplace.verbs.inspecting import Inspecting
from commonplace.verbs.keyed import Keyed
from commonplace.verbs.limiting import Limiting
from commonplace.verbs.moving import Moving
from commonplace.verbs.undoing import Undoing
from commonplace.verbs.watching import Watching
from commonplace.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self, Unpack

    from commonplace.analysis import Language
    from commonplace.clock import Clock
    from commonplace.encryption import Encryption
    from commonplace.index import ChromaCloud, ChromaServer
    from commonplace.ledger import Durability
    from commonplace.middleware import ReadMiddleware, WriteMiddleware


class MemoryOptions(TypedDict, total=False):
    """What `Memory` takes beside its path."""

    embedder: Any
    index: str
    language: Language | Literal["english"] | None
    durability: Durability
    cache_bytes: int
    sweep_every: float | None
    clock: Clock | None
    create: bool
    keep_versions: int | None
    middleware: Sequence[WriteMiddleware | ReadMiddleware]
    encryption: Encryption | None


class Memory(
    Conversing,
    Keyed,
    Inspecting,
    Analysing,
    Watching,
    Comparing,
    Moving,
    Undoing,
    Erasing,
    Auditing,
    Limiting,
    Care,
):
    """One memory: records in scopes, found by meaning, by words, by filter and by id.

    Use it as a context manager, or call `close()`. Safe to share between threads, and to open from
    several processes at once. After `os.fork` a child must open its own.

    Args:
        path: the directory it lives in, made if it is new; `":memory:"` for a memory that is gone
            when it is closed; or the URL of a PostgreSQL database, for a memory that several hosts
            share: `"postgresql://user@host/database"`. Its tables lie in a schema of their own,
            `commonplace` unless the URL ends with `?schema=...`; `pool_size=...` says how many
            connections there are at most (16). It needs the extra `postgres`.
        embedder: what turns texts into vectors: an `Embedder`, LangChain `Embeddings`, a Chroma
            embedding function. The built-in one needs no network, key or download. Without one
            any memory opens; if another embedder made its vectors, records are read, listed and
            found by words, and `reindex` moves it.
        index: `"auto"` keeps an embedded Chroma index beside the ledger once there are enough
            records for it to pay (10,000); `"chroma"` keeps it from the first record on; `"exact"`
            never does; `"http://host:port"`, a `ChromaServer` or a `ChromaCloud` keeps it there;
            `"pgvector"` keeps it in the PostgreSQL server that the ledger is on; see
            `docs/servers.md`. With its ledger on PostgreSQL a memory has an index only if one is
            named.
        durability: `"normal"` loses nothing when the process is killed at any instant, and at most
            the last moments before a power failure; `"full"` waits for the disk on every write and
            loses nothing then either, as far as the disk is honest. On PostgreSQL `"normal"`
            leaves that to the server's settings, and `"full"` waits for its disk.
        language: what words of a query find: `"english"` looks past stop words and endings, None
            takes every word as it is spelt, a `Language` brings stop words and a stemmer. Other
            scripts and identifiers are found with each. It may differ from one opening to the next.
        cache_bytes: how many bytes of vectors of recently searched scopes to keep in memory, and a
            quarter as much of their words.
        sweep_every: seconds between automatic removals of expired records; None for never, which
            is enough: expired records are invisible at once.
        clock: where the time comes from; tests fix it.
        create: whether a memory is made where there is none.
        keep_versions: how many former states of a record are kept when this handle writes it; None
            for all of them, 0 for none. Older ones are forgotten then, whoever wrote them.
        middleware: what changes or refuses records on their way in (`WriteMiddleware`, first to
            last) and changes them on their way out (`ReadMiddleware`, last to first), for this
            memory and every view of it.
        encryption: the keys that texts, values and metadata are encrypted with, and which scopes
            are; see `docs/encryption.md`.

    Raises:
        EncryptionError: the memory is encrypted and `encryption` is not given, or a key in it is
            not the one.
        InvalidInputError: an argument is not as it should be, or the memory's database has no
            such thing, as PostgreSQL has no `encryption`.
        NotFoundError: there is no memory at `path`, with `create=False`.
        StoreUnavailableError: the server cannot be reached.
        PermissionDeniedError: the directory cannot be used.
        FormatTooNewError: a newer version of Commonplace wrote it.
        ModelMismatchError: its vectors were made by another embedder than the one given; see
            `reindex`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        embedder: Any = None,
        index: str | ChromaServer | ChromaCloud = "auto",
        language: Language | Literal["english"] | None = "english",
        durability: Durability = "normal",
        cache_bytes: int = 128 * 1024 * 1024,
        sweep_every: float | None = None,
        clock: Clock | None = None,
        create: bool = True,
        keep_versions: int | None = None,
        middleware: Sequence[WriteMiddleware | ReadMiddleware] = (),
        encryption: Encryption | None = None,
    ) -> None:
        options = Options(
            embedder=embedder,
            index=index,
            language=language,
            durability=durability,
            cache_bytes=cache_bytes,
            sweep_every=sweep_every,
            clock=clock,
            create=create,
            keep_versions=keep_versions,
            middleware=middleware,
            encryption=encryption,
        )
        self._store = Store(path, options)
        self._view = View()

    @classmethod
    def from_config(
        cls,
        path: str | Path | None = None,
        *,
        config: str | Path | None = None,
        **options: Unpack[MemoryOptions],
    ) -> Self:
        """Open the memory that the configuration names, with the options that it says.

        An argument comes before a variable of the environment (`COMMONPLACE_...`), that before the
        file of settings, that before the default. `docs/configuration.md` lists every option.

        Args:
            path: where it is, if that is given here.
            config: the file of settings, in TOML; if it is not given here, `COMMONPLACE_CONFIG`
                may name one. No other file is looked for.
            **options: what is given here; see `Memory`.

        Raises:
            InvalidInputError: an option is unknown, or is not what it may be. No error shows a
                value, as it may be secret.
            NotFoundError: the file is not there, or there is no memory.
            CommonplaceError: see `Memory`.
        """
        # Here and not above: who opens a memory by its path needs no pydantic.
        from commonplace.configuration import load  # noqa: PLC0415

        configuration = load(path, config=config, options=options)
        return cls(configuration.path, **configuration.options())


traced(Memory, "commonplace")
