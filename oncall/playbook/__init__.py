"""PLAYBOOK.md, as data: the only source of recovery text, and of how soon each severity is answered.

A team edits that page; its form is described in a comment at its top. Pure: text in, records out; nothing here opens a
file.
"""

from oncall.playbook.filling import fill, for_runtime
from oncall.playbook.reading import parse
from oncall.playbook.records import RISKS, Level, Next, Playbook, PlaybookError, Risk, Section, Step
from oncall.target.placeholders import PLACEHOLDER

__all__ = [
    "PLACEHOLDER",
    "RISKS",
    "Level",
    "Next",
    "Playbook",
    "PlaybookError",
    "Risk",
    "Section",
    "Step",
    "fill",
    "for_runtime",
    "parse",
]
