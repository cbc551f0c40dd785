"""axe-core looks at every kind of report, by day and by night, on a desk and on a phone."""

import pytest

from tests.browser.pages import written
from tests.reporting import runs

pytestmark = pytest.mark.browser
EVERY = {"healthy": runs.WELL, "single": runs.SINGLE, "total": runs.TOTAL, "double": runs.DOUBLE}
EVERY |= {"selected": runs.SELECTED, "attacked": runs.ATTACKED}
LOOKS = [(name, width, scheme) for name in EVERY for width, scheme in ((1280, "light"), (390, "dark"))]
LOOKS += [("total", 1280, "dark"), ("total", 390, "light")]


@pytest.mark.parametrize(("name", "width", "scheme"), LOOKS)
def test_nothing_serious_is_found(visit, tmp_path, name, width, scheme):
    """Contrast, names, roles, order, language: with everything unfolded, pytest-html's table included."""
    from axe_playwright_python.sync_playwright import Axe

    seen = visit(written(EVERY[name], tmp_path / "report.html"), width=width, scheme=scheme)
    seen.unfold()
    found = Axe().run(seen.page).response

    assert len(found["passes"]) > 20
    grave = [
        f"{one['impact']} {one['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]
    assert grave == []
