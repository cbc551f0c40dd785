"""The API straight and through the page's address: the same answer, another one, or nobody knows that it should be."""

import pytest

from oncall.finding import CouldNotCheck, NotPart
from oncall.target.schema import Auth, Backend, Endpoint, Frontend, Health, Limits, Stack
from tests.probes.looking import look
from tests.probes.patients import free_port, raw_server, response, silent, site

LIMITS = Limits(health_seconds=1, page_seconds=1, response_seconds=1)
JSON = "application/json"
HEALTH = response(b'{"status": "ok"}', content_type=JSON)
REFUSED = response(b"{}", "401 Unauthorized", JSON)
GONE = response(b"{}", "404 Not Found", JSON)
HTML_GONE = response(b"<html>Cannot GET /v2/suites", "404 Not Found", "text/html")
SCRIPT = response(b'fetch("/api/suites")', content_type="text/javascript")
PAGE = response(b"<!doctype html><title>M</title><script src=/app.js></script><p>hello", content_type="text/html")
ENDPOINTS = (Endpoint(name="suites", path="/api/suites"), Endpoint(name="open", path="/open", authorized=False))


def api(pages, name="api_answers", **backend):
    """Look at a backend that serves these pages, with a health check that is well."""
    with raw_server(site({"/health": HEALTH} | pages)) as port:
        described = Backend(url=f"http://127.0.0.1:{port}", endpoints=ENDPOINTS, **backend)
        return look(name, Stack(backend=described, frontend=Frontend(absent=True)), limits=LIMITS)


@pytest.mark.parametrize("answer", [REFUSED, response(b"{}", "403 No", JSON), response(b"", "302 Found", Location="/")])
def test_a_refusal_is_an_answer(answer):
    """The API works for whoever has a token; one request is enough to know."""
    fact = api({"/api/suites": answer})

    assert fact.works
    assert len(fact.answers) == 1


def test_one_path_that_works_is_enough():
    """One endpoint that fails is that endpoint's finding."""
    fact = api({"/api/suites": response(b"oops", "500 Oops"), "/open": response(b"[]", content_type=JSON)})

    assert fact.works


@pytest.mark.parametrize(
    ("suites", "unauthorized", "words", "manner"),
    [
        (response(b"", "500 Oops"), GONE, "/api/suites answers 500, and 1 more fails", "error answer"),
        (PAGE, PAGE, "/api/suites answers 200 with an HTML page instead of JSON, and 1 more fails", "wrong answer"),
        (GONE, response(b'{"success":false}', content_type=JSON), "/api/suites answers 404, and 1 more fails",
         "wrong answer"),
    ],
)  # fmt: skip
def test_an_api_without_a_path_that_works_is_an_outage(suites, unauthorized, words, manner):
    """Every path fails: what users lose is everything."""
    fact = api({"/api/suites": suites, "/open": unauthorized})

    assert not fact.works
    assert (fact.symptom, fact.worst.manner) == (words, manner)


def test_a_backend_that_is_not_there_is_told_once():
    """The health check's finding is enough."""
    stack = Stack(backend=Backend(url=f"http://127.0.0.1:{free_port()}", endpoints=ENDPOINTS))
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "backend_health"):
        look("api_answers", stack, limits=LIMITS)


def test_a_stack_that_names_no_path_is_not_asked():
    """Without a login and without endpoints there is nothing to ask."""
    stack = Stack(backend=Backend(endpoints=()), auth=Auth(absent=True))
    with pytest.raises(NotPart):
        look("api_answers", stack, limits=LIMITS, backend_health=None)


def both(public, *, named=False, script=SCRIPT, straight=REFUSED):
    """The API straight and through a page's server that answers its paths with `public`."""
    pages = {"/": PAGE, "/app.js": script, "/api/suites": public}
    with (
        raw_server(site({"/health": HEALTH, "/api/suites": straight})) as port,
        raw_server(site(pages) if public else silent) as page,
    ):
        frontend = f"http://127.0.0.1:{page}"
        backend = Backend(url=f"http://127.0.0.1:{port}", endpoints=ENDPOINTS[:1], public_url=frontend if named else "")
        return look("public_api", Stack(backend=backend, frontend=Frontend(url=frontend)), limits=LIMITS)


@pytest.mark.parametrize("public", [REFUSED, response(b"{}", "403 No", JSON)])
def test_the_same_answer_both_ways_is_well(public):
    """By status and by content type; refusals are alike."""
    assert both(public).problem is None


@pytest.mark.parametrize(
    ("public", "words"),
    [
        (PAGE, "answers 200 with an HTML page"),
        (GONE, "answers 404 with application/json"),
        (HTML_GONE, "answers 404 with an HTML page"),
        (response(b"Bad Gateway", "502 Bad Gateway"), "answers 502 with text/plain"),
        (response(b"<html>no", "401 Unauthorized", "text/html"), "answers 401 with an HTML page"),
    ],
    ids=["no-route", "rewritten", "rewritten-html", "gateway", "another-type"],
)
def test_another_answer_through_the_proxy_is_the_frontends(public, words):
    """Every browser gets that one."""
    fact = both(public)

    assert fact.problem == f"direct works, proxy does not: /api/suites {words}"
    assert fact.evidence["direct"].endswith("answers 401 with application/json")


@pytest.mark.parametrize("public", [PAGE, HTML_GONE])
def test_a_page_that_calls_another_origin_has_no_route_to_lose(public):
    """Nothing shows that the page's server ever passed the API on: which key says so is told."""
    script = response(b'fetch("https://api.shop.example/suites")', content_type="text/javascript")
    with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "backend.public_url"):
        both(public, script=script)


def test_an_address_that_the_target_file_names_needs_no_proof():
    """The key says that browsers ask there."""
    script = response(b"go()", content_type="text/javascript")
    assert both(PAGE, named=True, script=script).problem


def test_one_address_for_both_is_not_compared():
    """Only the proxy is published: there is one way."""
    stack = Stack(backend=Backend(url="http://localhost:3000"), frontend=Frontend(url="http://localhost:3000/"))
    with pytest.raises(NotPart, match="public address"):
        look("public_answers", stack, api_answers=None, backend_health=None)


def test_a_frontend_that_hangs_is_told_once():
    """Page and API hang in the same way: the page's finding."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "frontend_page"):
        both(None)


def test_an_api_that_fails_straight_is_not_compared():
    """The proxy can pass on only what comes."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "api_answers"):
        both(PAGE, straight=response(b"", "404 Gone"))


def test_a_health_check_among_the_apis_paths_is_compared_as_well():
    """One route of the proxy is right, another is not."""
    health = {"/api/health": HEALTH, "/api/suites": REFUSED}
    through = {"/": PAGE, "/app.js": SCRIPT, "/api/suites": REFUSED, "/api/health": PAGE}
    with raw_server(site(health)) as port, raw_server(site(through)) as page:
        backend = Backend(url=f"http://127.0.0.1:{port}", endpoints=ENDPOINTS[:1], health=Health(path="/api/health"))
        stack = Stack(backend=backend, frontend=Frontend(url=f"http://127.0.0.1:{page}"))
        fact = look("public_api", stack, limits=LIMITS)

    assert fact.problem == "direct works, proxy does not: /api/health answers 200 with an HTML page"


def test_a_proxy_that_fails_for_most_lets_one_through_by_chance():
    """The first answer is right, the next one is a gateway's error."""
    asked = []

    def now_and_then(connection, path):
        asked.append(path)
        connection.sendall(REFUSED if asked.count("/api/suites") == 1 else response(b"", "504 Gateway Timeout"))

    with raw_server(site({"/health": HEALTH, "/api/suites": REFUSED})) as port, raw_server(now_and_then) as page:
        backend = Backend(url=f"http://127.0.0.1:{port}", endpoints=ENDPOINTS[:1])
        fact = look("public_answers", Stack(backend=backend, frontend=Frontend(url=f"http://127.0.0.1:{page}")))

    assert fact.different[0][1].exchange.status == 504
    assert asked.count("/api/suites") == 2


def test_another_site_at_the_pages_address_is_told_by_the_page():
    """A server's own welcome page, and its 404 for all else."""
    welcome = response(b"<!doctype html><title>Welcome to nginx!</title><h1>Welcome", content_type="text/html")
    with (
        raw_server(site({"/health": HEALTH, "/api/suites": REFUSED})) as port,
        raw_server(site({"/": welcome})) as page,
    ):
        backend = Backend(url=f"http://127.0.0.1:{port}", endpoints=ENDPOINTS[:1])
        stack = Stack(backend=backend, frontend=Frontend(url=f"http://127.0.0.1:{page}"))
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "frontend_page"):
            look("public_api", stack, limits=LIMITS)
