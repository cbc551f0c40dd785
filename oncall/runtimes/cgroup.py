"""A container's cgroup on this very machine, version 1 or 2: the same counters as the engine's, without its pauses.

Found through its first process, and only believed when the path bears the container's id: process numbers of another
machine, or of another namespace, would lead anywhere.
"""

import os
import time
from pathlib import Path

from msgspec import Struct

from oncall.facts.containers import STOPPED
from oncall.finding import CouldNotCheck
from oncall.runtimes.runtime import Container, Sample

MOUNT = Path("/sys/fs/cgroup")
UNLIMITED = 2**62
STARTERS = ("docker-init", "tini", "dumb-init", "sh", "bash", "dash", "ash", "busybox")  # a script without `exec` too


class Cgroup(Struct, frozen=True):
    """One container's folders, by controller; "" is version 2's only one."""

    folders: dict[str, Path]

    def read(self, controller: str, name: str) -> str | None:
        """A file of a controller, of version 1; None when it is not there."""
        if controller not in self.folders:
            return None
        try:
            return (self.folders[controller] / name).read_text("utf-8")
        except OSError:
            return None

    def number(self, controller: str, name: str, key: str = "") -> int | None:
        """A number in a file, after its key if there are several; "max" is 0."""
        text = self.read(controller, name)
        if text is not None and key:
            pairs = (line.partition(" ") for line in text.splitlines())
            text = next((value for name, _, value in pairs if name == key), None)
        if text is None:
            return None
        word = text.strip()
        value = int(word) if word.isdecimal() else 0
        return value if value < UNLIMITED else 0

    def first(self, *places: tuple[str, str, str]) -> int:
        """The first number that is there; raises CouldNotCheck when none is."""
        for controller, name, key in places:
            if (value := self.number(controller, name, key)) is not None:
                return value
        raise CouldNotCheck(f"its cgroup does not tell {places[0][1]}")

    @property
    def kills(self) -> int:
        """How many of its processes the kernel has killed for lack of memory since its start."""
        return self.first(("memory", "memory.oom_control", "oom_kill"), ("", "memory.events", "oom_kill"))

    @property
    def sample(self) -> Sample:
        """What it uses right now."""
        cpu = self.number("cpuacct", "cpuacct.usage")
        at = time.time()  # comparable with the engine's, should it answer the next time
        if cpu is None:
            cpu = self.first(("", "cpu.stat", "usage_usec")) * 1000
        memory = self.first(("memory", "memory.usage_in_bytes", ""), ("", "memory.current", ""))
        cache = self.first(("memory", "memory.stat", "total_inactive_file"), ("", "memory.stat", "inactive_file"))
        return Sample(
            at=at,
            memory=max(0, memory - cache),
            memory_limit=self.first(("memory", "memory.limit_in_bytes", ""), ("", "memory.max", "")),
            cpu_seconds=cpu / 1e9,
            cpus=os.cpu_count() or 1,
            periods=self.number("cpu", "cpu.stat", "nr_periods") or self.number("", "cpu.stat", "nr_periods") or 0,
            throttled=self.number("cpu", "cpu.stat", "nr_throttled")
            or self.number("", "cpu.stat", "nr_throttled")
            or 0,
            pids=self.first(("pids", "pids.current", ""), ("", "pids.current", "")),
            pids_limit=self.first(("pids", "pids.max", ""), ("", "pids.max", "")),
        )


def process_state(container: Container) -> str:
    """The kernel's letter for the state of the process that does its work: "S", "T"; raises CouldNotCheck as `cgroup`.

    That is the first one, or the only child of a first one that merely starts another.
    """
    cgroup(container)  # the process is the container's own
    try:
        name, state = _stat(container.process)
        if name in STARTERS and state != STOPPED:
            children = Path(f"/proc/{container.process}/task/{container.process}/children").read_text().split()
            if len(children) == 1:
                state = _stat(int(children[0]))[1]
    except (OSError, ValueError) as error:
        raise CouldNotCheck(f"its process cannot be read: {error}") from None
    return state


def _stat(process: int) -> tuple[str, str]:
    """A process's name and the letter of its state; the name may hold anything, brackets too."""
    before, _, after = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")
    return before.partition(b"(")[2].decode("utf-8", "replace"), after.strip()[:1].decode("ascii", "replace")


def cgroup(container: Container) -> Cgroup:
    """The cgroup of a running container; raises CouldNotCheck when it cannot be found from here."""
    try:
        lines = Path(f"/proc/{container.process}/cgroup").read_text("utf-8").splitlines()
    except OSError as error:
        raise CouldNotCheck(f"its cgroup cannot be found: {(error.strerror or 'out of reach').lower()}") from None
    folders: dict[str, Path] = {}
    for line in lines:
        _, kinds, path = (*line.split(":", 2), "", "")[:3]
        if container.id in path:
            folders |= {kind: MOUNT / kind / path.lstrip("/") for kind in kinds.split(",") if kinds}
            if not kinds:
                folders[""] = MOUNT / path.lstrip("/")
    if not folders:
        raise CouldNotCheck("its cgroup cannot be found from here")
    return Cgroup(folders)
