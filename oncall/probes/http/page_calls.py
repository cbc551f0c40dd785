"""Whom a page calls: the origins that its text and scripts name, and the roots of paths on its own site.

Bundles hold the addresses of their API as plain strings: `"/api/suites"`, `"https://api.shop.example"`.
"""

from itertools import islice
from urllib.parse import urlsplit

from msgspec import Struct

from oncall.gate.patterns import Pattern

ORIGIN = Pattern(r"""["'`]((?:https?|wss?)://(?:[A-Za-z0-9.-]{1,100}|\[[0-9a-f:]{2,39}\])(?::[0-9]{1,5})?)""")
OWN_PATH = Pattern(r"""["'`](/[A-Za-z0-9][A-Za-z0-9_.~-]{0,39})(?:[/"'`?$])""")
MOST_NAMED = 2000  # matches that are looked at in one script; a bundle has some hundred
MOST_KEPT = 60


class Calls(Struct, frozen=True):
    """origins: "https://api.shop.example". roots: "/api", the first step of paths."""

    origins: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


def calls_in(text: str) -> Calls:
    """What a script or a page names."""
    return Calls(_kept(ORIGIN, text), _kept(OWN_PATH, text))


def together(calls: "list[Calls]") -> Calls:
    """What several scripts name, each once."""
    origins = dict.fromkeys(origin for one in calls for origin in one.origins)
    roots = dict.fromkeys(root for one in calls for root in one.roots)
    return Calls(tuple(islice(origins, MOST_KEPT)), tuple(islice(roots, MOST_KEPT)))


def root(path: str) -> str:
    """The first step of a path: "/api" of "/api/suites?page=1"."""
    return "/" + path.lstrip("/").partition("?")[0].partition("/")[0]


def origin(url: str) -> str:
    """Scheme, host and port as browsers compare them; empty when the address has none."""
    try:
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme.lower(), parts.scheme.lower())
        port = parts.port
    except ValueError:
        return ""
    if scheme not in ("http", "https") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" + (f":{port}" if port and port != {"http": 80, "https": 443}[scheme] else "")


def _kept(pattern: "Pattern[str]", text: str) -> tuple[str, ...]:
    found = dict.fromkeys(match[1] for match in islice(pattern.finditer(text), MOST_NAMED))
    return tuple(islice(found, MOST_KEPT))
