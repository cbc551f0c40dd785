"""The counters of a cgroup by its path, version 1 or 2, on the machine whose files are at hand."""

from collections.abc import Mapping

from msgspec import Struct

from oncall.runtimes.host_files import HostFiles, Read
from oncall.runtimes.procfs import UNLIMITED

MOUNT = "/sys/fs/cgroup"
MEMORY = ("memory.current", "memory.max", "memory.stat", "memory.events")
MEMORY_1 = ("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat", "memory.oom_control")


class Counters(Struct, frozen=True):
    """What was read; None: it is not told. memory: page cache that can be dropped not counted."""

    memory: int | None = None
    memory_limit: int = 0
    pids: int | None = None
    pids_limit: int = 0
    periods: int = 0
    throttled: int = 0
    kills: int | None = None
    members: frozenset[int] = frozenset()


def counters(files: HostFiles, paths: Mapping[str, str], seconds: float = 1.5) -> Counters:
    """The counters of the cgroup whose path each controller has; "" is version 2's."""
    names = places(paths)
    read = files.read(*dict.fromkeys(names.values()), most=16 * 1024, seconds=seconds)
    return told({name: read[path] for name, path in names.items()})


def places(paths: Mapping[str, str]) -> dict[str, str]:
    """Where each file stands, by version 2's name for it."""
    names: dict[str, str] = {}
    if "memory" in paths:
        folder = f"{MOUNT}/memory{paths['memory'].rstrip('/')}"
        names |= {name: f"{folder}/{old}" for name, old in zip(MEMORY, MEMORY_1, strict=True)}
        names["procs"] = f"{folder}/cgroup.procs"
    elif "" in paths:
        folder = f"{MOUNT}{paths[''].rstrip('/')}"
        names |= {name: f"{folder}/{name}" for name in MEMORY} | {"procs": f"{folder}/cgroup.procs"}
    for kind, wanted in (("pids", ("pids.current", "pids.max")), ("cpu", ("cpu.stat",))):
        if kind in paths:
            names |= {name: f"{MOUNT}/{kind}{paths[kind].rstrip('/')}/{name}" for name in wanted}
        elif "" in paths:
            names |= {name: f"{MOUNT}{paths[''].rstrip('/')}/{name}" for name in wanted}
    return names


def told(read: Mapping[str, Read]) -> Counters:
    """What these files say."""
    used, stat = _number(read.get("memory.current")), _keys(read.get("memory.stat"))
    cache = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    cpu = _keys(read.get("cpu.stat"))
    return Counters(
        memory=None if used is None else max(0, used - cache),
        memory_limit=_number(read.get("memory.max")) or 0,
        pids=_number(read.get("pids.current")),
        pids_limit=_number(read.get("pids.max")) or 0,
        periods=cpu.get("nr_periods", 0),
        throttled=cpu.get("nr_throttled", 0),
        kills=_keys(read.get("memory.events")).get("oom_kill"),
        members=frozenset(int(line) for line in _text(read.get("procs")).split() if line.isdecimal()),
    )


def _text(one: Read | None) -> str:
    return one.text if one else ""


def _number(one: Read | None) -> int | None:
    """The file's number, 0 for none set ("max"); None when it was not read."""
    word = _text(one).strip()
    if not word:
        return None
    value = int(word) if word.isdecimal() else 0
    return value if value < UNLIMITED else 0


def _keys(one: Read | None) -> dict[str, int]:
    pairs = (line.partition(" ")[::2] for line in _text(one).splitlines())
    return {name: int(value) for name, value in pairs if value.isdecimal()}
