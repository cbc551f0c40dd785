"""Form logins with CSRF tokens, opaque sessions, login pages instead of refusals, and whose a token is."""

import pytest
from starlette.responses import JSONResponse

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.auth.forgery import made_up
from oncall.probes.auth.subject import compared
from tests.probes.login_forms import AUTH, FormLogin
from tests.probes.patient_backend import ACCOUNT, Look, Patient, served, stack

FORGERIES = ("no-token", "tampered", "expired", "alg-none", "empty-key")


def looking(site, port, **auth):
    return Look(stack(port, auth=AUTH | auth))


@pytest.mark.parametrize(
    ("shown", "auth"),
    [
        ("html", {}),
        ("html", {"csrf_send": "header:X-CSRF-Token"}),
        ("cookie", {"csrf_from": "cookie:XSRF-TOKEN", "csrf_send": "header:X-CSRF-Token"}),
        ("header", {"csrf_from": "header:X-CSRF-Token", "csrf_send": "field:_csrf"}),
        ("json", {"csrf_from": "json:data.csrf", "csrf_send": "field:_csrf"}),
    ],
)
def test_a_form_login_brings_its_csrf_token(shown, auth):
    """The token goes back with the cookies that came with it; session and token are not kept."""
    site = FormLogin(shown)
    with served(site.app) as port:
        look = looking(site, port, **auth)

        assert look("login").problem is None
        assert look("refused_login").problem is None
        assert look("issued_token_use").problem is None
        saved = look.saved()

    assert [form["username"] for form in site.posted][0] == "probe"
    for secret in (*site.tokens, *site.tokens.values(), *site.users):
        assert secret not in saved


@pytest.mark.parametrize("again", ["redirect", "page", "400"])
def test_an_anonymous_session_is_no_login(again):
    """A refused login sets a session's cookie as well: what it opens is what counts."""
    site = FormLogin(again=again)
    with served(site.app) as port:
        fact = looking(site, port)("refused_login")

    assert (fact.token_found, fact.token_accepted, fact.problem) == (True, False, None)


def test_a_session_that_opens_what_is_shut_is_a_finding():
    """A stranger who gets in is told, whatever the status of the answer."""
    site = FormLogin(strangers=True)
    with served(site.app) as port:
        assert looking(site, port)("refused_login").problem == "issues a token for a nonexistent account"


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ("redirect", "redirects back to its login page (302): it refuses the probe account's name and password"),
        ("page", "shows its login page again (200): it refuses the probe account's name and password"),
    ],
)
def test_a_refused_form_is_told_from_a_login(again, words):
    """A redirect is a success only when it does not lead back."""
    site = FormLogin(again=again)
    with served(site.app) as port:
        look = Look(stack(port, auth=AUTH), environment=ACCOUNT | {"ONCALL_PASSWORD": "wrong"})

        assert look("login").problem == words
        assert look("login").manner == "wrong answer"


def test_a_missing_csrf_token_is_said():
    """The form has changed, or its page is gone: no login was sent."""
    site = FormLogin(shown="cookie")
    with served(site.app) as port:
        assert looking(site, port)("login").problem == "answers 200 without the CSRF token at html:_csrf"
        gone = looking(site, port, csrf_path="/nowhere")
        assert gone("login").problem == "answers 404 to the request for its CSRF token"
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "login"):
            gone("refused_login")
    assert site.posted == []


def test_a_csrf_token_that_is_refused_is_said():
    """It came, and was sent back where the site does not look for it."""
    with served(FormLogin().app) as port:
        look = looking(FormLogin(), port, csrf_send="field:other")

        assert look("login").problem == "refuses its CSRF token (419)"


def test_opaque_tokens_have_no_form_to_be_judged():
    """Shape, signature and secret are declared away; a made-up value must still be refused."""
    site = FormLogin()
    with served(site.app) as port:
        look = looking(site, port)
        for name in ("issued_token", "token_signature", "jwt_secret"):
            with pytest.raises(NotPart, match="says that tokens are opaque"):
                look(name)
        for forgery in FORGERIES[2:]:
            with pytest.raises(NotPart, match="says that tokens are opaque"):
                look("forged_token_use", forgery=forgery)
        assert [look("forged_token_use", forgery=forgery).problem for forgery in FORGERIES[:2]] == [None, None]


def test_a_made_up_session_that_is_accepted_is_a_finding():
    """Any value of the right shape opens the door."""
    patient = Patient()
    patient.login = lambda body: JSONResponse({"token": "abcd-1234-EFGH"})
    patient.protected = lambda token: 200 if token and len(token) == 14 else 401
    with served(patient.app) as port:
        fact = Look(stack(port, auth={"scheme": "opaque"}))("forged_token_use", forgery="tampered")

    assert fact.problem == "a made-up session value is accepted"
    assert made_up("abcd-1234-EFGH")[4:10:5] == "--"


def test_a_login_page_is_no_open_door():
    """With a session it brings a page as well, so only the form in it tells; the key that settles it is named."""
    site = FormLogin(page="page")
    with served(site.app) as port:
        with pytest.raises(CouldNotCheck, match="200 with a login page to a request without a token") as caught:
            looking(site, port)("forged_token_use", forgery="no-token")
        settled = looking(site, port, protected_refused_status=(200,))
        assert [settled("forged_token_use", forgery=forgery).problem for forgery in FORGERIES[:2]] == [None, None]

    assert caught.value.setting == "auth.protected_refused_status"


def test_a_redirect_to_the_login_page_is_called_one():
    """It leads somewhere, and the key that makes it a refusal is named."""
    site = FormLogin()
    with served(site.app) as port, pytest.raises(CouldNotCheck, match="302 to /login to a request") as caught:
        looking(site, port, protected_refused_status=(401,))("forged_token_use", forgery="no-token")

    assert caught.value.setting == "auth.protected_refused_status"


def test_a_session_that_is_forgotten_at_once_shows_the_login_page():
    """The login worked, and the next page is the login page: 200, and not accepted."""
    site = FormLogin(page="page")
    with served(site.app) as port:
        look = looking(site, port)
        assert look("login").problem is None
        site.users.clear()
        assert look("issued_token_use").problem == "shows its login page to the token just issued (200)"


@pytest.mark.parametrize(
    ("claims", "account", "agrees"),
    [
        ({"sub": "17", "email": "Probe@motel.example"}, "probe@motel.example", True),
        ({"sub": "17", "email": "boss@motel.example"}, "probe@motel.example", False),
        ({"sub": "probe"}, "probe", True),
        ({"sub": "17"}, "probe", None),
        ({"sub": "9f1c2a4e-aaaa-bbbb-cccc-0123456789ab"}, "probe", None),
        ({"sub": "17", "email": "boss@motel.example"}, "probe", None),
        ({"preferred_username": "boss"}, "probe", False),
        ({"preferred_username": "boss", "sub": "probe"}, "probe", True),
        ({"username": "The Boss"}, "probe", None),
        ({}, "probe", None),
    ],
)
def test_only_comparable_names_are_compared(claims, account, agrees):
    """A number or a display name says nothing about an account's name."""
    found = compared(claims, account)

    assert (found.agrees if found else None) is agrees


def test_whose_the_token_is_comes_from_a_claim():
    """The configured claim decides; without a comparable name and without a key the check is skipped."""
    with served(Patient().app) as port:
        with pytest.raises(NotPart, match=r"auth\.account_claim"):
            Look(stack(port))("token_subject")
        assert not Look(stack(port, auth={"account_claim": "sub"}))("token_subject").agrees
        with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "auth.account_claim"):
            Look(stack(port, auth={"account_claim": "upn"}))("token_subject")
        mine = Look(stack(port), environment=ACCOUNT | {"ONCALL_ACCOUNT": "probe@motel.example"})
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "login"):
            mine("token_subject")


def test_whose_an_unreadable_token_is_is_the_story_of_its_form():
    """A word where a JWT is awaited has no claims: that it is none is told elsewhere."""
    patient = Patient()
    patient.token = lambda: "4f2a9c0d"
    with served(patient.app) as port, pytest.raises(CouldNotCheck, check=lambda error: error.root == "issued_token"):
        Look(stack(port, auth={"account_claim": "sub"}))("token_subject")


def test_whose_the_token_is_comes_from_who_am_i():
    """An opaque token is asked about at the route that the target file names; the name is not kept."""
    site, auth = FormLogin(), {"whoami_path": "/me", "whoami_key": "user.name"}
    with served(site.app) as port:
        look = looking(site, port, **auth)
        assert look("token_subject").agrees
        assert "Probe" not in look.saved()
        with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "auth.whoami_key"):
            looking(site, port, **auth | {"whoami_key": "name"})("token_subject")
        with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "auth.whoami_path"):
            looking(site, port, **auth | {"whoami_path": "/nowhere"})("token_subject")
