"""A good token and one visitor's request through the public address: let through, turned away, or nothing is known."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from oncall.facts.auth import IssuedTokenUse
from oncall.facts.http import Exchange
from oncall.facts.public_api import PathAnswer, PublicAnswers, PublicApi
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.http.client import place
from oncall.probes.http.rate_limits import turned_away
from oncall.probes.logs.judging import Written
from oncall.probes.logs.lines import read
from oncall.probing.ledger import Ledger
from oncall.target.schema import Auth, Backend, Frontend, Stack
from tests.probes.looking import look
from tests.probes.patients import raw_server, reset, response, site

JSON = "application/json"
SUITES = response(b"[]", content_type=JSON)
REFUSED = response(b"{}", "401 Unauthorized", JSON)
TOO_MANY = response(b"slow down", "429 Too Many Requests")
PASSWORD_PAGE = response(b"<form><input type=password></form>", content_type="text/html")
TOKEN = SimpleNamespace(header=lambda: {"Authorization": "Bearer good"})
NOW = datetime.now(UTC)
NGINX = (
    '2026/11/30 22:00:00 [error] 29#29: *7 limiting requests, excess: 0.9 by zone "login", client: 172.18.0.1, '
    'server: _, request: "POST {} HTTP/1.1", host: "shop.example"'
)


def direct(status=200):
    return Exchange(address="http://api/api/suites", at="api:80", outcome="answered", status=status)


def token_use(public, *, straight=200, problem=False, **auth):
    """The token through a page's server that answers its route with `public`."""
    with raw_server(site({"/api/suites": public}) if isinstance(public, bytes) else public) as port:
        base = f"http://127.0.0.1:{port}"
        same = PathAnswer(path="/api/suites", exchange=direct(401))
        other = PathAnswer(path="/api/suites", exchange=direct(502 if problem else 401))
        return look(
            "public_token_use",
            Stack(frontend=Frontend(url=base), auth=Auth(**auth)),
            public_api=PublicApi(answers=PublicAnswers(base=base, pairs=((same, other),))),
            access_token=TOKEN,
            issued_token_use=IssuedTokenUse(exchange=direct(straight), accepted=(200,), refused=(401, 403)),
        )


def test_a_token_that_is_accepted_both_ways_is_well():
    """Nothing gets lost."""
    assert token_use(SUITES).problem is None


@pytest.mark.parametrize(
    ("public", "words", "manner"),
    [
        (REFUSED, "token is accepted straight and refused by proxy (401): its Authorization header is lost or changed "
         "on the way", "wrong answer"),
        (response(b"", "302 Found", Location="/login"), "token is accepted straight and refused by proxy (302): its "
         "Authorization header is lost or changed on the way", "wrong answer"),
        (PASSWORD_PAGE, "token is accepted straight and refused by proxy (200): its Authorization header is lost or "
         "changed on the way", "wrong answer"),
        (response(b"", "504 Gateway Timeout"), "direct works, proxy does not: /api/suites answers 504 to a token",
         "error answer"),
        (reset, None, "error answer"),
    ],
    ids=["refused", "redirected", "login-page", "gateway", "reset"],
)  # fmt: skip
def test_a_token_that_is_good_straight_alone_is_the_proxys(public, words, manner):
    """Whatever it does to it."""
    fact = token_use(public)

    assert fact.problem == words if words else fact.problem.startswith("direct works, proxy does not")
    assert fact.manner == manner
    assert fact.outage == (fact.public.status == 504)


def test_a_cookie_that_gets_lost_is_called_one():
    """What carries the token is told."""
    fact = token_use(REFUSED, send_token_in="cookie", send_token_name="session")

    assert "its cookie session is lost" in fact.problem


@pytest.mark.parametrize(
    ("known", "root"),
    [({"straight": 401}, "issued_token_use"), ({"problem": True}, "public_api")],
    ids=["refused-straight", "no-api-there"],
)
def test_what_is_told_nearer_to_its_cause_is_not_told_twice(known, root):
    """The token is bad, or browsers get nothing of the API at all."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == root):
        token_use(REFUSED, **known)


def test_a_limit_that_holds_us_back_proves_nothing():
    """429 to the token: we come too often."""
    with pytest.raises(CouldNotCheck, match="429"):
        token_use(TOO_MANY)


def limit(*texts, public=TOO_MANY, own=0, backend="http://127.0.0.1:1"):
    """A page's server whose log holds these lines, and which answers the login's path and the API's so."""
    ledger = Ledger(None)
    lines = [read(text.encode(), NOW - timedelta(seconds=len(texts) - at)) for at, text in enumerate(texts)]
    reader = SimpleNamespace(parts={"frontend": ()}, of=lambda component: (Written(lines=lines),))
    with raw_server(site({"/api/auth/login": public, "/api/suites": public})) as port:
        base = f"http://127.0.0.1:{port}"
        for _ in range(own):
            with ledger.sending("request", place(base)[1]) as sent:
                sent.status = 429
        described = Stack(frontend=Frontend(url=base), backend=Backend(url=backend))
        return look("public_limit", described, log_reader=reader, ledger=ledger)


@pytest.mark.parametrize("public", [TOO_MANY, response(b"", "503 Service Unavailable")], ids=["429", "503"])
@pytest.mark.parametrize("path", ["/api/auth/login", "/api/suites"])
def test_a_limit_that_turns_us_away_beside_others_counts_all_as_one(path, public):
    """Its log tells of others, and our one request is refused as well."""
    fact = limit(NGINX.format(path), NGINX.format(path), public=public)

    status = 429 if public is TOO_MANY else 503
    words = f"turns visitors away by a rate limit: {path} answers {status}, 2 more within 15 min"
    assert (fact.problem, fact.path) == (words, path)
    assert "limiting requests" in fact.evidence["last line"]


def test_a_backend_that_is_unavailable_itself_is_no_limit():
    """503 both ways, while somebody is held back."""
    unavailable = response(b"", "503 Service Unavailable")
    with raw_server(site({"/api/auth/login": unavailable})) as port:
        fact = limit(NGINX.format("/api/auth/login"), public=unavailable, backend=f"http://127.0.0.1:{port}")

    assert fact.problem is None


def test_a_limit_that_lets_us_through_does_its_work():
    """Somebody else asks too often, and is held back."""
    fact = limit(*[NGINX.format("/api/auth/login")] * 30, public=REFUSED)

    assert fact.problem is None
    assert fact.turned_away.count == 30


@pytest.mark.parametrize(
    ("texts", "own"),
    [
        ((), 0),
        ((NGINX.format("/assets/app.js"),), 0),
        ((NGINX.format("/api/suites"), '1.2.3.4 - - [x] "POST /api/suites HTTP/1.1" 429 162 "-" "pytest-oncall"'), 1),
        (("2026/11/30 22:00:00 [notice] 1#1: start worker processes",), 0),
    ],
    ids=["silent", "other-paths", "ours", "other-lines"],
)
def test_nothing_is_asked_while_the_log_tells_of_nobody(texts, own):
    """No login and no path of the API, or our own requests alone."""
    fact = limit(*texts, own=own)

    assert (fact.problem, fact.path) == (None, "")


def test_a_line_without_a_path_leads_to_the_login():
    """Caddy's tells the zone and the visitor alone."""
    text = '{"level":"info","logger":"http.handlers.rate_limit","msg":"rate limit exceeded","zone":"all"}'

    assert limit(text).path == "/api/auth/login"


def test_one_address_for_both_has_no_proxy_to_blame():
    """What limits there limits the API itself."""
    stack = Stack(backend=Backend(url="http://localhost:3000"), frontend=Frontend(url="http://localhost:3000/"))
    with pytest.raises(NotPart, match="public address"):
        look("public_limit", stack, log_reader=None, ledger=Ledger(None))


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (NGINX, True),
        ('2026/11/30 [error] 7#7: *1 limiting connections by zone "addr", client: 10.0.0.1', True),
        ('172.18.0.1 - - [30/Nov/2026:22:00:00 +0000] "POST /api/auth/login HTTP/1.1" 429 162 "-" "curl"', True),
        ('{"level":"info","msg":"","RequestPath":"/api/auth/login","DownstreamStatus":429}', True),
        ('{"level":"info","logger":"http.log.access","msg":"handled request","status":429}', True),
        ('10.0.0.1:4711 [x] web web/<NOSRV> 0/-1/-1/-1/0 429 188 - - PR-- 1/1/0/0/0 0/0 "POST / HTTP/1.1"', True),
        ('172.18.0.1 - - [30/Nov/2026:22:00:00 +0000] "POST /api/auth/login HTTP/1.1" 401 29 "-" "curl"', False),
        ('2026/11/30 [warn] 7#7: *1 delaying request, excess: 0.2, by zone "login"', False),
        ('172.18.0.1 - - [30/Nov/2026:22:00:00 +0000] "GET /429 HTTP/1.1" 200 29 "-" "curl"', False),
    ],
)  # fmt: skip
def test_each_proxy_has_its_words_for_it(text, counts):
    """nginx, access logs, Traefik, Caddy, HAProxy; a request that is merely slowed down is none."""
    assert bool(turned_away([read(text.encode(), NOW)])) is counts
