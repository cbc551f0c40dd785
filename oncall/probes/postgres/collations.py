"""Whether the libraries that put text into order are those with which the indexes were built."""

from msgspec import Struct

from oncall.facts.collations import Collation, Collations
from oncall.finding import NotPart
from oncall.probes.postgres.session import Session
from oncall.probing.register import probe

RECORDS_DATABASES = 150000  # from here on pg_database has datcollversion
OF_INDEXES = """
    SELECT 'collation ' || left(c.collname, 80) AS name, left(c.collversion, 60) AS recorded,
      left(pg_collation_actual_version(c.oid), 60) AS actual
    FROM (SELECT DISTINCT unnest(indcollation) AS oid FROM pg_index) used JOIN pg_collation c ON c.oid = used.oid
    WHERE c.collversion IS NOT NULL AND pg_collation_actual_version(c.oid) IS NOT NULL
"""
OF_DATABASE = """
    SELECT 'database ' || left(d.datname, 80) AS name, left(d.datcollversion, 60) AS recorded,
      left(pg_database_collation_actual_version(d.oid), 60) AS actual
    FROM pg_database d WHERE d.datname = current_database() AND d.datcollversion IS NOT NULL
      AND pg_database_collation_actual_version(d.oid) IS NOT NULL
"""


class Row(Struct, frozen=True):
    """A row of the queries above."""

    name: str
    recorded: str
    actual: str


@probe(of="postgres", deadline=4.5)
def collations(database_session: Session) -> Collations:
    """The versions that the server has written down beside those that its libraries have now.

    Without a version is what is sorted by bytes (C), and up to PostgreSQL 14 the database's own order.
    """
    asked = OF_INDEXES if database_session.version < RECORDS_DATABASES else f"{OF_DATABASE} UNION ALL {OF_INDEXES}"
    rows = database_session.rows(Row, f"{asked} ORDER BY 1 LIMIT 100")
    if not rows:
        raise NotPart("the server has written down no version of the collations that this database sorts by")
    found = tuple(Collation(name=row.name, recorded=row.recorded, actual=row.actual) for row in rows)
    return Collations(database=database_session.dbname, collations=found)
