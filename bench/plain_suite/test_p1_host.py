"""P1: the machine."""

import os
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.p1


@pytest.mark.parametrize("path", ["/", os.environ["PLAIN_DISK"]])
@pytest.mark.parametrize("kind", ["-P", "-Pi"], ids=["space", "inodes"])
def test_filesystem_has_room(host, kind, path):
    used = host.check_output("df %s %s", kind, path).splitlines()[-1].split()[-2]
    assert not used.rstrip("%").isdigit() or int(used.rstrip("%")) < 90


def test_memory_is_available(host):
    row = host.check_output("free -m").splitlines()[1].split()
    assert int(row[-1]) > 0.05 * int(row[1])


def test_swap_is_not_exhausted(host):
    total, used = map(int, host.check_output("free -m").splitlines()[2].split()[1:3])
    assert total == 0 or used < 0.9 * total


def test_nothing_was_killed_for_memory_lately(host):
    since = float(host.check_output("cut -d' ' -f1 /proc/uptime")) - 900
    killed = [line for line in host.run("dmesg").stdout.splitlines() if "Out of memory" in line]
    assert not [line for line in killed if float(line[1:].split("]")[0]) > since]


def test_newest_backup_is_recent_and_readable():
    newest = max(Path(os.environ["PLAIN_BACKUPS"]).glob("*.dump"), key=lambda file: file.stat().st_mtime)
    assert time.time() - newest.stat().st_mtime < 26 * 3600
    assert newest.read_bytes()[:5] == b"PGDMP"
