"""A later run of the same stack, read from its `--json` file: what healed since, and what changed in between."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from oncall.diagnosis.cause import Cause
from oncall.gate.reading import Unreadable, read_json
from oncall.reporting.json import VERSION
from oncall.results.record import RunRecord
from oncall.timeline.merge import Event
from oncall.verdict import Verdict

Healed = Literal["healed", "still there", "not known"]


class FollowupError(Exception):
    """The file is no later run of this stack; one sentence says why."""


class Ended(msgspec.Struct, frozen=True):
    """How one check of the later run ended."""

    check: str
    outcome: str
    symptom: str | None = None

    @property
    def known(self) -> str:
        """Its outcome; of one that was accepted without an answer, that nothing is known."""
        return "unknown" if self.outcome == "accepted" and self.symptom is None else self.outcome


class Followup(msgspec.Struct, frozen=True):
    """The few members of a result that a post-mortem needs; the others are left out."""

    version: int
    stack: str
    started: datetime
    verdicts: tuple[Ended, ...]
    timeline: tuple[Event, ...] = ()

    def state(self, cause: Cause) -> Healed:
        """What has become of a cause: healed once each of its checks was looked at and none of them fails."""
        return self._of((*cause.findings, *cause.consequences, *cause.blocked))

    def _of(self, verdicts: Iterable[Verdict]) -> Healed:
        now = {ended.check: ended.known for ended in self.verdicts}
        outcomes = {now.get(verdict.check, "unknown") for verdict in verdicts}
        if "failed" in outcomes:
            return "still there"
        return "healed" if outcomes <= {"passed", "accepted", "skipped"} else "not known"

    def over(self, run: RunRecord) -> bool:
        """Whether the whole incident is over: every cause healed, and nothing of that run is unanswered."""
        bad = run.of(None, "failed", "unknown", "error")
        return bool(bad) and self._of(bad) == "healed"

    def changes(self, run: RunRecord) -> tuple[Event, ...]:
        """What people and deployments did between the two runs."""
        return tuple(one for one in self.timeline if one.kind == "change" and run.started <= one.at <= self.started)


def read_later(path: Path) -> Followup:
    """Read a `--json` file, which anybody may have sent; raises FollowupError with one sentence."""
    try:
        later = msgspec.convert(read_json(path), Followup)
        started = later.started.astimezone(UTC)
    except Unreadable as error:
        raise FollowupError(f"--followup {path}: the file cannot be read: {error}") from None
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise FollowupError(f"--followup {path}: this is not the --json file of a later run") from None
    if later.version != VERSION:
        raise FollowupError(f"--followup {path}: the result has version {later.version}; this suite reads {VERSION}")
    if later.started.tzinfo is None or any(event.at.tzinfo is None for event in later.timeline):
        raise FollowupError(f"--followup {path}: this is not the --json file of a later run")
    return msgspec.structs.replace(later, started=started)


def follows(later: Followup, path: Path, stack: str, started: datetime) -> None:
    """Raise FollowupError unless it is a later run of that stack."""
    if later.stack != stack:
        raise FollowupError(f"--followup {path}: that run looked at {later.stack[:60]!r}, this one at {stack!r}")
    if later.started <= started:
        raise FollowupError(f"--followup {path}: that run began before this one; give the result of a later run")
