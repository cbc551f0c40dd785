"""Starting and ending ordinary processes that outlive the command which started them.

A process is known by its number and its start time, so that a number used again is never mistaken for ours. All carry
the mark of their stack in their environment; what was started but not yet written down is found by it.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

MARK = "REFERENCE_STACK_HOME"
GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)
KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV")


def environment(mark: Path, extra: dict[str, str]) -> dict[str, str]:
    """A child's whole environment: nothing of the shell's proxies, PG* or Python settings gets in."""
    base = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {"PATH": os.defpath, **base, "PYTHONUNBUFFERED": "1", **extra, MARK: str(mark)}


def spawn(
    command: Sequence[str], *, mark: Path, log: Path, env: dict[str, str], cwd: Path, user: int | None = None
) -> dict[str, Any]:
    """Start a detached process and return what is to be remembered of it."""
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": _group(user), "extra_groups": []}
    with log.open("ab") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment(mark, env),
            cwd=cwd,
            start_new_session=True,
            **identity,
        )
    _CHILDREN[child.pid] = child
    return {"pid": child.pid, "started": birth(child.pid)}


_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def _group(user: int) -> int:
    import pwd

    return pwd.getpwuid(user).pw_gid


def birth(pid: int) -> int:
    """When a process started, in clock ticks since the machine did: exact, and no clock that is set can change it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def find(record: dict[str, Any] | None) -> psutil.Process | None:
    """The living process of a record, or None."""
    if not record:
        return None
    if record["pid"] in _CHILDREN:
        _CHILDREN[record["pid"]].poll()
    try:
        process = psutil.Process(record["pid"])
        if birth(process.pid) != record["started"] or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (psutil.NoSuchProcess, OSError):
        return None
    return process


def stragglers(mark: Path | None, folders: Iterable[Path] = ()) -> list[psutil.Process]:
    """Every process that carries the mark, or lives in one of the folders (PostgreSQL overwrites its environment)."""
    places = [f"{folder}/" for folder in folders]
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(*GONE):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            cwd = process.cwd().removesuffix(" (deleted)") + "/"
            if any(cwd.startswith(place) for place in places) or (mark and process.environ().get(MARK) == str(mark)):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], gently: signal.Signals = signal.SIGTERM, patience: float = 2.0) -> None:
    """Ask, wait, kill. A stopped process is woken, else it would never hear."""
    living = list(processes)
    for process in living:
        with suppress(*GONE):
            process.send_signal(gently)
            process.send_signal(signal.SIGCONT)
    living = wait_gone(living, patience)
    for process in living:
        with suppress(*GONE):
            process.kill()
    wait_gone(living, 5.0)


def wait_gone(processes: Iterable[psutil.Process], patience: float) -> list[psutil.Process]:
    """Wait for the end of processes that are not all our children; those that still live are returned."""
    living = list(processes)
    until = time.monotonic() + patience
    while living := [process for process in living if _lives(process)]:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return living


def _lives(process: psutil.Process) -> bool:
    if process.pid in _CHILDREN:
        _CHILDREN[process.pid].poll()
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def forget_shared_memory(data: Path) -> None:
    """A PostgreSQL that was killed leaves a segment of 56 bytes behind; its number stands in postmaster.pid."""
    with suppress(OSError, IndexError, ValueError):
        identifier = int((data / "postmaster.pid").read_text().splitlines()[6].split()[1])
        remove = 0
        ctypes.CDLL(None, use_errno=True).shmctl(identifier, remove, None)
