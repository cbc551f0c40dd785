"""What PLAYBOOK.md says, as records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from msgspec import Struct, field

from oncall.target.placeholders import Runtime

Risk = Literal["read-only", "restart", "data loss"]
RISKS: tuple[Risk, ...] = ("read-only", "restart", "data loss")


class PlaybookError(ValueError):
    """One line of PLAYBOOK.md that cannot be read: where, what, and how to mend it."""


class Step(Struct, frozen=True):
    """One thing to do: why, what to type, what it may cost, and which check says that it helped.

    runtime: how that runs which the command is for: "compose", "systemd" or "process"; empty: for all. others: the same
    step for other runtimes.
    command: one command a line. exits: the codes with which each of them may end while it does what is said, 0 to 255.
    edit: what a person has to mend before the command can help, such as "Compose file"; empty: nothing.
    """

    sentence: str
    command: str
    risk: Risk
    verify: str
    edit: tuple[str, ...] = ()
    exits: tuple[int, ...] = (0,)
    runtime: Runtime = ""
    others: tuple[Step, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """The command, a line each; one that goes on behind a backslash is a single one."""
        lines: list[str] = []
        for line in self.command.split("\n"):
            if lines and lines[-1].endswith("\\"):
                lines[-1] += f"\n{line}"
            else:
                lines.append(line)
        return tuple(lines)


class Next(Struct, frozen=True, kw_only=True):
    """What to type next for a cause: ready, byte for byte, for every output.

    section: its id in PLAYBOOK.md. step: its number there, from 1. commands: in their order, to be typed in one shell.
    exits: the codes with which each of them may end while it does what is said. verify: the check that tells whether it
    has helped.
    """

    section: str
    step: int
    commands: tuple[str, ...]
    risk: Risk
    exits: tuple[int, ...]
    verify: str

    @property
    def text(self) -> str:
        """All of them, one below the other."""
        return "\n".join(self.commands)


class Section(Struct, frozen=True):
    """One scenario."""

    id: str
    title: str
    severity: str
    symptoms: tuple[str, ...]
    recovery: tuple[Step, ...]


class Level(Struct, frozen=True):
    """One severity: what it is called, and how soon somebody answers."""

    name: str
    respond_within: timedelta

    @property
    def words(self) -> str:
        """The time as people say it: "15 minutes", "1 hour"."""
        minutes = int(self.respond_within.total_seconds() // 60)
        number, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
        return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class Playbook(Struct, frozen=True):
    """The whole page. An empty one is what a suite without PLAYBOOK.md has: nothing is quoted."""

    sections: tuple[Section, ...] = ()
    levels: Mapping[str, Level] = field(default_factory=dict)

    def section(self, id: str | None) -> Section | None:
        """The section that a check's marker names, if there is one."""
        return next((section for section in self.sections if section.id == id), None)
