"""What a stranger might write where we show text, and how one sees in a browser that it did nothing."""

import re

ATTACKS = {
    "script": "<script>alert('a')</script>",
    "image": "<img src=x onerror=alert('b')>",
    "leaves": "</style></script></pre></title></svg></details>\"'><svg onload=alert('c')>",
    "frame": "<iframe srcdoc=\"<script>parent.alert('d')</script>\"></iframe>",
    "link": "<a href=\"javascript:alert('e')\" id=oncall-top>javascript:alert('e')</a>",
    "template": "{{ 7 * 7 }}{% raw %}${alert('f')}&lt;script&gt;alert('g')&lt;/script&gt;",
    "attribute": "' onmouseover=alert('h') x='\" autofocus onfocus=alert('i') y=\"",
    "comment": "<!-- --><base href=//evil.example/><meta http-equiv=refresh content=0;url=//evil.example/>",
    "terminal": "\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x1b]0;title\x07\x9b2J",
    "direction": "\u202egpj.exe\u202c\u2066x\u2069\u200b\ufeff\u2028",
    "commands": "x\n::error::y\r\n::set-output name=z::1\r",
    "nothing": "a\x00b\x7f",
    "bytes": b"\xff\xfe\xc3(".decode("utf-8", "surrogateescape"),
}
ATTACKS["all"] = " ".join(ATTACKS.values())
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\ud800-\udfff]")
NODES = """() => ({
  handlers: [...document.querySelectorAll('*')].filter(
    (one) => [...one.attributes].some((each) => each.name.startsWith('on'))).map((one) => one.outerHTML.slice(0, 200)),
  scripts: document.querySelectorAll('script').length,
  strange: [...document.querySelectorAll(
    'iframe, object, embed, base, form, link, img[src="x"], meta[http-equiv=refresh], svg[onload]',
  )].map((one) => one.outerHTML.slice(0, 200)),
  links: [...document.querySelectorAll('a, area')].map((one) => one.getAttribute('href')),
  ids: [...document.querySelectorAll('#oncall-top')].length,
  text: document.documentElement.innerText + document.documentElement.outerHTML,
})"""


def assert_harmless(seen):
    """With all of it unfolded, moved over and clicked at: no dialog, no request, no node, no hidden sign."""
    seen.unfold()
    page = seen.page
    for place in ("main h1", "main h3", "#results-table td", "svg text"):
        if page.locator(place).count() and page.locator(place).first.is_visible():
            page.locator(place).first.hover()
    page.keyboard.press("Tab")
    page.wait_for_timeout(200)
    found = page.evaluate(NODES)

    assert seen.dialogs == []
    assert seen.requests == [seen.address]
    assert found["handlers"] == []
    assert found["scripts"] == 2  # pytest-html's and ours
    assert found["strange"] == []
    assert found["ids"] == 0
    assert [link for link in found["links"] if not re.match(r"#oncall-|https://pypi\.python\.org/", link or "")] == []
    assert UNSEEN.findall(found["text"]) == []
    assert page.title().isprintable()
