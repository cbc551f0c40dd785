"""Files of the machine that the stack runs on, /proc among them: read directly here, by small commands on a far host.

Bounded in size and time. What cannot be read is no error by itself: it says why, and the caller decides.
"""

import base64
import contextlib
import errno
import glob
import os
import stat
import time
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from oncall.finding import CouldNotCheck
from oncall.runtimes.procfs import processes

MOST = 64 * 1024  # of one file, unless more is asked for
MOST_FILES = 16  # that one pattern may name
TABLE = 4 * 1024 * 1024  # of all processes, and of all sockets
DELETED = " (deleted)"  # how the kernel ends the name of an open file that has none any more
MISSING, DENIED = "it is not there", "permission denied"


class Said(Protocol):
    """What a command said."""

    @property
    def rc(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


class Commands(Protocol):
    """A shell on the machine; it ends each command by itself."""

    def script(self, text: str, *arguments: str, seconds: float = 2.0) -> Said:
        """Run a small sh script; raises CouldNotCheck when it cannot be run or takes too long."""


class Read(Struct, frozen=True):
    """What stands in a file. problem: why nothing was read, empty when it was. modified: seconds since 1970."""

    path: str
    data: bytes = b""
    problem: str = ""
    modified: float = 0.0

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class HostFiles(Protocol):
    """Reads on one machine."""

    @property
    def local(self) -> bool:
        """Whether that is this very machine."""

    def read(self, *paths: str, most: int = MOST, seconds: float = 2.0) -> dict[str, Read]:
        """The beginning of each file, by its path."""

    def ends(self, patterns: tuple[str, ...], most: int, seconds: float = 2.0) -> list[Read]:
        """The ends of the files that match, at most MOST_FILES, the one written to last at the end."""

    def processes(self, seconds: float = 2.0) -> str:
        """/proc/PID/stat of every process, a line each."""

    def sockets(self, *pids: int, seconds: float = 2.0) -> dict[int, set[str]]:
        """The inodes of the sockets that these processes hold, of all whom we may look into when none is named."""

    def deleted(self, *pids: int, seconds: float = 2.0) -> dict[int, dict[int, str]]:
        """Of each of these processes that we may look into: the deleted files that it has open, by descriptor."""

    def descriptors(self, *pids: int, seconds: float = 2.0) -> dict[int, int]:
        """How many files each of these processes has open; those whom we may not look into are left out."""

    def clock(self, seconds: float = 2.0) -> tuple[float, float]:
        """The machine's time in seconds since 1970, and since its start."""


class Here:
    """This machine, without a shell."""

    local = True

    def read(self, *paths: str, most: int = MOST, seconds: float = 2.0) -> dict[str, Read]:
        return {path: _beginning(path, most) for path in paths}

    def ends(self, patterns: tuple[str, ...], most: int, seconds: float = 2.0) -> list[Read]:
        found = [_end(path, most) for pattern in patterns for path in sorted(_matching(pattern))[:200]]
        return sorted(found, key=lambda one: one.modified)[-MOST_FILES:]

    def processes(self, seconds: float = 2.0) -> str:
        until = time.monotonic() + seconds
        lines = []
        for name in os.listdir("/proc"):
            if name.isdecimal() and time.monotonic() < until:
                lines.append(_beginning(f"/proc/{name}/stat", 2048).text.rstrip("\n"))
        return "\n".join(lines)

    def sockets(self, *pids: int, seconds: float = 2.0) -> dict[int, set[str]]:
        until = time.monotonic() + seconds
        chosen = pids or tuple(int(name) for name in os.listdir("/proc") if name.isdecimal())
        return {pid: set(_sockets(pid)) for pid in chosen if time.monotonic() < until}

    def deleted(self, *pids: int, seconds: float = 2.0) -> dict[int, dict[int, str]]:
        until = time.monotonic() + seconds
        open_files = {pid: _open_files(pid) for pid in pids if time.monotonic() < until}
        return {
            pid: {number: path.removesuffix(DELETED) for number, path in each.items() if path.endswith(DELETED)}
            for pid, each in open_files.items()
            if each
        }

    def descriptors(self, *pids: int, seconds: float = 2.0) -> dict[int, int]:
        until = time.monotonic() + seconds
        counted = {pid: _descriptors(pid) for pid in pids if time.monotonic() < until}
        return {pid: count for pid, count in counted.items() if count}

    def clock(self, seconds: float = 2.0) -> tuple[float, float]:
        return time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)


def _matching(pattern: str) -> list[str]:
    return glob.glob(pattern) if glob.has_magic(pattern) else [pattern]


def _beginning(path: str, most: int) -> Read:
    return _read(path, most, end=False)


def _end(path: str, most: int) -> Read:
    return _read(path, most, end=True)


def _read(path: str, most: int, *, end: bool) -> Read:
    """A regular file or one of /proc, never a pipe or a device that one could wait for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return Read(path, problem=_why(error))
    except ValueError:
        return Read(path, problem="its name is not a path")
    with open(descriptor, "rb", buffering=0) as file:
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                return Read(path, problem="it is not a regular file")
            if end and about.st_size > most:
                file.seek(about.st_size - most)
            pieces, left = [], most
            while left and (piece := file.read(left)):
                pieces.append(piece)
                left -= len(piece)
            return Read(path, b"".join(pieces), modified=about.st_mtime)
        except OSError as error:
            return Read(path, problem=_why(error))


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ESRCH, errno.ENOTDIR):
        return MISSING
    return DENIED if error.errno in (errno.EACCES, errno.EPERM) else (error.strerror or "out of reach").lower()


def _sockets(pid: int) -> Iterator[str]:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if inode := _inode(os.readlink(f"/proc/{pid}/fd/{name}")):
                yield inode
    except OSError:
        return  # it has ended, or is not ours to look into


def _open_files(pid: int) -> dict[int, str]:
    """By descriptor; none of a process that has ended, or is not ours to look into."""
    found: dict[int, str] = {}
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    except OSError:
        return {}
    return found


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _inode(place: str) -> str:
    return place[8:-1] if place.startswith("socket:[") else ""


READ = """most=$1; shift
for path; do
  if [ ! -e "$path" ]; then printf '%s\\tmissing\\t0\\t\\n' "$path"
  elif [ ! -r "$path" ]; then printf '%s\\tdenied\\t0\\t\\n' "$path"
  elif [ ! -f "$path" ]; then printf '%s\\tspecial\\t0\\t\\n' "$path"
  else printf '%s\\tread\\t%s\\t%s\\n' "$path" "$(stat -c %Y -- "$path")" \\
    "$(HOW -c "$most" -- "$path" 2>/dev/null | base64 | tr -d '\\n')"
  fi
done"""
BEGINNINGS = READ.replace("HOW", "head")
ENDS = (
    """IFS=; size=$1; files=$2; shift 2
for pattern; do
  set -- $pattern
  ls -td -- "$@" 2>/dev/null | head -n "$files"
done | sort -u | { set -- "$size"; while IFS= read -r path; do set -- "$@" "$path"; done
"""
    + READ.replace("HOW", "tail")
    + "\n}"
)
STATS = "cat /proc/[0-9]*/stat 2>/dev/null | head -c 4194304"
SOCKETS = """if [ $# -eq 0 ]; then set -- /proc/[0-9]*/fd; fi
ls -ln "$@" 2>/dev/null | grep -E '^/proc/|socket:' | head -c 4194304"""
OPEN_FILES = """for pid; do
  ls "/proc/$pid/fd" >/dev/null 2>&1 || continue
  printf '%s\\n' "$pid"; ls -ln "/proc/$pid/fd" 2>/dev/null | grep ' (deleted)$'
done | head -c 4194304"""
DESCRIPTORS = """for pid; do printf '%s %s\\n' "$pid" "$(ls "/proc/$pid/fd" 2>/dev/null | wc -l)"; done"""
CLOCK = "date +%s.%N; cat /proc/uptime"
PROBLEMS = {"missing": MISSING, "denied": DENIED, "special": "it is not a regular file"}


class Far:
    """A machine that we have a shell on."""

    local = False

    def __init__(self, shell: Commands) -> None:
        self.shell = shell

    def read(self, *paths: str, most: int = MOST, seconds: float = 2.0) -> dict[str, Read]:
        if not paths:
            return {}
        told = self.shell.script(BEGINNINGS, str(most), *paths, seconds=seconds).stdout
        found = {one.path: one for one in _told(told)}
        return {path: found.get(path, Read(path, problem="the host said nothing about it")) for path in paths}

    def ends(self, patterns: tuple[str, ...], most: int, seconds: float = 2.0) -> list[Read]:
        told = self.shell.script(ENDS, str(most), str(MOST_FILES), *patterns, seconds=seconds).stdout
        return sorted(_told(told), key=lambda one: one.modified)[-MOST_FILES:]

    def processes(self, seconds: float = 2.0) -> str:
        return self.shell.script(STATS, seconds=seconds).stdout

    def sockets(self, *pids: int, seconds: float = 2.0) -> dict[int, set[str]]:
        folders = (f"/proc/{pid}/fd" for pid in pids)
        found: dict[int, set[str]] = {}
        pid = pids[0] if len(pids) == 1 else 0  # of a single folder `ls` does not say the name
        for line in self.shell.script(SOCKETS, *folders, seconds=seconds).stdout.splitlines():
            if line.startswith("/proc/"):
                name = line.split("/")[2]
                pid = int(name) if name.isdecimal() else 0
            elif inode := _inode(line.rpartition(" -> ")[2]):
                found.setdefault(pid, set()).add(inode)
        return found

    def deleted(self, *pids: int, seconds: float = 2.0) -> dict[int, dict[int, str]]:
        found: dict[int, dict[int, str]] = {}
        pid = 0
        for line in self.shell.script(OPEN_FILES, *map(str, pids), seconds=seconds).stdout.splitlines():
            link, arrow, path = line.partition(" -> ")
            number = link.rpartition(" ")[2]
            if not arrow and line.isdecimal():
                pid = int(line)
                found[pid] = {}
            elif number.isdecimal():
                found.setdefault(pid, {})[int(number)] = path.removesuffix(DELETED)
        return found

    def descriptors(self, *pids: int, seconds: float = 2.0) -> dict[int, int]:
        told = self.shell.script(DESCRIPTORS, *map(str, pids), seconds=seconds).stdout
        pairs = (line.split() for line in told.splitlines())
        counted = {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2 and "".join(pair).isdecimal()}
        return {pid: count for pid, count in counted.items() if count}

    def clock(self, seconds: float = 2.0) -> tuple[float, float]:
        said = self.shell.script(CLOCK, seconds=seconds).stdout.split()
        try:
            return float(said[0].rstrip("N.")), float(said[1])
        except (IndexError, ValueError):
            raise CouldNotCheck("the host does not tell its time (/proc/uptime)") from None


def _told(text: str) -> Iterator[Read]:
    for line in text.splitlines():
        path, how, modified, data = (*line.split("\t", 3), "", "", "")[:4]
        if how in PROBLEMS:
            yield Read(path, problem=PROBLEMS[how])
        elif how == "read":
            try:
                yield Read(path, base64.b64decode(data, validate=True), modified=float(modified or 0))
            except ValueError:
                yield Read(path, problem="the host said something else than its content")


def stopped(files: HostFiles, process: int, seconds: float) -> bool:
    """Whether a signal has stopped a process; raises CouldNotCheck when it is gone."""
    path = f"/proc/{process}/stat"
    found = processes(files.read(path, seconds=seconds)[path].text)
    if process not in found:
        raise CouldNotCheck(f"the process {process} has just ended")
    return found[process].stopped
