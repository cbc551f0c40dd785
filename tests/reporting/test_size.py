"""A megabyte of hostile evidence: every output is made in half a second, and twice as much in twice the time."""

import io
import time
from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from oncall.diagnosis.cause import Diagnosis
from oncall.finding import Finding, Message
from oncall.reporting import announcement, changes, github, json, junit, markdown, plain, postmortem
from oncall.reporting.html import charts, sanitizer, timeline_chart
from oncall.reporting.html import report as html
from oncall.reporting.terminal import live
from oncall.reporting.terminal import report as terminal
from oncall.target.schema import Limits, Stack
from oncall.verdict import Acceptance, ProbeNote
from tests.reporting import runs
from tests.reporting.incidents import PLAYBOOK

SECONDS = 0.5
SHAPES = ["a", " ", "`", "_", "<script>", "##[", "::", "\u202e", "\n", "\ud800"]


def hostile(shape, size):
    """A run each of whose foreign texts is that long."""
    text = shape * (size // len(shape))
    found = runs.verdict(
        "test_a",
        "p1",
        "failed",
        claim="People notice.",
        symptom=text,
        evidence={text: text, "mount": "/" + text, "asset": f"http://{text}", "said": text},
        component="postgres",
        playbook="database-down",
        probes=(ProbeNote(name="look", seconds=0.1, log=(text, text)),),
    )
    unknown = runs.verdict("test_b", "p1", "unknown", reason=text)
    error = runs.verdict("test_c", "p2", "error", reason=text)
    accepted = runs.verdict(
        "test_d", "p3", "accepted", symptom=text, accepted=Acceptance(reason=text, until=date(2026, 12, 31))
    )
    run = runs.run(found, unknown, error, accepted, replayed_from=text, problem=(text,))
    told = runs.cause(run.verdicts[0], because=text, confidence="likely")
    run = replace(
        run,
        diagnosis=Diagnosis(causes=(told,)),
        timeline=(runs.event(9, text, text, "problem", "postgres"), runs.BEGAN, runs.ENDED),
        comparison=runs.changed(text, "test_a"),
        facts={
            "response_times[a]": runs.times("a", text, 1.0),
            "container_stats[b]": runs.stats("b", runs.use(text, 9.0, 10.0)),
        },
    )
    return runs.ready(run, PLAYBOOK), text


def disarmed(run, text):
    stream = github.Disarmed(io.StringIO())
    stream.write(text)
    stream.commands(github.commands(run, {}))


OUTPUTS = {
    "terminal": lambda run, text: terminal.lines(run, PLAYBOOK, 80),
    "terminal, all of it": lambda run, text: terminal.lines(run, PLAYBOOK, 80, everything=True, encoding="ascii"),
    "no terminal": lambda run, text: terminal.lines(run, PLAYBOOK, everything=True),
    "html": lambda run, text: html.section(run, PLAYBOOK, Stack()),
    "pytest-html's log": lambda run, text: sanitizer.log(text, [("stdout", text)]),
    "pytest-html's page": lambda run, text: sanitizer.page(f"<html><head><style></style></head>{text}</html>"),
    "json": lambda run, text: msgspec.json.encode(json.document(run)) if "\ud800" not in text else None,
    "junit": lambda run, text: junit.properties(run.verdicts[0]),
    "github": disarmed,
    "github's summary": lambda run, text: github.step_summary(run),
    "post-mortem": lambda run, text: postmortem.document(run, PLAYBOOK),
    "incident channel": lambda run, text: announcement.incident_channel(run, PLAYBOOK),
    "status page": lambda run, text: announcement.status_page(run, PLAYBOOK),
    "changes": lambda run, text: changes.lines(run.comparison),
    "charts": lambda run, text: charts.charts(run.facts, Limits()),
    "timeline": lambda run, text: timeline_chart.picture(run.timeline),
    "markdown": lambda run, text: (markdown.prose(text), markdown.code(text)),
    "message of an assert": lambda run, text: Message(Finding(text, "postgres", {text: text})),
    "one line": lambda run, text: plain.escape_control_chars(text),
    "so far": lambda run, text: live.Live(lambda line: None, 80, 10.0).causes(run.diagnosis),
}


@pytest.fixture(scope="module", params=SHAPES, ids=ascii)
def incidents(request):
    """The same run with a megabyte in each text, and with two."""
    return hostile(request.param, 1_000_000), hostile(request.param, 2_000_000)


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_a_megabyte_of_evidence_is_rendered_at_once(output, incidents):
    """Processor time: load does not decide it. The first render of a template compiles it, and is not counted."""
    for times, (run, text) in enumerate(incidents, 1):
        spent = []
        for _ in range(3):
            began = time.process_time()
            output(run, text)
            spent.append(time.process_time() - began)
            if spent[-1] < times * SECONDS:
                break

        assert min(spent) < times * SECONDS
