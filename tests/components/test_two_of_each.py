"""Two APIs, two databases, two pages: each of the six, broken alone, is the one that is named."""

import time

import pytest

from tests.components.two_of_each import APIS, PAGES, SERVICES, TwoOfEach
from tests.faults.both import REST
from tests.scoring import diagnose

pytestmark = pytest.mark.docker
TRIES = 30  # until this machine is calm enough to judge by
DATABASES = tuple(APIS.values())
WRONG_HOST = "postgresql://motel:wrong@no-such-db:5432/motel"
ONE_OF_EACH = ("orders-db", "orders", "admin")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The stack, healthy."""
    made = TwoOfEach(tmp_path_factory.mktemp("two"))
    try:
        made.up()
        yield made
    finally:
        made.down()


def judged(two):
    """A run on a machine that was not too busy to judge."""
    run = diagnose(two.target)
    for _ in range(TRIES):
        if not run.starved:
            return run
        time.sleep(1)
        run = diagnose(two.target)
    return run


def each(names):
    """Every service: one of each kind in `make test`, those beside them in `make faults`."""
    return [pytest.param(name, marks=[] if name in ONE_OF_EACH else REST) for name in names]


def named(run):
    return [cause["component"] for cause in run.causes]


def test_healthy_is_green(two):
    """Nothing red, nothing unknown, and every check of a kind was made of both."""
    run = judged(two)

    assert run.code == 0, run.screen
    assert {verdict["outcome"] for verdict in run.verdicts.values()} <= {"passed", "skipped"}
    for name, members in (
        ("test_backend_answers_its_health_check", APIS),
        ("test_database_is_reachable", DATABASES),
        ("test_frontend_serves_its_page", PAGES),
        ("test_probe_account_logs_in", APIS),
        ("test_service_is_running", SERVICES),
    ):
        made = {check for check in run.verdicts if check.partition("[")[0] == name}
        assert made == {f"{name}[{member}]" for member in members}
    assert run.verdicts["test_endpoint_answers_in_time[orders-tasks]"]["component"] == "orders"
    assert run.verdicts["test_probe_account_logs_in[catalog]"]["component"] == "auth"
    assert run.verdicts["test_probe_account_logs_in[orders]"]["component"] == "orders-auth"


@pytest.mark.parametrize("service", each(SERVICES))
def test_a_stopped_one_is_named(two, service):
    """Everything else stands behind it, and the command that comes next is about this project."""
    two.docker("stop", "--time", "1", two.container(service))
    try:
        run = judged(two)
    finally:
        two.docker("start", two.container(service))
        two.wait()

    assert named(run) == [service], run.screen
    assert two.project in run.causes[0]["next"]["commands"][0]


@pytest.mark.catalogue
@pytest.mark.parametrize("service", each(SERVICES))
def test_a_frozen_one_is_named(two, service):
    """It holds its port open, and says nothing."""
    two.docker("pause", two.container(service))
    try:
        run = judged(two)
    finally:
        two.docker("unpause", two.container(service))
        two.wait()

    assert named(run) == [service], run.screen


@pytest.mark.parametrize("api", each(APIS))
def test_an_api_with_a_wrong_address_is_named(two, api):
    """Its database is well, and serves nobody else: that one is not to blame."""
    two.environment(api, DATABASE_URL=WRONG_HOST)
    two.recreate(api)
    two.until(lambda: "unhealthy" in two.docker("ps", "-a", "--filter", f"id={two.container(api)}"))
    try:
        run = judged(two)
    finally:
        two.environment(api)
        two.recreate(api)
        two.wait()

    assert named(run) == [api], run.screen


@pytest.mark.catalogue
@pytest.mark.parametrize("database", DATABASES)
def test_a_database_that_takes_no_writes_is_named(two, database):
    """A setting that somebody left behind."""
    two.sql(database, "ALTER SYSTEM SET default_transaction_read_only = on")
    two.sql(database, "SELECT pg_reload_conf()")
    try:
        run = judged(two)
    finally:
        two.sql(database, "ALTER SYSTEM RESET default_transaction_read_only")
        two.sql(database, "SELECT pg_reload_conf()")

    assert named(run) == [database], run.screen


@pytest.mark.catalogue
@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_asks_a_wrong_port_is_named(two, page):
    """The API that it should ask is well."""
    two.page(page, f"{PAGES[page]}:3009")
    two.docker("restart", "--time", "1", two.container(page))
    two.wait()
    try:
        run = judged(two)
    finally:
        two.page(page)
        two.recreate(page)
        two.wait()

    assert named(run) == [page], run.screen
