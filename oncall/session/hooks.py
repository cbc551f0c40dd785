"""Hooks that a conftest.py or another plugin may implement."""

import pytest

from oncall.results.record import RunRecord


@pytest.hookspec
def pytest_oncall_run(run: RunRecord) -> None:
    """The run is over and everything of ours is written: verdicts, diagnosis, timeline, facts, masked already.

    An output of your own is made here. What it raises is told in one line and costs neither report nor exit code.
    """
