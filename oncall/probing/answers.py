"""What a session needs of a run's answers: the same of a live run, of a snapshot, of what a stuck run left behind."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from oncall.facts import Fact
from oncall.probing.lag import Load
from oncall.probing.pictures import Picture
from oncall.probing.snapshot import Saved


class Answers(Protocol):
    """given: the parameters of the check that asks, by name. key: a probe's name with those it depends on."""

    interrupted: bool

    def key(self, name: str, given: Mapping[str, str]) -> str:
        """What a probe is called here for these parameters: "backend_health", of several "backend_health[orders]"."""

    def start(self, name: str, given: Mapping[str, str]) -> object:
        """Begin to look, unless that was done."""

    def ready(self, name: str, given: Mapping[str, str]) -> bool:
        """Whether `answer` would not wait."""

    def answer(self, name: str, given: Mapping[str, str]) -> Any:
        """The fact, or a client's handle; raises CouldNotCheck, NotPart or ProbeCrashed where there is none."""

    def pause(self) -> None:
        """Wait for whatever comes next, or for a moment."""

    def interrupt(self) -> None:
        """End the waiting: what has no answer yet is unknown."""

    def finish(self) -> None:
        """Close what was opened."""

    def noted(self, key: str) -> tuple[float | None, tuple[str, ...]] | None:
        """How many seconds a probe took, None where nobody knows, and its log; None: it was not started."""

    def load(self, keys: Iterable[str]) -> Load:
        """The worst that this machine suffered while these probes looked."""

    def facts(self) -> dict[str, Fact]:
        """What came in, by key."""

    def pictures(self) -> list[Picture]:
        """What probes took pictures of, in this very run."""

    def saved(self) -> dict[str, Saved]:
        """Facts and reasons as a snapshot keeps them, by key."""
