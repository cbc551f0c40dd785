"""The pytest plugin: options, the target, which checks run, and the run itself. Inert unless a check uses a probe."""

import atexit
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field

from oncall import judging
from oncall.config import Limits, Stack, services
from oncall.finding import COMPONENTS, Finding, Message, recorder
from oncall.history import History, wrong_name
from oncall.informing import AddressError, Addresses, Informer, addresses
from oncall.judging import FOUND, Judge
from oncall.loop import looks_of, run_checks
from oncall.probing import PROBES, RUNNER, parameters
from oncall.publishing import Publisher
from oncall.redaction import Redactor, installation_salt, likely_secrets
from oncall.reporting.later import Later, LaterError, follows, read_later
from oncall.runner import ProbeLog, Run, Runner
from oncall.secrets import Secrets, read_env_file
from oncall.snapshot import Replay, Snapshot, SnapshotError, read_snapshot
from oncall.target import Target, TargetError, default_target, read_target, unknown_accepted
from oncall.verdict import SEVERITIES, Acceptance, Check
from oncall.watching import watching

MARKERS = (
    "p1: critical, respond within 15 minutes: the service is down",
    "p2: high, respond within 1 hour: a major feature is broken",
    "p3: medium, respond within 4 hours: a minor feature is broken",
    "p4: low, respond within 24 hours: cosmetic",
    "playbook(section): the section of PLAYBOOK.md that tells what to do",
    "component(name): the part of the stack that the check looks at",
    "active(what): acts on the stack; runs only with --with WHAT",
)


class Situation(Struct):
    """What one pytest session knows of the stack before it looks."""

    target: Target
    redact: Redactor
    clock: datetime
    snapshot: Snapshot | None = None
    replayed_from: str | None = None
    handlers: dict[int, Any] = field(default_factory=dict)
    later: Later | None = None


SITUATION: "pytest.StashKey[Situation]" = pytest.StashKey()
CATALOGUE: "pytest.StashKey[dict[str, Check]]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("oncall", "incident playbook")
    group.addoption(
        "--target", metavar="FILE", help="the stack to diagnose (default: $ONCALL_TARGET, then oncall.toml)"
    )
    group.addoption("--budget", type=_seconds, default=10.0, metavar="SECONDS", help="time for all looks together (10)")
    group.addoption("--fail-on", choices=SEVERITIES, default="p4", help="lesser severities do not fail the run")
    group.addoption("--with", dest="active", default="", metavar="WHAT,...", help="also run these active checks: hold")
    group.addoption("--save", metavar="FILE", help="save every fact to a snapshot")
    group.addoption("--replay", metavar="FILE", help="judge a snapshot instead of a live stack")
    group.addoption("--result", metavar="FILE", help="write every verdict as JSON")
    group.addoption("--postmortem", metavar="FILE", help="write the draft of a post-mortem as Markdown")
    group.addoption("--after", metavar="FILE", help="a later run's --result, for --postmortem: what healed since")
    group.addoption("--run", dest="run_name", metavar="NAME", help="keep this run under a name of its own: nightly")
    group.addoption("--keep", type=_runs, default=30, metavar="N", help="how many runs of a name stay (30)")
    group.addoption("--ping", metavar="URL", help="call this dead-man address when the run is over (or: $ONCALL_PING)")
    group.addoption("--notify", action="append", metavar="URL", help="send a message there (or: $ONCALL_NOTIFY)")
    group.addoption("--notify-on", choices=("sick", "change"), default="sick", help="when to send it (sick)")
    group.addoption("--wait", type=_seconds, metavar="SECONDS", help="repeat whole rounds until one is healthy")
    parser.addini("oncall_report", "where the HTML diagnosis goes, unless --html says otherwise", default="")
    parser.addini("oncall_playbook", "the playbook that recovery steps are quoted from", default="PLAYBOOK.md")


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse turns a ValueError into its own sentence
    if not 0 < seconds < 86400:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"


def _runs(text: str) -> int:
    number = int(text)
    if not 0 < number <= 10_000:
        raise ValueError
    return number


_runs.__name__ = "number of runs"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Start again with `--target=FILE` where `--target FILE` was typed and hid the suite's configuration.

    Before pytest knows a plugin's options it takes FILE for a place to look for tests, and with a file outside of
    the checkout it searches for its configuration there. Joined by an equals sign, it does not.
    """
    typed = [str(word) for word in early_config.invocation_params.args]
    joined = _joined(typed)
    if (
        early_config.inipath is None
        and joined != typed
        and sys.argv[1:] == typed
        and sys.orig_argv[-len(typed) :] == typed
    ):
        capture: Any = early_config.pluginmanager.get_plugin("capturemanager")
        if capture:
            capture.stop_global_capturing()  # it holds the very file descriptors that the next start will write to
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1 : -len(typed)], *joined])  # noqa: S606  ourselves


JOINED = ("--target", "--replay", "--save", "--result", "--html", "--junitxml", "--postmortem", "--after")


def _joined(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in JOINED:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    if config.option.help or config.option.version:
        return
    situation = config.stash[SITUATION] = _situation(config)
    _refuse_pairs(config, situation)
    config.pluginmanager.register(judging, "oncall-teststatus")
    report = str(config.getini("oncall_report"))
    history = _history(config, report)
    wanted = report and not (config.option.collectonly or config.option.setupplan or config.option.htmlpath)
    page = (
        history.newest if history and config.option.run_name and not config.option.replay else config.rootpath / report
    )
    publisher = Publisher(config, situation.redact, page if wanted else None, history)
    config.pluginmanager.register(publisher, "oncall-publisher")
    config.pluginmanager.register(Informer(config, publisher, _addresses(config, situation)), "oncall-informer")


def _history(config: pytest.Config, report: str) -> History | None:
    """Where runs of this name are kept; None where nobody named one and the report goes elsewhere."""
    option = config.option
    if option.run_name is not None and (wrong := wrong_name(option.run_name)):
        raise pytest.UsageError(f"--run {wrong}")
    if option.run_name and not report:
        raise pytest.UsageError("--run keeps a run beside the page that the ini option oncall_report names: set that")
    if not report or (option.htmlpath and not option.run_name):
        return None
    page = config.rootpath / report
    return History(page.parent, option.run_name or page.stem, option.keep)


def _addresses(config: pytest.Config, situation: Situation) -> Addresses:
    """Whom to inform at the end, made known to the redactor before anything can show them.

    The environment and the secrets file speak for named runs alone: `-m p1` at noon must not pass for the night's run.
    """
    option, target = config.option, situation.target
    file = read_env_file(Path(target.stack.secrets_file)) if target.path and target.stack.secrets_file else {}
    try:
        whom = addresses(option.ping, option.notify, os.environ, file)
    except AddressError as error:
        raise pytest.UsageError(str(error)) from None
    for secret in whom.secrets():
        situation.redact.learn(secret)
    return whom if option.run_name else addresses(option.ping, option.notify)


def _situation(config: pytest.Config) -> Situation:
    """The target and the clock; raises pytest.UsageError (exit 4), one sentence a problem."""
    redact = Redactor(installation_salt())
    try:
        given = config.option.target or os.environ.get("ONCALL_TARGET")
        shipped = config.rootpath / "oncall.toml"
        if config.option.replay:
            snapshot = read_snapshot(Path(config.option.replay))
            target = snapshot.target
            if config.option.target:
                other = read_target(Path(config.option.target))
                target = Target(stack=target.stack, limits=other.limits, accepted=other.accepted, path=target.path)
            return Situation(target, redact, snapshot.clock, snapshot, config.option.replay)
        target = read_target(Path(given)) if given else read_target(shipped) if shipped.exists() else default_target()
    except (TargetError, SnapshotError) as error:
        raise pytest.UsageError(str(error)) from None
    return Situation(target, redact, datetime.now(UTC))


def _refuse_pairs(config: pytest.Config, situation: Situation) -> None:
    """Options that say nothing together; raises pytest.UsageError, one sentence. Reads the later run's result."""
    option = config.option
    if option.wait and option.replay:
        raise pytest.UsageError("--wait is refused with --replay: a snapshot never changes, so leave one of them out")
    if option.after and not option.postmortem:
        raise pytest.UsageError("--after only serves a post-mortem: add --postmortem FILE")
    if option.after:
        path = Path(option.after)
        try:
            situation.later = read_later(path)
            follows(situation.later, path, situation.target.stack.name, situation.clock)
        except LaterError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Stack:
    """The stack as the target file describes it."""
    return request.config.stash[SITUATION].target.stack


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The numbers that claims use."""
    return request.config.stash[SITUATION].target.limits


@pytest.fixture
def finding(request: pytest.FixtureRequest) -> Callable[..., Message]:
    """Turns a failed check's message into data: `assert ..., finding(symptom, evidence=..., component=...)`."""

    def keep(found: Finding) -> None:
        request.node.stash[FOUND] = found

    return recorder(keep, components(request.config.stash[SITUATION].target.stack))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that names `endpoint` or `service` runs once for each of the target's."""
    if SITUATION not in metafunc.config.stash or not PROBES.keys() & set(metafunc.fixturenames):
        return
    stack = metafunc.config.stash[SITUATION].target.stack
    several = {"endpoint": [endpoint.name for endpoint in stack.backend.endpoints], "service": [*services(stack)]}
    marks = [
        (*mark.args, mark.kwargs.get("argnames", ""))[0] for mark in metafunc.definition.iter_markers("parametrize")
    ]
    listed = [mark.split(",") if isinstance(mark, str) else mark for mark in marks]
    marked = {name.strip() for names in listed for name in names}
    for argument, names in several.items():
        if argument in metafunc.fixturenames and argument not in marked:
            none = pytest.param("none", marks=pytest.mark.skip(reason=f"the target file names no {argument}"))
            metafunc.parametrize(argument, names or [none])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Active checks that nobody asked for are deselected; asking for one that does not exist is an error."""
    config.stash[CATALOGUE] = {item.name: judging.check_of(item) for item in items if looks_of(item)}
    asked = {name.strip() for name in str(config.option.active).split(",") if name.strip()}
    actives = {item: mark.args[0] for item in items if (mark := item.get_closest_marker("active")) and mark.args}
    if unknown := asked - set(actives.values()):
        raise pytest.UsageError(f"--with {', '.join(sorted(unknown))}: no check needs it; there is: {_names(actives)}")
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and SITUATION in config.stash:
        _refuse_unknown_acceptances(config.stash[SITUATION].target, items)
    dropped = [item for item, name in actives.items() if name not in asked]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def _refuse_unknown_acceptances(target: Target, items: list[pytest.Item]) -> None:
    names = {name for item in items for name in (item.name, item.name.partition("[")[0])}
    if problems := unknown_accepted(target, names):
        raise pytest.UsageError("\n".join(problems))


def _names(actives: dict[pytest.Item, Any]) -> str:
    return ", ".join(sorted(set(actives.values()))) or "none"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> object:
    option, items = session.config.option, [item for item in session.items if looks_of(item)]
    stopped = session.testsfailed and not option.continue_on_collection_errors
    if hasattr(session.config, "workerinput"):
        return None  # pytest-xdist runs its own loop
    if not items or stopped or option.collectonly or option.setupplan or SITUATION not in session.config.stash:
        return None
    situation = session.config.stash[SITUATION]
    if not judging.asserts_are_live():
        raise pytest.UsageError("python -O removes every assert: without it, please; no check would ever fail")
    if session.config.getoption("assertmode") == "plain":
        raise pytest.UsageError("--assert=plain is refused: every check rests on pytest's assertion rewriting")

    stash = session.config.stash

    def interrupt() -> None:
        if RUNNER not in stash:
            raise KeyboardInterrupt  # nothing was looked at yet
        stash[RUNNER].interrupt()

    def begin(kept: dict[str, Run]) -> Any:
        runner = stash[RUNNER] = _runner(session.config, items, situation)
        if kept:
            runner.runs.update(kept)
        for item in items:
            for name in looks_of(item):
                runner.start(name, parameters(item))
        return runner

    judge = Judge(None, _accepted(situation.target), situation.clock.date())
    judge.catalogue = session.config.stash[CATALOGUE]
    judge.positions = {item.nodeid: position for position, item in enumerate(session.items)}
    session.config.pluginmanager.register(judge, "oncall-judge")
    publisher: Any = session.config.pluginmanager.get_plugin("oncall-publisher")
    atexit.register(gc.freeze)  # the end of a process collects garbage twice, for nobody: 80 ms
    if option.wait:
        from oncall.rounds import Rounds

        publisher.follow(judge, None, situation)
        rounds = Rounds(session, judge, begin, interrupt, publisher.tell, hopeless=bool(publisher.uncollected))
        _listen(situation, rounds.interrupt)
        last = rounds.wait(option.wait)
        situation.clock, judge.runner, judge.verdicts = last.clock, last.runner, last.verdicts
        publisher.began = time.monotonic() - last.seconds
        publisher.follow(judge, last.runner, situation)
        rounds.report(last)
        return True
    _listen(situation, interrupt)
    runner = judge.runner = begin({})
    publisher.follow(judge, runner, situation)
    with watching(session.config, judge, runner) as idle:
        run_checks(session, runner, idle)
    return True


def _runner(config: pytest.Config, items: list[pytest.Item], situation: Situation) -> Any:
    if situation.snapshot:
        return Replay(situation.snapshot)
    stack, limits = situation.target.stack, situation.target.limits
    for value in _known_secrets(stack):
        situation.redact.learn(value)
    file = Path(stack.secrets_file) if stack.secrets_file else None
    secrets = Secrets(os.environ, file, situation.redact.learn, situation.redact.token)
    active = [name for item in items if item.get_closest_marker("active") for name in looks_of(item)]
    budget = config.option.budget + max((PROBES[name].seconds(limits) for name in active), default=0.0)
    runner = Runner(budget, {"stack": stack, "limits": limits, "secrets": secrets}, situation.redact)
    logging.getLogger("oncall").setLevel(logging.INFO)
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, ProbeLog)]  # of a round before
    root.addHandler(ProbeLog(runner))
    return runner


def _known_secrets(stack: Stack) -> Iterator[str]:
    """What must never leave, known before the first look: from the environment and the files that the target names."""
    yield from likely_secrets(os.environ)
    for name in (stack.secrets_file, stack.backend.env_file):
        if name:
            yield from likely_secrets(read_env_file(Path(name)))


def _accepted(target: Target) -> dict[str, Acceptance]:
    return {name: Acceptance(reason=item.reason, until=item.until) for name, item in target.accepted.items()}


def components(stack: Stack) -> tuple[str, ...]:
    """The parts that a finding may name."""
    return (*COMPONENTS, *stack.components)


def _listen(situation: Situation, interrupt: Callable[[], None]) -> None:
    """Ctrl-C or SIGTERM stops the waiting, and what is known is reported; a second one aborts."""

    def stop(number: int, frame: object) -> None:
        interrupt()
        signal.signal(number, signal.SIG_DFL)

    with contextlib.suppress(ValueError):  # not the main thread: somebody runs pytest inside their own program
        situation.handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}


def pytest_unconfigure(config: pytest.Config) -> None:
    for number, handler in config.stash[SITUATION].handlers.items() if SITUATION in config.stash else ():
        signal.signal(number, handler)
