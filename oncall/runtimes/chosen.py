"""Which runtimes a target names, and all of them as one: a stack may have some parts in Compose and others as units.

A part whose runtime cannot be asked stands in the project as missing; it takes nothing from the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from oncall.facts.containers import Kind
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.runtimes.host_files import Commands, HostFiles
from oncall.runtimes.processes import HostProcesses
from oncall.runtimes.processes import Wanted as WantedProcess
from oncall.runtimes.runtime import Container, ContainerRuntime, Event, OpenFiles, Project, Runtime, Sample, at_once
from oncall.runtimes.systemd import SystemdUnits
from oncall.runtimes.systemd import Wanted as WantedUnit
from oncall.target.kinds import SHORT_FORMS
from oncall.target.schema import Part, Postgres, Stack
from oncall.target.views import parts

Missing = CouldNotCheck | NotPart
KINDS: Mapping[str, Kind] = {"compose": "container", "systemd": "unit", "process": "process"}


class Machine:
    """The host, for runtimes that live on it: a shell, and its files."""

    def __init__(self, shell: Commands, files: HostFiles) -> None:
        self.shell, self.files = shell, files


def on_the_host(stack: Stack) -> bool:
    """Whether a part of the stack is a unit or a process."""
    return any(part.runtime in ("systemd", "process") for part in parts(stack).values())


def made_of(part: Part) -> Kind:
    """What there is one of, or several, when it runs."""
    return KINDS.get(part.runtime, "container")


def chosen(stack: Stack, docker: ContainerRuntime | Missing, host: Machine | Missing) -> Runtime:
    """The runtimes of all parts of a stack as one; raises what stands in the way where that is so for every part."""
    asked = parts(stack)
    wanted = {name: part for name, part in asked.items() if part.runtime != "external"}
    of: dict[Kind, Runtime | Missing] = {}
    if any(part.runtime == "compose" for part in wanted.values()):
        of["container"] = docker
    units = tuple(
        WantedUnit(name, part.unit, *_files(name, part)) for name, part in wanted.items() if part.runtime == "systemd"
    )
    if units:
        of["unit"] = SystemdUnits(host.shell, host.files, units) if isinstance(host, Machine) else host
    started = tuple(
        WantedProcess(name, part.found_by, part.process.pid_file, part.process.port, *_files(name, part))
        for name, part in wanted.items()
        if part.runtime == "process"
    )
    if started:
        of["process"] = HostProcesses(host.files, started) if isinstance(host, Machine) else host
    if not of:
        raise Declared("says that every part runs elsewhere")
    if len(of) == 1:
        (only,) = of.values()
        if isinstance(only, CouldNotCheck | NotPart):
            raise only
        return only
    return Joined(of, {part.found_by: made_of(part) for part in wanted.values()})


def _files(name: str, part: Part) -> tuple[tuple[str, ...], str]:
    """The log files of a part, and the key that names them."""
    if isinstance(part, Postgres) and part.log_files and not part.process.log_files:
        return part.log_files, "postgres.log_files"
    place = name if name in SHORT_FORMS else f"components.{name}"
    return part.process.log_files, f"{place}.process.log_files"


class Joined:
    """Several runtimes as one. of: by the kind of what each runs; kinds: by what a part is found by."""

    name = "the stack's runtimes"

    def __init__(self, of: Mapping[Kind, Runtime | Missing], kinds: Mapping[str, Kind]) -> None:
        self.of, self.kinds = of, kinds

    @property
    def local(self) -> bool:
        """Whether all of them are here."""
        return all(one.local for one in self._there)

    @property
    def _there(self) -> Sequence[Runtime]:
        return [one for one in self.of.values() if not isinstance(one, CouldNotCheck | NotPart)]

    def containers(self, seconds: float = 2.5) -> Project:
        """All of them asked at once; what one cannot tell is missing in the project."""
        kinds = list(self.of)
        looked = at_once(lambda kind: self._look(kind, seconds), kinds, seconds + 0.5)
        projects = {kind: one for kind, one in zip(kinds, looked, strict=True) if isinstance(one, Project)}
        failed = {kind: one for kind, one in zip(kinds, looked, strict=True) if not isinstance(one, Project)}
        if not projects:
            raise next(iter(failed.values()))
        named = projects.get("container")
        return Project(
            named.name if named else "the host",
            tuple(one for each in projects.values() for one in each.containers),
            named.others if named else (),
            {key: failed[kind] for key, kind in self.kinds.items() if kind in failed},
        )

    def _look(self, kind: Kind, seconds: float) -> Project | NotPart:
        one = self.of[kind]
        if isinstance(one, CouldNotCheck):
            raise one
        return one if isinstance(one, NotPart) else one.containers(seconds)

    def _of(self, container: Container) -> Runtime:
        one = self.of[container.kind]
        if isinstance(one, CouldNotCheck | NotPart):
            raise one
        return one

    def log(
        self, container: Container, *, lines: int, since: datetime | None = None, seconds: float = 2.5
    ) -> Iterator[bytes]:
        return self._of(container).log(container, lines=lines, since=since, seconds=seconds)

    def sample(self, container: Container, seconds: float = 2.0) -> Sample:
        return self._of(container).sample(container, seconds)

    def stopped(self, container: Container, seconds: float = 0.5) -> bool:
        return self._of(container).stopped(container, seconds)

    def deleted_logs(self, container: Container, seconds: float = 1.5) -> tuple[str, ...]:
        return self._of(container).deleted_logs(container, seconds)

    def kills(self, container: Container, seconds: float = 1.5) -> int:
        return self._of(container).kills(container, seconds)

    def open_files(self, container: Container, seconds: float = 1.5) -> tuple[OpenFiles, ...]:
        return self._of(container).open_files(container, seconds)

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """Of all of them that remember; raises CouldNotCheck when none does."""
        read = at_once(lambda one: one.events(since, seconds), self._there, seconds + 0.3)
        told = [one for one in read if not isinstance(one, CouldNotCheck)]
        if not told:
            raise next((one for one in read if isinstance(one, CouldNotCheck)), CouldNotCheck("no runtime to ask"))
        return tuple(sorted((event for each in told for event in each), key=lambda one: one.at))
