"""What the tests of the reference stack share: its commands, run in a state folder of their own.

The folder is not named `stack`: pytest would import it under that name, before the real package.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Commands:
    """`python -m stack ...` with one state folder."""

    def __init__(self, home, root=ROOT, user=None, interpreter=sys.executable, **environment):
        self.home = home
        self.root = root
        self.interpreter = str(interpreter)
        self.identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.environment = {**os.environ, "STACK_HOME": str(home), **environment}

    def __call__(self, *words, **environment):
        begun = self.begin(*words, **environment)
        try:
            out, said = begun.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            begun.kill()
            raise
        return subprocess.CompletedProcess(words, begun.returncode, out, said)

    def begin(self, *words, **environment):
        """The same without waiting."""
        return subprocess.Popen(
            [self.interpreter, "-m", "stack", *words],
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **self.identity,
        )

    def folders(self):
        """The private folders that say they are this stack's."""
        notes = [note for note in Path("/tmp").glob("oncall-stack-*/home") if os.access(note, os.R_OK)]
        return [note.parent for note in notes if note.read_text() == str(self.home)]

    def processes(self, folders=()):
        """Everything that lives in this stack's folders or carries its name, found without asking the stack."""
        places = tuple(str(place) for place in (self.home, *self.folders(), *folders))
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get("REFERENCE_STACK_HOME") == str(self.home)
                if process.status() != psutil.STATUS_ZOMBIE and (marked or process.cwd().startswith(places)):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def left_behind(self, folders=()):
        until = time.monotonic() + 2  # a killed process takes a moment to vanish
        while (left := self.processes(folders)) and time.monotonic() < until:
            time.sleep(0.05)
        return [*left, *self.folders(), *([self.home] if self.home.exists() else [])]


@pytest.fixture
def commands_in():
    """For a test that needs another checkout or another user."""
    return Commands


@pytest.fixture
def commands(tmp_path):
    """The commands with a state folder of this test's own; whatever it leaves is ended."""
    made = Commands(tmp_path / "state")
    yield made
    made("down")
    for process in made.processes():
        process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A stack that is up, for tests that do no harm or heal what they did."""
    made = Commands(tmp_path_factory.mktemp("shared") / "state")
    try:
        done = made("up")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made("down")
