"""Logging in and the token: each way to be sick in its own words, and no word where nobody could look."""

import asyncio
import base64
import hmac
import json
import time

import jwt
import pytest
from msgspec.structs import replace
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from oncall.facts.auth import ForgedTokenUse
from oncall.facts.http import Exchange
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.auth.login import issuers_now
from oncall.target.schema import Endpoint
from tests.probes.patient_backend import ACCOUNT, FAST, SECRET, Look, Patient, served, stack
from tests.probes.patients import free_port, raw_server, reset, response, says, silent

FORGERIES = ("no-token", "tampered", "expired", "alg-none", "empty-key")


@pytest.fixture
def env_file(tmp_path):
    """Write the backend's file of variables; gives its path."""

    def write(text):
        file = tmp_path / "backend.env"
        file.write_text(text)
        return str(file)

    return write


def logged_in(answer, **auth):
    patient = Patient()
    patient.login = lambda body: answer
    with served(patient.app) as port:
        return Look(stack(port, auth=auth))("login")


def test_a_healthy_login_leaves_no_secret_behind(env_file):
    """The token serves every look, and neither it, nor the password, nor any claim is kept."""
    patient = Patient()
    with served(patient.app) as port:
        look = Look(stack(port, env_file=env_file(f"JWT_SECRET={SECRET}\n")))

        assert look("login").problem is None
        assert look("refused_login").problem is None
        assert look("issued_token_use").problem is None
        assert look("token_signature").verified
        assert look("jwt_secret").unset is None
        assert [look("forged_token_use", forgery=forgery).problem for forgery in FORGERIES] == [None] * 5
        saved = look.saved()

    assert len(patient.logins) == 2
    for leak in (SECRET, "correct horse", "eyJ", "probe@motel.example"):
        assert leak not in saved
    assert "probe" not in saved.replace("probe_", "")
    assert "correct horse" not in repr(look.runner.runs["access_token"].outcome.value)
    assert "eyJ" not in repr(look.runner.runs["access_token"].outcome.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            JSONResponse({"accessToken": "x.y.z", "user": {"id": 3}}),
            "answers 200 without a token in the body at 'token'",
        ),
        (JSONResponse({"token": ""}), "answers 200 without a token in the body at 'token'"),
        (JSONResponse({"token": 12}), "answers 200 without a token in the body at 'token'"),
        (HTMLResponse("<!doctype html><p>Motel"), "answers 200 with an HTML page"),
        (Response(status_code=204), "answers 204"),
        (Response(status_code=302, headers={"location": "/login"}), "answers with a redirect (302)"),
        (JSONResponse({}, 400), "does not understand the request (400)"),
        (JSONResponse({}, 401), "refuses the probe account's name and password (401)"),
        (HTMLResponse("<p>WAF", 403), "is forbidden to the probe account (403)"),
        (HTMLResponse("Cannot POST", 404), "answers 404: no such route"),
        (JSONResponse({}, 404), "answers 404: no such route, or no such account"),
        (PlainTextResponse("", 405), "does not take POST (405)"),
        (JSONResponse({}, 415), "does not take JSON (415)"),
        (JSONResponse({}, 422), "does not understand the request (422)"),
        (JSONResponse({}, 500), "fails with 500"),
        (HTMLResponse("<h1>502", 502), "fails with 502"),
    ],
)
def test_each_refusal_has_its_own_words(answer, words):
    """Wrong password, missing route, changed contract and broken backend need different people."""
    assert logged_in(answer).problem == words


def test_names_instead_of_the_token_are_told_and_values_are_not():
    """Whoever mends oncall.toml needs to see where the token has moved to."""
    fact = logged_in(JSONResponse({"data": {"accessToken": "top-secret-value"}, "ok": True}))

    assert fact.seen == ("data", "data.accessToken", "ok")
    assert "top-secret-value" not in str(fact)


@pytest.mark.parametrize(
    ("answer", "auth"),
    [
        (JSONResponse({"data": {"jwt": "a.b.c"}}), {"token_key": "data.jwt"}),
        (JSONResponse({}, headers={"x-token": "Bearer a.b.c"}), {"token_in": "header", "token_key": "X-Token"}),
        (JSONResponse({}, headers={"set-cookie": "sid=a.b.c; HttpOnly"}), {"token_in": "cookie", "token_key": "sid"}),
    ],
)
def test_the_token_is_found_where_oncall_toml_says(answer, auth):
    """Body, header and cookie are all usual places."""
    assert logged_in(answer, **auth).problem is None


def test_a_rate_limiter_is_not_a_failure_and_is_not_asked_again():
    """429 says nothing about the login; asking again would make it worse."""
    patient = Patient()
    patient.login = lambda body: PlainTextResponse("slow down", 429)
    with served(patient.app) as port:
        look = Look(stack(port))
        for name in ("login", "refused_login", "issued_token"):
            with pytest.raises(CouldNotCheck, match=r"limits our rate \(429\)"):
                look(name)

    assert len(patient.logins) == 1


@pytest.mark.parametrize("missing", list(ACCOUNT))
def test_a_missing_account_names_its_variable(missing):
    """Only the checks that need the account are unknown; the unknown account is still refused."""
    environment = {name: value for name, value in ACCOUNT.items() if name != missing}
    with served(Patient().app) as port:
        look = Look(stack(port), environment=environment)

        for name in ("login", "issued_token_use", "issued_token"):
            with pytest.raises(CouldNotCheck, match=f"{missing} is not set"):
                look(name)
        assert look("refused_login").problem is None


@pytest.mark.parametrize("talk", [None, silent, reset, says(b"SSH-2.0-OpenSSH\r\n")])
def test_a_dead_backend_is_its_health_checks_story(talk):
    """One dead backend is one finding, not six."""

    def judge(port):
        look = Look(stack(port))
        for name in ("login", "refused_login", "issued_token_use"):
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("backend_health")):
                look(name)

    if talk is None:
        judge(free_port())
    else:
        with raw_server(talk) as port:
            judge(port)


def test_a_login_that_hangs_alone_fails():
    """The health check answers, so nobody else would say it."""
    patient = Patient()

    async def hang(body):
        await over.wait()
        return JSONResponse({})

    patient.login, over = hang, asyncio.Event()
    with served(patient.app) as port:
        look = Look(stack(port))

        assert "did not answer within" in look("login").problem
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("login")):
            look("refused_login")
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("login")):
            look("issued_token")


def test_a_login_without_its_database_blames_it():
    """The health body itself accuses the database, so the login is a consequence."""
    patient = Patient()
    patient.health, patient.health_status = {"status": "error", "checks": {"database": {"status": "down"}}}, 503
    patient.login = lambda body: JSONResponse({}, 500)
    with served(patient.app) as port:
        fact = Look(stack(port))("login")

    assert (fact.problem, fact.blames) == ("fails with 500", "postgres")


def test_a_gateway_that_answers_502_to_everything_is_said_once():
    """The proxy in front of a dead backend answers every path the same."""
    with raw_server(says(response(b"", "502 Bad Gateway"))) as port, pytest.raises(CouldNotCheck, match="502 to every"):
        Look(stack(port))("login")


@pytest.mark.parametrize(
    ("date", "took", "now"),
    [(100.0, 0.2, 100.2), (94.0, 6.0, 100.0), (40.0, 6.0, 46.0), (160.0, 6.0, 160.0)],
    ids=["quick", "it computed for 6 s", "its clock is behind", "its clock is ahead"],
)
def test_a_date_is_as_old_as_the_request_at_most(date, took, now):
    """A server that computes writes the Date of its last idle moment; here it is 100.2, or 100 after the slow login."""
    assert issuers_now(date, 100.2 if took < 1 else 100.0, took) == now


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (JSONResponse({"token": "a.b.c"}), "issues a token for a nonexistent account"),
        (
            JSONResponse({"token": "x"}),
            "answers 200 to an account that does not exist, with a token that opens nothing",
        ),
        (JSONResponse({"error": "no"}), "answers 200 to an account that does not exist, without a token"),
        (JSONResponse({}, 500), "fails with 500 on an unknown account instead of refusing it"),
        (JSONResponse({}, 302), "answers 302 to an account that does not exist"),
        (JSONResponse({}, 401), None),
        (JSONResponse({}, 404), None),
    ],
)
def test_an_unknown_account_must_be_refused(answer, words):
    """Let in, crashed and refused are three different things."""
    patient = Patient()
    healthy = patient.login
    patient.login = lambda body: healthy(body) if body["username"] == "probe" else answer
    patient.protected = lambda token: 200 if token in ("a.b.c", patient.token()) else 401
    with served(patient.app) as port:
        assert Look(stack(port))("refused_login").problem == words


def test_a_missing_route_is_no_refusal():
    """404 for everybody would look like a refused stranger."""
    patient = Patient()
    patient.login = lambda body: HTMLResponse("Cannot POST", 404)
    with served(patient.app) as port:
        for environment in (ACCOUNT, {}):
            with pytest.raises(CouldNotCheck, match="404"):
                Look(stack(port), environment=environment)("refused_login")


def test_no_login_declared_means_skipped():
    """Absent is what oncall.toml says, never what was not found."""
    look = Look(stack(free_port(), auth={"absent": True}))
    for name in ("login", "refused_login", "issued_token"):
        with pytest.raises(NotPart):
            look(name)


def test_a_fresh_token_that_is_refused_fails_and_makes_forgeries_unknown():
    """Two replicas with two secrets: everything is refused, so a refusal proves nothing."""
    patient = Patient()
    patient.protected = lambda token: 401
    with served(patient.app) as port:
        look = Look(stack(port))

        assert look("issued_token_use").problem == "refuses the token just issued (401)"
        for forgery in FORGERIES[:2]:
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("issued_token_use")):
                look("forged_token_use", forgery=forgery)


def test_a_broken_protected_route_is_told_once():
    """Where the route is a timed endpoint, that check tells it; else this one does."""
    patient = Patient()
    patient.protected = lambda token: 500
    with served(patient.app) as port:
        assert Look(stack(port))("issued_token_use").problem == "fails with 500 on the token just issued"
        timed = stack(port, endpoints=(Endpoint(name="suites", path="/api/suites"),))
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "response_times[suites]"):
            Look(timed)("issued_token_use")


def opened_by(forgery, patient):
    """Make the patient accept one forgery, and whatever cannot be told from it."""
    healthy = patient.protected

    def protected(token):
        if forgery == "no-token" and token is None:
            return 200
        if token is None:
            return 401
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
        if forgery == "tampered" and claims.get("exp", 0) > time.time():
            return 200
        if forgery == "expired" and header["alg"] == "HS256":
            options = {"verify_exp": False}
            try:
                jwt.decode(token, patient.secret, algorithms=["HS256"], options=options)
            except jwt.InvalidTokenError:
                return 401
            return 200
        if forgery == "alg-none" and header["alg"] == "none":
            return 200
        if forgery == "empty-key":
            signature = hmac.new(b"", token.rpartition(".")[0].encode(), "sha256").digest()
            if token.endswith(base64.urlsafe_b64encode(signature).decode().rstrip("=")):
                return 200
        return healthy(token)

    patient.protected = protected
    return patient


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("forgery", "unknown"),
    [
        ("no-token", {"tampered", "expired", "alg-none", "empty-key"}),
        ("tampered", {"expired", "alg-none", "empty-key"}),
        ("expired", set()),
        ("alg-none", set()),
        ("empty-key", set()),
    ],
)
def test_an_accepted_forgery_is_one_finding(forgery, unknown, env_file):
    """A route that checks nothing is one open door, not five."""
    with served(opened_by(forgery, Patient()).app) as port:
        look = Look(stack(port, env_file=env_file(f"JWT_SECRET={SECRET}")))
        outcomes = {}
        for one in FORGERIES:
            try:
                outcomes[one] = look("forged_token_use", forgery=one).problem
            except CouldNotCheck:
                outcomes[one] = "unknown"

    assert outcomes[forgery].endswith("is accepted")
    assert {one for one, outcome in outcomes.items() if outcome == "unknown"} == unknown
    assert {one for one, outcome in outcomes.items() if outcome is None} == set(FORGERIES) - unknown - {forgery}


def test_a_route_without_guard_is_found_without_an_account():
    """It needs no login to see that a stranger is let in."""
    patient = Patient()
    patient.protected = lambda token: 200
    with served(patient.app) as port:
        fact = Look(stack(port), environment={})("forged_token_use", forgery="no-token")

    assert fact.problem == "a request without a token is accepted"


@pytest.mark.parametrize(
    ("genuine", "problem"),
    [
        (
            "application/json",
            "protected route answers 200 with an HTML page to a request without a token, not a refusal",
        ),
        ("text/html", "a request without a token is accepted"),
    ],
)
def test_a_login_page_instead_of_a_refusal_is_called_a_page(genuine, problem):
    """Where the genuine token brings JSON, a page with 200 is no open door; where it brings a page, it may be."""
    page = Exchange(at="x:80", outcome="answered", status=200, content_type="text/html; charset=utf-8")
    use = ForgedTokenUse(
        forgery="no-token",
        words="a request without a token",
        exchange=page,
        accepted=(200,),
        refused=(401,),
        genuine_type=genuine,
    )

    assert (use.problem, use.is_accepted) == (problem, genuine == "text/html")


def test_a_crash_on_a_forgery_is_told_from_an_acceptance():
    """An unhandled error is a bug, an acceptance is an open door."""
    patient = Patient()
    healthy = patient.protected
    patient.protected = lambda token: 500 if token and healthy(token) == 401 else healthy(token)
    with served(patient.app) as port:
        fact = Look(stack(port))("forged_token_use", forgery="tampered")

    assert fact.problem == "protected route fails with 500 on a token with changed claims"


def test_an_expired_token_cannot_be_made_without_the_secret():
    """The reason names what to set."""
    with served(Patient().app) as port, pytest.raises(CouldNotCheck, match=r"set backend\.env_file"):
        Look(stack(port))("forged_token_use", forgery="expired")


def token_fact(token=None, **claims):
    patient = Patient(**claims)
    if token:
        patient.token = lambda: token
    with served(patient.app) as port:
        return Look(stack(port))("issued_token")


def test_a_good_token_is_well_formed_and_sane():
    """Three parts, an allowed algorithm, an hour to live."""
    fact = token_fact()

    assert fact.malformed is None
    assert fact.time_problems(24, 5) == ()
    assert fact.lifetime_seconds == 3600
    assert fact.clock == "backend"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("4f2a9c0d", "is not a JWT: it has 1 part instead of 3"),
        ("a.b.c.d.e", "is an encrypted JWT, which only its receiver can read (5 parts)"),
        ("a.b.c", "is not a JWT: its header or its claims are no JSON object"),
        ("eyJhbGciOiJub25lIn0.e30.", "names the algorithm 'none'; allowed: HS256"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "names the algorithm 'RS256'; allowed: HS256"),
    ],
)
def test_a_malformed_token_says_how(token, words):
    """Opaque, encrypted, unsigned and differently signed tokens are four different things."""
    assert token_fact(token).malformed == words


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (lambda now: {"exp": None}, "never expires: it has no exp"),
        (lambda now: {"exp": now - 7230, "iat": now - 9000}, "had expired 2 h before it was issued"),
        (lambda now: {"exp": now + 60, "iat": now + 600}, "expires before it is issued: exp is not after iat"),
        (lambda now: {"exp": (now + 3600) * 1000}, "has exp in milliseconds instead of seconds"),
        (lambda now: {"nbf": now + 600}, "is not valid for another 10 min"),
        (lambda now: {"exp": now + 90 * 86400}, "has a lifetime of 90 days, which exceeds 24 h"),
        (lambda now: {"iat": "yesterday"}, "has an iat that is no number"),
    ],
)
def test_insane_times_are_named(claims, words):
    """Each is another bug in whoever issues the token."""
    assert token_fact(**claims(int(time.time()))).time_problems(24, 5)[0] == words


@pytest.mark.parametrize(("seconds", "side"), [(9 * 3600, "9 h behind"), (-600, "10 min ahead of")])
def test_an_issuer_with_another_clock_is_named(seconds, side):
    """One instance issues what another one takes for expired, or for not yet valid; a second or two are rounding."""
    fact = token_fact()

    assert abs(fact.issuer_behind_seconds) <= 2
    told = replace(fact, issuer_behind_seconds=float(seconds)).time_problems(24, 5)
    assert told == (f"was issued by a clock that is {side} the backend's",)


def test_an_opaque_token_has_no_times_to_judge():
    """Its form is judged by another check."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("issued_token")):
        token_fact("4f2a9c0d").time_problems(24, 5)


@pytest.mark.parametrize(
    ("written", "verified"), [(SECRET, True), (f'"{SECRET}"', True), (f"{SECRET}x", False), ("changeme", False)]
)
def test_the_signature_is_verified_with_the_current_secret(written, verified, env_file):
    """A secret that was changed without a restart signs nothing that is out there."""
    with served(Patient().app) as port:
        fact = Look(stack(port, env_file=env_file(f"JWT_SECRET={written}\n")))("token_signature")

    assert fact.verified is verified


def test_foreign_algorithms_are_unknown(env_file):
    """With a key pair there is no shared secret to compare."""
    patient = Patient()
    patient.token = lambda: "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"
    with served(patient.app) as port, pytest.raises(CouldNotCheck, match="only signatures with a shared secret"):
        Look(stack(port, env_file=env_file(f"JWT_SECRET={SECRET}\n")))("token_signature")


def secret_fact(text, env_file, secret=None):
    """The judgement of a file of variables, beside a backend that signs with `secret`, or none at all."""
    if secret is None:
        return Look(stack(free_port(), env_file=env_file(text)))("jwt_secret")
    with served(Patient(secret).app) as port:
        return Look(stack(port, env_file=env_file(text)))("jwt_secret")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("OTHER=1\n", "is missing from"),
        ("# JWT_SECRET=abc\n", "is missing from"),
        ("JWT_SECRET=\n", "is empty in"),
        ('JWT_SECRET=""\n', "is empty in"),
        ('JWT_SECRET="   "\n', "is blank in"),
        ("JWT_SECRET=${VAULT_SECRET}\n", "holds an unresolved ${...} in"),
        ("JWT_SECRET=$(openssl rand -hex 32)\n", "holds an unresolved ${...} in"),
        ("JWT_SECRET='\"abcdefgh\"'\n", "is quoted by mistake in"),
    ],
)
def test_a_secret_that_is_not_set_says_how(text, words, env_file):
    """Missing, empty, blank, a forgotten reference, quotes too many: each is mended elsewhere."""
    assert secret_fact(text, env_file).unset.startswith(words)


def test_the_token_decides_whose_the_quotes_are(env_file):
    """The same line is right for one reader of the file and wrong for another."""
    line = f'JWT_SECRET="{SECRET}"\n'

    assert secret_fact(line, env_file, secret=SECRET).unset is None
    assert "quoted by mistake" in secret_fact(line, env_file, secret=f'"{SECRET}"').unset
    with pytest.raises(CouldNotCheck, match="only a token that it signed"):
        _ = secret_fact(line, env_file).unset


@pytest.mark.parametrize(
    "value", ["secret", "CHANGEME", "your-secret-key", "jwt_secret", "Super Secret", "aaaaaaaaaaaa", "abcabcabcabc"]
)
def test_a_guessable_secret_is_recognised(value, env_file):
    """What stands in every tutorial is the first that an attacker tries."""
    fact = secret_fact(f"JWT_SECRET={value}\n", env_file)

    assert fact.guessable
    assert (
        value.lower() not in str(fact).lower().replace("jwt_secret", "").replace("test_jwt_secret", "")
        or value == "secret"
    )


def test_a_short_secret_is_measured_by_its_algorithm(env_file):
    """A key as long as the hash is what RFC 7518 asks for."""
    short = secret_fact("JWT_SECRET=x7Kp\n", env_file)
    good = secret_fact(f"JWT_SECRET={SECRET}\n", env_file)

    assert (short.missing_bytes, short.guessable) == (28, None)
    assert (good.missing_bytes, good.guessable, good.algorithm) == (0, None, "HS256")


def test_an_unset_secret_has_no_strength(env_file):
    """One missing secret is one finding."""
    fact = secret_fact("OTHER=1\n", env_file)
    for judgement in ("guessable", "missing_bytes"):
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("jwt_secret")):
            getattr(fact, judgement)


def test_a_secret_in_a_named_file_is_named(env_file):
    """JWT_SECRET_FILE in the file of variables: where the secret stands is said, not that it is missing."""
    with pytest.raises(CouldNotCheck, match=r"JWT_SECRET stands in /run/secrets/jwt \(JWT_SECRET_FILE\)"):
        secret_fact("JWT_SECRET_FILE=/run/secrets/jwt\n", env_file)


def test_no_place_to_look_is_unknown(tmp_path):
    """A file that was not named, or is not there, says nothing about the secret."""
    with pytest.raises(CouldNotCheck, match=r"no place to look for JWT_SECRET: set backend\.env_file"):
        Look(stack(free_port()))("jwt_secret")
    with pytest.raises(CouldNotCheck, match="there is no such file"):
        Look(stack(free_port(), env_file=str(tmp_path / "none.env")))("jwt_secret")
    with pytest.raises(CouldNotCheck, match="it is a folder"):
        Look(stack(free_port(), env_file=str(tmp_path)))("jwt_secret")


@pytest.mark.parametrize(("offset", "words"), [(0, None), (2, None), (3600, "60 min ahead"), (-7300, "2 h behind")])
def test_the_backends_clock_is_read_from_its_date(offset, words):
    """A clock that is off makes fresh tokens count as expired, or as not yet valid."""
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + offset))
    with raw_server(says(response(b'{"status": "ok"}', Date=date))) as port:
        disagreement = Look(stack(port))("clocks").disagreement(5)

    if words is None:
        assert disagreement is None
    else:
        assert disagreement[0] == "backend"
        assert words in disagreement[1]


def test_no_clock_at_all_is_unknown():
    """A backend without a Date header tells no time."""
    with raw_server(says(response(b'{"status": "ok"}'))) as port, pytest.raises(CouldNotCheck, match="no Date header"):
        Look(stack(port), limits=FAST)("clocks")
