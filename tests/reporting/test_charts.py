"""Pictures: what a bar says, where it ends, where the limit is."""

from datetime import UTC, datetime, timedelta

import pytest

from oncall.facts.backend import ResponseTimes
from oncall.facts.http import Exchange, Phases
from oncall.facts.postgres import ConnectionSlots
from oncall.facts.queries import Statement, Statements
from oncall.reporting.html import charts, timeline_chart
from oncall.target.schema import Limits
from oncall.timeline.merge import Event
from tests.reporting.runs import ATTACK, ATTACKED, NIGHT, SICK, stats, times, use

LIMITS = Limits()
NOW = datetime(2026, 11, 23, 20, 29, tzinfo=UTC)


def ago(seconds, kind="change", component="backend"):
    return Event(at=NOW - timedelta(seconds=seconds), what="x", source="y", kind=kind, component=component)


def test_each_phase_is_a_piece_and_the_pieces_fill_the_time():
    """A scale up to the slowest request, the limit at its place on it."""
    phases = {"dns": 0.5, "connect": 0.5, "tls": 1.0, "first_byte": 1.5, "transfer": 0.5}
    chart = charts.response_times([times("a", "/a", 4.0, **phases)], LIMITS)
    bar = chart.bars[0]

    assert [part.kind for part in bar.parts] == ["dns", "connect", "tls", "first_byte", "transfer"]
    assert [part.start for part in bar.parts] == pytest.approx([0, 12.02, 24.04, 48.08, 84.13], abs=0.01)
    assert chart.limit == pytest.approx(100 * 2.0 / (4.0 * 1.04))
    assert bar.over
    assert "first byte 1.50 s" in chart.description
    assert "over the limit" in chart.description


def test_a_request_that_was_cut_off_shows_how_long_nothing_came():
    """Its phases tell only what happened; the rest is the waiting."""
    cut = Exchange(at="x:1", outcome="timeout", waiting_for="first byte", seconds=3.0, phases=Phases(connect=0.1))
    bar = charts.response_times([ResponseTimes(endpoint="a", path="/a", samples=(cut,))], LIMITS).bars[0]

    assert [part.kind for part in bar.parts] == ["connect", "waited"]
    assert bar.parts[1].words == "no answer 2.90 s"
    assert bar.value == "3.00 s, then cut off"


def test_an_endpoint_that_fails_says_so_instead_of_a_bar():
    """A fast 500 is not fast."""
    failed = Exchange(at="x:1", outcome="answered", status=500, seconds=0.01)
    chart = charts.response_times([times("b", "/b", 0.1), times("a", "/a", failure=failed)], LIMITS)

    assert [(bar.label, bar.value, bar.parts) for bar in chart.bars][:1] == [("/a", "answers 500", ())]
    assert chart.bars[0].over


def test_memory_is_measured_against_what_each_container_may_use():
    """The fullest first; one without a limit has no bar; one asked about twice stands once."""
    full, calm, free = use("full", 95.0, 100.0), use("calm", 100.0, 1000.0), use("free", 9000.0, 0.0)
    chart = charts.container_memory([stats("a", calm, free), stats("b", full), stats("c", full)], LIMITS)

    assert [(bar.label, bar.value, bar.over) for bar in chart.bars] == [
        ("full", "95 of 100 MiB", True),
        ("calm", "100 of 1,000 MiB", False),
        ("free", "9,000 MiB, no limit", False),
    ]
    assert [part.width for bar in chart.bars for part in bar.parts] == [95.0, 10.0]
    assert chart.limit == LIMITS.container_memory_percent


def test_connections_are_shown_by_what_they_do():
    """Every used slot is in a piece, also those in a state that nobody thought of."""
    slots = ConnectionSlots(limit=100, used=98, free=2, by_state={"active": 40, "idle": 30, "disabled": 8})
    chart = charts.connection_slots(slots, LIMITS)
    bar = chart.bars[0]

    assert [(part.words, part.width) for part in bar.parts] == [("active 40", 40), ("idle 30", 30), ("other 28", 28)]
    assert bar.over
    assert chart.limit == 95


def test_a_refused_connection_is_a_full_bar():
    """Nothing is known then but that all are taken."""
    chart = charts.connection_slots(ConnectionSlots(by_state={}, refused=True), LIMITS)

    assert chart.bars[0].parts[0].width == 100
    assert chart.bars[0].value == "no connection slot is free"


def test_a_query_that_was_called_once_is_not_over_its_limit():
    """It is shown in its place: bars that are not in order are read as a mistake."""
    once = Statement(calls=1, mean_seconds=9.0, max_seconds=9.0, query="SELECT 1")
    often = Statement(calls=50, mean_seconds=3.0, max_seconds=9.0, query="SELECT\n  2")
    chart = charts.slow_queries(Statements(version="1", tracked=2, slowest=(once, often)), LIMITS)

    assert [(bar.label, bar.over) for bar in chart.bars] == [("SELECT 1", False), ("SELECT 2", True)]


def test_nothing_measured_is_no_picture():
    """An empty frame would say that all is well."""
    assert charts.charts({}, LIMITS) == ()
    assert charts.slow_queries(Statements(version="1", tracked=0), LIMITS) is None
    assert timeline_chart.picture([ago(1, "run", None)]) is None


def test_no_bar_leaves_its_track():
    """Whatever was measured, also when it comes from an attacker."""
    for chart in (*charts.charts(SICK, LIMITS), *charts.charts(ATTACKED.facts, LIMITS)):
        for bar in chart.bars:
            assert all(0 <= part.start <= 100 and part.width >= 0 for part in bar.parts)
            assert sum(part.width for part in bar.parts) <= 100.001
            assert len(bar.label) <= 70


def test_later_is_further_right_and_the_last_minutes_have_most_room():
    """Days before today must not squeeze the incident into one pixel."""
    events = [ago(3 * 86_400), ago(3_600), ago(600), ago(60), ago(5, "problem"), ago(0, "run", None)]
    marks = [mark.x for lane in timeline_chart.picture(events).lanes for mark in lane.marks]

    assert marks == sorted(marks)
    assert marks[-1] - marks[2] > 30
    assert all(0 < x < 100 for x in marks)


def test_the_first_sign_is_marked_and_the_words_of_the_scale_do_not_touch():
    """A lane for each component, in the house's order."""
    picture = timeline_chart.picture(NIGHT)
    places = [x for x, _ in picture.ticks]

    assert picture.sign[1] == "first sign 20:20:00"
    assert [lane.name for lane in picture.lanes] == ["host", "postgres", "backend"]
    assert all(later - earlier >= timeline_chart.APART for earlier, later in zip(places, places[1:], strict=False))
    assert "postgres: 1 sign of a problem, 1 change" in picture.description


def test_all_at_one_moment_is_still_a_picture():
    """Also a clock that runs ahead of the run's end."""
    picture = timeline_chart.picture([ago(0, "problem"), ago(0, "run", None), ago(-5, "problem")])

    assert all(0 <= mark.x <= 100 for lane in picture.lanes for mark in lane.marks)


def test_foreign_names_are_harmless_and_short():
    """Components and paths come from files that somebody else writes."""
    events = [ago(5, "problem", ATTACK), ago(1, "change", "z" * 1_000_000)]
    names = [lane.name for lane in timeline_chart.picture(events).lanes]

    assert all(name.isprintable() and len(name) < 100 for name in names)
