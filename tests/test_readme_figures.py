"""The README's figures of held-out faults come from a measurement and from nowhere else."""

import json
from types import SimpleNamespace

from bench import readme_figures
from bench.held_out import Row, totals, written
from bench.readme_figures import BEGIN, END, NOT_YET
from bench.strict import POINTS, Score

PAGE = f"# X\n\n{BEGIN}{NOT_YET}{END}\nrest\n"


def row(kind, right, first_try):
    points = dict.fromkeys(POINTS, True) | {"words": right}
    return Row("x", kind, seconds=1.5, score=Score(points=points), first_try=first_try)


def test_the_table_holds_what_was_measured(tmp_path, monkeypatch):
    """Each kind of stack a column; what was not measured has none. First tries stand beside the faults."""
    tried = [SimpleNamespace(first_try=said) for said in ("right", "wrong: words", "")]
    monkeypatch.setattr(readme_figures.held_out, "singles", lambda mode: tried)
    monkeypatch.setattr(readme_figures.held_out, "doubles", lambda mode: [])
    rows = [row("single", True, "right"), row("single", False, "words"), row("double", True, "")]
    written(tmp_path / "bench-held-out-two.json", {"commit": "abc123"}, rows)
    found = readme_figures.measured(tmp_path)
    page = readme_figures.with_figures(PAGE, found)

    assert found.keys() == {"two"}
    assert json.loads(json.dumps(totals(rows))) == found["two"]["totals"]
    assert "| faults that the diagnosis has not learned from | two APIs, two databases, abc123 |" in page
    assert "| one fault: right in all five points at the first try | 1 of 2 |" in page
    assert "| one fault: right in all five points at this commit | 1 of 2 |" in page
    assert "| - words | 1 of 2 |" in page
    assert "| two at once: right in all five points at the first try | - |" in page
    assert "| two at once: right in all five points at this commit | 1 of 1 |" in page
    assert page.endswith(f"{END}\nrest\n")
    assert readme_figures.with_figures(page, found) == page


def test_nothing_measured_changes_nothing(tmp_path):
    """The page never gets a figure that no command has printed."""
    assert readme_figures.with_figures(PAGE, readme_figures.measured(tmp_path)) == PAGE


def test_the_page_has_a_place_for_them():
    """It leads what was measured."""
    page = (readme_figures.ROOT / "README.md").read_text()

    assert page.count(BEGIN) == page.count(END) == 1
    assert page.index("## Measured") < page.index(BEGIN) < page.index("`make bench-faults`")
