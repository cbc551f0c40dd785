"""Attacks A4, A6, A13 and A15, as far as a database server can make them: it is hostile, careless, or refuses."""

import hashlib
import subprocess
import sys

import pytest

from tests.probes.patients import free_port
from tests.security import hostile_postgres
from tests.security.conftest import PASSWORD
from tests.security.hostile_postgres import hostile


def assert_in_bounds(attack, name):
    print(f"{name:28} {attack.seconds:5.2f} s {attack.peak:5.0f} MiB")
    run = attack.outcome
    assert run.code == 1, run.screen
    assert "bug in the suite" not in run.screen
    assert not run.checks("error"), run.screen
    assert all(run.verdicts[check]["severity"] == "p1" for check in run.checks("passed")), run.screen
    for text in attack.outputs.values():
        assert PASSWORD not in text
        assert "Traceback" not in text


def assert_nothing_learned(heard):
    sent = b"".join(heard)
    inner = hashlib.md5(f"{PASSWORD}oncall".encode()).hexdigest()
    secrets = (PASSWORD, "another-password", "md5" + hashlib.md5(f"{inner}salt".encode()).hexdigest())
    assert not [one for one in secrets if one.encode() in sent]


@pytest.mark.parametrize("talking", hostile_postgres.BEFORE, ids=lambda one: one.__name__)
def test_server_that_is_hostile_before_it_lets_us_in(database, talking):
    """It learns no password, costs neither time nor memory, and is told."""
    with hostile(talking) as (port, heard):
        attack = database(port)

    assert_in_bounds(attack, talking.__name__)
    assert_nothing_learned(heard)


@pytest.mark.parametrize("talking", hostile_postgres.DURING, ids=lambda one: one.__name__)
def test_server_that_answers_queries_without_measure(database, talking):
    """Whatever it sends, a bound of bytes, of rows and of time holds; no check passes on it."""
    with hostile(talking) as (port, heard):
        attack = database(port, auth=True)

    assert_in_bounds(attack, talking.__name__)
    assert_nothing_learned(heard)


@pytest.mark.parametrize(
    ("talking", "key", "words"),
    [
        (hostile_postgres.clear_text, "password", "the server asks for the password in clear text"),
        (hostile_postgres.md5, "md5", "the server asks for the password as md5"),
        (hostile_postgres.gss, "gss", "the server asks for a GSSAPI ticket"),
    ],
)
def test_server_that_asks_for_the_password_in_another_way_is_told_with_the_mend(database, talking, key, words):
    """One sentence, one key."""
    with hostile(talking) as (port, _):
        attack = database(port)

    reason = attack.outcome.verdicts["test_database_accepts_the_login"]["reason"]
    assert reason == f'{words}; nothing was sent: set postgres.require_auth = "{key}" if that is meant'
    assert attack.outcome.verdicts["test_database_is_reachable"]["outcome"] == "passed"


def test_password_in_clear_is_sent_where_the_target_means_it(database):
    """A healthy setup of that kind needs one key."""
    with hostile(hostile_postgres.clear_text) as (port, heard):
        database(port, require_auth="password")

    assert PASSWORD.encode() in b"".join(heard)


def test_refused_port_is_refused_on_a_busy_machine(database):
    """An import that takes long says nothing about the database."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(10)]
    try:
        attack = database(free_port(), "-k", "test_database_is_reachable")
    finally:
        for one in busy:
            one.kill()
            one.wait()

    assert "connection refused at 127.0.0.1:" in attack.outcome.verdicts["test_database_is_reachable"]["symptom"]
