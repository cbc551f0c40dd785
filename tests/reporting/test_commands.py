"""What is printed can be typed: each command is on the terminal, in the page and in the result, byte for byte."""

import json as text_json
import re
from html.parser import HTMLParser

import msgspec
import pytest
from msgspec.structs import replace

from oncall.diagnosis.advice import filled
from oncall.diagnosis.cause import Diagnosis
from oncall.playbook import Playbook, PlaybookError, fill, parse
from oncall.reporting import announcement, github, json, postmortem
from oncall.reporting.html import report as html
from oncall.reporting.terminal import report as terminal
from oncall.target.schema import Backend, Docker, Host, Postgres, Process, Stack
from tests.reporting.incidents import PLAYBOOK
from tests.reporting.runs import cause, ready, run, verdict

ODD = Stack(
    compose="docker compose -p shop",
    docker=Docker(project="shop"),
    backend=Backend(url="https://shop.example/a b;reboot?x=1&y=<2>", env_file="/srv/it's $(reboot)/.env"),
    postgres=Postgres(dbname='my db"; DROP \u202e', user="o'hara"),
    host=Host(backup_file="/var/my backups/*.dump"),
)
STACKS = {"usual": Stack(), "odd": ODD}
STEPS = [
    pytest.param(section, number, id=f"{section.id}-{number}")
    for section in PLAYBOOK.sections
    for number in range(len(section.recovery))
]
EVIDENCE = {
    "pid": 257,
    "mount": "/var/lib/my disk",
    "asset": "http://shop.example/it's.css",
    "address": "shop.example:443",
    "secret": "password=x",
}


class Commands(HTMLParser):
    """Texts of the blocks that have a button to copy them."""

    def __init__(self, source):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        if tag == "pre" and ("class", "oncall-command") in attributes:
            self.found.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data):
        if self.inside:
            self.found[-1] += data


def only(section, number):
    """A playbook with this one step."""
    return Playbook((replace(section, recovery=(section.recovery[number],)),), PLAYBOOK.levels)


def sick(section, stack, playbook):
    """A run with one cause, whose section this is."""
    found = verdict("test_it", "p1", "failed", symptom="it is ill", component="backend", playbook=section.id)
    found = replace(found, evidence=EVIDENCE)
    told = cause(found)
    return ready(replace(run(found), diagnosis=Diagnosis(causes=(told,))), playbook, stack), told


def on_the_terminal(lines):
    """The lines beside the label next, without the column of labels."""
    start = next(index for index, line in enumerate(lines) if line.startswith("next "))
    end = next(index for index, line in enumerate(lines) if index > start and not line.startswith(" " * 9))
    return "\n".join(line[9:] for line in lines[start:end])


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize(("section", "number"), STEPS)
def test_every_output_shows_the_command_as_it_is_typed(section, number, stack):
    """No masking, no folding, no cut, no comment behind it."""
    playbook = only(section, number)
    told, about = sick(section, stack, playbook)
    command = filled(section.recovery[number], about, stack).command
    result = text_json.loads(msgspec.json.encode(json.document(told)))
    step = result["causes"][0]["next"]

    assert "\n".join(step["commands"]) == command
    for width in (None, 40):
        assert on_the_terminal(terminal.lines(told, playbook, width)) == command
    assert Commands(html.section(told, playbook, stack)).found == [command, command]  # to type next, and as a step
    assert (step["section"], step["risk"], step["verify"]) == (
        section.id,
        section.recovery[number].risk,
        section.recovery[number].verify,
    )
    assert ("@" in command) or f"\n{command}\n" in f"\n{announcement.incident_channel(told, playbook)}\n"
    for text, indent in ((postmortem.document(told, playbook), "  "), (github.step_summary(told), "    ")):
        assert "".join(f"{indent}{line}\n" for line in command.split("\n")) in text


@pytest.mark.parametrize("runtime", [Process(port=3001), Process()], ids=["process", "unsaid"])
@pytest.mark.parametrize("section", PLAYBOOK.sections, ids=lambda section: section.id)
def test_a_stack_without_docker_is_told_nothing_of_it(section, runtime):
    """Terminal, page, post-mortem, message: who has no containers reads of processes, or of what is asked from here."""
    if section.id in ("undeclared-service", "project-not-created"):
        return  # no check of it looks at a stack without an engine
    stack = Stack(docker=Docker(absent=True), backend=Backend(process=runtime))
    told, _ = sick(section, stack, PLAYBOOK)
    outputs = [
        "\n".join(terminal.lines(told, PLAYBOOK, None)),
        html.section(told, PLAYBOOK, stack),
        postmortem.document(told, PLAYBOOK),
        announcement.incident_channel(told, PLAYBOOK),
    ]

    assert told.diagnosis.causes[0].next
    for output in outputs:
        assert re.findall(r"(?i).*(?:docker|compose).*", output) == []


CHECKS = """
import pytest

pytestmark = [pytest.mark.p1, pytest.mark.component("postgres"), pytest.mark.playbook("all-of-it")]


@pytest.mark.unnoticed
def test_ill(slots, finding):
    \"\"\"Nobody can log in.\"\"\"
    assert slots.free > 5, finding("it is ill", evidence={"pid": 257, "said": ""}, component="postgres")
"""
PROBES = """
@probe()
def slots() -> Slots:
    return Slots(free=1, limit=2)
"""


def test_a_real_run_prints_every_command_of_the_playbook_as_it_is_typed(suite, pytester, monkeypatch):
    """Through all that masks and disarms, with secrets that are words of the commands: 158 lines, to the byte."""
    for name, value in {"POSTGRES_PASSWORD": "postgres", "A_TOKEN": "SELECT", "B_SECRET": "pg_stat_activity"}.items():
        monkeypatch.setenv(name, value)
    lines = [line for section in PLAYBOOK.sections for step in section.recovery for line in step.commands]
    fence = "\n".join(lines)
    page = f'## All <a id="all-of-it"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\n{fence}\n```\n- Risk: read-only\n'
    (pytester.path / "PLAYBOOK.md").write_text(f"{page}- Verify: test_ill\n")
    done = suite(PROBES, CHECKS, "--html=report.html", "--json=result.json")
    (section,) = parse(f"{page}- Verify: test_ill\n").sections
    command = fill(section.recovery[0], Stack(name="shop"), "postgres", evidence={"pid": 257}).command
    result = text_json.loads((pytester.path / "result.json").read_text())

    assert len(lines) > 150
    assert result["causes"][0]["next"]["commands"] == command.split("\n")
    assert on_the_terminal(done.stdout.str().splitlines()) == command
    assert set(Commands((pytester.path / "report.html").read_text()).found) == {command}
    assert "said=" not in done.stdout.str()
    assert (result["verdicts"][0]["noticed"], "pg_terminate_backend('257')" in command) == (False, True)


def test_every_line_of_the_playbook_is_looked_at():
    """The number is that of today's page: a section whose steps are not read would be missing here."""
    lines = [line for section in PLAYBOOK.sections for step in section.recovery for line in step.commands]

    assert len(lines) > 150
    assert all(line.strip() for line in lines)


def test_what_changes_something_says_so_above_the_command():
    """And not behind it, where it would be copied."""
    playbook = parse(
        '## Ill <a id="ill"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\n{compose} down \\\n  -t 1\n```\n'
        "- Risk: restart\n- Verify: test_it\n"
    )
    told, _ = sick(playbook.sections[0], Stack(), playbook)
    lines = terminal.lines(told, playbook)
    place = lines.index("risk     restart")

    assert lines[place + 1 : place + 3] == ["next     docker-compose down \\", "           -t 1"]
    assert told.diagnosis.causes[0].next.commands == ("docker-compose down \\\n  -t 1",)


def test_a_chat_is_given_no_command_that_would_call_people():
    """It would have to be altered: the section and the step say where it stands."""
    page = '## Ill <a id="ill"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\ncurl -d @here x\n```\n'
    playbook = parse(page + "- Risk: read-only\n- Verify: test_it\n")
    told, _ = sick(playbook.sections[0], Stack(), playbook)
    text = announcement.incident_channel(told, playbook)

    assert "Next: PLAYBOOK.md ill, step 1" in text
    assert "curl" not in text
    assert "@" not in text


@pytest.mark.parametrize("sign", ["\u200b", "\u202e", "\u00a0", "\x1b", "\ufeff"])
def test_a_sign_that_nobody_sees_is_refused(sign):
    """It would be shown as a code, and typed as something else."""
    page = f'## Ill <a id="ill"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\nrun{sign} x\n```\n'
    with pytest.raises(PlaybookError, match=rf"line 6: this command holds the sign U\+{ord(sign):04X}"):
        parse(page + "- Risk: read-only\n- Verify: test_it\n")


@pytest.mark.parametrize(
    ("told", "exits"), [("", (0,)), ("- Exit: 1\n", (1,)), ("- Exit: 0, 1,2\n", (0, 1, 2)), ("Exit: `3`\n", (3,))]
)
def test_a_step_says_how_its_command_exits(told, exits):
    """0 where it says nothing."""
    page = '## Ill <a id="ill"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\nrun\n```\n- Risk: read-only\n'
    (section,) = parse(f"{page}- Verify: test_it\n{told}").sections

    assert section.recovery[0].exits == exits


@pytest.mark.parametrize("told", ["one", "-1", "256", "0;1", "", "9999999999999999999999", "\u0661"])
def test_an_exit_code_that_cannot_be_is_refused(told):
    """With its line and its mend."""
    page = '## Ill <a id="ill"></a>\nSeverity: P1\n### Recovery\n1. Do.\n```\nrun\n```\n- Risk: read-only\n'
    with pytest.raises(PlaybookError, match="is no exit code; write `- Exit: 1`"):
        parse(f"{page}- Verify: test_it\n- Exit: {told}\n")


def test_commands_of_a_snapshot_are_not_offered_as_ours():
    """Whoever made the snapshot wrote its target: each output says so, and a text to paste leaves them out."""
    told, _ = sick(PLAYBOOK.section("database-down"), Stack(), PLAYBOOK)
    told = replace(told, commands_from="snapshot")
    lines = terminal.lines(told, PLAYBOOK)

    assert lines[lines.index("next     docker-compose ps postgres") - 1].startswith(
        "caution  this command is filled from"
    )
    assert "docker-compose" not in announcement.incident_channel(told, PLAYBOOK)
    assert "from the snapshot, not checked" in postmortem.document(told, PLAYBOOK)
    assert "from the snapshot, not checked" in github.step_summary(told)
    assert json.document(told)["commands_from"] == "snapshot"
