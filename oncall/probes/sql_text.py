"""Statements as people may see them: without literals, on one line, short."""

import re

HIDDEN = re.compile(
    r"""(?P<quoted>[eEbBxXnN]?'(?:[^']|'')*(?:'|\Z))   # an activity view cuts statements, so the end may be missing
      | (?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
      | (?P<name>"(?:[^"]|"")*(?:"|\Z))
      | (?<![\w$."])(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\w)
    """,
    re.VERBOSE | re.DOTALL,
)


def masked(sql: str, length: int = 200) -> str:
    """The statement without its literals, on one line, at most so long."""
    plain = " ".join(HIDDEN.sub(_mask, sql).split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _mask(match: re.Match[str]) -> str:
    if match["name"]:
        return match["name"]
    return "?" if match["number"] else "'?'"
