"""An index on a server: written by one process of all hosts, read by every one."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from commonplace.errors import CommonplaceError
from commonplace.index.begun import Begun
from commonplace.index.comparing import differences, followed, misfits
from commonplace.index.faults import (
    AlteredError,
    CollectionGoneError,
    OwnershipLostError,
    ServerFaultError,
)
from commonplace.index.follower import Follower
from commonplace.index.manifest import remove
from commonplace.pauses import doubled

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.index.ownership import Ownership
    from commonplace.index.port import Target
    from commonplace.ledger import Ledger, Snapshot, Space

    Vector = NDArray[np.float32]

_MOST_CHANGED = 10_000
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_SURE_AFTER = 60.0
_ANEW_EVERY, _ANEW_AT_LEAST_EVERY = 10.0, 640.0


class _State(NamedTuple):
    """What the ledger says of a space of the index at one moment."""

    begun: Begun
    space: Space
    applied: int
    head: int

    @property
    def whole(self) -> bool:
        return self.applied == self.head


class ServedIndex:
    """An index on a server.

    Whether this process may write is for `ownership` to say, whenever it does. Everything that the
    ledger is told of the index is told in a transaction that is undone if another has taken over.
    What was sent to the server just before is of no effect then: the other begins a new generation
    if anything may still be under way, and deletes the collections of the one before.

    Args:
        ledger: what it follows.
        target: the server.
        ownership: says who writes.
        leftover: an embedded index that may have been there before, which is removed.
        rebuild: whether to begin anew whatever is there.
    """

    def __init__(
        self,
        ledger: Ledger,
        target: Target,
        ownership: Ownership,
        *,
        leftover: Path | None = None,
        rebuild: bool = False,
    ) -> None:
        self._ledger = ledger
        self._target = target
        self._ownership = ownership
        self._leftover = leftover
        self._rebuild = rebuild
        self._store = target.store(ledger)
        self._follower = Follower(
            ledger, self._store, writing=ownership.writing, begin=self._say_writing
        )
        self._begun: Begun | None = None
        self.owner = False
        self._compared = self._dropped = False
        self._doubt = ""
        self.fault = ""
        self._failures = 0
        self._again_at = self._anew_at = self._unsure_until = float("-inf")
        self._anew_pause = _ANEW_EVERY

    def step(self, most: int) -> bool:
        """Follow the journal a stretch, if it is for this process to do; whether there is more.

        Raises:
            ServerFaultError: the server cannot be used now.
        """
        if time.monotonic() < self._again_at:
            self._stay_owner()
            raise ServerFaultError(self.fault)
        try:
            more = self._stepped(most)
        except OwnershipLostError:
            self.owner = False
            return False
        except (CollectionGoneError, AlteredError) as error:
            self._doubt = str(error)
            return True
        except ServerFaultError as error:
            if error.under_way:
                self._unsure_until = time.monotonic() + _SURE_AFTER + 2 * self._target.timeout
            self._wait(str(error))
            raise
        self._failures = 0
        self.fault = ""
        return more

    def hurry(self) -> None:
        """Ask the server again at the next step, though it failed a moment ago."""
        self._failures = 0
        self._again_at = float("-inf")

    def nearest(
        self, space_id: int, vector: Vector, count: int, where: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The entries nearest to a vector and how far the index has come; or why there are none."""
        if time.monotonic() < self._again_at:
            return {"why": self.fault}
        try:
            return self._answer(space_id, vector, count, where)
        except (CollectionGoneError, AlteredError) as error:
            self._doubt = str(error) if self.owner else ""
            return {"why": str(error)}
        except ServerFaultError as error:
            self._wait(str(error))
            return {"why": str(error)}

    def problems(self) -> list[str]:
        """Where the index, as far as it has followed, does not hold what the ledger holds."""
        try:
            with self._ledger.read() as snapshot:
                begun = Begun.of(snapshot)
                if begun is None or begun.place != self._target.place:
                    return [f"it was not begun on {self._target.name}"]
                self._read_from(begun)
                return self._differences(snapshot)
        except ServerFaultError as error:
            return [str(error)]

    def goes_on(self) -> bool:
        """True: what was erased is seen to between two steps."""
        return True

    def close(self) -> None:
        """Leave the index to whom wants it."""
        try:
            if self.owner:
                self._say(writing=bool(self._doubt) or self._is_unsure())
            self._ownership.release()
        except CommonplaceError:  # then others know it by our silence
            pass
        finally:
            self._store.close()

    def _stepped(self, most: int) -> bool:
        self._take()
        if not self.owner:
            return False
        self._ownership.renew()
        self._begin_anew_if_needed()
        if self._store.is_preparing():
            return True
        more = self._follower.step(most)
        if not self._dropped:  # the first step dropped the collections of older generations
            self._say_dropped()
        if more or self._store.prepare() or self._is_wrong():
            return True
        self._say(writing=self._is_unsure(), compared=True)
        return False

    def _stay_owner(self) -> None:
        """Renew what says so while the server is left alone: who takes over has no better one."""
        try:
            if self.owner:
                self._ownership.renew()
        except OwnershipLostError:
            self.owner = False

    def _is_unsure(self) -> bool:
        """Whether a request that was not answered may still have an effect."""
        return time.monotonic() < self._unsure_until

    def _take(self) -> None:
        """Become the one that writes, if nobody else is; begin anew what cannot be gone on with."""
        if self.owner or not self._ownership.take():
            return
        with self._ownership.writing() as transaction:
            begun = Begun.of(transaction)
            elsewhere = begun is None or begun.place != self._target.place
            if begun is None or elsewhere or begun.writing or self._rebuild:
                begun = Begun.anew(transaction, self._target.place)
        if self._leftover is not None:
            remove(self._leftover)
        self.owner, self._rebuild = True, False
        self._compared = self._dropped = False
        self._doubt = ""
        self._follower.forget()
        self._adopt(begun)

    def _adopt(self, begun: Begun) -> None:
        """Go on with an index, perhaps another one than before."""
        if self._begun is None or self._begun.generation != begun.generation:
            self._store.use(begun.generation, made=self._confirm, beat=self._ownership.renew)
            self._unsure_until = float("-inf")  # what was sent goes to collections that are gone
        self._begun = begun

    def _read_from(self, begun: Begun) -> None:
        """Read an index that the ledger knows of. What an owner did not say of it, another did."""
        if self.owner and begun != self._begun:
            self.owner = False
        if not self.owner:
            self._adopt(begun)

    def _begin_anew_if_needed(self) -> None:
        """Begin anew after an erasure at once; where the index is wrong, not too often."""
        assert self._begun is not None  # noqa: S101 - an owner has begun
        with self._ledger.read() as snapshot:
            erased = snapshot.epoch > self._begun.epoch
        if not erased and not self._doubt:
            return
        if not erased and time.monotonic() < self._anew_at:
            raise ServerFaultError(self._doubt)
        self._pace(doubted=bool(self._doubt))
        with self._ownership.writing() as transaction:
            begun = Begun.anew(transaction, self._target.place)
        self._doubt = ""
        self._compared = self._dropped = False
        self._follower.forget()
        self._adopt(begun)

    def _pace(self, *, doubted: bool) -> None:
        """Let more and more time pass between beginnings for the same reason."""
        if doubted:
            now = time.monotonic()
            again = now < self._anew_at + 2 * self._anew_pause
            self._anew_pause = (
                min(2 * self._anew_pause, _ANEW_AT_LEAST_EVERY) if again else _ANEW_EVERY
            )
            self._anew_at = now + self._anew_pause

    def _is_wrong(self) -> bool:
        """Compare the index with the ledger, once for every time that it was taken or begun."""
        if self._compared:
            return False
        with self._ledger.read() as snapshot:
            if not followed(snapshot):
                return True
            found = self._differences(snapshot)
        self._compared = not found
        if found:
            self._doubt = found[0]
        return bool(found)

    def _differences(self, snapshot: Snapshot) -> list[str]:
        def nearest(space: Space, vector: Vector) -> list[str]:
            return [name for name, _ in self._store.measured(space, vector, 1, None)]

        place = f"on {self._target.name}"
        return [f"{text} {place}" for text in differences(snapshot, self._store, nearest)]

    def _say(self, **changed: bool) -> None:
        """Keep in the ledger what changed of the index."""
        assert self._begun is not None  # noqa: S101 - an owner has begun
        begun = replace(self._begun, **changed)
        if begun != self._begun:
            with self._ownership.writing() as transaction:
                begun.keep(transaction)
            self._begun = begun

    def _say_writing(self) -> None:
        self._say(writing=True)

    def _say_dropped(self) -> None:
        """Say in the ledger that nothing is left on the server that was there before."""
        assert self._begun is not None  # noqa: S101 - an owner has begun
        with self._ownership.writing() as transaction:
            if transaction.erasures.followed() < self._begun.epoch:
                transaction.erasures.follow(self._begun.epoch)
                transaction.erasures.done("index", self._begun.epoch)
        self._dropped = True

    def _confirm(self) -> None:
        """See that it is still ours, now that a collection was made: nobody drops it unseen."""
        with self._ownership.writing():
            pass

    def _answer(
        self, space_id: int, vector: Vector, count: int, where: dict[str, Any] | None
    ) -> dict[str, Any]:
        if not self._takes(where):
            return {"why": "Chroma Cloud does not take a scope as long as this one"}
        with self._ledger.read() as snapshot:
            state = self._state(snapshot, space_id)
        if state is None:
            return {"why": f"the index on {self._target.name} is being built"}
        self._read_from(state.begun)
        if not state.space.vectors:
            return {"ids": [], "applied": state.applied}
        found = self._store.measured(state.space, vector, count, where)
        held = self._store.quick_count(state.space)
        if held is None and not found and where is None:
            held = 0
        with self._ledger.read() as snapshot:
            now = self._state(snapshot, space_id)
            if now is None or now.begun.generation != state.begun.generation:
                return {"why": "the index was begun anew just now"}
            self._check(state, now, held)
            changed = {pk for pk, _ in snapshot.changed(state.applied, _MOST_CHANGED + 1)}
            if len(changed) > _MOST_CHANGED:
                return {"why": "the index has not followed far enough yet"}
            # Cloud may answer with the distances of rounded vectors.
            if not self._target.cloud and misfits(snapshot, state.space, vector, found, changed):
                raise AlteredError(
                    f"{self._target.name} answers with wrong records; the index is built anew"
                )
        return {"ids": [name for name, _ in found], "applied": state.applied}

    def _check(self, before: _State, now: _State, held: int | None) -> None:
        """See whether the server holds as many entries as it was given.

        Raises:
            AlteredError: it does not.
        """
        same = (now.applied, now.head) == (before.applied, before.head)
        if before.whole and same and held not in {None, now.space.vectors}:
            raise AlteredError(
                f"{self._target.name} holds {held} of {now.space.vectors} "
                "vectors; the index is built anew"
            )

    def _state(self, snapshot: Snapshot, space_id: int) -> _State | None:
        """What the ledger says of a space that can be asked for; None if none can."""
        begun = Begun.of(snapshot)
        if begun is None or not begun.compared or begun.place != self._target.place:
            return None
        if snapshot.epoch > begun.epoch:  # it holds what was erased
            return None
        for space in snapshot.searchable_spaces().values():
            if space.id == space_id:
                return _State(begun, space, snapshot.applied_seq(space), snapshot.head())
        return None

    def _takes(self, where: dict[str, Any] | None) -> bool:
        limits = self._target.limits
        return all(
            (limits.value_bytes is None or len(path.encode()) <= limits.value_bytes)
            and (limits.keys is None or int(name.removeprefix("scope_")) <= limits.keys)
            for name, path in (where or {}).items()
        )

    def _wait(self, fault: str) -> None:
        """Leave the server alone for a while, longer every time."""
        self.fault = fault
        longest = doubled(_PAUSE, self._failures, most=_LONGEST_PAUSE)
        self._failures += 1
        self._again_at = time.monotonic() + random.uniform(longest / 2, longest)  # noqa: S311 - no secret
