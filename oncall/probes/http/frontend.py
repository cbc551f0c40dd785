"""The frontend, asked like a browser does: the page, then what the page names."""

import hashlib
from urllib.parse import urlsplit

from oncall.facts.frontend import Asset, Assets, Named, Page
from oncall.facts.http import Exchange
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.http.backend import GRACE
from oncall.probes.http.client import Answer, Http
from oncall.probes.http.content_policy import LONGEST
from oncall.probes.http.page import looks_like, names_in_css, read_page
from oncall.probes.http.page_calls import Calls, calls_in, together
from oncall.probes.http.redirects import traced
from oncall.probing.deadline import side_thread, wait_for
from oncall.probing.lag import stack_time
from oncall.probing.register import probe
from oncall.target.schema import Limits, Stack

MOST_DECORATIONS, MOST_INSECURE = 40, 10
AT_ONCE = 4
SECONDS = 4.0
BODY_LIMIT = 4 << 20

SCRIPTS_AND_STYLES = ("script", "stylesheet")
JAVASCRIPT = ("text/javascript", "application/javascript", "application/x-javascript", "text/ecmascript",
              "application/ecmascript", "application/wasm")  # fmt: skip
FONTS = ("application/octet-stream", "binary/octet-stream", "application/vnd.ms-fontobject")
MANIFESTS = ("application/manifest+json", "application/json", "text/json")


@probe(of="frontend", deadline=lambda limits: limits.page_seconds + 2 * GRACE)
def frontend_page(stack: Stack, limits: Limits, http: Http) -> Page:
    """The page that people open."""
    if stack.frontend.absent:
        raise Declared("says that this stack has no frontend")
    address = stack.frontend.url.rstrip("/") + stack.frontend.path
    answer = http.ask("GET", address, headers={"accept": "text/html"}, seconds=limits.page_seconds + GRACE)
    reading = read_page(answer.text, answer.address)
    calls, header = calls_in(answer.text), answer.headers.get("content-security-policy", "")
    exchange = traced(http, answer, limits.page_seconds + GRACE - answer.seconds)
    return Page(
        exchange=exchange,
        title=reading.title,
        looks_like=looks_like(reading, answer.text),
        text_length=len(reading.text),
        elements=reading.elements,
        fingerprint=fingerprint(answer) if answer.body else "",
        named=tuple(reading.named),
        elsewhere=len(reading.elsewhere),
        moved_key=moved_key(stack, exchange),
        roots=calls.roots,
        origins=calls.origins,
        insecure=tuple(sorted(one[:200] for one in reading.elsewhere if one.startswith("http:")))[:MOST_INSECURE]
        if answer.address.startswith("https:")
        else (),
        policies=tuple(policy[:LONGEST] for policy in (header, *reading.policies) if policy),
        cache_control=answer.headers.get("cache-control", "")[:200],
    )


def moved_key(stack: Stack, exchange: Exchange) -> str:
    """The key that says where the page is, when a redirect leads from there to an answer; empty otherwise."""
    if not exchange.location or exchange.circle or exchange.dead_end:
        return ""
    here, there = urlsplit(exchange.address), urlsplit(exchange.location)
    elsewhere = there.netloc and (here.scheme, here.netloc) != (there.scheme, there.netloc)
    return stack.key("frontend.url" if elsewhere else "frontend.path")


@probe(of="frontend", deadline=SECONDS + 1.0)
def page_assets(http: Http, frontend_page: Page) -> Assets:
    """The scripts and stylesheets that the page names."""
    _is_a_page(frontend_page)
    named = [one for one in frontend_page.named if one.kind in SCRIPTS_AND_STYLES]
    if not named:
        raise CouldNotCheck("the page names no script and no stylesheet of its own site: a broken build would not show")
    return fetched(http, frontend_page, named)


@probe(of="frontend", deadline=SECONDS + 1.0, optional=("page_assets",))
def page_decorations(
    http: Http, frontend_page: Page, page_assets: Assets | CouldNotCheck | NotPart
) -> Assets:  # fmt: skip
    """The images, fonts and icons that the page and its stylesheets name."""
    _is_a_page(frontend_page)
    named = [one for one in frontend_page.named if one.kind not in SCRIPTS_AND_STYLES]
    if isinstance(page_assets, Assets):
        known = {one.url for one in named} | {asset.url for asset in page_assets.assets}
        named += [one for one in page_assets.css_names if one.url not in known]
    if not named:
        raise CouldNotCheck("the page and its stylesheets name no image, font or icon of their own site")
    return fetched(http, frontend_page, named[:MOST_DECORATIONS])


def _is_a_page(page: Page) -> None:
    if page.problem:
        raise CouldNotCheck("the frontend serves no page", root="frontend_page")


def fingerprint(answer: Answer) -> str:
    return hashlib.sha256(answer.body).hexdigest()


def fetched(http: Http, page: Page, named: list[Named]) -> Assets:
    """Ask for each once, a few at a time, within the time there is.

    Daemon threads, since a pool of the standard library would keep the run from ending.
    """
    ends = stack_time() + SECONDS
    waiting = list(reversed(named))
    answers: dict[str, tuple[Asset, list[Named]]] = {}
    calls: list[Calls] = []

    def work() -> None:
        while True:
            try:
                one = waiting.pop()  # one step, so that no two threads get the same
            except IndexError:
                return
            left = ends - stack_time()
            if left < 0.2:
                return
            try:
                answer = http.ask("GET", one.url, seconds=min(left, 2.5), body_limit=BODY_LIMIT)
            except CouldNotCheck:
                answers[one.url] = (_unaskable(one), [])
                continue
            if answer.outcome == "timeout" and answer.allowed_seconds < 1.0:
                continue  # our time was up, not the server's
            names = names_in_css(answer.text, one.url, page.exchange.address) if one.kind == "stylesheet" else []
            if one.kind == "script":
                calls.append(calls_in(answer.text))
            answers[one.url] = (judged(one, answer, page), names)

    wait_for([side_thread(work, name="asset") for _ in range(min(AT_ONCE, len(waiting)))], ends + 0.2)
    done = dict(answers)
    assets = tuple(done[one.url][0] for one in named if one.url in done)
    called = together(list(calls))
    in_css = {name.url: name for _, names in done.values() for name in names}
    return Assets(
        page=page.exchange.address,
        assets=assets,
        unasked=len(named) - len(assets),
        css_names=tuple(in_css.values()),
        roots=called.roots,
        origins=called.origins,
    )


def _unaskable(one: Named) -> Asset:
    return Asset(
        kind=one.kind, url=one.url[:300], path=one.url[:300], status=0, content_type="", length=0, seconds=0.0,
        problem="is no address that can be asked",
    )  # fmt: skip


def judged(one: Named, answer: Answer, page: Page) -> Asset:
    """The answer as a record, with what is wrong with it."""
    parts = urlsplit(answer.address)
    return Asset(
        kind=one.kind,
        url=one.url,
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        status=answer.status,
        content_type=answer.content_type,
        length=answer.length,
        seconds=answer.seconds,
        problem=_problem(one.kind, answer, page) or "",
        manner=answer.manner or (None if answer.problem else "wrong answer"),
        at=answer.at,
    )


def _problem(kind: str, answer: Answer, page: Page) -> str | None:
    if answer.problem:
        return answer.problem
    if answer.status != 200:
        return answer.answer
    if answer.endless:
        return answer.endless
    if not answer.body:
        return "is empty"
    if fingerprint(answer) == page.fingerprint:
        return "is the page itself again"
    if not right_type(kind, answer.media_type):
        return f"has the type {answer.media_type[:40] or 'none'}"
    return None


def right_type(kind: str, media_type: str) -> bool:
    """Whether a browser would use it; the manifest, icons and images by what servers really send."""
    match kind:
        case "script":
            return media_type in JAVASCRIPT
        case "stylesheet":
            return media_type == "text/css"
        case "font":
            return media_type.startswith(("font/", "application/font", "application/x-font")) or media_type in FONTS
        case "manifest":
            return media_type in MANIFESTS
        case _:
            return media_type.startswith("image/")
