"""The page in a real Chromium: each thing that only a browser meets, on a small real site."""

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.browser import page as look_in_browser
from oncall.target.schema import Backend, Browser, Docker, Frontend, Limits, Postgres, Stack, Websocket
from oncall.testing.looking import Looks
from tests.probes.patient_backend import ACCOUNT, served
from tests.probes.patients import free_port

PAGE = """<!doctype html><html><head><title>Shop</title>{head}</head><body>
<form><input name="username"><input name="password" type="password"><button>Log in</button></form>
<p id="offline" hidden>Offline</p><p id="inside" hidden>Welcome</p><script src="/app.js"></script></body></html>"""
SCRIPT = """
const form = document.querySelector("form");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/login", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok) return;
  form.hidden = true;
  document.querySelector("#inside").hidden = false;
  const socket = new WebSocket(`ws://${location.host}/realtime`);
  socket.addEventListener("close", () => { document.querySelector("#offline").hidden = false; });
});
"""
KEYS = {
    "account_selector": "input[name=username]",
    "submit_selector": "button",
    "logged_in_selector": "#inside",
    "offline_selector": "#offline",
}


class Site:
    """A page with a login form, a socket and an offline indicator; tests change its parts."""

    def __init__(self, *, script="", head="", policy="", origins=True, password="correct horse"):
        self.script, self.head, self.policy, self.origins, self.password = script, head, policy, origins, password
        self.agents = []

    async def page(self, request):
        self.agents.append(request.headers["user-agent"])
        headers = {"content-security-policy": self.policy} if self.policy else {}
        return HTMLResponse(PAGE.format(head=self.head), headers=headers)

    async def app_js(self, request):
        return PlainTextResponse(SCRIPT + self.script, media_type="text/javascript")

    async def login(self, request):
        good = f"password={self.password.replace(' ', '+')}" in (await request.body()).decode()
        return JSONResponse({}, 200 if good else 401)

    async def realtime(self, websocket):
        if not self.origins:
            return await websocket.send_denial_response(JSONResponse({"error": "origin not allowed"}, 403))
        await websocket.accept()
        with contextlib.suppress(Exception):
            while True:
                await websocket.receive()

    @property
    def app(self):
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/app.js", self.app_js),
                Route("/login", self.login, methods=["POST"]),
                WebSocketRoute("/realtime", self.realtime),
            ]
        )


def stack(port, **browser):
    url = f"http://127.0.0.1:{port}"
    return Stack(
        frontend=Frontend(url=url),
        backend=Backend(url=url),
        websocket=Websocket(url=f"ws://127.0.0.1:{port}/realtime"),
        browser=Browser(**KEYS | browser),
        postgres=Postgres(absent=True),
        docker=Docker(absent=True),
    )


def looking(port, **browser):
    return Looks(stack(port, **browser), environment=ACCOUNT, limits=Limits(browser_seconds=6, page_seconds=5))


@pytest.mark.browser
def test_a_healthy_page_is_online_and_quiet():
    """The form lets in, the socket opens, nothing fails; the picture is a handle, and the password is nowhere."""
    site = Site()
    with served(site.app) as port:
        look = looking(port)
        entered, online, page = look("page_entered"), look("page_online"), look("browser_page")
        (picture,) = look.runner.pictures()
        saved = str(look.runner.saved())

    assert (entered.login_problem, online.offline, page.errors, page.failed) == (None, False, (), ())
    assert picture.jpeg.startswith(b"\xff\xd8")
    assert base64.b64encode(picture.jpeg).decode()[:40] not in saved
    assert "correct horse" not in saved
    assert len([agent for agent in site.agents if "Chrome" in agent]) == 1


@pytest.mark.browser
def test_a_socket_that_refuses_the_browsers_origin_shows_offline():
    """By hand, without an Origin, the socket opens."""
    began = datetime.now(UTC)
    with served(Site(origins=False).app) as port:
        look = looking(port)
        online = look("page_online")
        ledger = look.runner.runs["ledger"].outcome.value
        ours = ledger.since(began, [f"127.0.0.1:{port}"])

    assert online.offline
    assert [one.kind for one in ours if one.ended].count("socket") == 1  # its line in the log is our own
    assert [one.kind for one in online.failed] == ["websocket"]
    assert online.only_sockets_failed
    assert online.own_errors == ()  # what the console says of the socket is the socket's story


@pytest.mark.browser
@pytest.mark.parametrize(
    ("site", "words"),
    [
        (Site(script="\nundefinedThing.start();"), "undefinedThing is not defined"),
        (Site(policy="script-src 'none'"), "Content Security Policy"),
    ],
    ids=["throws", "csp"],
)
def test_a_script_that_fails_is_told_in_the_browsers_words(site, words):
    """An exception that nothing caught, and a page whose own policy forbids its script."""
    with served(site.app) as port:
        page = looking(port, account_selector="")("browser_page")

    assert words in " ".join(one.text for one in page.errors)


@pytest.mark.browser
def test_a_policy_that_blocks_the_pages_own_script_is_a_failed_request():
    """The file is served, and the browser does not take it; so nobody logs in either."""
    with served(Site(policy="script-src 'none'").app) as port:
        look = looking(port)
        page = look("browser_page")

        assert (
            page.failed[0].words
            == f"script http://127.0.0.1:{port}/app.js: blocked by the page's Content-Security-Policy"
        )
        assert page.own_errors == ()
        assert "Content Security Policy" in page.said_of_requests
        assert look("page_entered").login_root == "browser_page"
        assert look("page_entered").login_problem.startswith("does not lead in")
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "page_entered"):
            look("page_online")


@pytest.mark.browser
def test_a_bundle_that_calls_another_port_is_found_and_a_strangers_host_is_not_asked():
    """localhost on the user's machine is the user's machine; a host outside the stack is named, and never resolved."""
    port_of_nobody = free_port()
    script = f'\nfetch("http://localhost:{port_of_nobody}/api"); fetch("http://cdn.shop.example/x.js").catch(() => 0);'
    with served(Site(script=script.replace(");", ").catch(() => 0);", 1)).app) as port:
        page = looking(port, account_selector="")("browser_page")

    assert [(one.url, one.status) for one in page.failed] == [(f"http://localhost:{port_of_nobody}/api", 0)]
    assert page.foreign == ("cdn.shop.example",)


@pytest.mark.browser
def test_a_login_that_is_refused_through_the_page_says_its_status():
    """The API's own answer stands beside it."""
    with served(Site(password="another").app) as port:
        look = looking(port)
        entered = look("page_entered")

    assert entered.login_root == "login"
    assert entered.login_problem == "does not lead in (its request was answered 401)"


@pytest.mark.browser
def test_a_form_that_is_not_there_is_said():
    """A selector that fits nothing: the page or the target file has changed."""
    with served(Site().app) as port:
        limits = Limits(browser_seconds=1, page_seconds=5)
        look = Looks(stack(port, account_selector="#nowhere"), environment=ACCOUNT, limits=limits)

        assert look("page_entered").login_problem == "finds no form to fill in"


def test_without_a_browser_it_is_unknown_how_to_get_one_is_said(monkeypatch, tmp_path):
    """No Chromium, one that is no program, or no Playwright."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with served(Site().app) as port:
        with pytest.raises(CouldNotCheck, match="apt-get install chromium") as caught:
            looking(port)("browser_page")
        assert caught.value.setting == "browser.executable"
        with pytest.raises(CouldNotCheck, match="cannot be run"):
            looking(port, executable=str(tmp_path / "none"))("browser_page")
        monkeypatch.setattr(look_in_browser, "find_spec", lambda name: None)
        with pytest.raises(CouldNotCheck, match=r"pip install 'pytest-oncall\[browser\]'"):
            looking(port)("browser_page")


def test_a_program_that_is_no_browser_did_not_start():
    """What it wrote is not needed to see that it was none."""
    with served(Site().app) as port, pytest.raises(CouldNotCheck) as caught:
        looking(port, executable="/bin/false")("browser_page")

    assert caught.value.setting == "browser.executable"


def test_a_page_that_is_down_is_told_by_its_own_check():
    """No browser is started for it."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "frontend_page"):
        looking(free_port())("browser_page")


@pytest.mark.parametrize(("probe", "key"), [("page_online", "offline_selector"), ("page_entered", "account_selector")])
def test_what_the_target_does_not_describe_is_skipped(probe, key):
    """Named by its key, before a browser is looked for."""
    with pytest.raises(NotPart, match=key):
        looking(free_port(), **{key: ""})(probe)
