"""A whole run of a suite as people type it: a process of its own, and all that it left."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct, field

FILES = {"--html": "report.html", "--json": "result.json", "--junitxml": "junit.xml"}
LEFT_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "ONCALL_TARGET", "COLUMNS")  # what would change a run


class Run(Struct, frozen=True, kw_only=True):
    """One run that has ended.

    code: its exit code. screen: both of its streams. seconds: how long its process lived. files: the text of each file
    that it wrote, by name: report.html, result.json, junit.xml.
    """

    code: int
    screen: str
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)

    @property
    def result(self) -> dict[str, Any]:
        """What it wrote as --json; empty where there is none."""
        result: dict[str, Any] = json.loads(self.files.get("result.json") or "{}")
        return result

    @property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        """How each check ended, by its name."""
        return {verdict["check"]: verdict for verdict in self.result.get("verdicts", ())}

    @property
    def causes(self) -> list[dict[str, Any]]:
        """The causes that it named, the most urgent first."""
        return list(self.result.get("causes", ()))

    @property
    def starved(self) -> bool:
        """Whether it blames the load of the machine that it ran on for what it does not know: judge by another run."""
        unknown = [verdict for verdict in self.verdicts.values() if verdict["outcome"] == "unknown"]
        return any(verdict["blames"] == "host" and verdict["manner"] for verdict in unknown)

    @property
    def report(self) -> str:
        """The HTML report; raises KeyError where none was written."""
        return self.files["report.html"]

    def checks(self, *outcomes: str) -> set[str]:
        """The names of those that ended so."""
        return {check for check, verdict in self.verdicts.items() if verdict["outcome"] in outcomes}


def run(
    target: Path | str | None,
    *options: str,
    suite: Path | str | None = None,
    within: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 90.0,
) -> Run:
    """Run a suite against a target file; raises subprocess.TimeoutExpired.

    target: None: whatever the suite finds for itself. suite: its folder; None: the one that we are in.
    within: a command to start the run with, such as ("unshare", "--net"). environment: added to this process's own.
    timeout: seconds, after which it is killed.
    """
    with TemporaryDirectory(prefix="oncall-testing-") as name:
        words = [*within, *command(target, Path(name)), *options]
        return finished(begun(words, suite, surroundings(environment)), Path(name), timeout)


def command(target: Path | str | None, folder: Path) -> list[str]:
    """The words of a run whose files go into this folder."""
    files = [f"{option}={folder / name}" for option, name in FILES.items()]
    return [sys.executable, "-m", "pytest", *([f"--target={target}"] if target else []), *files]


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change a run, and with these variables."""
    return {name: value for name, value in os.environ.items() if name not in LEFT_OUT} | dict(more or {})


class Begun(Struct, frozen=True):
    """A run that goes on. began: by `time.monotonic`."""

    process: "subprocess.Popen[bytes]"
    began: float


def begun(words: Sequence[str | Path], suite: Path | str | None, environment: Mapping[str, str]) -> Begun:
    """Start these words in a suite's folder; what they say is kept."""
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603  no shell is wanted: pytest, with the words of a test
        [str(word) for word in words],
        cwd=suite,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return Begun(process, began)


def finished(run: Begun, folder: Path, timeout: float) -> Run:
    """Wait for its end, and read what it left in its folder; kills it and raises subprocess.TimeoutExpired."""
    try:
        screen, _ = run.process.communicate(timeout=timeout)
    except BaseException:
        run.process.kill()
        run.process.communicate()
        raise
    seconds = time.monotonic() - run.began
    files = {file.name: file.read_text(errors="replace") for file in folder.glob("*") if file.name in FILES.values()}
    return Run(
        code=run.process.returncode, screen=screen.decode(errors="backslashreplace"), seconds=seconds, files=files
    )
