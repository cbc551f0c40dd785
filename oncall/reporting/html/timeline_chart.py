"""The timeline as a picture: one lane for each component, the last minutes wide and the days before narrow. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from oncall.reporting.plain import escape_control_chars
from oncall.timeline.merge import Event, first_sign

MINUTE, HOUR, DAY = 60, 3_600, 86_400
TICKS = {10: "10 s", MINUTE: "1 min", 5 * MINUTE: "5 min", 15 * MINUTE: "15 min", HOUR: "1 h", 6 * HOUR: "6 h"}
TICKS |= {DAY: "1 day", 3 * DAY: "3 days", 7 * DAY: "7 days", 30 * DAY: "30 days", 365 * DAY: "1 year"}
NEAR = 5.0  # seconds: below this the scale is even, above it every factor takes the same room
LEFT, RIGHT = 2.0, 97.0  # per cent: a mark at either end is still whole
APART = 12.0  # per cent between two words of the scale
OF_ALL = "stack"
LANES = ("host", "docker", "network", "postgres", "backend", "frontend", "auth", "websocket")  # the others below


class Mark(Struct, frozen=True, kw_only=True):
    """One moment in its lane. x: per cent of the width."""

    x: float
    kind: str
    words: str


class Lane(Struct, frozen=True, kw_only=True):
    """One component's moments."""

    name: str
    marks: tuple[Mark, ...]


class Picture(Struct, frozen=True, kw_only=True):
    """ticks: place and words, from far to near. began: where the run began. sign: place and words of the first one."""

    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    began: float
    sign: tuple[float, str] | None

    @property
    def description(self) -> str:
        """The picture in words; the list below it tells each moment."""
        parts = [f"{lane.name}: {_counted(lane.marks)}" for lane in self.lanes]
        return ". ".join([*([self.sign[1]] if self.sign else []), *parts]) + "."


def picture(events: Sequence[Event]) -> Picture | None:
    """None where nothing but the run itself is known."""
    told = [event for event in events if event.kind != "run"]
    if not told:
        return None
    end = max(event.at for event in events)
    ages = {id(event): (end - event.at).total_seconds() for event in events}
    oldest = max(*ages.values(), 2 * NEAR)

    def place(age: float) -> float:
        return RIGHT - (RIGHT - LEFT) * math.log1p(max(0.0, age) / NEAR) / math.log1p(oldest / NEAR)

    lanes: dict[str, list[Mark]] = {}
    for event in told:
        clock = f"{event.at:%H:%M:%S}"
        mark = Mark(
            x=place(ages[id(event)]), kind=event.kind, words=escape_control_chars(f"{clock} UTC: {event.what}", 300)
        )
        lanes.setdefault(event.component or OF_ALL, []).append(mark)
    sign = first_sign(events)
    return Picture(
        lanes=tuple(Lane(name=_name(name), marks=tuple(lanes[name])) for name in sorted(lanes, key=_rank)),
        ticks=_ticks(place, oldest),
        began=place(max((ages[id(event)] for event in events if event.kind == "run"), default=0.0)),
        sign=(place(ages[id(sign)]), f"first sign {sign.at:%H:%M:%S}") if sign else None,
    )


def _ticks(place: Callable[[float], float], oldest: float) -> tuple[tuple[float, str], ...]:
    """Words of the scale with room between them, from the end of the run backwards."""
    kept: list[tuple[float, str]] = []
    for age, words in TICKS.items():
        x = place(age)
        if age <= oldest and x <= (kept[-1][0] if kept else RIGHT) - APART and x >= LEFT + 3:
            kept.append((x, f"{words} ago"))
    return tuple(reversed(kept))


def _rank(name: str) -> tuple[int, str]:
    return (LANES.index(name) if name in LANES else len(LANES), name)


def _name(name: str) -> str:
    return escape_control_chars(name, 40)


def _counted(marks: Sequence[Mark]) -> str:
    kinds = [mark.kind for mark in marks]
    words = {"problem": "sign of a problem", "change": "change"}
    return ", ".join(
        f"{kinds.count(kind)} {word if kinds.count(kind) == 1 else _plural(word)}"
        for kind, word in words.items()
        if kind in kinds
    )


def _plural(word: str) -> str:
    return "signs of problems" if word.startswith("sign") else f"{word}s"
