"""What the team lives with: a finding or a check without an answer, for a reason and until a last day."""

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import pytest

UNKNOWN = "test_file_descriptors_are_under_their_limit"


@pytest.fixture
def target(home, tmp_path):
    """The healthy stack's target file; its metrics page tells no file descriptors at the name that is given there."""
    words = home.target.read_text().replace(
        "[backend.metrics]\n", '[backend.metrics]\nopen_fds = "of_another_exporter"\n'
    )
    assert "of_another_exporter" in words

    def written(name=UNKNOWN, days=0, change=lambda text: text):
        day = datetime.now(UTC).date() + timedelta(days=days)
        accepted = f'\n[accepted]\n"{name}" = {{ reason = "another exporter", until = {day} }}\n' if name else ""
        file = home.path / "accepted.toml"
        file.write_text(change(words) + accepted)
        return file

    return written


def test_standing_unknown_that_is_accepted_is_no_failure(target, runs):
    """Exit 0; it is said with its reason and its last day, and it counts as no answer."""
    before, run = runs(target(None)), runs(target())
    verdict = run.verdicts[UNKNOWN]
    case = next(case for case in run.junit if case.get("name") == UNKNOWN)

    assert before.code == 1
    assert before.checks("unknown") == {UNKNOWN}
    assert run.code == 0, run.screen
    assert verdict["outcome"] == "accepted"
    assert verdict["reason"].startswith("the metrics page tells no number at of_another_exporter")
    assert "another exporter" in run.diagnosis
    assert "tells no number at of_another_exporter" in run.diagnosis
    answered, due = map(int, re.search(r"P2 (\d+)/(\d+)", run.diagnosis).groups())
    assert due == answered + 1
    assert case.find("skipped") is not None
    assert case.find("error") is None
    assert "accepted until" in ElementTree.tostring(case, encoding="unicode")


def test_after_its_last_day_it_is_unknown_again_and_that_is_said_once(target, runs):
    """Exit 1, and a sentence that names the entry."""
    run = runs(target(days=-1))

    assert run.code == 1
    assert run.checks("unknown") == {UNKNOWN}
    assert run.screen.count(f"accepted.{UNKNOWN} ended on") == 1


def test_entry_for_a_check_that_the_target_skips_is_told(target, runs):
    """It would do nothing for ever, and looks as if it did something."""
    run = runs(target(change=lambda text: text.replace('"of_another_exporter"', '""')))

    assert run.code == 0
    assert run.checks("skipped") >= {UNKNOWN}
    assert run.screen.count(f"accepted.{UNKNOWN} has no effect") == 1


@pytest.mark.parametrize("name", [f"{UNKNOWN}[backend]", "test_endpoints_answer_in_time[none]", "test_nothing"])
def test_entry_of_no_check_is_refused(target, runs, name):
    """A name that is misspelled, or a parameter that no check has."""
    run = runs(target(name=name))

    assert run.code == 4
    assert "is not a check" in run.screen
    assert "Traceback" not in run.screen


def test_empty_metric_names_skip_their_checks(target, runs):
    """This stack does not tell: no finding, no unknown, no failure."""
    silent = '[backend.metrics]\nopen_fds = ""\nmax_fds = ""\nwebsocket_connections = ""\n'
    run = runs(
        target(None, change=lambda text: text.replace('[backend.metrics]\nopen_fds = "of_another_exporter"\n', silent))
    )

    assert run.code == 0, run.screen
    assert run.checks("skipped") >= {
        UNKNOWN,
        "test_connection_count_is_exported",
        "test_connections_are_under_their_limit",
    }
