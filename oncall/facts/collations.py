"""By which versions of which libraries a database sorts, and by which its indexes were built."""

from msgspec import Struct

from oncall.facts import Fact


class Collation(Struct, frozen=True, kw_only=True):
    """One order of text. name: "database motel", or a collation that an index sorts by.

    recorded: the library's version when it was made or last refreshed. actual: the version now.
    """

    name: str
    recorded: str
    actual: str

    @property
    def differs(self) -> bool:
        return self.recorded != self.actual


class Collations(Fact, frozen=True, kw_only=True):
    """The order of this database, and of the collations that its indexes sort by, as far as a library makes them."""

    database: str
    collations: tuple[Collation, ...] = ()

    @property
    def changed(self) -> tuple[Collation, ...]:
        """Those whose library is another version than the one that the indexes were built with."""
        return tuple(one for one in self.collations if one.differs)

    @property
    def evidence(self) -> dict[str, str]:
        return {one.name: f"{one.recorded} recorded, {one.actual} now" for one in self.changed[:5]}

    def inconclusive_reason(self) -> str | None:
        return None if self.collations else "no collation was compared"
