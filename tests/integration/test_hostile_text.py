"""A stack whose every answer, log line and query is an attack: the suite looks at it, a browser at the report."""

import pytest

from tests.browser.attacks import ATTACKS, assert_harmless
from tests.integration.evil_backend import evil

pytestmark = [pytest.mark.stack, pytest.mark.browser]
TEXTS = [text.encode(errors="ignore").decode() for text in ATTACKS.values()]
QUERY = "SELECT pg_sleep(60) /* <script>alert('sql')</script> <img src=x onerror=alert('sql')> */"


@pytest.fixture
def hostile(patient):
    """Health bodies, headers, pages and metrics of a stranger; damage in the database's log; a query that says more."""
    line = "2026-01-01 00:00:00.000 UTC [1] ERROR:  invalid page in block 7 of relation base/5/16385 "
    with patient.log("postgres").open("ab") as log:
        log.write(line.encode() + b"z" * 10_000_000 + b"\n")
        for text in TEXTS:
            log.write(line.encode() + text.replace("\n", " ").encode() + b"\x00\xff\xfe\xc3(\n")
    patient.hold_session(QUERY, wait_for_all=False, name="running")
    for limit in ("query_running_seconds", "query_mean_seconds"):
        patient.edit_target(f"limits.{limit}", 0.000001)
    patient.edit_target("limits.query_calls", 1)
    with evil(TEXTS) as (port, _):
        url = f"http://127.0.0.1:{port}"
        for key in ("backend.url", "frontend.url"):
            patient.edit_target(key, url)
        for key in ("websocket.url", "websocket.public_url"):
            patient.edit_target(key, f"ws://127.0.0.1:{port}/realtime")
        yield patient


def test_nothing_of_it_runs_or_appears(hostile, runs, visit):
    """The checks find what is wrong, and tell it as text."""
    run = runs(hostile.home.target, "--tb=short", "--show-capture=all")
    report = run.folder / "report.html"

    assert {"test_every_health_sub_check_is_ok", "test_database_log_shows_no_corruption"} <= run.checks("failed")
    assert "test_no_query_runs_for_long" in run.checks("failed")
    assert report.stat().st_size < 2_000_000
    assert "alert(" in report.read_text()
    for policy in (True, False):
        assert_harmless(visit(report, policy=policy))
