"""How a probe ended: with a fact, or with the reason why there is none."""

from typing import Any, Literal

from msgspec import Struct

from oncall.finding import CouldNotCheck, Manner, NotPart, ProbeCrashed

Kind = Literal["fact", "unknown", "absent", "crashed"]
EXCEPTIONS: dict[Kind, type[Exception]] = {"unknown": CouldNotCheck, "absent": NotPart, "crashed": ProbeCrashed}


class Outcome(Struct, frozen=True):
    """value: the fact, or a client's handle. blames, manner, root, setting: as in CouldNotCheck."""

    kind: Kind
    value: Any = None
    reason: str = ""
    blames: str | None = None
    manner: Manner | None = None
    root: str = ""
    setting: str = ""

    def get(self) -> Any:
        """The value; raises a fresh CouldNotCheck, NotPart or ProbeCrashed when there is none."""
        if self.kind == "fact":
            return self.value
        if self.kind == "unknown":
            raise CouldNotCheck(
                self.reason, blames=self.blames, manner=self.manner, root=self.root, setting=self.setting
            )
        raise EXCEPTIONS[self.kind](self.reason)


def failed(error: Exception, reason: str) -> Outcome:
    """An exception of EXCEPTIONS as data. reason: its words, masked."""
    kind = next(kind for kind, exception in EXCEPTIONS.items() if isinstance(error, exception))
    if not isinstance(error, CouldNotCheck):
        return Outcome(kind, reason=reason)
    return Outcome(
        kind, reason=reason, blames=error.blames, manner=error.manner, root=error.root, setting=error.setting
    )
