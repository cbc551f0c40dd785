"""Which of a database's lines our own statements have caused. Pure.

The server writes a message and then the statement that it is about, in one piece; ours bear a mark.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from oncall.gate.patterns import Pattern
from oncall.probes.logs.lines import Line

OURS = "/* oncall */"  # as oncall/probes/postgres/session.py puts it into each query
MESSAGE = Pattern(r"\b(?:ERROR|FATAL|WARNING):  ")
NEAR = 15  # lines from a message to the mark in its statement: details, a context, the statement's first lines


def our_statements_marked(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines; those that answer a statement of ours say so."""
    marked = [*lines]
    for number, line in enumerate(lines):
        if OURS not in line.words:
            continue
        for back in range(number - 1, max(-1, number - NEAR), -1):
            if MESSAGE.search(lines[back].words[:400]):
                marked[back] = replace(lines[back], by_us=True)
                break
    return tuple(marked)
