"""A signal stops the waiting: what is known by then is reported within a second."""

import signal
import time

import pytest

from stack import lifecycle
from tests.integration import hanging


@pytest.fixture
def hung(home, tmp_path):
    """A target file whose every address accepts and never answers, and an event that somebody came."""
    with hanging.silent() as (port, came):
        yield hanging.aimed_at(port, lifecycle.running(home), tmp_path / "hung.toml"), came


def left_behind(folder):
    return [file.name for file in folder.iterdir() if file.name.endswith(".tmp")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_first_signal_ends_the_waiting_and_reports(hung, runs, tmp_path, number):
    """The report is written and the process gone within a second; every check has a verdict; exit 2."""
    target, came = hung
    process = runs.begin(target)
    assert came.wait(10)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(number)
    screen, _ = process.communicate(timeout=20)
    seconds = time.monotonic() - began
    report = (tmp_path / "report.html").read_text()

    assert seconds < runs.a_second(target), screen
    assert process.returncode == 2
    assert "interrupted: partial results" in screen
    assert "had not answered when the run was interrupted" in screen
    assert "test_filesystems_have_free_space" in report
    assert "The run was interrupted" in report
    assert left_behind(tmp_path) == []


def stuck(file, seconds=60):
    return ["-p", "tests.integration.stuck_at_the_end", f"--stuck={file}", f"--stuck-seconds={seconds}"]


def wait_for(file):
    until = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_signal_after_the_last_answer_changes_nothing(home, runs, tmp_path):
    """A signal that comes when nothing is unanswered any more leaves verdicts and exit code as they are."""
    process = runs.begin(home.target, *stuck(tmp_path / "stuck", 1))
    wait_for(tmp_path / "stuck")
    process.send_signal(signal.SIGTERM)
    screen, _ = process.communicate(timeout=20)

    assert process.returncode == 0, screen
    assert "Healthy" in screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_second_signal_aborts(hung, runs, tmp_path, number):
    """Where even the reporting hangs, the second signal ends it at once."""
    target, came = hung
    process = runs.begin(target, *stuck(tmp_path / "stuck"))
    assert came.wait(10)
    process.send_signal(number)
    wait_for(tmp_path / "stuck")
    began = time.monotonic()
    process.send_signal(number)
    screen, _ = process.communicate(timeout=20)

    assert time.monotonic() - began < runs.a_second(target)
    assert process.returncode == -number
    assert "Traceback" not in screen
