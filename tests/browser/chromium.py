"""A real Chromium to look at reports with: tests that need it are left out where there is none; CI insists on it.

ONCALL_BROWSER=required turns what would be left out into a failure.
"""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
HOW = "apt-get install chromium (as root: tests/browser/chromium.sh)"
QUIET = (
    "--no-sandbox",  # as root there is none to be had
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LEFT_OUT = pytest.StashKey()


def installed():
    """The browser's file, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def pytest_collection_modifyitems(config, items):
    wanted = [item for item in items if item.get_closest_marker("browser")]
    if not wanted or installed():
        return
    if os.environ.get("ONCALL_BROWSER") == "required":
        raise pytest.UsageError(f"{len(wanted)} tests need Chromium, and ONCALL_BROWSER says required: {HOW}")
    for item in wanted:
        item.add_marker(pytest.mark.skip(reason=f"no Chromium: {HOW}"))
    config.stash[LEFT_OUT] = len(wanted)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, config):
    if LEFT_OUT in config.stash:
        terminalreporter.write_line(f"Left out: {config.stash[LEFT_OUT]} tests in a browser. To run them, {HOW}")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser for one file of tests; its profile and its sockets go into a folder of ours, and end with it."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("TMPDIR", str(folder))
        browser = playwright.chromium.launch(
            executable_path=installed(), args=list(QUIET), env=os.environ | {"TMPDIR": str(folder)}
        )
        yield browser
        browser.close()
    shutil.rmtree(folder, ignore_errors=True)


class Visit:
    """One look at a file: the page, and what it tried meanwhile."""

    def __init__(self, page, file):
        self.page = page
        self.dialogs, self.requests, self.complaints = [], [], []
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.address = file.as_uri()
        page.goto(self.address)

    def _dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def unfold(self):
        """Open whatever can be opened, pytest-html's rows included."""
        self.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        if self.page.locator("#show_all_details").is_visible():
            self.page.click("#show_all_details")


@pytest.fixture
def visit(chromium):
    """visit(file, width=, scheme=, scripts=, policy=) opens a report in a context of its own."""
    contexts = []

    def visit(file, *, width=1280, scheme="light", scripts=True, policy=True):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            bypass_csp=not policy,
            offline=True,
        )
        contexts.append(context)
        return Visit(context.new_page(), file)

    yield visit
    for context in contexts:
        context.close()
