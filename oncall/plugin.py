"""The pytest plugin: which checks run, and the run itself. Inert unless a check uses a probe."""

from typing import Any

import pytest

from oncall.finding import Finding, Recorder
from oncall.notify.notifier import Notifier
from oncall.probing.register import PROBES
from oncall.session import hooks, main_loop, options, parts, recording, signals
from oncall.session.context import CONTEXT, history, read_context, recipients
from oncall.session.loop import probes_of
from oncall.session.main_loop import CATALOGUE
from oncall.session.parametrizing import parametrize
from oncall.session.parts import FOUND, fact_of
from oncall.session.publishing import Publisher
from oncall.target.reader import Target, unknown_accepted
from oncall.target.schema import Limits, Stack
from oncall.target.views import components

MARKERS = (
    "p1: critical, respond within 15 minutes: the service is down",
    "p2: high, respond within 1 hour: a major feature is broken",
    "p3: medium, respond within 4 hours: a minor feature is broken",
    "p4: low, respond within 24 hours: cosmetic",
    "playbook(section): the section of PLAYBOOK.md that tells what to do",
    "component(name): the part of the stack that the check is about: a role (backend, auth, ...) or a component",
    "kind(name): the check runs once for each component of this kind, which it gets as `component`",
    "judges(fact): the fact, or the side of one, that this check is for: checks that it stood in the way of point here",
    "each(fact): judged once for each part of this fact, whose names only the run finds out: a verdict for each",
    "unnoticed: no user of the stack notices when this check fails; public status texts leave it out",
    "active(what): acts on the stack; runs only with --active WHAT",
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    options.run_joined(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    if config.option.help or config.option.version:
        return
    options.refuse_pairs(config.option)
    context = config.stash[CONTEXT] = read_context(config)
    config.pluginmanager.register(recording, "oncall-teststatus")
    config.pluginmanager.register(parts, "oncall-parts")
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
def finding(request: pytest.FixtureRequest) -> Recorder:
    """Turns a failed check's message into data: `assert ..., finding(symptom, evidence=..., component=...)`."""

    def keep(found: Finding) -> None:
        request.node.stash[FOUND] = found

    known = components(request.config.stash[CONTEXT].target.stack)
    return Recorder(keep, known, lambda role: recording.named(request.node, role), lambda: parts.named(request.node))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that names `endpoint` or `service` runs once for each of the target's; any other once for each component
    of its role where there are several."""
    if CONTEXT in metafunc.config.stash and PROBES.keys() & set(metafunc.fixturenames):
        parametrize(metafunc, metafunc.config.stash[CONTEXT].views)


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
    several = {item.name for item in items if fact_of(item)}
    names |= {name for name in target.accepted if name.partition("[")[0] in several}
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
    if not recording.asserts_are_live():
        raise pytest.UsageError("run without -O: it strips asserts, so no check would ever fail")
    if session.config.getoption("assertmode") == "plain":
        raise pytest.UsageError("--assert=plain is refused: every check rests on pytest's assertion rewriting")

    main_loop.run(session, items)
    return True


def pytest_unconfigure(config: pytest.Config) -> None:
    if CONTEXT in config.stash:
        signals.restore(config.stash[CONTEXT])
