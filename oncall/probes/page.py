"""An HTML page, read for what a browser would fetch next and for whether it is a page at all."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from msgspec import Struct, field

from oncall.facts.frontend import Named

NOT_TEXT = ("script", "style", "template", "noscript", "title")
LINKS = {"stylesheet": "stylesheet", "modulepreload": "script", "icon": "icon", "apple-touch-icon": "icon",
         "mask-icon": "icon", "manifest": "manifest"}  # fmt: skip
PRELOADS = {"script": "script", "style": "stylesheet", "font": "font", "image": "image"}

# Pages that servers make of themselves when there is none of ours: by title, then by a mark in the body.
ERROR_TITLES = (
    (r"^welcome to nginx", "the welcome page of nginx"),
    (r"^apache2? .*default page|^it works!?$|^test page for the .*(http|apache|nginx)", "a web server's default page"),
    (r"^(40\d|50\d)\b|\b(bad gateway|service unavailable|gateway time-?out|internal server error)\b", "an error page"),
    (r"^(error response|404 not found|not found)$", "an error page"),
    (r"^index of /|^directory listing", "a directory listing"),
    (r"^error: cannot find module|^vite \+ .* error", "a build error"),
)
ERROR_MARKS = (
    (r"<vite-error-overlay|\[plugin:vite:[a-z-]+\]", "a build error of Vite"),
    (r"failed to compile\.?\s*<|webpack compilation error|module build failed", "a build error"),
    (r"^\s*(internal server error|bad gateway|service unavailable|not found|cannot get /)", "an error message"),
)
FAR = 60  # characters of text: an error page says little else


class Reading(Struct):
    """What the page says and names; `named` and `elsewhere` in the order of the page, each address once."""

    title: str = ""
    text: str = ""
    elements: int = 0
    named: list[Named] = field(default_factory=list)
    elsewhere: set[str] = field(default_factory=set)


def read_page(html: str, address: str) -> Reading:
    """Read a page that was served at `address`."""
    parser = _Parser(address)
    parser.feed(html)
    parser.close()
    reading = Reading(" ".join(parser.title.split())[:200], " ".join(parser.text), parser.elements)
    for kind, reference in parser.references:
        add(reading, kind, reference, parser.base, address)
    return reading


def add(reading: Reading, kind: str, reference: str, base: str, address: str) -> None:
    """Resolve a reference against `base` and file it: on the page's own site, or elsewhere."""
    try:
        url = urljoin(base, reference.strip())
        parts = urlsplit(url)
        same_site = (parts.scheme, parts.hostname, parts.port) == _site(address)
    except ValueError:
        return
    if parts.scheme not in ("http", "https"):
        return  # data:, blob:, about: are in the page already
    url = parts._replace(fragment="").geturl()
    if not same_site:
        reading.elsewhere.add(url)
    elif all(named.url != url for named in reading.named):
        reading.named.append(Named(kind=kind, url=url))


def _site(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port


def looks_like(reading: Reading, html: str) -> str:
    """Which well-known page of a sick server this is, in words; empty for any other."""
    title = reading.title.lower()
    for pattern, words in ERROR_TITLES:
        if re.search(pattern, title):
            return words if words != "an error page" else f"an error page ({reading.title[:30]})"
    for pattern, words in ERROR_MARKS:
        if re.search(pattern, html[:200_000].lower()):
            return words
    text = reading.text.lower()
    if not reading.named and len(text) < FAR and re.search(ERROR_MARKS[-1][0], text):
        return f"an error message ({reading.text[:30]})"
    return ""


def names_in_css(css: str, address: str, page: str) -> list[Named]:
    """Fonts and images that a stylesheet at `address` names with url(...), on the site of `page`."""
    reading = Reading()
    css = re.sub(r"/\*.*?\*/", " ", css, flags=re.DOTALL)
    for match in re.finditer(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)""", css):
        reference = next((group for group in match.groups() if group), "")
        if not reference or reference.startswith("#"):
            continue
        imported = css[max(0, match.start() - 12) : match.start()].rstrip().endswith("@import")
        path = reference.split("?")[0].split("#")[0].lower()
        font = path.endswith((".woff", ".woff2", ".ttf", ".otf", ".eot"))
        add(reading, "stylesheet" if imported else "font" if font else "image", reference, address, page)
    return reading.named


class _Parser(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = address
        self.based = False
        self.title = ""
        self.text: list[str] = []
        self.elements = 0
        self.references: list[tuple[str, str]] = []
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in NOT_TEXT:
            self._inside = tag
        elif tag not in ("html", "head", "body", "meta", "link", "base", "br"):
            self.elements += 1
        if tag == "base" and values.get("href") and not self.based:
            self.base, self.based = urljoin(self.base, values["href"]), True
        elif tag == "script":
            self._script(values)
        elif tag == "link":
            self._link(values)
        elif tag in ("img", "source", "input", "video") and self._inside != "template":
            self._image(tag, values)
        elif tag in ("image", "use") and (values.get("href") or values.get("xlink:href")):
            self.refer("image", values.get("href") or values["xlink:href"])

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "title" and not self.title:
            self.title = data
        elif self._inside is None and data.strip():
            self.text.append(" ".join(data.split()))

    def refer(self, kind: str, reference: str) -> None:
        if reference.strip() and not reference.strip().startswith("#"):
            self.references.append((kind, reference))

    def _script(self, values: dict[str, str]) -> None:
        if values.get("type", "").lower() in ("", "module", "text/javascript", "application/javascript"):
            self.refer("script", values.get("src", ""))

    def _link(self, values: dict[str, str]) -> None:
        words = values.get("rel", "").lower().split()
        kind = next((LINKS[word] for word in words if word in LINKS), None)
        if kind == "stylesheet" and "alternate" in words:
            return
        if kind is None and "preload" in words:
            kind = PRELOADS.get(values.get("as", "").lower())
        if kind:
            self.refer(kind, values.get("href", ""))

    def _image(self, tag: str, values: dict[str, str]) -> None:
        if tag == "video":
            self.refer("image", values.get("poster", ""))
            return
        if tag == "img" or (tag == "input" and values.get("type", "").lower() == "image"):
            self.refer("image", values.get("src", ""))
        for candidate in re.split(r",\s+|,(?=\S+\s)", values.get("srcset", "")):
            if candidate.strip():
                self.refer("image", candidate.split()[0])
