"""Ways to run the host out of things, and to lose its backups."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from stack.faults import fault
from stack.running import Running
from stack.state import StackError

SPACE = "test_filesystems_have_free_space"
INODES = "test_filesystems_have_free_inodes"
MEMORY = "test_memory_is_available"
SWAP = "test_swap_is_not_exhausted"
RECENT = "test_newest_backup_is_recent"
BUSY = "test_host_cpu_is_not_saturated"
MEMORY_PRESSURE = "test_host_memory_pressure_is_low"
IO_PRESSURE = "test_host_io_pressure_is_low"
READABLE = "test_newest_backup_is_readable"
HOUR = 3600
FIVE_EACH = 5  # processes for each CPU

# ---- filesystems


@fault("host-filesystem-full", component="host", cause_class="resource exhaustion", must_fail=[SPACE])
def host_filesystem_full(stack: Running) -> None:
    """The filesystem of the uploads is full: a log grew until nothing was left."""
    place = small_filesystem(stack, "size=4m")
    try:
        with (place / "debug.log").open("wb", buffering=0) as log:
            while True:
                log.write(b"x" * 65536)
    except OSError:
        return  # full


@fault("host-inodes-exhausted", component="host", cause_class="resource exhaustion", must_fail=[INODES])
def host_inodes_exhausted(stack: Running) -> None:
    """A job left thousands of tiny files: df shows space, and no file can be made."""
    place = small_filesystem(stack, "size=4m,nr_inodes=200")
    try:
        for number in range(1000):
            (place / f"session-{number}").touch()
    except OSError:
        return
    raise StackError("the inodes did not run out")


@fault("host-filesystem-missing", component="host", cause_class="misconfiguration", unknown=[SPACE, INODES])
def host_filesystem_missing(stack: Running) -> None:
    """The data volume is not mounted: its path is not there."""
    add_filesystem(stack, stack.scratch / "volume")


@fault("host-filesystem-over-limit", component="host", kind="limit-moved", cause_class="resource exhaustion",
       must_fail=[SPACE])  # fmt: skip
def host_filesystem_over_limit(stack: Running) -> None:
    """The data volume is fuller than the team allows."""
    stack.edit_target("limits.filesystem_used_percent", 0)


@fault("host-memory-low", component="host", kind="limit-moved", cause_class="resource exhaustion", must_fail=[MEMORY])
def host_memory_low(stack: Running) -> None:
    """Something on the host eats the memory."""
    stack.edit_target("limits.memory_available_percent", 100)


@fault("host-swap-exhausted", component="host", cause_class="resource exhaustion", must_fail=[SWAP])
def host_swap_exhausted(stack: Running) -> None:
    """The host's little swap is all used."""
    if swap_used() is not None:
        raise StackError("this host has swap of its own, which is left alone: the fault needs a host without")
    file = stack.scratch / "swap"
    with file.open("wb") as data:
        file.chmod(0o600)
        data.write(bytes(512 * 1024))
    stack.at_heal("swapoff", str(file))
    as_root("mkswap", str(file))
    as_root("swapon", str(file))
    stack.helper("eater", ["python", "-m", "stack.faults.tools.swapped_memory_helper"])
    stack.wait(lambda: (swap_used() or 0) > 85, "the swap is used", 3)


# ---- load and pressure


@fault("host-cpu-overloaded", component="host", cause_class="overload", must_fail=[BUSY])
def host_cpu_overloaded(stack: Running) -> None:
    """Somebody started a batch job on the stack's host, with five processes for each of its CPUs."""
    stack.edit_target("limits.host_runnable_per_cpu", None)  # as shipped, whatever the stack's own target allows
    number = FIVE_EACH * (os.cpu_count() or 1)
    stack.helper("batch", ["python", "-m", "stack.faults.tools.busy", str(number)])
    stack.wait(lambda: pressure("cpu", "some") > 70, "processes wait for a CPU", 60)


@fault("host-memory-pressure", component="host", kind="limit-moved", cause_class="overload",
       must_fail=[MEMORY_PRESSURE])  # fmt: skip
def host_memory_pressure(stack: Running) -> None:
    """Everything on the host waits for memory again and again."""
    stack.edit_target("limits.host_memory_pressure_percent", 0)


@fault("host-io-overloaded", component="host", cause_class="overload", must_fail=[IO_PRESSURE])
def host_io_overloaded(stack: Running) -> None:
    """The disk takes nearly nothing any more, and a queue of processes waits for it."""
    folder = str(stack.scratch)
    stack.at_heal(sys.executable, "-m", "stack.faults.tools.slow_disk", "end", folder)
    stack.helper("writers", ["python", "-m", "stack.faults.tools.slow_disk", "hold", folder])
    stack.wait(lambda: pressure("io", "some") > 70, "processes wait for the disk", 60)


# ---- backups


@fault("host-backup-too-old", component="host", cause_class="backup", must_fail=[RECENT])
def host_backup_too_old(stack: Running) -> None:
    """The nightly backup has not run for three days."""
    for file in stack.home.backups.iterdir():
        aged(file, 72 * HOUR)


@fault("host-backup-missing", component="host", cause_class="backup", must_fail=[RECENT], unknown=[READABLE])
def host_backup_missing(stack: Running) -> None:
    """Somebody made room on the disk, with the backups."""
    for file in stack.home.backups.iterdir():
        file.unlink()


@fault("host-backup-empty", component="host", cause_class="backup", must_fail=[READABLE])
def host_backup_empty(stack: Running) -> None:
    """The nightly job could not log in, and wrote an empty file."""
    file = newest(stack)
    file.write_bytes(b"")
    aged(file, 2 * HOUR)


@fault("host-backup-truncated", component="host", cause_class="backup", must_fail=[READABLE])
def host_backup_truncated(stack: Running) -> None:
    """The disk was full in the middle of the nightly backup."""
    file = newest(stack)
    os.truncate(file, file.stat().st_size // 2)
    aged(file, 2 * HOUR)


@fault("host-backup-of-an-error", component="host", cause_class="backup", must_fail=[READABLE])
def host_backup_of_an_error(stack: Running) -> None:
    """The nightly job saved an error message under the backup's name."""
    file = newest(stack)
    file.write_text("pg_dump: error: connection to server failed: Connection refused\n")
    aged(file, 2 * HOUR)


@fault("host-backup-reader-missing", component="host", cause_class="missing tool", unknown=[READABLE])
def host_backup_reader_missing(stack: Running) -> None:
    """The tool that reads backups is not installed on this host."""
    stack.edit_target("host.backup_reader", "pg_restore_18 --list {file}")


def newest(stack: Running) -> Path:
    return max(stack.home.backups.glob("*.dump"), key=lambda file: file.stat().st_mtime)


def aged(file: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


def add_filesystem(stack: Running, place: Path) -> None:
    stack.edit_target("host.filesystems", [*stack.target["host"]["filesystems"], str(place)])


def small_filesystem(stack: Running, options: str) -> Path:
    """A filesystem of a few MiB, which the diagnosis looks at too."""
    place = stack.scratch / "uploads"
    place.mkdir()
    stack.at_heal("umount", "-l", str(place))
    as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place))
    add_filesystem(stack, place)
    return place


def as_root(*command: str) -> None:
    """A command that only root may run, where it may at all."""
    if not (tool := shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")):
        raise StackError(f"this needs the tool {command[0]}, which is not installed")
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StackError(f"this needs root: {shlex.join(command[:2])} is refused here ({said})")


def swap_used() -> float | None:
    """Percent of all swap; None when there is none."""
    values = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(values[name].split()[0]) for name in ("SwapTotal", "SwapFree"))
    return 100 * (1 - free / total) if total else None


def pressure(resource: str, kind: str) -> float:
    """Percent of the last ten seconds in which some, or all, waited for it; 100 where this kernel does not tell."""
    try:
        told = Path(f"/proc/pressure/{resource}").read_text().splitlines()
    except OSError:
        return 100.0
    return next(float(line.split()[1].partition("=")[2]) for line in told if line.startswith(kind))
