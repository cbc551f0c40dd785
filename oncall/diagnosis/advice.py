"""What to type for a cause: the steps of its section, filled, and which of them comes first. Pure.

One function computes it, once a run; terminal, HTML, JSON, post-mortem and messages all show what it returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from oncall.diagnosis.cause import Cause, Diagnosis
from oncall.finding import Value
from oncall.playbook import Next, Playbook, Section, Step, fill, for_runtime

if TYPE_CHECKING:
    from oncall.target.schema import Stack


def advised(diagnosis: Diagnosis, playbook: Playbook, stack: Stack) -> Diagnosis:
    """The diagnosis, each of its causes with what to type next; one without a section of the playbook has nothing."""
    causes = tuple(replace(cause, next=next_of(cause, playbook, stack)) for cause in diagnosis.causes)
    return replace(diagnosis, causes=causes)


def next_of(cause: Cause, playbook: Playbook, stack: Stack) -> Next | None:
    """The step to begin with, as it is typed."""
    section = playbook.section(cause.playbook)
    if section is None:
        return None
    place = _first(cause, section, stack)
    step = filled(section.recovery[place], cause, stack) if place is not None else None
    if place is None or step is None:
        return None
    return Next(
        section=section.id,
        step=place + 1,
        commands=step.commands,
        risk=step.risk,
        exits=step.exits,
        verify=step.verify,
    )


def filled(step: Step, cause: Cause, stack: Stack) -> Step | None:
    """A step as one types it for this cause: about the component that it names, the endpoint and the values it saw.

    None where it is for another runtime.
    """
    fitting = for_runtime(step, stack, cause.component)
    if fitting is None:
        return None
    about = cause.findings[0].parameters.get("endpoint", "") if cause.findings else ""
    seen: dict[str, Value] = {}
    for verdict in reversed(cause.findings):  # the nearest one last: its values are the ones that count
        seen.update(verdict.evidence)
    asked = cause.findings[0].address if cause.findings else ""
    return fill(fitting, stack, cause.component, about, seen | dict(cause.evidence), address=asked)


def _first(cause: Cause, section: Section, stack: Stack) -> int | None:
    """The place of the look that is about the nearest finding, or else of the first step; None: there is none here."""
    here = [place for place, step in enumerate(section.recovery) if for_runtime(step, stack, cause.component)]
    name = cause.findings[0].check.partition("[")[0] if cause.findings else ""
    looks = (
        place
        for place in here
        if section.recovery[place].risk == "read-only" and section.recovery[place].verify.partition("[")[0] == name
    )
    return next(looks, here[0] if here else None)
