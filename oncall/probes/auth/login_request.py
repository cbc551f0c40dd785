"""One login as it is sent: JSON or a form, with the CSRF token and the cookies of the page before it."""

from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct

from oncall.probes.auth.token_place import body_value, cookies_of
from oncall.probes.http.backend import GRACE, expanded
from oncall.probes.http.client import Answer, Http
from oncall.probes.http.html_tags import Tag, Tags
from oncall.target.schema import Auth, Limits, Stack
from oncall.target.secrets import Secrets

LATEST = 8.5  # seconds by the clock on the wall, however busy this machine is: a run has 10 for it all
LONGEST = 8 << 10  # characters of a CSRF token and of the cookies that come with it: what a server takes as one header


class LoginAnswer(Struct, frozen=True):
    """What came of one login. of_csrf: it is the answer to the request for the CSRF token, which brought none."""

    answer: Answer
    of_csrf: bool = False


def log_in(
    stack: Stack, limits: Limits, secrets: Secrets, http: Http, account: str, password: str, seconds: float
) -> LoginAnswer:
    """Send one login, and before it the request for its CSRF token where it needs one. seconds: for the login."""
    auth, base = stack.auth, stack.backend.url.rstrip("/")
    headers = expanded(auth.login_headers, secrets)
    body = _body(auth, secrets, account, password)
    if auth.csrf_path:
        page = http.ask("GET", base + auth.csrf_path, headers=headers, seconds=limits.login_seconds + GRACE)
        token = csrf_token(page, auth.csrf_from)
        if not token:
            return LoginAnswer(page, of_csrf=True)
        secrets.learn(token)
        place, _, name = (auth.csrf_send or f"field:{auth.csrf_from.partition(':')[2]}").partition(":")
        if place == "header":
            headers[name] = token
        else:
            body[name] = token
        _keep_cookies(headers, page, secrets)
    form = auth.login_body == "form"
    answer = http.ask(
        auth.login_method,
        base + auth.login_path,
        headers=headers,
        json=None if form else body,
        form={name: str(value) for name, value in body.items()} if form else None,
        seconds=seconds,
        given_back=max(0.0, LATEST - seconds),
        refusable="login",
    )
    return LoginAnswer(answer)


def _body(auth: Auth, secrets: Secrets, account: str, password: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        key: secrets.expand(value) if isinstance(value, str) else value for key, value in auth.login_extra.items()
    }
    for key, value in ((auth.account_key, account), (auth.password_key, password)):
        place, *path = [key] if auth.login_body == "form" else key.split(".")  # a form's field may have a dotted name
        inner = body
        for step in path:
            inner[place] = dict(inner[place]) if isinstance(inner.get(place), dict) else {}
            inner, place = inner[place], step
        inner[place] = value
    return body


def csrf_token(page: Answer, source: str) -> str:
    """The CSRF token of an answer, from where the target file says; empty: it has none there."""
    if not page.answered or page.status >= 400:
        return ""
    place, _, name = source.partition(":")
    match place:
        case "cookie":  # written for a URL, and read so by who sends it back: Laravel's ends with %3D
            found = unquote(cookies_of(page).get(name, ""))
        case "header":
            found = page.headers.get(name.lower(), "")
        case "json":
            value = body_value(page, name)
            found = value if isinstance(value, str) else ""
        case _:
            found = _in_page(page.text, name)
    return found if len(found) <= LONGEST and found.isprintable() and found.isascii() else ""


def _in_page(page: str, name: str) -> str:
    """The value of the first input, or the content of the first meta, of that name."""
    for tag in Tags(page, ("input", "meta")):
        if isinstance(tag, Tag) and tag.attributes.get("name") == name:
            value = tag.attributes.get("value" if tag.name == "input" else "content")
            if value:
                return value
    return ""


def _keep_cookies(headers: dict[str, str], page: Answer, secrets: Secrets) -> None:
    """What a browser would send back of the page's cookies, beside those that the target file gives."""
    got = cookies_of(page)
    for value in got.values():
        secrets.learn(value)
    given = next((name for name in headers if name.lower() == "cookie"), "Cookie")
    pairs = [headers[given]] if headers.get(given) else []
    pairs += [f"{name}={value}" for name, value in got.items()]
    kept = "; ".join(pairs)
    if pairs and len(kept) <= LONGEST and kept.isascii() and kept.isprintable():
        headers[given] = kept


def led_back(answer: Answer, auth: Auth) -> bool:
    """Whether a redirect leads to where the login began: a form that refuses shows itself again."""
    location = answer.headers.get("location", "")
    if not (300 <= answer.status < 400 and location):
        return False
    try:
        path = urlsplit(urljoin(answer.address, location)).path
    except ValueError:
        return False
    own = {urlsplit(one).path.rstrip("/") for one in (auth.login_path, auth.csrf_path) if one}
    return path.rstrip("/") in own


def shows_login_page(answer: Answer) -> bool:
    """Whether an answer is a page that asks for a password."""
    if not answer.answered or answer.media_type != "text/html":
        return False
    return any(
        isinstance(tag, Tag) and tag.name == "input" and tag.attributes.get("type", "").lower() == "password"
        for tag in Tags(answer.text, ("input",))
    )


def redirect_words(answer: Answer) -> str:
    """Where an answer leads: " to /login", without what may be secret in it; empty: nowhere."""
    try:
        path = urlsplit(answer.headers.get("location", "")).path
    except ValueError:
        path = ""
    return f" to {path[:100]}" if path and path.isprintable() else ""
