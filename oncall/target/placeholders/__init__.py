"""What the placeholders of PLAYBOOK.md stand for: values of the target, and of the finding that a cause was seen by.

Each becomes one shell word, whatever it holds; FREE ones may be several, or a pattern: the target's own words. Evidence
is foreign text: it fills only what is declared here, only from the key that is declared for it, and only with a value
of the form that belongs there. Everything else leaves what the target says, or CAPITALS for a person to fill in. Pure.
"""

from oncall.target.placeholders.evidence import FROM_EVIDENCE
from oncall.target.placeholders.names import BLANKS, FREE, PLACEHOLDER, PLACEHOLDERS
from oncall.target.placeholders.running import RUNTIMES, Runtime, bound, part_behind, runtime_of, runtimes, seen_by
from oncall.target.placeholders.values import ENDING, values
from oncall.target.placeholders.words import word

__all__ = [
    "BLANKS",
    "ENDING",
    "FREE",
    "FROM_EVIDENCE",
    "PLACEHOLDER",
    "PLACEHOLDERS",
    "RUNTIMES",
    "Runtime",
    "bound",
    "part_behind",
    "runtime_of",
    "runtimes",
    "seen_by",
    "values",
    "word",
]
