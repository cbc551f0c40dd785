"""The draft of a post-mortem: the playbook's own form, nothing guessed, and no foreign text that breaks it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

from oncall.reporting import json as result_file
from oncall.reporting.followup import Followup, FollowupError, follows, read_later
from oncall.reporting.markdown import code, prose
from oncall.reporting.postmortem import document
from tests.reporting import incidents, runs
from tests.reporting.incidents import HEALTHY, HOSTILE, OUTAGE, PLAYBOOK, TWO_FAULTS, UNKNOWN, diagnosed, moment

FORM = ["Timeline", "Root Cause", "Resolution", "Action Items", "Lessons Learned", "Checklist", "Ready to paste"]
CHECKLIST = [
    "Incident timeline documented",
    "Root cause identified",
    "Fix implemented and verified",
    "Monitoring/alerts updated",
    "Runbook updated if needed",
    "Post-mortem scheduled (for P1/P2)",
]


def parsed(text):
    """The document as a reader's tool takes it: the strictest of Markdown, with its tables and its links."""
    return MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"]).parse(text)


def headings(text):
    tokens = parsed(text)
    return [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]


def later(run, hours=1, outcome="passed", **fields):
    """A later run of the same checks, read back from its own result file's form."""
    verdicts = tuple({"check": one.check, "outcome": outcome} for one in run.verdicts)
    plain = {"version": 2, "stack": run.stack, "started": run.started + timedelta(hours=hours), "verdicts": verdicts}
    return msgspec.convert(plain | fields, Followup)


@pytest.mark.parametrize("run", [OUTAGE, HEALTHY, UNKNOWN, TWO_FAULTS], ids=["outage", "healthy", "unknown", "two"])
def test_the_form_is_the_playbooks(run):
    """The same headings in the same order, the same bold fields, the same checklist."""
    text = document(run, PLAYBOOK)

    assert headings(text)[0].startswith("Incident: ")
    assert headings(text)[1:] == FORM
    assert re.findall(r"^\*\*(\w+)\*\*: ", text, re.MULTILINE) == ["Date", "Duration", "Severity", "Impact"]
    assert [line for line in CHECKLIST if not re.search(rf"^- \[[ x]\] {re.escape(line)}", text, re.MULTILINE)] == []


def test_what_the_evidence_knows_is_filled_in():
    """Title, date of the first sign, severity, what people notice, cause with its confidence and evidence."""
    text = document(OUTAGE, PLAYBOOK)

    assert text.startswith("## Incident: postgres: localhost:5432 refuses the connection\n**Date**: 2026-11-23\n")
    assert "**Duration**: at least 15 min from the first sign of a problem (TODO" in text
    assert "**Severity**: P1" in text
    assert "**Impact**: Every request that needs data fails. Parts of the service fail. TODO" in text
    assert "- confidence: confirmed by test_database_is_reachable" in text
    assert "- evidence: `address=localhost:5432, seconds=0.002, listens=no`" in text
    assert "`PLAYBOOK.md` `database-down`" in text


def test_timeline_is_in_order_with_sources_and_marks():
    """HH:MM, what, where it was read; another day is named, a moment that was counted back is only about that time."""
    text = document(OUTAGE, PLAYBOOK)
    body = text[text.index("### Timeline") : text.index("### Root Cause")]

    assert [line for line in body.splitlines() if line.startswith("- ")] == [
        "- 2026-11-22 23:58 - backup finished (host)",
        "- 19:50 - backend: image changed (docker events)",
        "- 20:14 - postgres finished with exit code 137 (container state), **the first sign of a problem**",
        "- about 20:20 - backend: first ECONNREFUSED (log of backend)",
        "- 20:29 - Incident detected: P1 postgres; 1 check without an answer (pytest-oncall)",
        "- 20:29 - Root cause identified (pytest-oncall)",
        "- TODO HH:MM - Team notified",
        "- TODO HH:MM - Fix deployed",
        "- TODO HH:MM - Service restored",
    ]


def test_long_timelines_keep_their_end_and_the_first_sign():
    """A hundred moments do not hide the one that counts."""
    changes = [moment(f"{hour:02}:{minute:02}", "restart", kind="change") for hour in (18, 19) for minute in range(60)]
    text = document(diagnosed(runs.OUTAGE, moment("17:00", "killed"), *changes), PLAYBOOK)

    assert text.count("restart (container state)") == 40
    assert "17:00 - killed (container state), **the first sign of a problem**" in text
    assert "... 81 earlier moments are left out" in text


def test_nothing_is_said_to_be_fixed_without_a_later_run():
    """A fix is only ever a later run's word; until then it is an open field."""
    text = document(OUTAGE, PLAYBOOK)

    assert "- [ ] Fix implemented and verified" in text
    assert "TODO: what was the fix, and who made it" in text
    assert "restored: all" not in text


def test_later_run_tells_what_healed_and_what_changed_in_between():
    """Duration ends with the run that found it healed; changes between the two are named, the fix is not guessed."""
    restart = moment("21:10", "container made anew", "docker events", "change", component="postgres")
    before = moment("20:00", "too early", "docker events", "change")
    text = document(OUTAGE, PLAYBOOK, later(OUTAGE, timeline=(restart, before)))

    assert "**Duration**: at most 1 h 15 min from the first sign of a problem to the run that found it healed" in text
    assert "- 21:29 - Service restored: all that had failed was found healthy (pytest-oncall)" in text
    assert "- postgres: found healed at 2026-11-23 21:29 by a later run" in text
    assert "- changed in between: 21:10 - postgres: container made anew (docker events)" in text
    assert "TODO: which of these changes was the fix" in text
    assert "- [x] Fix implemented and verified" in text
    assert "too early" not in text


@pytest.mark.parametrize(("outcome", "words"), [("failed", "still there"), ("unknown", "not looked at")])
def test_later_run_that_found_nothing_healed_proves_no_fix(outcome, words):
    """Still failing, or not answered: neither ends an incident."""
    text = document(OUTAGE, PLAYBOOK, later(OUTAGE, outcome=outcome))

    assert f"- postgres: {words} at 2026-11-23 21:29 by a later run" in text
    assert "**Duration**: more than 1 h 15 min" in text
    assert "- [ ] Fix implemented and verified" in text
    assert "TODO HH:MM - Service restored" in text


def test_cause_that_is_not_proven_is_not_ticked():
    """Only confirmed causes tick the list; each of several has its number."""
    text = document(TWO_FAULTS, PLAYBOOK)

    assert "- [ ] Root cause identified" in text
    assert "1. P1 postgres: localhost:5432 refuses the connection" in text
    assert r"2. P3 backend (not proven): suites takes 3.1 s" in text
    assert "- confidence: not proven: a lock would look the same" in text


def test_open_fields_are_found_by_one_word():
    """Whoever fills the draft in searches for TODO."""
    text = document(UNKNOWN, PLAYBOOK)

    assert "- not known: " in text
    assert "make 1 check answerable: the database was not reached (see test" in text
    assert all("TODO" in line for line in text.splitlines() if line.startswith(("- What ", "- [ ] TODO")))


def test_foreign_text_breaks_nothing():
    """No heading, link, picture, markup or list entry comes from foreign text, and the draft stays small."""
    text = document(HOSTILE, PLAYBOOK)
    tokens = [token for outer in parsed(text) for token in (outer, *(outer.children or ()))]
    kinds = {token.type for token in tokens}

    assert headings(text)[1:] == FORM
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "table_open", "em_open", "s_open", "hr"}
    assert {token.markup for token in tokens if token.type == "fence"} == {"```"}
    assert len([token for token in tokens if token.type == "fence"]) == 3
    assert [sign for sign in text if ord(sign) < 32 and sign != "\n"] == []
    assert len(text) < 20_000


@pytest.mark.parametrize(
    "text",
    [
        "# heading",
        "1. one",
        "- item",
        "+ item",
        "=====",
        "> quote",
        "*em* _em_ **b**",
        "[a](b)",
        "![a](b)",
        "<b>",
        "`c`",
    ]
    + [
        "| a | b |",
        "~~s~~",
        "&lt;",
        "a\nb",
        "a\\",
        "``` x",
        "~~~",
        "***",
        "@here",
        "http://evil",
        "www.evil",
        "$x$",
        "",
    ],
)
def test_one_text_is_one_piece_of_a_line(text):
    """Whatever it is, it renders as itself, in the middle of a list entry and at its beginning."""
    for written in (f"- {prose(text)}", f"- so {prose(text)} it", f"- {code(text)}"):
        tokens = parsed(written)
        [inline] = [token for token in tokens if token.type == "inline"] or [None]
        shown = "".join(token.content for token in inline.children) if inline else ""

        assert [token.type for token in tokens if token.nesting == 1] == [
            "bullet_list_open",
            "list_item_open",
            *(["paragraph_open"] if inline else []),
        ]
        assert inline is None or {token.type for token in inline.children} <= {"text", "code_inline", "text_special"}
        assert text.replace("\n", "\\x0a") in shown


def test_result_of_a_run_is_read_back(tmp_path):
    """What --json writes, --followup reads."""
    file = tmp_path / "result.json"
    file.write_bytes(msgspec.json.encode(result_file.document(OUTAGE)))
    read = read_later(file)

    assert read.started == datetime(2026, 11, 23, 20, 29, tzinfo=UTC)
    assert {one.check for one in read.verdicts} == {one.check for one in OUTAGE.verdicts}
    assert len(read.timeline) == 4


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "this is not the --json file of a later run"),
        (b"[1]", "this is not the --json file of a later run"),
        (b"\xff", "this is not the --json file of a later run"),
        (b"[" * 100_000, "this is not the --json file of a later run"),
        (
            b'{"version": 9, "stack": "motel", "started": "2026-11-23T20:29:00Z", "verdicts": []}',
            "the result has version 9",
        ),
        (
            b'{"version": 2, "stack": "motel", "started": "2026-11-23T20:29:00", "verdicts": []}',
            "this is not the --json file",
        ),
    ],
    ids=["empty", "list", "bytes", "deep", "version", "no zone"],
)
def test_wrong_later_file_is_refused_in_one_sentence(tmp_path, content, sentence):
    """One sentence with the file's name."""
    file = tmp_path / "later.json"
    file.write_bytes(content)

    with pytest.raises(FollowupError, match=f"^--followup {re.escape(str(file))}: .*{sentence}"):
        read_later(file)


def test_run_that_came_before_is_no_later_run():
    """A mix-up of files would otherwise end an incident before it began."""
    with pytest.raises(FollowupError, match="that run began before this one"):
        follows(later(OUTAGE, hours=-1), Path("x.json"), OUTAGE.stack, OUTAGE.started)


def test_incidents_are_what_they_say():
    """The literals of these tests hold the causes that they are named after."""
    assert [cause.component for cause in TWO_FAULTS.diagnosis.causes] == ["postgres", "backend"]
    assert not UNKNOWN.diagnosis.causes
    assert incidents.HEALTHY.verdicts
