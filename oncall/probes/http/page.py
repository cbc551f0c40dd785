"""An HTML page, read for what a browser would fetch next and for whether it is a page at all."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from urllib.parse import urljoin, urlsplit

from msgspec import Struct, field

from oncall.facts.frontend import Named
from oncall.gate.patterns import Pattern
from oncall.probes.http.html_tags import Tag, Tags

NOT_TEXT = ("script", "style", "template", "noscript", "title")
LINKS = {"stylesheet": "stylesheet", "modulepreload": "script", "icon": "icon", "apple-touch-icon": "icon",
         "mask-icon": "icon", "manifest": "manifest"}  # fmt: skip
PRELOADS = {"script": "script", "style": "stylesheet", "font": "font", "image": "image"}

# Pages that servers make of themselves when there is none of ours: by title, then by a mark in the body.
ERROR_TITLES = (
    (Pattern(r"^welcome to nginx"), "the welcome page of nginx"),
    (
        Pattern(r"^apache2? .*default page|^it works!?$|^test page for the .*(http|apache|nginx)"),
        "a web server's default page",
    ),
    (
        Pattern(r"^(40\d|50\d)\b|\b(bad gateway|service unavailable|gateway time-?out|internal server error)\b"),
        "an error page",
    ),
    (Pattern(r"^(error response|404 not found|not found)$"), "an error page"),
    (Pattern(r"^index of /|^directory listing"), "a directory listing"),
    (Pattern(r"^error: cannot find module|^vite \+ .* error"), "a build error"),
)
ERROR_MARKS = (
    (Pattern(r"<vite-error-overlay|\[plugin:vite:[a-z-]+\]"), "a build error of Vite"),
    (Pattern(r"failed to compile\.?\s*<|webpack compilation error|module build failed"), "a build error"),
    (
        Pattern(r"^\s*(internal server error|bad gateway|service unavailable|not found|cannot get /)"),
        "an error message",
    ),
)
READ = ("base", "meta", "script", "link", "img", "source", "input", "video", "image", "use")
FAR = 60  # characters of text: an error page says little else
MOST_NAMED = 500  # addresses of a page, or of a stylesheet: a large page has 100, a stylesheet of icons 300
MOST_COMMENTS = 20_000  # of a stylesheet: what follows is read as it is
LONGEST_ADDRESS = 4096  # characters: what servers and browsers take
CSS_URL = Pattern(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)""")


class Reading(Struct):
    """What the page says and names; `named` and `elsewhere` in the order of the page, each address once."""

    title: str = ""
    text: str = ""
    elements: int = 0
    named: list[Named] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    policies: list[str] = field(default_factory=list)


def read_page(page: str, address: str) -> Reading:
    """Read a page that was served at `address`."""
    reader = _Reader(address)
    for token in Tags(page, READ):
        if isinstance(token, Tag):
            reader.tag(token)
        else:
            reader.say(token.text)
    reading = Reading(" ".join(reader.title.split())[:200], " ".join(reader.text), reader.elements)
    reading.policies = reader.policies
    for kind, reference in reader.references:
        add(reading, kind, reference, reader.base, address)
    return reading


def add(reading: Reading, kind: str, reference: str, base: str, address: str) -> None:
    """Resolve a reference against `base` and file it: on the page's own site, or elsewhere."""
    if len(reference) > LONGEST_ADDRESS or len(reading.named) + len(reading.elsewhere) >= MOST_NAMED:
        return
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
    elif url not in reading.known:
        reading.known.add(url)
        reading.named.append(Named(kind=kind, url=url))


def _site(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port


def looks_like(reading: Reading, page: str) -> str:
    """Which well-known page of a sick server this is, in words; empty for any other."""
    title = reading.title.lower()
    for pattern, words in ERROR_TITLES:
        if pattern.search(title):
            return words if words != "an error page" else f"an error page ({reading.title[:30]})"
    lowered = page[:200_000].lower()
    for pattern, words in ERROR_MARKS:
        if pattern.search(lowered):
            return words
    text = reading.text.lower()
    if not reading.named and len(text) < FAR and ERROR_MARKS[-1][0].search(text):
        return f"an error message ({reading.text[:30]})"
    return ""


def names_in_css(css: str, address: str, page: str) -> list[Named]:
    """Fonts and images that a stylesheet at `address` names with url(...), on the site of `page`."""
    reading = Reading()
    css = without_comments(css)
    for match in islice(CSS_URL.finditer(css), 4 * MOST_NAMED):
        reference = next((group for group in match.groups() if group), "")
        if not reference or reference.startswith("#") or len(reference) > LONGEST_ADDRESS:
            continue
        imported = css[max(0, match.start() - 12) : match.start()].rstrip().endswith("@import")
        path = reference.split("?")[0].split("#")[0].lower()
        font = path.endswith((".woff", ".woff2", ".ttf", ".otf", ".eot"))
        add(reading, "stylesheet" if imported else "font" if font else "image", reference, address, page)
    return reading.named


def without_comments(css: str) -> str:
    """A stylesheet without its comments; one that never ends is the rest of it."""
    parts: list[str] = []
    at = 0
    while len(parts) < MOST_COMMENTS and (start := css.find("/*", at)) >= 0:
        parts.append(css[at:start])
        end = css.find("*/", start + 2)
        if end < 0:
            return " ".join(parts)
        at = end + 2
    return " ".join((*parts, css[at:]))


class _Reader:
    """Goes through a page once and keeps what it says and what it refers to."""

    def __init__(self, address: str) -> None:
        self.base = address
        self.based = False
        self.title = ""
        self.text: list[str] = []
        self.elements = 0
        self.references: list[tuple[str, str]] = []
        self.policies: list[str] = []
        self._inside: str | None = None

    def tag(self, tag: Tag) -> None:
        if tag.ends:
            if tag.name == self._inside:
                self._inside = None
            return
        if tag.name in NOT_TEXT:
            self._inside = tag.name
        elif tag.name not in ("html", "head", "body", "meta", "link", "base", "br"):
            self.elements += 1
        values = tag.attributes
        if tag.name == "base" and values.get("href") and not self.based:
            self._rebase(values["href"])
        elif tag.name == "meta" and values.get("http-equiv", "").strip().lower() == "content-security-policy":
            self.policies = [*self.policies[:9], values.get("content", "")]
        elif tag.name == "script":
            self._script(values)
        elif tag.name == "link":
            self._link(values)
        elif tag.name in ("img", "source", "input", "video") and self._inside != "template":
            self._image(tag.name, values)
        elif tag.name in ("image", "use") and (values.get("href") or values.get("xlink:href")):
            self.refer("image", values.get("href") or values["xlink:href"])

    def say(self, text: str) -> None:
        if self._inside == "title" and not self.title:
            self.title = text
        elif self._inside is None and text.strip():
            self.text.append(" ".join(text.split()))

    def refer(self, kind: str, reference: str) -> None:
        reference = reference.strip()
        if reference and not reference.startswith(("#", "data:")) and len(self.references) < 4 * MOST_NAMED:
            self.references.append((kind, reference))

    def _rebase(self, reference: str) -> None:
        if len(reference) <= LONGEST_ADDRESS:
            with suppress(ValueError):
                self.base, self.based = urljoin(self.base, reference), True

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
        for reference in candidates(values.get("srcset", "")):
            self.refer("image", reference)


def candidates(srcset: str) -> Iterator[str]:
    """The addresses in a srcset (`a.png 1x, b.png 2x`) as browsers read it: a comma inside a name belongs to it."""
    wanted = True
    for word in srcset.split():
        if not wanted:
            _, comma, word = word.partition(",")  # the rest of a descriptor
            if not comma:
                continue
        name = word.strip(",")
        if name:
            yield name
        wanted = not name or word.endswith(",")
