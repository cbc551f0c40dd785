"""What lines in a log mean: the table of signatures, as data.

A line belongs to the first signature whose pattern it holds, so what says more stands before what says less.
`to()` in a pattern is the name or address of another part; TARGET as blame is the component behind it.
"""

from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

from oncall.gate.patterns import AnyOf, Pattern

TARGET = "whom the line names"
HOST = r"(?:\w(?:[\w.-]*\w)?|\[[0-9a-fA-F:.]+\]|::1)(?::\d{1,5})?"


def to(number: int = 1) -> str:
    """A piece of a pattern: the name or address of another part. Its groups need a number each."""
    return f"(?P<to{number}>{HOST})"


Kind = Literal["fatal", "passing", "evidence"]


class Signature(Struct, frozen=True, dict=True):
    """One thing that a log can say.

    meaning: words after "log of backend: "; {target} is what the pattern found, or `nobody` when it found none.
    kind: "passing" may end by itself, so it is a normal part of a start-up, and what the blamed component wrote before
        its own last start is over; "fatal" is neither; "evidence" never fails a check.
    asks: where whom it blames listens as a rule (":6379"), for lines that name nobody.
    of, not_of: the components whose logs are searched for it.
    least, least_in_database: lines that make it count, in a part's log and in the database's own, where a person at a
        prompt leaves the same ones; of a part in a crash loop one is enough.
    login: whether it tells that the database refuses a role.
    answer: whether it is what the accused part itself has answered, not what somebody met at its door.
    reason: whether it says why; one that does not says only how it ends, or whom it distrusts.
    """

    name: str
    text: str
    meaning: str
    kind: Kind = "fatal"
    blames: str = ""
    nobody: str = "another part"
    asks: str = ""
    of: tuple[str, ...] = ()
    not_of: tuple[str, ...] = ()
    least: int = 1
    least_in_database: int = 1
    login: bool = False
    answer: bool = False
    reason: bool = True

    def __post_init__(self) -> None:
        self.pattern  # noqa: B018  made now: a test measures every pattern that there is

    @cached_property
    def pattern(self) -> Pattern[str]:
        return Pattern(self.text)

    @property
    def unnamed(self) -> bool:
        """Whether it says that a name does not resolve: the network's fault, unless nobody is there to be named."""
        return self.name in ("name", "proxy-name")

    @property
    def own(self) -> bool:
        """Whether it is a reason of the writer's own to end, which no part below it can bring about."""
        return self.kind == "fatal" and not self.blames and self.reason

    def read_in(self, component: str) -> bool:
        """Whether that component's log is searched for it."""
        return (not self.of or component in self.of) and component not in self.not_of


PG = ("postgres",)
A_FEW = 3  # more than one person's slip


def _sql(name: str, codes: str, text: str, meaning: str) -> Signature:
    """A statement that the database refuses, in either log: by its SQLSTATE, or by the server's words.

    Codes of digits alone are numbers of anything else, too: they count where the line calls them a code.
    """
    plain = [code for code in codes.split() if not code.isdigit()]
    said = [rf"(?i:SQLSTATE|code)\W{{1,6}}{code}\b" for code in codes.split() if code.isdigit()]
    known = "|".join([*(rf"\b{code}\b" for code in plain), *said])
    return Signature(name, f"{known}|{text}", meaning, "passing", "postgres", least=A_FEW, least_in_database=A_FEW)


def _login(name: str, text: str, meaning: str, blames: str = "postgres", **more: Any) -> Signature:
    """A role that the database does not let in."""
    return Signature(name, text, meaning, "passing", blames, least_in_database=A_FEW, login=True, **more)


SIGNATURES: tuple[Signature, ...] = (
    # What is full
    Signature("shared-memory", r"could not resize shared memory segment", "its shared memory (/dev/shm) is full"),
    Signature("disk-full", r"\bENOSPC\b|No space left on device|could not extend file|[Dd]isk quota exceeded",
      "no space is left on its disk", blames="host"),
    Signature("read-only", r"\bEROFS\b|Read-only file system", "its file system is read-only"),
    Signature("heap", r"JavaScript heap out of memory|Allocation failed - process out of memory",
      "its JavaScript heap is full"),
    Signature("out-of-memory", r"java\.lang\.OutOfMemoryError|\bMemoryError\b|runtime: out of memory|\bENOMEM\b|"
      r"Cannot allocate memory|ERROR:\s+out of memory|std::bad_alloc", "it found no free memory"),
    Signature("open-files", r"\bEMFILE\b|\bENFILE\b|[Tt]oo many open files", "it has too many files open"),
    # The database's own
    Signature("old-mount", r"in 18\+, these Docker images are configured|unused mount/volume",
      "its volume is mounted at the old place", of=PG),
    Signature("data-version", r"database files are incompatible with server",
      "its data files are of another version", of=PG),
    Signature("data-owner", r"data directory \"[^\"]*\" has (?:wrong ownership|invalid permissions)|"
      r"could not (?:open|create) lock file \"postmaster\.pid\"",
      "data directory has wrong owner or permissions", of=PG),
    Signature("killed-worker", r"(?:server|client|background worker) process .* was terminated by signal 9",
      "one of its processes was killed (signal 9)", of=PG),
    Signature("crashed-worker", r"(?:server|client|background worker) process .* was terminated by signal (?:6|7|11)\b",
      "one of its processes crashed", of=PG),
    # The database, as others meet it. What PostgreSQL itself logs of damage has a check of its own.
    Signature("damaged-data", r"invalid page in block|could not read blocks? \d|missing chunk number \d|\bXX00[12]\b",
      "the database says that data is damaged", blames="postgres", not_of=PG),
    _login("role-slots", r"too many connections for (?:role|database)",
      "the connection limit of its role is reached"),
    Signature("no-slot", r"too many clients already|remaining connection slots are reserved|"
      r"(?i:SQLSTATE|code)\W{1,6}53300\b|\bP2037\b|no more connections allowed",
      "the database had no free connection slot", "passing", blames="postgres"),
    _login("role-no-login", r"role \"[^\"]*\" is not permitted to log in", "the database lets a role not log in"),
    _login("role-expired", r"[Uu]ser \"[^\"]*\" has an expired password|password (?:of|for) .{0,80} (?:has )?expired",
      "the password of a role has expired (VALID UNTIL)"),
    _login("hba", r"no pg_hba\.conf entry for|pg_hba\.conf rejects connection",
      "the database's pg_hba.conf does not let it in"),
    _login("role-missing", r"FATAL:\s+role \"[^\"]*\" does not exist|role \"[^\"]*\" does not exist\z",
      "a role that logs in does not exist"),
    Signature("database-password", r"\bP1000\b|\b28P01\b|password authentication failed for user",
      "the database refuses its password", not_of=PG, reason=False),
    _login("password-refused", r"password authentication failed for user", "it refuses the password of a role",
      "", of=PG),
    Signature("database-missing",
      r"\bP1003\b|\b3D000\b|database \"[^\"]*\" does not exist", "its database does not exist", not_of=PG,
      reason=False),
    _login("database-asked", r"FATAL:\s+database \"[^\"]*\" does not exist",
      "it is asked for a database that is missing", "", of=PG),
    _sql("sql-relation", "42P01 3F000 P2021", r"(?:relation|schema) \"[^\"]*\" does not exist",
      "the database has no such table or schema"),
    _sql("sql-column", "42703 P2022", r"column (?:[\w.]+|\"[^\"]*\")(?: of relation \"[^\"]*\")? does not exist",
      "the database has no such column"),
    _sql("sql-permission", "42501", r"permission denied for (?:table|relation|schema|sequence|view|function|database)"
      r"|permission denied for column|must be owner of (?:table|relation|schema)", "the database denies a permission"),
    _sql("sql-timeout", "57014", r"canceling statement due to statement timeout",
      "the database cancels statements: statement_timeout"),
    _sql("sql-lock", "55P03 40P01",
      r"canceling statement due to lock timeout|could not obtain lock on|deadlock detected",
      "statements fail for a lock: timeout or deadlock"),
    _sql("sql-read-only", "25006", r"cannot execute [A-Z ]+ in a read-only transaction",
      "the database takes no writes"),
    Signature("database-starting",
      r"the database system is (?:starting up|shutting down|in recovery mode|not accepting)",
      "the database is starting or stopping", "passing", blames="postgres", not_of=PG),
    Signature("failed-migration",
      r"\bP3009\b|\bP3018\b|found failed migrations", "a failed migration blocks the others",
      blames="auth", not_of=PG),
    Signature("prisma-unreachable", r"(?:\bP1001\b|\bP1002\b|[Cc]an't reach database server).*?at [`'\"]?" + to()
      + r"[`'\"]?(?::[`'\"]?\d+)?|\bP1001\b|[Cc]an't reach database server",
      "{target} is not reached", "passing", blames=TARGET, nobody="the database"),
    # A cache, as others meet it
    Signature("cache-full", r"command not allowed when used memory > 'maxmemory'",
      "the cache is full (maxmemory) and takes no writes", "passing", blames=TARGET, asks=":6379", answer=True),
    Signature("cache-unsaved", r"MISCONF Redis is configured to save RDB snapshots|MISCONF Errors writing to the AOF",
      "the cache takes no writes: it cannot save its data", "passing", blames=TARGET, asks=":6379", answer=True),
    # The secret
    Signature("no-secret", r"JwtStrategy requires a secret|secretOrPrivateKey must have a value|"
      r"secretOrPublicKey must (?:have a value|be provided)|secret or public key must be provided",
      "the secret that signs tokens is missing", blames="auth"),
    # Names, ports, and who answers there
    Signature("port-taken", r"\bEADDRINUSE\b|[Aa]ddress already in use|port is already allocated",
      "its port is already in use"),
    Signature("proxy-name",
      r"\[emerg\].*host not found in upstream \"" + to(), "the name of {target} does not resolve",
      blames=TARGET),
    Signature("configuration", r"\[emerg\]", "nginx cannot use its configuration"),
    Signature("name", r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) " + to(1) + r"|could not translate host name \"" + to(2)
      + r"|failed to resolve host '" + to(3) + r"|\blookup " + to(4) + r"\b.*(?:no such host|server misbehaving)"
      r"|host not found in upstream \"" + to(5) + r"|(?:^|[^\w.-])" + to(6) + " could not be resolved"
      r"|Error -?\d+ connecting to " + to(7) + r"\. (?:Name or service|Temporary failure|No address|nodename)"
      r"|Failed to resolve '" + to(8) + r"'|[Cc]ould not resolve host: " + to(9)
      + r"|UnknownHostException: " + to(10) + r"|getaddrinfo for " + to(11) + " failed",
      "the name of {target} does not resolve", "passing", blames=TARGET),
    Signature("name-unsaid",
      r"\bENOTFOUND\b|\bEAI_AGAIN\b|Temporary failure in name resolution|Name or service not known|"
      r"no such host\b|nodename nor servname", "a name does not resolve", "passing", blames="network"),
    Signature("refused", r"\bECONNREFUSED " + to(1) + r"|dial tcp " + to(2) + r": connect: connection refused|"
      r"Connect call failed \('" + to(3) + r"', (?P<port1>\d+)|connection to server at \"" + to(4)
      + r"\".*?port (?P<port2>\d+) failed: Connection refused|"
      r"111: Connection refused\) while connecting to upstream.*?upstream: \"\w+://" + to(5)
      + r"|Error 111 connecting to " + to(6) + r"\. Connection refused",
      "{target} refuses connections", "passing", blames=TARGET),
    Signature("refused-unsaid", r"\bECONNREFUSED\b|[Cc]onnection refused", "a connection was refused", "passing"),
    Signature("unreachable", r"\b(?:EHOSTUNREACH|ENETUNREACH) " + to(1) + r"|dial tcp " + to(2)
      + r": connect: (?:no route to host|network is unreachable)|connection to server at \"" + to(3)
      + r"\".*? failed: (?:No route to host|Network is unreachable)|"
      r"\((?:113: No route to host|101: Network is unreachable)\) while connecting to upstream.*?upstream: "
      r"\"\w+://" + to(4),
      "{target} is out of reach", "passing", blames="network"),
    Signature("unanswered", r"\bETIMEDOUT " + to(1) + r"|dial tcp " + to(2)
      + r": i/o timeout|upstream timed out.*?upstream: \"\w+://" + to(3)
      + r"|connection to server at \"" + to(4) + r"\".*? failed: (?:timeout expired|Connection timed out)",
      "{target} does not answer", "passing", blames=TARGET),
    Signature("hung-up", r"upstream prematurely closed connection.*?upstream: \"\w+://" + to(),
      "{target} closed the connection", "passing", blames=TARGET),
    Signature("no-upstream", r"no live upstreams", "no server behind it answers", "passing",
      blames="backend", of=("frontend",)),
    Signature("certificate",
      r"CERT_HAS_EXPIRED|certificate has expired|certificate expired", "a certificate has expired", reason=False),
    # Its own end
    Signature("module", r"Cannot find (?:module|package) '|ModuleNotFoundError: |\bERR_MODULE_NOT_FOUND\b",
      "a module of its own is missing"),
    Signature("format", r"exec format error|cannot execute binary file", "its program is built for another machine"),
    Signature("segfault", r"[Ss]egmentation fault|\bSIGSEGV\b|core dumped", "it crashed (segmentation fault)"),
    Signature("go-panic", r"^panic: |^fatal error: ", "it panicked", not_of=PG, reason=False),
    Signature("unhandled", r"UnhandledPromiseRejection|[Uu]nhandled (?:[Pp]romise )?[Rr]ejection|uncaughtException|"
      r"Uncaught Exception|triggerUncaughtException", "an exception was not handled", reason=False),
    Signature("traceback", r"^Traceback \(most recent call last\)|^\s+at .+:\d+:\d+\)?\z", "a stack trace", "evidence"),
)  # fmt: skip
ANY_SIGNATURE = AnyOf(one.pattern for one in SIGNATURES)


class Counted(Struct, frozen=True, dict=True):
    """Lines that mean something only when there are many."""

    name: str
    text: str
    words: str

    def __post_init__(self) -> None:
        self.pattern  # noqa: B018  as above

    @cached_property
    def pattern(self) -> Pattern[str]:
        return Pattern(f"(?i){self.text}")


# Expired tokens and requests without one are a browser's daily life; the clock and the token have checks of their own.
DAILY = Pattern(
    r"(?i)jwt expired|token (?:has |is )?expired|signature has expired|TokenExpired|no auth token|"
    r"jwt must be provided|missing (?:bearer |auth\w* )?token|missing authorization"
)
AUTHENTICATION: tuple[Counted, ...] = (
    Counted("signature", r"invalid signature|signature verification failed|JWSSignatureVerificationFailed",
          "tokens with an invalid signature"),
    Counted("algorithm", r"invalid algorithm|algorithm .*not allowed|jwt signature is required",
          "tokens with a forbidden algorithm"),
    Counted("malformed", r"jwt malformed|not enough segments|invalid compact jw|malformed (?:jwt|token)",
          "malformed tokens"),
    Counted("login", r"log-?in (?:was )?(?:refused|failed|denied|failure)|failed (?:to )?log-?in|bad credentials|"
          r"(?:invalid|incorrect|wrong) (?:credential|user ?name|password|login)|authentication (?:failed|failure)|"
          r"unknown (?:user|account)", "refused logins"),
    Counted("refused", r"\bunauthorized|token (?:was )?(?:refused|rejected|invalid)|invalid token|"
          r"access denied for token", "refused tokens"),
)  # fmt: skip
SOCKET: tuple[Counted, ...] = (
    Counted("too-many", r"too many (?:web ?)?(?:socket|connection)s?\b|(?:socket|connection) limit (?:was )?reached",
          "sockets refused because there were too many"),
    Counted("broken", r"(?:web ?socket|\bsocket\b|\bws\b|realtime)\b.*(?:ECONNRESET|EPIPE|\b1006\b|abnormal|hang up|"
          r"hung up|reset by peer|broken pipe|timed? ?out)|socket hang up", "broken sockets"),
    Counted("refused", r"(?:web ?socket|\bsocket\b|\bws\b|realtime|handshake|upgrade)\b.*(?:refus|reject|denied|"
          r"unauthorized|forbidden|invalid)", "refused sockets"),
    Counted("error", r"(?:web ?socket|\bsocket\b|\bws\b|realtime)\b.*(?:error|fail|exception)|"
          r"WebSocket is not open", "socket errors"),
)  # fmt: skip
# That no file is left for a listening socket is told by a signature, too: it strikes every request, not just sockets.
NOT_SOCKET = Pattern(r"(?i)\.s\.PGSQL|Unix-domain socket|docker\.sock|listen\w* on|\baccept4?\(\) (?:out of|failed)")
# How the database refuses the application is told by signatures: nobody who logs in has had a part in it.
NOT_LOGIN = Pattern(r"(?i)password authentication failed for user|\bP1000\b|\bpg_hba\b|\bSASL\b")
NOT_COUNTED = (DAILY, NOT_SOCKET, NOT_LOGIN)
