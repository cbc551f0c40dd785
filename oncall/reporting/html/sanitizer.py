"""pytest-html's own page, tamed: its table, its environment, its head.

pytest-html writes ids of tests and values of the environment into its table as markup, and logs of any length. Here
they become text; and what scripts the page may run is fixed by a policy, so that markup which got in could do nothing.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from oncall.reporting import plain

LOG = 4_000  # characters of one captured text: above it stands a diagnosis
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src {}"
)
HEAD = (
    '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    '<meta name="color-scheme" content="light dark"/>'
)
CHARSET = '<meta charset="utf-8"/>'


def row(cells: list[str], nodeid: str, when: str) -> None:
    """Put the id into its cell as text."""
    name = escape(plain.escape_control_chars(nodeid if when == "call" else f"{nodeid}::{when}"))
    for place, cell in enumerate(cells):
        if "col-testId" in str(cell)[:40]:
            cells[place] = f'<td class="col-testId">{name}</td>'


def log(longrepr: str, sections: list[tuple[str, str]]) -> list[str]:
    """What a row unfolds: the failure and what was printed, as escaped text."""
    texts = [longrepr] if longrepr else []
    texts += [f"--- {name} ---\n{content}" for name, content in sections]
    return [escape(plain.escape_control_chars(text, LOG, lines=True)) for text in texts] or ["No log output captured."]


def data(content: dict[str, Any]) -> None:
    """What reached the table past both: printed by a teardown, or told by the machine (a branch's name, say)."""
    for tests in content["tests"].values():
        for test in tests:
            test["log"] = plain.escape_control_chars(test.get("log", ""), 5 * LOG, lines=True)
    content["environment"] = {
        plain.escape_control_chars(str(key)): _text(value) for key, value in content["environment"].items()
    }


def page(text: str) -> str:
    """The whole page as it is written: its language, its width on a phone, its policy, our one script."""
    script = _script()
    text = text.replace("<html>", '<html lang="en">', 1)
    text = text.replace(' onclick="location.reload()"', "", 1)  # of a page that is still being written; ours is not
    head = HEAD
    own = _last_script(text)
    if own is not None and "<style" in text[: text.find("</head>")]:
        hashes = f"{_hash(own)} {_hash(script)}"
        head += f'<meta http-equiv="Content-Security-Policy" content="{POLICY.format(hashes)}"/>'
    text = text.replace(CHARSET, CHARSET + head, 1)
    before, body, after = text.rpartition("</body>")
    return f"{before}<script>{script}</script>\n{body}{after}" if body else text


def _last_script(page: str) -> str | None:
    """pytest-html's own script, which stands at the page's end; None: the page has another form."""
    for tag in ("</html>", "</body>", "</footer>", "</script>"):
        page = page.rstrip()
        if not page.endswith(tag):
            return None
        page = page.removesuffix(tag)
    start = page.rfind("<script>")
    return page[start + len("<script>") :] if start >= 0 else None


@cache
def _script() -> str:
    return files(__package__).joinpath("diagnosis.js").read_text("utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _text(found: Any) -> str:
    """A value in one line: of a list pytest-html makes lists within lists."""
    if isinstance(found, Mapping):
        return ", ".join(f"{_text(key)}: {_text(value)}" for key, value in found.items())
    if isinstance(found, list | tuple):
        return ", ".join(map(_text, found))
    return escape(plain.escape_control_chars(str(found)))
