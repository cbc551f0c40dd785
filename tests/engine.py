"""Tests that need a Docker engine: left out where none answers, and said so at the end; CI insists on them.

ONCALL_ENGINE=required turns what would be left out into a failure.
"""

import os
import shutil
import subprocess

import pytest

HOW = (
    "as root: stack/docker/engine.sh (installs docker.io, docker-compose and mmdebstrap on Debian, and starts dockerd)"
)


def missing():
    """What keeps the Docker tests from running, or nothing."""
    if not shutil.which("docker"):
        return "no docker command is installed"
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer"
    return "" if asked.returncode == 0 else (asked.stderr.strip().splitlines() or ["no Docker engine answers"])[-1]


def pytest_collection_modifyitems(config, items):
    wanted = [item for item in items if item.get_closest_marker("docker")]
    if not wanted or not (reason := missing()):
        return
    if os.environ.get("ONCALL_ENGINE") == "required":
        raise pytest.UsageError(f"{len(wanted)} tests need a Docker engine, and ONCALL_ENGINE says required: {reason}")
    for item in wanted:
        item.add_marker(pytest.mark.skip(reason=f"Docker: {reason}"))
    config.stash[LEFT_OUT] = len(wanted), reason


LEFT_OUT = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, config):
    if LEFT_OUT in config.stash:
        count, reason = config.stash[LEFT_OUT]
        terminalreporter.write_line(f"Left out: {count} tests of Docker ({reason}). To run them, {HOW}")
