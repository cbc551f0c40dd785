"""A whole run with `--active browser` on a small site: one cause, a picture in the report, none in the snapshot."""

import pytest

from oncall.testing import run
from tests.browser.chromium import installed
from tests.probes.patient_backend import ACCOUNT, served
from tests.probes.test_browser import Site
from tests.readme_index import ROOT

TARGET = """
secrets_file = ""
[backend]
url = "http://127.0.0.1:{port}"
[frontend]
url = "http://127.0.0.1:{port}"
[websocket]
url = "ws://127.0.0.1:{port}/realtime"
token_in = "none"
[browser]
account_selector = "input[name=username]"
submit_selector = "button"
logged_in_selector = "#inside"
offline_selector = "#offline"
[limits]
page_seconds = 5
[docker]
absent = true
[postgres]
absent = true
[host]
absent = true
"""


@pytest.mark.browser
def test_a_page_that_is_offline_is_one_cause_with_a_picture(tmp_path):
    """The socket that refuses the page's Origin explains the request that failed; the password is nowhere."""
    assert installed()
    target, page, snapshot = tmp_path / "oncall.toml", tmp_path / "report.html", tmp_path / "facts.json"
    with served(Site(origins=False).app) as port:
        target.write_text(TARGET.format(port=port))
        options = (
            "--active=browser",
            f"--html={page}",
            f"--save={snapshot}",
            "-k",
            "page_shows or page_has or page_logs",
        )
        told = run(target, *options, suite=ROOT, environment=ACCOUNT, timeout=120)

    failed = {check for check, verdict in told.verdicts.items() if verdict["outcome"] == "failed"}
    assert failed == {"test_page_shows_no_offline_indicator", "test_page_has_no_failed_requests"}, told.screen
    assert [cause["component"] for cause in told.causes] == ["websocket"]
    assert 'src="data:image/jpeg;base64,/9j/' in page.read_text()
    for written in (page.read_text(), snapshot.read_text()):
        assert "correct horse" not in written
    assert "/9j/" not in snapshot.read_text()
