"""P2 Authentication failure: accounts table and migrations."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("migrations"), pytest.mark.component("auth")]


def test_accounts_table_is_readable(accounts_table, finding):
    """Nobody can log in, although the login page works."""
    assert accounts_table.outcome == "read", finding(
        accounts_table.symptom,
        evidence={"table": accounts_table.table, "said": accounts_table.message, "elsewhere": accounts_table.elsewhere},
        component="auth",
        layer="exists",
        blames="postgres" if accounts_table.outcome == "damaged" else None,
    )


@pytest.mark.judges("migrations")
def test_no_migration_has_failed(migrations, finding):
    """A deployment stopped half-way, and some features fail since."""
    finished = migrations.exists and not migrations.failed
    assert finished, finding(
        f"the migration {migrations.failed[0].name} did not finish" if migrations.failed
        else f"the database has no table {migrations.table}",
        evidence={"table": migrations.table, "rows": migrations.rows}
        | {one.name: f"began {one.age_seconds:.0f} s ago: {one.reason}" for one in migrations.failed[:5]},
        component="auth",
    )  # fmt: skip


@pytest.mark.component("postgres")
def test_no_migration_is_locked(migration_lock, limits, finding):
    """A deployment hangs at its migrations."""
    held = migration_lock.holder_pid is not None and migration_lock.seconds > limits.query_blocked_seconds
    assert not held, finding(
        f"the migration lock is held by pid {migration_lock.holder_pid}",
        evidence={"pid": migration_lock.holder_pid, "holder": migration_lock.holder, "state": migration_lock.state,
                  "seconds": migration_lock.seconds, "waiting": migration_lock.waiting},
        component="postgres", layer="fast",
    )  # fmt: skip


def test_no_migration_is_pending(migration_drift, finding):
    """The code expects columns that the database does not have."""
    drifted = (*migration_drift.pending, *migration_drift.edited, *migration_drift.foreign)
    assert not drifted, finding(
        migration_drift.symptom,
        evidence={"not applied": ", ".join(migration_drift.pending[:5]),
                  "edited": ", ".join(migration_drift.edited[:5]),
                  "not in the folder": ", ".join(migration_drift.foreign[:5])},
        component="auth",
    )  # fmt: skip
