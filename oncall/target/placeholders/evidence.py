"""What of a finding may fill a placeholder: only what is declared here, from the key that is declared for it, and with
a value of the form that belongs there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oncall.finding import Value

LONGEST = 2_000  # characters that a value of the evidence may have: a path has at most 4,096, an address is shorter


def _whole(value: Value) -> str | None:
    """A number above 0: the pid of a session."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _path(value: Value) -> str | None:
    """A path from the root: of a file system."""
    return value if isinstance(value, str) and value.startswith("/") and len(value) <= LONGEST else None


def _url(value: Value) -> str | None:
    """A whole address of HTTP."""
    http = isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= LONGEST
    return str(value) if http else None


def _address(value: Value) -> str | None:
    """A host with a port."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    host, _, port = value.rpartition(":")
    known = host.replace("-", "").replace(".", "").strip("[]").replace(":", "")
    return value if known.isalnum() and known.isascii() and port.isascii() and port.isdigit() else None


# placeholder -> the keys of the evidence that may fill it, the first that is there, and the form of their values
FROM_EVIDENCE: Mapping[str, tuple[tuple[str, ...], Callable[[Value], str | None]]] = {
    "pid": (("holder pid", "pid"), _whole),
    "mount": (("mount",), _path),
    "asset_url": (("asset",), _url),
    "holder": (("holder pid", "pid"), _whole),
    "address": (("address",), _address),
}


def seen(evidence: Mapping[str, Value]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, (keys, form) in FROM_EVIDENCE.items():
        fitting = (form(evidence[key]) for key in keys if key in evidence)
        if value := next(filter(None, fitting), None):
            found[name] = value
    return found
