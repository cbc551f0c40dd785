"""A hang is a bug of ours: whatever hangs, the run ends in time, and tells of every check."""

import pytest

from stack import lifecycle
from tests.integration import hanging

PARTS = ("backend", "frontend", "postgres")
NO_NETWORK = {  # judged by files and tools of this machine alone
    "test_filesystems_have_free_space",
    "test_filesystems_have_free_inodes",
    "test_memory_is_available",
    "test_swap_is_not_exhausted",
    "test_host_cpu_is_not_saturated",
    "test_host_memory_pressure_is_low",
    "test_host_io_pressure_is_low",
    "test_database_log_shows_no_corruption",
    "test_newest_backup_is_recent",
    "test_newest_backup_is_readable",
    *(f"test_{check}[{part}]" for check in ("log_file_is_there", "open_files_are_under_their_limit") for part in PARTS),
    "test_jwt_secret_is_set",
    "test_jwt_secret_is_not_a_default",
    "test_jwt_secret_is_long_enough",
    "test_jwt_secret_is_the_same_everywhere",
    "test_nothing_was_killed_for_memory",
    "test_no_burst_of_authentication_errors",
    "test_no_burst_of_socket_errors",
    "test_no_rate_limit_turns_visitors_away",
    "test_backend_has_a_memory_limit",
    "test_logs_of_undeclared_services_show_no_burst_of_errors",
    *(
        f"test_{check}[{part}]"
        for part in ("postgres", "backend", "frontend")
        for check in (
            "service_is_running",
            "service_stays_up",
            "log_shows_no_fatal_error",
            "log_shows_no_burst_of_errors",
            "container_cpu_is_not_pegged",
            "container_memory_is_under_its_limit",
        )
    ),
}


WAYS = ["silent", *(pytest.param(way, marks=pytest.mark.catalogue) for way in ("dropping", "dripping"))]


@pytest.fixture(params=WAYS)
def hung(request, home, tmp_path):
    """A target file whose every address hangs in one way."""
    with getattr(hanging, request.param)() as (port, _):
        yield hanging.aimed_at(port, lifecycle.running(home), tmp_path / "hung.toml")


@pytest.mark.parametrize(("options", "budget"), [(("--budget=2",), 2), ((), 10)], ids=["budget-2", "default"])
def test_hung_stack_is_diagnosed_within_the_budget(hung, runs, options, budget):
    """The process ends within its budget and a second; every check has a verdict, a row and a test case."""
    run = runs.in_time(budget, hung, *options)

    assert_all_is_told(run, runs.listed(hung))


def test_critical_checks_of_a_hung_stack_need_no_more_than_the_slowest_look(hung, runs):
    """With -m p1 the run ends with the slowest look's own deadline, long before the budget."""
    run = runs.in_time(5, hung, "-m", "p1")

    assert_all_is_told(run, runs.listed(hung, "-m", "p1"))


def test_paused_stack_is_diagnosed_within_the_budget(patient, runs):
    """Processes that are stopped in the middle of their work hold up the run no more than silent ports do."""
    for part in ("postgres", "backend", "frontend"):
        patient.pause(part)
    run = runs.in_time(2, patient.home.target, "--budget=2")

    assert_all_is_told(run, runs.listed(patient.home.target))


def assert_all_is_told(run, listing):
    number = listing.screen.count("::")
    assert run.code == 1, run.screen
    assert len(run.verdicts) == number > 10
    assert int(run.junit.get("tests")) == number
    assert all(check in run.report for check in run.verdicts)
    assert run.checks("passed") <= NO_NETWORK
    assert not run.checks("error"), run.screen
    assert "test_backend_answers_its_health_check" in run.checks("failed", "unknown")
