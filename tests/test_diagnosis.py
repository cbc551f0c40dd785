"""How findings become causes: the chain of blame, its end, and what is never folded away."""

import pytest
from msgspec.structs import replace

from oncall.testing import ended, judge
from oncall.verdict import Check, check_of_fact

P1 = {"severity": "p1"}


def failed(check, component, layer="correct", **fields):
    return ended(check, "failed", component, layer=layer, **fields)


def passed(check, component, **fields):
    return ended(check, "passed", component, **fields)


def unknown(check, reason, component=None, **fields):
    return ended(check, "unknown", component, reason=reason, **fields)


DATABASE = failed("test_database", "postgres", "reachable", playbook="database-down")
HEALTH = failed("test_health", "backend", blames="postgres", playbook="backend-down")
LOGIN = failed("test_login", "auth", blames="postgres", severity="p2", playbook="login-fails")


def causes(*verdicts, catalogue=None):
    """Each cause as its component, with the names of what it explains."""
    return {
        cause.component: {one.check for one in (*cause.consequences, *cause.blocked)}
        for cause in judge(*verdicts, catalogue=catalogue).causes
    }


def only(*verdicts, catalogue=None):
    """The one cause that there must be."""
    (cause,) = judge(*verdicts, catalogue=catalogue).causes
    return cause


def test_nothing_wrong_has_no_cause():
    """A healthy run has nothing to explain."""
    assert judge(passed("test_health", "backend")).causes == ()


def test_accusers_are_folded_under_the_accused():
    """A dead database is one finding with its consequences, not three findings."""
    assert causes(HEALTH, DATABASE, LOGIN) == {"postgres": {"test_health", "test_login"}}


def test_end_of_the_chain_is_the_cause_through_several():
    """Who accuses an accuser stands behind the last one."""
    page = failed("test_page", "frontend", blames="backend")

    assert causes(page, HEALTH, DATABASE) == {"postgres": {"test_page", "test_health"}}


def test_accused_that_nobody_looked_at_is_likely():
    """The chain ends at a component without a finding of its own, and the section is that of its urgent checks."""
    catalogue = {"test_database": Check(severity="p1", component="postgres", playbook="database-down")}
    cause = only(LOGIN, catalogue=catalogue)

    assert (cause.component, cause.confidence, cause.playbook) == ("postgres", "likely", "database-down")
    assert [one.check for one in cause.findings] == [LOGIN.check]


@pytest.mark.parametrize(("root", "severity"), [("p4", "p4"), ("p1", "p1")])
def test_a_guess_is_no_more_urgent_than_the_check_that_would_tell(root, severity):
    """A health check that cannot run makes the look at the service's health blind, and nobody is hurt."""
    catalogue = {"test_command": Check(severity=root, component="backend", playbook="health-check")}
    unknown = ended("test_healthy", "unknown", "backend", root_check="test_command")

    assert only(unknown, catalogue=catalogue).severity == severity


def test_accused_that_passes_is_not_believed_to_be_sick():
    """A backend with a wrong password says that the database is down, and the database is not."""
    cause = only(HEALTH, passed("test_database", "postgres"))

    assert (cause.component, cause.confidence) == ("backend", "likely")
    assert "whose own checks pass" in cause.because


def test_false_accusation_is_told_once():
    """The login repeats what the health body says: nobody believes it of both, and it is one cause."""
    assert causes(HEALTH, LOGIN, passed("test_database", "postgres")) == {"backend": {"test_login"}}


def test_proof_is_believed_against_a_component_that_passes():
    """What was asked inside the container stands, whatever can be reached from outside."""
    port = failed("test_port", "backend", "reachable", blames="network", corroboration="asked inside the container")
    cause = only(port, HEALTH, passed("test_name", "network"), passed("test_database", "postgres"))

    assert (cause.component, cause.confidence) == ("network", "confirmed")
    assert [one.check for one in cause.consequences] == ["test_health"]


def test_lower_layer_explains_a_higher_one():
    """What does not run cannot answer."""
    runs = failed("test_runs", "backend", "runs")
    answers = failed("test_answers", "backend", "reachable")

    assert causes(answers, runs) == {"backend": {"test_answers"}}
    assert [one.check for one in only(answers, runs).findings] == [runs.check]


def test_higher_layer_never_explains_a_lower_one():
    """A slow backend is not why its container is gone."""
    slow, runs = failed("test_slow", "backend", "fast"), failed("test_runs", "backend", "runs")

    assert [one.check for one in only(slow, runs).findings] == ["test_runs"]


def test_setting_stands_alone():
    """A weak secret is no consequence of a dead backend."""
    weak = failed("test_weak", "auth", "config", severity="p2", playbook="jwt-secret")
    gone = failed("test_runs", "backend", "runs")

    assert set(causes(weak, gone)) == {"auth", "backend"}


def test_settings_of_one_section_are_one_cause():
    """A default secret is too short as well: one thing to mend."""
    default = failed("test_default", "auth", "config", playbook="jwt-secret")
    short = failed("test_short", "auth", "config", playbook="jwt-secret")

    assert len(judge(default, short).causes) == 1


def test_two_faults_of_two_components_are_two_causes():
    """No rule hides a finding on severity or order alone."""
    page = failed("test_page", "frontend", "reachable")

    assert causes(page, DATABASE, HEALTH) == {"postgres": {"test_health"}, "frontend": set()}


@pytest.mark.parametrize(("outage", "severity"), [(True, "p1"), (False, "p2")])
def test_a_cause_is_as_severe_as_what_users_lose(outage, severity):
    """Nothing works any more: P1, whatever the check that saw it."""
    proxy = failed("test_token_by_proxy", "frontend", severity="p2", manner="error answer", outage=outage)

    assert only(proxy).severity == severity


def test_two_sections_of_one_component_are_two_causes():
    """A slow query and a damaged page are mended in two ways."""
    slow = failed("test_query", "postgres", "fast", playbook="slow-query", severity="p3")
    damaged = failed("test_pages", "postgres", playbook="data-corruption")

    assert len(judge(slow, damaged).causes) == 2


def test_trace_is_folded_under_what_it_tells_of():
    """A log line about the refused database is no second finding."""
    line = failed("test_log", "backend", "log_evidence", blames="postgres")

    assert causes(line, DATABASE, HEALTH) == {"postgres": {"test_log", "test_health"}}


def test_trace_alone_is_likely():
    """What a log told minutes ago may be over."""
    cause = only(failed("test_log", "backend", "log_evidence", blames="postgres"), passed("test_database", "postgres"))

    assert (cause.component, cause.confidence) == ("postgres", "likely")


def test_circle_is_one_cause_and_not_proven():
    """Two components that accuse each other: one cause, on the lowest layer."""
    backend = failed("test_backend", "backend", "correct", blames="postgres")
    postgres = failed("test_postgres", "postgres", "answers", blames="backend")
    cause = only(backend, postgres)

    assert cause.confidence == "not proven"
    assert "each report the other as failing" in cause.because
    assert {one.check for one in (*cause.findings, *cause.consequences)} == {"test_backend", "test_postgres"}


def test_unknown_stands_behind_what_it_points_at():
    """Through other unknowns, to the failed check at the end."""
    token = unknown("test_token", "nobody logged in", root_check="test_login")
    handshake = unknown("test_handshake", "there is no token", root_check="test_token")

    assert causes(token, handshake, LOGIN, DATABASE) == {"postgres": {"test_login", "test_token", "test_handshake"}}
    assert judge(token, handshake, LOGIN, DATABASE).unknown == ()


def test_unknown_with_a_reason_of_its_own_stands_alone():
    """A password that nobody set has nothing to do with the dead frontend."""
    blind = unknown("test_login", "set ONCALL_PASSWORD")
    diagnosis = judge(blind, failed("test_page", "frontend", "reachable"))

    assert [one.check for one in diagnosis.unknown] == [blind.check]
    assert [cause.blocked for cause in diagnosis.causes] == [()]


def test_a_line_that_accuses_a_healthy_part_is_mended_where_the_check_says_that_it_points_at():
    """The backend's log says that there is no secret: the section of the secret, not that of the login."""
    line = failed(
        "test_log", "backend", "log_evidence", blames="auth", root_check="test_secret", playbook="service-down"
    )
    catalogue = {
        "test_login": Check(severity="p1", component="auth", playbook="login-fails"),
        "test_secret": Check(severity="p2", component="auth", playbook="jwt-secret"),
    }

    assert [cause.playbook for cause in judge(line, catalogue=catalogue).causes] == ["jwt-secret"]
    unpointed = failed("test_log", "backend", "log_evidence", blames="auth", playbook="service-down")
    assert [cause.playbook for cause in judge(unpointed, catalogue=catalogue).causes] == ["login-fails"]


def test_selection_names_the_cause_outside_of_it():
    """`-m p2` with a dead backend names the backend, although no check of it was selected."""
    catalogue = {"test_health": Check(severity="p1", component="backend", playbook="backend-down")}
    lost = [
        unknown(name, "the backend gave no answer", "auth", severity="p2", root_check="test_health") for name in "ab"
    ]
    cause = only(*lost, catalogue=catalogue)

    assert (cause.component, cause.confidence, cause.playbook) == ("backend", "likely", "backend-down")
    assert (cause.symptom, len(cause.blocked)) == ("the backend gave no answer", 2)


def test_doubt_is_not_proven():
    """Exit 137 without a trace of the OOM killer looks the same as docker kill."""
    ambiguity = "exit 137 without an OOM event looks the same as docker kill"
    cause = only(failed("test_runs", "backend", "runs", ambiguity=ambiguity))

    assert (cause.confidence, cause.because) == ("not proven", ambiguity)


def test_proof_comes_before_its_like():
    """Killed for lack of memory says more than does not run."""
    runs = failed("test_runs", "backend", "runs", ambiguity="it looks the same as docker kill")
    killed = failed("test_killed", "backend", "runs", corroboration="State.OOMKilled and the kernel log", position=1)
    cause = only(runs, killed)

    assert (cause.symptom, cause.confidence) == ("test_killed fails", "confirmed")
    assert {one.check for one in cause.findings} == {"test_runs", "test_killed"}


def test_silence_without_a_second_witness_is_likely():
    """From here, a part that hangs and a line that swallows look the same."""
    silent = failed("test_health", "backend", "answers")

    assert only(silent).confidence == "likely"
    assert only(silent, failed("test_docker_health", "backend")).confidence == "confirmed"


def test_late_one_waits_for_whoever_it_needs():
    """A login that hangs while sessions wait for a lock is a consequence of the lock."""
    login = failed("test_login", "auth", "answers", severity="p2")
    lock = failed("test_blocked", "postgres", "fast", severity="p3")

    assert causes(login, lock) == {"postgres": {"test_login"}}


def test_late_one_is_held_up_by_what_hid_a_look():
    """A locked table that could not be read is why the login hangs."""
    login = failed("test_login", "auth", "answers", severity="p2")
    locked = unknown("test_accounts", "users is locked by pid 7", "auth", blames="postgres", severity="p2")
    cause = only(login, locked, passed("test_database", "postgres"))

    assert (cause.component, cause.confidence) == ("postgres", "likely")
    assert cause.because == "users is locked by pid 7"


def test_the_same_story_is_told_by_the_check_it_points_at():
    """Icons that are missing with the scripts are no second cause, however different their severity."""
    scripts = failed("test_scripts", "frontend", playbook="frontend-build")
    icons = failed("test_icons", "frontend", severity="p4", playbook="ui-glitches", root_check="test_scripts")

    assert causes(scripts, icons) == {"frontend": {"test_icons"}}
    assert [one.check for one in only(icons).findings] == [icons.check]


def test_severity_is_the_worst_of_all_that_it_explains():
    """A missing secret that keeps the backend down is urgent."""
    secret = failed("test_secret", "auth", "exists", severity="p2")
    down = failed("test_backend", "backend", "runs", blames="auth")

    assert only(secret, down).severity == "p1"


def test_most_urgent_cause_comes_first():
    """What is read first is what to mend first."""
    late = failed("test_slow", "backend", "fast", severity="p3")

    assert [cause.component for cause in judge(late, DATABASE).causes] == ["postgres", "backend"]


def test_components_of_others_are_components_too():
    """Another team's redis is accused, found and explained as ours are."""
    redis = failed("test_redis", "redis", "reachable")
    worker = failed("test_worker", "worker", blames="redis")

    assert causes(worker, redis) == {"redis": {"test_worker"}}


def test_accepted_finding_is_no_cause():
    """The team lives with it."""
    assert judge(ended("test_swap", "accepted", "host", symptom="swap is full")).causes == ()


@pytest.mark.parametrize(
    ("root", "check"),
    [
        ("service.running[api]", "test_runs[api]"),
        ("service.running[db]", "test_runs[db]"),
        ("answer", "test_answers"),
        ("both", "test_urgent"),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_a_fact_leads_to_the_check_that_judges_it(root, check):
    """By its mark, else the most urgent that names it; the parameter is kept."""
    catalogue = {
        "test_lesser": Check(severity="p3", facts=("both", "service")),
        "test_runs[api]": Check(severity="p1", facts=("service",), judges="service.running"),
        "test_runs[db]": Check(severity="p1", facts=("service",), judges="service.running"),
        "test_urgent": Check(severity="p2", facts=("both",)),
        "test_answers": Check(severity="p1", facts=("answer",)),
    }

    assert check_of_fact(root, catalogue) == check


RUNS = failed("test_undeclared_services_run[worker]", "worker", "runs", part="worker", playbook="undeclared-service")
LOG_OF_WORKER = failed("test_logs[worker]", "worker", "log_evidence", part="worker", playbook="undeclared-service")


def test_a_part_that_nobody_declared_is_one_cause_whatever_is_wrong_with_it():
    """It ends, its log is full, its limits cannot be looked at: the state is the cause."""
    limits = unknown("test_limits[worker]", "worker is not running", "worker", part="worker")

    assert causes(RUNS, LOG_OF_WORKER, limits) == {"worker": {"test_logs[worker]", "test_limits[worker]"}}


def test_two_such_parts_are_two_causes():
    """They have come out of one test; nothing else joins them."""
    other = replace(RUNS, check="test_undeclared_services_run[mails]", nodeid="mails", component="mails", part="mails")

    assert causes(RUNS, other) == {"worker": set(), "mails": set()}


def test_who_accuses_such_a_part_is_its_consequence():
    """The backend's log names the worker, which has ended."""
    assert causes(RUNS, failed("test_log[backend]", "backend", "log_evidence", blames="worker")) == {
        "worker": {"test_log[backend]"}
    }


def test_such_a_part_that_is_well_is_not_believed_to_be_the_cause():
    """Its passed verdict clears it: what is wrong lies with the accuser."""
    well = passed("test_undeclared_services_run[worker]", "worker", part="worker")

    assert causes(well, failed("test_health", "backend", "answers", blames="worker")) == {"backend": set()}
