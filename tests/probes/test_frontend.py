"""The page and what it names, from real servers that are sick in one way each."""

import time

import pytest

from oncall.finding import CouldNotCheck, NotPart
from tests.probes.looking import frontend, look
from tests.probes.patients import PAGE, free_port, raw_server, response, says, silent, site

INDEX = b"""<!doctype html><html><head><title>Motel</title>
<link rel="stylesheet" href="/app.css"><link rel=icon href="/icon.svg">
<link rel="modulepreload" href="/vendor.js"><link rel="preload" as="font" href="/font.woff2">
<script type="module" src="/app.js"></script><script src="https://cdn.example/x.js"></script>
</head><body><div id="root"></div><img src="/a.png" srcset="/a.png 1x, /b.png 2x"><img src="data:image/png;base64,x">
</body></html>"""
CSS = b"/* url(/no.png) */ @font-face{src:url('f.woff')} body{background:url(/bg.jpg) url(#x) url(data:image/x)}"


def html(body, status="200 OK", content_type="text/html; charset=utf-8"):
    return response(body, status, content_type)


def whole_site(**changes):
    pages = {
        "/": html(INDEX),
        "/app.js": response(b"go()", content_type="text/javascript"),
        "/vendor.js": response(b"go()", content_type="application/javascript"),
        "/app.css": response(CSS, content_type="text/css"),
        "/icon.svg": response(b"<svg/>", content_type="image/svg+xml"),
        "/font.woff2": response(b"wOF2", content_type="font/woff2"),
        "/f.woff": response(b"wOFF", content_type="application/octet-stream"),
        "/a.png": response(b"png", content_type="image/png"),
        "/b.png": response(b"png", content_type="image/png"),
        "/bg.jpg": response(b"jpg", content_type="image/jpeg"),
    }
    return {**pages, **{f"/{name.replace('__', '.')}": page for name, page in changes.items()}}


def test_a_whole_site_is_healthy():
    """Page, scripts, styles, images, icons and fonts are all found and all good."""
    with raw_server(site(whole_site())) as port:
        stack = frontend(port)
        page, assets = look("frontend_page", stack), look("page_assets", stack)
        decorations = look("page_decorations", stack)

    assert (page.problem, page.title, page.elsewhere) == (None, "Motel", 1)
    assert sorted(asset.path for asset in assets.assets) == ["/app.css", "/app.js", "/vendor.js"]
    assert sorted(asset.path for asset in decorations.assets) == [
        "/a.png", "/b.png", "/bg.jpg", "/f.woff", "/font.woff2", "/icon.svg",
    ]  # fmt: skip
    assert assets.complete
    assert decorations.complete


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (html(b""), "answers with an empty page"),
        (html(b"  \n "), "serves a page without any content"),
        (html(b"<html><head></head><body></body></html>"), "serves a page without any content"),
        (html(b"<title>502 Bad Gateway</title>", "502 Bad Gateway"), "answers 502 Bad Gateway: a gateway error"),
        (html(b"x", "504 Late"), "answers 504 Gateway Timeout: a gateway error"),
        (html(b"x", "404 Not Found"), "answers 404 instead of its page"),
        (html(b"", "302 Found"), "answers 302 instead of its page"),
        (response(b"{}", content_type="application/json"), "answers with application/json instead of text/html"),
        (response(PAGE, content_type=""), "answers with no content type instead of text/html"),
        (html(b"<title>Welcome to nginx!</title><h1>Welcome"), "serves the welcome page of nginx instead of its page"),
        (html(b"<title>Apache2 Debian Default Page: It works</title>x"), "serves a web server's default page instead"),
        (html(b"<title>502 Bad Gateway</title><h1>502"), "serves an error page (502 Bad Gateway) instead of its page"),
        (html(b"<title>Index of /</title><pre>x"), "serves a directory listing instead of its page"),
        (html(b"Internal Server Error"), "serves an error message"),
        (html(b"<pre>Cannot GET /</pre>"), "serves an error message (Cannot GET /) instead of its page"),
        (html(PAGE + b"<vite-error-overlay></vite-error-overlay>"), "serves a build error of Vite instead of its page"),
    ],
)
def test_what_is_no_page_is_told(raw, words):
    """Each page that is not the application's has its own words."""
    with raw_server(says(raw)) as port:
        fact = look("frontend_page", frontend(port))
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "frontend_page"):
            look("page_assets", frontend(port))

    assert fact.problem.startswith(words)


def test_a_page_that_mentions_an_error_is_a_page():
    """Words inside a real page are not an error page."""
    with raw_server(says(html(INDEX.replace(b"Motel", b"404 ways to relax? Not found elsewhere")[:900]))) as port:
        assert "404" in look("frontend_page", frontend(port)).title


def test_nobody_listens():
    """A frontend that is down is a fact; what lies behind it is unknown."""
    stack = frontend(free_port())

    assert look("frontend_page", stack).problem.startswith("refuses connections on")
    for name in ("page_assets", "page_decorations"):
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "frontend_page"):
            look(name, stack)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"app__js": response(b"no", "404 Not Found")}, "script /app.js answers 404"),
        ({"app__js": html(INDEX)}, "script /app.js is the page itself again"),
        ({"app__js": html(b"<p>another")}, "script /app.js has the type text/html"),
        ({"app__js": response(b"x", content_type="")}, "script /app.js has the type none"),
        ({"app__js": response(b"", content_type="text/javascript")}, "script /app.js is empty"),
        ({"app__css": response(CSS, content_type="text/plain")}, "stylesheet /app.css has the type text/plain"),
        ({"app__css": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"}, "stylesheet /app.css broke off in the middle"),
        ({"app__css": html(INDEX), "app__js": html(INDEX)}, "stylesheet /app.css is the page itself again, 1 more"),
    ],
)
def test_a_broken_build_is_told_by_its_file(change, words):
    """The first broken file is named with what is wrong, the others are counted."""
    with raw_server(site(whole_site(**change))) as port:
        fact = look("page_assets", frontend(port))

    assert not fact.complete
    assert fact.symptom.startswith(words)


def test_a_missing_font_of_a_stylesheet_is_found():
    """What only the stylesheet names is asked for too."""
    with raw_server(site(whole_site(f__woff=response(b"no", "404 Not Found")))) as port:
        fact = look("page_decorations", frontend(port))

    assert fact.symptom == "font /f.woff answers 404"


def test_decorations_do_not_need_scripts():
    """A page without scripts and styles still has its images looked at."""
    pages = {"/": html(b"<p>hello<img src=/a.png>"), "/a.png": response(b"x", content_type="image/png")}
    with raw_server(site(pages)) as port:
        assert look("page_decorations", frontend(port)).complete
        with pytest.raises(CouldNotCheck, match="no script and no stylesheet"):
            look("page_assets", frontend(port))


def test_a_page_without_decorations_is_unknown():
    """Nothing to look at is not all good."""
    with raw_server(says(html(b"<p>hello"))) as port, pytest.raises(CouldNotCheck, match="no image, font or icon"):
        look("page_decorations", frontend(port))


def test_the_base_of_the_page_counts():
    """Relative addresses follow <base href>."""
    pages = {
        "/": html(b'<base href="/v2/"><script src="app.js"></script><p>x'),
        "/v2/app.js": response(b"go()", content_type="text/javascript"),
    }
    with raw_server(site(pages)) as port:
        assert look("page_assets", frontend(port)).complete


def test_an_address_that_is_none_is_told():
    """A broken address in the page does not stop the look."""
    page = b'<script src="/app.js"></script><script src="http://[bad/x.js"></script><img src="http://:0:x/"><p>x'
    pages = {"/": html(page), "/app.js": response(b"go()", content_type="text/javascript")}
    with raw_server(site(pages)) as port:
        assert len(look("page_assets", frontend(port)).assets) == 1


def test_files_that_hang_end_with_the_time_there_is(monkeypatch):
    """Many hanging files take no longer than one look may, and are told."""
    monkeypatch.setattr("oncall.probes.http.frontend.SECONDS", 1.5)
    page = html(b"<p>x" + b"".join(b'<script src="/%d.js"></script>' % n for n in range(30)))

    def talk(connection, path):
        connection.sendall(page) if path == "/" else silent(connection, path)

    with raw_server(talk) as port:
        began = time.perf_counter()
        fact = look("page_assets", frontend(port))

    assert time.perf_counter() - began < 15
    assert "did not answer" in fact.symptom


def test_the_symptom_is_one_short_line():
    """A long address is cut from its front, where all are alike."""
    long = "assets/" + "x" * 90 + ".js"
    with raw_server(site({"/": html(b"<p>x<script src='/%s'></script>" % long.encode())})) as port:
        fact = look("page_assets", frontend(port))

    assert len(fact.symptom) < 80
    assert fact.symptom.endswith("xxx.js answers 404")


def test_a_frontend_declared_absent_is_not_asked():
    """No frontend, no look."""
    with pytest.raises(NotPart):
        look("frontend_page", frontend(free_port(), absent=True))
