"""What is known about the roles with which the application logs in to its database."""

from typing import Literal

from msgspec import Struct

from oncall.facts import Fact

SHORTEST_TIMEOUT_MS = 100  # (ours) below it ordinary statements of a page are ended
TIMEOUTS = ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
MILLISECONDS = {"us": 0.001, "": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
KnownBy = Literal["variable", "session", "ownership"]


class ApplicationRole(Struct, frozen=True, kw_only=True):
    """One role that the application logs in as, as the server's catalogue describes it.

    known_by: a variable that names it, a session of it in this database, or tables of this database that it owns.
    source: which variable of which service; "" where no variable names it.
    here: whether it logs in to this database, as far as variables say.
    exists, may_log_in, may_connect: pg_roles, rolcanlogin, the privilege CONNECT on this database.
    expired: when its password ended (rolvaliduntil), as the server writes it; "" when it has not.
    connection_limit: rolconnlimit, -1 when there is none; a superuser has none in effect.
    settings: what ALTER ROLE and ALTER DATABASE set for it, the nearer in place of the farther.
    table_schemas: schemas that hold a table or a view.
    unreadable: tables that it owns or may change, and may not read. closed: schemas of such tables that it may not use.
    accounts_schemas: schemas that hold the accounts table; accounts_unreadable: it serves the login, and may not read
        that table.
    hidden: tables that it owns or may change, whose rows row level security hides from it: no policy lets it read them.
        accounts_hidden: it serves the login, and sees no row of the accounts table.
    """

    name: str
    known_by: KnownBy
    source: str = ""
    here: bool = True
    exists: bool = True
    may_log_in: bool = True
    may_connect: bool = True
    expired: str = ""
    connection_limit: int = -1
    superuser: bool = False
    settings: dict[str, str]
    table_schemas: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    accounts_table: str = ""
    accounts_schemas: tuple[str, ...] = ()
    accounts_unreadable: bool = False
    hidden: tuple[str, ...] = ()
    accounts_hidden: bool = False

    @property
    def refusal(self) -> tuple[str, str]:
        """Why the server does not let it in, and the catalogue's own words; ("", "") when it does."""
        if not self.exists:
            return "does not exist", f'pg_roles: no role "{self.name}"'
        if not self.may_log_in:
            return "is not permitted to log in", "pg_roles: rolcanlogin = f"
        if self.expired:
            return f"has a password that expired on {self.expired[:10]}", f"pg_roles: rolvaliduntil = {self.expired}"
        if self.connection_limit == 0 and not self.superuser:
            return "has a connection limit of 0", "pg_roles: rolconnlimit = 0"
        if self.here and not self.may_connect:
            return "lacks the privilege CONNECT on the database", "has_database_privilege: f"
        return "", ""

    @property
    def hindrance(self) -> tuple[str, str]:
        """Why its statements fail although it is let in, and the server's own words; ("", "") when they do not."""
        for name in TIMEOUTS:
            value = self.settings.get(name, "")
            if 0 < milliseconds(value) < SHORTEST_TIMEOUT_MS:
                return f"has {name} = {value}", f"pg_db_role_setting: {name}={value}"
        if self.settings.get("session_replication_role", "origin").lower() == "replica":
            told = "pg_db_role_setting: session_replication_role=replica"
            return "has session_replication_role = replica: triggers and foreign keys are off", told
        if problem := self._lost_tables:
            return problem, f"pg_db_role_setting: search_path={self.settings['search_path']}"
        if self.closed:
            return f"may not use the schema {self.closed[0]}", f"has_schema_privilege({self.closed[0]}, USAGE): f"
        if self.accounts_unreadable:
            return f"may not read {self.accounts_table}", f"has_table_privilege({self.accounts_table}, SELECT): f"
        if self.unreadable:
            return f"may not read {self.unreadable[0]}", f"has_table_privilege({self.unreadable[0]}, SELECT): f"
        return "", ""

    @property
    def _lost_tables(self) -> str:
        """What a search_path of its own does not find; whoever qualifies every name sets an empty one."""
        path = schemas(self.settings.get("search_path", ""), self.name)
        if not path or not self.table_schemas:
            return ""
        if not set(path) & set(self.table_schemas):
            return f"has search_path = {self.settings['search_path']}, where no table is"
        if self.accounts_schemas and not set(path) & set(self.accounts_schemas):
            return f"has search_path = {self.settings['search_path']}, where {self.accounts_table} is not"
        return ""


class NamedDatabase(Struct, frozen=True, kw_only=True):
    """A database that the backend's variables name. service: whose variables; variable: which one."""

    name: str
    service: str
    variable: str
    exists: bool


class ApplicationRoles(Fact, frozen=True, kw_only=True):
    """The application's roles, and the databases that the backend's variables name.

    database: the one that the checks look at.
    """

    database: str
    roles: tuple[ApplicationRole, ...] = ()
    databases: tuple[NamedDatabase, ...] = ()

    @property
    def refused(self) -> tuple[ApplicationRole, ...]:
        """Those that the server does not let in."""
        return tuple(one for one in self.roles if one.refusal[0])

    @property
    def hindered(self) -> tuple[ApplicationRole, ...]:
        """Those that are let in, and whose statements fail."""
        return tuple(one for one in self.roles if one.exists and one.here and one.hindrance[0])

    @property
    def without_accounts(self) -> tuple[ApplicationRole, ...]:
        """Those from which row level security hides all accounts."""
        return tuple(one for one in self.roles if one.here and one.accounts_hidden)

    @property
    def without_rows(self) -> tuple[ApplicationRole, ...]:
        """Those from which it hides all rows of another table."""
        return tuple(one for one in self.roles if one.here and one.hidden)

    @property
    def elsewhere(self) -> tuple[NamedDatabase, ...]:
        """The databases that variables name and that the checks do not look at; those that do not exist first."""
        others = (one for one in self.databases if one.name != self.database)
        return tuple(sorted(others, key=lambda one: one.exists))

    def inconclusive_reason(self) -> str | None:
        return None if self.roles else "no role of the application is known"


def milliseconds(value: str) -> float:
    """A duration as PostgreSQL writes it; without a unit it is in milliseconds. 0 for none, and for what is none."""
    digits = value.rstrip("abcdefghijklmnopqrstuvwxyz ")[:12]
    unit = value[len(digits) :].strip()
    return int(digits) * MILLISECONDS.get(unit, 0) if digits.isascii() and digits.isdecimal() else 0


def schemas(search_path: str, role: str) -> tuple[str, ...]:
    """The schemas of a search_path; "$user" is the role's name."""
    words = (word.strip().strip("\"'") for word in search_path.split(","))
    return tuple(role if word == "$user" else word for word in words if word)
