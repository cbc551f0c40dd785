"""The roles that the application logs in as: may they, and what hinders their statements.

All of it stands in catalogues that every role may read; nothing is done with the application's password.
"""

import json
import logging
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts.application_role import TIMEOUTS, ApplicationRole, ApplicationRoles, KnownBy, NamedDatabase
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.database_logins import DatabaseLogin, logins
from oncall.probes.postgres.session import Session
from oncall.probing.register import probe
from oncall.runtimes.runtime import Project
from oncall.target.schema import Stack
from oncall.target.views import parts

log = logging.getLogger(__name__)

MOST = 20  # roles that are looked at
KNOWN_BY: dict[int, KnownBy] = {1: "variable", 2: "session", 3: "ownership"}


class Row(Struct, frozen=True):
    """A row of the query below."""

    name: str
    rank: int
    exists: bool
    may_log_in: bool
    may_connect: bool
    expired: bool
    valid_until: datetime | None
    connection_limit: int
    superuser: bool
    settings: tuple[str, ...]
    table_schemas: tuple[str, ...]
    unreadable: tuple[str, ...]
    closed: tuple[str, ...]
    accounts_schemas: tuple[str, ...]
    accounts_unreadable: bool
    hidden: tuple[str, ...]
    databases: tuple[str, ...]


# Of a role that no variable names, only what can log in and is no superuser is the application's.
QUERY = """
    WITH relations AS (
      SELECT c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
        n.oid AS schema_oid, n.nspname FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_|^information_schema$'
    ), tables AS (
      SELECT * FROM relations WHERE relkind IN ('r', 'p')
    ), wanted AS (
      SELECT n::name AS name, 1 AS rank FROM json_array_elements_text(%s::json) n
      UNION SELECT a.usename, 2 FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
      WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND NOT r.rolsuper
        AND a.usename <> current_user
      UNION SELECT r.rolname, 3 FROM tables t JOIN pg_roles r ON r.oid = t.relowner
      WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
    ), here AS (
      SELECT oid FROM pg_database WHERE datname = current_database()
    )
    SELECT w.name::text AS name, w.rank, r.oid IS NOT NULL AS exists, coalesce(r.rolcanlogin, false) AS may_log_in,
      coalesce(has_database_privilege(r.oid, here.oid, 'CONNECT'), true) AS may_connect,
      coalesce(r.rolvaliduntil < clock_timestamp(), false) AS expired,
      extract(epoch FROM r.rolvaliduntil)::float8 AS valid_until,
      coalesce(r.rolconnlimit, -1) AS connection_limit, coalesce(r.rolsuper, false) AS superuser,
      (SELECT to_json(coalesce(array_agg(left(c, 500) ORDER BY s.setrole <> 0, s.setdatabase <> 0), '{}'))::text
       FROM pg_db_role_setting s, unnest(s.setconfig) c
       WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, here.oid)) AS settings,
      (SELECT to_json(coalesce(array_agg(DISTINCT nspname::text), '{}'))::text FROM relations) AS table_schemas,
      (SELECT to_json(coalesce(array_agg(u.name ORDER BY u.name), '{}'))::text FROM (
         SELECT t.nspname || '.' || t.relname AS name FROM tables t
         WHERE NOT has_any_column_privilege(r.oid, t.oid, 'SELECT') AND (t.relowner = r.oid
           OR has_table_privilege(r.oid, t.oid, 'UPDATE') OR has_table_privilege(r.oid, t.oid, 'DELETE'))
         LIMIT 20) u) AS unreadable,
      (SELECT to_json(coalesce(array_agg(DISTINCT t.nspname::text), '{}'))::text FROM tables t
       WHERE NOT has_schema_privilege(r.oid, t.schema_oid, 'USAGE')
         AND (t.relowner = r.oid OR has_table_privilege(r.oid, t.oid, 'UPDATE'))) AS closed,
      (SELECT to_json(coalesce(array_agg(t.nspname::text), '{}'))::text FROM relations t
       WHERE t.relname = %s) AS accounts_schemas,
      coalesce((SELECT bool_and(NOT has_any_column_privilege(r.oid, t.oid, 'SELECT')) FROM tables t
       WHERE t.relname = %s), false) AS accounts_unreadable,
      (SELECT to_json(coalesce(array_agg(u.name ORDER BY u.name), '{}'))::text FROM (
         SELECT t.nspname || '.' || t.relname AS name FROM tables t
         WHERE t.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
           AND (t.relforcerowsecurity OR NOT pg_has_role(r.oid, t.relowner, 'USAGE'))
           AND has_any_column_privilege(r.oid, t.oid, 'SELECT') AND (t.relname = %s OR t.relowner = r.oid
             OR has_table_privilege(r.oid, t.oid, 'UPDATE') OR has_table_privilege(r.oid, t.oid, 'DELETE'))
           AND NOT EXISTS (
             SELECT 1 FROM pg_policy p, unnest(p.polroles) g WHERE p.polrelid = t.oid AND p.polpermissive
               AND p.polcmd IN ('r', '*') AND (g = 0 OR pg_has_role(r.oid, g, 'USAGE')))
         ORDER BY t.relname = %s DESC LIMIT 20) u) AS hidden,
      (SELECT to_json(coalesce(array_agg(datname::text), '{}'))::text FROM pg_database) AS databases
    FROM wanted w LEFT JOIN pg_roles r ON r.rolname = w.name CROSS JOIN here
    WHERE w.rank = (SELECT min(rank) FROM wanted) ORDER BY 1 LIMIT 20
"""


@probe(of="postgres", deadline=4.5, optional=("project",))
def application_roles(
    stack: Stack, database_session: Session, project: Project | CouldNotCheck | NotPart
) -> ApplicationRoles:
    """What the server's catalogue says of the application's roles, as its variables name them, else as it is used."""
    everybody = logins(stack, project) if isinstance(project, Project) else ()
    own = tuple(login for login in everybody if login.service == stack.backend.found_by)
    # Another service may use another database of the same server; where the backend does, that is told.
    here = (login for login in everybody if login.database in ("", database_session.dbname))
    named = {login.user: login for login in reversed((*here, *own)) if login.user}
    accounts = "" if stack.auth.absent else stack.auth.accounts_table.rpartition(".")[2].strip('"')
    rows = database_session.rows(Row, QUERY, (json.dumps(sorted(named)[:MOST]), *[accounts] * 4), vital=True)
    if not rows:
        raise CouldNotCheck(
            "the role that the application logs in as is not known: no variable names it, it has no session, and it "
            "owns no table"
        )
    components = {part.found_by: name for name, part in parts(stack).items()}
    serving = {login.user for login in own} or {row.name for row in rows if len(rows) == 1}
    log.info("the application's roles, by %s: %s", KNOWN_BY[rows[0].rank], ", ".join(row.name for row in rows))
    said = {name: replace(login, service=components.get(login.service, login.service)) for name, login in named.items()}
    return ApplicationRoles(
        database=database_session.dbname,
        roles=tuple(
            _role(row, said.get(row.name), accounts, row.name in serving, database_session.dbname) for row in rows
        ),
        databases=tuple(_databases(own, stack.named("backend"), rows[0].databases)),
    )


def _role(row: Row, login: DatabaseLogin | None, accounts: str, serves: bool, database: str) -> ApplicationRole:
    of_accounts = {name for name in row.hidden if name.endswith(f".{accounts}")}
    settings = dict(pair.partition("=")[::2] for pair in row.settings)
    kept = (*TIMEOUTS, "search_path", "session_replication_role")
    return ApplicationRole(
        name=row.name,
        known_by=KNOWN_BY[row.rank],
        source=f"{login.variable} of {login.service}" if login else "",
        here=login is None or login.database in ("", database),
        exists=row.exists,
        may_log_in=row.may_log_in,
        may_connect=row.may_connect,
        expired=_day(row.valid_until) if row.expired else "",
        connection_limit=row.connection_limit,
        superuser=row.superuser,
        settings={name: settings[name][:200] for name in kept if name in settings},
        table_schemas=row.table_schemas[:50],
        unreadable=row.unreadable[:10],
        closed=row.closed[:10],
        accounts_table=accounts,
        accounts_schemas=row.accounts_schemas[:50],
        accounts_unreadable=serves and row.accounts_unreadable,
        hidden=tuple(name for name in row.hidden if name not in of_accounts),
        accounts_hidden=serves and len(of_accounts) == len(row.accounts_schemas) > 0,
    )


def _day(then: datetime | None) -> str:
    """As PostgreSQL writes a moment; "-infinity" for one before all others."""
    return then.strftime("%Y-%m-%d %H:%M:%S+00") if then else "-infinity"


def _databases(found: tuple[DatabaseLogin, ...], component: str, there: tuple[str, ...]) -> list[NamedDatabase]:
    """Each database that the variables name, once."""
    named = {login.database: login for login in reversed(found) if login.database}
    return [
        NamedDatabase(name=name, service=component, variable=login.variable, exists=name in there)
        for name, login in sorted(named.items())
    ]
