"""What /proc tells, read as records. Pure: text in, records out.

Whatever a line holds it is of the kernel's making, but for names of commands, which may hold anything.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

TICKS = 100.0  # a second, in every Linux that user space sees
LISTENS = "0A"
UNLIMITED = 2**62


class Process(Struct, frozen=True):
    """One process. born: ticks since the machine's start; with the number it is known for good.

    state: "R", "S", "D", "T" (stopped by a signal), "Z" (ended, and nobody has asked). cpu_seconds: its own, and of
    its children that have ended.
    """

    pid: int
    command: str
    state: str
    parent: int
    born: int
    cpu_seconds: float
    address_space: int
    resident: int

    @property
    def lives(self) -> bool:
        return self.state not in ("Z", "X", "x")

    @property
    def stopped(self) -> bool:
        """By a signal, such as SIGSTOP; one that a debugger holds is another matter."""
        return self.state == "T"


def processes(text: str, page: int = 4096) -> dict[int, Process]:
    """Lines of /proc/PID/stat, by number; the name of a command may hold blanks and brackets."""
    found: dict[int, Process] = {}
    for line in text.split("\n"):
        head, _, tail = line.rpartition(")")
        number, _, command = head.partition(" (")
        words = tail.split()
        if not number.isdecimal() or len(words) < 22 or not all(word.lstrip("-").isdecimal() for word in words[1:22]):
            continue
        ticks = sum(int(word) for word in words[11:15])
        found[int(number)] = Process(
            int(number),
            command[:64],
            words[0],
            int(words[1]),
            int(words[19]),
            ticks / TICKS,
            int(words[20]),
            int(words[21]) * page,
        )
    return found


def family(first: int, known: Mapping[int, Process]) -> tuple[Process, ...]:
    """A process and all that descend from it, those that live."""
    below: dict[int, list[Process]] = {}
    for one in known.values():
        below.setdefault(one.parent, []).append(one)
    found: dict[int, Process] = {}
    coming = [known[first]] if first in known else []
    while coming:
        one = coming.pop()
        if one.pid not in found and one.lives:
            found[one.pid] = one
            coming += below.get(one.pid, ())
    return tuple(found.values())


class Listener(Struct, frozen=True):
    """A listening TCP socket. waiting: connections that nobody has accepted yet."""

    address: str
    port: int
    inode: str
    waiting: int = 0


def listeners(text: str) -> Iterator[Listener]:
    """Lines of /proc/net/tcp and /proc/net/tcp6."""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 10 or words[3] != LISTENS:
            continue
        address, _, port = words[1].partition(":")
        try:
            waiting = int(words[4].partition(":")[2], 16)
            yield Listener(_address(bytes.fromhex(address)), int(port, 16), words[9], waiting)
        except ValueError:
            continue


def _address(packed: bytes) -> str:
    """In words of four bytes, each the wrong way round (on the machines that we know)."""
    right = b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    return f"[{IPv6Address(right)}]" if len(right) == 16 else str(IPv4Address(right))


def soft_limits(text: str) -> dict[str, int]:
    """/proc/PID/limits: "Max address space" -> bytes; one that is unlimited is left out."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        soft = line[26:46].strip()
        if soft.isdecimal() and int(soft) < UNLIMITED:
            found[line[:26].strip()] = int(soft)
    return found


def allowed_cpus(text: str) -> int:
    """How many CPUs "Cpus_allowed_list: 0-3,8" of /proc/PID/status names; 0 when it does not tell."""
    line = next((line for line in text.splitlines() if line.startswith("Cpus_allowed_list:")), "")
    count = 0
    for part in filter(None, line.partition(":")[2].strip().split(",")):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            return 0
        count += max(0, int(last or first) - int(first)) + 1
    return count


def environment(data: bytes) -> dict[str, str]:
    """/proc/PID/environ; a program that writes its title over it leaves no names, and so nothing."""
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if b"=" in entry)
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape")
        for name, _, value in pairs
        if name and name.replace(b"_", b"").replace(b".", b"").replace(b"-", b"").isalnum()
    }


def cgroups(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: the path by controller; "" is version 2's only one."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, kinds, path = (*line.split(":", 2), "", "")[:3]
        for kind in kinds.split(","):
            found[kind] = path
    return found
