"""The run itself, in place of pytest's own loop: live, waiting, from a snapshot, or what a stuck run left behind."""

import os
import time

import pytest

from oncall.probing.answers import Answers
from oncall.probing.register import RUNNER, parameters
from oncall.probing.runner import ProbeRun, Runner
from oncall.probing.snapshot import Replay
from oncall.session import tuning
from oncall.session.context import CONTEXT, RunContext
from oncall.session.live import runner_of
from oncall.session.loop import probes_of, run_checks
from oncall.session.masking import teach
from oncall.session.progress import watching
from oncall.session.publishing import Publisher
from oncall.session.recording import OutcomeRecorder
from oncall.session.signals import listen
from oncall.session.takeover import Recalled, Spokesman, read_notes, report
from oncall.session.watchdog import Watchdog
from oncall.verdict import Acceptance, Check

CATALOGUE: "pytest.StashKey[dict[str, Check]]" = pytest.StashKey()


def run(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Judge the items that name probes, and hand the run to the publisher."""
    context, option = session.config.stash[CONTEXT], session.config.option
    stash, watchdog = session.config.stash, Watchdog()

    def interrupt() -> None:
        if RUNNER not in stash:
            raise KeyboardInterrupt  # nothing was looked at yet
        stash[RUNNER].interrupt()

    def begin(kept: dict[str, ProbeRun]) -> Runner:
        runner = stash[RUNNER] = runner_of(session.config, items, context, watchdog)
        runner.runs.update(kept)
        for item in items:
            for name in probes_of(item):
                runner.start(name, parameters(item))
        if "project" in runner.runs:  # it costs no further look
            runner.start("dependences", {})
        return runner

    judge = OutcomeRecorder(None, _accepted(context), context.clock.date())
    judge.catalogue = session.config.stash[CATALOGUE]
    judge.stack = context.target.stack
    judge.positions = {item.nodeid: position for position, item in enumerate(session.items)}
    session.config.pluginmanager.register(judge, "oncall-judge")
    publisher: Publisher | None = session.config.pluginmanager.get_plugin("oncall-publisher")
    assert publisher  # noqa: S101  for mypy: registered in every session
    if notes := read_notes(os.environ):
        if publisher.withheld:
            publisher.withheld.speaks = True
        context.clock, publisher.began = notes.clock, notes.began
        teach(session.config, items, context)
        notes.teach(context.redact)
        session.config.pluginmanager.register(Spokesman(notes), "oncall-spokesman")
        publisher.follow(judge, Recalled(notes, context.target, context.redact), context)
        publisher.notes.append(notes.sentence)
        report(session, judge, notes)
        return
    if not context.snapshot:
        judge.note = watchdog.verdict
        session.config.pluginmanager.register(watchdog, "oncall-watchdog")
        watchdog.start(session.config)
    tuning.end_at_once()
    tuning.warn_of_no_socks()
    if option.wait:
        from oncall.session.polling import Polling

        publisher.record_uncollected(judge)
        polling = Polling(session, judge, begin, interrupt, publisher.tell, hopeless=bool(publisher.uncollected))
        listen(context, polling.interrupt)
        last = polling.wait(option.wait)
        context.clock, judge.runner, judge.verdicts = last.clock, last.runner, last.verdicts
        publisher.began = time.monotonic() - last.seconds
        publisher.follow(judge, last.runner, context)
        polling.report(last)
        return
    listen(context, interrupt)
    answers: Answers
    if context.snapshot:
        answers = stash[RUNNER] = Replay(context.snapshot, context.redact)
    else:
        answers = begin({})
    judge.runner = answers
    publisher.follow(judge, answers, context)
    with watching(session.config, judge, answers) as idle:
        run_checks(session, answers, idle)


def _accepted(context: RunContext) -> dict[str, Acceptance]:
    return {name: Acceptance(reason=item.reason, until=item.until) for name, item in context.target.accepted.items()}
