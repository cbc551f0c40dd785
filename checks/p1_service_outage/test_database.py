"""P1 Service outage: database down."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("database-down"), pytest.mark.component("postgres")]


@pytest.mark.judges("database_connection")
def test_database_is_reachable(database_connection, finding):
    """Every page that needs data fails."""
    assert database_connection.answered, finding(
        database_connection.sentence,
        evidence={"address": database_connection.address, "said": database_connection.message},
        component="postgres",
        layer=database_connection.layer,
        manner=database_connection.manner,
        address=database_connection.address,
        root="listening[postgres]",
        blames="network" if database_connection.outcome in ("unresolved", "unreachable") else None,
    )


@pytest.mark.judges("database_login")
def test_database_accepts_the_login(database_login, finding):
    """The backend starts, but cannot log in to its database."""
    assert database_login.outcome == "accepted", finding(
        database_login.symptom,
        evidence=database_login.evidence,
        component="postgres",
        manner="error answer",
        statement=database_login.statement,
        speaker="server",
    )


@pytest.mark.judges("database_role")
def test_database_is_started_and_primary(database_role, finding):
    """Requests fail with 'the database system is starting up', or nothing can be saved."""
    assert database_role.state == "primary", finding(
        f"the database is {'a standby' if database_role.state == 'standby' else database_role.state}",
        evidence={"state": database_role.state, "said": database_role.message, "up_seconds": database_role.up_seconds},
        component="postgres",
        layer=database_role.layer,
        manner="error answer",
        statement=database_role.message,
        speaker="server",
    )


@pytest.mark.judges("database_answer")
def test_database_answers_in_time(database_answer, limits, finding):
    """Everything is slow, even the simplest page."""
    timely = database_answer.seconds <= limits.database_answer_seconds and not database_answer.timed_out
    assert timely, finding(
        f"SELECT 1 {'had no answer after' if database_answer.timed_out else 'took'} {database_answer.seconds:.2f} s",
        evidence={"seconds": round(database_answer.seconds, 3), "limit": limits.database_answer_seconds},
        component="postgres",
        layer="answers" if database_answer.timed_out else "fast",
        manner="silent" if database_answer.timed_out else "late",
    )


def test_database_accepts_writes(database_writes, finding):
    """Pages load, but nothing can be saved."""
    assert not database_writes.read_only, finding(
        f"{database_writes.read_only} are read-only",
        evidence={
            "default_transaction_read_only": "on",
            "set by": database_writes.set_by if database_writes.default_read_only else "ALTER ROLE",
        },
        component="postgres",
        manner="error answer",
    )


@pytest.mark.judges("connection_slots")
def test_database_has_free_connection_slots(connection_slots, limits, finding):
    """Some requests fail with 'too many clients already'."""
    full = connection_slots.refused or connection_slots.full
    enough = connection_slots.free >= limits.free_connection_slots and not full
    assert enough, finding(
        connection_slots.symptom,
        evidence=connection_slots.evidence,
        component="postgres",
        layer="answers" if full else "fast",
        manner="error answer" if full else None,
        statement=connection_slots.message,
        speaker="server",
    )
