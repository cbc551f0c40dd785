"""What is known about the Docker engine and the containers of a service."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import CouldNotCheck, Layer, Manner, Speaker

EngineOutcome = Literal[
    "", "answers", "no socket", "permission denied", "refused", "hangs", "unresolved", "unreached", "garbled"
]
Kind = Literal["", "container", "unit", "process"]
Status = Literal["", "created", "running", "paused", "restarting", "removing", "exited", "dead", "stopping"]
HealthStatus = Literal["", "starting", "healthy", "unhealthy"]

STOPPED = "T"  # what SIGSTOP makes of a process, as /proc/PID/stat says it
SETTLED_SECONDS = 600  # a container that has been up for so long is in no restart loop
EXIT_CODES = {
    125: "Docker could not start it",
    126: "its command cannot be executed",
    127: "its command was not found",
    134: "aborted (SIGABRT)",
    135: "bus error (SIGBUS)",
    137: "killed (SIGKILL)",
    139: "segmentation fault (SIGSEGV)",
    143: "terminated (SIGTERM)",
}
DOCKERS_OWN = 125
SIGNALLED = 125  # from here on a program did not end by itself: not started, not found, or killed
FROM_OUTSIDE = (0, 130, 137, 143)  # exit codes of what somebody stopped, or the kernel killed
QUOTED = 90  # characters of a last line in a symptom
ENGINE_PROBLEM = {
    "no socket": "the Docker engine's socket is not there",
    "permission denied": "we have no permission for the Docker engine's socket",
    "refused": "the Docker engine does not run: its address refuses connections",
    "hangs": "the Docker engine accepts connections but does not answer",
    "unresolved": "the name of the Docker engine's machine does not resolve",
    "unreached": "the Docker engine's machine cannot be reached",
    "garbled": "something that is no Docker engine answers at its address",
}


OF_SYSTEMD = {
    200: "its working directory cannot be entered",
    203: "its command cannot be executed",
    209: "its standard output cannot be opened",
    216: "its group does not exist",
    217: "its user does not exist",
    226: "its namespace cannot be set up",
}
ALIKE = {  # who else leaves the trace of the kernel's OOM killer
    "container": "docker kill",
    "unit": "systemctl kill",
    "process": "kill -9",
}


def exit_words(code: int | None, kind: Kind = "container") -> str:
    """What an exit code means; None is one that nobody knows."""
    if code is None:
        return "exit code unknown"
    if kind == "unit" and code in OF_SYSTEMD:
        return f"exit code {code}, {OF_SYSTEMD[code]}"
    if code in EXIT_CODES and (kind == "container" or code != DOCKERS_OWN):
        return f"exit code {code}, {EXIT_CODES[code]}"
    if 128 < code < 165:
        return f"exit code {code}, signal {code - 128}"
    return f"exit code {code}"


class DockerEngine(Fact, frozen=True, kw_only=True):
    """What came of asking the engine for its version.

    local: whether it runs on this very machine. root: its own folder there, "" when it does not tell.
    ahead_seconds: its clock against ours, give or take uncertain_seconds; None when it does not tell.
    looked_at: when it was asked, by our clock.
    """

    address: str
    outcome: EngineOutcome
    message: str = ""
    source: str = ""
    seconds: float = 0.0
    version: str = ""
    api: str = ""
    root: str = ""
    cgroup_version: str = ""
    cpus: int = 0
    machine: str = ""
    local: bool = False
    ahead_seconds: float | None = None
    uncertain_seconds: float = 0.0
    looked_at: datetime | None = None

    @property
    def answers(self) -> bool:
        return self.outcome == "answers"

    @property
    def manner(self) -> Manner | None:
        refused = self.outcome in ("refused", "no socket")
        return "silent" if self.outcome == "hangs" else "refused" if refused else None

    @property
    def problem(self) -> str:
        return ENGINE_PROBLEM.get(self.outcome, "")

    def inconclusive_reason(self) -> str | None:
        return None if self.outcome else "the Docker engine was not asked"


class ContainerState(Struct, frozen=True, kw_only=True):
    """One container of a service, or its unit or process. up_seconds: None while it does not run.

    exit_code: None when nobody knows it.
    created_at, started_at, finished_at: by the engine's clock; None when it never was, or in an old snapshot.
    process_state: of the process that does its work, by the kernel's letter: "S", "R", "T"; "" where it cannot be read
        from here.
    looks, looks_stopped: how often its process was looked at once more, and how often a signal had stopped it then.
    """

    id: str
    name: str
    status: Status
    exit_code: int | None
    kind: Kind = "container"
    error: str = ""
    oom_killed: bool = False
    restarts: int = 0
    restart_policy: str = ""
    up_seconds: float | None = None
    ended_seconds_ago: float | None = None
    memory_limit_mib: float = 0.0
    pids_limit: int = 0
    image: str = ""
    process_state: str = ""
    looks: int = 0
    looks_stopped: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def looping(self, restarts: int) -> bool:
        """Whether it starts again and again."""
        fresh = self.up_seconds is None or self.up_seconds < SETTLED_SECONDS
        return self.status == "restarting" or (self.status == "running" and self.restarts >= restarts and fresh)

    @property
    def done(self) -> bool:
        """Whether it is a job that has done its work."""
        return self.status == "exited" and self.exit_code == 0

    @property
    def _now_and_then(self) -> str:
        """ "2 of 4" where its process was stopped in some of the looks and not in others; else ""."""
        first = self.process_state == STOPPED or (self.status == "paused" and self.kind != "container")
        stopped, looks = self.looks_stopped + first, self.looks + 1
        return f"{stopped} of {looks}" if 0 < stopped < looks and self.looks else ""

    @property
    def problem(self) -> str:
        """Why it does not run, "" when it does."""
        if now_and_then := self._now_and_then:
            return f"is frozen now and then: a signal had stopped its process in {now_and_then} looks"
        if self.status == "running":
            return "is frozen: its process is stopped (state T)" if self.process_state == STOPPED else ""
        if self.status == "created" and self.kind != "container":
            return "is inactive: it was stopped, or never started"
        if self.status == "paused" and self.kind != "container":
            return "is frozen: somebody stopped its process (SIGSTOP), or froze its cgroup"
        if self.status == "created":
            if "port is already allocated" in self.error or "address already in use" in self.error:
                return "was never started: a port that it publishes is taken"
            words = exit_words(self.exit_code, self.kind) if self.exit_code else ("see the error" if self.error else "")
            return f"was created but never started{f': {words}' if words else ''}"
        if self.status == "exited":
            return "has ended" if self.exit_code is None else f"has ended: {exit_words(self.exit_code, self.kind)}"
        return f"is {self.status or 'in no known state'}"

    @property
    def engine_error(self) -> str:
        """What the engine says of why it does not run; of units and processes the words are ours."""
        return self.error[:300] if self.kind == "container" else ""

    @property
    def manner(self) -> Manner:
        """ "exits" where its own program ended with an error, which a part below may have made it do; else "absent".

        A signal, a stop by hand, a pause and an end that nobody knows the code of say nothing of a part below.
        """
        failed = self.status in ("exited", "dead") and self.exit_code is not None and 0 < self.exit_code < SIGNALLED
        return "exits" if failed or self.status == "restarting" else "absent"

    @property
    def ambiguity(self) -> str:
        """What would look the same, "" when nothing would: the kernel and a person send the same signal."""
        killed = self.status == "exited" and self.exit_code == 137 and not self.oom_killed
        return f"exit code 137 without an OOM event looks the same as {ALIKE[self.kind]}" if killed else ""

    @property
    def by_itself(self) -> bool | None:
        """Whether it ends by its own doing, so that its last words tell why; None: nobody knows how it ended."""
        if self.status == "created" and self.kind != "container":
            return False  # a unit that somebody stopped
        if self.status in ("running", "restarting", "created") or self.exit_code not in (*FROM_OUTSIDE, None):
            return True
        return None if self.exit_code is None else False

    @property
    def evidence(self) -> str:
        """What a person would want to know of it."""
        said: list[str] = [self.status]
        if self.status != "running" and self.exit_code:
            said.append(exit_words(self.exit_code, self.kind))
        if self.up_seconds is not None:
            said.append(f"up {ago(self.up_seconds)}")
        if self.ended_seconds_ago is not None and self.status != "running":
            said.append(f"ended {ago(self.ended_seconds_ago)} ago")
        if self.restarts:
            said.append(f"{self.restarts} restarts")
        if self.error:
            said.append(self.error[:300])
        return ", ".join(said)


def ago(seconds: float) -> str:
    """A span in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class LastWords(Struct, frozen=True, kw_only=True):
    """What a part that does not run, or loops, has written last.

    lines: the newest, newest last; each at most 200 characters, without personal data. telling: the one that says most.
    meaning: what a known signature makes of that one; root: the fact that tells the same story nearer to its cause.
    own: whether it is a reason of the part's own, which nothing below it can bring about.
    silence: why they could not be read.
    """

    lines: tuple[str, ...] = ()
    telling: str = ""
    meaning: str = ""
    root: str = ""
    own: bool = False
    silence: str = ""

    @property
    def ending(self) -> str:
        """The end of a symptom: what they mean, or the most telling line itself."""
        if self.meaning:
            return f": {self.meaning}"
        return f"; last line: {self.telling[:QUOTED]}" if self.telling else ""

    @property
    def speaker(self) -> Speaker:
        return "last words" if self.telling else ""

    @property
    def corroboration(self) -> str:
        """What proves, beside its state, that it ends by its own doing."""
        return "its state and its own last words" if self.own else ""

    @property
    def evidence(self) -> dict[str, str | int]:
        shown = self.lines if self.telling else self.lines[-1:]  # of what somebody stopped, that it has ended
        words: dict[str, str | int] = {"last lines": " | ".join(shown)} if shown else {}
        return words | ({"last lines not read": self.silence} if self.silence else {})


class ServiceContainers(Fact, frozen=True, kw_only=True):
    """The containers of one Compose service, or its one unit or process; one-off ones (`run`) are not among them.

    component: our name for the service. kind: what there is one of, or should be. in_project: containers of all
    services. other_projects: when there are none. last_words: of those that do not run or loop.
    """

    component: str
    service: str
    project: str
    kind: Kind = "container"
    containers: tuple[ContainerState, ...] = ()
    in_project: int = 0
    other_services: tuple[str, ...] = ()
    other_projects: tuple[str, ...] = ()
    last_words: LastWords = LastWords()

    def not_running(self, restarts: int) -> tuple[ContainerState, ...]:
        """Those that do not run; raises CouldNotCheck when some merely are between two starts of a loop."""
        down = [one for one in self.containers if one.problem and not one.looping(restarts)]
        if not down and self.looping(restarts):
            root = f"service_containers.stays_up[{self.component}]"
            raise CouldNotCheck(f"{self.component} starts again and again", root=root)
        return tuple(down)

    def looping(self, restarts: int) -> tuple[ContainerState, ...]:
        """Those that start again and again."""
        return tuple(one for one in self.containers if one.looping(restarts))

    @property
    def _running(self) -> str:
        return f"service_containers.running[{self.component}]"

    def must_run(self, restarts: int) -> None:
        """Raises CouldNotCheck unless every container runs or loops."""
        down = [one for one in self.containers if one.problem and not one.looping(restarts)]
        if down or not self.containers:
            raise CouldNotCheck(f"{self.component} is not running", root=self._running)

    def starting_again(self, restarts: int) -> tuple[ContainerState, ...]:
        """Those in a loop; raises CouldNotCheck when there is none, but not all run."""
        loops = self.looping(restarts)
        if not loops:
            self.must_run(restarts)
        return loops

    @property
    def without_memory_limit(self) -> tuple[ContainerState, ...]:
        """Those that may take all of the host's memory; raises CouldNotCheck when there is none.

        A process has its limit from its start, and none before it.
        """
        if not self.containers:
            raise CouldNotCheck(f"{self.component} has no {self.kind}", root=self._running)
        if self.kind == "process" and any(one.up_seconds is None for one in self.containers):
            raise CouldNotCheck(f"{self.component} is not running", root=self._running)
        return tuple(one for one in self.containers if not one.memory_limit_mib)

    def described(self, containers: tuple[ContainerState, ...] = ()) -> dict[str, str | int]:
        """Evidence: these containers, and how many there are."""
        found = {f"{one.name} {one.id}": one.evidence for one in containers[:4]}
        if self.kind == "unit":
            return {one.name: one.evidence for one in containers[:4]}
        if self.kind == "process":
            return {"process": self.service, **found}
        return {"service": self.service, "containers": len(self.containers), **found}

    @property
    def absence(self) -> dict[str, str | int]:
        """Evidence for a missing container: what is there instead."""
        if self.kind != "container":
            return {self.kind: self.service}
        there: dict[str, str | int] = {"project": self.project, "service": self.service}
        if self.other_services:
            there["services with containers"] = ", ".join(self.other_services[:10])
        elif self.other_projects:
            there["projects on this engine"] = ", ".join(self.other_projects[:10])
        else:
            there["containers of this project"] = self.in_project
        return there

    def inconclusive_reason(self) -> str | None:
        return None if self.service else "no service was looked for"


class HealthResult(Struct, frozen=True, kw_only=True):
    """One container's last health check.

    failing_since: when the first of its failures in a row ended, by the engine's clock; None while it does not fail.
    since_within_seconds: how much earlier that may have been: that check's own length, and more where the engine has
        forgotten it.
    unstartable: whether the engine could not start the check's command at all, whatever code it gives that.
    missing: the command that is not in the image; "" when its name was not told.
    """

    id: str
    name: str
    status: HealthStatus
    unstartable: bool = False
    missing: str = ""
    streak: int = 0
    exit_code: int | None = None
    output: str = ""
    up_seconds: float = 0.0
    starting_seconds: float = 0.0
    failing_since: datetime | None = None
    since_within_seconds: float = 0.0

    @property
    def overdue(self) -> bool:
        """Whether it has been starting for longer than its own numbers allow."""
        return self.status == "starting" and self.up_seconds > self.starting_seconds

    @property
    def problem(self) -> str:
        """What is wrong, "" when nothing is."""
        if self.status != "unhealthy" and not self.overdue:
            return ""
        if self.cannot_run:
            return f"has a health check that cannot run: {self._hindrance}"
        if self.overdue:
            return f"is still starting after {ago(self.up_seconds)}"
        if self.exit_code == -1:
            return "does not answer its health check in time"
        return "fails its health check"

    @property
    def layer(self) -> Layer:
        """How far the health check got; one that cannot be run itself says nothing of the service."""
        if self.cannot_run:
            return "config"
        return "answers" if self.overdue or self.exit_code == -1 else "correct"

    @property
    def manner(self) -> Manner | None:
        if self.cannot_run:
            return "config"
        if self.overdue:
            return "late"
        return ("silent" if self.exit_code == -1 else "error answer") if self.problem else None

    @property
    def cannot_run(self) -> bool:
        """Whether the check's own command cannot run: that says nothing of the service."""
        return self.unstartable or self.exit_code in (126, 127)

    @property
    def _hindrance(self) -> str:
        if self.missing:
            return f"{self.missing} is missing in its image"
        return f"exit code {self.exit_code}" if self.exit_code in (126, 127) else "the engine cannot start its command"


class ServiceHealth(Fact, frozen=True, kw_only=True):
    """The health checks that Docker makes for one service's running containers.

    accused: the component that the service's own health body names. asked_by: the fact that asks what its own health
        check asks, as a rule; empty: there is none.
    """

    component: str
    service: str
    containers: tuple[HealthResult, ...] = ()
    accused: str | None = None
    asked_by: str = ""

    @property
    def unhealthy(self) -> tuple[HealthResult, ...]:
        """The failing ones; raises CouldNotCheck when none fails and of one nothing is known: its check cannot run, or
        has not yet.
        """
        sick = tuple(one for one in self.containers if one.problem and not one.cannot_run)
        if not sick and self.unrunnable:
            root = f"service_health.command[{self.component}]"
            raise CouldNotCheck(f"{self.component} {self.unrunnable[0].problem}", root=root)
        if not sick and any(one.status == "starting" for one in self.containers):
            raise CouldNotCheck(self._too_early)
        return sick

    @property
    def _too_early(self) -> str:
        return f"{self.component} is still in its health-check start period: ask again soon"

    @property
    def unrunnable(self) -> tuple[HealthResult, ...]:
        """Those whose check cannot run: it says nothing of the service. CouldNotCheck before its first result."""
        stuck = tuple(one for one in self.containers if one.problem and one.cannot_run)
        if not stuck and any(one.status == "starting" and one.exit_code is None for one in self.containers):
            raise CouldNotCheck(self._too_early)
        return stuck

    @property
    def statement(self) -> str:
        """What the first failing check said."""
        return next((one.output for one in self.unhealthy if one.output), "")

    @property
    def evidence(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {}
        for one in [one for one in self.containers if one.problem][:4]:
            code = "none" if one.exit_code is None else one.exit_code
            said = f", said: {one.output}" if one.output else ""
            found[f"{one.name} {one.id}"] = f"{one.status}, {one.streak} failures in a row, exit code {code}{said}"
        return {"service": self.service, **found}

    def inconclusive_reason(self) -> str | None:
        return None if self.containers and self.containers[0].status else "no health check's result was read"
