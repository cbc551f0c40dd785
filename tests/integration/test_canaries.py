"""No secret leaves, in no spelling, through no output; a customer's data in a log line neither."""

import base64
import html

import pytest

from stack.state import read_env, write_env
from tests.integration.evil_backend import evil, spelled

PIECE = 8  # characters of a secret that must not be seen in a row
AT_AND_ALL = 'x@9:dK/4"vQ1#zT mB?7&wL%40e'


@pytest.fixture
def diagnose(runs, tmp_path):
    """Runs with every output; gives (the run, name -> text of each output)."""

    def diagnose(target, *options, **variables):
        run = runs(target, "-v", f"--save={tmp_path}/facts.json", *options, **variables)
        assert (tmp_path / "report.html").exists(), run.screen
        files = {
            name: (tmp_path / name).read_text() for name in ("report.html", "junit.xml", "result.json", "facts.json")
        }
        return run, {"terminal": run.screen, **files}

    return diagnose


def leaks(outputs, canaries):
    """Every piece of a canary, in any spelling, that an output holds."""
    found = []
    for output, text in outputs.items():
        seen = (text, html.unescape(text), html.unescape(html.unescape(text)))
        for name, canary in canaries.items():
            for spelling, written in spelled(canary).items():
                if spelling in ("two-lines", "wrapped", "cut", "far"):
                    continue  # what is left of these shows as a piece of the plain one
                core = written.strip('"')
                if spelling.startswith("base64"):
                    core = core.rstrip("=")[8:-2]  # how the rest looks depends on what stands beside it
                pieces = (core[at : at + PIECE] for at in range(len(core) - PIECE + 1))
                hit = next((piece for piece in pieces if any(piece in one for one in seen)), None)
                if hit:
                    found.append(f"{output}: {name}, {spelling}: {hit!r}")
    return found


def known(patient):
    """Every secret of the reference stack."""
    backend = read_env(patient.home.env_file("backend"))
    secrets = {name: patient.secrets[name] for name in ("ONCALL_PASSWORD", "ONCALL_DB_PASSWORD", "METRICS_TOKEN")}
    return secrets | {
        "JWT_SECRET": backend["JWT_SECRET"],
        "the application's": patient.state["passwords"]["APP_DB_PASSWORD"],
    }


def assert_no_token(outputs):
    for output, text in outputs.items():
        for start in ("eyJ", base64.b64encode(b"eyJhbGci").decode()[:10]):
            assert start not in text, output


@pytest.mark.parametrize("condition", ["healthy", "login refused", "forged tokens accepted", "everything broken"])
def test_secrets_of_the_stack_leave_nothing(patient, diagnose, condition):
    """Whether all is well or the looks at secrets find something, no output holds one, nor the issued token."""
    if condition == "login refused":
        patient.sql("ALTER ROLE oncall PASSWORD 'another'")
        patient.sql("UPDATE users SET password_hash = 'x'")
    elif condition == "forged tokens accepted":
        patient.restart("backend", JWT_VERIFY_SIGNATURE="off")
        patient.edit_env("backend", JWT_SECRET="canary-not-loaded-yet-5512")
    elif condition == "everything broken":
        patient.stop("postgres")
    run, outputs = diagnose(patient.home.target)

    assert run.verdicts
    assert leaks(outputs, known(patient)) == []
    assert_no_token(outputs)


@pytest.mark.parametrize("right", [True, False], ids=["accepted", "refused"])
def test_address_with_an_at_in_its_password(patient, diagnose, right):
    """A whole postgres:// address in a variable, its password written raw with @ and colon: used, and never shown."""
    password = "canary@at:db!4471@raw"
    patient.sql(f"ALTER ROLE oncall PASSWORD '{password if right else 'another one'}'")
    patient.edit_secrets(THE_ADDRESS=f"postgresql://oncall:{password}@127.0.0.1:{patient.ports['postgres']}/motel")
    patient.edit_target("postgres.url_variable", "THE_ADDRESS")
    run, outputs = diagnose(patient.home.target)

    assert ("test_database_accepts_the_login" in run.checks("passed")) is right, run.screen
    assert leaks(outputs, {"the address": password}) == []


def test_personal_data_in_a_log_line_next_to_damage(patient, diagnose):
    """The line that speaks of damage is shown; the customer's token, address and password in it are not."""
    canaries = {
        "bearer": "Zx81kQpLw0Rt55vBnM3",
        "mail": "jane.doe.canary@customer.example",
        "password": "hunter-canary-77",
    }
    line = (
        "2026-01-01 00:00:00.000 UTC [1] ERROR:  invalid page in block 7 of relation base/5/16385 "
        f"Authorization: Bearer {canaries['bearer']} for {canaries['mail']} password={canaries['password']}\n"
    )
    with patient.log("postgres").open("a") as log:
        log.write(line)
    run, outputs = diagnose(patient.home.target)

    assert "test_database_log_shows_no_corruption" in run.checks("failed"), run.screen
    assert "invalid page in block" in run.screen
    assert leaks(outputs, canaries) == []


def test_passwords_in_sql_text(patient, diagnose):
    """Statements are shown without their literals: long-running ones, and those that pg_stat_statements keeps."""
    canaries = {name: f"canary-{name}-5521-abcdef" for name in ("running", "idle", "role", "dollar", "escaped", "cut")}
    patient.sql(f"CREATE ROLE canary LOGIN PASSWORD '{canaries['role']}'")
    patient.sql(f"DO $body$ BEGIN PERFORM pg_sleep(0.01), '{canaries['dollar']}'; END $body$")
    patient.sql(f"ALTER ROLE canary PASSWORD E'{canaries['escaped']}\\''")
    patient.sql("SELECT '" + "x" * 3980 + canaries["cut"] + "'")
    patient.hold_session(
        f"SELECT pg_sleep(60), '{canaries['running']}' AS password", wait_for_all=False, name="running"
    )
    patient.hold_session("BEGIN", f"SELECT '{canaries['idle']}' AS password", name="idle")
    limits = ("query_running_seconds", "idle_in_transaction_seconds", "query_mean_seconds")
    for limit in limits:
        patient.edit_target(f"limits.{limit}", 0.000001)
    patient.edit_target("limits.query_calls", 1)
    run, outputs = diagnose(patient.home.target)

    failed = {"test_no_query_runs_for_long", "test_no_transaction_is_left_idle", "test_no_query_is_slow_on_average"}
    assert failed <= run.checks("failed"), run.screen
    assert leaks(outputs, canaries) == []


def test_secrets_said_back_by_the_stack(patient, diagnose):
    """Whatever a backend says back, in whichever spelling, cut where it may be: no output holds a piece of it."""
    write_env(patient.home.env_file("backend"), read_env(patient.home.env_file("backend")) | {"API_KEY": AT_AND_ALL})
    canaries = known(patient) | {"API_KEY": AT_AND_ALL}
    with evil(list(canaries.values())) as (port, heard):
        url = f"http://127.0.0.1:{port}"
        for key in ("backend.url", "frontend.url"):
            patient.edit_target(key, url)
        for key in ("websocket.url", "websocket.public_url"):
            patient.edit_target(key, f"ws://127.0.0.1:{port}/realtime")
        run, outputs = diagnose(patient.home.target)

    assert canaries["ONCALL_PASSWORD"] in heard
    assert run.code == 1
    assert {"test_backend_answers_its_health_check", "test_every_health_sub_check_is_ok"} & run.checks("failed")
    assert leaks(outputs, canaries) == []
