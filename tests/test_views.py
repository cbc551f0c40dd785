"""One stack, several components of a kind: which is whose, and what its looks and keys are called."""

import pytest

from oncall.finding import CouldNotCheck
from oncall.probes import every  # noqa: F401  fills the register
from oncall.probing.register import PROBES, narrowed, probe_key, qualified, roles_of
from oncall.target.kinds import Component, HttpApi, PostgresServer, Web, Worker, kind
from oncall.target.reader import TargetError, from_builtins, read_target, to_builtins
from oncall.target.schema import Auth, Frontend, Part, Postgres, Stack
from oncall.target.views import NOBODY, Views, behind_role, components, services
from oncall.testing.looking import Looks

SEVERAL = Stack(
    components={
        "orders": HttpApi(url="http://orders", service="orders", depends_on=("orders-db",), auth=Auth()),
        "orders-db": PostgresServer(service="db2", port=5433),
        "shop": Web(url="http://shop", service="shop", depends_on=("orders",)),
        "mailer": Worker(service="mailer", depends_on=("orders-db",)),
        "cache": Component(service="redis"),
    }
)


def written(tmp_path, text):
    file = tmp_path / "oncall.toml"
    file.write_text(text)
    return read_target(file)


def problems(tmp_path, text):
    with pytest.raises(TargetError) as caught:
        written(tmp_path, text)
    return list(caught.value.problems)


def test_each_sees_its_own():
    """An API its database and the page that asks it, a page its API and through it the database."""
    views = Views(SEVERAL)

    assert views.about("orders").postgres.port == 5433
    assert views.about("orders").frontend.url == "http://shop"
    assert views.about("backend").postgres.port == 5432
    assert views.about("shop").backend.url == "http://orders"
    assert views.about("shop").postgres.port == 5433
    assert views.about("orders-db").backend.url == "http://orders"
    assert views.about("mailer").named("postgres") == "orders-db"
    assert views.about("orders").named("auth") == "orders-auth"
    assert views.about("orders").websocket.absent


def test_a_role_that_this_stack_does_not_have_is_nobody():
    """A log line about "the database" accuses no part where the target says that there is none."""
    stack = Stack(postgres=Postgres(absent=True), auth=Auth(absent=True), components={"db": Component(service="db")})

    assert [behind_role(stack, word) for word in ("postgres", "auth", "backend", "db", "network")] == [
        "", "", "backend", "db", "network",
    ]  # fmt: skip
    assert behind_role(SEVERAL, "postgres") == "postgres"


def test_what_nobody_says_is_nobody():
    """Not the first one there is: a check of another's database would be a lie."""
    assert Views(SEVERAL).about("cache").named("postgres") == NOBODY
    assert Views(SEVERAL).about("cache").postgres.absent


def test_whose_database_is_not_said_is_unknown_with_the_key():
    """One sentence, and what to set."""
    lonely = HttpApi(url="http://x", service="x", depends_on=())
    with (
        Looks(Stack(components={**SEVERAL.components, "lonely": lonely})) as look,
        pytest.raises(CouldNotCheck) as caught,
    ):
        look("database_connection", component="lonely")

    assert str(caught.value) == "the target does not say on which postgres lonely depends"
    assert caught.value.setting == "components.lonely.depends_on"


def test_only_those_count_as_several_that_are():
    """Of one API in two there is a socket; of one kind, one name."""
    assert Views(SEVERAL).several == {
        "backend": ("backend", "orders"),
        "frontend": ("frontend", "shop"),
        "postgres": ("postgres", "orders-db"),
        "auth": ("backend", "orders"),
        "websocket": ("backend",),
    }
    assert Views(Stack()).several == {}


def test_names_of_looks():
    """Plain where there is one, with the component where there are several, once."""
    one, several = Views(Stack()), Views(SEVERAL)

    assert probe_key("backend_health", {}, one) == "backend_health"
    assert probe_key("response_times", {"endpoint": "tasks"}, one) == "response_times[tasks]"
    assert probe_key("backend_health", {"component": "orders"}, several) == "backend_health[orders]"
    assert probe_key("response_times", {"component": "orders", "endpoint": "x"}, several) == "response_times[orders-x]"
    assert probe_key("database_route", {"component": "orders"}, several) == "database_route[orders]"
    assert probe_key("service_health", {"service": "orders-db"}, several) == "service_health[orders-db]"
    assert probe_key("docker_engine", {"component": "orders"}, several) == "docker_engine"
    assert narrowed("database_route", {"component": "orders"}, several)["postgres"] == "orders-db"


def test_a_reason_points_at_the_fact_of_its_own_component():
    """Roles in it become names; what has a name already keeps it."""
    views, given = Views(SEVERAL), {"component": "orders"}
    named = views.about("orders").named

    assert qualified("backend_health", given, views, named) == "backend_health[orders]"
    assert (
        qualified("service_containers.running[postgres]", given, views, named)
        == "service_containers.running[orders-db]"
    )
    assert qualified("response_times[tasks]", given, views, named) == "response_times[orders-tasks]"
    assert qualified("docker_engine", given, views, named) == "docker_engine"
    assert qualified("no_such_fact", given, views, named) == "no_such_fact"


def test_every_probe_that_looks_at_a_role_says_so():
    """Else it would look at the first of several, under the name of all."""
    for probe in PROBES.values():
        said = set(probe.function.__code__.co_names) & {"backend", "frontend", "postgres", "auth", "websocket"}
        assert not said or probe.of or "service" in probe.needs, probe.name
    assert roles_of(["test_of_nothing", "backend_health", "page_assets"]) == {"backend", "frontend"}


def test_keys_are_those_of_the_component():
    """What a sentence tells to set is where it stands in the file."""
    view = Views(SEVERAL).about("orders")

    assert view.key("backend.health.path") == "components.orders.health.path"
    assert view.key("auth.account_variable") == "components.orders.auth.account_variable"
    assert view.key("docker.host") == "docker.host"
    assert SEVERAL.key("backend.health.path") == "backend.health.path"


def test_short_forms_mean_the_same(tmp_path):
    """Under the name of the role, under another name, and as the table that it always was."""
    short = written(tmp_path, "[backend]\nurl = 'http://x'\n[auth]\nlogin_path = '/in'\n").stack
    long = written(
        tmp_path,
        "[components.backend]\nkind = 'http-api'\nurl = 'http://x'\n[components.backend.auth]\nlogin_path = '/in'\n",
    ).stack
    other = written(tmp_path, "[components.api]\nkind = 'http-api'\nurl = 'http://x'\nservice = 'api'\n").stack

    assert short == long
    assert other.named("backend") == "api"
    assert other.backend.url == "http://x"
    assert services(other)["api"] == "api"
    assert "backend" not in components(other)


def test_an_absent_short_form_leaves_its_place_to_the_first(tmp_path):
    """Else the only API would be nobody's backend, and never be looked at."""
    text = "[backend]\nabsent = true\n[components.api]\nkind = 'http-api'\nurl = 'http://x'\n"
    stack = written(tmp_path, text).stack

    assert stack.named("backend") == "api"
    assert not stack.backend.absent
    assert [name for name in services(stack) if name in ("api", "backend")] == ["api"]


def test_a_snapshot_keeps_each_kind(tmp_path):
    """What a component was, it is when its facts are judged again."""
    target = written(
        tmp_path,
        "[components.orders]\nkind = 'http-api'\nurl = 'http://x'\n[backend]\n[components.q]\nservice = 'q'\n"
        "[components.orders.websocket]\nurl = 'ws://x'\n",
    )
    again = from_builtins(to_builtins(target))

    assert again == target
    assert isinstance(again.stack.components["orders"], HttpApi)
    with pytest.raises(TargetError):
        from_builtins(to_builtins(target) | {"stack": {"components": {"x": {"kind": "nothing"}}}})


API = "[components.x]\nkind = 'http-api'\nurl = 'http://x'\n"
WEB = "[components.x]\nkind = 'web'\nurl = 'http://x'\n"
WORKER = "[components.x]\nkind = 'worker'\ndepends_on = ['chache']\n[components.cache]\nservice = 'c'\n"
KINDS = "must be one of container, http-api, postgres, web, worker"
WRONG = {
    "[components.x]\nkind = 'http-ap'\n": f'{KINDS}; did you mean "http-api"?',
    "[components.x]\nkind = 7\n": f"components.x.kind {KINDS}",
    "[components.x]\nkind = 'http-api'\n": "components.x needs a url: it must start with http:// or https://",
    f"{WEB}host = 'h'\n": 'components.x.host is not a key of this kind; components of kind "postgres" have it',
    f"{WEB}ptah = '/'\n": "components.x.ptah is not a key; did you mean components.x.path?",
    "[components.backend]\nservice = 'x'\n": "components.backend is a component anyway; set backend.service",
    "[components.auth]\nservice = 'x'\n": "components.auth is a component anyway; leave it out",
    f"{API}[components.x.websocket]\n": "components.x.websocket needs a url",
    f"{API}password = 'y'\n": "components.x.password looks like a secret",
    "[components.x]\nkind = 'postgres'\nhost = 'postgres://u:pw@h'\n": "components.x.host holds a password",
    WORKER: 'names no component: "chache"; did you mean cache?',
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.items())
def test_wrong_components_are_told_in_a_sentence(tmp_path, text, sentence):
    """Which names the key and the mend, across kinds."""
    found = problems(tmp_path, text)

    assert any(sentence in problem for problem in found), found


def test_a_second_kind_of_a_name_is_refused():
    """And what is no component's record."""

    class Other(Part, frozen=True, kw_only=True, tag_field="kind", tag="web"):
        service: str = ""

    with pytest.raises(TypeError, match="a second kind is named web"):
        kind(Other)
    with pytest.raises(TypeError, match="must be a Part"):
        kind(Frontend)
