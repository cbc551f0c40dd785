"""What can come of a check.

looked, healthy             passed
looked, sick                FAILED     assert ..., finding(...)
could not look              UNKNOWN    CouldNotCheck, raised by a probe or by a fact
no such part, declared      skipped    NotPart, raised by a probe
anything else               ERROR      a bug in the suite: an assertion without a finding, any other exception
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool | None
COMPONENTS = ("host", "docker", "network", "postgres", "backend", "frontend", "auth", "websocket")


class CouldNotCheck(Exception):
    """The look could not be made, or its answer proves nothing; the message says why and what to set."""


class NotPart(Exception):
    """The target file says that this stack has no such part."""


class ProbeCrashed(Exception):
    """A probe ended with an exception that it should have turned into a fact: a bug in the suite."""


@dataclass(frozen=True)
class Finding:
    """A failed check's message as data.

    symptom: what is wrong, one line, never the fix.
    evidence: the few values that decided.
    component: the part that shows the symptom.
    blames: the part that the evidence itself accuses, when it is another one.
    """

    symptom: str
    component: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    blames: str | None = None


class Message(str):
    """A finding as pytest wants it after an assert: text."""

    __slots__ = ()

    def __new__(cls, finding: Finding) -> "Message":
        evidence = ", ".join(f"{name}={value}" for name, value in finding.evidence.items())
        return super().__new__(cls, f"{finding.symptom} ({evidence})" if evidence else finding.symptom)


def recorder(keep: Callable[[Finding], None], components: tuple[str, ...]) -> Callable[..., Message]:
    """The function that a check calls as `finding(...)`.

    keep: takes the finding as data.
    components: the names that a finding may use; any other raises ValueError.
    """

    def finding(
        symptom: str, *, component: str, evidence: Mapping[str, Value] | None = None, blames: str | None = None
    ) -> Message:
        for name in (component, blames):
            if name is not None and name not in components:
                raise ValueError(f"{name!r} is not a component; these are: {', '.join(components)}")
        found = Finding(symptom, component, dict(evidence or {}), blames if blames != component else None)
        keep(found)
        return Message(found)

    return finding
