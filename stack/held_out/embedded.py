"""On the stack of ordinary processes."""

import os
import resource
import shutil
import time
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import bcrypt
import psycopg

from stack.held_out import both, held_out
from stack.lifecycle import certify

SLOW = 3.0  # seconds of a login that people complain about


def backend_says(stack, *, path="/api/suites", status, port=None):
    """Whether the backend (or the proxy) answers a request with a token like this."""
    try:
        return stack.ask(path, port=port, headers={"Authorization": "Bearer none"}, timeout=15)[0] == status
    except OSError:
        return False


def login_status(stack, port=None):
    """How a right login is answered; None: not at all."""
    known = stack.secrets
    body = {"username": known["ONCALL_ACCOUNT"], "password": known["ONCALL_PASSWORD"]}
    try:
        return stack.ask("/api/auth/login", body=body, port=port, timeout=20)[0]
    except OSError:
        return None


def cannot_connect(stack):
    """What the application's role is told; empty when it gets in."""
    try:
        psycopg.connect(stack.address("motel"), connect_timeout=5).close()
    except psycopg.Error as error:
        return str(error)
    return ""


def health_tells(stack, word):
    try:
        return word in stack.ask("/health", timeout=5)[1].decode(errors="replace")
    except OSError:
        return False


@held_out(
    "search-path-of-the-role",
    component="postgres",
    severity="p1",
    words=[r"search.?path"],
    source="https://github.com/apache/airflow/pull/17600",
    first_try="right",
)
def search_path_of_the_role(stack):
    """The application's role was given a search_path without public: all its tables are there, and it finds none.

    A setting of the database; health stays green, every login and every request ends with 500.
    """
    stack.sql("CREATE SCHEMA reporting")
    stack.sql("ALTER ROLE motel SET search_path = reporting")
    stack.wait(lambda: login_status(stack) == 500, "the login fails")


@held_out(
    "tls-demanded-of-a-plain-database",
    component="backend",
    also=("postgres",),
    severity="p1",
    words=[r"\bssl\b", r"sslmode", r"\btls\b"],
    source="https://github.com/outline/outline/issues/1501",
    first_try="right",
)
def tls_demanded_of_a_plain_database(stack):
    """The new release's DATABASE_URL asks for TLS (sslmode=require), which this database server does not speak."""
    address = stack.env("backend")["DATABASE_URL"]
    stack.restart("backend", wait=False, DATABASE_URL=f"{address}?sslmode=require")
    stack.wait(lambda: health_tells(stack, "SSL"), "the backend is refused TLS")


@held_out(
    "ident-instead-of-passwords",
    component="postgres",
    severity="p1",
    words=[r"\bident\b", r"pg_hba"],
    source="https://www.depesz.com/2007/10/04/ident/",
    first_try="right",
)
def ident_instead_of_passwords(stack):
    """A new pg_hba.conf asks an ident server who comes over the network: nobody gets in, with any password."""
    file = stack.data / "pg_hba.conf"
    said = file.read_text()
    file.write_text(said.replace("/32 scram-sha-256", "/32 ident").replace("/128 scram-sha-256", "/128 ident"))
    stack.reload_postgres()
    stack.wait(lambda: "Ident authentication failed" in cannot_connect(stack), "the role is refused")
    stack.wait(lambda: backend_says(stack, path="/health", status=503), "the backend is unhealthy")


@held_out(
    "connections-of-the-role-used-up",
    component="postgres",
    severity="p1",
    words=[r"too many connections for role", r"connection.?limit", r"rolconnlimit"],
    source="https://github.com/greenplum-db/gpdb/issues/3875",
    first_try="right",
)
def connections_of_the_role_used_up(stack):
    """The role may have three connections, and a forgotten report holds all three; the server has plenty left."""
    stack.hold_session("SELECT 1", count=3, name="report")
    stack.sql("ALTER ROLE motel CONNECTION LIMIT 3")
    stack.wait(lambda: "too many connections for role" in cannot_connect(stack), "the role's connections are used up")
    stack.wait(lambda: backend_says(stack, path="/health", status=503), "the backend is unhealthy")


@held_out(
    "open-files-limit",
    component="backend",
    also=("host",),
    severity="p1",
    words=[r"open files", r"file descriptors?", r"\bfds?\b", r"nofile", r"EMFILE", r"Errno 24"],
    source="https://github.com/Kludex/uvicorn/issues/1030",
    first_try="wrong: words",
)
def open_files_limit(stack):
    """The backend may hardly open a file more than it has (a limit far too low): it answers late, with 500 and 503."""
    process = stack.process("backend")
    most = max(map(int, os.listdir(f"/proc/{process.pid}/fd"))) + 1
    process.rlimit(resource.RLIMIT_NOFILE, (most, most))
    said = stack.log("backend")
    stack.wait(lambda: login_status_soon(stack) is None, "the backend accepts nothing")
    stack.wait(lambda: "Too many open files" in said.read_text(errors="replace"), "the backend's log says so")


def login_status_soon(stack):
    try:
        return stack.ask("/health", timeout=2)[0]
    except OSError:
        return None


@held_out(
    "upstream-by-the-other-family",
    component="frontend",
    severity="p1",
    words=[r"::1", r"ipv6", r"upstream", r"UPSTREAM", r"wrong (address|place)"],
    source="https://github.com/shuttle-hq/shuttle-shellcon/issues/3",
    first_try="wrong: words",
)
def upstream_by_the_other_family(stack):
    """The proxy looks for the backend on ::1; it listens on 127.0.0.1 only, and is well."""
    stack.restart("frontend", UPSTREAM=f"http://[::1]:{stack.ports['backend']}")
    stack.wait(lambda: backend_says(stack, status=502, port=stack.ports["frontend"]), "the proxy answers 502")


@held_out(
    "new-certificate-old-key",
    component="frontend",
    severity="p1",
    words=[r"key.?values.?mismatch", r"key .*(does not|doesn't|do not) (match|fit|belong)", r"mismatch"],
    source="https://github.com/mailcow/mailcow-dockerized/issues/417",
    first_try="right",
)
def new_certificate_old_key(stack):
    """The certificate was renewed, its key was not copied with it: the frontend ends at its start."""
    certify(stack.scratch)
    for name in ("frontend.pem", "ca.pem"):
        shutil.copy2(stack.scratch / name, stack.home.tls / name)
    stack.restart("frontend", wait=False)
    stack.wait(lambda: not stack.lives("frontend"), "the frontend has ended", 20)


@held_out(
    "index-left-invalid",
    component="postgres",
    severity="p4",
    words=[r"invalid index", r"index\b.*\b(invalid|not valid)", r"indisvalid"],
    source="https://github.com/prebid/salesagent/issues/2087",
    first_try="wrong: severity",
)
def index_left_invalid(stack):
    """CREATE UNIQUE INDEX CONCURRENTLY met a duplicate: what it left is no good to any query, and has to be dropped."""
    with suppress(psycopg.errors.UniqueViolation):
        stack.sql("CREATE UNIQUE INDEX CONCURRENTLY tasks_suite_id_due_at_key ON tasks (suite_id, due_at)")
    left = "SELECT 1 FROM pg_index WHERE indexrelid = 'tasks_suite_id_due_at_key'::regclass AND NOT indisvalid"
    stack.wait(lambda: stack.sql(left), "an invalid index is left")


@held_out(
    "migration-behind-a-forgotten-transaction",
    component="postgres",
    severity="p2",
    words=[r"idle in transaction", r"\block(s|ed|ing)?\b", r"\bblock(s|ed|ing)?\b", r"ALTER TABLE"],
    source="https://www.netdata.cloud/guides/postgres/postgres-alter-table-blocked/",
    first_try="right",
)
def migration_behind_a_forgotten_transaction(stack):
    """A forgotten transaction has read users; ALTER TABLE waits for it, and every login waits for the ALTER TABLE.

    To be ended is the forgotten transaction; everything else then goes on by itself.
    """
    stack.hold_session("BEGIN", "SELECT count(*) FROM users", name="forgotten")
    stack.hold_session("ALTER TABLE users ADD COLUMN phone text", name="migration", wait_for_all=False)
    waiting = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND mode LIKE 'AccessEx%' AND waitstart < now() - '8s'::interval"
    )
    stack.wait(lambda: stack.sql(waiting), "the migration waits", 20)
    stack.wait(lambda: login_status(stack) == 503, "the login fails", 30)


@held_out(
    "passwords-hashed-too-dearly",
    component="auth",
    also=("backend", "postgres"),
    severity="p3",
    words=[r"bcrypt", r"\bcost\b", r"rounds", r"hash"],
    source="https://github.com/dexidp/dex/issues/962",
    first_try="wrong: words, severity",
)
def passwords_hashed_too_dearly(stack):
    """All passwords were hashed anew with a bcrypt cost that takes seconds a login; everything else is quick."""
    account, password = stack.secrets["ONCALL_ACCOUNT"], stack.secrets["ONCALL_PASSWORD"].encode()
    cost, took = 13, 0.0
    while took < SLOW:
        cost, start = cost + 1, time.monotonic()
        hashed = bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()
        took = time.monotonic() - start
    stack.sql(f"UPDATE users SET password_hash = replace(password_hash, '$2b$10$', '$2b${cost}$')")
    stack.sql("UPDATE users SET password_hash = %s WHERE username = %s", (hashed, account))
    start = time.monotonic()
    stack.wait(lambda: login_status(stack) == 200, "the login works still", 30)
    stack.wait(lambda: time.monotonic() - start > 0.7 * SLOW, "the login is slow", 1)


@held_out(
    "proxy-timeout-in-the-wrong-unit",
    component="frontend",
    severity="p1",
    words=[r"\b504\b", r"time[sd]?.?out", r"UPSTREAM_TIMEOUT"],
    source="https://github.com/vyos/vyos-1x/pull/2210",
    first_try="wrong: severity",
)
def proxy_timeout_in_the_wrong_unit(stack):
    """The proxy waits two milliseconds for the backend where seconds were meant: 504 for all, from a quick backend."""
    stack.restart("frontend", UPSTREAM_TIMEOUT_SECONDS="0.002")
    stack.wait(lambda: login_status(stack, stack.ports["frontend"]) == 504, "the proxy answers 504")


@held_out(
    "port-taken-by-another-program",
    component="backend",
    also=("host",),
    severity="p1",
    words=[
        r"(already|address|port)\b.{0,20} in use",
        r"another (process|program)",
        r"EADDRINUSE",
        r"\btaken\b",
        r"held by",
    ],
    source="https://github.com/dokku/dokku/issues/5219",
    first_try="right",
)
def port_taken_by_another_program(stack):
    """During the deploy another program took the backend's port: the new backend ends at once, 404 comes from there."""
    port = str(stack.ports["backend"])
    stack.stop("backend")
    folder = stack.scratch / "share"
    folder.mkdir()
    words = ["python", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", str(folder)]
    stack.helper("share", words, ready="Serving HTTP")
    stack.start("backend", wait=False)
    stack.wait(lambda: not stack.lives("backend"), "the backend has ended")
    stack.wait(lambda: backend_says(stack, path="/health", status=404), "the other program answers")


@held_out(
    "data-folder-open-to-all",
    component="postgres",
    severity="p1",
    words=[r"permissions?", r"\b0?700\b", r"\b0?755\b"],
    source="https://github.com/PostgresApp/PostgresApp/issues/675",
    first_try="right",
)
def data_folder_open_to_all(stack):
    """A careless chmod has opened the data folder to all: after the restart PostgreSQL refuses to start."""
    stack.stop("postgres")
    stack.data.chmod(0o755)
    stack.start("postgres", wait=False)
    stack.wait(lambda: not stack.lives("postgres"), "postgres has ended")
    stack.wait(lambda: "invalid permissions" in stack.log("postgres").read_text(errors="replace"), "its log says so")
    stack.wait(lambda: backend_says(stack, path="/health", status=503), "the backend is unhealthy")


@held_out(
    "password-not-encoded-in-the-url",
    component="backend",
    severity="p1",
    words=[
        r"DATABASE_URL",
        r"\bUR[IL]\b",
        r"connection (string|option)",
        r"encod",
        r"escap",
        r"invalid (integer|port)",
    ],
    source="https://github.com/supabase/cli/issues/155",
    first_try="right",
)
def password_not_encoded_in_the_url(stack):
    """The password stands in DATABASE_URL as it is, with its @ : / ? #: it cannot be read as an address any more."""
    address = stack.env("backend")["DATABASE_URL"]
    written = urlsplit(address).password
    stack.restart("backend", wait=False, DATABASE_URL=address.replace(written, unquote(written)))
    stack.wait(lambda: backend_says(stack, path="/health", status=503), "the backend is unhealthy")


@held_out(
    "rows-hidden-from-the-login",
    component="postgres",
    also=("auth",),
    severity="p2",
    words=[
        r"row.?level.?security",
        r"row.?security",
        r"\brls\b",
        r"\brows?\b.*polic(y|ies)",
        r"polic(y|ies).*\brows?\b",
    ],
    source="https://github.com/supabase/supabase/issues/7792",
    first_try="wrong: words",
)
def rows_hidden_from_the_login(stack):
    """Row level security was forced on users, without a policy: the application sees no account, no login succeeds."""
    stack.sql("ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", owner=True)
    stack.wait(lambda: login_status(stack) == 401, "a right login is refused")


@held_out(
    "log-rotated-away",
    component="backend",
    also=("host",),
    severity="p4",
    words=[r"deleted", r"rotat", r"log file", r"\blogs?\b.*\b(missing|gone|no such|not there|does not exist)"],
    source="https://github.com/rackerlabs/repose/pull/1271",
    first_try="wrong: one cause, component, words, severity, next",
)
def log_rotated_away(stack):
    """The log was rotated and packed, the backend was not told: it writes on into a file that has no name any more."""
    log = stack.log("backend")
    rotated = log.with_name("backend.log.1")
    log.rename(rotated)
    rotated.unlink()
    open_files = f"/proc/{stack.pid('backend')}/fd"
    links = [os.readlink(f"{open_files}/{each}") for each in os.listdir(open_files)]
    stack.wait(lambda: any(link.endswith("(deleted)") for link in links), "it writes into a deleted file", 1)
    stack.ask("/health")
    stack.wait(lambda: not log.exists(), "there is no log", 1)


@held_out(
    "token-lifetime-without-its-unit",
    component="backend",
    also=("auth",),
    severity="p2",
    words=[r"expire[sd]?", r"lifetime", r"\bexp\b", r"TOKEN_HOURS"],
    source="https://github.com/auth0/node-jsonwebtoken/issues/456",
    first_try="wrong: words",
)
def token_lifetime_without_its_unit(stack):
    """The lifetime of tokens was given in the wrong unit: a login succeeds, its token has expired when it arrives."""
    stack.restart("backend", TOKEN_HOURS="0.000008")

    def refused():
        return stack.ask("/api/suites", headers={"Authorization": f"Bearer {stack.token()}"})[0] == 401

    stack.wait(refused, "a fresh token is refused")


both("log-rotated-away", "proxy-timeout-in-the-wrong-unit", first_try="wrong: one cause, component, words, severity")
both("index-left-invalid", "passwords-hashed-too-dearly", first_try="wrong: words, severity")
both("new-certificate-old-key", "rows-hidden-from-the-login", first_try="wrong: words")
both("token-lifetime-without-its-unit", "upstream-by-the-other-family", first_try="wrong: words")
both("migration-behind-a-forgotten-transaction", "new-certificate-old-key", first_try="right")
