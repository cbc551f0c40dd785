"""The host: a shell on it, its filesystems and its memory.

Every command is one small reading tool under coreutils' `timeout`, because testinfra itself waits for ever.
"""

import contextlib
import errno
import logging
import os
import shlex
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts.containers import DockerEngine
from oncall.facts.host import Filesystem, Filesystems, Memory
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import Machine, on_the_host
from oncall.runtimes.engine_address import engine_address
from oncall.runtimes.host_files import Far, Here
from oncall.target.schema import Stack

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

log = logging.getLogger(__name__)

SSH = "-o BatchMode=yes -o ConnectTimeout=2 -o ServerAliveInterval=1 -o ServerAliveCountMax=2"
NO_HOST = "says that there is no host to look at"
USER = Pattern("//.*@")
TIMED_OUT = (124, 137)
CANNOT_RUN = (126, 127)
AT_ONCE = 6  # connections to one far host: sshd drops some of more than ten that have not logged in (MaxStartups)
DOORS: "defaultdict[str, threading.Semaphore]" = defaultdict(lambda: threading.Semaphore(AT_ONCE))


class Ran(Struct, frozen=True):
    """What a command said."""

    rc: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The last line of what went wrong."""
        return (self.stderr.strip().splitlines() or [f"exit code {self.rc}"])[-1][:200]


class Shell:
    """Runs reading commands on the host, each with its own time limit."""

    def __init__(self, host: "Host", at: str) -> None:
        self._host, self.at, self.local = host, at, not at.startswith("ssh://")

    def run(self, *command: str, seconds: float = 2.0) -> Ran:
        """Run a command, given as its words; raises CouldNotCheck when it cannot be run or takes too long."""
        words = ("timeout", "-k", "0.2", f"{seconds:g}", *command)
        line = "LC_ALL=C " + shlex.join(words)
        try:
            try:
                result = self._run(line)
            except OSError as error:
                if error.errno != errno.EFAULT:
                    raise
                result = self._run(line)  # some virtual machines lose a page for a moment: no shell has begun yet
        except (RuntimeError, OSError) as error:
            raise CouldNotCheck(f"{self.at} was not reached: {_last_line(error)}") from None
        ran = Ran(result.rc, _text(result.stdout_bytes), _text(result.stderr_bytes))
        if ran.rc in TIMED_OUT:
            raise CouldNotCheck(f"{command[0]} did not end within {seconds:g} s on the host")
        if "timeout: not found" in ran.stderr or "timeout: command not found" in ran.stderr:
            raise CouldNotCheck("the tool timeout is missing on the host")
        if ran.rc in CANNOT_RUN and command[0] != "sh":  # a script's own last command may be what is missing
            raise CouldNotCheck(f"the tool {command[0]} cannot be run on the host")
        return ran

    def _run(self, line: str) -> "CommandResult":
        """Not more at once than a far host lets in."""
        with contextlib.nullcontext() if self.local else DOORS[self.at]:
            return self._host.run(line)

    def script(self, text: str, *arguments: str, seconds: float = 2.0) -> Ran:
        """Run a small sh script; the arguments are its $1, $2 ..., so nothing in them is a command."""
        return self.run("sh", "-c", text, "sh", *arguments, seconds=seconds)


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")


def _last_line(error: Exception) -> str:
    said = getattr(error.args[0], "stderr", None) if error.args else None
    lines = str(said if said is not None else error).strip().splitlines()
    return lines[-1][:200] if lines else "ssh gave no reason"


@client(deadline=4.0)
def host_shell(stack: Stack) -> Shell:
    """A shell on the host, here or by ssh."""
    if stack.host.absent:
        raise Declared(NO_HOST)
    if stack.host.at == "local":
        _refuse_the_wrong_machine(stack)
    shell = shell_on(stack.host.at)
    if stack.host.at != "local":
        shell.run("true")
    return shell


def shell_on(at: str) -> Shell:
    """A shell on this machine ("local"), or by ssh; nothing is connected yet."""
    import testinfra

    if at == "local":
        return Shell(testinfra.get_host("local://"), "the host")
    return Shell(testinfra.get_host(at, controlpersist=0, timeout=2, ssh_extra_args=SSH), at)


@client()
def host_machine(stack: Stack) -> Machine:
    """The host as a runtime of units and processes needs it: no other stack waits for a shell on it."""
    if not on_the_host(stack):
        raise Declared("says that no part is a unit or a process")
    if stack.host.absent:
        raise Declared(NO_HOST)
    shell = shell_on(stack.host.at)
    return Machine(shell, Here() if stack.host.at == "local" else Far(shell))


def _refuse_the_wrong_machine(stack: Stack) -> None:
    """A stack whose engine is elsewhere does not live here, whatever this machine's disks say."""
    if stack.docker.absent:
        return
    try:
        address = engine_address(stack, os.environ)
    except CouldNotCheck:
        return  # the engine's own check says so
    if address.remote:
        where = f"the Docker engine is on {address.host}, not here: set host.at to ssh://{address.host}"
        raise CouldNotCheck(where, blames="docker")


def docker_root(stack: Stack, engine: DockerEngine | CouldNotCheck | NotPart) -> str:
    """The engine's own folder when it is on the host that we look at, else nothing."""
    if not isinstance(engine, DockerEngine) or not engine.root.startswith("/"):
        return ""
    same = engine.local if stack.host.at == "local" else engine.address == USER.sub("//", stack.host.at)
    return engine.root if same else ""


DF = """for path; do
  [ -e "$path" ] || { printf 'missing\\t%s\\n' "$path"; continue; }
  printf 'space\\t%s\\t' "$path"; df -PkT -- "$path" | tail -n 1
  printf 'inodes\\t%s\\t' "$path"; df -Pi -- "$path" | tail -n 1
done"""


@probe(optional=("docker_engine",))
def filesystems(stack: Stack, host_shell: Shell, docker_engine: DockerEngine | CouldNotCheck | NotPart) -> Filesystems:
    """Space and inodes of the filesystems that the stack lives on, Docker's own among them."""
    root = docker_root(stack, docker_engine)
    ran = host_shell.script(DF, *dict.fromkeys([*stack.host.filesystems, *([root] if root else [])]))
    space: dict[str, list[str]] = {}
    inodes: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        kind, _, rest = line.partition("\t")
        path, _, table = rest.partition("\t")
        if kind == "missing" and path == root and path not in stack.host.filesystems:
            continue  # the engine's view of its machine may be another than ours
        if kind == "missing":
            raise CouldNotCheck(f"{path} is not there on the host: set host.filesystems")
        (space if kind == "space" else inodes)[path] = table.split()
    found: dict[str, Filesystem] = {}
    for path, words in space.items():
        if len(words) < 7 or not words[2].isdigit():
            raise CouldNotCheck(f"df said nothing about {path}: {ran.complaint}")
        one = _filesystem(path, words, inodes.get(path, []))
        disk = one.device if one.device.startswith("/dev/") else one.mount  # one disk may be mounted at many places
        earlier = found.get(disk)
        found[disk] = replace(earlier, paths=(*earlier.paths, path)) if earlier else one
    log.info("%d filesystems hold %s", len(found), ", ".join(stack.host.filesystems))
    return Filesystems(filesystems=tuple(sorted(found.values(), key=lambda one: -one.used_percent)))


def _filesystem(path: str, space: list[str], inodes: list[str]) -> Filesystem:
    """One line of `df -PkT` and one of `df -Pi`; both may hold blanks in the mount point, at their end."""
    device, kind, size, used, free = space[0], space[1], *map(int, space[2:5])
    counted = len(inodes) >= 4 and all(word.isdigit() for word in inodes[1:4]) and int(inodes[1]) > 0
    return Filesystem(
        mount=" ".join(space[6:]),
        device=device,
        kind=kind,
        paths=(path,),
        size_kib=size,
        free_kib=free,
        used_percent=round(100.0 * used / (used + free), 1) if used + free else 100.0,
        inodes_used_percent=round(100.0 * int(inodes[2]) / int(inodes[1]), 1) if counted else None,
        inodes_free=int(inodes[3]) if counted else None,
    )


@probe()
def memory(host_shell: Shell) -> Memory:
    """The host's memory and swap."""
    ran = host_shell.run("cat", "/proc/meminfo")
    values = {}
    for line in ran.stdout.splitlines():
        name, _, rest = line.partition(":")
        if (words := rest.split()) and words[0].isdigit():
            values[name] = int(words[0])
    lacking = [name for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree") if name not in values]
    if lacking:
        raise CouldNotCheck(f"/proc/meminfo does not tell {lacking[0]}: {ran.complaint if ran.rc else 'no such line'}")
    log.info("MemAvailable %d of %d kB", values["MemAvailable"], values["MemTotal"])
    return Memory(
        total_kib=values["MemTotal"],
        available_kib=values["MemAvailable"],
        swap_total_kib=values["SwapTotal"],
        swap_free_kib=values["SwapFree"],
    )
