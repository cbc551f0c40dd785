"""Facts: what a probe returned, as frozen records with named fields and units."""

from abc import ABC, abstractmethod


class Fact(ABC):
    """The base of every record. Subclasses are frozen dataclasses of plain, typed values."""

    @abstractmethod
    def blind(self) -> str | None:
        """Why this record proves nothing, or None when somebody really looked."""
