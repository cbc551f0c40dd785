"""What one run is worth: the words of the public fault benchmarks (AIOpsLab, ITBench), and a table of them.

detected        anything was red or unknown, and the exit code said so
one cause, component, words, severity, next: the strict score (strict.py)
evidence        every cause shows what decided
folded          all that failed or could not be looked at lies under the right cause, once
false alarm     anything red or unknown where all is well
"""

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from bench import strict
from bench.strict import POINTS, Expected
from tests.scoring import NAMED, covers, differences, folding, paired, said

KINDS = ("real", "limit-moved", "double", "further", "further double", "benign scenario", "healthy")
SHOWN = {"real": "single, real", "limit-moved": "single, limit moved"}
SHOWN |= {"further": "single, written after the diagnosis", "further double": "double, written after it"}
IN_SAMPLE = ("real", "limit-moved", "double")  # the diagnosis was written with these in view; the others came after it
COLUMNS = ("detected", *POINTS, "folded")


@dataclass
class Row:
    """One run and what it was worth. None in a column: nothing to be told there."""

    name: str
    kind: str
    cause_class: str
    detected: bool | None = None
    points: dict[str, bool] = field(default_factory=dict)  # of POINTS, those that were scored
    indistinguishable_from: bool = False  # located as the component that shows the very same evidence
    typed: list = field(default_factory=list)  # what came next for each cause, and what it printed
    evidence: bool | None = None
    folded: bool | None = None
    alarms: int = 0
    seconds: float | None = None
    load: float = 0.0
    again: list[str] = field(default_factory=list)  # what was wrong at the first try, on a busy machine
    first_load: float = 0.0
    held_out_result: str = ""  # of one written after the diagnosis: what that named when it first met it
    causes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def right(self):
        return not self.wrong

    def value(self, column):
        """True, False, or None: nothing was to be told there."""
        return self.points.get(column) if column in POINTS else getattr(self, column)


def score(row, faults, run, lists=True, environment=None, typing=True):
    """Fill a row from a run under these faults; with `lists`, a single fault's own lists of checks count too.

    environment: what a person's shell has where the next commands are typed; typing: whether they are.
    """
    row.seconds = run.result.get("seconds")
    row.causes = [f"{cause['component']}: {cause['symptom']} ({cause['confidence']})" for cause in run.causes]
    odd = [verdict for verdict in run.result.get("verdicts", ()) if verdict["outcome"] not in ("passed", "skipped")]
    if not run.verdicts:
        row.wrong.append(f"no result, exit {run.code}: {run.screen[-300:].strip()}")
        return row
    real = [fault for fault in faults if fault.kind != "benign"]
    benign = [fault for fault in faults if fault.kind == "benign"]
    if not real:
        row.alarms = len(odd) + len(run.causes)
        row.wrong += [f"{verdict['check']} is {said(verdict)}" for verdict in odd]
        row.wrong += [f"a cause is named: {cause}" for cause in row.causes]
        row.wrong += [f"exit code {run.code}, not 0"] if run.code and not odd else []
        return row
    pairs, left = paired(real, run.causes)
    row.detected = run.code == 1 and bool(odd)
    row.wrong += [] if row.detected else [f"not detected: exit code {run.code}"]
    named = [expected(fault, run.verdicts) for fault in real if fault.must_fail]
    strictly = strict.scored(named, run.causes, environment, typing) if named else strict.Score()
    row.points, row.typed = strictly.points, [vars(each) for each in strictly.typed]
    row.indistinguishable_from = strictly.points.get("component", False) and strictly.also
    row.wrong += strictly.wrong
    row.wrong += [f"named, and no cause: {cause['component']}: {cause['symptom']}" for cause in left]
    bare = [why for cause in run.causes if (why := _bare(cause))]
    row.evidence = not bare if run.causes else None
    loose = folding(pairs, run.causes, run.result["verdicts"])
    row.folded = not loose
    row.wrong += [*bare, *loose]
    if lists and len(real) == 1 and not benign:
        row.wrong += differences(real[0], run.code, run.verdicts)
    row.wrong += [f"the benign scenario is named: {words}" for each in benign for words in mentioned(each, run.causes)]
    if not pairs and any(not NAMED.search(verdict["reason"] or "") for verdict in odd):
        row.evidence = False
    return row


def mentioned(benign, causes):
    """What of a benign scenario's words stands in a cause."""
    for cause in causes:
        text = _text(cause)
        yield from (found[0] for words in benign.words if (found := re.search(words, text, re.IGNORECASE)))


def _text(cause):
    """Component, symptom, reason and evidence, as one text."""
    evidence = " ".join(f"{name}: {value}" for name, value in cause["evidence"].items())
    return f"{cause['component']} {cause['symptom']} {cause['because']} {evidence}"


def expected(fault, verdicts):
    """What an honest judge wants to hear; its severity is the worst of what must fail, where nothing else is said."""
    failing = [each["severity"] for check, each in verdicts.items() if covers(fault.must_fail, check)]
    also = (fault.indistinguishable_from,) if fault.indistinguishable_from else ()
    severity = fault.severity or min(failing, default="p4")
    return Expected(fault.name, fault.component, severity, fault.words, also, fault.must_fail)


def _bare(cause):
    """What is missing for somebody who has to act on it."""
    if not cause["evidence"]:
        return f"{cause['component']} is named without evidence: {cause['symptom']}"
    return None if cause["playbook"] else f"{cause['component']} is named without a section of the playbook"


def totals(rows):
    """Kind -> the counts of its rows, as they are printed and written."""
    found = {}
    for kind in KINDS:
        if some := [row for row in rows if row.kind == kind]:
            counted = {"rows": len(some), "right": sum(row.right for row in some)}
            counted["at_first_try"] = sum(row.right and not row.again for row in some)
            for column in COLUMNS:
                values = [row.value(column) for row in some if row.value(column) is not None]
                counted[column] = [sum(values), len(values)]
            counted["seen_as"] = sum(row.indistinguishable_from for row in some)
            calm = [row for row in some if row.detected is None]
            counted["false_alarms"] = [sum(bool(row.alarms) for row in calm), len(calm)]
            counted["seconds"] = dict(zip(("median", "p95"), times(some), strict=True))
            found[kind] = counted
    return found


def times(rows):
    """The median and the 95th percentile of the time to diagnosis, in seconds."""
    seconds = sorted(row.seconds for row in rows if row.seconds is not None)
    if not seconds:
        return None, None
    return round(median(seconds), 2), round(seconds[math.ceil(0.95 * len(seconds)) - 1], 2)


def lines(rows):
    """The whole table: classes, what is not right and why, totals, and what they prove."""
    groups = defaultdict(list)
    for row in rows:
        groups[KINDS.index(row.kind), row.cause_class].append(row)
    head = (
        f"{'':36}{'rows':>5}{'right':>6}"
        + "".join(f"{name:>11}" for name in COLUMNS)
        + "   as seen    alarms   median     p95"
    )
    yield head
    for place, some in sorted(groups.items()):
        yield _line(f"{SHOWN.get(KINDS[place[0]], KINDS[place[0]])}: {place[1]}", some)
    yield ""
    yield head
    for kind in KINDS:
        if some := [row for row in rows if row.kind == kind]:
            yield _line(SHOWN.get(kind, kind), some)
    yield _line("in sample: the first three", [row for row in rows if row.kind in IN_SAMPLE])
    yield _line("all", rows)
    yield ""
    yield from _alarms([row for row in rows if row.detected is None and row.seconds is not None])
    yield from _first_tries(rows)
    if twice := [row for row in rows if row.again]:
        loads = f"{min(row.first_load for row in twice):.0f} to {max(row.first_load for row in twice):.0f}"
        right = sum(row.right for row in twice)
        yield f"tried twice, because they were wrong on a busy machine (load {loads}): {len(twice)}; {right} right then"
    for row in rows:
        if not row.right:
            yield from told(row)


def _line(name, rows):
    cells = []
    for column in COLUMNS:
        values = [row.value(column) for row in rows if row.value(column) is not None]
        cells.append(f"{sum(values)}/{len(values)}" if values else "-")
    middle, slow = times(rows)
    took = f"{middle:7.2f} s{slow:6.2f} s" if middle is not None else f"{'-':>9}{'-':>8}"
    counts = f"{len(rows):5}{sum(row.right for row in rows):6}"
    return (
        f"{name[:36]:36}{counts}"
        + "".join(f"{cell:>11}" for cell in cells)
        + f"{_seen(rows):>10}{_calm(rows):>10}{took}"
    )


def _seen(rows):
    return sum(row.indistinguishable_from for row in rows) or "-"


def _calm(rows):
    calm = [row for row in rows if row.detected is None and row.seconds is not None]
    return f"{sum(bool(row.alarms) for row in calm)}/{len(calm)}" if calm else "-"


def _alarms(calm):
    """What so many runs without a false alarm prove, and no more."""
    if not calm:
        return
    bad = sum(bool(row.alarms) for row in calm)
    if bad:
        yield f"false alarms: {bad} in {len(calm)} runs of a stack on which nothing was wrong"
    elif len(calm) < 30:
        yield f"false alarms: 0 in {len(calm)} runs of a stack on which nothing was wrong: too few to prove anything"
    else:
        yield (
            f"false alarms: 0 in {len(calm)} runs of a stack on which nothing was wrong: this proves fewer than "
            f"{300 / len(calm):.1f} in 100, with 95 % confidence (the rule of three)"
        )


def _first_tries(rows):
    """What the diagnosis made of faults that it had never met; it has learned from them since."""
    for kind in ("further", "further double"):
        if some := [row.held_out_result for row in rows if row.kind == kind and row.held_out_result]:
            right = sum(first.startswith("right") for first in some)
            yield f"{SHOWN[kind]}: {right} of {len(some)} located when they were new to it (recorded beside each)"


def told(row):
    """The row for the eye."""
    seconds = f"{row.seconds:.1f} s" if row.seconds is not None else "no diagnosis"
    again = f", at the second try: the load was {row.first_load:.0f}" if row.again else ""
    as_seen = " as seen" if row.indistinguishable_from else ""
    yield f"{'ok ' if row.right else 'BAD'} {row.name} ({seconds}){as_seen}{again}"
    yield from (f"      first: {why}" for why in row.again)
    if not row.right:
        yield from (f"      said: {cause}" for cause in row.causes)
        yield from (f"      {why}" for why in row.wrong)
