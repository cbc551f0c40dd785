"""P1 Service outage: then restore from backup."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("restore-backup"), pytest.mark.component("host")]


@pytest.mark.judges("newest_backup")
@pytest.mark.unnoticed
def test_newest_backup_is_recent(newest_backup, limits, finding):
    """Nobody notices, until a restore loses more than a day."""
    recent = newest_backup.matches and newest_backup.age_hours <= limits.backup_age_hours
    assert recent, finding(
        f"the newest backup is {newest_backup.age_hours:.0f} hours old" if newest_backup.matches
        else "there is no backup",
        evidence={"pattern": newest_backup.pattern, "file": newest_backup.path, "limit hours": limits.backup_age_hours},
        component="host", layer="config",
    )  # fmt: skip


@pytest.mark.unnoticed
def test_newest_backup_is_readable(newest_backup, finding):
    """Nobody notices, until a restore fails."""
    assert newest_backup.readable, finding(
        f"the newest backup cannot be read by {newest_backup.reader}" if newest_backup.size_bytes
        else "the newest backup is empty",
        evidence={"file": newest_backup.path, "bytes": newest_backup.size_bytes, "said": newest_backup.reader_said},
        component="host", layer="config",
    )  # fmt: skip
