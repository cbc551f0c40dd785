"""The door's engine: every look that the selected checks need runs at once, each in a daemon thread of its own, which
starts when all that the look needs is there: a look behind an absent or unknown one costs no thread.

A stuck look delays neither the others nor the exit: whoever waits gives up at the look's deadline, at the run's
budget, or when somebody presses Ctrl-C, and the look is settled as unknown with that reason. What it has opened is
shut then, so that it ends. A look's deadline counts what the stack does (probing/lag.py); the budget is wall time.

Where no thread can be had, the looks run one after the other in the thread that waits for them.
"""

import contextlib
import inspect
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.facts import Fact
from oncall.finding import CouldNotCheck, Declared, Manner, NotPart, ProbeCrashed
from oncall.probing.deadline import OPENED, Opened
from oncall.probing.known_errors import KnownErrors
from oncall.probing.lag import METER, Load, stack_time
from oncall.probing.outcome import Outcome, failed
from oncall.probing.pictures import Picture
from oncall.probing.register import PROBES, Probe, focus, narrowed, probe_key, qualified
from oncall.probing.snapshot import Saved, saved, through
from oncall.target.schema import Stack
from oncall.target.views import NOBODY, Views


class ProbeRun(Struct, eq=False):
    """One run of one look, for one set of arguments.

    deadline: by `stack_time`; None: it has not begun. began: by `time.monotonic`. thread: as the system numbers it.
    given, view: the check's parameters and the stack, as the component sees them that is looked at.
    load: what this machine suffered while it was looked, by this look or those that it needs.
    """

    probe: Probe
    key: str
    arguments: dict[str, Any]
    given: Mapping[str, str] = {}
    view: Stack = Stack()
    outcome: Outcome | None = None
    deadline: float | None = None
    seconds: float | None = None
    log: list[str] = field(default_factory=list)
    close: Iterator[Any] | None = None
    behind: "list[ProbeRun]" = field(default_factory=list)  # the looks that wait for this one
    begun: bool = False
    began: float | None = None
    thread: int | None = None
    opened: Opened = field(default_factory=Opened)
    load: Load = Load()

    @property
    def since(self) -> float | None:
        """When the first of all looks began that brought this one's answer."""
        needed = [one.since for one in self.arguments.values() if isinstance(one, ProbeRun)]
        return min((at for at in (self.began, *needed) if at is not None), default=None)


class TimeUp(BaseException):
    """Ends a look that runs in the main thread at its deadline; no `except Exception` of a probe's may eat it."""


# Whose log lines these are; a probe hands it to threads of its own by contextvars.copy_context().run.
LOOKING: ContextVar[ProbeRun | None] = ContextVar("looking", default=None)


class Runner:
    """All looks of one live run.

    budget: seconds for all looks together, counted from now.
    provided: what every probe may ask for by name: stack, limits, secrets.
    redact: takes a text, returns it without secrets.
    note: told of every look that begins or is settled.
    source: what people call the file that declares the stack.
    """

    def __init__(
        self,
        budget: float,
        provided: Mapping[str, Any],
        redact: Callable[[str], str],
        note: Callable[[ProbeRun], None] = lambda run: None,
        source: str = "the target file",
    ):
        METER.start()
        self.budget, self.redact, self.note, self.source = budget, redact, note, source
        self.lag = METER
        self.provided = {"own_lag": METER, "known_errors": KnownErrors(), **provided}
        self.views = Views(provided["stack"])
        self.runs: dict[str, ProbeRun] = {}
        self._keys: dict[tuple[object, ...], str] = {}
        self.deadline = time.monotonic() + budget
        self.interrupted = False
        self._changed = threading.Condition()
        self._starting: list[str] = []
        self._threadless: list[tuple[ProbeRun, dict[str, Any]]] = []  # looks for which there was no thread
        self._here: ProbeRun | None = None  # the one of them that runs in the main thread

    def start(self, name: str, given: Mapping[str, str]) -> ProbeRun:
        """The one run of a look for these check parameters, started when first wanted."""
        key = self.key(name, given)
        if key in self.runs:
            return self.runs[key]
        about, inner = focus(name, given, self.views), narrowed(name, given, self.views)
        run = ProbeRun(PROBES[name], key, {}, inner, self.views.about(about))
        if about == NOBODY:
            asking = given.get("component") or given.get("service", "")
            reason = f"the target does not say on which {run.probe.of} {asking} depends"
            run.outcome = Outcome("unknown", reason=reason, setting=f"components.{asking}.depends_on")
        self._starting.append(name)
        try:
            if run.outcome is None:
                run.arguments = {need: self._argument(run, name, need, inner) for need in run.probe.needs}
        except ProbeCrashed as error:
            run.outcome = Outcome("crashed", reason=str(error))
        finally:
            self._starting.pop()
        self.runs.setdefault(key, run)
        self._begin(run)
        return run

    def key(self, name: str, given: Mapping[str, str]) -> str:
        """What a look is called for these parameters."""
        asked = (name, *given.items())
        if asked not in self._keys:  # asked for again and again, while a check waits for its facts
            self._keys[asked] = probe_key(name, given, self.views)
        return self._keys[asked]

    def _argument(self, run: ProbeRun, name: str, need: str, given: Mapping[str, str]) -> Any:
        if need == "stack":
            return run.view
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
        if self._look_here():
            return
        with self._changed:
            self._changed.wait(0.1)

    def interrupt(self) -> None:
        """Stop waiting. Called by signal handlers, so it takes no lock."""
        self.interrupted = True
        self.deadline = 0.0
        if self._here is not None:
            raise TimeUp

    def _wait(self, run: ProbeRun) -> Outcome:
        while not (outcome := self._expire(run)):
            if self._look_here():
                continue
            with self._changed:
                if run.outcome is None:
                    left = min(self._left(run) if run.deadline is not None else 0.1, self.deadline - time.monotonic())
                    self._changed.wait(min(0.1, max(0.001, left)))
        return outcome

    def _left(self, run: ProbeRun) -> float:
        """Seconds of `stack_time` until a look's deadline."""
        return (run.deadline or 0.0) + run.opened.allowance - stack_time()

    def _expire(self, run: ProbeRun) -> Outcome | None:
        """The run's outcome; settles it as unknown when its time is up, or that of one that it needs."""
        if run.outcome is not None:
            return run.outcome
        if time.monotonic() >= self.deadline:
            what = "the run was interrupted" if self.interrupted else f"the budget of {self.budget:g} s was used up"
            manner: Manner | None = None if self.interrupted else "late"
            self._abandon(run, Outcome("unknown", reason=f"{run.key} had not answered when {what}", manner=manner))
        elif run.deadline is not None and self._left(run) <= 0:
            seconds = run.probe.seconds(self.provided["limits"])
            reason = f"{run.key} did not answer within {seconds:g} s"
            self._abandon(run, Outcome("unknown", reason=reason, manner="late"))
        elif run.deadline is None:
            for need in run.arguments.values():
                if isinstance(need, ProbeRun):
                    self._expire(need)
        return run.outcome

    def _abandon(self, run: ProbeRun, outcome: Outcome) -> None:
        """Nobody waits any more: the look's sockets are shut, so that it ends."""
        self._settle(run, outcome)
        run.opened.shut()

    def _settle(self, run: ProbeRun, outcome: Outcome, seconds: float | None = None) -> None:
        load, since = Load(), run.since
        if since is not None:
            load = METER.between(since, time.monotonic())
        with self._changed:
            if run.outcome is not None:  # an answer after the deadline comes too late: the check has been judged
                return
            run.outcome, run.seconds, run.load = outcome, seconds, load
            self._changed.notify_all()
        self.note(run)
        for one in run.behind:
            self._begin(one)

    def _begin(self, run: ProbeRun) -> None:
        """Look, unless something that the look needs is still to come, or never comes."""
        values: dict[str, Any] = {}
        with self._changed:
            if run.begun or run.outcome:
                return
            for name, value in run.arguments.items():
                if isinstance(value, ProbeRun) and value.outcome is None:
                    value.behind.append(run)
                    return
                try:
                    values[name] = _value(run.probe, name, value)
                except (CouldNotCheck, NotPart, ProbeCrashed) as error:
                    self._settle(run, failed(error, str(error)))
                    return
            run.begun = True
        try:
            threading.Thread(target=self._work, args=(run, values), name=run.key, daemon=True).start()
        except RuntimeError:  # can't start new thread
            self._threadless.append((run, values))

    def _look_here(self) -> bool:
        """Whether a look that got no thread was run by this one, the main thread, which has to wait anyway."""
        if not self._threadless or self._here or threading.current_thread() is not threading.main_thread():
            return False
        run, values = self._threadless.pop(0)
        if run.outcome is not None or self._expire(run):
            return True
        left = min(run.probe.seconds(self.provided["limits"]), max(0.001, self.deadline - time.monotonic()))

        def over(number: int, frame: object) -> None:
            if self._here is not None:
                raise TimeUp

        before = signal.signal(signal.SIGALRM, over)
        looking, opened = LOOKING.get(), OPENED.get()
        self._here = run
        try:
            signal.setitimer(signal.ITIMER_REAL, left)
            self._work(run, values)
        except TimeUp:  # it came between the look and here
            pass
        finally:
            self._here = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            LOOKING.set(looking)
            OPENED.set(opened)
        self._expire(run)
        return True

    def _work(self, run: ProbeRun, values: dict[str, Any]) -> None:
        LOOKING.set(run)
        OPENED.set(run.opened)
        run.thread, run.began, started = threading.get_native_id(), time.monotonic(), time.monotonic()
        run.deadline = stack_time() + run.probe.seconds(self.provided["limits"])
        self.note(run)
        try:
            value = run.probe.function(**values)
            if inspect.isgenerator(value):
                run.close, value = value, next(value)
            if run.probe.fact:
                value = through(value, run.probe.fact, self.redact)
                if reason := value.inconclusive_reason():
                    raise CouldNotCheck(reason)
            outcome = Outcome("fact", value)
        except TimeUp:
            if not self._expire(run):
                reason = f"{run.key} did not answer within {run.probe.seconds(self.provided['limits']):g} s"
                self._abandon(run, Outcome("unknown", reason=reason, manner="late"))
            return
        except (CouldNotCheck, NotPart) as error:
            words = f"{self.source} {error}" if isinstance(error, Declared) else str(error)
            outcome = self._placed(run, failed(error, self.redact(words)))
        except BaseException as error:  # whatever it is, it is this probe's bug, or this machine's end
            outcome = _crash(run, error, self.redact)
        run.opened.forget()
        self._settle(run, outcome, time.monotonic() - started)

    def _placed(self, run: ProbeRun, outcome: Outcome) -> Outcome:
        """With the component's own names in place of roles."""
        named = run.view.named if run.probe.of else str
        root = qualified(outcome.root, run.given, self.views, named)
        blames = named(outcome.blames) if outcome.blames else outcome.blames
        return replace(outcome, root=root, blames=blames)

    def logged(self, text: str) -> None:
        """Keep what a probe logs with that probe, not with the check that happens to be judged meanwhile."""
        run = LOOKING.get()
        if run and run.outcome is None:  # what comes later would be in the snapshot and not in the verdict
            run.log.append(self.redact(text))

    def noted(self, key: str) -> tuple[float | None, tuple[str, ...]] | None:
        """How long a probe took and what it logged."""
        run = self.runs.get(key)
        return (run.seconds, tuple(run.log)) if run else None

    def saved(self) -> dict[str, Saved]:
        """All facts and reasons so far, as a snapshot keeps them; handles are not facts."""
        return {
            key: saved(run.outcome, run.seconds, run.log, run.load)
            for key, run in self.runs.items()
            if run.probe.fact and run.outcome
        }

    def load(self, keys: Iterable[str]) -> Load:
        """The worst load of this machine while these looks looked."""
        found = [self.runs[key].load for key in keys if key in self.runs]
        return max(found, key=lambda load: load.lost / load.seconds if load.seconds else 0.0, default=Load())

    def facts(self) -> dict[str, Fact]:
        """What the looks brought so far."""
        runs = self.runs.items()
        return {key: run.outcome.value for key, run in runs if run.probe.fact and run.outcome and run.outcome.value}

    def pictures(self) -> list[Picture]:
        """What probes took pictures of; they are handles, and so in no snapshot."""
        outcomes = [run.outcome for run in self.runs.values() if run.outcome]
        return [one.value for one in outcomes if isinstance(one.value, Picture) and one.value.jpeg]

    def finish(self, seconds: float = 0.2) -> None:
        """Close what clients opened, all at once; what does not close in time is left to the end of the process.

        Looks that nobody waited for to the end are shut.
        """
        for run in self.runs.values():
            if run.outcome is None:
                run.opened.shut()
        closers = [
            threading.Thread(target=_close, args=(run.close,), daemon=True)
            for run in self.runs.values()
            if run.close is not None and run.outcome and run.outcome.kind == "fact"
        ]
        with contextlib.suppress(RuntimeError):  # can't start new thread: the end of the process closes them, too
            for thread in closers:
                thread.start()
        deadline = time.monotonic() + seconds
        for thread in closers:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))


def _value(probe: Probe, name: str, value: Any) -> Any:
    """What the look is given: of another look its fact, or where it can do without, why there is none."""
    if not isinstance(value, ProbeRun) or not value.outcome:
        return value
    try:
        return value.outcome.get()
    except (CouldNotCheck, NotPart) as error:
        if name in probe.optional:
            return error
        raise


def _crash(run: ProbeRun, error: BaseException, redact: Callable[[str], str]) -> Outcome:
    """A probe's bug, unless this machine has no thread or memory left for it."""
    if isinstance(error, RuntimeError) and _code(error) is threading.Thread.start.__code__:
        return Outcome("unknown", reason=f"{run.key} needs a thread, and this machine gives none", blames="host")
    if isinstance(error, MemoryError):
        return Outcome("unknown", reason=f"{run.key} needs memory, and this machine gives none", blames="host")
    if isinstance(error, ImportError):
        reason = f"{run.key} needs a library that cannot be loaded: {error}"
        return Outcome("unknown", reason=redact(reason).replace("\n", " "))
    reason = f"probe {run.key} crashed: {type(error).__name__}: {error}"
    return Outcome("crashed", reason=redact(reason).replace("\n", " "))


def _code(error: BaseException) -> object:
    """The function that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code if trace else None


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
