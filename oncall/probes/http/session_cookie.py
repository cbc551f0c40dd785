"""Whether browsers keep the login's cookie and send it with the API's requests (RFC 6265bis, 5.7 and 5.8)."""

from urllib.parse import urlsplit

from oncall.facts.auth import Login
from oncall.facts.session_cookie import SessionCookie
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probing.register import probe
from oncall.target.schema import Stack

LOOPBACK = ("localhost", "127.0.0.1", "::1")  # there browsers take Secure cookies over http, too


@probe(of="auth", optional=("login",))
def session_cookie(stack: Stack, login: Login | CouldNotCheck | NotPart) -> SessionCookie:
    """The cookie that the login's session is kept in."""
    if stack.auth.token_in != "cookie":  # noqa: S105  a place, no password
        raise Declared(f"says that no cookie carries the session ({stack.key('auth.token_in')})")
    if isinstance(login, Exception):
        raise login
    found = [one for one in login.set_cookies if one.partition(";")[0].strip() == stack.auth.token_key]
    if not found:
        raise CouldNotCheck("the login set no cookie of that name", root="login")
    name, _, attributes = found[-1].partition(";")
    page = stack.backend.public_url or (stack.backend.url if stack.frontend.absent else stack.frontend.url)
    return SessionCookie(
        name=name.strip(),
        attributes=attributes.strip(),
        page=page,
        at=login.exchange.at,
        problem=problem(attributes, page, stack.auth.protected_path),
    )


def problem(attributes: str, page: str, path: str) -> str:
    """Why a browser that opened `page` does not keep it, or does not send it to `path`; empty: it does."""
    told: dict[str, str] = {}
    for each in attributes.split(";"):
        key, _, value = each.partition("=")
        told[key.strip().lower()] = value.strip()
    parts = urlsplit(page)
    host = (parts.hostname or "").lower()
    if told.get("samesite", "").lower() == "none" and "secure" not in told:
        return "is SameSite=None without Secure"
    if "secure" in told and parts.scheme == "http" and host not in LOOPBACK:
        return "is Secure, and the page comes over http"
    domain = told.get("domain", "").lower().lstrip(".")
    if domain and host != domain and not host.endswith(f".{domain}"):
        return f"is for the domain {domain[:60]}, and the page is on {host[:60]}"
    if told.get("max-age", "1").lstrip("-").isdigit() and int(told.get("max-age", "1")[:12]) <= 0:
        return "ends at once (Max-Age)"
    prefix = told.get("path", "")
    within = path == prefix or path.startswith(prefix.rstrip("/") + "/")
    if prefix.startswith("/") and not within:
        return f"is for paths under {prefix[:60]}, and the API is at {path[:60]}"
    return ""
