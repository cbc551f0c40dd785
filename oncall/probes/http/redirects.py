"""Where a redirect leads, as far as it stays on its host: round in a circle, to a dead end, or to an answer.

Only an answer that is a redirect already costs these requests. They carry no headers of ours: no token leaves.
"""

from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from oncall.facts.http import Exchange
from oncall.finding import CouldNotCheck
from oncall.probes.http.client import LONGEST_LOCATION, Answer, Http
from oncall.probing.lag import stack_time

MOST_HOPS = 5  # browsers give up after 20; an honest chain has two (to https, to the page's own path)
REDIRECTS = (301, 302, 303, 307, 308)
LEAST = 0.1  # seconds: less than this is no time to ask in


def traced(http: Http, answer: Answer, seconds: float) -> Exchange:
    """The exchange, with where its redirects lead to, for which there are `seconds`."""
    if not answer.answered or answer.status not in REDIRECTS:
        return answer.exchange
    ends = stack_time() + seconds
    first, current = answer.address, answer
    way = [first]
    while len(way) <= MOST_HOPS and current.status in REDIRECTS:
        following = _following(current)
        if following is None:
            return answer.exchange
        if following in way:
            return replace(answer.exchange, circle=tuple(_short(one, first) for one in (*way, following)))
        left = ends - stack_time()
        if left < LEAST:
            return answer.exchange
        way.append(following)
        try:
            current = http.ask("GET", following, seconds=left)
        except CouldNotCheck:
            return answer.exchange
        if current.outcome == "timeout" and current.allowed_seconds < 1.0:
            return answer.exchange  # our time was up, not the server's
    dead_end = current.problem or ("" if current.status < 400 else f"answers {current.status}")
    return replace(answer.exchange, dead_end=dead_end)


def _following(answer: Answer) -> str | None:
    """The next address; None when there is none, or when it is on another host."""
    location = answer.headers.get("location", "").strip()
    if not location or len(location) > LONGEST_LOCATION:
        return None
    try:
        url = urljoin(answer.address, location)
        here, there = urlsplit(answer.address), urlsplit(url)
        same = there.scheme in ("http", "https") and here.hostname == there.hostname and (there.port or 1) > 0
    except ValueError:
        return None
    return there._replace(fragment="").geturl() if same else None


def _short(url: str, first: str) -> str:
    """The path alone where it is on the first one's site; never a query, which may hold tokens."""
    parts, begun = urlsplit(url), urlsplit(first)
    here = (parts.scheme, parts.netloc) == (begun.scheme, begun.netloc)
    return (parts.path or "/")[:60] if here else f"{parts.scheme}://{parts.netloc}{parts.path}"[:100]
