"""Snapshots: every fact of a run in one JSON file that can be mailed, judged again with other limits, compared.

Facts go through JSON even in a live run, so that a live verdict and a replayed one cannot differ.

    {"format": "pytest-oncall snapshot", "version": 1, "clock": "...", "seconds": 3.2, "target": {...},
     "probes": {"backend_health": {"kind": "fact", "fact": {...}, "reason": "", "seconds": 0.1, "log": [...]}}}
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from oncall.facts import Fact
from oncall.finding import MANNERS, CouldNotCheck, NotPart, ProbeCrashed
from oncall.gate.fact_gate import LONGEST_TEXT, clean, gated
from oncall.gate.patterns import whole
from oncall.gate.reading import Unreadable, read_json
from oncall.probing.lag import Load
from oncall.probing.outcome import Outcome
from oncall.probing.pictures import Picture
from oncall.probing.plausible import implausible, texts
from oncall.probing.register import PROBES, probe_key
from oncall.target.reader import Target, TargetError, from_builtins
from oncall.target.validator import MOST_ITEMS, quoted, shortened
from oncall.target.views import Views, components

QUIET = Load()
CONVERTING = threading.Lock()  # msgspec learns a type at its first use; two threads that learn one at once crash
VERSION = 2
MEND = "replay it with the release that wrote it"
MORE = ("manner", "root", "setting")  # of a reason, where it has them
FORMAT = "pytest-oncall snapshot"
F = TypeVar("F", bound=Fact)
Saved = dict[str, Any]
YEARS = range(2000, 2200)  # in which a run can have taken place
Text = Annotated[str, msgspec.Meta(max_length=100_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
FOREIGN = ("fact", "reason", "log")  # of a saved look: what holds values from outside


class SnapshotError(Exception):
    """The snapshot file cannot be read; one sentence says why."""


def through(value: Any, kind: type[F], redact: Callable[[str], str]) -> F:
    """A fact as a check gets it: bounded, redacted, and rebuilt from JSON.

    Raises msgspec.ValidationError when the probe returned something else than it declared, CouldNotCheck when it
    brought more than a run can take.
    """
    plain = msgspec.json.encode(gated(msgspec.to_builtins(value), kind, redact))
    with CONVERTING:
        return msgspec.json.decode(plain, type=kind)


def saved(outcome: Outcome, seconds: float | None, log: list[str], load: Load = QUIET) -> Saved:
    """One look as a snapshot keeps it."""
    fact = msgspec.to_builtins(outcome.value) if outcome.kind == "fact" else None
    told = {"kind": outcome.kind, "fact": fact, "reason": outcome.reason, "blames": outcome.blames}
    told |= {"seconds": seconds, "log": list(log)}
    told |= {key: value for key in MORE if (value := getattr(outcome, key))}
    return told | ({"load": msgspec.to_builtins(load)} if load.overloaded else {})


class SavedEntry(Struct, frozen=True, kw_only=True):
    """One look of a snapshot, as far as it is no fact; it may have been written by anybody."""

    kind: str
    fact: Any = None
    reason: Text = ""
    blames: Text | None = None
    root: Text = ""
    setting: Text = ""
    seconds: Seconds | None = None
    log: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10_000)] = ()


class Snapshot(Struct, frozen=True):
    """A run's facts, the target that it looked at, the moment (UTC) when it began, and how long it took."""

    clock: Annotated[datetime, msgspec.Meta(tz=True)]
    target: Target
    probes: dict[str, Saved]
    seconds: Seconds | None = None  # None: an older version did not say

    @property
    def duration(self) -> float:
        """How long the run took, at least; a replay has a duration of its own, which says nothing of the stack."""
        if self.seconds is not None:
            return self.seconds
        told = [entry.get("seconds") for entry in self.probes.values()]
        return max((one for one in told if isinstance(one, float) and 0 <= one <= 86400), default=0.0)

    def encode(self, known: Callable[[str], str]) -> bytes:
        """The file's content. known: takes out what was learned after a fact had passed; see Redactor.known."""
        entries = self.probes.items()
        probes = {key: entry | {part: clean(entry[part], known) for part in FOREIGN} for key, entry in entries}
        plain = {"format": FORMAT, "version": VERSION, "clock": self.clock, "seconds": self.seconds}
        plain |= {"target": msgspec.to_builtins(self.target), "probes": probes}
        return msgspec.json.format(msgspec.json.encode(plain), indent=1)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file, which anybody may have sent; raises SnapshotError with one sentence."""
    try:
        plain = read_json(path)
    except Unreadable as error:
        raise SnapshotError(f"{path}: the snapshot cannot be read: {error}") from None
    except ValueError as error:
        raise SnapshotError(f"{path}: this is not a snapshot: {error}") from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise SnapshotError(f"{path}: this is not a snapshot of pytest-oncall")
    if plain.get("version") != VERSION:
        version = shortened(quoted(plain.get("version")))
        raise SnapshotError(f"{path}: the snapshot has version {version}; this suite reads {VERSION}: {MEND}")
    try:
        rest = {key: plain.get(key) for key in ("clock", "probes", "seconds")}
        read = msgspec.convert(rest | {"target": {}}, Snapshot)
        msgspec.convert(read.probes, dict[str, SavedEntry])
        read = replace(read, target=from_builtins(plain.get("target")))
    except (msgspec.ValidationError, TargetError, RecursionError) as error:
        raise SnapshotError(f"{path}: the snapshot is damaged: {str(error)[:200]}") from None
    if problem := _implausible(read):
        raise SnapshotError(f"{path}: the snapshot is damaged: {problem}")
    return read


def _implausible(read: Snapshot) -> str:
    """What no run of this suite can have saved, and what would cost more than it is worth."""
    if read.clock.year not in YEARS:
        return f"its clock says the year {read.clock.year}"
    stack = read.target.stack
    parts = {"endpoints": stack.backend.endpoints, "components": stack.components, "accepted": read.target.accepted}
    for name, part in parts.items():
        if len(part) > MOST_ITEMS:
            return f"its target holds {len(part)} {name}, more than {MOST_ITEMS}"
    longest = max(map(len, texts(msgspec.to_builtins(read.target))), default=0)
    return f"its target holds a text of {longest} characters" if longest > LONGEST_TEXT else ""


class Replay:
    """Stands where the runner stands in a live run, and answers from a snapshot. Never looks at anything."""

    interrupted = False

    def __init__(self, snapshot: Snapshot, redact: Callable[[str], str]):
        self.snapshot, self.redact = snapshot, redact
        self.components = set(components(snapshot.target.stack))
        self.views = Views(snapshot.target.stack)

    def key(self, name: str, given: Mapping[str, str]) -> str:
        return probe_key(name, given, self.views)

    def start(self, name: str, given: Mapping[str, str]) -> None:
        """Nothing to start."""

    def ready(self, name: str, given: Mapping[str, str]) -> bool:
        return True

    def answer(self, name: str, given: Mapping[str, str]) -> Any:
        """The saved fact; raises CouldNotCheck for one that was not saved or that this version cannot read."""
        key = self.key(name, given)
        entry = self.snapshot.probes.get(key)
        if entry is None:
            raise CouldNotCheck(f"{key} is not in the snapshot")
        kind, reason = entry.get("kind"), self._said(str(entry.get("reason")))
        if kind == "fact":
            return self._fact(name, key, entry)
        if kind in ("absent", "crashed"):
            raise {"absent": NotPart, "crashed": ProbeCrashed}[kind](reason)
        blames = entry.get("blames")
        manner = next((one for one in MANNERS if one == entry.get("manner")), None)
        raise CouldNotCheck(
            reason,
            blames=blames if blames in self.components else None,
            manner=manner,
            root=self._said(str(entry.get("root", ""))),
            setting=self._said(str(entry.get("setting", ""))),
        )

    def _said(self, text: str) -> str:
        return self.redact(whole(text[:LONGEST_TEXT]))

    def _fact(self, name: str, key: str, entry: Saved) -> Fact:
        record = PROBES[name].fact
        if record is None:
            raise ProbeCrashed(f"{name} is a client: a check can only name facts")
        try:
            fact = msgspec.convert(gated(entry.get("fact"), record, self.redact), record)
        except msgspec.ValidationError as error:
            raise CouldNotCheck(f"{key} in the snapshot cannot be read by this version: {str(error)[:200]}") from None
        if problem := implausible(fact, self.components):
            raise CouldNotCheck(f"{key} in the snapshot cannot be true: {problem}")
        if reason := fact.inconclusive_reason():
            raise CouldNotCheck(reason)
        return fact

    def load(self, keys: Iterable[str]) -> Load:
        """What the machine suffered that looked then."""
        told = [entry["load"] for key in keys if "load" in (entry := self.snapshot.probes.get(key, {}))]
        try:
            return max((msgspec.convert(one, Load) for one in told), key=lambda load: load.lost, default=QUIET)
        except msgspec.ValidationError:
            return QUIET

    def noted(self, key: str) -> tuple[float | None, tuple[str, ...]] | None:
        """As it was saved; a probe that is not in the snapshot has said nothing."""
        entry = self.snapshot.probes.get(key, {})
        return entry.get("seconds"), tuple(map(self._said, entry.get("log") or ()))

    def pause(self) -> None:
        """Nothing to wait for."""

    def interrupt(self) -> None:
        """Nothing to stop."""

    def finish(self) -> None:
        """Nothing was opened."""

    def pictures(self) -> list[Picture]:
        """None: a snapshot keeps no pictures."""
        return []

    def saved(self) -> dict[str, Saved]:
        return {
            key: entry
            | {"reason": self._said(str(entry.get("reason"))), "log": [*map(self._said, entry.get("log") or ())]}
            for key, entry in self.snapshot.probes.items()
        }

    def facts(self) -> dict[str, Fact]:
        """Those of the saved facts that this version can read."""
        found = {}
        for key, entry in self.snapshot.probes.items():
            name = key.partition("[")[0]
            if entry.get("kind") == "fact" and name in PROBES:
                with suppress(CouldNotCheck, ProbeCrashed):
                    found[key] = self._fact(name, key, entry)
        return found
