"""One run of the playbook as people type it: a process of its own, and everything that it left."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from msgspec.structs import asdict

from oncall.testing.running import FILES, Run, begun, command, finished, surroundings
from stack.target import toml
from tests.patient import until_calm
from tests.result_files import hold_against_schema

ROOT = Path(__file__).resolve().parents[2]
TRIES = 10


class Outcome(Run, frozen=True, kw_only=True):
    """A run, and the folder in which its files lie."""

    folder: Path

    @property
    def junit(self):
        return ElementTree.fromstring(self.files["junit.xml"])[0]

    @property
    def diagnosis(self):
        """What stands between the two markers: the same run gives the same lines."""
        lines = self.screen.splitlines()
        begin = next(number for number, line in enumerate(lines) if "diagnosis of" in line)
        end = next(number for number, line in enumerate(lines) if "end of diagnosis" in line)
        return "\n".join(lines[begin : end + 1])


def was_starved(folder):
    """Whether the run whose result lies there blames this machine's load for what it does not know."""
    file = folder / "result.json"
    return file.exists() and Run(code=0, screen="", files={"result.json": file.read_text()}).starved


class Runs:
    """Starts runs whose files go into one folder."""

    def __init__(self, folder):
        self.folder = folder

    def command(self, target, *options):
        """The words of a run that writes a report, a JUnit file and a result."""
        return [*command(target, self.folder), *options]

    def __call__(self, target, *options, **more):
        """One run; again where this machine was too busy to judge by, which is an answer, but not the one wanted."""
        words = self.command(target, *options)
        for _ in range(TRIES):
            run = self.typed(*words, **more)
            if not run.starved:
                break
            until_calm()
        return run

    def typed(self, *words, within=(), cwd=ROOT, timeout=60, environment=None, **variables):
        """Run these very words.

        within: a command to start them with, such as unshare.
        environment: the whole environment; variables: what is added to ours.
        """
        for name in FILES.values():
            (self.folder / name).unlink(missing_ok=True)
        env = environment if environment is not None else clean_environment(**variables)
        return ended(begun([*within, *words], cwd, env), self.folder, timeout)

    def listed(self, target, *options):
        """The checks that would be judged; nothing is looked at and no file is written."""
        return self.typed(sys.executable, "-m", "pytest", f"--target={target}", "--collect-only", *options)

    def a_second(self, target):
        """One second on a machine that has time for us; longer where even listing the checks takes longer."""
        return max(1.0, 1.7 * self.listed(target).seconds)

    def in_time(self, seconds, target, *options):
        """A run that ended within a bar and a second; two more tries where the machine had no time for us."""
        for _ in range(3):
            run = self(target, *options)
            if run.seconds < seconds + self.a_second(target):
                return run
        raise AssertionError(f"{run.seconds:.2f} s, three times more than {seconds} s and a second\n{run.screen}")

    def begin(self, target, *options):
        """Start a run and do not wait for it."""
        words = self.command(target, *options)
        return subprocess.Popen(
            words, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def ended(run, folder, timeout=60):
    """What became of a run that was begun; its result is held against the schema that is shipped."""
    done = Outcome(**asdict(finished(run, folder, timeout)), folder=folder)
    if done.result:
        hold_against_schema(done.result)
    return done


def clean_environment(**variables):
    """Ours, without what would change a run."""
    return surroundings(variables)


def write_target(file, tables):
    """A target file of these tables."""
    file.write_text(toml(tables))
    return file


def checkout(folder):
    """What a checkout holds of the suite, without any target file."""
    folder.mkdir()
    for name in ("checks", "oncall"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "PLAYBOOK.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder
