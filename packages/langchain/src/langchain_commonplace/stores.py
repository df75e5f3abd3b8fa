"""Key-value stores over a memory: JSON values, bytes, documents."""

from __future__ import annotations

import base64
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.documents import Document
from langchain_core.stores import BaseStore

from commonplace import AsyncMemory, InvalidInputError, Scope
from langchain_commonplace._convert import FACE, document_fields, kept, stored_document
from langchain_commonplace._opening import MemoryLike, Opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from commonplace import Record
    from commonplace.scope import ScopeLike

V = TypeVar("V")
_KEYS_AT_ONCE = 200


class _KeyedStore(Opened, BaseStore[str, V]):
    """What the stores share: each key is the key of one record at the scope itself.

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the records lie; the memory's root, or that of the view, by default. Several
            stores in one memory each need a scope of their own.
    """

    def __init__(self, memory: MemoryLike, *, scope: ScopeLike | None = None) -> None:
        place = None if scope is None else Scope.of(scope)
        whole = self._open(memory)
        self._view = whole if place is None else whole.scope(place)

    @abstractmethod
    def _fields(self, value: V) -> dict[str, Any]:
        """What the record of a value is made of."""

    @abstractmethod
    def _value(self, record: Record) -> V | None:
        """The value that a record stands for; None if it stands for none."""

    def mget(self, keys: Sequence[str]) -> list[V | None]:
        """The values of the keys in the order given; None for each that is missing."""
        return [self._of(record) for record in self._view.get_keys(keys)]

    async def amget(self, keys: Sequence[str]) -> list[V | None]:
        """See `mget`."""
        found = await AsyncMemory(self._view).get_keys(keys)
        return [self._of(record) for record in found]

    def mset(self, key_value_pairs: Sequence[tuple[str, V]]) -> None:
        """Set all the keys or, if one of the values is refused, none.

        Raises:
            InvalidInputError: a key or a value cannot be stored.
        """
        self._view.add_many(self._records(key_value_pairs))

    async def amset(self, key_value_pairs: Sequence[tuple[str, V]]) -> None:
        """See `mset`."""
        await AsyncMemory(self._view).add_many(self._records(key_value_pairs))

    def mdelete(self, keys: Sequence[str]) -> None:
        """Delete the keys; those that are missing are passed over."""
        found = self._view.get_keys(keys)
        self._view.delete([record.id for record in found if record and record.key is not None])

    async def amdelete(self, keys: Sequence[str]) -> None:
        """See `mdelete`."""
        view = AsyncMemory(self._view)
        found = await view.get_keys(keys)
        await view.delete([record.id for record in found if record and record.key is not None])

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys, sorted, that begin with the prefix; those set meanwhile may be among them."""
        page = self._view.list(**self._page(prefix))
        while page:
            yield from (keys := _matching(page, prefix))
            page = self._view.list(**self._page(prefix, after=page[-1].key)) if keys else []

    async def ayield_keys(  # pyright: ignore[reportIncompatibleMethodOverride] - upstream's abstract form has no yield
        self, *, prefix: str | None = None
    ) -> AsyncIterator[str]:
        """See `yield_keys`."""
        view = AsyncMemory(self._view)
        page = await view.list(**self._page(prefix))
        while page:
            for key in (keys := _matching(page, prefix)):
                yield key
            page = await view.list(**self._page(prefix, after=page[-1].key)) if keys else []

    def _of(self, record: Record | None) -> V | None:
        return None if record is None or record.key is None else self._value(record)

    def _records(self, pairs: Sequence[tuple[str, V]]) -> list[dict[str, Any]]:
        return [
            {"key": key, "source": {"app": FACE}, **self._fields(value)} for key, value in pairs
        ]

    def _page(self, prefix: str | None, *, after: str | None = None) -> dict[str, Any]:
        least = {"$gte": prefix or ""} if after is None else {"$gt": after}
        return {
            "recursive": False,
            "filter": {"@key": least},
            "order_by": "key",
            "limit": _KEYS_AT_ONCE,
        }


def _matching(page: list[Record], prefix: str | None) -> list[str]:
    """The keys of a sorted page that begin with the prefix; past the last of them there is none."""
    return [
        record.key
        for record in page
        if record.key is not None and record.key.startswith(prefix or "")
    ]


class CommonplaceKeyValueStore(_KeyedStore[Any]):
    """Keeps any JSON value by key: LangChain's `BaseStore[str, Any]`.

    ```python
    store = CommonplaceKeyValueStore(memory, scope="settings")
    store.mset([("theme", {"dark": True})])
    store.mget(["theme", "unknown"])  # [{"dark": True}, None]
    ```

    The value is the record's `value` and is not searched. A record that another face wrote with a
    key at this scope is found too: as its value or, if it has none, its content.

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the records lie; the memory's root, or that of the view, by default. Several
            stores in one memory each need a scope of their own.
    """

    def _fields(self, value: Any) -> dict[str, Any]:
        return {"value": value, "embed": False}

    def _value(self, record: Record) -> Any:
        return record.content or None if record.value is None else record.value


class CommonplaceByteStore(_KeyedStore[bytes]):
    """Keeps bytes by key: LangChain's `ByteStore`, as for `CacheBackedEmbeddings`.

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the records lie; the memory's root, or that of the view, by default. Several
            stores in one memory each need a scope of their own.
    """

    def _fields(self, value: bytes) -> dict[str, Any]:
        if not isinstance(value, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(
                f"a byte store keeps bytes, not {type(value).__name__}; "
                "CommonplaceKeyValueStore keeps JSON, CommonplaceDocumentStore documents"
            )
        text = base64.b64encode(value).decode("ascii")
        return {"kind": "bytes", "value": {FACE: {"base64": text}}, "embed": False}

    def _value(self, record: Record) -> bytes | None:
        own = kept(record) or {}
        return base64.b64decode(own["base64"]) if "base64" in own else None


class CommonplaceDocumentStore(_KeyedStore[Document]):
    """Keeps documents by key: a `docstore` for `ParentDocumentRetriever` and its like.

    The text is the record's content, so `CommonplaceRetriever` and every other face find it too.

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the records lie; the memory's root, or that of the view, by default. Several
            stores in one memory each need a scope of their own.
    """

    def _fields(self, value: Document) -> dict[str, Any]:
        if not isinstance(value, Document):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(f"a document store keeps documents, not {type(value).__name__}")
        return document_fields(value)

    def _value(self, record: Record) -> Document:
        return stored_document(record)
