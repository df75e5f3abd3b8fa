"""Erasing: `erase`, `receipts`, `check_receipt`, `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from commonplace.arguments import checked_flag, checked_ids
from commonplace.errors import InvalidInputError, OutsideViewError
from commonplace.ledger import Target
from commonplace.maintenance import Receipt
from commonplace.verbs.handle import Handle
from commonplace.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonplace.maintenance import CompactReport, Report
    from commonplace.scope import ScopeLike


class Erasing(Handle):
    """The verbs that remove without a trace."""

    def erase(
        self,
        ids: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        everything: bool = False,
        scan: bool = True,
    ) -> Receipt:
        """Remove records from every file of the memory, now and for good. There is no way back.

        What goes with a record: its former states, vectors, words, links and their reasons, its
        place in a conversation, the summaries of that conversation, and its id in the journal. A
        scope goes with all below it: records that are deleted or expired already, conversations
        with their keys and metadata, and its path. A user who has a scope is erased by it. Copies
        in other scopes are records of their own and stay, as do facts taken out of messages.

        The rows are gone in one transaction. Then every file is written anew, which takes as long
        as copying them, and the index is removed: it is built again beside the reading and
        writing. Killed in between, the rest is done by the next opening, `erase`, `compact` or
        `repair`. Where another process is in the way, the receipt says what is pending.

        Args:
            ids: of records, deleted ones included; unknown ones are no matter. With a scope, only
                of those in it.
            scope: everything at this scope and below it; one that is all this view writes, such
                as the root, says nothing by itself.
            everything: all that this view may write.
            scan: whether every byte of every file is searched for what was erased.

        Returns:
            The receipt: how much was erased, what was found afterwards, what is out of reach. It
            names nothing that was erased, and is kept in the memory: `receipts`.

        Raises:
            InvalidInputError: nothing was named.
            OutsideViewError: the view only reads, or the scope lies outside it.
        """
        target = self._view.writable(scope)
        if ids is None and not self._view.narrowed_by(target):
            if not checked_flag(everything, "everything"):
                raise InvalidInputError(
                    "say what to erase: ids, or a scope within this view; or everything=True"
                )
            kind: Literal["ids", "scope", "everything"] = "everything"
        else:
            kind = "scope" if ids is None else "ids"
        wanted = Target(
            within=self._selection([target]),
            ids=None if ids is None else checked_ids(ids),
            writable=self._selection([self._view.writable(None)]),
        )
        return self._store.erase(wanted, kind, scan=checked_flag(scan, "scan"))

    def receipts(self) -> list[Receipt]:
        """The receipts of everything that was erased, oldest first.

        Raises:
            OutsideViewError: this is a view; receipts are of the whole memory.
        """
        self._whole("receipts are")
        return self._store.receipts()

    def check_receipt(self, receipt: Receipt | Mapping[str, Any]) -> Report:
        """Whether this memory stands by a receipt: it has the same, and its journal says so too.

        Args:
            receipt: the receipt, or what its `to_dict` gave.

        Raises:
            InvalidInputError: it is none.
        """
        given = receipt if isinstance(receipt, Receipt) else Receipt.from_dict(receipt)
        return self._store.check_receipt(given)

    def compact(self) -> CompactReport:
        """Give back the space that removed records and former states took; nothing is removed.

        The database is written anew, for which there must be room for a copy, and the index is
        built anew if a fifth of it is of removed records. Writers wait meanwhile. Erasures that
        were cut short are finished.

        Raises:
            OutsideViewError: this is a view; only the whole memory has files.
        """
        self._whole("files are")
        return self._store.compact()

    def _whole(self, what: str) -> None:
        if self._view != View():
            raise OutsideViewError(f"{what} of the whole memory; ask the one that was opened")
