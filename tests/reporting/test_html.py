"""The static page: complete without a script, closed to foreign markup."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import convert, to_builtins

from oncall.config import Stack
from oncall.playbook import Playbook, parse
from oncall.reporting import html
from tests.reporting.runs import ATTACK, HEALTHY, HOSTILE, NO_DATABASE, OUTAGE, REACHABLE, SLOTS, SUB_CHECK, run

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text("utf-8"))
VOID = {"meta", "br", "img", "link", "input"}


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

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(run, playbook=PLAYBOOK):
    return Page(html.section(run, playbook, Stack()))


@pytest.mark.parametrize("run", [HEALTHY, OUTAGE, HOSTILE, run()], ids=["healthy", "outage", "hostile", "empty"])
def test_the_page_is_well_formed_and_needs_neither_script_nor_network(run):
    """It is read with scripts blocked, by mail, and offline."""
    shown = page(run)

    assert shown.open == []
    assert set(shown.tags).isdisjoint({"script", "img", "link", "iframe", "object", "style", "form"})
    assert not [name for name, _ in shown.attributes if name.startswith("on") or name in ("src", "style")]
    assert all(found.startswith("#oncall-") for name, found in shown.attributes if name == "href")


def test_foreign_text_is_only_ever_text():
    """An attack in every field adds not one tag to those that the same run with harmless words has."""
    assert page(HOSTILE).tags == page(_calmed(HOSTILE)).tags
    assert "<script>alert(1)</script>" in page(HOSTILE).text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800]", page(HOSTILE).text)


def _calmed(thing):
    """The same record with every attack replaced by a word."""

    def calm(found):
        if isinstance(found, str):
            return found.replace(ATTACK, "calm")
        if isinstance(found, dict):
            return {calm(key): calm(one) for key, one in found.items()}
        return [calm(one) for one in found] if isinstance(found, (list, tuple)) else found

    return convert(calm(to_builtins(thing)), type(thing))


def test_a_huge_text_does_not_make_a_huge_page():
    """Twenty megabytes of evidence and log are shortened."""
    assert len(html.section(HOSTILE, PLAYBOOK, Stack())) < 100_000


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
        "host.backup_file is empty",
        "test_handshake_succeeds",
        "docker-compose logs --tail=100 postgres",
        "data loss",
        "pytest -k test_database_is_reachable",
        "localhost:5432: refused",
        "respond within 15 minutes: by 20:44 UTC",
        "pytest-oncall",
        "KeyError: 'date'",
    ):
        assert words in text


def test_the_message_comes_before_its_evidence_and_log():
    """Message first; evidence and log are folded."""
    source = html.section(run(REACHABLE), PLAYBOOK, Stack())
    card = source[source.index("<article") :]

    assert card.index("refuses the connection") < card.index("<summary>Evidence") < card.index("<summary>How it was")
    assert "<details" not in card[: card.index("refuses the connection")]


def test_a_section_is_quoted_once():
    """Two findings share one recovery: the second points at it, and the link has an end."""
    shown = page(run(REACHABLE, SLOTS))
    ids = [found for name, found in shown.attributes if name == "id"]
    links = [found for name, found in shown.attributes if name == "href"]

    assert shown.text.count("Recovery: Database down") == 1
    assert "#oncall-r-database-down" in links
    assert {link[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))


def test_whoever_accuses_another_links_to_it():
    """The backend's finding leads to the database's."""
    shown = page(run(SUB_CHECK, REACHABLE))

    assert "First mend postgres" in shown.text
    assert ("href", "#oncall-v1") in shown.attributes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interrupted": True}, "The run was interrupted"),
        ({"replayed_from": "night.snapshot"}, "Replayed from night.snapshot"),
        ({"trouble": ("the disk is full",)}, "Trouble with the run itself: the disk is full"),
    ],
)
def test_a_run_that_is_not_whole_or_not_now_says_so_on_top(changes, words):
    """Before the first finding."""
    text = page(replace(OUTAGE, **changes)).text

    assert 0 < text.index(words) < text.index("Every request that needs data fails.")


def test_a_suite_without_a_playbook_has_a_page_too():
    """No recovery, no respond-by time, all the findings."""
    text = page(OUTAGE, Playbook()).text

    assert "refuses the connection" in text
    assert "Recovery" not in text
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
    code = "import sys, oncall.reporting.html, oncall.reporting.terminal; sys.exit('jinja2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
