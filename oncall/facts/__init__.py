"""Facts: what a probe returned, as frozen records with named fields and units."""

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """The base of every record. Subclasses are structs too: made a hundred times faster than dataclasses, and a run
    makes all of them at its start."""

    def blind(self) -> str | None:
        """Why this record proves nothing, or None when somebody really looked. Every record has its own."""
        raise NotImplementedError
