"""A plugin for runs under test: at the end of the session it hangs, as a report on a dead file server does."""

import time
from pathlib import Path


def pytest_addoption(parser):
    parser.addoption("--stuck", help="the file that says that it hangs now")
    parser.addoption("--stuck-seconds", type=float, default=60)


def pytest_sessionfinish(session):
    Path(session.config.option.stuck).touch()
    time.sleep(session.config.option.stuck_seconds)
