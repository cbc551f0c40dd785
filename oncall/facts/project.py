"""What is known about the Compose project as a whole."""

from oncall.facts import Fact


class ComposeProject(Fact, frozen=True, kw_only=True):
    """Whether the engine has anything of the project.

    containers: of all its services, running or not. others: the engine's other projects, when this one has none.
    """

    name: str
    containers: int
    others: tuple[str, ...] = ()

    @property
    def evidence(self) -> dict[str, str | int]:
        return {"project": self.name, "projects on this engine": ", ".join(self.others[:10]) or "none"}

    def inconclusive_reason(self) -> str | None:
        return None if self.name else "no project was looked for"
