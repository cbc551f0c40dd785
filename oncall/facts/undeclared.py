"""What is known of the services of the project that no component of the target names: a record a service."""

from msgspec import Struct

from oncall.facts import Several
from oncall.facts.container_stats import ContainerStats
from oncall.facts.containers import ContainerState, ServiceContainers, ServiceHealth
from oncall.facts.logs import ContainerLog, ErrorKind
from oncall.finding import Manner

KILLED = 137


class UndeclaredService(ServiceContainers, frozen=True, kw_only=True):
    """The containers of one service."""

    asked_by: tuple[str, ...] = ()  # components whose variables name its address

    def sick(self, restarts: int) -> tuple[ContainerState, ...]:
        """Those that loop, else those that do not run; a job that has ended with 0 is well, whatever its policy.

        A part at whose address others ask is no job.
        """
        loops = self.looping(restarts)
        return loops or tuple(one for one in self.containers if one.problem and (self.asked_by or not one.done))

    def symptom(self, restarts: int) -> str:
        """What the first of them does, and its last words: "worker has ended: exit code 1; last line: FATAL ..."."""
        first = self.sick(restarts)[0]
        if first.looping(restarts):
            said = f"{self.component} starts again and again ({first.restarts} restarts)"
        elif _killed_for_memory(first):
            said = f"{self.component} was killed for lack of memory"
        else:
            said = f"{self.component} {first.problem}"
        return said + self.last_words.ending

    def corroboration(self, restarts: int) -> str:
        """What proves that it was the kernel that killed it, or that it ends by its own doing."""
        killed = _killed_for_memory(self.sick(restarts)[0])
        return "State.OOMKilled and exit code 137" if killed else self.last_words.corroboration

    def manner(self, restarts: int) -> Manner | None:
        """Whether it ends or was never there; of one that is there and does nothing, nothing is said."""
        first = self.sick(restarts)[0]
        return "exits" if first.looping(restarts) else first.manner

    def evidence(self, restarts: int) -> dict[str, str | int]:
        """The sick containers, and what they said last."""
        return self.described(self.sick(restarts)) | self.last_words.evidence


def _killed_for_memory(one: ContainerState) -> bool:
    return one.oom_killed and one.exit_code == KILLED and one.status != "running"


class OfProject(Several, frozen=True, kw_only=True):
    """A look at all services of a project that no component names. in_project: its containers, declared ones too."""

    project: str
    in_project: int

    def inconclusive_reason(self) -> str | None:
        return None if self.in_project else "no container of the project was looked at"


class UndeclaredServices(OfProject, frozen=True, kw_only=True):
    """Every service that no component names, with the state of its containers."""

    parts: tuple[UndeclaredService, ...] = ()


class UndeclaredHealth(OfProject, frozen=True, kw_only=True):
    """Of those services the ones that declare a health check to Docker."""

    parts: tuple[ServiceHealth, ...] = ()


class UndeclaredStats(OfProject, frozen=True, kw_only=True):
    """What the running ones of those services use."""

    parts: tuple[ContainerStats, ...] = ()


class UndeclaredLog(Struct, frozen=True, kw_only=True):
    """The newest lines of one of those services: known signatures.

    fatal: lines of the last minutes that call themselves fatal; so many of them, and it cannot be doing its work.
    """

    component: str
    log: ContainerLog
    fatal: ErrorKind


class UndeclaredLogs(OfProject, frozen=True, kw_only=True):
    """The logs of those services; of jobs that have done their work, none."""

    parts: tuple[UndeclaredLog, ...] = ()
