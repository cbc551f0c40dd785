"""The report as people have it before them: on a desk, on a phone, at night, on paper, without a mouse."""

import re

import pytest

from tests.browser.pages import written
from tests.reporting import runs

pytestmark = pytest.mark.browser
EVERY = {"healthy": runs.WELL, "single": runs.SINGLE, "total": runs.TOTAL, "double": runs.DOUBLE}
EVERY |= {"selected": runs.SELECTED, "attacked": runs.ATTACKED}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Name of a run -> its report."""
    folder = tmp_path_factory.mktemp("reports")
    return {name: written(run, folder / f"{name}.html") for name, run in EVERY.items()}


@pytest.mark.parametrize("name", EVERY)
def test_nothing_has_to_be_scrolled_sideways(visit, reports, name):
    """At any width, everything unfolded, with names of ten million letters."""
    seen = visit(reports[name])
    seen.unfold()

    for width in (320, 390, 768, 1280, 1920):
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert seen.page.evaluate(SIDEWAYS) == 0, width


@pytest.mark.parametrize("name", EVERY)
def test_the_page_asks_nobody_and_complains_of_nothing(visit, reports, name):
    """One file: no request but for itself, no error in the console, our policy not violated by ourselves."""
    seen = visit(reports[name])
    seen.unfold()

    assert seen.requests == [seen.address]
    assert seen.complaints == []
    assert seen.dialogs == []


def test_all_of_it_is_there_without_scripts(visit, reports):
    """Mail programs and CI servers block them: the diagnosis is complete, and no button is there that does nothing."""
    page = visit(reports["total"], scripts=False).page

    assert page.locator("h1").first.is_hidden()  # pytest-html's own
    assert page.locator("main h1").inner_text() == "Broken: P1 postgres"
    assert page.get_by_text("looks the same as docker kill").is_visible()
    assert page.locator("#oncall-cause-1 pre.oncall-command").first.is_visible()
    assert page.locator("main svg.oncall-picture").is_visible()
    assert page.locator(".oncall-copy").count() == 0


def test_a_fold_opens_without_scripts(visit, reports):
    """What a cause explains is one key away."""
    page = visit(reports["total"], scripts=False).page
    fold = page.get_by_text("Explains 5: 2 failed, 3 without an answer")
    fold.focus()
    page.keyboard.press("Enter")

    assert page.locator("#oncall-cause-1").get_by_text("backend answers 503: database is 'error'").is_visible()


def test_a_click_selects_the_whole_command_without_scripts(visit, reports):
    """Two lines are copied as two lines, and nothing else with them."""
    page = visit(reports["single"]).page
    command = page.locator("#oncall-cause-1 pre.oncall-command code").first

    assert command.evaluate("(node) => getComputedStyle(node).userSelect") == "all"


def test_the_button_copies_the_command_and_nothing_else(visit, reports):
    """What lands in the clipboard can be typed."""
    seen = visit(reports["single"])
    page = seen.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = page.locator("#oncall-cause-1 pre.oncall-command").first
    wanted = block.locator("code").text_content()
    block.get_by_role("button").click()
    block.get_by_text("Copied").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == wanted
    assert "postgres" in wanted


def test_the_text_for_the_channel_is_copied_as_it_stands(visit, reports):
    """Unfolded, one click puts all of its lines into the clipboard."""
    page = visit(reports["total"]).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("For the incident channel").click()
    block = page.locator("pre.oncall-post").first
    wanted = block.locator("code").text_content()
    block.get_by_role("button").click()
    block.get_by_text("Copied").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == wanted
    assert len(wanted.splitlines()) > 2


def test_every_place_is_reached_by_key_and_shows_where_it_is(visit, reports):
    """Links, buttons, folds, pytest-html's sorting: Tab goes through all of it, with a frame around it."""
    page = visit(reports["total"]).page
    page.locator("details.oncall-raw > summary").evaluate("(node) => { node.parentElement.open = true }")
    wanted = page.evaluate(
        """[...document.querySelectorAll('a[href], button, summary, input, [tabindex="0"]')]
        .filter((one) => one.checkVisibility() && !one.disabled).length"""
    )
    reached, frames = set(), set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        place, frame = page.evaluate(
            """() => { const one = document.activeElement; const style = getComputedStyle(one);
            const place = [...document.querySelectorAll('*')].indexOf(one);
            return [place, one === document.body ? '' : style.outlineStyle] }"""
        )
        if frame:
            reached.add(place)
            frames.add(frame)

    assert len(reached) >= wanted
    assert "none" not in frames


def test_the_table_of_pytest_html_is_worked_by_key(visit, reports):
    """It listens to the mouse only; Enter does the same here, and one stays where one was."""
    page = visit(reports["total"]).page
    page.locator("details.oncall-raw > summary").click()
    first = page.locator("#results-table td.col-result").first
    assert page.locator("#results-table .extras-row").first.is_hidden()
    first.focus()
    page.keyboard.press("Enter")

    assert page.locator("#results-table .extras-row").first.is_visible()
    assert page.evaluate("document.activeElement.className").startswith("col-result")


def test_the_raw_table_is_folded_until_somebody_wants_it(visit, reports):
    """It says nothing that does not stand above."""
    page = visit(reports["total"]).page
    assert page.locator("#results-table").is_hidden()
    page.locator("details.oncall-raw > summary").click()

    assert page.locator("#results-table").is_visible()


def test_links_lead_somewhere(visit, reports):
    """Every link inside of the page has its end, and opens what it is folded in."""
    page = visit(reports["double"]).page
    ends = page.evaluate("[...document.querySelectorAll('main a')].map((one) => one.getAttribute('href'))")

    assert len(ends) > 5
    assert all(re.fullmatch("#oncall-[a-z0-9-]+", end) and page.locator(end).count() == 1 for end in ends)


def test_on_paper_everything_is_unfolded_and_nothing_is_in_the_way(visit, reports):
    """The steps of the recovery are printed; the buttons and pytest-html's table are not."""
    page = visit(reports["total"]).page
    page.emulate_media(media="print")

    assert page.locator("#oncall-recovery-1 ol li").first.bounding_box()["height"] > 20
    assert page.locator(".oncall-copy").first.is_hidden()
    assert page.locator("#results-table").is_hidden()
    assert page.pdf().startswith(b"%PDF")


def test_pictures_keep_their_letters_on_a_phone(visit, reports):
    """A chart is as wide as the screen; its letters are as large as on a desk."""
    heights = {
        width: visit(reports["total"], width=width)
        .page.locator("#oncall-measured svg[role=img] text")
        .first.bounding_box()["height"]
        for width in (390, 1280)
    }

    assert heights[390] == pytest.approx(heights[1280])
