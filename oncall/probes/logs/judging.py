"""From lines to what they mean: which signatures count now, and which are over.

Pure functions of lines and times.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct, field

from oncall.facts.logs import LogSign
from oncall.gate.sql_text import error_text
from oncall.probes.logs.accusations import Accused, Blame
from oncall.probes.logs.lines import Line
from oncall.probes.logs.signatures import ANY_SIGNATURE, PG, SIGNATURES, TARGET, Signature

STARTING = timedelta(seconds=20)  # a start-up's own problems: the others are not there yet
UNBROKEN = timedelta(minutes=5)  # lines of one problem come at least so often
QUIET = timedelta(seconds=20)  # of silence, and three usual gaps: what might end by itself has ended
USUAL_GAPS = 3
LONGEST_NAME = 260  # a host's 253 signs and a port


class Written(Struct, frozen=True):
    """The newest lines of one container. looping: it is restarted again and again, or has ended."""

    lines: Sequence[Line]
    started_at: datetime | None = None
    looping: bool = False
    bytes: int = 0
    cut: bool = False


class _Seen(Struct):
    signature: Signature
    meaning: str
    blames: str
    of_database: bool = False
    setting: bool = False
    least: int = 1
    runs: bool | None = None  # whether the part that it accuses runs, where that is known
    lines: list[Line] = field(default_factory=list)
    older: list[Line] = field(default_factory=list)  # too old to count, and nothing else against them

    def since(self, first: datetime | None) -> datetime | None:
        """When the series began whose first counting line is this."""
        for at in sorted((line.at for line in self.older if line.at), reverse=True):
            if first is None or first - at > UNBROKEN:
                break
            first = at
        return first

    def ended(self, now: datetime) -> bool:
        """Whether its lines have stopped: none for three times their usual gap, and for twenty seconds.

        Of a single line nobody knows a gap: it has ended only where the part that it accuses runs. While that one does
        not run nothing has ended.
        """
        if self.signature.kind != "passing" or not all(line.at for line in self.lines):
            return False
        times = sorted(line.at for line in self.lines if line.at)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if self.runs is False or not gaps and not self.runs:
            return False
        usual = sorted(gaps)[len(gaps) // 2] if gaps else timedelta()
        return now - times[-1] > max(QUIET, USUAL_GAPS * usual)

    def sign(self, component: str) -> LogSign:
        times = [line.at for line in self.lines if line.at]
        shown = self.lines[-1].shown
        met = self.signature.blames in (TARGET, "network") and not self.signature.answer
        return LogSign(
            name=self.signature.name,
            meaning=self.meaning,
            count=len(self.lines),
            blames="" if self.blames == component else self.blames,
            first=min(times, default=None),
            last=max(times, default=None),
            since=self.since(min(times, default=None)),
            line=error_text(shown) if self.of_database else shown,
            setting=self.setting,
            speaker="peer" if met and self.blames not in ("", component) else "log line",
        )


def signs(
    component: str,
    logs: Iterable[Written],
    *,
    now: datetime,
    recent: timedelta,
    up_since: Mapping[str, datetime],
    blame: Blame,
    unnamed: Blame | None = None,
    role: str = "",
    named: Callable[[str], str] = str,
    own_role: str = "",
) -> tuple[tuple[LogSign, ...], tuple[LogSign, ...]]:
    """The signatures that count, and those that are over; each worst first.

    up_since: component -> when its oldest running container started; one that does not run is not in it.
    blame: whom a writer means by a target; unnamed: the same for a name that does not resolve.
    role: what signatures call this component, where that is another word. named: the component behind a role.
    own_role: as whom this suite logs in: that the database refuses it is told by the check of that login.
    """
    counted: dict[tuple[str, str], _Seen] = {}
    over: dict[tuple[str, str], _Seen] = {}
    older: dict[tuple[str, str], list[Line]] = {}
    of_database = (role or component) in PG
    looping = False
    for log in logs:
        looping = looping or log.looping
        for line in log.lines:
            if line.level == "quiet" or not (found := recognised(line, role or component)):
                continue
            signature, target = found
            if _by_us(line, signature, own_role if of_database else ""):
                continue
            who = (unnamed or blame if signature.unnamed else blame)(target, component) if target else None
            meant = _meant(signature, who, component, up_since, named)
            fresh = line.at is None or line.at >= now - recent
            stands = signature.kind != "evidence" and not _over(line, log, signature, meant, up_since)
            key = (signature.name, meant.shown)
            seen = counted if fresh and stands else over
            if key not in seen:
                least = signature.least_in_database if of_database else signature.least
                runs = True if meant.behind in up_since else False if meant.behind and who else None
                seen[key] = _Seen(signature, meant.meaning, meant.accused, of_database, meant.setting, least, runs)
            seen[key].lines.append(line)
            if stands and not fresh:
                older.setdefault(key, []).append(line)
    for key, one in [*counted.items()]:
        one.older = older.get(key, [])
        if not looping and (len(one.lines) < one.least or one.ended(now)):
            merged = over.setdefault(key, one)
            if merged is not one:
                merged.lines = [*merged.lines, *one.lines]
            del counted[key]
    return _ordered(counted, component), _ordered(over, component)[:10]


class _Meant(NamedTuple):
    """What a line says. accused: whom it tells against; behind: whose the name in it is, where it holds one."""

    shown: str
    meaning: str
    accused: str
    behind: str
    setting: bool = False


def _meant(
    signature: Signature,
    who: Accused | None,
    writer: str,
    up_since: Mapping[str, datetime],
    named: Callable[[str], str],
) -> _Meant:
    if who is None:
        accused = named(signature.blames) if signature.blames != TARGET else ""
        if signature.blames == TARGET and signature.nobody == "the database":
            accused = named("postgres")
        return _Meant(signature.nobody, signature.meaning.replace("{target}", signature.nobody), accused, accused)
    if who.setting:
        return _Meant(who.shown, who.setting, writer, who.component, setting=True)
    accused = who.component if signature.blames == TARGET else named(signature.blames)
    if accused == "network" and who.component and who.component not in up_since:
        accused = who.component  # no way leads to a part that does not run
    elif signature.unnamed and accused in up_since:
        accused = "network"  # the part behind the name runs
    return _Meant(who.shown, signature.meaning.replace("{target}", who.shown), accused, who.component)


def _by_us(line: Line, signature: Signature, own_role: str) -> bool:
    """Whether a statement or a login of ours has left the line in the database's log."""
    if signature.login:
        return bool(own_role) and f'"{own_role}"' in line.words
    return line.by_us and signature.least_in_database > 1


def recognised(line: Line, component: str) -> tuple[Signature, str] | None:
    """The first signature that the line holds, and the target that it names."""
    for number in ANY_SIGNATURE.which(line.words):
        signature = SIGNATURES[number]
        if signature.read_in(component) and (found := signature.pattern.search(line.words)):
            named = found.groupdict()
            target, port = (
                next((value for name, value in named.items() if value and name.startswith(kind)), "")[:LONGEST_NAME]
                for kind in ("to", "port")
            )
            asked = f"{target}:{port}" if port and ":" not in target.removeprefix("::") else target
            return signature, asked or signature.asks
    return None


def _over(
    line: Line,
    log: Written,
    signature: Signature,
    meant: _Meant,
    up_since: Mapping[str, datetime],
) -> bool:
    """Whether the line is from before a start, or a normal part of one: as no setting is, and no answer."""
    if line.at is None:
        return False
    passes = signature.kind == "passing" and not meant.setting and not signature.answer
    grace = STARTING if passes else timedelta()
    if not log.looping and log.started_at and line.at < log.started_at + grace:
        return True
    before = up_since.get(meant.behind) if signature.kind == "passing" else None
    return before is not None and line.at < before + grace


def _ordered(seen: Mapping[tuple[str, str], _Seen], component: str) -> tuple[LogSign, ...]:
    rank = {signature.name: number for number, signature in enumerate(SIGNATURES)}
    kinds = {"fatal": 0, "passing": 1, "evidence": 2}

    def order(one: _Seen) -> tuple[int, int]:
        return 0 if one.setting else kinds[one.signature.kind], rank[one.signature.name]

    found = sorted(seen.values(), key=order)
    return tuple(one.sign(component) for one in found)[:20]
