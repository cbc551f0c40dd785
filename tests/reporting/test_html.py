"""The static page: complete without a script, closed to foreign markup."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from oncall.playbook import Playbook, parse
from oncall.reporting import announcement
from oncall.reporting.html import report as html
from oncall.target.schema import Limits, Stack
from tests.reporting import runs
from tests.reporting.runs import ATTACK, HEALTHY, HOSTILE, NO_DATABASE, OUTAGE, REACHABLE, SLOTS, ready, run

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text("utf-8"))
VOID = {"meta", "br", "img", "link", "input"}
EVERY = {
    "healthy": HEALTHY,
    "outage": OUTAGE,
    "hostile": HOSTILE,
    "empty": run(),
    "well": runs.WELL,
    "single": runs.SINGLE,
    "total": runs.TOTAL,
    "double": runs.DOUBLE,
    "selected": runs.SELECTED,
    "attacked": runs.ATTACKED,
}


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes, text, and whether they nest."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(run, playbook=PLAYBOOK):
    return Page(html.section(ready(run, playbook), playbook, Stack(), Limits()))


@pytest.mark.parametrize("run", EVERY.values(), ids=EVERY)
def test_the_page_is_well_formed_and_needs_neither_script_nor_network(run):
    """It is read with scripts blocked, by mail, and offline."""
    shown = page(run)

    assert shown.open == []
    assert set(shown.tags).isdisjoint({"script", "img", "link", "iframe", "object", "style", "form"})
    assert not [name for name, _ in shown.attributes if name.startswith("on") or name in ("src", "style")]
    assert all(found.startswith("#oncall-") for name, found in shown.attributes if name == "href")


@pytest.mark.parametrize("run", [HOSTILE, runs.ATTACKED], ids=["without a diagnosis", "with everything"])
def test_foreign_text_is_only_ever_text(run):
    """An attack in every field adds not one tag to those that the same run with harmless words has."""
    assert page(run).tags == page(_calmed(run)).tags
    assert "<script>alert(1)</script>" in page(run).text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800]", page(run).text)


def _calmed(found):
    """The same record with every attack replaced by a word."""
    if isinstance(found, str):
        return found.replace(ATTACK, "calm")
    if isinstance(found, dict):
        return {_calmed(key): _calmed(one) for key, one in found.items()}
    if isinstance(found, (list, tuple)):
        return tuple(_calmed(one) for one in found)
    if isinstance(found, Struct):
        return replace(found, **{name: _calmed(getattr(found, name)) for name in found.__struct_fields__})
    return found


@pytest.mark.parametrize("run", [HOSTILE, runs.ATTACKED], ids=["without a diagnosis", "with everything"])
def test_a_huge_text_does_not_make_a_huge_page(run):
    """Megabytes of evidence, names and log are shortened."""
    assert len(html.section(ready(run, PLAYBOOK), PLAYBOOK, Stack())) < 100_000


def test_many_huge_texts_do_not_make_a_huge_page_either():
    """A log of every look and long evidence at every check: all of it is cut shorter then."""
    loud = tuple(
        replace(
            REACHABLE,
            check=f"test_{number}",
            nodeid=f"test_{number}",
            evidence={f"line {line}": "x" * 5_000 for line in range(20)},
            probes=tuple(
                replace(REACHABLE.probes[0], name=f"probe_{number}_{look}", log=(f"{number}" * 2_000,) * 300)
                for look in range(3)
            ),
        )
        for number in range(90)
    )

    assert len(html.section(ready(run(*loud), PLAYBOOK), PLAYBOOK, Stack())) < 1_500_000


def test_the_title_is_one_plain_line():
    """It becomes the page's heading and the browser's tab."""
    assert html.title(OUTAGE) == "motel: Broken: P1 postgres; 4 checks without an answer"
    assert html.title(HOSTILE).isprintable()


def test_everything_that_the_run_knows_stands_in_the_page():
    """Symptom, claim, evidence, reason, last day, command, risk, verification, log, versions."""
    text = page(OUTAGE).text

    for words in (
        "localhost:5432 refuses the connection",
        "Every request that needs data fails.",
        "0.002",
        NO_DATABASE,
        "3 checks without an answer",
        "Until 2026-12-31: swap is small here",
        "3 of 6 P1 checks",
        "host.backup_file is empty",
        "test_handshake_succeeds",
        "docker-compose logs --tail=100 postgres",
        "data loss",
        "pytest -k test_database_is_reachable",
        "localhost:5432: refused",
        "respond within 15 minutes",
        "respond by 20:44 UTC",
        "pytest-oncall",
        "KeyError: 'date'",
    ):
        assert words in text


def test_a_card_answers_what_why_and_what_to_type_in_this_order():
    """Severity and deadline, component, symptom, confidence and its reason, evidence, next command, recovery."""
    source = html.section(ready(runs.TOTAL, PLAYBOOK), PLAYBOOK, Stack())
    card = source[source.index("<article") : source.index("</article>")]
    words = (
        "P1",
        "postgres",
        "respond by 20:35 UTC",
        "postgres has ended: exit code 137",
        "not proven",
        "looks the same as docker kill",
        "What was seen",
        "1,024 MiB",
        "Type next",
        "docker-compose ps",
        "Recovery: Service down",
        "Explains 5: 2 failed, 3 without an answer",
    )

    places = [card.index(word) for word in words]

    assert places == sorted(places)
    assert "<details" not in card[: card.index("Type next")]


def test_what_changed_lately_stands_beside_the_cause():
    """A deployment is no cause, but the first thing that anybody asks about."""
    slow = runs.told(run(runs.SLOW), runs.cause(runs.SLOW))
    text = page(slow).text

    assert text.index("What changed lately") < text.index("made anew, from image motel-backend:412")
    assert text.index("made anew, from image motel-backend:412") < text.index("Type next")


def test_what_is_new_since_the_last_run_stands_below_the_causes():
    """What came, what went, since when it is there, and what cannot be compared; or that nothing has changed."""
    text = page(runs.TOTAL).text
    label = "2026-11-22 20:29 UTC, 61 checks answered in both"

    assert text.index("Type next") < text.index(label) < text.index("Timeline UTC")
    for words in ("P1 the database refuses", "P3 the database refuses", ", there since 2026-11-21 20:29 UTC"):
        assert words in text[text.index(label) :]
    assert "1 check failed in one run, without an answer in the other" in text
    assert "Nothing new, nothing gone." in page(runs.WELL).text
    assert "Since the last run" not in page(runs.SINGLE).text


def test_texts_to_post_are_there_while_something_is_wrong():
    """One for colleagues, one for everybody; none of a healthy run."""
    text = page(runs.TOTAL).text

    for post in (announcement.incident_channel, announcement.status_page):
        assert post(ready(runs.TOTAL, PLAYBOOK), PLAYBOOK) in text
    assert "To post" not in page(runs.WELL).text


def test_consequences_and_what_is_hidden_stand_under_their_cause():
    """Folded, each with its symptom or its reason, and a way to its evidence."""
    shown = page(runs.SINGLE)
    links = [found for name, found in shown.attributes if name == "href"]

    assert "Explains 4: 1 failed, 3 without an answer" in shown.text
    assert "#oncall-v1" in links
    assert "#oncall-cause-1" in links
    assert "3 blocked by it" in shown.text
    assert "Not known" not in shown.text


def test_respond_by_counts_from_the_first_sign():
    """The problem began nine minutes before the run."""
    assert "respond by 20:35 UTC" in " ".join(page(runs.SINGLE).text.split())


def test_a_cause_without_a_failed_check_is_a_headline_too():
    """-m p2 alone, with the database down: nothing failed, and yet something is broken."""
    text = page(runs.SELECTED).text

    assert "Broken: P1 postgres (likely)" in text
    assert "its own checks are not in this selection" in text
    assert "nothing is known to be broken" not in text


def test_a_section_is_quoted_once():
    """Two findings share one recovery: the second points at it, and every link has an end."""
    shown = page(run(REACHABLE, SLOTS))
    ids = [found for name, found in shown.attributes if name == "id"]
    links = [found for name, found in shown.attributes if name == "href"]

    assert shown.text.count("Recovery: Database down") == 1
    assert "#oncall-recovery-1" in links
    assert {link[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("run", EVERY.values(), ids=EVERY)
def test_headings_are_in_order_and_ids_are_unique(run):
    """A screen reader walks by headings; no rank is left out."""
    shown = page(run)
    ranks = [int(tag[1]) for tag in shown.tags if re.fullmatch("h[1-6]", tag)]
    ids = [found for name, found in shown.attributes if name == "id"]

    assert ranks[0] == 1
    assert ranks.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(ranks, ranks[1:], strict=False))
    assert len(ids) == len(set(ids))


def test_the_timeline_is_a_picture_and_a_list():
    """The first sign is marked in both; each moment has its source."""
    shown = page(runs.TOTAL)

    assert "first sign 20:20:00" in shown.text
    assert "within 60 s" in shown.text
    places = [
        shown.text.rindex(words)
        for words in ("migration 0042", "made anew, from", "12 x the database", "this run ended")
    ]
    assert places == sorted(places)
    assert "container state, engine event" in shown.text


def test_lines_of_the_containers_logs_are_evidence():
    """What the log said, how often, and when last."""
    text = page(runs.TOTAL).text

    assert "12 × the database does not answer last at 20:28:51 UTC" in text
    assert "connect ECONNREFUSED 172.18.0.2:5432" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interrupted": True}, "The run was interrupted"),
        ({"replayed_from": "night.snapshot"}, "Replayed from night.snapshot"),
        ({"problem": ("the disk is full",)}, "Problem with the run itself: the disk is full"),
    ],
)
def test_a_run_that_is_not_whole_or_not_now_says_so_on_top(changes, words):
    """Before the first finding."""
    text = page(replace(OUTAGE, **changes)).text

    assert 0 < text.index(words) < text.index("localhost:5432 refuses the connection")


def test_a_suite_without_a_playbook_has_a_page_too():
    """No recovery, no respond-by time, all the findings."""
    text = page(OUTAGE, Playbook()).text

    assert "refuses the connection" in text
    assert "Recovery" not in text
    assert "Type next" not in text
    assert "respond" not in text


def test_a_sentence_of_the_playbook_keeps_its_code_and_loses_its_links():
    """Links lead nowhere in a mailed report; the section's name does."""
    prose = html.prose("Set `<x>`, then go to [Backend <b>down</b>](#backend-down).")

    assert (
        prose == "Set <code>&lt;x&gt;</code>, then go to Backend &lt;b&gt;down&lt;/b&gt; (PLAYBOOK.md, backend-down)."
    )


def test_the_style_loads_nothing_and_ends_nothing():
    """It stands in a <style> of the report."""
    assert not re.search(r"url\(|@import|</", html.css())


def test_jinja2_is_imported_only_for_a_report():
    """A run without a report does not pay for it."""
    code = (
        "import sys, oncall.reporting.html.report, oncall.reporting.terminal.report; sys.exit('jinja2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_stands_in_the_page_and_its_title_is_text():
    """Folded up, within the page's policy, and left out when it is too large."""
    shown = html.picture("<b>x</b> in a browser", b"\xff\xd8picture")

    assert "&lt;b&gt;x&lt;/b&gt; in a browser" in shown
    assert 'src="data:image/jpeg;base64,/9hwaWN0dXJl"' in shown
    assert html.picture("x", b"\xff\xd8" + bytes(html.LARGEST_PICTURE)) == ""
