"""P4 Upkeep: a log file is gone."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("deleted-log")]


@pytest.mark.unnoticed
def test_log_file_is_there(service, log_files, finding):
    """Nobody notices until somebody looks for a line that nobody can read, or the disk is full of it."""
    assert not log_files.deleted, finding(
        f"{service} writes its log into a file that was deleted: {log_files.deleted[0]}",
        evidence=log_files.evidence,
        component=service,
        layer="config",
        manner="config",
        corroboration="the kernel's list of its open files",
    )
