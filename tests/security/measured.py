"""One run of the whole playbook as a process of its own, with what it cost and all that it left."""

import subprocess
import sys
import time
from dataclasses import dataclass

from tests.integration.playbook_runs import ROOT, clean_environment, write_target

FILES = ("report.html", "junit.xml", "result.json", "snapshot.json", "postmortem.md")
ALLOWED_MIB = 150
ALLOWED_SECONDS = 1.5  # beyond the budget
# A small process in between: what is measured would begin with the memory of the one that starts it.
MEASURE = """
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[2:])
threading.Timer(90, child.kill).start()
_, status, used = os.wait4(child.pid, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


@dataclass(frozen=True)
class Measured:
    """seconds: of the wall clock. peak_mib: of the process, at its largest. outputs: terminal and files, by name."""

    code: int
    seconds: float
    budget: float
    peak_mib: float
    outputs: dict[str, str]

    @property
    def screen(self):
        return self.outputs["terminal"]

    def where(self, secret):
        """The outputs that hold a text."""
        return [name for name, text in self.outputs.items() if secret in text]

    def cheap(self):
        """Whether it kept its budget and its memory; what it needed otherwise."""
        fine = self.seconds <= self.budget + ALLOWED_SECONDS and self.peak_mib <= ALLOWED_MIB
        return fine or f"{self.seconds:.1f} s of {self.budget} s, {self.peak_mib:.0f} MiB"


def measured(folder, tables, *options, budget=4.0, **variables):
    """Run it; a second and a third time where the machine had no time for us."""
    for _ in range(3):
        run = _once(folder, tables, options, budget, variables)
        if run.cheap() is True:
            return run
    return run


def _once(folder, tables, options, budget, variables):
    target = write_target(folder / "target.toml", tables)
    places = [folder / name for name in FILES]
    for place in places:
        place.unlink(missing_ok=True)
    named = ("--html", "--junitxml", "--result", "--save", "--postmortem")
    written = [f"{option}={place}" for option, place in zip(named, places, strict=True)]
    words = [sys.executable, "-m", "pytest", f"--target={target}", f"--budget={budget}", *written, *options]
    began = time.monotonic()
    with (folder / "terminal").open("wb") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-ISc", MEASURE, str(folder / "used"), *words],
            cwd=ROOT,
            env=clean_environment(**variables),
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
        process.wait(120)
    peak = int((folder / "used").read_text()) / 1024
    seconds = time.monotonic() - began
    print(f"{seconds:6.2f} s  {peak:6.1f} MiB  exit {process.returncode}")
    outputs = {
        place.name: place.read_text(errors="backslashreplace")
        for place in (*places, folder / "terminal")
        if place.exists()
    }
    return Measured(process.returncode, seconds, budget, peak, outputs)
