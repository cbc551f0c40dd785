"""What the engine tells of the data of a database that refuses our login: its log, its volume, other volumes."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from oncall.facts.postgres import DatabaseLogin, DataOrigin
from oncall.finding import CouldNotCheck
from oncall.probes.containers import data_origin as looked
from oncall.probes.containers.data_origin import data_origin
from oncall.runtimes.runtime import Container, Mount, Project, Volume
from oncall.target.schema import Docker, Postgres, Stack

PLACE = "/var/lib/postgresql/data"
STACK = Stack(postgres=Postgres(service="db"), docker=Docker(data_volume=PLACE))
NOW = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
REFUSED = b'FATAL:  password authentication failed for user "oncall"\n'
MISSING = REFUSED + b'DETAIL:  Role "oncall" does not exist.\n'


def volume(name, minutes, project="motel"):
    return Volume(
        name=name, driver="local", mountpoint="", anonymous=False, options={}, project=project,
        created_at=NOW - timedelta(minutes=minutes),
    )  # fmt: skip


class Runtime:
    """A database that has mounted motel_new, and an engine that has other volumes, too."""

    def __init__(self, log, status="running"):
        self.written = log
        mount = Mount(kind="volume", name="motel_new", source="", destination=PLACE, writable=True)
        cache = Mount(kind="volume", name="motel_cache", source="", destination="/data", writable=True)
        self.all = (
            Container(id="d", name="motel-db-1", service="db", status=status, mounts=(mount,)),
            Container(id="c", name="motel-cache-1", service="cache", status="running", mounts=(cache,)),
        )

    def containers(self, seconds):
        return Project("motel", self.all)

    def log(self, container, *, lines, seconds):
        yield self.written

    def volumes(self, seconds):
        names = {"motel_new": 5, "motel_cache": 900, "motel_old": 900, "motel_newest": 1}
        return (*(volume(*each) for each in names.items()), volume("shop_data", 900, "shop"))


@pytest.fixture
def engine(monkeypatch):
    def put(runtime):
        def client(stack, attempt):
            if runtime is None:
                raise CouldNotCheck("the Docker engine does not answer", root="docker_engine")
            return runtime

        for name, function in {"docker_attempt": lambda stack: iter([1]), "docker_client": client}.items():
            monkeypatch.setitem(looked.PROBES, name, replace(looked.PROBES[name], function=function))

    return put


def test_an_older_volume_that_nobody_uses_is_named(engine):
    """Not what another container uses, what is younger, or what belongs to another project."""
    engine(Runtime(MISSING))
    found = data_origin(STACK, "oncall")

    assert (found.role_missing, found.volume, found.unused) == (True, "motel_new", ("motel_old",))
    assert found.created_at == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        (MISSING, True),
        (b'FATAL:  role "oncall" does not exist\n', True),
        (MISSING.replace(b"oncall", b"motel"), False),
        (MISSING + REFUSED + b'DETAIL:  User "oncall" has no password assigned.\n', False),  # it was made since
        (b"", False),
    ],
)
def test_only_the_last_refusal_counts(engine, written, missing):
    """And only of our own role."""
    engine(Runtime(written))

    assert data_origin(STACK, "oncall").role_missing == missing


def test_what_the_engine_does_not_tell_is_left_out(engine):
    """The refusal itself is known all the same."""
    engine(None)
    assert data_origin(STACK, "oncall") is None
    engine(Runtime(MISSING, status="exited"))
    assert data_origin(STACK, "oncall") is None
    assert data_origin(replace(STACK, docker=Docker(absent=True)), "oncall") is None


def test_the_finding_says_what_is_known():
    """The server's own words, from its log where it tells a stranger less."""
    plain = DatabaseLogin(user="oncall", outcome="refused", sqlstate="28P01", message="password authentication failed")
    origin = DataOrigin(role_missing=True, volume="motel_new", created_at=NOW, unused=("motel_old",))
    full = replace(plain, origin=origin)

    assert (plain.symptom, plain.statement) == ("the database refuses the login of oncall", plain.message)
    assert full.statement == 'role "oncall" does not exist'
    assert full.symptom.endswith("its data has no such role, and an older volume is unused: motel_old")
    assert full.evidence["data volume"] == "motel_new, created 2026-11-30 22:00:00 UTC"
    assert replace(plain, origin=replace(origin, role_missing=False)).symptom == plain.symptom
