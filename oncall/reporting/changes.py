"""What has changed since an earlier run, in lines of text: for the terminal, a message, a mail. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from oncall.reporting import plain, summary
from oncall.results.comparison import Change, Comparison

SHOWN = 5  # of each kind, before "and 2 more"


def one_line(comparison: Comparison) -> str:
    """ "2026-11-24 03:00 UTC: 1 new (test_a), 1 gone (test_b), 2 still there", or that nothing has changed."""
    parts = [f"{len(some)} {word} ({_names(some)})" for word, some in _groups(comparison) if some]
    compared = "" if comparison.compared else ": no check had an answer in both runs"
    words = ", ".join(parts) or f"nothing new, nothing gone{compared}"
    return plain.escape_control_chars(f"{moment(comparison.earlier)}: {words}")


def entries(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """A label and a text for each finding that came, went or stayed, and for what could not be compared."""
    for word, some in _groups(comparison):
        for change in some[:SHOWN]:
            since = "" if word == "new" else f", there since {moment(change.since)}"
            text = f"{change.severity.upper()} {change.symptom} ({change.check}){since}"
            yield word.split()[0], plain.escape_control_chars(text)
        if len(some) > SHOWN:
            yield word.split()[0], f"and {len(some) - SHOWN} more"
    if comparison.unclear:
        names = ", ".join(comparison.unclear)
        text = f"{summary.checks(len(comparison.unclear))} failed in one run, without an answer in the other: {names}"
        yield "unclear", plain.escape_control_chars(text)


def lines(comparison: Comparison) -> list[str]:
    """All of it as plain lines."""
    told = [f"{label}: {text}" for label, text in entries(comparison)]
    return [f"Since {one_line(comparison)}", *told]


def moment(at: datetime) -> str:
    """ "2026-11-24 03:00 UTC"."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _groups(comparison: Comparison) -> tuple[tuple[str, tuple[Change, ...]], ...]:
    return ("new", comparison.new), ("gone", comparison.gone), ("still there", comparison.still)


def _names(some: tuple[Change, ...]) -> str:
    names = ", ".join(change.check for change in some[:3])
    return names + (", ..." if len(some) > 3 else "")
