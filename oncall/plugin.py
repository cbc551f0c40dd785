"""The pytest plugin: which checks run, and the run itself. Inert unless a check uses a probe."""

import atexit
import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncall.finding import COMPONENTS, Finding, Message, recorder
from oncall.gate.redaction import likely_secrets
from oncall.notify.notifier import Notifier
from oncall.probing.answers import Answers
from oncall.probing.register import PROBES, RUNNER, parameters
from oncall.probing.runner import ProbeLog, ProbeRun, Runner
from oncall.probing.snapshot import Replay
from oncall.session import hooks, options, recording
from oncall.session.context import CONTEXT, RunContext, history, read_context, recipients
from oncall.session.loop import probes_of, run_checks
from oncall.session.progress import watching
from oncall.session.publishing import Publisher
from oncall.session.recording import FOUND, OutcomeRecorder
from oncall.session.takeover import Recalled, Spokesman, read_notes, report
from oncall.session.watchdog import Watchdog
from oncall.target.graph import waits
from oncall.target.reader import Target, shown_path, unknown_accepted, variables
from oncall.target.schema import Limits, Stack, services
from oncall.target.secrets import Secrets, allowed_names, parted, read_env_file
from oncall.verdict import Acceptance, Check

MARKERS = (
    "p1: critical, respond within 15 minutes: the service is down",
    "p2: high, respond within 1 hour: a major feature is broken",
    "p3: medium, respond within 4 hours: a minor feature is broken",
    "p4: low, respond within 24 hours: cosmetic",
    "playbook(section): the section of PLAYBOOK.md that tells what to do",
    "component(name): the part of the stack that the check looks at",
    "judges(fact): the fact, or the side of one, that this check is for: checks that it stood in the way of point here",
    "unnoticed: no user of the stack notices when this check fails; public status texts leave it out",
    "active(what): acts on the stack; runs only with --active WHAT",
)

CATALOGUE: "pytest.StashKey[dict[str, Check]]" = pytest.StashKey()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    options.start_again(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    if config.option.help or config.option.version:
        return
    options.refuse_pairs(config.option)
    context = config.stash[CONTEXT] = read_context(config)
    config.pluginmanager.register(recording, "oncall-teststatus")
    report = str(config.getini("oncall_report"))
    kept = history(config, report)
    wanted = report and not (config.option.collectonly or config.option.setupplan or config.option.htmlpath)
    named = kept and config.option.run_name and not config.option.replay
    page = kept.newest if kept and named else config.rootpath / report
    publisher = Publisher(config, context.redact, page if wanted else None, kept)
    config.pluginmanager.register(publisher, "oncall-publisher")
    config.pluginmanager.register(Notifier(config, publisher, recipients(config, context)), "oncall-informer")


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Stack:
    """The stack as the target file describes it."""
    return request.config.stash[CONTEXT].target.stack


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The numbers that claims use."""
    return request.config.stash[CONTEXT].target.limits


@pytest.fixture
def finding(request: pytest.FixtureRequest) -> Callable[..., Message]:
    """Turns a failed check's message into data: `assert ..., finding(symptom, evidence=..., component=...)`."""

    def keep(found: Finding) -> None:
        request.node.stash[FOUND] = found

    return recorder(keep, components(request.config.stash[CONTEXT].target.stack))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that names `endpoint` or `service` runs once for each of the target's."""
    if CONTEXT not in metafunc.config.stash or not PROBES.keys() & set(metafunc.fixturenames):
        return
    stack = metafunc.config.stash[CONTEXT].target.stack
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
    config.stash[CATALOGUE] = {item.name: recording.check_of(item) for item in items if probes_of(item)}
    asked = {name.strip() for name in str(config.option.active).split(",") if name.strip()}
    actives = {item: mark.args[0] for item in items if (mark := item.get_closest_marker("active")) and mark.args}
    if unknown := asked - set(actives.values()):
        raise pytest.UsageError(
            f"--active {', '.join(sorted(unknown))}: no check needs it; there is: {_names(actives)}"
        )
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and CONTEXT in config.stash:
        _refuse_unknown_acceptances(config.stash[CONTEXT].target, items)
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
    option, items = session.config.option, [item for item in session.items if probes_of(item)]
    stopped = session.testsfailed and not option.continue_on_collection_errors
    if hasattr(session.config, "workerinput"):
        return None  # pytest-xdist runs its own loop
    if not items or stopped or option.collectonly or option.setupplan or CONTEXT not in session.config.stash:
        return None
    context = session.config.stash[CONTEXT]
    if not recording.asserts_are_live():
        raise pytest.UsageError("run without -O: it strips asserts, so no check would ever fail")
    if session.config.getoption("assertmode") == "plain":
        raise pytest.UsageError("--assert=plain is refused: every check rests on pytest's assertion rewriting")

    stash, watchdog = session.config.stash, Watchdog()

    def interrupt() -> None:
        if RUNNER not in stash:
            raise KeyboardInterrupt  # nothing was looked at yet
        stash[RUNNER].interrupt()

    def start(answers: Answers) -> None:
        stash[RUNNER] = answers
        for item in items:
            for name in probes_of(item):
                answers.start(name, parameters(item))

    def begin(kept: dict[str, ProbeRun]) -> Runner:
        runner = _runner(session.config, items, context, watchdog)
        runner.runs.update(kept)
        start(runner)
        return runner

    judge = OutcomeRecorder(None, _accepted(context.target), context.clock.date())
    judge.catalogue = session.config.stash[CATALOGUE]
    judge.waits = waits(context.target.stack)
    judge.positions = {item.nodeid: position for position, item in enumerate(session.items)}
    session.config.pluginmanager.register(judge, "oncall-judge")
    publisher: Publisher | None = session.config.pluginmanager.get_plugin("oncall-publisher")
    assert publisher  # noqa: S101  for mypy: registered in every session
    if notes := read_notes(os.environ):
        if publisher.withheld:
            publisher.withheld.speaks = True
        context.clock, publisher.began = notes.clock, notes.began
        _teach(session.config, items, context)
        notes.teach(context.redact)
        session.config.pluginmanager.register(Spokesman(notes), "oncall-spokesman")
        publisher.follow(judge, Recalled(notes, context.target, context.redact), context)
        publisher.notes.append(notes.sentence)
        report(session, judge, notes)
        return True
    if not context.snapshot:
        judge.note = watchdog.verdict
        session.config.pluginmanager.register(watchdog, "oncall-watchdog")
        watchdog.start(session.config)
    atexit.register(gc.freeze)  # the end of a process collects garbage twice, for nobody: 80 ms
    if option.wait:
        from oncall.session.polling import Polling

        publisher.record_uncollected(judge)
        polling = Polling(session, judge, begin, interrupt, publisher.tell, hopeless=bool(publisher.uncollected))
        _listen(context, polling.interrupt)
        last = polling.wait(option.wait)
        context.clock, judge.runner, judge.verdicts = last.clock, last.runner, last.verdicts
        publisher.began = time.monotonic() - last.seconds
        publisher.follow(judge, last.runner, context)
        polling.report(last)
        return True
    _listen(context, interrupt)
    answers: Answers = Replay(context.snapshot, context.redact) if context.snapshot else begin({})
    if context.snapshot:
        start(answers)
    judge.runner = answers
    publisher.follow(judge, answers, context)
    with watching(session.config, judge, answers) as idle:
        run_checks(session, answers, idle)
    return True


def _runner(config: pytest.Config, items: list[pytest.Item], context: RunContext, watchdog: Watchdog) -> Runner:
    stack, limits = context.target.stack, context.target.limits
    _teach(config, items, context)
    file = Path(stack.secrets_file) if stack.secrets_file else None
    named = (name for _, name in variables(stack))
    environ, refused = parted(os.environ, named, allowed_names(config.option.allow, os.environ))
    secrets = Secrets(environ, file, watchdog.learning(context.redact.learn), context.redact.token, refused)
    active = [name for item in items if item.get_closest_marker("active") for name in probes_of(item)]
    budget = config.option.budget + max((PROBES[name].seconds(limits) for name in active), default=0.0)
    watchdog.begin(context.clock, budget)
    provided = {"stack": stack, "limits": limits, "secrets": secrets}
    source = shown_path(context.target.path) if context.target.path else "the default target"
    runner = Runner(budget, provided, context.redact, watchdog.look, source)
    logging.getLogger("oncall").setLevel(logging.INFO)
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, ProbeLog)]  # of a round before
    root.addHandler(ProbeLog(runner))
    return runner


def _teach(config: pytest.Config, items: list[pytest.Item], context: RunContext) -> None:
    """What must be masked, and what must not, as far as it is known before the first look."""
    context.redact.spare(_own_words(config, items, context.target))
    for name, value in _known_secrets(context.target.stack):
        context.redact.learn(value, name)


def _own_words(config: pytest.Config, items: list[pytest.Item], target: Target) -> str:
    """What our own sentences and ids are made of: a secret that stands in it cannot be told from it."""
    words = [str(config.rootpath), *(item.nodeid for item in items), msgspec.json.encode(target).decode()]
    return "\n".join([*words, *(getattr(getattr(item, "obj", None), "__doc__", None) or "" for item in items)])


def _known_secrets(stack: Stack) -> Iterator[tuple[str, str]]:
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


def _listen(context: RunContext, interrupt: Callable[[], None]) -> None:
    """Ctrl-C or SIGTERM stops the waiting, and what is known is reported; a second one aborts."""

    def stop(number: int, frame: object) -> None:
        interrupt()
        signal.signal(number, signal.SIG_DFL)

    with contextlib.suppress(ValueError):  # not the main thread: somebody runs pytest inside their own program
        context.handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}


def pytest_unconfigure(config: pytest.Config) -> None:
    for number, handler in config.stash[CONTEXT].handlers.items() if CONTEXT in config.stash else ():
        signal.signal(number, handler)
