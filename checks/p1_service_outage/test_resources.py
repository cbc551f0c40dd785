"""P1 Service outage: host resources."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("host-resources"), pytest.mark.component("host")]


def test_filesystems_have_free_space(filesystems, limits, finding):
    """Writes fail with 'No space left on device'."""
    full = filesystems.short_of_space(limits.filesystem_used_percent)
    assert not full, finding(
        f"{full[0].mount} is {full[0].used_percent:.0f} % full",
        evidence={"mount": full[0].mount}
        | {one.mount: f"{one.used_percent:.0f} % used, {one.free_kib // 1024} MiB free" for one in full[:5]},
        component="host",
        layer="exists",
    )


def test_filesystems_have_free_inodes(filesystems, limits, finding):
    """Writes fail with 'No space left on device' although df shows space."""
    full = filesystems.short_of_inodes(limits.inodes_used_percent)
    assert not full, finding(
        f"{full[0].mount} has {full[0].inodes_used_percent:.0f} % of its inodes used",
        evidence={"mount": full[0].mount}
        | {one.mount: f"{one.inodes_used_percent:.0f} % used, {one.inodes_free} free" for one in full[:5]},
        component="host",
        layer="exists",
    )


@pytest.mark.judges("memory")
def test_memory_is_available(memory, limits, finding):
    """Everything is slow, and processes get killed."""
    assert memory.available_percent >= limits.memory_available_percent, finding(
        f"only {memory.available_percent:.0f} % of the host's memory is available",
        evidence={"available MiB": memory.available_kib // 1024, "total MiB": memory.total_kib // 1024},
        component="host",
        layer="fast",
    )


def test_swap_is_not_exhausted(memory, limits, finding):
    """Everything crawls while the disk is busy."""
    assert memory.swap_used_percent <= limits.swap_used_percent, finding(
        f"{memory.swap_used_percent:.0f} % of the host's swap is used",
        evidence={"free MiB": memory.swap_free_kib // 1024, "total MiB": memory.swap_total_kib // 1024},
        component="host",
        layer="fast",
    )
