"""Texts made to be as costly as they can be for a pattern, read off the pattern itself.

For each repeat in it: what leads up to the repeat, and then the repeat's body many times, without what ought to follow.
That is the form of every catastrophic and every quadratic match; alternatives are walked one by one.
"""

import re
import time
import warnings
from collections.abc import Callable, Iterator
from re import _constants as codes
from re import _parser as parser  # the only reader of patterns in the standard library

UNICODE = (
    ("\\z", "\\Z"),
    ("\\pL", "a-zA-Z"),
    ("\\pN", "0-9"),
    ("\\pZ", " "),
    ("\\x{85}", "\\x85"),
)  # what RE2 spells otherwise
MOST = 24  # texts for one pattern
NEVER = "\x00"  # a sign that no pattern is looking for, so that what comes before it fails late


def texts(pattern: str) -> list[Callable[[int], str]]:
    """Makers of texts of a length, each as bad for the pattern as it can be made."""
    for theirs, ours in UNICODE:
        pattern = pattern.replace(theirs, ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern)
    pumps = dict.fromkeys(pair for choice in range(3) for pair in _pumps(list(tree), "", choice))
    sample = _sample(list(tree), 0)
    pumps |= dict.fromkeys([("", sample or "a"), ("", sample[:-1] or "a"), ("", sample[:1] or "a"), (sample, "a")])
    return [_maker(lead, body) for lead, body in list(pumps)[:MOST] if body]


def _maker(lead: str, body: str) -> Callable[[int], str]:
    def make(length: int) -> str:
        return lead + body * max(1, length // len(body)) + NEVER

    return make


def _pumps(nodes: list[tuple[object, object]], lead: str, choice: int) -> Iterator[tuple[str, str]]:
    """(what leads up to it, the body) for each repeat, and both together as a body."""
    for place, (kind, value) in enumerate(nodes):
        before = lead + _sample(nodes[:place], choice)
        if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            least, most, inner = value
            if most > 8:
                body = _sample(list(inner), choice) or "a"
                yield before, body
                yield "", (before + body * max(1, least)) or body
                yield "", before + body * max(1, least) + NEVER
            yield from _pumps(list(inner), before, choice)
        elif kind is codes.SUBPATTERN:
            yield from _pumps(list(value[3]), before, choice)
        elif kind is codes.BRANCH:
            for branch in value[1]:
                yield from _pumps(list(branch), before, choice)


def _sample(nodes: list[tuple[object, object]], choice: int) -> str:
    return "".join(_sign(kind, value, choice) for kind, value in nodes)


def _sign(kind: object, value: object, choice: int) -> str:
    if kind is codes.LITERAL:
        return chr(value)
    if kind is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if kind is codes.ANY:
        return "a"
    if kind is codes.IN:
        return _member(value, choice)
    if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, inner = value
        return _sample(list(inner), choice) * (least or (1 if choice and most else 0))
    if kind is codes.SUBPATTERN:
        return _sample(list(value[3]), choice)
    if kind is codes.BRANCH:
        return _sample(list(value[1][choice % len(value[1])]), choice)
    return ""


CLASSES = {
    codes.CATEGORY_DIGIT: "1", codes.CATEGORY_WORD: "a1_", codes.CATEGORY_SPACE: " \t",
    codes.CATEGORY_NOT_DIGIT: "a ", codes.CATEGORY_NOT_WORD: " -", codes.CATEGORY_NOT_SPACE: "a1",
}  # fmt: skip


def _member(items: list[tuple[object, object]], choice: int) -> str:
    negated = any(kind is codes.NEGATE for kind, _ in items)
    if negated:
        shut = re.compile("[" + "".join(_spelled(item) for item in items) + "]", re.ASCII)
        return next(sign for sign in "a1 -_.:/@'\"=&;\n" if shut.fullmatch(sign))
    found = []
    for kind, value in items:
        if kind is codes.LITERAL:
            found.append(chr(value))
        elif kind is codes.RANGE:
            found.append(chr(value[0]))
        elif kind is codes.CATEGORY:
            found += CLASSES[value]
    return found[choice % len(found)]


def _spelled(item: tuple[object, object]) -> str:
    kind, value = item
    if kind is codes.NEGATE:
        return "^"
    if kind is codes.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    if kind is codes.CATEGORY:
        return {codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_SPACE: r"\s",
                codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_NOT_WORD: r"\W",
                codes.CATEGORY_NOT_SPACE: r"\S"}[value]  # fmt: skip
    return re.escape(chr(value))


SIZES = (750, 3_000, 12_000, 48_000)  # characters: each four times the one before
LINEAR = 4.0  # what four times the text may cost; a quadratic one costs 16 times as much
SLACK = 1.9  # for a machine that does other things
SMALL = 0.004  # seconds of CPU: what costs less cannot be told from noise, nor hurt
LARGE = 1.0  # seconds of CPU for 48,000 characters, at the most


def growth(work: Callable[[str], object], make: Callable[[int], str]) -> tuple[float, float]:
    """How many times more four times the text costs, and the seconds of CPU of the largest; the worst of all sizes.

    Stops at the size where it is too much already.
    """
    work(make(10))  # compiles
    worst, before = 0.0, 0.0
    for size in SIZES:
        seconds, ratio = 0.0, 0.0
        for tries in (1, 3, 7):
            seconds = _cost(work, make(size), tries)
            if before and tries > 1:
                before = min(before, _cost(work, make(size // 4), tries))
            ratio = seconds / before if before > SMALL / 4 and seconds > SMALL else 0.0
            if ratio <= LINEAR * SLACK:
                break
        worst, before = max(worst, ratio), seconds
        if seconds > LARGE * size / SIZES[-1] * 4 or worst > LINEAR * SLACK:
            return max(worst, ratio, LINEAR * seconds / LARGE), seconds
    return worst, before


def _cost(work: Callable[[str], object], text: str, tries: int) -> float:
    costs = []
    for _ in range(tries):
        began = time.thread_time()
        work(text)
        costs.append(time.thread_time() - began)
    return min(costs)
