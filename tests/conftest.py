"""What several tests share: pytest's own tool for running a suite in a folder of its own."""

import os
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "tests.engine", "tests.browser.chromium"]

PROBES = """
import time
from oncall.api import CouldNotCheck, Fact, NotPart, client, probe

pytest_plugins = ["oncall.plugin"]


class Slots(Fact, frozen=True, kw_only=True):
    free: int
    limit: int
    note: str = ""

    def inconclusive_reason(self):
        return None if self.limit else "no slot was seen"
"""


@pytest.fixture(scope="session", autouse=True)
def state_of_its_own():
    """The salt and the ledger of these runs are nobody else's: a port may have been another stack's before."""
    with tempfile.TemporaryDirectory(prefix="oncall-state-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", folder)
        yield


@pytest.fixture
def suite(pytester, monkeypatch):
    """A foreign suite in a folder of its own: give it probes and checks, run it, read what it says."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.delenv("ONCALL_TARGET", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makeini("[pytest]\naddopts = -p no:anyio -p no:logging -p no:cacheprovider --capture=sys --tb=no\n")

    def run(probes, checks, *options, target='name = "shop"\n', timeout=60, **files):
        pytester.makeconftest(PROBES + probes)
        pytester.makefile(".toml", oncall=target)
        pytester.makepyfile(**{"test_checks": checks} | files)
        return pytester.runpytest_subprocess(*options, timeout=timeout)

    return run
