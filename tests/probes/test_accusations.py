"""Names and addresses in lines, held against who has them now; and what the database says of logins and statements."""

from datetime import UTC, datetime, timedelta

import pytest

from oncall.probes.logs.accusations import Places
from oncall.probes.logs.database_lines import our_statements_marked
from oncall.probes.logs.judging import Written, signs
from oncall.probes.logs.lines import read
from oncall.runtimes.runtime import Attachment, Container
from oncall.target.kinds import Component
from oncall.target.schema import Stack

NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
UPSTREAM = 'while connecting to upstream, client: 172.24.0.1, request: "GET /api HTTP/1.1", upstream: "http://{}/api"'
STACK = Stack(components={"cache": Component(service="cache")})


def container(service, address, *ports, status="running", started=3600, **more):
    return Container(
        id=f"{service:0<12}", name=f"shop-{service}-1", service=service, status=status,
        started_at=NOW - timedelta(seconds=started), ports=dict.fromkeys(ports, ()),
        networks={"shop": Attachment(network_id="n", address=address, aliases=(service,))}, **more,
    )  # fmt: skip


def project(**changed):
    """Four containers of a project; `changed` replaces some."""
    owned = {
        "backend": container("backend", "172.24.0.5", "3001/tcp", started=600),
        "frontend": container("frontend", "172.24.0.4", "80/tcp"),
        "postgres": container("postgres", "172.24.0.2", "5432/tcp"),
        "cache": container("cache", "172.24.0.6", "6379/tcp"),
        "worker": container("worker", "172.24.0.3"),
    } | changed
    return {name: (one,) for name, one in owned.items() if one}


def judged(component, *texts, owned=None, ago=12, apart=2.0, looping=False, started=3600, **more):
    owned = owned or project()
    places = Places(STACK, owned)
    start = NOW - timedelta(seconds=ago)
    lines = [read(text.encode(), start + timedelta(seconds=apart * number)) for number, text in enumerate(texts)]
    up = {name: one.started_at for name, (one,) in owned.items() if one.running}
    written = Written(our_statements_marked(lines), NOW - timedelta(seconds=started), looping)
    return signs(
        component, [written], now=NOW, recent=timedelta(minutes=15), up_since=up, blame=places.blame,
        unnamed=places.unnamed, **more,
    )  # fmt: skip


def worst(*arguments, **more):
    (sign, *_), _ = judged(*arguments, **more)
    return sign


REFUSED, NO_ROUTE = (
    "[error] connect() failed (111: Connection refused) ",
    "[error] connect() failed (113: No route to host) ",
)
LATE = "[error] upstream timed out (110: Connection timed out) "
ENDED = container("cache", "", status="exited")
NO_REDIS = "redis.exceptions.ConnectionError: Error -2 connecting to cache:6379. Name or service not known."
OWN = "asks its own container at {} for postgres"
OLD = "still asks {}, an old address of backend"
NOBODYS = "asks for {}, a name that no container of this project has"
ACCUSED = [
    # an address that somebody else has now, or nobody; and one that is right
    ("frontend", REFUSED + UPSTREAM.format("172.24.0.3:3001"), {}, "frontend", OLD.format("172.24.0.3:3001")),
    ("frontend", REFUSED + UPSTREAM.format("172.24.0.2:3001"), {}, "frontend", OLD.format("172.24.0.2:3001")),
    ("frontend", NO_ROUTE + UPSTREAM.format("172.24.0.9:3001"), {}, "frontend", OLD.format("172.24.0.9:3001")),
    ("frontend", LATE + UPSTREAM.format("172.24.0.9:3001"), {}, "frontend", OLD.format("172.24.0.9:3001")),
    ("frontend", REFUSED + UPSTREAM.format("172.24.0.5:3001"), {}, "backend",
     "backend (172.24.0.5:3001) refuses connections"),
    ("frontend", NO_ROUTE + UPSTREAM.format("172.24.0.9:3001"),
     {"backend": container("backend", "", "3001/tcp", status="exited")}, "backend",
     "backend (172.24.0.9:3001) is out of reach"),
    # its own localhost
    ("backend", "connect ECONNREFUSED 127.0.0.1:5432", {}, "backend", OWN.format("127.0.0.1:5432")),
    ("backend", "connect ECONNREFUSED ::1:5432", {}, "backend", OWN.format("::1:5432")),
    ("backend", "Error: P1001: Can't reach database server at `localhost:5432`", {}, "backend",
     OWN.format("localhost:5432")),
    ("backend", "connect ECONNREFUSED 127.0.0.1:9000", {}, "backend",
     "127.0.0.1:9000 (inside its own container) refuses connections"),
    # names
    ("frontend", '[emerg] 1#1: host not found in upstream "realtime:3001" in x.conf:8', {}, "frontend",
     NOBODYS.format("realtime")),
    ("frontend", "[error] realtime could not be resolved (3: Host not found)", {}, "frontend",
     NOBODYS.format("realtime")),
    ("worker", NO_REDIS,
     {"cache": ENDED}, "cache", "the name of cache:6379 does not resolve"),
    ("worker", NO_REDIS, {},
     "network", "the name of cache:6379 does not resolve"),
    ("worker", "Error: getaddrinfo ENOTFOUND realtime", {}, "worker", NOBODYS.format("realtime")),
    ("worker", "Error: getaddrinfo ENOTFOUND postgres",
     {"postgres": container("postgres", "", "5432/tcp", status="exited")}, "postgres",
     "the name of postgres does not resolve"),
    ("worker", "java.net.UnknownHostException: realtime", {}, "worker", NOBODYS.format("realtime")),
    ("worker", "Error: getaddrinfo ENOTFOUND api.example.com", {}, "worker",
     "the name of api.example.com does not resolve"),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "text", "changed", "accused", "meaning"), ACCUSED, ids=range(len(ACCUSED)))
def test_a_peers_word_is_held_against_who_is_there_now(writer, text, changed, accused, meaning):
    """A stale address, localhost and a name of nobody are the writer's own setting; else whoever is not there."""
    sign = worst(writer, text, text, owned=project(**changed), ago=3, apart=1)

    assert (sign.blames or writer, sign.meaning) == (accused, meaning)
    assert sign.setting == (accused == writer and ("asks" in meaning))
    assert sign.speaker == ("log line" if accused == writer else "peer")


def test_of_two_with_one_port_the_one_that_started_anew_has_moved():
    """Two APIs listen on 8000 each; the proxy knows an address that is nobody's, or another part's, by now."""
    apis = {
        "backend": container("backend", "172.24.0.5", "3001/tcp", started=600),
        "cache": container("cache", "172.24.0.6", "3001/tcp", started=7200),
    }
    for address in ("172.24.0.9:3001", "172.24.0.3:3001"):
        line = REFUSED + UPSTREAM.format(address)
        assert worst("frontend", line, line, owned=project(**apis), ago=3).meaning == OLD.format(address)
    both = apis | {"cache": container("cache", "172.24.0.6", "3001/tcp", started=600)}
    line = REFUSED + UPSTREAM.format("172.24.0.9:3001")
    assert not worst("frontend", line, line, owned=project(**both), ago=3).setting


def test_a_port_without_a_name_is_the_one_undeclared_parts_that_has_it():
    """Where no declared part has it."""
    owned = project() | {"redis": (container("redis", "172.24.0.7", "6379/tcp"),)}
    assert Places(STACK, owned).blame(":6379", "worker").component == "cache"
    del owned["cache"]
    assert Places(STACK, owned).blame(":6379", "worker").component == "redis"


def test_an_old_address_of_before_the_others_start_is_over():
    """The proxy has been reloaded since, or nobody has asked it since."""
    owned = project(backend=container("backend", "172.24.0.5", "3001/tcp", started=30))
    line = REFUSED + UPSTREAM.format("172.24.0.3:3001")

    for text in (line, line.replace("(111: Connection refused)", "(113: No route to host)")):
        assert judged("frontend", text, text, owned=owned, ago=40)[0] == ()
        assert judged("frontend", text, text, owned=owned, ago=5)[0]


def test_an_address_is_no_old_one_where_the_other_has_not_moved_since():
    """The proxy started after it: the address is of something else, whose port nobody knows."""
    owned = project(backend=container("backend", "172.24.0.5", "3001/tcp", started=7200))
    line = REFUSED + UPSTREAM.format("172.24.0.3:3001")

    assert worst("frontend", line, line, owned=owned, ago=5).blames == "worker"


@pytest.mark.parametrize(
    ("ago", "apart", "count", "owned", "counts"),
    [
        (60, 1, 8, project(), False),  # a burst, and then nothing for most of a minute
        (300, 30, 10, project(), True),  # one every half a minute, the last one just now
        (300, 30, 7, project(), False),  # the last one two minutes ago
        (300, 30, 9, project(), True),  # the last one a minute ago: less than three usual gaps
        (60, 1, 1, project(), False),  # a single line, and who is accused runs
        (60, 1, 8, project(postgres=container("postgres", "", status="exited")), True),
    ],
)
def test_what_has_stopped_is_over_while_the_accused_runs(ago, apart, count, owned, counts):
    """None for three usual gaps, and for twenty seconds: evidence, also under --wait."""
    found, past = judged("backend", *["connect ECONNREFUSED postgres:5432"] * count, owned=owned, ago=ago, apart=apart)

    assert (bool(found), bool(past)) == (counts, not counts)


def test_what_a_loop_has_said_is_not_over():
    """It says it at every start."""
    assert judged("backend", "connect ECONNREFUSED postgres:5432", ago=60, looping=True)[0]


STATEMENTS = [
    ('ERROR:  relation "tasks" does not exist at character 15', "sql-relation"),
    ("error: code: '42P01' FEHLER: Relation existiert nicht", "sql-relation"),
    ("Raw query failed. Code: `42703`. Message: Spalte", "sql-column"),
    ('error: column "title" does not exist', "sql-column"),
    ("ERROR:  column t.title does not exist at character 8", "sql-column"),
    ("SQLSTATE[42501]: Insufficient privilege", "sql-permission"),
    ("ERROR:  permission denied for table tasks", "sql-permission"),
    ("canceling statement due to statement timeout", "sql-timeout"),
    ("QueryFailedError: canceling statement due to lock timeout", "sql-lock"),
    ("ERROR:  deadlock detected", "sql-lock"),
    ("ERROR:  cannot execute INSERT in a read-only transaction", "sql-read-only"),
]


@pytest.mark.parametrize("writer", ["backend", "postgres"])
@pytest.mark.parametrize(("text", "name"), STATEMENTS)
def test_statements_that_the_database_refuses_are_read_in_either_log(writer, text, name):
    """Three of them at least: a person at a prompt makes a mistake or two."""
    sign = worst(writer, text, text, text, ago=6)

    assert (sign.name, sign.blames or writer) == (name, "postgres")
    assert judged(writer, text, text, ago=6)[0] == ()


@pytest.mark.parametrize("text", ["took 42703 ms", "listening on 57014", "pid 28000 code 200", "sent 25006 bytes"])
def test_a_number_alone_is_no_sqlstate(text):
    """Codes of digits alone count where the line calls them a code."""
    assert judged("backend", text, text, text, ago=6) == ((), ())


EXPIRED = ['FATAL:  password authentication failed for user "app"', 'DETAIL:  User "app" has an expired password.']
LOGINS = [
    (['FATAL:  role "app" is not permitted to log in'], "role-no-login"),
    (['FATAL:  no pg_hba.conf entry for host "172.24.0.5", user "app", database "shop", no encryption'], "hba"),
    (['FATAL:  pg_hba.conf rejects connection for host "172.24.0.5", user "app"'], "hba"),
    (['FATAL:  password authentication failed for user "app"'], "password-refused"),
    (EXPIRED, "role-expired"),
    (['FATAL:  too many connections for role "app"'], "role-slots"),
    (['FATAL:  database "shop_old" does not exist'], "database-asked"),
    (['FATAL:  role "app" does not exist'], "role-missing"),
]


@pytest.mark.parametrize(("texts", "name"), LOGINS)
def test_a_role_that_the_database_does_not_let_in_is_told_in_its_own_words(texts, name):
    """The server's log says why, also what it does not tell the client; of one or two nobody knows who it was."""
    sign = worst("postgres", *texts * 3, ago=10)

    assert sign.name == name
    assert judged("postgres", *texts * 2, ago=10)[0] == ()


def test_a_login_or_statement_of_ours_is_no_finding():
    """Our role's refusal is told by the check of the login; our statements bear a mark."""
    ours = ['ERROR:  relation "x" does not exist', "STATEMENT:  SELECT /* oncall */ 1 FROM x"]

    assert judged("postgres", *ours * 5, ago=12, apart=1)[0] == ()
    assert judged("postgres", *EXPIRED * 5, ago=12, apart=1, own_role="app")[0] == ()
    assert judged("postgres", *EXPIRED * 5, ago=12, apart=1, own_role="monitor")[0]
