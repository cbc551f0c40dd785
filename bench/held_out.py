"""How often the diagnosis is right about faults that it has not learned from (stack/held_out): each once, alone and in
pairs, scored strictly (strict.py). What came out at the very first try is written beside the fault by its author."""

import contextlib
import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import patients, strict
from bench.accuracy import here, shell
from bench.measure import ROOT, NotMeasured
from bench.scoreboard import times
from bench.strict import POINTS, Expected, Score
from stack import held_out, lifecycle
from stack.docker import lifecycle as docker_lifecycle
from stack.state import StackError
from tests.components.two_of_each import TwoOfEach
from tests.patient import until_calm
from tests.scoring import diagnose

MODES = ("embedded", "docker", "two")
TRIES = 4  # runs, until one is not starved by other work on this machine
TOLD = 160  # characters of a headline in the one line of a fault


@dataclass
class Row:
    """One run. kind: "single" or "double". problem: why there is no score."""

    name: str
    kind: str
    seconds: float | None = None
    load: float = 0.0
    causes: list = field(default_factory=list)
    score: Score = field(default_factory=Score)
    problem: str = ""
    first_try: str = ""

    @property
    def right(self):
        return self.score.right and not self.problem

    def as_data(self):
        return asdict(self) | {"score": self.score.as_data(), "right": self.right}


class OneStack:
    """The embedded stack, or the one under Compose."""

    def __init__(self, docker):
        self.life = docker_lifecycle if docker else lifecycle
        self.docker = docker

    def __enter__(self):
        self.ending = contextlib.ExitStack()
        self.home = self.ending.enter_context(patients.healthy(self.docker)).home
        return self

    def __exit__(self, *error):
        self.ending.close()

    @property
    def target(self):
        return self.home.target

    @property
    def environment(self):
        return shell(self.home)

    def inject(self, faults):
        stack = self.life.running(self.home)
        for fault in faults:
            stack.state["broken"].append(fault.name)
            stack.save()
            fault.inject(stack)
            stack.save()

    def heal(self):
        try:
            self.life.heal(self.home, lambda line: None)
        except StackError:  # the machine may have been out of breath for a moment
            self.life.heal(self.home, lambda line: None)


class TwoStacks:
    """The stack of two APIs: made anew after each fault, for nothing else undoes whatever was done to it."""

    environment: dict = {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="oncall-two-")
        self.count, self.stack = 0, None
        self.heal()
        return self

    def __exit__(self, *error):
        if self.stack:
            self.stack.down()
        self.folder.cleanup()

    @property
    def target(self):
        return self.stack.target

    def inject(self, faults):
        for fault in faults:
            fault.inject(self.stack)

    def heal(self):
        if self.stack:
            self.stack.down()
        self.count += 1
        (own := Path(self.folder.name) / str(self.count)).mkdir()
        self.stack = TwoOfEach(own)
        self.stack.up()


def patient(mode):
    return TwoStacks() if mode == "two" else OneStack(docker=mode == "docker")


def measure(names=(), mode="", result=None):
    """0 when every row is right. names: of faults, pairs as one+other; without any: all of this mode, or of all."""
    wrong = 0
    for one in [mode] if mode else MODES:
        cases = chosen(one, names)
        if not cases:
            print(f"{one}: no held-out faults{' of these names' if names else ''}")
            continue
        file = Path(result or ROOT / "reports" / f"bench-held-out-{one}.json")
        rows = run(one, cases, None if names and not result else file)
        wrong += sum(not row.right for row in rows)
    return 1 if wrong else 0


def chosen(mode, names=()):
    """[(name, faults, first try)], singles before doubles."""
    singles = [(each.name, (each,), each.first_try) for each in held_out.singles(mode)]
    cases = singles + [(f"{a.name}+{b.name}", (a, b), said) for a, b, said in held_out.doubles(mode)]
    return [case for case in cases if not names or case[0] in names]


def run(mode, cases, file=None, patient=patient):
    """Every case once, on one stack of this mode; printed and written as they come."""
    rows = []
    about = {"mode": mode, "started": datetime.now(UTC).isoformat(timespec="seconds"), **here("held-out")}
    try:
        with patient(mode) as broken:
            for name, faults, first_try in cases:
                rows.append(once(broken, name, faults, first_try))
                print(line(rows[-1]), flush=True)
                written(file, about, rows)
    finally:  # also of a run that somebody ended
        print("\n".join(["", *table(mode, rows)]), flush=True)
    if file:
        print(f"written to {file}")
    return rows


def once(broken, name, faults, first_try=""):
    """Break it, diagnose it, type what comes next, mend it."""
    row = Row(name, "double" if len(faults) > 1 else "single", first_try=first_try)
    try:
        broken.inject(faults)
        found = diagnose(broken.target)
        for _ in range(TRIES - 1):
            if not found.starved:
                break
            until_calm()
            found = diagnose(broken.target)
        row.load, row.seconds = round(os.getloadavg()[0], 1), found.result.get("seconds")
        if not found.verdicts:
            raise NotMeasured(f"no result, exit {found.code}: {found.screen[-300:]}")
        row.causes = [said(cause) for cause in found.causes]
        row.score = strict.scored([expected(fault) for fault in faults], found.causes, broken.environment)
    except (StackError, NotMeasured, AssertionError, OSError, subprocess.SubprocessError) as error:
        row.problem = f"not measured: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        broken.heal()
    return row


def expected(fault):
    return Expected(fault.name, fault.component, fault.severity, fault.words, fault.also)


def said(cause):
    return f"{cause['severity'].upper()} {cause['component']}: {cause['symptom']} ({cause['confidence']})"


def line(row):
    """One line for the eye."""
    seconds = f"{row.seconds:.1f} s" if row.seconds is not None else "no diagnosis"
    begins = f"{'ok ' if row.right else 'BAD'} {row.name} ({seconds})"
    if row.right:
        return begins
    points = ", ".join(point for point in POINTS if not row.score.points.get(point))
    heard = "; ".join(each[:TOLD] for each in row.causes) or "nothing"
    typing = next((why for why in row.score.wrong if why.startswith("next:")), "")
    return f"{begins} wrong: {row.problem or points} | said: {heard}{f' | {typing[:300]}' if typing else ''}"


def totals(rows):
    """What is printed and written of singles and of doubles."""
    found = {}
    for kind in ("single", "double"):
        if some := [row for row in rows if row.kind == kind]:
            scored = [row.score for row in some if row.score.points]
            found[kind] = {
                "faults": len(some),
                "measured": len(scored),
                "right": sum(row.right for row in some),
                **{point: sum(score.points[point] for score in scored) for point in POINTS},
                "located as another that would be right": sum(score.also for score in scored),
                "healthy parts accused": sum(score.accused for score in scored),
                "seconds": dict(zip(("median", "p95"), times(some), strict=True)),
            }
    return found


def table(mode, rows):
    """Totals, a line a kind."""
    yield (
        f"{f'held out, {mode}':24}{'faults':>8}{'right':>8}"
        + "".join(f"{point:>11}" for point in POINTS)
        + (f"{'as another':>12}{'accused':>9}{'median':>9}{'p95':>9}")
    )
    for kind, found in totals(rows).items():
        middle, slow = found["seconds"].values()
        took = f"{middle:7.2f} s{slow:7.2f} s" if middle is not None else f"{'-':>9}{'-':>9}"
        yield (
            f"{kind:24}{found['faults']:8}{found['right']:8}"
            + "".join(f"{found[point]:11}" for point in POINTS)
            + (f"{found['located as another that would be right']:12}{found['healthy parts accused']:9}{took}")
        )


def written(file, about, rows):
    if file:
        file.parent.mkdir(exist_ok=True)
        data = {**about, "totals": totals(rows), "rows": [row.as_data() for row in rows]}
        file.write_text(json.dumps(data, indent=1))
