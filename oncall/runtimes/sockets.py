"""Who listens in a container's network: the kernel's tables, read through its first process or inside of it."""

from pathlib import Path

from oncall.finding import CouldNotCheck
from oncall.runtimes.cgroup import cgroup
from oncall.runtimes.procfs import listeners
from oncall.runtimes.runtime import Container, Inside

TABLES = ("tcp", "tcp6")  # of /proc/net; the second is not there where IPv6 is switched off
HEAD = "  sl  local_address"  # how each of them begins
MOST = 64 * 1024  # bytes of a table: what listens comes first
LONGEST = 200  # characters of a command line


def inside(container: Container) -> Inside:
    """On this very machine; raises CouldNotCheck when it cannot be read from here."""
    cgroup(container)  # the process is the container's own
    folder = Path(f"/proc/{container.process}")
    try:
        command = _beginning(folder / "cmdline", 4 * LONGEST)
        tables = [_beginning(folder / "net" / name, MOST) for name in TABLES if (folder / "net" / name).exists()]
    except OSError as error:
        raise CouldNotCheck(f"its sockets cannot be read: {(error.strerror or 'out of reach').lower()}") from None
    return told_inside("".join([command, *tables]))


def told_inside(text: str) -> Inside:
    """A command line, with the tables behind it; raises CouldNotCheck where none of them is."""
    command, head, tables = text.partition(HEAD)
    if not head:
        raise CouldNotCheck("it does not tell who listens in it (/proc/net/tcp)")
    return Inside(" ".join(command.replace("\0", " ").split())[:LONGEST], tuple(listeners(tables)))


def _beginning(path: Path, most: int) -> str:
    with path.open("rb") as file:
        return file.read(most).decode("utf-8", "replace")
