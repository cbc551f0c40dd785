"""The strict score of a run under faults: five points, each of which somebody on call would want to be right.

one cause   exactly one cause for each fault, and none beside them
component   the cause names what a person would restart or edit; of several that would be right, one that is only
            among the others (`also`, `indistinguishable_from`) is counted apart
words       the headline or the evidence holds words that tell this fault from others
severity    that of what users lose
next        the command that comes next only looks, and can be typed here: it ends as its step says and says something

Knows nothing of where faults come from: the catalogue's (accuracy.py) and the held-out ones (held_out.py) alike.
"""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.playbook_execution import type_each
from tests.scoring import covers

POINTS = ("one cause", "component", "words", "severity", "next")
BLANKS = re.compile(
    r"\b(?:YOUR_\w+|FILE|LOG_FILE|PID|SERVICE|UNIT|[A-Z]+_(?:NAME|FOLDER|DIRECTORY|COMMAND|TABLE|HOST)|COUNT|BYTES)\b"
)  # what the playbook leaves for a person to fill in
FAILED_TYPING = re.compile(
    r"command not found|^\s*usage:|^\s*try '[^']*--?h|unrecognized option|invalid option", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class Expected:
    """What an honest judge wants to hear of one fault."""

    name: str
    component: str
    severity: str
    words: tuple[str, ...]
    also: tuple[str, ...] = ()
    must_fail: tuple[str, ...] = ()  # checks that tell two faults of one component apart

    @property
    def components(self):
        return (self.component, *self.also)


@dataclass
class Typed:
    """What one cause says to type next, and what came of it. wrong: why it does not do; empty: it does."""

    component: str
    commands: list
    as_typed: list = field(default_factory=list)  # a command each: its exit code, what it said
    wrong: list = field(default_factory=list)


@dataclass
class Score:
    """points: each of POINTS, whether it is right for every fault. wrong: what is not, in words. also: located, but as
    one of the other components that would be right. accused: causes that name a healthy part."""

    points: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)
    also: bool = False
    accused: int = 0
    typed: list = field(default_factory=list)

    @property
    def right(self):
        return bool(self.points) and all(self.points.values())

    def as_data(self):
        return asdict(self) | {"right": self.right}


def scored(expected, causes, environment=None, typing=True):
    """The score of these causes under these faults. environment: what a person's shell has here; typing: whether the
    next commands are typed."""
    score = Score(points=dict.fromkeys(POINTS, True))
    pairs, left = paired(expected, causes)
    if len(causes) != len(expected):
        _no(score, "one cause", f"{len(causes)} causes for {len(expected)} faults")
    healthy = [cause for cause in left if not any(cause["component"] in one.components for one in expected)]
    score.accused = len(healthy)
    for one, cause in pairs:
        if cause is None:
            _no(score, "component", f"no cause names {one.component} ({one.name})")
            cause = left.pop(0) if left else None
        elif cause["component"] != one.component:
            score.also = True
        _judge(score, one, cause)
    if typing:
        with TemporaryDirectory(prefix="oncall-typed-") as folder:
            for place, cause in enumerate(causes):
                (own := Path(folder) / str(place)).mkdir()
                score.typed.append(typed(cause, own, environment))
    unfit = [why for each in score.typed for why in each.wrong]
    if unfit or not causes:
        _no(score, "next", "; ".join(unfit) or "there is no cause")
    return score


def paired(expected, causes):
    """[(fault, its cause or None)] and the causes that are left over: the fault's own component comes first, and of
    several causes of it the one that holds more of its checks."""
    left, found = list(causes), {}
    for names in (lambda one: (one.component,), lambda one: one.also):
        for one in expected:
            fitting = [cause for cause in left if one.name not in found and cause["component"] in names(one)]
            if fitting:
                found[one.name] = max(fitting, key=lambda cause: _fit(one, cause))
                left.remove(found[one.name])
    return [(one, found.get(one.name)) for one in expected], left


def text_of(cause):
    """The headline and the evidence, as one text."""
    evidence = " ".join(f"{name}: {value}" for name, value in cause["evidence"].items())
    return f"{cause['symptom']} {cause.get('statement') or ''} {evidence}"


def _fit(one, cause):
    held = sum(covers(one.must_fail, check) for check in (*cause["findings"], *cause["consequences"]))
    return held, _tells(one, cause), cause["severity"] == one.severity


def _tells(one, cause):
    return any(re.search(words, text_of(cause), re.IGNORECASE) for words in one.words)


def _judge(score, one, cause):
    if cause is None:
        _no(score, "words", f"nothing tells of {one.name}")
        _no(score, "severity", f"nothing has the severity of {one.name}")
        return
    if not one.words:
        _no(score, "words", f"no words are given that would tell {one.name}")
    elif not _tells(one, cause):
        _no(score, "words", f"none of {list(one.words)} in {cause['symptom']!r} or its evidence")
    if cause["severity"] != one.severity:
        _no(score, "severity", f"{cause['severity']} instead of {one.severity}")


def _no(score, point, why):
    score.points[point] = False
    score.wrong.append(f"{point}: {why}")


def typed(cause, folder, environment=None):
    """Type what this cause says to type next, where it only looks, and judge what came of it."""
    step = cause["next"]
    if step is None:
        return Typed(cause["component"], [], wrong=["nothing to type next"])
    found = Typed(cause["component"], list(step["commands"]))
    text = "\n".join(step["commands"])
    if step["risk"] != "read-only":
        found.wrong.append(f"the next step is no look: {step['risk']}")
    elif blank := BLANKS.search(text):
        found.wrong.append(f"{blank[0]} is left to fill in: {text[:150]}")
    else:
        found.as_typed = type_each(step["commands"], folder, environment)
        found.wrong += [why for each in found.as_typed if (why := _unfit(each, step["exits"]))]
        if not any(each["said"] for each in found.as_typed):
            found.wrong.append(f"says nothing: {text[:150]}")
    return found


def _unfit(each, exits):
    command, said = each["command"][:150], each["said"][-200:]
    if each["code"] is None:
        return f"does not end: {command}"
    if each["code"] not in exits:
        return f"exit {each['code']}, not one of {list(exits)}: {command}: {said!r}"
    if FAILED_TYPING.search(each["said"]):
        return f"cannot be typed here: {command}: {said!r}"
    return ""
