"""What browsers alone enforce on a page, looked at without one: from what the page and its scripts hold already."""

from urllib.parse import urljoin, urlsplit

from oncall.facts.browser_rules import Blocked, MissingScript, PageKeeping, PageRules
from oncall.facts.frontend import Assets, Page
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.http.answer_body import is_page
from oncall.probes.http.client import Http
from oncall.probes.http.content_policy import forbids, policies
from oncall.probes.http.page_calls import origin
from oncall.probing.register import probe
from oncall.target.schema import Backend, Frontend, Stack
from oncall.target.views import parts

LOOPBACK = ("localhost", "127.0.0.1", "0.0.0.0", "::1")  # noqa: S104  nothing listens here: names that scripts hold
HASHED = Pattern(r"[._-][A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*\.(?:js|mjs|css)(?:$|\?)")
MAX_AGE = Pattern(r"(?i)(?:^|[,\s])max-age=\"?([0-9]{1,9})")
NOT_KEPT = Pattern(r"(?i)\b(?:no-cache|no-store|must-revalidate)\b")
MISSING = "oncall-no-such-file-0000.js"
Missing = CouldNotCheck | NotPart


@probe(of="frontend", optional=("page_assets",))
def page_rules(stack: Stack, frontend_page: Page, page_assets: Assets | Missing) -> PageRules:
    """What a browser would refuse of the page."""
    _whole(frontend_page)
    address = frontend_page.exchange.address
    called = set(frontend_page.origins) | set(page_assets.origins if isinstance(page_assets, Assets) else ())
    return PageRules(
        page=address,
        at=frontend_page.exchange.at,
        blocked=tuple(_blocked(stack, frontend_page)),
        insecure=frontend_page.insecure,
        unreachable=tuple(sorted(_unreachable(stack, address, called))),
    )


def _whole(page: Page) -> None:
    if page.problem:
        raise CouldNotCheck("the frontend serves no page", root="frontend_page")


def _blocked(stack: Stack, page: Page) -> list[Blocked]:
    address = page.exchange.address
    wanted: list[tuple[str, str]] = [
        (kind, one.url) for kind in ("script", "stylesheet") for one in page.named if one.kind == kind
    ]
    if not stack.backend.absent:
        wanted += [("request", (stack.backend.public_url or origin(address)).rstrip("/") + "/")]
    if not stack.websocket.absent and stack.websocket.public_url:
        wanted += [("request", stack.websocket.public_url)]
    found = []
    for policy in policies(page.policies):
        for kind, url in wanted:
            if directive := forbids(policy, kind, url, address):
                found.append(Blocked(kind=kind, url=url, directive=directive))
    return found


def _unreachable(stack: Stack, page: str, called: set[str]) -> set[str]:
    """Origins on the caller's own machine: of a page that others open, any; else those that no part of ours has."""
    urls = [part.url for part in parts(stack).values() if isinstance(part, Backend | Frontend)]
    urls += [stack.backend.public_url, stack.websocket.url, stack.websocket.public_url, page]
    ours = {urlsplit(url).port for url in urls if url and urlsplit(url).hostname in LOOPBACK}
    here = urlsplit(page).hostname in LOOPBACK
    local = {one for one in called if _port(one) and urlsplit(one).hostname in LOOPBACK}
    return {one for one in local if not (here and _port(one) in ours)}


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


@probe(of="frontend")
def page_keeping(frontend_page: Page) -> PageKeeping:
    """How long browsers keep the page."""
    _whole(frontend_page)
    control = frontend_page.cache_control
    age = MAX_AGE.search(control)
    hashed = any(HASHED.search(urlsplit(one.url).path) for one in frontend_page.named)
    return PageKeeping(
        page=frontend_page.exchange.address,
        at=frontend_page.exchange.at,
        cache_control=control,
        max_age=int(age[1]) if age and hashed and not NOT_KEPT.search(control) else 0,
    )


@probe(of="frontend", deadline=3.0)
def missing_script(http: Http, frontend_page: Page) -> MissingScript:
    """What somebody gets whose page is of a former build, for a script that is gone."""
    _whole(frontend_page)
    scripts = [one.url for one in frontend_page.named if one.kind == "script"]
    if not scripts:
        raise NotPart("the page names no script")
    answer = http.ask("GET", urljoin(scripts[0], MISSING), seconds=2.5, body_limit=64 << 10)
    if not answer.answered:
        raise CouldNotCheck(f"the frontend {answer.problem}", root="page_assets")
    return MissingScript(exchange=answer.exchange, as_page=200 <= answer.status < 300 and is_page(answer))
