"""A Content-Security-Policy, read for what it forbids (CSP Level 3, 6.7.2).

Where nonces, hashes or 'strict-dynamic' decide about scripts or styles, addresses do not: those are not judged.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from oncall.probes.http.page_calls import origin

LONGEST = 8 << 10  # characters of a policy
FALLBACKS = {
    "script": ("script-src-elem", "script-src", "default-src"),
    "stylesheet": ("style-src-elem", "style-src", "default-src"),
    "request": ("connect-src", "default-src"),
}
Policy = dict[str, list[str]]


def policies(headers: Iterable[str]) -> list[Policy]:
    """The policies of headers and meta elements; each one must allow what is loaded."""
    found = []
    for text in headers:
        for one in text[:LONGEST].split(","):
            policy: Policy = {}
            for directive in one.split(";"):
                name, *sources = directive.split() or [""]
                policy.setdefault(name.lower(), sources)
            found.append(policy)
    return found


def forbids(policy: Policy, kind: str, url: str, page: str) -> str:
    """The directive that forbids a page to load this address; empty: none does."""
    name = next((one for one in FALLBACKS[kind] if one in policy), "")
    if not name:
        return ""
    sources = [source.lower() for source in policy[name]]
    if any(source.startswith(("'nonce-", "'sha", "'strict-dynamic'")) for source in sources):
        return ""
    return "" if any(_matches(source, url, page) for source in sources) else f"{name} {' '.join(policy[name])}".strip()


def _matches(source: str, url: str, page: str) -> bool:
    """Whether one source expression, in lower case, lets this address through."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return True
    if source == "'self'":
        return origin(url) == origin(page)
    if source.startswith("'"):
        return False
    if source == "*":
        return parts.scheme in ("http", "https", "ws", "wss")
    if source.endswith(":") and "/" not in source:
        return parts.scheme in (source[:-1], f"{source[:-1]}s")
    scheme, has_scheme, rest = source.rpartition("://")
    if has_scheme and parts.scheme not in (scheme, f"{scheme}s"):
        return False
    place, slash, path = rest.partition("/")
    host, colon, wanted = place.rpartition(":") if place.rpartition(":")[2].isdigit() or place.endswith(":*") else (
        place, "", "")  # fmt: skip
    usual = {"http": 80, "ws": 80, "https": 443, "wss": 443}.get(parts.scheme)
    actual = port or usual
    if colon and wanted != "*" and wanted != str(actual):
        return False
    if not colon and actual != usual:
        return False
    name = (parts.hostname or "").lower()
    if host.startswith("*."):
        return name.endswith(host[1:])
    there = parts.path.startswith(f"/{path}") if path.endswith("/") or not path else parts.path == f"/{path}"
    return host == name and (not slash or there)
