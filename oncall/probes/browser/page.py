"""The page opened once in the machine's own Chromium: what it asks for, what fails, whether people get in.

Only with `--active browser`: it logs in a second time, and a browser costs seconds of a processor.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from oncall.facts.browser import BrowserPage, ConsoleError, FailedRequest
from oncall.facts.frontend import Page
from oncall.finding import CouldNotCheck, Declared
from oncall.probes.browser import driver
from oncall.probes.http.client import place
from oncall.probing.deadline import watch
from oncall.probing.ledger import Ledger
from oncall.probing.pictures import Picture
from oncall.probing.register import client, probe
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
LIBRARY = "the browser checks need Playwright: pip install 'pytest-oncall[browser]'"
LARGEST_PICTURE = 200 << 10  # bytes: 1024 x 640 at quality 45 has 20 to 80 KiB
LARGEST_ANSWER = 1 << 20
MOST_SOCKETS = 20  # that are noted as ours: a page that reconnects every second opens so many
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
START_SECONDS = 25.0  # of a browser on a busy machine, beside the page's own patience


class Told(Struct, frozen=True):
    """What the driver writes."""

    opened: bool
    status: int
    problem: str
    login: str
    login_answer: str
    offline: bool | None
    errors: list[ConsoleError]
    failed: list[FailedRequest]
    foreign: list[str]
    picture: str
    seconds: float
    sockets: int = 0


class Visit(Picture, frozen=True):
    """The visit's facts beside its picture."""

    page: BrowserPage | None = None


def executable(stack: Stack) -> str:
    """The browser's file; raises CouldNotCheck with how to get one."""
    if stack.browser.executable:
        if not os.access(stack.browser.executable, os.X_OK):
            told = f"{stack.browser.executable} cannot be run: set browser.executable"
            raise CouldNotCheck(told, setting="browser.executable")
        return stack.browser.executable
    if found := next(filter(None, map(shutil.which, NAMES)), None):
        return found
    raise CouldNotCheck(
        "no Chromium on this machine (apt-get install chromium, or set browser.executable)",
        setting="browser.executable",
    )


def _seconds(limits: Limits) -> float:
    """To start, to load, to get in. What merely waits for it says the same: a run's budget is made of these."""
    return 4 * limits.browser_seconds + START_SECONDS


@client(of="frontend", deadline=_seconds)
def browser_visit(stack: Stack, limits: Limits, secrets: Secrets, ledger: Ledger, frontend_page: Page) -> Visit:
    """The one visit of this run."""
    if frontend_page.problem:
        raise CouldNotCheck("the frontend serves no page", root="frontend_page")
    if find_spec("playwright") is None:
        raise CouldNotCheck(LIBRARY)
    address = stack.frontend.url.rstrip("/") + (stack.browser.path or stack.frontend.path)
    logs_in = bool(stack.browser.account_selector) and not stack.auth.absent
    account, password = "", ""
    if logs_in:
        account, password = secrets.plain(stack.auth.account_variable), secrets[stack.auth.password_variable]
    with tempfile.TemporaryDirectory(prefix="oncall-browser-", ignore_cleanup_errors=True) as folder:
        order = _order(stack, limits, address, folder) | {"account": account, "password": password}
        if not logs_in:
            order["account_selector"] = ""
        with ledger.sending("login" if logs_in else "request", place(stack.backend.url)[1]) as noted:
            sockets = [ledger.sending("socket", place(stack.websocket.url)[1]) for _ in range(MOST_SOCKETS)]
            told = _driven(order, folder)
            for socket in sockets[: told.sockets]:  # a page whose socket is refused tries again: its log lines are ours
                socket.begin()
                socket.end()
            noted.status = int(told.login_answer) if told.login_answer.isdecimal() else 200
    page = BrowserPage(
        address=address,
        asked_login=logs_in,
        **{
            name: getattr(told, name)
            for name in ("opened", "status", "problem", "login", "login_answer", "offline", "seconds")
        },
        errors=tuple(told.errors),
        failed=tuple(told.failed),
        foreign=tuple(told.foreign),
    )
    jpeg = b64decode(told.picture) if len(told.picture) <= 2 * LARGEST_PICTURE else b""
    return Visit(f"{address} in a browser", jpeg if jpeg.startswith(b"\xff\xd8") else b"", page)


def _order(stack: Stack, limits: Limits, address: str, folder: str) -> dict[str, object]:
    browser = stack.browser
    urls = (address, stack.backend.url, stack.websocket.url, stack.websocket.public_url)
    hosts = dict.fromkeys(filter(None, (*(urlsplit(url).hostname for url in urls if url), *LOOPBACK)))
    return {
        "executable": executable(stack),
        "root": os.geteuid() == 0,
        "environment": {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"},
        "url": address,
        "hosts": list(hosts),
        "own_ca": bool(stack.frontend.ca_file),
        "patience": limits.browser_seconds,
        "largest_picture": LARGEST_PICTURE,
        "account_selector": browser.account_selector,
        "password_selector": browser.password_selector,
        "submit_selector": browser.submit_selector,
        "logged_in_selector": browser.logged_in_selector,
        "offline_selector": browser.offline_selector,
        "offline_text": browser.offline_text,
    }


def _driven(order: dict[str, object], folder: str) -> Told:
    """What the driver told; raises CouldNotCheck when it could not look."""
    with _driver(folder) as process:
        written, complaint = process.communicate(json.dumps(order).encode())
    if process.returncode == driver.NO_LIBRARY:
        raise CouldNotCheck(LIBRARY)
    if process.returncode == driver.NO_BROWSER:
        told = " ".join(complaint.decode("utf-8", "replace").split())[:300]
        raise CouldNotCheck(f"{order['executable']} did not start: {told}", setting="browser.executable")
    try:
        return msgspec.json.decode(written[:LARGEST_ANSWER], type=Told)
    except msgspec.MsgspecError:
        raise CouldNotCheck(f"the browser ended without an answer (exit {process.returncode})") from None


@contextmanager
def _driver(folder: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The driver as a process group of its own, so that its browser ends with it, at the probe's deadline too."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}
    process = subprocess.Popen(  # noqa: S603  our own file, no argument from outside
        [sys.executable, "-I", str(Path(driver.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )

    def end() -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    watch(process, end)
    try:
        yield process
    finally:
        end()
        process.wait()


@probe(of="frontend", deadline=_seconds)
def browser_page(browser_visit: Visit) -> BrowserPage:
    """What a browser saw of the page."""
    if browser_visit.page is None:
        raise CouldNotCheck("the browser told nothing")
    return browser_visit.page


@client(of="frontend")
def offline_indicator(stack: Stack) -> str:
    """What the indicator looks like; asked first, since what is not part of the stack must not count as unknown."""
    browser = stack.browser
    if not (browser.offline_selector or browser.offline_text):
        raise Declared("does not say what the page's offline indicator looks like (browser.offline_selector)")
    return browser.offline_selector or browser.offline_text


@client(of="frontend")
def page_login(stack: Stack) -> str:
    """Where the page's login form is; asked first, as above."""
    if not stack.browser.account_selector or stack.auth.absent:
        raise Declared("names no login form of the page (browser.account_selector)")
    return stack.browser.account_selector


@probe(of="frontend", deadline=_seconds)
def page_online(offline_indicator: str, browser_page: BrowserPage) -> BrowserPage:
    """The page as a browser shows it, where its offline indicator could be looked for."""
    if browser_page.offline is None:
        told = browser_page.problem or "the page could not be looked at"
        raise CouldNotCheck(f"{offline_indicator}: {told}", setting="browser.offline_selector")
    if browser_page.login:
        raise CouldNotCheck("nobody is logged in, so the page opens no socket", root="page_entered")
    return browser_page


@probe(of="frontend", deadline=_seconds)
def page_entered(page_login: str, browser_page: BrowserPage) -> BrowserPage:
    """The page as a browser shows it, after the login through its form."""
    return browser_page


@probe(of="frontend", deadline=_seconds)
def page_console(browser_page: BrowserPage) -> BrowserPage:
    """The page as a browser shows it, for what stands in its console."""
    return browser_page
