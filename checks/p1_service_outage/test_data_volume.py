"""P1 Service outage: the volume that holds the database's data."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("data-volume"), pytest.mark.component("postgres")]


@pytest.mark.judges("data_volume")
def test_data_volume_is_in_place(data_volume, finding):
    """The database is empty after its container was made anew."""
    assert data_volume.misplaced is None, finding(
        f"the database's data {data_volume.misplaced}",
        evidence=data_volume.evidence,
        component="postgres",
        layer="config",
    )


def test_data_volume_is_writable(data_volume, finding):
    """The database does not start, or nothing can be saved."""
    assert not data_volume.read_only, finding(
        "the database's data volume is read-only",
        evidence=data_volume.evidence,
        component="postgres",
        layer="exists",
    )


def test_data_volume_has_space(data_volume_space, limits, finding):
    """Nothing can be saved; soon the database stops."""
    assert data_volume_space.used_percent < limits.filesystem_used_percent, finding(
        f"the database's data volume is {data_volume_space.used_percent:.0f} % full",
        evidence={
            "data directory": data_volume_space.data_directory,
            "free MiB": data_volume_space.free_kib // 1024,
            "seen from": data_volume_space.seen_from,
        },
        component="host",
        layer="fast",
    )
