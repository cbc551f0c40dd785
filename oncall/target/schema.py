"""The stack, the limits and the accepted findings: the keys of oncall.toml, one attribute each, with its defaults.

A rule's words complete the sentence "<key> must ...", so that a rule and its error message stand in one place.
"""
# ruff: noqa: S105  (what stands here are names of keys and variables, never secrets)

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field


def text(pattern: str, words: str, **extra: str) -> Meta:
    """A rule for the whole of a text.

    pattern: of Python's `re`, on text that may be hostile: only one way to match each character, so that it is linear.
    """
    return Meta(pattern=rf"\A(?:{pattern})\Z", description=words, extra=extra)


ONE_LINE = r"[^\x00-\x1f\x7f]"
HTTP_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
SERVICE_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
HOST = r"[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]"

Line = Annotated[str, text(f"{ONE_LINE}*", "be text on one line")]
Filled = Annotated[str, text(rf" *[^\x00-\x20\x7f]{ONE_LINE}*", "be text on one line")]
Text = Annotated[str, text(r"[^\x00]*", "be text")]
Message = Annotated[str, text(r"[^\x00]*", "be text", fills="${NAME}")]
Slug = Annotated[str, text("[a-z0-9]+(-[a-z0-9]+)*", "be a slug: lower-case letters, digits and single dashes")]

Variable = Annotated[str, text(VARIABLE, "be the name of an environment variable")]
MaybeVariable = Annotated[str, text(f"({VARIABLE})?", "be the name of an environment variable, or empty")]
Project = Annotated[str, text("[a-z0-9][a-z0-9_-]*", "be the name of a Compose project")]
Service = Annotated[str, text(SERVICE_NAME, "be the name of a Compose service")]
Unit = Annotated[
    str,
    text(
        r"([A-Za-z0-9_:][A-Za-z0-9_:.\\@-]*\.(service|scope|socket|slice))?",
        'be the name of a systemd unit such as "api.service", or be empty',
    ),
]

# Whose path: "us" is the machine that runs the checks, "host" the one that host.at names.
OurFile = Annotated[str, text(f"{ONE_LINE}*", "be the path of a file", read_by="us")]
HostFile = Annotated[str, text(f"{ONE_LINE}*", "be the path of a file", read_by="host")]
HostPath = Annotated[str, text(f"{ONE_LINE}+", "be a path", read_by="host")]
Paths = Annotated[tuple[HostPath, ...], Meta(min_length=1, description='be a list of paths such as ["/", "/var"]')]
Patterns = Annotated[tuple[HostPath, ...], Meta(description='be a list of paths such as ["/var/log/app/*.log"]')]

At = Annotated[
    str,
    text(
        rf"local|ssh://([A-Za-z0-9_][^@/:\s]*@)?({HOST})(:[0-9]+)?", 'be "local" or "ssh://user@host"', form="address"
    ),
]
HttpUrl = Annotated[str, text(r"https?://.*", "start with http:// or https://", form="base")]
WebSocketUrl = Annotated[str, text(r"wss?://.*", "start with ws:// or wss://", form="url")]
MaybeHttpUrl = Annotated[str, text(r"(https?://.*)?", "start with http:// or https://, or be empty", form="base")]
MaybeWebSocketUrl = Annotated[str, text(r"(wss?://.*)?", "start with ws:// or wss://, or be empty", form="url")]
Origin = Annotated[
    str, text(r"(https?://[^\s/?#@]+)?", 'be an origin such as "https://shop.example", or empty', form="url")
]
Address = Annotated[str, text(f"({HOST}):[0-9]+", 'be an address such as "shop.example:443"', form="address")]
Addresses = Annotated[tuple[Address, ...], Meta(description='be a list of addresses such as ["shop.example:443"]')]
Path = Annotated[str, text(r"/[^\s\x00-\x1f\x7f#]*", "be a path that starts with /")]
MaybePath = Annotated[str, text(r"(/[^\s\x00-\x1f\x7f#]*)?", "be a path that starts with /, or empty")]
CsrfSource = Annotated[
    str,
    text(
        rf"((cookie|header):{HTTP_NAME}|(html|json):[^\x00-\x20\x7f]+)?",
        'be "cookie:NAME", "header:NAME", "html:NAME" or "json:KEY", or be empty',
    ),
]
CsrfTarget = Annotated[
    str, text(rf"(header:{HTTP_NAME}|field:[^\x00-\x20\x7f]+)?", 'be "field:NAME" or "header:NAME", or be empty')
]
DatabaseHost = Annotated[
    str,
    text(
        rf"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|/{ONE_LINE}*",
        "be a host name, an address or a socket's folder, without a port",
    ),
]
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")  # libpq's, the laxest first
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
AUTH_METHODS = ("scram-sha-256", "none", "md5", "password", "gss", "sspi")
_METHOD = f"({'|'.join(AUTH_METHODS)})"
AuthMethods = Annotated[
    str,
    text(
        rf"({_METHOD}(,{_METHOD})*)?|!{_METHOD}(,!{_METHOD})*",
        'be a list such as "scram-sha-256,md5" or "!password", of password, md5, scram-sha-256, gss, sspi and none',
    ),
]
Engine = Annotated[
    str,
    text(
        rf"(unix:///{ONE_LINE}+|tcp://[^\s/?#@]+:[0-9]{{1,5}}|ssh://([^\s/?#@:]+@)?[^\s/?#@:]+(:[0-9]{{1,5}})?)?",
        'be "unix:///path", "tcp://host:port" or "ssh://user@host", or be empty',
        form="address",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535, description="be between 1 and 65535")]
MaybePort = Annotated[int, Meta(ge=0, le=65535, description="be between 1 and 65535, or 0")]

HeaderName = Annotated[str, text(HTTP_NAME, "be the name of an HTTP header")]
HeaderValue = Annotated[
    str, text(r"([!-~]([ -~\t]*[!-~])?)?", "be one line of ASCII text, with no blank at its ends", fills="${NAME}")
]
Headers = Annotated[dict[HeaderName, HeaderValue], Meta(description='be a table such as { Accept = "text/html" }')]
Prefix = Annotated[str, text("[ -~]*", "be one line of ASCII text")]
Subprotocol = Annotated[str, text(HTTP_NAME, "be the name of a subprotocol, without blanks")]
Subprotocols = Annotated[tuple[Subprotocol, ...], Meta(description='be a list of subprotocols such as ["chat"]')]
Payload = Annotated[dict[Filled, object], Meta(description='be a table such as { client = "web" }')]
Status = Annotated[int, Meta(ge=100, le=599, description="be an HTTP status, 100 to 599")]
Statuses = Annotated[
    tuple[Status, ...], Meta(min_length=1, description="be a list of HTTP statuses such as [200, 204]")
]
Values = Annotated[tuple[Filled, ...], Meta(min_length=1, description='be a list such as ["ok", "up"]')]
Dependencies = Annotated[
    tuple[Slug, ...], Meta(max_length=100, description='be a list of components such as ["postgres"]')
]
Blames = Annotated[dict[Filled, Slug], Meta(description='be a table such as { database = "postgres" }')]

ReadingMethod = Literal["GET", "HEAD", "OPTIONS"]  # looks do not touch
LoginMethod = Literal["POST", "PUT", "PATCH", "GET"]
Algorithm = (
    Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    | Literal["ES256", "ES256K", "ES384", "ES512", "EdDSA"]
)
Algorithms = Annotated[tuple[Algorithm, ...], Meta(min_length=1, description='be a list such as ["HS256"]')]

RuntimeName = Literal["compose", "systemd", "process", "external"]
Flag = Annotated[bool, Meta(description="be true or false")]
Day = Annotated[date, Meta(description="be a date such as 2026-12-31")]
Count = Annotated[int, Meta(ge=1, le=10**12, description="be a whole number, 1 or more")]
Number = Annotated[  # its upper bound keeps infinity out
    Annotated[int, Meta(gt=0, le=10**9)] | Annotated[float, Meta(gt=0, le=1e9)],
    Meta(description="be a number above 0"),
]
Percent = Annotated[
    Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)],
    Meta(description="be a number from 0 to 100"),
]


class Host(Struct, frozen=True, kw_only=True):
    """The machine that the stack runs on."""

    at: At = "local"
    filesystems: Paths = (".",)
    backup_file: HostFile = ""
    backup_reader: Line = ""
    absent: Flag = False


class Docker(Struct, frozen=True, kw_only=True):
    """The Compose project."""

    project: Project = "motel"
    host: Engine = ""
    exec: Flag = True
    data_volume: Path = "/var/lib/postgresql"
    absent: Flag = False


class Health(Struct, frozen=True, kw_only=True):
    """What the backend's health check answers."""

    path: Path = "/health"
    method: ReadingMethod = "GET"
    headers: Headers = field(default_factory=dict)
    expected_status: Statuses = (200,)
    body: Literal["json", "text"] = "json"
    status_key: Line = "status"
    healthy_values: Values = ("ok", "up", "healthy", "pass", "warn")
    checks_key: Line = "checks"
    check_status_key: Line = "status"
    memory_used_key: Line = "checks.memory.used"
    memory_limit_key: Line = "checks.memory.limit"
    blames: Blames = field(default_factory=lambda: {"database": "postgres", "memory": "backend"})


class Metrics(Struct, frozen=True, kw_only=True):
    """The page that the backend shows to Prometheus."""

    path: Path = "/metrics"
    headers: Headers = field(default_factory=dict)
    websocket_connections: Line = "websocket_connections"
    open_fds: Line = "process_open_fds"
    max_fds: Line = "process_max_fds"
    absent: Flag = False


class Endpoint(Struct, frozen=True, kw_only=True):
    """A request that must be answered in time."""

    name: Slug
    path: Path
    method: ReadingMethod = "GET"
    headers: Headers = field(default_factory=dict)
    authorized: Flag = True
    body: Literal["json", "text", "any"] = "json"
    contains: Text = ""
    items_key: Line = ""
    min_items: Annotated[int, Meta(ge=0, le=10**6, description="be a whole number, 0 or more")] = 0
    error_key: Line = "success=false"


Endpoints = Annotated[tuple[Endpoint, ...], Meta(description="be a list of tables: write [[backend.endpoints]]")]


class Process(Struct, frozen=True, kw_only=True):
    """A plain process on the host, known by its pid file, or as the one that listens on a port."""

    pid_file: HostFile = ""
    port: MaybePort = 0
    log_files: Patterns = ()

    @property
    def found_by(self) -> str:
        """What tells it from others: "/run/api.pid", or "port 3001"; empty: there is no such process."""
        return self.pid_file or (f"port {self.port}" if self.port else "")


class Part(Struct, frozen=True, kw_only=True):
    """What every component says: how it runs (a Compose service, a systemd unit, a plain process, or elsewhere), and
    whom it needs."""

    service: Service
    unit: Unit = ""
    process: Process = Process()
    external: Flag = False
    depends_on: Dependencies = ()

    @property
    def runtime(self) -> RuntimeName:
        """Who can be asked about it."""
        if self.external:
            return "external"
        return "systemd" if self.unit else "process" if self.process.found_by else "compose"

    @property
    def found_by(self) -> str:
        """What its runtime finds it by: the service's name, the unit's, the process's pid file or port."""
        return self.unit or self.process.found_by or self.service


class Backend(Part, frozen=True, kw_only=True):
    """An HTTP API."""

    url: HttpUrl = "http://localhost:3001"
    public_url: MaybeHttpUrl = ""
    service: Service = "backend"
    depends_on: Dependencies = ("postgres",)
    env_file: HostFile = ""
    health: Health = Health()
    metrics: Metrics = Metrics()
    endpoints: Endpoints = (Endpoint(name="suites", path="/api/suites"),)
    absent: Flag = False


class Frontend(Part, frozen=True, kw_only=True):
    """What a browser loads."""

    url: HttpUrl = "http://localhost:3000"
    service: Service = "frontend"
    depends_on: Dependencies = ("backend",)
    path: Path = "/"
    certificates: Addresses = ()
    ca_file: OurFile = ""
    absent: Flag = False


class Auth(Struct, frozen=True, kw_only=True):
    """The login, its token, and where both are kept."""

    account_variable: Variable = "ONCALL_ACCOUNT"
    password_variable: Variable = "ONCALL_PASSWORD"
    login_path: Path = "/api/auth/login"
    login_method: LoginMethod = "POST"
    login_headers: Headers = field(default_factory=dict)
    login_body: Literal["json", "form"] = "json"
    login_expected_status: Statuses = (200, 201)
    csrf_path: MaybePath = ""
    csrf_from: CsrfSource = ""
    csrf_send: CsrfTarget = ""
    account_key: Filled = "username"
    password_key: Filled = "password"
    login_extra: Payload = field(default_factory=dict)
    refused_status: Statuses = (400, 401, 403, 404, 422)
    token_in: Literal["body", "header", "cookie"] = "body"
    token_key: Filled = "token"
    scheme: Literal["jwt", "opaque"] = "jwt"
    account_claim: Line = ""
    whoami_path: MaybePath = ""
    whoami_key: Line = ""
    protected_path: Path = "/api/suites"
    protected_expected_status: Statuses = (200,)
    protected_refused_status: Statuses = (401, 403)
    send_token_in: Literal["header", "cookie"] = "header"
    send_token_name: HeaderName = "Authorization"
    send_token_prefix: Prefix = "Bearer "
    algorithms: Algorithms = ("HS256",)
    secret_variable: Variable = "JWT_SECRET"
    accounts_table: Filled = "users"
    migrations_table: Line = "_prisma_migrations"
    migrations_folder: OurFile = ""
    absent: Flag = False


class Websocket(Struct, frozen=True, kw_only=True):
    """The socket: where it is, and how one talks to it."""

    url: WebSocketUrl = "ws://localhost:3001/realtime"
    public_url: MaybeWebSocketUrl = ""
    origin: Origin = ""
    headers: Headers = field(default_factory=dict)
    subprotocols: Subprotocols = ()
    token_in: Literal["query", "header", "cookie", "subprotocol", "message", "none"] = "query"
    token_name: Line = "token"
    token_prefix: Prefix = ""
    first_message: Message = ""
    first_answer_contains: Text = ""
    ping: Literal["frame", "message", "none"] = "frame"
    ping_message: Message = ""
    pong_contains: Text = ""
    heartbeat_message: Text = ""
    heartbeat_contains: Text = ""
    heartbeat_answer: Message = ""
    absent: Flag = False


class Browser(Struct, frozen=True, kw_only=True):
    """The page in a real browser, with --active browser: CSS selectors of its login form and its offline indicator."""

    executable: OurFile = ""
    path: MaybePath = ""
    account_selector: Line = ""
    password_selector: Line = "input[type=password]"
    submit_selector: Line = ""
    logged_in_selector: Line = ""
    offline_selector: Line = ""
    offline_text: Line = ""


class Postgres(Part, frozen=True, kw_only=True):
    """The database server, and the role that looks at it."""

    host: DatabaseHost = "localhost"
    port: Port = 5432
    dbname: Filled = "motel"
    user: Filled = "oncall"
    password_variable: MaybeVariable = "ONCALL_DB_PASSWORD"
    password: Annotated[
        Literal["variable", "from-container"],
        Meta(description='be "variable" or "from-container"; the password is what postgres.password_variable names'),
    ] = "variable"
    url_variable: MaybeVariable = ""
    require_auth: AuthMethods = ""
    sslmode: SslMode = "prefer"
    sslrootcert: OurFile = ""
    service: Service = "postgres"
    log_files: Patterns = ()
    absent: Flag = False


Parts = Annotated[dict[Slug, Part], Meta(description="be a table: write [components.redis]")]


class StackKeys(Struct, frozen=True, kw_only=True):
    """What a target file says of a stack. components: those beside the short forms, each of a kind of kinds.py."""

    name: Slug = "motel"
    secrets_file: OurFile = ".env"
    compose: Filled = "docker-compose"
    host: Host = Host()
    docker: Docker = Docker()
    backend: Backend = Backend()
    frontend: Frontend = Frontend()
    auth: Auth = Auth()
    websocket: Websocket = Websocket()
    browser: Browser = Browser()
    postgres: Postgres = Postgres()
    components: Parts = field(default_factory=dict)


class Stack(StackKeys, frozen=True, kw_only=True):
    """The system under diagnosis, as one component sees it (target/views.py): `backend`, `frontend`, `postgres`,
    `auth` and `websocket` are those that belong to it.

    names: what the component is called that each of these five is, where it is not called so itself.
    """

    names: dict[str, str] = field(default_factory=dict)

    def named(self, role: str) -> str:
        """The component that a role stands for; any other word is a component's name already."""
        return self.names.get(role, role)

    def key(self, key: str) -> str:
        """The key of the target file that "backend.health.path" is for the component that is the backend here."""
        role, _, rest = key.partition(".")
        if self.named(role) == role:
            return key
        of_api = role in ("auth", "websocket")  # tables of the API that serves them
        return f"components.{self.named('backend')}.{key}" if of_api else f"components.{self.named(role)}.{rest}"


class Limits(Struct, frozen=True, kw_only=True):
    """The numbers that claims use."""

    recent_minutes: Number = 15
    health_seconds: Number = 2.0
    page_seconds: Number = 2.0
    browser_seconds: Number = 8
    login_seconds: Number = 2.0
    response_seconds: Number = 2.0
    filesystem_used_percent: Percent = 90
    inodes_used_percent: Percent = 90
    memory_available_percent: Percent = 10
    swap_used_percent: Percent = 80
    host_runnable_per_cpu: Number = 4
    host_cpu_percent: Percent = 90
    host_cpu_pressure_percent: Percent = 60
    host_steal_percent: Percent = 10
    host_memory_pressure_percent: Percent = 10
    host_io_pressure_percent: Percent = 60
    host_io_waiting: Count = 5
    database_answer_seconds: Number = 0.5
    free_connection_slots: Count = 5
    backup_age_hours: Number = 26
    token_lifetime_hours: Number = 24
    clock_skew_seconds: Number = 5
    restarts: Count = 3
    container_memory_percent: Percent = 90
    container_cpu_percent: Percent = 90
    container_throttled_percent: Percent = 25
    container_pids_percent: Percent = 80
    log_lines: Count = 200
    log_burst: Count = 10
    log_new_error: Count = 3
    secret_bytes: Count = 32
    websocket_connections: Count = 1000
    websocket_ping_seconds: Number = 2.0
    websocket_hold_seconds: Number = 75
    open_fds_percent: Percent = 80
    query_mean_seconds: Number = 2.0
    query_calls: Count = 5
    query_running_seconds: Number = 60
    query_blocked_seconds: Number = 5
    idle_in_transaction_seconds: Number = 60
    large_table_rows: Count = 10000
    index_scans_percent: Percent = 95
    health_memory_percent: Percent = 90
    certificate_days: Number = 14


class Accepted(Struct, frozen=True, kw_only=True):
    """A finding, or a check without an answer, that the team lives with, up to and including a last day."""

    reason: Filled
    until: Day
