"""Whether the playbook heals: after each fault of the Docker catalogue, the steps that the section of its cause quotes
are typed in their order, until the next run of the suite is healthy.

Not typed are steps that lose data and steps that would touch more than this stack (its engine, its machine). Where a
step tells a person to edit something, the fault's own `mend` does that, and nothing else; SERVICE is the one that the
finding names.
"""

import json
import re
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import patients
from bench.measure import ROOT, NotMeasured, pytest
from bench.playbook_execution import Typed, fill, reason_to_leave, type_
from oncall import playbook
from stack import faults
from stack.docker import lifecycle
from stack.docker.running import DockerStack
from stack.state import StackError


@dataclass
class Row:
    """One fault and what became of it.

    causes, sections: what the runs named, in the order in which they were followed. healed: the number of the step
    after which all was well, in the last section; 0: none did it. left: what is still red.
    """

    fault: str
    causes: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    steps: list[Typed] = field(default_factory=list)
    healed: int = 0
    seconds: float = 0.0
    left: tuple[str, ...] = ()
    expected: str = "yes"
    problem: str = ""

    @property
    def edits(self):
        return ", ".join(step.edit for step in self.steps if step.edit)

    @property
    def as_expected(self):
        """Healed by what was typed; or, where only a step that was left out can do it, left out it was."""
        if self.problem:
            return False
        if self.expected == "yes":
            return bool(self.healed)
        return not self.healed and any(step.left_out == self.expected for step in self.steps)

    @property
    def verdict(self):
        if self.healed:
            return f"healed by step {self.healed}"
        return self.problem or (f"only by a step of risk: {self.expected}" if self.as_expected else "NOT HEALED")


def measure(names=(), result=None, docker=True, lossy=False):
    """0 when every fault is healed by what may be typed here, or only by what may not, as its entry says.

    lossy: type the steps that lose data too.
    """
    chosen = faults.named(names, "docker") if names else list(faults.catalogue("docker").values())
    rows = []
    with patients.healthy(docker=True) as stack:
        for fault in chosen:
            rows.append(row(stack.home, fault, lossy))
            print("\n".join(told(rows[-1])), flush=True)
            if result:
                Path(result).write_text(json.dumps([asdict(each) for each in rows], indent=1))
            lifecycle.heal(stack.home, lambda line: None)
    healed = sum(bool(each.healed) for each in rows)
    right = sum(each.as_expected for each in rows)
    print(f"{healed} of {len(rows)} healed; {right} of {len(rows)} as the catalogue says")
    return 0 if right == len(rows) else 1


def row(home, fault, lossy=False):
    """Break it, read the playbook, follow it."""
    found = Row(fault.name, expected="yes" if lossy and fault.heals == "data loss" else fault.heals)
    began = time.monotonic()
    try:
        faults.inject(lifecycle.running(home), [fault], lambda line: None)
        stack = lifecycle.running(home)
        run = judged(stack)
        if not red(run):  # a processor that is busy elsewhere: a moment later it shows
            time.sleep(5)
            run = judged(stack)
        if not red(run):
            raise NotMeasured("the fault shows nothing")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="oncall-recovery-") as folder:
            follow(Person(stack, fault, Path(folder), lossy), run, found)
    except (StackError, NotMeasured) as error:
        found.problem = " ".join(str(error).split())[:300]
    found.seconds = round(time.monotonic() - began, 1)
    return found


@dataclass
class Person:
    """Who types: on which stack, after which fault, in which folder."""

    stack: DockerStack
    fault: faults.Fault
    folder: Path
    lossy: bool = False
    mended: bool = False

    def mends(self, step):
        """Do what the step tells to edit, if that is where the fault sits; the place, or nothing."""
        manual_fix = self.fault.manual_fix
        if manual_fix is None or self.mended or manual_fix.place not in step.edit:
            return ""
        manual_fix.do(self.stack)
        self.mended = True
        return manual_fix.place


def follow(person, run, found):
    """The section of the first cause; if all its steps leave something red, that of what the next run names first."""
    book = playbook.parse((ROOT / "PLAYBOOK.md").read_text("utf-8"))
    while not found.healed:
        check, section, component, evidence = cause_of(run)
        if section in found.sections:
            return
        found.causes.append(check)
        found.sections.append(section)
        for number, step in enumerate(book.section(section).recovery, 1):
            typed = Typed(section, number, step.risk, fill(step, person.stack, person.fault, component, evidence))
            found.steps.append(typed)
            typed.left_out = reason_to_leave(typed, step, person.lossy)
            if typed.left_out:
                continue
            typed.edit = person.mends(step)
            type_(typed, person.folder)
            if step.risk == "read-only" and not typed.edit:
                continue
            run = after(person.stack, step.verify)
            if not red(run):
                found.healed = number
                break
        else:
            run = judged(person.stack)
            found.healed = 0 if red(run) else number
        found.left = red(run)


def after(stack, verify, patience=20.0):
    """A run once the containers have had the time that a start takes: of the check that verifies the step, and only if
    that is well, of the whole suite."""
    until = time.monotonic() + patience
    while starting(stack) and time.monotonic() < until:
        time.sleep(0.5)
    for last in (False, True):
        run = judged(stack, "-k", verify)
        run = run if red(run) else judged(stack)
        if not red(run) or starting(stack):
            break
        if not last:
            time.sleep(2)  # a health state or a name may be a moment old
    return run


def starting(stack):
    """Whether Docker has not made up its mind yet about one of the services."""
    told = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}"
    return any(
        "starting" in stack.docker("inspect", "--format", told, each, check=False) for each in stack.containers()
    )


def judged(stack, *selection):
    """A run of the suite."""
    result, page = stack.home.path / "recovery.json", stack.home.path / "recovery.html"
    result.unlink(missing_ok=True)
    done = pytest((f"--target={stack.home.target}", f"--html={page}", f"--json={result}", *selection))
    if not result.exists():
        raise NotMeasured(f"exit {done.code}: {done.said[-300:]}")
    return json.loads(result.read_text())


def red(run):
    return tuple(each["check"] for each in run["verdicts"] if each["outcome"] not in ("passed", "skipped"))


def cause_of(run):
    """Of the cause that a run names first: the check that shows it, its section, the component that shows it, and what
    was seen."""
    verdicts = {each["check"]: each for each in run["verdicts"]}
    for cause in run["causes"]:
        shown = next(iter((*cause["findings"], *cause["consequences"])), "")
        return shown, cause["playbook"], verdicts.get(shown, cause)["component"], cause["evidence"]
    raise NotMeasured(f"red without a cause: {', '.join(red(run))}")


def told(found):
    """The row for the eye."""
    hand = f"; by hand: {found.edits}" if found.edits else ""
    sections = ", then ".join(found.sections)
    yield f"{found.fault:42} {sections:20} {found.verdict}{hand} ({found.seconds:.0f} s)"
    for step in found.steps:
        if step.left_out:
            yield f"    {step.number}. not typed: {step.left_out}"
        elif step.risk != "read-only" or step.edit:
            yield f"    {step.number}. {shortened(step.command)} (exit {step.code}, {step.seconds:.0f} s)"
    if not found.healed:
        yield f"    still red: {', '.join(found.left[:8])}"


def shortened(command):
    """Its last line, with Compose by its usual name."""
    return re.sub(r"[^\s()]+/stack/compose\b", "docker-compose", command.splitlines()[-1])[:120]
