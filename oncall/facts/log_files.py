"""Whether the files that a part writes its log into are there."""

from oncall.facts import Fact


class LogFiles(Fact, frozen=True, kw_only=True):
    """The log files of one part's processes.

    processes: how many were looked at. deleted: the paths that files had which somebody has deleted while it holds
    them open.
    """

    component: str
    processes: int
    deleted: tuple[str, ...] = ()

    @property
    def evidence(self) -> dict[str, str]:
        return {"deleted, and still open": ", ".join(self.deleted[:5])}

    def inconclusive_reason(self) -> str | None:
        return None if self.processes else "no process was looked at"
