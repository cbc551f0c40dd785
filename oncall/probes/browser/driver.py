"""A process of its own that opens the page in a browser: an order in JSON on stdin, what it saw in JSON on stdout.

Apart from the run, because Playwright brings an event loop and a process, and because a browser that hangs is ended by
ending this. It knows nothing of the house, and writes what it saw as it is: whoever reads it bounds and masks.
"""

import base64
import json
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

NO_LIBRARY, NO_BROWSER = 3, 4  # exit codes
MOST = 40  # of each kind of what is told
TEXT = 500  # characters of one
SETTLE_MS, OFFLINE_MS, STEP_MS = 1500, 3000, 250
QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
)


def main() -> int:
    """Do as stdin says; the exit code tells what is missing."""
    order = json.load(sys.stdin)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return NO_LIBRARY
    seen = Seen(order)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=order["executable"], args=arguments(order), env=order["environment"], timeout=20_000
            )
        except Exception as error:  # noqa: BLE001  of any kind: the caller says that it did not start
            sys.stderr.write(str(error)[:2000])
            return NO_BROWSER
        visit(browser, order, seen)
        sys.stdout.write(json.dumps(seen.told()))
        sys.stdout.flush()
        browser.close()
    return 0


def arguments(order: dict[str, Any]) -> list[str]:
    """The browser's switches. No name but the stack's own resolves, so it can ask nobody else."""
    own = ", ".join(f"EXCLUDE {host}" for host in order["hosts"])
    return [*QUIET, f"--host-resolver-rules=MAP * ~NOTFOUND, {own}", *(["--no-sandbox"] if order["root"] else [])]


class Seen:
    """What the page did, as events come in."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.hosts = set(order["hosts"])
        self.opened = False
        self.status = 0
        self.problem = self.login = self.login_answer = ""
        self.offline: bool | None = None
        self.picture = ""
        self.errors: list[dict[str, str]] = []
        self.failed: list[dict[str, Any]] = []
        self.foreign: list[str] = []
        self.sockets = 0
        self.started = time.monotonic()

    def console(self, message: Any) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            if not self._elsewhere(where) and not message.text.startswith("Failed to load resource"):
                self._note(self.errors, {"text": message.text[:TEXT], "source": plain(where)})

    def thrown(self, error: Any) -> None:
        self._note(self.errors, {"text": f"uncaught {error}"[:TEXT], "source": ""})

    def request_failed(self, request: Any) -> None:
        why = request.failure or ""
        if why == "net::ERR_ABORTED" or self._elsewhere(request.url):
            return  # the page itself gave it up; or it is nobody of this stack, whom we do not ask
        self._note(self.failed, asked(request, 0, why))

    def answered(self, response: Any) -> None:
        if response.status >= 400:
            self._note(self.failed, asked(response.request, response.status, ""))

    def socket(self, socket: Any) -> None:
        self.sockets += 1
        socket.on("socketerror", lambda why: self._socket_failed(socket.url, str(why)))

    def _socket_failed(self, url: str, why: str) -> None:
        if not self._elsewhere(url):
            self._note(
                self.failed, {"method": "WS", "url": plain(url), "status": 0, "why": why[:200], "kind": "websocket"}
            )

    def _elsewhere(self, url: str) -> bool:
        """Whether an address belongs to nobody of this stack; its host is noted."""
        host = urlsplit(url).hostname or ""
        if not host or host in self.hosts:
            return False
        if host not in self.foreign and len(self.foreign) < MOST:
            self.foreign.append(host[:200])
        return True

    @staticmethod
    def _note(notes: list[Any], note: Any) -> None:
        if note not in notes and len(notes) < MOST:
            notes.append(note)

    def told(self) -> dict[str, Any]:
        keys = (
            "opened",
            "status",
            "problem",
            "login",
            "login_answer",
            "offline",
            "errors",
            "failed",
            "foreign",
            "picture",
        )
        return {key: getattr(self, key) for key in (*keys, "sockets")} | {"seconds": time.monotonic() - self.started}


def plain(url: str) -> str:
    """An address without its query, which may carry a token."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss"):
        return parts.scheme
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:TEXT]


def asked(request: Any, status: int, why: str) -> dict[str, Any]:
    return {
        "method": request.method[:10],
        "url": plain(request.url),
        "status": status,
        "why": why[:200],
        "kind": request.resource_type,
    }


def visit(browser: Any, order: dict[str, Any], seen: Seen) -> None:
    """Open the page, log in where the order says how, wait until it is quiet, and look."""
    context = browser.new_context(
        viewport={"width": 1024, "height": 640}, ignore_https_errors=order["own_ca"], service_workers="block"
    )
    page = context.new_page()
    page.set_default_timeout(order["patience"] * 1000)
    page.on("console", seen.console)
    page.on("pageerror", seen.thrown)
    page.on("requestfailed", seen.request_failed)
    page.on("response", seen.answered)
    page.on("websocket", seen.socket)
    page.on("dialog", lambda dialog: dialog.dismiss())
    try:
        answer = page.goto(order["url"], wait_until="load")
        seen.opened, seen.status = True, answer.status if answer else 0
    except Exception as error:  # noqa: BLE001  whatever Playwright says of it is what is told
        seen.problem = first_line(error)
    else:
        if order["account_selector"]:
            log_in(page, order, seen)
        with suppress(Exception):
            page.wait_for_load_state("networkidle", timeout=5000)
        page.wait_for_timeout(SETTLE_MS)
        look_for_offline(page, order, seen)
    take_picture(page, order, seen)


def log_in(page: Any, order: dict[str, Any], seen: Seen) -> None:
    """Fill in the form and send it; `login` stays empty when the page then shows that somebody is in."""
    answers: list[str] = []
    page.on("response", lambda one: answers.append(f"{one.status}") if one.request.method == "POST" else None)
    try:
        page.fill(order["account_selector"], order["account"])
        page.fill(order["password_selector"], order["password"])
        if order["submit_selector"]:
            page.click(order["submit_selector"])
        else:
            page.press(order["password_selector"], "Enter")
    except Exception:  # noqa: BLE001  a field that is not there, or not to be filled in
        seen.login = "form"
        return
    try:
        if order["logged_in_selector"]:
            page.wait_for_selector(order["logged_in_selector"], state="visible")
        else:
            page.wait_for_selector(order["password_selector"], state="hidden")
    except Exception:  # noqa: BLE001  it never came
        seen.login = "refused"
        seen.login_answer = answers[0] if answers else ""


def look_for_offline(page: Any, order: dict[str, Any], seen: Seen) -> None:
    """Whether the indicator shows, and goes on showing for a moment: a page that reconnects hides it again."""
    if not (order["offline_selector"] or order["offline_text"]):
        return
    found = (
        page.locator(order["offline_selector"])
        if order["offline_selector"]
        else page.get_by_text(order["offline_text"])
    )
    if order["offline_selector"] and order["offline_text"]:
        found = found.filter(has_text=order["offline_text"])
    try:
        for _ in range(OFFLINE_MS // STEP_MS):
            if not any(one.is_visible() for one in found.all()):
                seen.offline = False
                return
            page.wait_for_timeout(STEP_MS)
        seen.offline = True
    except Exception as error:  # noqa: BLE001  a selector that is none
        seen.problem = seen.problem or first_line(error)


def take_picture(page: Any, order: dict[str, Any], seen: Seen) -> None:
    """The page as it is now, its passwords emptied and covered."""
    with suppress(Exception):
        page.evaluate("document.querySelectorAll('input[type=password]').forEach((one) => { one.value = '' })")
        covered = [page.locator("input[type=password]")]
        if order["account_selector"]:
            covered.append(page.locator(order["account_selector"]))
        raw = page.screenshot(type="jpeg", quality=45, mask=covered, timeout=5000)
        seen.picture = base64.b64encode(raw).decode() if len(raw) <= order["largest_picture"] else ""


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:TEXT]


if __name__ == "__main__":
    sys.exit(main())
