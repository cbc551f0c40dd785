"""Faults that were written after the diagnosis, by somebody who had not read it: what it said at its first try."""

import secrets
import time
from urllib.parse import urlsplit, urlunsplit

from stack.faults import fault
from stack.faults.embedded.auth import ACCEPTED, LOGIN, ROUTE, TIMES, TOKEN_REFUSED, stack_python
from stack.faults.expected.database_failures import (
    BACKEND_BLIND,
    BACKEND_FAILS,
    BLOCKED,
    TABLES_FREE,
    THIS_DATABASE,
    WRITES,
)
from stack.faults.expected.unknowns import ENDPOINTS, FORGED, NO_PAGE, NO_TOKEN, PUBLIC_API, PUBLIC_TOKEN, SOCKET
from stack.faults.tools.interposed_proxy import answers, put_before
from stack.running import Running

HEALTH = "test_backend_answers_its_health_check"
PAGE = "test_frontend_serves_its_page"
PROXY = "test_handshake_succeeds_through_the_proxy"
PROMPT = "<html><head><title>401 Authorization Required</title></head><body><h1>401</h1><hr>nginx</body></html>"


@fault(
    "backend-database-of-another-name",
    component="backend",
    cause_class="misconfiguration",
    must_fail=[THIS_DATABASE, *BACKEND_FAILS],
    unknown=BACKEND_BLIND,
    held_out_result="right",
)
def backend_database_of_another_name(stack: Running) -> None:
    """The backend was deployed with the staging environment's database name, which does not exist here."""
    parts = urlsplit(stack.env("backend")["DATABASE_URL"])
    stack.restart("backend", wait=False, DATABASE_URL=urlunsplit(parts._replace(path="/motel_staging")))
    stack.wait(lambda: answers(stack, "backend", stack.ports["backend"]), "the backend answers", 20)


@fault("backend-health-503-while-well", component="backend", cause_class="code defect", must_fail=[HEALTH],
       held_out_result="right")  # fmt: skip
def backend_health_503_while_well(stack: Running) -> None:
    """A release turned the health check's status around: its body says that all is well, with 503."""
    put_before(stack, "backend", "--only", "/health", "--turn", "200=503")


@fault("frontend-gzip-garbage", component="frontend", cause_class="misconfiguration", must_fail=[PAGE],
       unknown=NO_PAGE, held_out_result="nothing: all green")  # fmt: skip
def frontend_gzip_garbage(stack: Running) -> None:
    """The page is announced as compressed, and is not: browsers cannot decode it."""
    put_before(stack, "frontend", "--only", "/$", "--set", "Content-Encoding: gzip")


@fault("frontend-behind-a-password", component="frontend", cause_class="misconfiguration", must_fail=[PAGE, PROXY],
       unknown=[*NO_PAGE, PUBLIC_API, PUBLIC_TOKEN], held_out_result="auth beside frontend")  # fmt: skip
def frontend_behind_a_password(stack: Running) -> None:
    """The staging site's password prompt was deployed with the proxy: everything answers 401 before anybody logs in."""
    put_before(stack, "frontend", "--status", "401", "--type", "text/html", "--text", PROMPT)


@fault("frontend-realtime-to-the-old-release", component="frontend", cause_class="misconfiguration",
       must_fail=[PROXY], held_out_result="auth")  # fmt: skip
def frontend_realtime_to_the_old_release(stack: Running) -> None:
    """After a blue-green deploy the proxy's socket route still leads to the old release, which has the old secret."""
    port = another_backend(stack, JWT_SECRET=secrets.token_urlsafe(48))
    put_before(stack, "frontend", "--route", f"/realtime={port}")


@fault("postgres-read-only-role", component="postgres", cause_class="misconfiguration", must_fail=[WRITES],
       held_out_result="nothing: all green")  # fmt: skip
def postgres_read_only_role(stack: Running) -> None:
    """Somebody made the application's role read-only for a migration and forgot about it."""
    stack.sql("ALTER ROLE motel SET default_transaction_read_only = on")


@fault(
    "postgres-tasks-locked",
    component="postgres",
    cause_class="lock",
    must_fail=[TABLES_FREE, BLOCKED, *ENDPOINTS],
    may_fail=[HEALTH, "test_every_health_sub_check_is_ok"],  # once the requests that hang have all its connections
    unknown=[ACCEPTED, *FORGED, PUBLIC_TOKEN],
    held_out_result="right",
)
def postgres_tasks_locked(stack: Running) -> None:
    """A forgotten psql holds a lock on the tasks table: whoever opens a page with tasks waits."""
    stack.hold_session("BEGIN", "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE", name="forgotten")
    stack.hold_session("SELECT count(*) FROM tasks", name="waiting", wait_for_all=False)
    time.sleep(6)  # until somebody has waited for longer than the limit


@fault("auth-issuer-clock-behind", component="auth", cause_class="clock skew", must_fail=[TIMES, ACCEPTED, SOCKET[0]],
       may_fail=["test_clocks_agree"], unknown=TOKEN_REFUSED,
       held_out_result="right, with sane token times")  # fmt: skip
def auth_issuer_clock_behind(stack: Running) -> None:
    """The instance that issues the tokens has a clock that is nine hours behind: they have ended when they are made."""
    place = stack.scratch / "clock"
    place.mkdir()
    clock = "import time\n_true = time.time\ntime.time = lambda: _true() - 9 * 3600\n"
    (place / "sitecustomize.py").write_text(clock)
    port = another_backend(stack, PYTHONPATH=str(place))
    put_before(stack, "backend", "--route", f"{ROUTE}={port}")


@fault("auth-login-sends-elsewhere", component="auth", cause_class="misconfiguration", must_fail=[LOGIN],
       unknown=NO_TOKEN, held_out_result="right")  # fmt: skip
def auth_login_sends_elsewhere(stack: Running) -> None:
    """Since the single sign-on was switched on, a good login is sent on to its page and gets no token."""
    put_before(stack, "backend", "--only", ROUTE, "--turn", "200=302", "--set", "Location: /sso/start",
               "--set", "Content-Type: text/html", "--replace", '"token"', '"go"')  # fmt: skip


def another_backend(stack: Running, **changes: str) -> int:
    """A second backend beside the first; the port on which it answers."""
    port = stack.free_port()
    values = stack.env("backend") | {"PORT": str(port), "LOG_FILE": str(stack.log("second-backend")), **changes}
    words = [f"{name}={value}" for name, value in values.items()]
    stack.helper("second", ["env", *words, stack_python(stack), "-m", "stack.backend"], ready="")
    stack.wait(lambda: answers(stack, "second", port), "the second backend answers", 20)
    return port
