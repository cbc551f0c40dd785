"""Which lines of a log our own requests have caused, by count and time.

Pure. A request explains lines that stand between the moment when it was sent and a little after its answer, of the
kinds that such a request can cause, and only as many as our other rounds of checks have left. So it does not matter
what a line looks like, and strangers who fail beside us are still counted.

Requests of a round are taken together: they overlap, and no line says which of them it belongs to.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from oncall.probing.ledger import NEVER_ARRIVED, NO_ANSWER, Request

PROMPT, LATE = 0.3, 2.5  # seconds after an answer within which its line is written; late: by a logger with a buffer
OPEN = 30.0  # seconds in which a request that we gave up on may still be answered, and logged
MOST = 3  # lines that one refusal leaves: the strategy's, the guard's, the framework's
KNOWN = 4  # rounds alike that together tell how many lines such a round leaves
NEAR = 3.0  # seconds around the refused login of somebody else's run in which its other requests are
TOGETHER = 2.0  # seconds between two of its refusals, at most
NAMELESS_RUNS, NAMELESS_LINES = 6, 8  # runs of others that may hide in a log that names no accounts; lines of one
SWITCHING, OPENED = 101, ("opened", False)
A_RUN: Mapping[str, int] = {"login": 2, "token": 6, "socket": 3}  # what one whole run sends, as far as it is refused
TOKENS = frozenset({"signature", "algorithm", "malformed", "refused"})
ANY_ERROR = "any error"  # a line of level error, whatever it says: any request that failed or was refused can leave it
EXPLAINS: Mapping[str, frozenset[str] | None] = {  # names of Counted; None: all
    "login": frozenset({"login", "refused", "failing"}),
    "token": TOKENS,
    "socket": TOKENS | {"too-many", "broken", "error"},
    "opened": frozenset({"broken", "error"}),  # a socket that was not refused
    "request": None,
}


class Clock(Struct, frozen=True):
    """The clock of the log's times against ours: how far it is ahead, give or take; in seconds."""

    ahead: float = 0.0
    uncertain: float = 0.0


UNKNOWN = Clock(0.0, 5.0)


class Entry(Struct, frozen=True):
    """A line that counts. at: seconds since 1970 by the log's clock; kind: the Counted it belongs to, or "failing".

    account: the account of ours that it names, if it names one.
    """

    at: float
    kind: str
    account: str = ""


Group = tuple[str, bool]  # of EXPLAINS, and whether the requests failed, in place of having been refused


class _Window(Struct, frozen=True):
    """When a request explains lines. round: of checks, whose requests share what they explain."""

    round: str
    group: Group
    first: float
    last: float
    late: float


def own_lines(entries: Sequence[Entry], requests: Iterable[Request], clock: Clock, *, first: float = 0.0) -> list[bool]:
    """For each entry whether our own requests have caused it. The entries are in the order of time.

    first: when entries begin to count, by the log's clock: what was asked before has left none, and tells nothing of
    how many a round leaves.
    """
    windows = [window for each in requests if _can_fail(each) and (window := _window(each, clock)).late >= first]
    found = _explained(entries, windows)
    if not any(entry.account for entry in entries):
        theirs = _nameless(entries, found)
        return [own is not None or foreign for own, foreign in zip(found, theirs, strict=True)]
    foreign = _foreign(entries, found)
    room = {window.round: MOST * A_RUN[window.group[0]] for window in foreign}
    found = _assigned(entries, foreign, room, late=True, to=found)
    return [own is not None or bool(entry.account) for entry, own in zip(entries, found, strict=True)]


def _can_fail(request: Request) -> bool:
    if request.status == NEVER_ARRIVED:
        return False
    return request.kind == "socket" or request.status == NO_ANSWER or request.status >= 400


def _window(request: Request, clock: Clock) -> _Window:
    answered = request.ended is not None and request.status != NO_ANSWER
    end = request.ended if request.ended is not None else request.began
    last = end if answered else end + OPEN
    failed = request.status == NO_ANSWER or request.status >= 500
    kind = "opened" if request.kind == "socket" and request.status == SWITCHING else request.kind
    return _Window(
        request.round,
        (kind, failed),
        request.began + clock.ahead - clock.uncertain,
        last + clock.ahead + clock.uncertain + PROMPT,
        last + clock.ahead + clock.uncertain + LATE,
    )


def _explains(group: Group, kind: str) -> bool:
    what, failed = group
    if kind == ANY_ERROR:
        return True
    kinds = EXPLAINS[what]
    return (kinds is None or kind in kinds) and (failed or kind != "failing")


def _assigned(
    entries: Sequence[Entry],
    windows: Sequence[_Window],
    room: dict[str, int],
    *,
    late: bool,
    to: Sequence[str | None] = (),
) -> list[str | None]:
    """The round that explains each entry. room: how many each may explain, used up here; to: what is explained already.

    Of several windows the one that ends first is used up first, so that as many entries as possible are explained.
    """
    coming = sorted(windows, key=lambda each: each.first, reverse=True)
    open_: dict[Group, list[tuple[float, str]]] = defaultdict(list)
    found = list(to) or list[str | None]([None] * len(entries))
    for number, entry in enumerate(entries):
        while coming and coming[-1].first <= entry.at:
            window = coming.pop()
            heapq.heappush(open_[window.group], (window.late if late else window.last, window.round))
        if found[number] is not None:
            continue
        best: tuple[float, str] | None = None
        for group, heap in open_.items():
            while heap and (heap[0][0] < entry.at or not room[heap[0][1]]):
                heapq.heappop(heap)
            if heap and _explains(group, entry.kind) and (best is None or heap[0] < best):
                best = heap[0]
        if best:
            found[number] = best[1]
            room[best[1]] -= 1
    return found


def _explained(entries: Sequence[Entry], windows: Sequence[_Window]) -> list[str | None]:
    """The round that explains each entry: prompt lines before late ones, unless that explains fewer."""
    requests: dict[str, Counter[Group]] = defaultdict(Counter)
    for window in windows:
        requests[window.round][window.group] += 1
    one_each = {name: sum(groups.values()) - groups[OPENED] for name, groups in requests.items()}
    ample = {name: MOST * sum(groups.values()) for name, groups in requests.items()}
    prompt, late = (
        _known(requests, Counter(_assigned(entries, windows, dict(ample), late=late))) for late in (False, True)
    )
    found = _assigned(entries, windows, ample | prompt, late=False)
    used = Counter(name for name in found if name)
    rest = {name: max(0, prompt.get(name, size) - used[name]) for name, size in one_each.items()}
    found = _assigned(entries, windows, rest, late=True, to=found)
    soon, later = (_count(_assigned(entries, windows, dict(one_each), late=late)) for late in (False, True))
    room = (ample if 3 * soon < 2 * later else one_each) | late
    return max(found, _assigned(entries, windows, room, late=True), key=_count)


def _known(requests: Mapping[str, Counter[Group]], counts: Mapping[str | None, int]) -> dict[str, int]:
    """How many lines a round leaves, where enough of them have sent the same: as many as most of them have left."""
    alike: dict[frozenset[tuple[Group, int]], list[str]] = defaultdict(list)
    for name, groups in requests.items():
        alike[frozenset(groups.items())].append(name)
    known: dict[str, int] = {}
    for names in alike.values():
        if len(names) >= KNOWN:
            middle = (len(names) - 1) // 2
            known |= dict.fromkeys(names, sorted(counts[each] for each in names)[middle])
    return known


def _count(found: Iterable[str | None]) -> int:
    return sum(name is not None for name in found)


def _foreign(entries: Sequence[Entry], found: Sequence[str | None]) -> list[_Window]:
    """Windows for the runs of other users and machines, by the account that each of them makes up."""
    first: dict[str, float] = {}
    for entry, own in zip(entries, found, strict=True):
        if entry.account and own is None:
            first.setdefault(entry.account, entry.at)
    return [
        _Window(f"{account} {kind}", (kind, False), at - NEAR, at + NEAR, at + NEAR)
        for account, at in first.items()
        for kind in A_RUN
    ]


def _nameless(entries: Sequence[Entry], found: Sequence[str | None]) -> list[bool]:
    """As above, where the log names no account: moments of a few refusals of several kinds, or of one that is general.

    Only the newest few of them: that many strangers in a row are a burst. What fails beside us is no run.
    """
    moments: list[list[int]] = []
    for number, entry in enumerate(entries):
        if moments and entry.at - entries[moments[-1][-1]].at <= TOGETHER:
            moments[-1].append(number)
        else:
            moments.append([number])
    runs = [
        each
        for each in moments
        if 3 <= len(each) <= NAMELESS_LINES and not any(found[one] for one in each) and _of_a_run(entries, each)
    ]
    theirs = {number for each in runs[-NAMELESS_RUNS:] for number in each}
    return [number in theirs for number in range(len(entries))]


def _of_a_run(entries: Sequence[Entry], moment: Sequence[int]) -> bool:
    kinds = {entries[number].kind for number in moment}
    return len(kinds) > 1 or kinds == {"refused"}
