"""What browsers alone enforce, from real servers: policies, addresses in bundles, origins, and what is kept."""

import pytest

from oncall.facts.browser_rules import PageRules
from oncall.facts.frontend import Page
from oncall.facts.http import Exchange
from oncall.facts.public_api import ApiAnswers, PathAnswer
from oncall.finding import NotPart
from oncall.probes.http.content_policy import forbids, policies
from oncall.probes.http.page_calls import calls_in, origin
from oncall.target.schema import Auth, Backend, Endpoint, Frontend, Limits, Stack
from tests.probes.looking import frontend, look
from tests.probes.patients import raw_server, response, site

LIMITS = Limits(health_seconds=1, page_seconds=1, response_seconds=1)
INDEX = b"""<!doctype html><title>M</title>%s<link rel=stylesheet href=/app.css><script src=/app.3f9a1c22.js></script>
<img src=http://cdn.example/a.png><p>hello"""


def page(meta=b"", script=b"go()", missing=None, **headers):
    """A page with a script and a stylesheet, and headers of its own."""
    return site(
        {
            "/": response(INDEX % meta, content_type="text/html", **headers),
            "/app.3f9a1c22.js": response(script, content_type="text/javascript"),
            "/app.css": response(b"p{}", content_type="text/css"),
        },
        missing,
    )


def rules(**served):
    with raw_server(page(**served)) as port:
        return look("page_rules", frontend(port), limits=LIMITS)


@pytest.mark.parametrize(
    ("policy", "blocked"),
    [
        ("", []),
        ("default-src 'self'", []),
        ("default-src 'none'", ["script", "stylesheet", "request"]),
        ("script-src https://old.example; default-src *", ["script"]),
        ("script-src 'nonce-abc'; style-src 'self'", []),
        ("style-src 'unsafe-inline'", ["stylesheet"]),
        ("connect-src https://api.example", ["request"]),
        ("default-src *, script-src 'none'", ["script"]),
    ],
)
def test_a_policy_that_blocks_its_own_page_is_found(policy, blocked):
    """In the header, and each of several policies counts."""
    assert [one.kind for one in rules(Content_Security_Policy=policy).blocked] == blocked


def test_a_policy_in_the_page_counts_too():
    """As a meta element."""
    meta = b"""<meta http-equiv="Content-Security-Policy" content="script-src 'none'">"""
    assert rules(meta=meta).blocked_symptom.startswith("Content-Security-Policy blocks the page's own script ")


@pytest.mark.parametrize(
    ("source", "url", "allowed"),
    [
        ("'self'", "https://shop.example/a.js", True),
        ("'self'", "wss://shop.example/ws", True),
        ("*.shop.example", "https://api.shop.example/a", True),
        ("*.shop.example", "https://shop.example/a", False),
        ("https:", "https://x.example/", True),
        ("https:", "http://x.example/", False),
        ("http://x.example", "https://x.example/", True),
        ("x.example:8080", "https://x.example:8080/", True),
        ("x.example", "https://x.example:8080/", False),
        ("x.example:*", "https://x.example:8080/", True),
        ("x.example/js/", "https://x.example/js/a.js", True),
        ("x.example/js/", "https://x.example/css/a.js", False),
    ],
)
def test_sources_match_as_in_browsers(source, url, allowed):
    """CSP Level 3, 6.7.2."""
    (policy,) = policies([f"script-src {source}"])

    assert (forbids(policy, "script", url, "https://shop.example/") == "") is allowed


def test_a_call_to_a_developers_machine_is_found():
    """An address of this machine that no part of the stack has."""
    assert rules(script=b'fetch("http://localhost:9/api")').unreachable == ("http://localhost:9",)
    assert rules(script=b'fetch("http://127.0.0.1:3001/api"); w("ws://localhost:3001/realtime")').unreachable == ()
    assert rules(script=b'fetch("https://api.example/v1"); x("http://localhost")').unreachable == ()


def test_others_cannot_reach_this_machine_at_all():
    """A page that is served to others must not name the backend's address on its own host."""
    exchange = Exchange(outcome="answered", status=200, length=9, content_type="text/html", at="shop.example:443",
                        address="https://shop.example/")  # fmt: skip
    served = Page(
        exchange=exchange, elements=3, origins=("http://localhost:3001",), insecure=("http://a.example/x.js",)
    )
    fact = look("page_rules", Stack(), frontend_page=served, page_assets=NotPart("no"))

    assert isinstance(fact, PageRules)
    assert fact.unreachable == ("http://localhost:3001",)
    assert fact.insecure_symptom == "https page loads http://a.example/x.js without TLS"


def test_a_plain_page_has_no_mixed_content():
    """Only what came by TLS can be spoilt by what does not."""
    assert rules().insecure == ()


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("public, max-age=31536000, immutable", True),
        ("max-age=3600", False),
        ("no-cache, max-age=31536000", False),
        ("s-maxage=31536000", False),
        ("", False),
    ],
)
def test_a_page_beside_hashed_files_must_not_be_kept(control, kept):
    """Its files change their names with each build."""
    with raw_server(page(Cache_Control=control)) as port:
        assert look("page_keeping", frontend(port), limits=LIMITS).kept_too_long is kept


@pytest.mark.parametrize("as_page", [True, False])
def test_a_missing_script_is_answered_404(as_page):
    """The rule for the page's own routes must not cover its files."""
    missing = response(INDEX % b"", content_type="text/html") if as_page else None
    with raw_server(page(missing=missing)) as port:
        assert look("missing_script", frontend(port), limits=LIMITS).as_page is as_page


def test_origins_and_paths_of_a_bundle_are_read():
    """As browsers compare them."""
    calls = calls_in("""a("/api/x",'wss://rt.example:443/s',`https://api.example/v1`, "/assets")""")

    assert calls.roots == ("/api", "/assets")
    assert [origin(one) for one in calls.origins] == ["https://rt.example", "https://api.example"]


def answering(pages):
    """A talk that answers by method, path and whether there is an Origin; see raw_server for the reading."""

    def talk(connection, path):
        connection.sendall(pages.get(path, response(b"{}", "401 No", "application/json")))

    return talk


ENDPOINTS = (Endpoint(name="suites", path="/api/suites"),)
HEALTH = {"/health": response(b'{"status": "ok"}', content_type="application/json")}


def api(pages, name, straight=None, **backend):
    with raw_server(answering(HEALTH | pages)) as port:
        url = f"http://127.0.0.1:{port}"
        stack = Stack(
            backend=Backend(url=url, endpoints=ENDPOINTS, **backend),
            frontend=Frontend(url="https://shop.example"),
            auth=Auth(absent=straight is not None),
        )
        given = {"page_assets": NotPart("no")}
        if straight:
            given["api_answers"] = straight(url)
        return look(name, stack, limits=LIMITS, **given)


def test_an_api_that_takes_the_pages_origin_is_well():
    """A refusal for want of a token is none of the origin."""
    fact = api({}, "origin_use")

    assert (fact.refused, fact.origin) == ("", "https://shop.example")


def test_an_api_that_forbids_the_pages_origin_is_told():
    """403 with it, 401 without it."""

    def without_origin(url):
        exchange = Exchange(outcome="answered", status=401, at="x:1", address=f"{url}/api/suites")
        return ApiAnswers(answers=(PathAnswer(path="/api/suites", exchange=exchange),))

    fact = api({"/api/suites": response(b"", "403 CORS")}, "origin_use", without_origin)

    assert fact.refused == "/api/suites answers 403 to it"


def test_one_origin_needs_no_preflight():
    """Pages that call their own site are not asked for leave."""
    with pytest.raises(NotPart, match="one origin"):
        api({}, "preflight")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (response(b"", "204 No", Access_Control_Allow_Origin="https://shop.example",
                  Access_Control_Allow_Headers="Content-Type, Authorization"), ""),
        (response(b"", "204 No", Access_Control_Allow_Origin="https://old.example"),
         "allows https://old.example and not https://shop.example"),
        (response(b""), "allows no origin and not https://shop.example"),
        (response(b"", Access_Control_Allow_Origin="*", Access_Control_Allow_Headers="*"),
         "does not allow the header authorization"),
        (response(b"", "405 No"), "is answered 405"),
    ],
)  # fmt: skip
def test_a_page_of_another_origin_is_let_in_by_the_preflight(answer, problem):
    """The Fetch standard: origin, and the token's header by its name, which * does not cover."""
    with raw_server(answering(HEALTH | {"/api/suites": answer})) as port:
        url = f"http://127.0.0.1:{port}"
        asked = ApiAnswers(answers=(PathAnswer(path="/api/suites", exchange=Exchange(outcome="answered", at="x:1")),))
        stack = Stack(backend=Backend(url=url, public_url=url), frontend=Frontend(url="https://shop.example"))
        fact = look("preflight", stack, limits=LIMITS, api_answers=asked, page_assets=NotPart("no"))

    assert fact.problem == problem
