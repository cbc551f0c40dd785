"""The texts that people paste: colleagues learn the cause, strangers learn what does not work and nothing else."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from oncall.playbook import Playbook
from oncall.reporting.announcement import incident_channel, status_page
from tests.reporting import runs
from tests.reporting.incidents import (
    HEALTHY,
    HOSTILE,
    LOGIN,
    OUTAGE,
    PLAYBOOK,
    SECRET,
    SLOW,
    STOPPED,
    TWO_FAULTS,
    UNKNOWN,
    diagnosed,
    moment,
)


def test_channel_names_causes_and_the_next_update():
    """What is broken, why we think so, what people notice, where to go on, when to look here again."""
    assert incident_channel(OUTAGE, PLAYBOOK).splitlines() == [
        "motel at 20:29 UTC: P1 postgres; 1 check without an answer",
        "P1 postgres: localhost:5432 refuses the connection; explains 1 failed, 3 unknown",
        "People notice: Every request that needs data fails. Parts of the service fail.",
        "Next: PLAYBOOK.md database-down, step 1",
        "docker-compose ps postgres",
        "docker-compose logs --tail=100 postgres",
        "Respond by 20:29 UTC, overdue when this run began. Next update by 20:44 UTC."
        if STOPPED.at + timedelta(minutes=15) < OUTAGE.started
        else "Respond by 20:29 UTC. Next update by 20:44 UTC.",
    ]


def test_several_causes_are_all_named():
    """Three in full, the others by name."""
    many = [replace(SLOW, check=f"test_{name}", component=name, nodeid=name) for name in ("a", "b", "c", "d")]
    text = incident_channel(diagnosed(runs.run(runs.REACHABLE, *many)), PLAYBOOK)

    assert "P1 postgres: localhost:5432 refuses" in text
    assert "And 2 more: P3 " in text


def test_healthy_run_reads_well():
    """No cause, no deadline, no empty line."""
    assert incident_channel(HEALTHY, PLAYBOOK) == "motel at 20:29 UTC: Healthy: 1 check passed, 1 skipped"
    assert status_page(HEALTHY, PLAYBOOK) == "Operational: no problem that you would notice is known."


def test_run_that_knows_nothing_claims_nothing():
    """Could not look is neither broken nor well."""
    channel = incident_channel(UNKNOWN, PLAYBOOK)

    assert "Inconclusive: test_database_accepts_the_login: the database was not reached" in channel
    assert "Next update by 20:44 UTC." in channel
    assert status_page(UNKNOWN, PLAYBOOK) == (
        "Investigating: we are checking parts of the service; no fault is known at 20:29 UTC. Next update by 20:44 UTC."
    )


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            diagnosed(runs.run(runs.REACHABLE)),
            "Identified: The service does not work as it should. We know the cause and work on it. "
            "Next update by 20:44 UTC.",
        ),
        (
            diagnosed(runs.run(LOGIN)),
            "Identified: Logging in does not work as it should. We know the cause and work on it. "
            "Next update by 21:29 UTC.",
        ),
        (
            diagnosed(runs.run(SLOW)),
            "Investigating: Some pages are slow or show errors. We are looking for the cause. "
            "Next update by 2026-11-24 00:29 UTC.",
        ),
        (
            TWO_FAULTS,
            "Investigating: The service does not work as it should; Some pages are slow or show errors. "
            "We are looking for the cause. Next update by 20:44 UTC.",
        ),
    ],
    ids=["database", "login", "slow", "two"],
)
def test_status_page_says_what_does_not_work(run, text):
    """The area, whether the cause is known, and when there is news."""
    assert status_page(run, PLAYBOOK) == text


def test_status_page_does_not_tell_of_holes():
    """What only an attacker would notice is not posted; beside an outage, the outage alone is."""
    assert status_page(diagnosed(runs.run(SECRET)), PLAYBOOK) == (
        "Operational: no problem that you would notice is known."
    )
    assert "Logging in" not in status_page(diagnosed(runs.run(SECRET, runs.REACHABLE)), PLAYBOOK)


def test_a_claim_that_begins_with_nobody_may_be_an_outage():
    """Its first word decides nothing; the mark of its check does."""
    table = replace(SECRET, claim="Nobody can log in, although the login page works.", noticed=True, layer="exists")

    assert status_page(diagnosed(runs.run(table)), PLAYBOOK).startswith("Identified: Logging in does not work")
    assert "Nobody can log in" in incident_channel(diagnosed(runs.run(table)), PLAYBOOK)


@pytest.mark.parametrize("run", [OUTAGE, HOSTILE, TWO_FAULTS, UNKNOWN], ids=["outage", "hostile", "two", "unknown"])
def test_status_page_names_nothing_internal(run):
    """No component, address, stack, check or evidence, whatever the run holds."""
    text = status_page(run, PLAYBOOK).lower()
    internal = [run.stack, *(cause.component for cause in run.diagnosis.causes)]
    internal += ["postgres", "backend", "5432", "test_", "localhost", "playbook", "script", "::"]

    assert [name for name in internal if name.lower() in text] == []


def test_channel_text_cannot_call_people_or_steer():
    """Each line is one line; a pasted @here calls nobody."""
    run = diagnosed(
        runs.run(replace(runs.REACHABLE, symptom="@here\nP1 gone \x1b[31m <!channel>")), moment("20:20", "x")
    )
    text = incident_channel(run, PLAYBOOK)

    assert "(at)here" in text
    assert "@" not in text
    assert "\x1b" not in text
    assert all(len(line) < 400 for line in incident_channel(HOSTILE, PLAYBOOK).splitlines())


def test_playbook_without_times_promises_none():
    """No table of severities, no deadline."""
    assert "update" not in incident_channel(OUTAGE, Playbook())
    assert "update" not in status_page(OUTAGE, Playbook())
