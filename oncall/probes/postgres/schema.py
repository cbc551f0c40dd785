"""Tables and indexes: what is broken, missing or not used."""

from msgspec import Struct

from oncall.facts.schema import ForeignKey, ForeignKeys, Indexes, TableRead, TableReads
from oncall.finding import CouldNotCheck
from oncall.probes.postgres.session import Session, lacks
from oncall.probing.register import probe
from oncall.target.schema import Limits

USER_TABLES = """
    (SELECT count(*)::int FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
     WHERE t.relkind IN ('r', 'p') AND s.nspname NOT IN ('pg_catalog', 'information_schema')
     AND s.nspname NOT LIKE 'pg_toast%' AND s.nspname NOT LIKE 'pg_temp%') AS tables_seen
"""
ROWS = "greatest(coalesce(s.n_live_tup, 0), c.reltuples::bigint)"  # statistics are empty after a crash or an upgrade


class AllIndexes(Struct, frozen=True):
    """A row of the query below, as are the further records of this file."""

    tables_seen: int
    total: int
    hidden: int


class Name(Struct, frozen=True):
    name: str


@probe(of="postgres", deadline=4.5)
def indexes(database_session: Session) -> Indexes:
    """Indexes that the server may not use, those being built left out."""
    general = database_session.row(
        AllIndexes,
        f"""SELECT {USER_TABLES}, (SELECT count(*)::int FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
              JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')) AS total,
            (SELECT count(*)::int FROM pg_stat_progress_create_index WHERE relid IS NULL) AS hidden""",  # noqa: S608
    )
    invalid = database_session.rows(
        Name,
        """SELECT n.nspname || '.' || c.relname || ' on ' || t.relname AS name
           FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relkind = 'i'
           AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p
             WHERE p.index_relid = i.indexrelid OR p.relid = i.indrelid)
           ORDER BY c.relpages DESC, 1 LIMIT 20""",
    )
    if invalid and general.hidden:
        raise CouldNotCheck(lacks(database_session.user, "pg_monitor"))
    return Indexes(
        tables_seen=general.tables_seen, total=general.total, invalid=tuple(row.name for row in invalid[:20])
    )


class Read(Struct, frozen=True):
    name: str
    rows: int
    full_scans: int
    rows_by_full_scans: int
    index_scans: int
    tables_seen: int


@probe(of="postgres", deadline=4.5)
def table_reads(database_session: Session, limits: Limits) -> TableReads:
    """How the large tables have been read since their statistics began."""
    rows = database_session.rows(
        Read,
        f"""SELECT n.nspname || '.' || c.relname AS name, {ROWS}::bigint AS rows, coalesce(s.seq_scan, 0) AS full_scans,
              coalesce(s.seq_tup_read, 0) AS rows_by_full_scans, coalesce(s.idx_scan, 0) AS index_scans,
              {USER_TABLES.replace("%", "%%")}
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
            WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
              AND n.nspname NOT LIKE 'pg_toast%%' AND n.nspname NOT LIKE 'pg_temp%%'
            ORDER BY ({ROWS} >= %s) DESC, coalesce(s.seq_tup_read, 0) DESC LIMIT 20""",  # noqa: S608  no input in it
        (limits.large_table_rows,),
    )
    return TableReads(
        tables_seen=rows[0].tables_seen if rows else 0,
        tables=tuple(
            TableRead(
                table=_plain(row.name),
                rows=row.rows,
                full_scans=row.full_scans,
                rows_by_full_scans=row.rows_by_full_scans,
                index_scans=row.index_scans,
            )
            for row in rows[:20]
        ),
    )


class AllKeys(Struct, frozen=True):
    tables_seen: int
    total: int


class Key(Struct, frozen=True):
    name: str
    key: str
    rows: int
    columns: tuple[str, ...]


@probe(of="postgres", deadline=4.5)
def foreign_keys(database_session: Session) -> ForeignKeys:
    """Foreign keys whose columns no usable index begins with."""
    general = database_session.row(
        AllKeys,
        f"SELECT {USER_TABLES}, (SELECT count(*)::int FROM pg_constraint WHERE contype = 'f') AS total",  # noqa: S608
    )
    rows = database_session.rows(
        Key,
        f"""SELECT n.nspname || '.' || c.relname AS name, k.conname::text AS key, {ROWS}::bigint AS rows,
              (SELECT to_json(array_agg(a.attname::text ORDER BY p.place))::text 
               FROM unnest(k.conkey) WITH ORDINALITY p(number, place)
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.number) AS columns
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
            WHERE k.contype = 'f' AND c.relkind = 'r' AND NOT EXISTS (
              SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
              AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
            ORDER BY 3 DESC, 1, 2 LIMIT 20""",  # noqa: S608  no input in it
    )
    return ForeignKeys(
        tables_seen=general.tables_seen,
        total=general.total,
        unindexed=tuple(
            ForeignKey(table=_plain(row.name), name=row.key, columns=row.columns, rows=row.rows) for row in rows[:20]
        ),
    )


def _plain(name: str) -> str:
    """A table's name as people say it: `public` goes without saying."""
    return name.removeprefix("public.")
