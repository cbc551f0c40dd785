"""Pages, stylesheets, bodies, tokens and sockets that were made to cost: linear, bounded, and never a bug of ours."""

import base64
import json
import time

import pytest

from oncall.gate.shallow_json import shallow_json
from oncall.probes.http.page import candidates, looks_like, names_in_css, read_page
from tests.integration.playbook_runs import write_target
from tests.security.harness import attacked
from tests.security.hostile_web import PAGE, frame, web

HERE = "http://127.0.0.1/"
REPEATED = [
    *("<![", "<!--", "<a<a", '<a x="', "<a x='", "&#", "&", "<script>", "</", "<!", "<?", "<!DOCTYPE", "<a ", "<a/"),
    *("<a x=", "<a\n", "<a b b", "<img a=a ", "<img a ", "<a =", "<a x=''", "<a ' >", '<a " >', "<b>", "<"),
    *(
        "<script></scrip",
        "<title></titl",
        "<textarea></textarea",
        "<!---->",
        "<!-- -->",
        "<img src=/a>",
        "<base href=//[",
    ),
    *("<img srcset='a b,", "<img srcset=',", "<img srcset=',,,,'>", "<link rel=icon href=/eyJ-eyJ-", "'select select "),
    *("\u00e9<b>", "\0<", "--!>", "<plaintext>", "<svg><![CDATA[", "<title>404 ", "<p>not found"),
]
IN_CSS = [
    "/*a",
    "/*",
    "/**/",
    "*/",
    "url(",
    "url( ",
    "url('",
    'url("',
    "url(a)",
    "@import url(a)",
    "url(a) \"url('",
    "\\",
]


def cost(work, text):
    """Seconds of the processor for one text, of three tries the best: other processes count little."""
    return min(_once(work, text) for _ in range(3))


def _once(work, text):
    began = time.thread_time()
    work(text)
    return time.thread_time() - began


def grows_linearly(work, piece, size):
    """Twice the double text costs at most eight times as much, where it costs anything."""
    small, large = (cost(work, (piece * (length // len(piece) + 1))[:length]) for length in (size, 4 * size))
    assert large < 0.03 or large < 8 * max(small, 0.004), (small, large)


@pytest.mark.parametrize("piece", REPEATED)
def test_a_page_costs_as_much_as_it_is_long(piece):
    """Up to the megabyte that is read of one."""

    def read(page):
        looks_like(read_page(page, HERE), page)

    grows_linearly(read, piece, 1 << 18)


@pytest.mark.parametrize("piece", IN_CSS)
def test_a_stylesheet_costs_as_much_as_it_is_long(piece):
    """Up to the four megabytes that are read of one."""
    grows_linearly(lambda css: names_in_css(css, HERE, HERE), piece, 1 << 20)


@pytest.mark.parametrize("piece", [",", ", ", "a ", "a,", "a 1x,", ",,a 1x", "a b c,d "])
def test_a_srcset_costs_as_much_as_it_is_long(piece):
    """50 kB of commas were half a minute."""
    grows_linearly(lambda srcset: sum(1 for _ in candidates(srcset)), piece, 1 << 18)


def test_a_page_is_still_read_as_browsers_do():
    """What the standard's tokenizer makes of the odd parts."""
    page = """<!DOCTYPE html><!-- <script src=no1.js> --><!--><title>A &amp; B</title>
    <SCRIPT SRC='a.js'></SCRIPT><script>document.write("<script src=no2.js><\\/script>")</script>
    <a title="a > b" href=x>1 < 2</a><link href=s.css rel="preload stylesheet"><![CDATA[ <img src=c.png> ]]>
    <img srcset="p.png 1x,q.png 2x, r,s.png 3x" src=d.png alt='"'><textarea><img src=no3.png></textarea>
    <img src="t&amp;u.png"><p>the end</p><img src="never closed"""
    reading = read_page(page, "http://h/d/")

    assert reading.title == "A & B"
    names = [named.url.removeprefix("http://h/d/") for named in reading.named]
    assert names == ["a.js", "s.css", "d.png", "p.png", "q.png", "r,s.png", "t&u.png"]
    assert "1 < 2" in reading.text
    assert "the end" in reading.text


def test_json_of_usual_depth_is_read_and_no_deeper():
    """What could be read could not be written again, 900 levels deep."""
    assert shallow_json("[" * 60 + "]" * 60)
    for depth in (70, 900, 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            shallow_json("[" * depth + "]" * depth)


def target(port):
    """The stack behind one port."""
    url = f"http://127.0.0.1:{port}"
    absent = {name: {"absent": True} for name in ("docker", "host", "postgres")}
    return absent | {
        "backend": {"url": url},
        "frontend": {"url": url},
        "websocket": {"url": f"ws://127.0.0.1:{port}/ws", "token_in": "none"},
    }


def looked_at(runs, changed=None, socket_talk=None):
    """A run against such a stack: cheap, reported, no bug of ours."""
    account = {"ONCALL_ACCOUNT": "probe", "ONCALL_PASSWORD": "correct-horse-battery-9"}
    with web(changed, socket_talk) as port:
        run = attacked(runs, write_target(runs.folder / "target.toml", target(port)), budget=5, **account)
    print(f"{run.seconds:.2f} s, {run.peak:.0f} MB")
    assert run.outcome.code == 1, run.outcome.screen
    assert not run.outcome.checks("error"), run.outcome.screen
    assert not [name for name, output in run.outputs.items() if "correct-horse-battery-9" in output]
    return run


def piece(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=")


def login(token):
    return {"/api/auth/login": ("application/json", b'{"token": "' + token + b'"}')}


DEEP = b"[" * 900 + b"]" * 900
ATTACKS = {
    "css-comments": {"/app.css": ("text/css", b"/*a" * 33_000)},
    "css-urls": {"/app.css": ("text/css", b"url(" * 250_000)},
    "srcset": {"/": ("text/html", PAGE + b'<img srcset="' + b"," * 50_000 + b'">')},
    "tags": {"/": ("text/html", PAGE + b"<a " * 340_000)},
    "marked-section": {"/": ("text/html", PAGE + b"<![" * 1000)},
    "comments": {"/": ("text/html", PAGE + b"<!--" * 250_000)},
    "token-like": {"/": ("text/html", PAGE + b"<img src=/" + b"eyJ-" * 25_000 + b">" + b"/eyJ-eyJ-" * 20_000)},
    "sql-like": {"/": ("text/html", b"<title>" + b"'select " * 25_000 + b"</title>" + PAGE)},
    "many-names": {"/": ("text/html", PAGE + b"".join(b"<img src=/%d.png>" % n for n in range(50_000)))},
    "deep-health": {"/health": ("application/json", b"[" * 100_000)},
    "deep-detail": {"/health": ("application/json", b'{"checks":{"x":{"status":"down","error":' + DEEP + b"}}}")},
    "many-checks": {
        "/health": (
            "application/json",
            json.dumps({"status": "down", "checks": {f"c{n}": {"status": "down"} for n in range(25_000)}}).encode(),
        )
    },
    "metrics-lines": {"/metrics": ("text/plain", b"a 1\n" * 2_000_000)},
    "metrics-labels": {"/metrics": ("text/plain", b"a{" + b",".join(b'l%d=""' % n for n in range(300_000)))},
    "token-of-a-megabyte": login(b"a" * 900_000),
    "token-of-pieces": login(b".".join(b"abcd" for _ in range(2000))),
    "token-of-our-words": login(b"outcome.postgres.confirmed"),
    "token-deep": login(piece(DEEP) + b"." + piece(DEEP) + b"." + b"s" * 43),
    "token-times": login(piece({"alg": "HS256"}) + b"." + piece({"exp": 10**300, "iat": -1e308}) + b".c2ln"),
    "token-kinds": login(piece({"alg": ["HS256"], "typ": {}}) + b"." + piece({"exp": []}) + b"." + b"s" * 43),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_answer_costs_little(runs, attack):
    """The whole run, with all of its outputs."""
    looked_at(runs, ATTACKS[attack])


def flood(data):
    def talk(connection):
        while True:
            connection.sendall(data)

    return talk


FLOODS = {
    "fragments": frame(b"a", 1, final=False) + frame(b"a", 0, final=False) * 20_000,
    "large-fragments": frame(b"a" * 60_000, 0, final=False) * 4,
    "pongs": frame(b"a" * 100, 10) * 1000,
    "pings": frame(b"a" * 100, 9) * 1000,
    "messages": frame(b"a" * 1_000_000),
    "empty": frame(b"") * 10_000,
}


@pytest.mark.parametrize("manner", FLOODS)
def test_a_socket_that_floods_costs_little(runs, manner):
    """Fragments of one byte, frames that never end a message, pongs that nobody has asked for."""
    looked_at(runs, socket_talk=flood(FLOODS[manner]))


def test_the_same_stack_without_an_attack_is_looked_at(runs):
    """So that the attacks above are what is measured."""
    passed = looked_at(runs).outcome.checks("passed")

    for name in ("test_frontend_serves_its_page", "test_backend_answers_its_health_check"):
        assert any(name in check for check in passed), passed
