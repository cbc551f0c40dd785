"""The login's cookie: what makes a browser drop it, or keep it and not send it; its value is in no fact."""

import pytest
from starlette.responses import JSONResponse

from oncall.finding import NotPart
from oncall.probes.http.session_cookie import problem
from tests.probes.patient_backend import Look, Patient, served, stack

PAGE = "https://shop.example/"


@pytest.mark.parametrize(
    ("attributes", "page", "words"),
    [
        ("Path=/; Secure; HttpOnly; SameSite=None", PAGE, ""),
        ("Path=/; HttpOnly; SameSite=None", PAGE, "is SameSite=None without Secure"),
        ("Secure", "http://shop.example", "is Secure, and the page comes over http"),
        ("Secure", "http://localhost:3000", ""),
        ("Domain=.shop.example", "https://www.shop.example", ""),
        ("domain=old.example", PAGE, "is for the domain old.example, and the page is on shop.example"),
        ("Domain=hop.example", PAGE, "is for the domain hop.example, and the page is on shop.example"),
        ("Path=/api", PAGE, ""),
        ("Path=/api/auth", PAGE, "is for paths under /api/auth, and the API is at /api/suites"),
        ("Max-Age=0", PAGE, "ends at once (Max-Age)"),
        ("Max-Age=3600", PAGE, ""),
        ("", PAGE, ""),
    ],
)
def test_a_cookie_is_judged_as_browsers_do(attributes, page, words):
    """RFC 6265bis, 5.7 and 5.8."""
    assert problem(attributes, page, "/api/suites") == words


def test_the_logins_cookie_is_looked_at_and_its_value_is_not_kept():
    """Name and attributes leave, nothing else."""
    patient = Patient()
    token = patient.token()

    def login(body):
        answer = JSONResponse({})
        answer.headers["set-cookie"] = f"session={token}; Path=/; SameSite=None"
        return answer

    patient.login = login
    with served(patient.app) as port, Look(stack(port, auth={"token_in": "cookie", "token_key": "session"})) as look:
        fact = look("session_cookie")
        kept = look.saved()

    assert (fact.name, fact.attributes) == ("session", "Path=/; SameSite=None")
    assert fact.problem == "is SameSite=None without Secure"
    assert token not in kept


def test_a_token_in_the_body_is_no_cookie():
    """Nothing for a browser to keep."""
    with served(Patient().app) as port, Look(stack(port)) as look, pytest.raises(NotPart, match="no cookie"):
        look("session_cookie")
