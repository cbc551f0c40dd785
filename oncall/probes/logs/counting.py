"""How many errors of each kind make a burst: without those that runs of this suite have caused. Pure."""

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from oncall.facts.logs import ErrorKind
from oncall.gate.patterns import AnyOf
from oncall.probes.logs.judging import Written
from oncall.probes.logs.lines import Line
from oncall.probes.logs.own_lines import Clock, Entry, own_lines
from oncall.probes.logs.signatures import NOT_COUNTED, Counted
from oncall.probing.ledger import Request


def fatal_lines(logs: Iterable[Written]) -> ErrorKind:
    """Lines that call themselves fatal, whatever they say: what a program writes when it gives up."""
    lines = sorted((line for log in logs for line in log.lines if line.at and line.level == "fatal"), key=_time)
    return _told("fatal", "lines that call themselves fatal", lines, 0)


def _time(line: Line) -> datetime:
    return line.at or datetime.min.replace(tzinfo=UTC)


def bursts(
    logs: Iterable[Written],
    kinds: Sequence[Counted],
    *,
    since: datetime,
    failing_path: str = "",
    requests: Iterable[Request] = (),
    clock: Clock = Clock(),  # noqa: B008  frozen
) -> tuple[ErrorKind, ...]:
    """Errors of each kind since then, most first; without those that runs of this suite have caused.

    failing_path: a 5xx on this path counts as well. requests: ours. clock: of the lines' times against ours.
    """
    words = {kind.name: kind.words for kind in kinds} | {"failing": f"answers of 5xx by {failing_path}"}
    any_of = _any_of(tuple(kinds))
    entries, lines = [], []
    timed = [(line.at, line) for log in logs for line in log.lines if line.at]
    first = max(since.timestamp(), min((at.timestamp() for at, _ in timed), default=0.0))
    for at, line in sorted(timed, key=lambda each: each[0]):
        if at < since:
            continue
        if kind := _kind(line, kinds, any_of, failing_path):
            entries.append(Entry(at.timestamp(), kind, line.ours))
            lines.append(line)
    ours = own_lines(entries, requests, clock, first=first)
    counting: dict[str, list[Line]] = {}
    own: dict[str, int] = {}
    for entry, line, is_own in zip(entries, lines, ours, strict=True):
        if entry.kind in words:
            counting.setdefault(entry.kind, [])
            own[entry.kind] = own.get(entry.kind, 0) + is_own
            if not is_own:
                counting[entry.kind].append(line)
    found = [_told(name, words[name], each, own[name]) for name, each in counting.items()]
    return tuple(sorted(found, key=lambda kind: -kind.count))


def _kind(line: Line, kinds: Sequence[Counted], any_of: AnyOf[str], failing_path: str) -> str:
    """What the line counts as, or nothing; a line that names an account of ours tells of a run, whatever it says."""
    if failing_path and line.path == failing_path and line.status >= 500:
        return "failing"
    if line.level == "quiet" and not line.ours:
        return ""
    none, fitting = "login" if line.ours else "", any_of.which(line.words)
    if not fitting or fitting[0] < len(NOT_COUNTED):
        return none
    return kinds[fitting[0] - len(NOT_COUNTED)].name


@functools.cache
def _any_of(kinds: tuple[Counted, ...]) -> AnyOf[str]:
    return AnyOf((*NOT_COUNTED, *(kind.pattern for kind in kinds)))


def _told(name: str, words: str, lines: Sequence[Line], own: int) -> ErrorKind:
    times = [line.at for line in lines if line.at]
    return ErrorKind(
        name=name,
        words=words,
        count=len(lines),
        own=own,
        first=min(times, default=None),
        last=max(times, default=None),
        line=lines[-1].shown if lines else "",
    )
