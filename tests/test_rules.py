"""Each rule of the diagnosis: what it explains, and what it leaves alone."""

import pytest

from oncall.diagnosis.case import Case
from oncall.diagnosis.causes import diagnose
from oncall.diagnosis.manners import FROM_BELOW, comes_from_below
from oncall.diagnosis.rules import RULES, explained
from oncall.finding import MANNERS
from oncall.target.graph import Graph
from oncall.testing import ended, judge

CHAIN = Graph(
    near={"shop": ("api",)},
    below={
        "shop": ("api", "db"), "api": ("db",), "api-auth": ("api", "db"), "worker": ("db", "cache"),
    },
    patient=frozenset({"shop"}),
    served={"api-auth": "api"},
    published={"localhost:80": "proxy", "localhost:3001": "api"},
)  # fmt: skip


def failed(check, component, manner=None, layer="correct", **fields):
    return ended(check, "failed", component, manner=manner, layer=layer, **fields)


def passed(check, component):
    return ended(check, "passed", component)


def told(*verdicts, graph=CHAIN):
    """Each cause: its component, its headline, and the rule that led each check there."""
    found = diagnose(verdicts, {}, graph)
    return [(cause.component, cause.symptom, {one.check: one.rule for one in cause.chain}) for cause in found.causes]


def components(*verdicts, graph=CHAIN):
    return [component for component, *_ in told(*verdicts, graph=graph)]


def test_every_rule_has_a_sentence_that_names_what_explains():
    """`--explain` prints it; a rule that ends a chain names nothing."""
    for rule in RULES:
        assert rule.sentence[0].islower() or rule.sentence.startswith("{by}"), rule
        assert "{by}" in rule.sentence or rule.name == "standing"


def test_the_first_rule_that_applies_decides():
    """Of two that would: the check it points at, not the part that it accuses."""
    nearer = failed("test_scripts", "shop")
    verdict = failed("test_icons", "shop", blames="db", root_check="test_scripts")

    by, rule = explained(Case([nearer, verdict, failed("test_db", "db")], {}, CHAIN), verdict)
    assert (by, rule) == (nearer, "told")


@pytest.mark.parametrize("manner", ["exits", "refused", "silent", "late", "error answer"])
def test_what_a_part_below_can_do_is_its_consequence(manner):
    """A stopped database makes the API above it fail in any of these ways."""
    down = failed("test_db", "db", "absent", "runs")

    assert components(down, failed("test_api", "api", manner)) == ["db"]


@pytest.mark.parametrize("manner", ["absent", "wrong answer", "config"])
def test_what_a_part_below_cannot_do_stands_alone(manner):
    """A container that somebody removed, a wrong signature, a missing variable."""
    down = failed("test_db", "db", "absent", "runs")
    own = failed("test_api", "api", manner, "config" if manner == "config" else "correct")

    assert sorted(components(down, own)) == ["api", "db"]


def test_every_manner_that_comes_from_below_is_one_of_the_vocabulary():
    """The table holds no word of its own, and no standing setting makes anything fail."""
    assert set(FROM_BELOW) <= set(MANNERS)
    assert not any("config" in manners for manners in FROM_BELOW.values())


def test_a_slow_part_makes_nobody_refuse_or_exit():
    """It makes them late, and their answers errors."""
    late = failed("test_db", "db", "late", "fast")

    assert [comes_from_below(failed("test_api", "api", manner), late) for manner in FROM_BELOW] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_a_server_of_files_listens_whatever_is_below():
    """It is no consequence of the database that nothing answers at the page's address; an error page is one."""
    down = failed("test_db", "db", "absent", "runs")

    assert sorted(components(down, failed("test_page", "shop", "refused", "reachable"))) == ["db", "shop"]
    assert components(down, failed("test_page", "shop", "error answer")) == ["db"]


def test_what_a_server_of_files_hands_on_hangs_with_the_part_that_it_asks():
    """Not with one further down: the part between answers that it cannot."""
    socket = failed("test_socket", "shop", "silent", "answers")

    assert components(failed("test_api", "api", "absent", "runs"), socket) == ["api"]
    assert sorted(components(failed("test_db", "db", "absent", "runs"), socket)) == ["db", "shop"]


def test_a_slow_part_makes_no_server_of_files_hang():
    """It hands nothing on to it that is not answered, be it late."""
    slow = failed("test_slow", "db", "late", "fast")

    assert sorted(components(slow, failed("test_page", "shop", "silent", "answers"))) == ["db", "shop"]


def test_the_watchers_of_one_part_are_one_cause():
    """The cache is frozen: the API answers 503, the worker starts again and again, the login answers 500."""
    graph = Graph(below={"api": ("cache",), "api-auth": ("api", "cache"), "worker": ("cache",)})
    frozen = failed("test_cache", "cache", "absent", "runs")
    watchers = [
        failed("test_health", "api", "error answer"),
        failed("test_login", "api-auth", "error answer", severity="p2"),
        failed("test_up", "worker", "exits", "runs"),
    ]

    assert components(frozen, *watchers, graph=graph) == ["cache"]


def test_the_end_of_the_chain_is_the_cause_through_healthy_parts():
    """The API says nothing wrong of itself; the login on it fails because of the database."""
    down = failed("test_db", "db", "refused", "reachable")

    assert components(down, passed("test_health", "api"), failed("test_login", "api-auth", "error answer")) == ["db"]


def test_a_proof_is_no_consequence():
    """The kernel killed the worker for lack of memory: the database has no part in it."""
    down = failed("test_db", "db", "absent", "runs")
    killed = failed("test_oom", "worker", "exits", "runs", corroboration="State.OOMKilled and the kernel log")

    assert sorted(components(down, killed)) == ["db", "worker"]


def test_an_end_for_a_reason_of_its_own_is_no_consequence():
    """A module is missing in the API's image, whatever the database does; the page above has no cause of its own."""
    down = failed("test_db", "db", "exits", "runs")
    loops = failed("test_api", "api", "exits", "runs", corroboration="its state and its own last words")
    page = failed("test_page", "shop", "error answer")

    assert sorted(components(down, loops, page)) == ["api", "db"]
    assert components(down, failed("test_api", "api", "exits", "runs"), page) == ["db"]


def test_a_part_at_its_own_limit_is_late_because_of_it():
    """One cause, although the playbook has a section for each."""
    pegged = failed("test_cpu", "api", None, "fast", playbook="container-resources")
    slow = failed("test_slow", "api", "late", "fast", playbook="slow-endpoint", severity="p3")

    assert told(pegged, slow) == [("api", "test_cpu fails", {"test_cpu": "end", "test_slow": "strained"})]


def test_what_answers_at_an_address_is_what_the_runtime_has_put_there():
    """API and page are asked at the proxy's port, and the proxy is gone."""
    api = failed("test_health", "api", "refused", "reachable", address="127.0.0.1:80")
    page = failed("test_page", "shop", "refused", "reachable", address="localhost:80")
    gone = failed("test_undeclared[proxy]", "proxy", "absent", "runs")

    assert told(api, page, gone)[0][::2] == (
        "proxy", {"test_undeclared[proxy]": "end", "test_health": "same place", "test_page": "same place"},
    )  # fmt: skip
    assert components(api, page) == ["proxy"]


def test_one_address_is_one_place_where_no_runtime_tells():
    """One process serves page and API."""
    graph = Graph(below={"shop": ("api",)})
    api = failed("test_health", "api", "refused", "reachable", address="localhost:8000")
    page = failed("test_page", "shop", "refused", "reachable", address="127.0.0.1:8000")

    assert components(api, page, graph=graph) == ["api"]
    assert sorted(components(api, failed("test_page", "shop", "refused", "reachable", address="localhost:9000"))) == [
        "api", "shop",
    ]  # fmt: skip


def test_a_part_of_a_project_that_was_never_made_is_not_there_to_answer():
    """No container of the project exists: nobody listens at any address, and that is one cause."""
    project = failed("test_project", "docker", "absent", "exists")
    state = ended("test_up[api]", "unknown", "api", root_check="test_project")
    api = failed("test_health", "api", "refused", "reachable", address="localhost:4000")
    cache = failed("test_cache", "cache", "refused", "reachable", address="localhost:6379")

    assert sorted(components(project, state, api, cache)) == ["cache", "docker"]


def test_an_engine_that_is_dead_stops_no_part():
    """It hides their state, and they run on."""
    engine = failed("test_engine", "docker", "refused", "reachable")
    state = ended("test_up[api]", "unknown", "api", root_check="test_engine")
    api = failed("test_health", "api", "refused", "reachable", address="localhost:4000")

    assert sorted(components(engine, state, api)) == ["api", "docker"]


def test_an_answer_is_of_whoever_answers():
    """A proxy that answers 502 is there: the address says nothing of who is sick."""
    page = failed("test_page", "shop", "error answer", address="localhost:80")

    assert components(page) == ["shop"]


def test_a_login_is_at_its_servers_address():
    """It is served by the API: no other part's place."""
    login = failed("test_login", "api-auth", "refused", "reachable", address="localhost:3001")

    assert components(login) == ["api-auth"]


def test_a_restart_loop_ends_for_what_its_log_says():
    """A failed migration: loop, log line and migration are one cause, the migration."""
    loop = failed("test_up", "api", "exits", "runs", playbook="service-down")
    line = failed("test_log", "api", None, "log_evidence", blames="api-auth", root_check="test_migrations")
    migration = failed("test_migrations", "api-auth", None, "exists", severity="p2", playbook="migrations")

    component, words, rules = told(loop, line, migration)[0]
    assert len(told(loop, line, migration)) == 1
    assert (component, words) == ("api-auth", "test_migrations fails")
    assert rules == {"test_migrations": "end", "test_log": "told", "test_up": "last words"}


def test_a_loop_whose_log_points_at_a_setting_ends_there():
    """postgres:18 with the mount of 17: the loop, its log, and the volume that is not where it should be."""
    loop = failed("test_up", "db", "exits", "runs")
    line = failed("test_log", "db", None, "log_evidence", root_check="test_volume")
    volume = failed("test_volume", "db", "config", "config", playbook="data-volume")

    assert [words for _, words, _ in told(loop, line, volume)] == ["test_volume fails"]


def test_the_last_words_head_the_cause():
    """Not "restarts again and again"."""
    loop = failed("test_up", "api", "exits", "runs")
    words = failed("test_log", "api", None, "log_evidence", symptom="log of api: its JavaScript heap is full")
    (cause,) = diagnose([loop, words], {}, CHAIN).causes

    assert (cause.symptom, cause.effect) == ("log of api: its JavaScript heap is full", "test_up fails")


def test_what_somebody_stopped_is_not_headed_by_its_log():
    """It was taken away: what it wrote before is not why."""
    gone = failed("test_up", "api", "absent", "runs")
    words = failed("test_log", "api", None, "log_evidence", symptom="log of api: a module is missing")
    (cause,) = diagnose([gone, words], {}, CHAIN).causes

    assert cause.symptom == "test_up fails"


def test_the_servers_own_answer_heads_the_cause_and_confirms_it():
    """SQLSTATE and message before "answers 503" and before "is late"."""
    refused = failed(
        "test_role", "db", "error answer", symptom="role app may not log in",
        statement='FATAL: role "app" is not permitted to log in', speaker="server", position=5,
    )  # fmt: skip
    late = failed("test_db", "db", "late", "fast")
    health = failed("test_health", "api", "error answer", blames="db")
    cause = diagnose([late, refused, health], {}, CHAIN).causes[0]

    assert (cause.component, cause.symptom, cause.confidence) == ("db", "role app may not log in", "confirmed")
    assert cause.evidence["quoted"] == 'FATAL: role "app" is not permitted to log in'


def test_words_that_stand_in_the_evidence_are_not_quoted_twice():
    """One line, once."""
    words = "FATAL: no"
    verdict = failed("test_db", "db", statement=words, speaker="server", evidence={"said": words})

    assert "quoted" not in diagnose([verdict], {}, CHAIN).causes[0].evidence


def test_a_line_that_accuses_a_part_that_is_well_turns_to_who_wrote_it():
    """It says that the database refuses connections, and the database accepts ours: the writer's setting."""
    line = failed("test_log", "api", None, "log_evidence", blames="db", speaker="peer", statement="ECONNREFUSED db")

    assert components(line, passed("test_db", "db")) == ["api"]
    assert components(line) == ["db"]


def test_two_parts_are_believed_against_one_look():
    """API and worker are refused by a database that lets us in; neither depends on the other."""
    api = failed("test_log[api]", "api", None, "log_evidence", blames="db", speaker="peer", statement="28P01")
    worker = failed("test_log[worker]", "worker", None, "log_evidence", blames="db", speaker="peer", statement="28P01")
    well = passed("test_db", "db")

    assert components(api, worker, well) == ["db"]
    assert components(api, well) == ["api"]


def test_a_login_is_no_second_witness_beside_its_server():
    """It repeats what the API says."""
    api = failed("test_health", "api", "error answer", blames="db")
    login = failed("test_login", "api-auth", "error answer", blames="db")

    assert components(api, login, passed("test_db", "db")) == ["api"]


def test_a_line_that_no_look_contradicts_is_believed():
    """A full disk, a damaged page: the part may well answer beside it."""
    line = failed("test_log", "api", None, "log_evidence", blames="db")

    assert components(line, passed("test_db", "db")) == ["db"]


def test_a_circle_is_one_cause():
    """Each accuses the other: not proven, on the lowest layer."""
    api = failed("test_api", "api", "error answer", blames="db")
    db = failed("test_db", "db", "silent", "answers", blames="api")
    (cause,) = diagnose([api, db], {}, CHAIN).causes

    assert cause.confidence == "not proven"


def test_every_failed_check_has_its_place_in_the_chain():
    """What `--explain` prints is complete."""
    verdicts = [
        failed("test_db", "db", "absent", "runs"),
        failed("test_health", "api", "error answer", blames="db"),
        failed("test_login", "api-auth", "error answer"),
        failed("test_log", "api", "refused", "log_evidence", blames="db"),
    ]
    (cause,) = judge(*verdicts).causes[:1]

    assert {link.check for link in cause.chain} == {
        one.check for one in (*cause.findings, *cause.consequences)
    }  # fmt: skip
    assert all(link.rule for link in cause.chain)


def test_a_silence_behind_a_proxy_that_answers_is_not_the_proxys():
    """The API is asked at the proxy's port, where the page is served as ever."""
    api = failed("test_health", "api", "silent", "answers", address="localhost:80")
    frozen = failed("test_frozen", "api", "absent", "runs")

    assert components(api, passed("test_page", "proxy")) == ["api"]
    assert components(api, frozen, passed("test_page", "proxy")) == ["api"]
    assert components(api) == ["proxy"]


def test_of_those_asked_at_one_address_the_one_that_is_gone_is_meant():
    """The proxy was removed with its container: nothing tells any more whose the port was."""
    graph = Graph(below={"edge": ("api", "stock")})
    apis = [failed(f"test_{name}", name, "refused", "reachable", address="localhost:80") for name in ("api", "stock")]
    page = failed("test_page", "edge", "refused", "reachable", address="localhost:80")
    gone = failed("test_runs", "edge", "absent", "exists")

    assert components(*apis, page, gone, graph=graph) == ["edge"]


def test_a_part_of_which_only_others_tell_explains_what_depends_on_it():
    """The cache has no finding of its own: the worker's log says that it is full, and the API on it answers 503."""
    graph = Graph(below={"api": ("cache",), "worker": ("cache",)})
    full = failed("test_log", "worker", None, "log_evidence", blames="cache")

    assert components(full, failed("test_health", "api", "error answer"), graph=graph) == ["cache"]
    assert sorted(components(full, failed("test_health", "api", "refused", "reachable"), graph=graph)) == [
        "api", "cache",
    ]  # fmt: skip


def test_two_error_answers_of_one_part_are_one_cause():
    """Its health answers 503 and its list 500, each with a section of its own in the playbook."""
    health = failed("test_health", "api", "error answer", playbook="backend-down")
    listed = failed("test_list", "api", "error answer", playbook="slow-endpoint", severity="p3")

    assert components(health, listed) == ["api"]
    assert len(told(health, failed("test_forged", "api", "wrong answer", playbook="other"))) == 2


def test_an_error_answer_through_a_proxy_that_tells_of_itself_is_the_proxys():
    """It still asks the old address of an API that is well; a log that accuses the API itself is no such word."""
    answer = failed("test_health", "api", "error answer", address="127.0.0.1:80")
    own = failed("test_log", "proxy", None, "log_evidence")

    assert components(answer, own) == ["proxy"]
    assert components(answer, failed("test_log", "proxy", None, "log_evidence", blames="api")) == ["api"]
    assert sorted(components(failed("test_health", "api", "error answer", address="elsewhere:80"), own)) == [
        "api", "proxy",
    ]  # fmt: skip


def test_nothing_of_the_project_exists_is_one_cause():
    """Every service has no container, and nothing answers: what was created is nothing."""
    graph = Graph(below={"shop": ("api",), "api": ("db",)})
    none = [
        failed(f"test_runs[{name}]", name, "absent", "exists", blames="docker", corroboration="the engine's list")
        for name in ("api", "db", "shop")
    ]
    refused = failed("test_health", "api", "refused", "reachable")

    assert components(passed("test_engine", "docker"), *none, refused, graph=graph) == ["docker"]


def test_a_part_at_a_limit_of_its_own_answers_with_errors():
    """Who may start no further thread answers 500: one cause, whose words are the limit; its login is served by it."""
    crowded = failed("test_processes", "api", None, "fast")
    broken = failed("test_health", "api", "error answer")
    login = failed("test_login", "api-auth", "error answer")

    causes = told(crowded, broken, login)
    assert [(component, symptom) for component, symptom, _ in causes] == [("api", "test_processes fails")]
    assert causes[0][2]["test_health"] == "short"


def test_errors_that_come_from_below_are_not_laid_on_a_limit():
    """The database is gone: that the API's memory is nearly full is another matter."""
    full = failed("test_memory", "api", None, "fast")
    broken = failed("test_health", "api", "error answer")
    gone = failed("test_db", "db", "refused", "reachable")

    assert components(full, broken, gone) == ["api", "db"] or components(full, broken, gone) == ["db", "api"]
