"""Reading: searches by selectivity with their recall, lists, counts, and growth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.data import SMALL, queries
from benchmarks.peers import TITLES, Narrow
from benchmarks.report import Finding, Mark
from benchmarks.timing import WARM_UP, alternated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.data import Dataset
    from benchmarks.peer_commonplace import CommonplacePeer
    from benchmarks.peers import Peer
    from benchmarks.report import Measured

SECTION = "Search, ten nearest"
HYBRID = "Hybrid search (vector and words), ten best"
LISTING = "Lists and counts"
GROWTH = "Growth"
EACH = 10

_WITHIN = 1 / 1.5
_FASTER = Mark(ratio=1, recall=0.99)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of search, and what it is held against."""

    what: str
    narrow: Sequence[Narrow]
    mark: Mark
    short: str = ""


SMALL_SCOPES = [Narrow(scope) for scope in SMALL]
EVERYWHERE = Case(
    "everything", [Narrow()], Mark(ratio=_WITHIN, recall=0.99), "search over everything"
)
CASES = [
    Case("a scope of 100", SMALL_SCOPES, Mark(ratio=5, recall=0.99), "search in a user's scope"),
    EVERYWHERE,
    Case("a scope with 1 % of all", [Narrow(("hundredth",))], _FASTER),
    Case("a scope with 10 % of all", [Narrow(("tenth",))], _FASTER, "search in 10 %, by scope"),
    Case("a scope with 50 % of all", [Narrow(("half",))], _FASTER),
    Case("a filter that 1 % pass", [Narrow(tier="gold")], _FASTER),
    Case("a filter that 10 % pass", [Narrow(tier="silver")], _FASTER, "search in 10 %, by filter"),
    Case("a filter that 50 % pass", [Narrow(tier="bronze")], _FASTER),
]
IN_ONE_SCOPE = [
    replace(EVERYWHERE, what="everything, all in one scope", short=""),
    Case("a filter that 10 % pass, all in one scope", [Narrow(tier="silver")], _FASTER),
]


def first_visits(stores: Mapping[str, Peer], records: int) -> list[Finding]:
    """The first search in each small scope, before any of its vectors are in a cache."""
    asked = queries(WARM_UP + len(SMALL_SCOPES))
    elsewhere = [Narrow(("hundredth",))] * WARM_UP

    def visiting(store: Peer) -> Callable[[int], object]:
        places = [*elsewhere, *SMALL_SCOPES]
        return lambda number: store.search(asked[number], places[number])

    calls = {name: visiting(stores[name]) for name in ("commonplace", "chroma")}
    found = alternated(calls, rounds=4, each=len(SMALL_SCOPES) // 4)
    return [_finding(SECTION, "a scope of 100, for the first time", records, found, "chroma")]


def by_selectivity(
    stores: Mapping[str, Peer], dataset: Dataset, rounds: int, tell: Callable[[str], None]
) -> list[Finding]:
    """Every kind of search on every peer."""
    findings: list[Finding] = []
    for case in CASES:
        tell(f"searching {case.what}")
        names = list(stores) if case is EVERYWHERE else [n for n in stores if n != "chroma_tuned"]
        found = _searched({name: stores[name] for name in names}, dataset, case, rounds)
        findings += _compared(case, found, len(dataset))
    return findings


def in_one_scope(
    ours: Peer, chroma: Peer, dataset: Dataset, rounds: int, tell: Callable[[str], None]
) -> list[Finding]:
    """Searches of a memory that has everything in one scope."""
    findings: list[Finding] = []
    for case in IN_ONE_SCOPE:
        tell(f"searching {case.what}")
        found = _searched({"commonplace": ours, "chroma": chroma}, dataset, case, rounds)
        findings += _compared(case, found, len(dataset))
    return findings


def hybrid(memory: CommonplacePeer, records: int, rounds: int) -> list[Finding]:
    """Searches by meaning and words together; no peer has them."""
    asked = queries(WARM_UP + rounds * EACH)
    places = {
        "a scope of 100": SMALL_SCOPES,
        "a scope with 10 % of all": [Narrow(("tenth",))],
        "everything": [Narrow()],
    }

    def searching(narrow: Sequence[Narrow]) -> Callable[[int], object]:
        return lambda number: memory.hybrid(asked[number], narrow[number % len(narrow)])

    calls = {what: searching(narrow) for what, narrow in places.items()}
    found = alternated(calls, rounds=rounds, each=EACH)
    return [_alone(HYBRID, what, records, figure) for what, figure in found.items()]


def listing(peer: CommonplacePeer, records: int, rounds: int) -> list[Finding]:
    """What needs no vectors."""
    memory = peer.memory
    scopes = ["/".join(scope) for scope in SMALL]

    def place(number: int) -> str:
        return scopes[number % len(scopes)]

    calls: dict[str, Callable[[int], object]] = {
        "newest 20 of the whole memory": lambda _: memory.list(limit=20),
        "newest 20 of a scope of 100": lambda number: memory.list(scope=place(number), limit=20),
        "newest 20 of a scope with 50 %": lambda _: memory.list(scope="half", limit=20),
        "count of the whole memory": lambda _: memory.count(),
        "count of a scope of 100": lambda number: memory.count(scope=place(number)),
        "count of a filter that 10 % pass": lambda _: memory.count(filter={"tier": "silver"}),
        "all scopes with their counts": lambda _: memory.scopes(),
    }
    found = alternated(calls, rounds=rounds, each=EACH)
    return [_alone(LISTING, what, records, figure) for what, figure in found.items()]


def growth(small: Peer, large: Peer, sizes: tuple[int, int], rounds: int) -> list[Finding]:
    """The same small scope in a small and a large memory."""
    warm_up = len(SMALL)
    asked = queries(warm_up + rounds * EACH)

    def searching(store: Peer) -> Callable[[int], object]:
        return lambda number: store.search(asked[number], SMALL_SCOPES[number % len(SMALL)])

    calls = {"small": searching(small), "large": searching(large)}
    # Every small scope is visited before the clock starts: what is compared is the steady state.
    found = alternated(calls, rounds=rounds, each=EACH, warm_up=warm_up)
    return [
        Finding(
            section=GROWTH,
            what="search in a scope of 100",
            records=sizes[1],
            unit="ms",
            ours=found["large"],
            peer=f"Commonplace at {sizes[0]:,}",
            theirs=found["small"],
            mark=Mark(ratio=_WITHIN),
        )
    ]


def _searched(
    stores: Mapping[str, Peer], dataset: Dataset, case: Case, rounds: int
) -> dict[str, Measured]:
    """Times and recalls of one case, by peer."""
    asked = queries(WARM_UP + rounds * EACH)
    places = [case.narrow[number % len(case.narrow)] for number in range(len(asked))]
    answers: dict[str, dict[int, list[str]]] = {name: {} for name in stores}

    def searching(name: str) -> Callable[[int], object]:
        def search(number: int) -> None:
            answers[name][number] = stores[name].search(asked[number], places[number])

        return search

    calls = {name: searching(name) for name in stores}
    taken = alternated(calls, rounds=rounds, each=EACH)
    truth = dataset.exact(asked, places)
    return {
        name: replace(figure, recall=_recall(answers[name], truth))
        for name, figure in taken.items()
    }


def _recall(answers: Mapping[int, Sequence[str]], truth: Sequence[set[str]]) -> float:
    """The share of the true nearest that were found, over all searches that were made."""
    found = sum(len(truth[number].intersection(ids)) for number, ids in answers.items())
    return found / max(sum(len(truth[number]) for number in answers), 1)


def _compared(case: Case, found: Mapping[str, Measured], records: int) -> list[Finding]:
    """One line a peer; the mark is for raw Chroma with its default settings."""
    return [
        replace(
            _finding(SECTION, case.what, records, found, peer),
            mark=case.mark if peer == "chroma" else None,
            short=case.short if peer == "chroma" else "",
        )
        for peer in found
        if peer != "commonplace"
    ]


def _finding(
    section: str, what: str, records: int, found: Mapping[str, Measured], peer: str
) -> Finding:
    return Finding(
        section=section,
        what=what,
        records=records,
        unit="ms",
        ours=found["commonplace"],
        peer=TITLES[peer],
        theirs=found[peer],
    )


def _alone(section: str, what: str, records: int, figure: Measured) -> Finding:
    return Finding(section=section, what=what, records=records, unit="ms", ours=figure)
