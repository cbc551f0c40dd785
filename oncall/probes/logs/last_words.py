"""What a part wrote last before it ended, and which of those lines says most. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from oncall.facts.containers import ContainerState, LastWords
from oncall.facts.logs import NEARER
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.logs.containers import LogReader
from oncall.probes.logs.judging import Written, recognised
from oncall.probes.logs.lines import Line
from oncall.probes.logs.signatures import Signature

QUOTED = 3  # last lines that are shown
CLOSE = 4  # a server that cannot start writes why, and then at most that it aborts and is shut down
SEARCHED = 40  # last lines among which the most telling one is: a stack trace stands behind its exception
TOGETHER = timedelta(seconds=10)  # before the last line: what an end consists of
Missing = CouldNotCheck | NotPart
STARTER = Pattern(  # what starts a program says so in its own words, without a level
    r"^(?:exec |\S{1,80}: (?:line \d+: )?)\S{1,200}: (?:no such file or directory|not found|[Pp]ermission denied)"
    r"|exec format error|^exec: |^Error loading shared library |error while loading shared libraries: "
    r"|^Error relocating |can't open file|version `\S{1,40}' not found|: command not found|: not found\z"
)
FAILURE = Pattern(
    r"(?i)\b(?:fatal|panic|abort(?:ed|ing)?|cannot|can't|could not|unable to|failed|failure|refused|missing)\b"
)


def words_of(states: Sequence[ContainerState], restarts: int, reader: LogReader | Missing, component: str) -> LastWords:
    """What those of a component's containers have said last that have ended or loop; nothing is read where all run.

    states: of all its containers, in the reader's order.
    """
    ended = [one.status not in ("running", "paused") or one.looping(restarts) for one in states]
    if not any(ended):
        return LastWords()
    if not isinstance(reader, LogReader):
        return LastWords(silence=str(reader))
    try:
        written = reader.of(component)
    except (CouldNotCheck, NotPart) as error:
        return LastWords(silence=str(error))
    if len(written) != len(states):
        return LastWords(silence="its containers change while they are looked at")
    logs = [log for log, has_ended in zip(written, ended, strict=True) if has_ended]
    ways = {one.by_itself for one, has_ended in zip(states, ended, strict=True) if has_ended}
    return last_words(logs, reader.role(component), by_itself=True if True in ways else None if None in ways else False)


def last_words(logs: Iterable[Written], role: str, *, by_itself: bool | None = True) -> LastWords:
    """The newest lines of all, the newest last, and the most telling of them; what a known signature makes of it.

    role: what signatures call the part. by_itself: whether it ended by its own doing; else its lines tell nothing of
        that; None: nobody knows, so only what calls itself fatal tells, or an error that is the very last.
    """
    lines = [line for log in logs for line in log.lines if line.shown.strip()]
    lines.sort(key=_time)
    last = next((line.at for line in reversed(lines) if line.at), None)
    near = [line for line in lines[-SEARCHED:] if not line.at or not last or last - line.at <= TOGETHER]
    telling = most_telling(near, role, unsure=by_itself is None) if by_itself is not False else None
    known = _known(telling, role) if telling else None
    return LastWords(
        lines=tuple(f"{line.at:%H:%M:%S} UTC {line.shown}" if line.at else line.shown for line in lines[-QUOTED:]),
        telling=telling.shown.strip() if telling else "",
        meaning=known.meaning if known else "",
        root=NEARER.get(known.name, "") if known else "",
        own=known.own if known else False,
    )


def most_telling(lines: Sequence[Line], role: str, *, unsure: bool = False) -> Line | None:
    """The last line that calls itself fatal or is known, else the last error, else what a starter said, else what
    speaks of a failure, else the last one; frames of a stack trace and traffic say nothing.

    unsure: whether they tell of the end at all: then only those that are close to it do.
    """
    own = [line for line in lines if not line.continues]
    said = [line for line in (own[-CLOSE:] if unsure else own) if line.level != "quiet"]
    ranks: list[Callable[[Line], bool]] = [
        lambda line: line.level == "fatal" or _known(line, role) is not None,
        lambda line: line.error or STARTER.search(line.words[:400]) is not None,
        lambda line: line.level == "loud",
        lambda line: FAILURE.search(line.words[:400]) is not None,
    ]
    for fits in ranks[:1] if unsure else ranks:
        if found := next((line for line in reversed(said) if fits(line)), None):
            return found
    if unsure:
        last = next((line for line in reversed(lines) if not line.continues), None)
        return last if last and ranks[1](last) else None
    return next(reversed(said or lines), None)


def _known(line: Line, role: str) -> Signature | None:
    """The signature of a line about the writer itself; what tells of another part is told by the check of the log."""
    found = recognised(line, role)
    if found is None or found[0].kind == "evidence" or found[1] or "{target}" in found[0].meaning:
        return None
    return found[0]


def _time(line: Line) -> datetime:
    return line.at or datetime.min.replace(tzinfo=UTC)
