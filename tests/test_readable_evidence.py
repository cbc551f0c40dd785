"""What a finding shows can be read: nothing empty, nothing masked twice, no time or name taken for a secret."""

import pytest

from oncall.finding import Recorder
from oncall.gate.redaction import Redactor
from oncall.gate.sql_text import error_text, masked

REDACT = Redactor(b"salt")


@pytest.mark.parametrize("empty", ["", None])
def test_an_answer_that_is_empty_is_left_out(empty):
    """`said=''` below "confirmed" proves nothing, and looks as if it did."""
    kept = []
    message = Recorder(kept.append, ("postgres",))(
        "connection refused", component="postgres", evidence={"address": "db:5432", "said": empty, "tries": 0}
    )

    assert kept[0].evidence == {"address": "db:5432", "tries": 0}
    assert message == "connection refused (address=db:5432, tries=0)"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET title = 'it''s', done = true WHERE id = 257",
        "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE",
        "SELECT * FROM users WHERE mail = 'a@b.example' AND born > '1990-01-01'",
        "INSERT INTO notes VALUES (E'a\\'b', $tag$x$tag$, 1.5e3)",
        "COPY tasks FROM '/backups/tasks.csv'",
    ],
)
def test_a_statement_that_is_masked_stays_as_it_is(statement):
    """It passes the mask of statements, of messages, and that of every text: `'?'?'?'` tells nobody anything."""
    once = masked(statement)

    assert masked(once) == once
    assert error_text(once) == once
    assert REDACT(once) == once
    assert "'" not in once


@pytest.mark.parametrize(
    "line",
    [
        "held by=pid 257 (nightly-report), idle in transaction for 41 s: UPDATE tasks SET title = ?",
        "58 of 60 slots are held by reporting-cron",
        "waiting 1=pid 301 (app), 12 s: SELECT * FROM tasks WHERE id = ? FOR UPDATE",
        "the password of app is valid until 2020-01-01 00:00:00 UTC",
    ],
)
def test_who_holds_what_since_when_is_told(line):
    """Names of applications, numbers of sessions, times."""
    assert REDACT(line) == line
