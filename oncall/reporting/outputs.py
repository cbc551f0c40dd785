"""The outputs that are one file each, as a table: what is typed for it, what people call it, how it is made.

A new one is one file in this folder, one line in OUTPUTS and one option; one from outside is the hook
`pytest_oncall_run`. What is not one file (the terminal, the page, JUnit, GitHub's annotations) stands where pytest
asks for it. Modules are imported when they are wanted: most runs write none of them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from oncall.gate.patterns import whole
from oncall.playbook import Playbook
from oncall.reporting.followup import Followup
from oncall.results.record import RunRecord


class Told(Struct, frozen=True, kw_only=True):
    """What an output is made from. later: a later run of the same stack, where one was given."""

    run: RunRecord
    playbook: Playbook
    later: Followup | None = None


class Output(Struct, frozen=True):
    """option: the attribute of pytest's options that holds the path. name: what people call it."""

    option: str
    name: str
    content: Callable[[Told], bytes]


def as_json(told: Told) -> bytes:
    """The run as one JSON object; see result.schema.json."""
    from oncall.reporting import json

    return msgspec.json.format(msgspec.json.encode(json.document(told.run)), indent=2)


def _postmortem(told: Told) -> bytes:
    from oncall.reporting import postmortem

    return whole(postmortem.document(told.run, told.playbook, told.later)).encode()


OUTPUTS = (Output("result", "result", as_json), Output("postmortem", "post-mortem", _postmortem))
