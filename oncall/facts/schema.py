"""What is known about tables and indexes."""

from msgspec import Struct

from oncall.facts import Fact


class Indexes(Fact, frozen=True, kw_only=True):
    """All indexes of this database, and those that are broken; those being built at this moment do not count."""

    tables_seen: int
    total: int
    invalid: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.tables_seen else "the database has no tables"


class TableRead(Struct, frozen=True, kw_only=True):
    """How a large table has been read since its statistics began."""

    table: str
    rows: int
    full_scans: int
    rows_by_full_scans: int
    index_scans: int

    @property
    def index_percent(self) -> float:
        reads = self.full_scans + self.index_scans
        return 100.0 * self.index_scans / reads if reads else 100.0

    @property
    def rows_per_full_scan(self) -> float:
        return self.rows_by_full_scans / self.full_scans if self.full_scans else 0.0


class TableReads(Fact, frozen=True, kw_only=True):
    """The tables of this database that full scans read most, large ones first; tables_seen counts them all."""

    tables_seen: int
    tables: tuple[TableRead, ...] = ()

    def read_in_full(self, rows: int, percent: float, scans: int = 10) -> tuple[TableRead, ...]:
        """Large tables that are read mostly without an index (PgHero's rule), most rows read first.

        scans: fewer full reads than this are a backup or somebody's report, not a habit.
        """
        found = [
            table
            for table in self.tables
            if table.rows >= rows
            and table.full_scans >= scans
            and table.index_percent < percent
            and table.rows_per_full_scan >= rows
        ]
        return tuple(sorted(found, key=lambda table: -table.rows_by_full_scans))

    def inconclusive_reason(self) -> str | None:
        return None if self.tables_seen else "the database has no tables"


class ForeignKey(Struct, frozen=True, kw_only=True):
    """A foreign key whose columns no index begins with."""

    table: str
    name: str
    columns: tuple[str, ...]
    rows: int


class ForeignKeys(Fact, frozen=True, kw_only=True):
    """All foreign keys of this database, and those on large tables that lack an index, largest table first."""

    tables_seen: int
    total: int
    unindexed: tuple[ForeignKey, ...] = ()

    def on_large_tables(self, rows: int) -> tuple[ForeignKey, ...]:
        return tuple(key for key in self.unindexed if key.rows >= rows)

    def inconclusive_reason(self) -> str | None:
        return None if self.tables_seen else "the database has no tables"
