"""Processes that wait for a disk which takes 32 KiB a second from all of them together: a limit of their cgroup.

python -m stack.faults.tools.slow_disk hold FOLDER     make the cgroup, start its writers; lives until it is killed
python -m stack.faults.tools.slow_disk end FOLDER      end what is in the cgroup, by its id, and remove the cgroup

The disk itself has nothing to do, so nobody else notices. Only root may make a cgroup.
"""

import mmap
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

WRITERS = 8
BYTES = 32 * 1024
V1, V2 = Path("/sys/fs/cgroup/blkio"), Path("/sys/fs/cgroup")


def cgroup(folder: Path) -> Path:
    """Where the cgroup for a folder is, or will be."""
    return (V1 if V1.is_dir() else V2) / f"oncall-{folder.stat().st_ino}"


def disk(folder: Path) -> str:
    """ "8:0": the disk that the folder is on, as cgroups name it."""
    device = folder.stat().st_dev
    place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if not (place / "dev").is_file():
        raise SystemExit(f"{folder} is on no disk of its own: cgroups cannot hold it back")
    return ((place.parent if (place / "partition").is_file() else place) / "dev").read_text().strip()


def hold(folder: Path) -> None:
    device, group = disk(folder), cgroup(folder)
    try:
        group.mkdir(exist_ok=True)
        if V1.is_dir():
            (group / "blkio.throttle.write_bps_device").write_text(f"{device} {BYTES}")
        else:
            with suppress(OSError):
                (V2 / "cgroup.subtree_control").write_text("+io")
            (group / "io.max").write_text(f"{device} wbps={BYTES}")
    except OSError as error:
        raise SystemExit(f"no cgroup can hold a disk back here: {error}") from None
    for number in range(WRITERS):
        if not os.fork():
            (group / "cgroup.procs").write_text(str(os.getpid()))
            write(folder / f"written-{number}")
    print("ready", flush=True)
    signal.pause()


def write(file: Path) -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)  # what goes past the cache has to lie on a page's beginning
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    while True:
        os.pwrite(descriptor, page, 0)


def end(folder: Path) -> None:
    group = cgroup(folder)
    until = time.monotonic() + 8
    while group.is_dir() and time.monotonic() < until:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            group.rmdir()
        time.sleep(0.05)


if __name__ == "__main__":
    {"hold": hold, "end": end}[sys.argv[1]](Path(sys.argv[2]))
