"""Whether the playbook heals: after each fault of the Docker catalogue, the steps that the section of its cause quotes
are typed in their order, until the next run of the suite is healthy.

Not typed are steps that lose data and steps that would touch more than this stack (its engine, its machine). Where a
step tells a person to edit something, the fault's own `mend` does that, and nothing else; SERVICE is the one that the
finding names.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import patients
from bench.measure import ROOT, NotMeasured, pytest
from oncall import playbook
from oncall.finding import LAYERS
from oncall.target import read_target
from stack import faults
from stack.docker import lifecycle
from stack.state import StackError

WHOLE_MACHINE = re.compile(r"systemctl|timedatectl|prune|journalctl|certbot|usermod")
BLANKS = re.compile(r"\b(?:YOUR_\w+|FILE|PID|[A-Z]+_NAME)\b")
PATIENCE = 40.0  # seconds that one command may take: `docker-compose down` of three services takes a dozen


@dataclass
class Typed:
    """One step as it was typed, or why it was not."""

    number: int
    risk: str
    command: str
    edit: str = ""
    left_out: str = ""
    codes: int | None = None
    seconds: float = 0.0
    said: str = ""


@dataclass
class Row:
    """One fault and what became of it. healed: the number of the step after which all was well; 0: none did it."""

    fault: str
    cause: str = ""
    section: str = ""
    component: str = ""
    steps: list[Typed] = field(default_factory=list)
    healed: int = 0
    seconds: float = 0.0
    left: tuple[str, ...] = ()
    expected: str = "yes"
    trouble: str = ""

    @property
    def edits(self):
        return ", ".join(step.edit for step in self.steps if step.edit)

    @property
    def as_expected(self):
        """Healed by what was typed; or, where only a step that was left out can do it, left out it was."""
        if self.trouble:
            return False
        if self.expected == "yes":
            return bool(self.healed)
        return not self.healed and any(step.left_out == self.expected for step in self.steps)

    @property
    def verdict(self):
        if self.healed:
            return f"healed by step {self.healed}"
        return self.trouble or (f"only by a step of the kind: {self.expected}" if self.as_expected else "NOT HEALED")


def measure(names=(), result=None, docker=True):
    """0 when every fault is healed by what may be typed here, or only by what may not, as its entry says."""
    chosen = faults.named(names, "docker") if names else list(faults.catalogue("docker").values())
    rows = []
    with patients.healthy(docker=True) as stack:
        for fault in chosen:
            rows.append(row(stack.home, fault))
            print("\n".join(told(rows[-1])), flush=True)
            if result:
                Path(result).write_text(json.dumps([asdict(each) for each in rows], indent=1))
            lifecycle.heal(stack.home, lambda line: None)
    healed = sum(bool(each.healed) for each in rows)
    right = sum(each.as_expected for each in rows)
    print(f"{healed} of {len(rows)} healed; {right} of {len(rows)} as the catalogue says")
    return 0 if right == len(rows) else 1


def row(home, fault):
    """Break it, read the playbook, follow it."""
    found = Row(fault.name, expected=fault.heals)
    try:
        faults.inject(lifecycle.running(home), [fault], lambda line: None)
        follow(lifecycle.running(home), fault, found)
    except (StackError, NotMeasured) as error:
        found.trouble = " ".join(str(error).split())[:300]
    return found


def follow(stack, fault, found):
    """Type the section's steps, and run the suite after each that changes something."""
    run = judged(stack)
    if not red(run):  # a processor that is busy elsewhere: a moment later it shows
        time.sleep(5)
        run = judged(stack)
    found.left = red(run)
    cause = cause_of(run)
    if cause is None:
        raise NotMeasured("the fault shows nothing")
    found.cause, found.section, found.component = cause["check"], cause["playbook"], cause["component"]
    section = playbook.parse((ROOT / "PLAYBOOK.md").read_text("utf-8")).section(found.section)
    began, mended = time.monotonic(), False
    with tempfile.TemporaryDirectory(prefix="oncall-recovery-") as folder:
        for number, step in enumerate(section.recovery, 1):
            typed = Typed(number, step.risk, fill(step, stack, fault, found.component))
            found.steps.append(typed)
            typed.left_out = reason_to_leave(typed, step)
            if typed.left_out:
                continue
            if fault.mend and not mended and fault.mend.place in step.edit:
                fault.mend.do(stack)
                typed.edit, mended = fault.mend.place, True
            type_(typed, folder)
            if step.risk == "read-only" and not typed.edit:
                continue
            found.left = after(stack)
            if not found.left:
                found.healed = number
                break
    found.seconds = round(time.monotonic() - began, 1)


def fill(step, stack, fault, component):
    command = playbook.fill(step, read_target(stack.home.target).stack, component).command
    for blank, word in fault.reads.items():
        command = re.sub(rf"\b{blank}\b", word, command)
    return command


def reason_to_leave(typed, step):
    if step.risk == "data loss":
        return "data loss"
    if step.risk != "read-only" and WHOLE_MACHINE.search(typed.command):
        return "whole machine"
    if blank := BLANKS.search(typed.command):
        return f"{blank[0]} is for a person to say"
    return "SERVICE is for a person to say" if re.search(r"\bSERVICE\b", typed.command) else ""


def type_(typed, folder):
    """As pasted into a shell, in a folder of no meaning."""
    environment = {**os.environ, "PATH": f"{root_needs_no_sudo(folder)}{os.environ['PATH']}"}
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["bash", "-c", typed.command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        typed.codes, typed.said = done.returncode, (done.stderr or done.stdout)[-300:].strip()
    except subprocess.TimeoutExpired:
        typed.said = f"did not end within {PATIENCE:g} s"
    typed.seconds = round(time.monotonic() - began, 1)


def root_needs_no_sudo(folder):
    """Where nobody installed sudo, root types the commands without it."""
    if os.geteuid() or shutil.which("sudo"):
        return ""
    place = Path(folder, "bin")
    if not place.exists():
        place.mkdir()
        (place / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
        (place / "sudo").chmod(0o755)
    return f"{place}:"


def after(stack, patience=20.0):
    """What is still red once the containers have had the time that a start takes."""
    until = time.monotonic() + patience
    while starting(stack) and time.monotonic() < until:
        time.sleep(0.5)
    left = red(judged(stack))
    if left and time.monotonic() < until and not starting(stack):
        time.sleep(2)  # a health state or a name may be a moment old
        left = red(judged(stack))
    return left


def starting(stack):
    """Whether Docker has not made up its mind yet about one of the services."""
    told = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}"
    return any(
        "starting" in stack.docker("inspect", "--format", told, each, check=False) for each in stack.containers()
    )


def judged(stack):
    """A whole run of the suite."""
    result = stack.home.path / "recovery.json"
    result.unlink(missing_ok=True)
    done = pytest(
        (f"--target={stack.home.target}", f"--html={stack.home.path / 'recovery.html'}", f"--result={result}")
    )
    if not result.exists():
        raise NotMeasured(f"exit {done.code}: {done.said[-300:]}")
    return json.loads(result.read_text())


def red(run):
    return tuple(each["check"] for each in run["verdicts"] if each["outcome"] not in ("passed", "skipped"))


def cause_of(run):
    """The check, section and component of the first cause; of the lowest finding that accuses nobody where the run
    names no cause."""
    verdicts = {each["check"]: each for each in run["verdicts"]}
    for cause in run.get("causes", ()):
        shown = next(iter((*cause["findings"], *cause["consequences"])), "")
        nearest = verdicts.get(shown, {"check": "", "component": cause["component"]})
        return {"check": nearest["check"], "playbook": cause["playbook"], "component": nearest["component"]}
    failed = [each for each in run["verdicts"] if each["outcome"] == "failed"]
    own = [each for each in failed if each["blames"] in (None, each["component"])] or failed
    return min(own, key=lambda each: (LAYERS.index(each["layer"]), each["severity"], each["position"]), default=None)


def told(found):
    """The row for the eye."""
    hand = f"; by hand: {found.edits}" if found.edits else ""
    yield f"{found.fault:42} {found.section:20} {found.verdict}{hand} ({found.seconds:.0f} s)"
    for step in found.steps:
        if step.left_out:
            yield f"    {step.number}. not typed: {step.left_out}"
        elif step.risk != "read-only" or step.edit:
            yield f"    {step.number}. {step.command.splitlines()[-1][-100:]} (exit {step.codes}, {step.seconds:.0f} s)"
    if not found.healed:
        yield f"    still red: {', '.join(found.left[:8])}"
