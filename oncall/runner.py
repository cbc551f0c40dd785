"""The door's engine: every look that the selected checks need runs at once, each in a daemon thread of its own, which
starts when all that the look needs is there: a look behind an absent or unknown one costs no thread.

A stuck look delays neither the others nor the exit: whoever waits gives up at the look's deadline, at the run's
budget, or when somebody presses Ctrl-C, and the look is settled as unknown with that reason.
"""

import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Literal

from msgspec import Struct, field

from oncall.facts import Fact
from oncall.finding import CouldNotCheck, NotPart, ProbeCrashed
from oncall.probing import PROBES, Look, look_key
from oncall.snapshot import Saved, saved, through

Kind = Literal["fact", "unknown", "absent", "crashed"]
EXCEPTIONS: dict[Kind, type[Exception]] = {"unknown": CouldNotCheck, "absent": NotPart, "crashed": ProbeCrashed}


class Outcome(Struct, frozen=True):
    """How a look ended: with a value, or with the reason why there is none."""

    kind: Kind
    value: Any = None
    reason: str = ""
    blames: str | None = None

    def get(self) -> Any:
        """The value; raises a fresh CouldNotCheck, NotPart or ProbeCrashed when there is none."""
        if self.kind == "fact":
            return self.value
        if self.kind == "unknown":
            raise CouldNotCheck(self.reason, blames=self.blames)
        raise EXCEPTIONS[self.kind](self.reason)


class Run(Struct, eq=False):
    """One run of one look, for one set of arguments."""

    look: Look
    key: str
    arguments: dict[str, Any]
    outcome: Outcome | None = None
    deadline: float | None = None
    seconds: float | None = None
    log: list[str] = field(default_factory=list)
    close: Iterator[Any] | None = None
    behind: "list[Run]" = field(default_factory=list)  # the looks that wait for this one
    begun: bool = False


# Whose log lines these are; a probe hands it to threads of its own by contextvars.copy_context().run.
LOOKING: ContextVar[Run | None] = ContextVar("looking", default=None)


class Runner:
    """All looks of one live run.

    budget: seconds for all looks together, counted from now.
    provided: what every probe may ask for by name: stack, limits, secrets.
    redact: takes a text, returns it without secrets.
    """

    def __init__(self, budget: float, provided: Mapping[str, Any], redact: Callable[[str], str]):
        self.budget, self.provided, self.redact = budget, provided, redact
        self.runs: dict[str, Run] = {}
        self.deadline = time.monotonic() + budget
        self.interrupted = False
        self._changed = threading.Condition()
        self._starting: list[str] = []

    def start(self, name: str, given: Mapping[str, str]) -> Run:
        """The one run of a look for these check parameters, started when first wanted."""
        key = look_key(name, given)
        if key in self.runs:
            return self.runs[key]
        run = Run(PROBES[name], key, {})
        self._starting.append(name)
        try:
            run.arguments = {need: self._argument(name, need, given) for need in run.look.needs}
        except ProbeCrashed as error:
            run.outcome = Outcome("crashed", reason=str(error))
        finally:
            self._starting.pop()
        self.runs.setdefault(key, run)
        self._begin(run)
        return run

    def _argument(self, name: str, need: str, given: Mapping[str, str]) -> Any:
        if need in self.provided:
            return self.provided[need]
        if need in self._starting:
            raise ProbeCrashed(f"probes need each other in a circle: {' -> '.join((*self._starting, need))}")
        if need in PROBES:
            return self.start(need, given)
        if need in given:
            return given[need]
        raise ProbeCrashed(f"probe {name} asks for {need!r}, which is neither a probe nor a parameter of the check")

    def ready(self, name: str, given: Mapping[str, str]) -> bool:
        """Whether the answer is there, so that a check that names it need not wait."""
        return self._expire(self.start(name, given)) is not None

    def answer(self, name: str, given: Mapping[str, str]) -> Any:
        """Wait for a look; raises CouldNotCheck, NotPart or ProbeCrashed when it brought no fact."""
        return self._wait(self.start(name, given)).get()

    def pause(self) -> None:
        """Sleep until some look settles, or a tenth of a second: short, so that a signal handler can end it."""
        with self._changed:
            self._changed.wait(0.1)

    def interrupt(self) -> None:
        """Stop waiting. Called by signal handlers, so it takes no lock."""
        self.interrupted = True
        self.deadline = 0.0

    def _wait(self, run: Run) -> Outcome:
        with self._changed:
            while not (outcome := self._expire(run)):
                limit = min(run.deadline or self.deadline, self.deadline)
                self._changed.wait(min(0.1, max(0.001, limit - time.monotonic())))
            return outcome

    def _expire(self, run: Run) -> Outcome | None:
        """The run's outcome; settles it as unknown when its time is up."""
        now = time.monotonic()
        if run.outcome is None and now >= self.deadline:
            what = "the run was interrupted" if self.interrupted else f"the budget of {self.budget:g} s was used up"
            self._settle(run, Outcome("unknown", reason=f"{run.key} had not answered when {what}"))
        elif run.outcome is None and run.deadline is not None and now >= run.deadline:
            seconds = run.look.seconds(self.provided["limits"])
            self._settle(run, Outcome("unknown", reason=f"{run.key} did not answer within {seconds:g} s"))
        return run.outcome

    def _settle(self, run: Run, outcome: Outcome, seconds: float | None = None) -> None:
        with self._changed:
            if run.outcome is not None:  # an answer after the deadline comes too late: the check has been judged
                return
            run.outcome, run.seconds = outcome, seconds
            self._changed.notify_all()
        for one in run.behind:
            self._begin(one)

    def _begin(self, run: Run) -> None:
        """Look, unless something that the look needs is still to come, or never comes."""
        values: dict[str, Any] = {}
        with self._changed:
            if run.begun or run.outcome:
                return
            for name, value in run.arguments.items():
                if isinstance(value, Run) and value.outcome is None:
                    value.behind.append(run)
                    return
                try:
                    values[name] = _value(run.look, name, value)
                except (CouldNotCheck, NotPart, ProbeCrashed) as error:
                    self._settle(run, _failure(error, str(error)))
                    return
            run.begun = True
        threading.Thread(target=self._work, args=(run, values), name=run.key, daemon=True).start()

    def _work(self, run: Run, values: dict[str, Any]) -> None:
        LOOKING.set(run)
        started = time.monotonic()
        run.deadline = started + run.look.seconds(self.provided["limits"])
        try:
            value = run.look.function(**values)
            if inspect.isgenerator(value):
                run.close, value = value, next(value)
            if run.look.fact:
                value = through(value, run.look.fact, self.redact)
                if blind := value.blind():
                    raise CouldNotCheck(blind)
            outcome = Outcome("fact", value)
        except (CouldNotCheck, NotPart) as error:
            outcome = _failure(error, self.redact(str(error)))
        except BaseException as error:  # whatever it is, it is this probe's bug
            reason = f"probe {run.key} crashed: {type(error).__name__}: {error}"
            outcome = Outcome("crashed", reason=self.redact(reason).replace("\n", " "))
        self._settle(run, outcome, time.monotonic() - started)

    def logged(self, text: str) -> None:
        """Keep what a probe logs with that probe, not with the check that happens to be judged meanwhile."""
        run = LOOKING.get()
        if run and run.outcome is None:  # what comes later would be in the snapshot and not in the verdict
            run.log.append(self.redact(text))

    def saved(self) -> dict[str, Saved]:
        """All facts and reasons so far, as a snapshot keeps them; handles are not facts."""
        return {
            key: saved(
                run.outcome.kind, run.outcome.value, run.outcome.reason, run.seconds, run.log, run.outcome.blames
            )
            for key, run in self.runs.items()
            if run.look.fact and run.outcome
        }

    def facts(self) -> dict[str, Fact]:
        """What the looks brought so far."""
        runs = self.runs.items()
        return {key: run.outcome.value for key, run in runs if run.look.fact and run.outcome and run.outcome.value}

    def finish(self, seconds: float = 0.2) -> None:
        """Close what clients opened, all at once; what does not close in time is left to the end of the process."""
        closers = [
            threading.Thread(target=_close, args=(run.close,), daemon=True)
            for run in self.runs.values()
            if run.close is not None and run.outcome and run.outcome.kind == "fact"
        ]
        for thread in closers:
            thread.start()
        deadline = time.monotonic() + seconds
        for thread in closers:
            thread.join(max(0.0, deadline - time.monotonic()))


def _value(look: Look, name: str, value: Any) -> Any:
    """What the look is given: of another look its fact, or where it can do without, why there is none."""
    if not isinstance(value, Run) or not value.outcome:
        return value
    try:
        return value.outcome.get()
    except (CouldNotCheck, NotPart) as error:
        if name in look.optional:
            return error
        raise


def _failure(error: Exception, reason: str) -> Outcome:
    kind = next(kind for kind, exception in EXCEPTIONS.items() if isinstance(error, exception))
    return Outcome(kind, reason=reason, blames=getattr(error, "blames", None))


def _close(generator: Iterator[Any]) -> None:
    with contextlib.suppress(Exception):  # the stack may be dying: closing is a courtesy
        next(generator, None)


class ProbeLog(logging.Handler):
    """Hands what probes log to the runner."""

    def __init__(self, runner: Runner):
        super().__init__(logging.INFO)
        self.runner = runner

    def emit(self, record: logging.LogRecord) -> None:
        self.runner.logged(self.format(record))
