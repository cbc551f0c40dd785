"""How many files the processes of a part have open, and how many they may have."""

from collections.abc import Iterable

from oncall.finding import CouldNotCheck
from oncall.runtimes.cgroup import cgroup
from oncall.runtimes.host_files import Here, HostFiles
from oncall.runtimes.procfs import Process, processes, soft_limits
from oncall.runtimes.runtime import Container, OpenFiles

MOST = 64  # processes of one part; the first ones are those that serve
LIMIT = "Max open files"
UNSEEN = "its open files may not be counted: run the checks as root or as its user"
ASKED = """for folder in /proc/[0-9]*; do
  printf '%s %s ' "${folder#/proc/}" "$(ls "$folder/fd" 2>/dev/null | wc -l)"
  grep 'Max open files' "$folder/limits" 2>/dev/null || echo
done"""


def open_files(files: HostFiles, members: Iterable[Process], seconds: float) -> tuple[OpenFiles, ...]:
    """Of these processes on a machine; raises CouldNotCheck where we may look into none of them."""
    counted = files.descriptors(*[one.pid for one in members][:MOST], seconds=seconds)
    if not counted:
        raise CouldNotCheck(UNSEEN)
    read = files.read(*(f"/proc/{pid}/limits" for pid in counted), seconds=seconds)
    limits = {pid: soft_limits(read[f"/proc/{pid}/limits"].text) for pid in counted}
    return tuple(OpenFiles(pid, count, limits[pid].get(LIMIT, 0)) for pid, count in counted.items())


def of_container(container: Container, seconds: float) -> tuple[OpenFiles, ...]:
    """Of a container on this very machine."""
    found = cgroup(container)
    listed = next(filter(None, (found.read(name, "cgroup.procs") for name in ("", "pids", "memory"))), "")
    here, pids = Here(), [int(word) for word in listed.split() if word.isdecimal()][:MOST]
    read = here.read(*(f"/proc/{pid}/stat" for pid in pids), seconds=seconds)
    members = processes("\n".join(one.text.rstrip("\n") for one in read.values()))
    return open_files(here, members.values(), seconds)


def told_open(text: str) -> tuple[OpenFiles, ...]:
    """What ASKED printed; raises CouldNotCheck where it could count nothing."""
    found = []
    for line in text.splitlines():
        pid, count, *limit = (*line.split(), "", "")
        if pid.isdecimal() and count.isdecimal() and int(count):
            soft = limit[3] if len(limit) > 3 else ""
            found.append(OpenFiles(int(pid), int(count), int(soft) if soft.isdecimal() else 0))
    if not found:
        raise CouldNotCheck(UNSEEN)
    return tuple(found[:MOST])
