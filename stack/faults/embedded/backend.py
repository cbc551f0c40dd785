"""Ways to break the backend."""

import json
import resource

from stack.faults import fault
from stack.faults.expected.container_failures import OPEN_FILES, of
from stack.faults.expected.process_failures import gone, without
from stack.faults.expected.unknowns import FORGED, METRICS, NO_BODY, NO_PAGE, NO_TOKEN, PUBLIC_TOKEN, SILENT_BACKEND
from stack.faults.tools.interposed_proxy import move, put_before
from stack.running import Running

HEALTH = "test_backend_answers_its_health_check"
PAGE = "test_frontend_serves_its_page"
HTML = "<!doctype html><html><head><title>Motel</title></head><body><h1>Motel</h1></body></html>"


@fault(
    "backend-killed",
    component="backend",
    cause_class="stopped",
    must_fail=[*gone("backend"), HEALTH],
    unknown=[*without("backend"), *SILENT_BACKEND],
)
def backend_killed(stack: Running) -> None:
    """The backend's process was killed and nothing started it again."""
    stack.kill("backend")


@fault(
    "backend-killed-that-serves-the-page-too",
    component="backend",
    cause_class="stopped",
    must_fail=[*gone("backend"), HEALTH, PAGE],
    unknown=[*without("backend"), *SILENT_BACKEND, *NO_PAGE],
)
def backend_killed_that_serves_the_page_too(stack: Running) -> None:
    """One process serves page and API at one address, and it was killed."""
    stack.edit_target("frontend.url", stack.state["target"]["backend"]["url"])
    stack.kill("backend")


@fault(
    "backend-paused",
    component="backend",
    cause_class="hung",
    must_fail=[*gone("backend"), HEALTH],
    unknown=[*without("backend", frozen=True), *SILENT_BACKEND],
)
def backend_paused(stack: Running) -> None:
    """The backend hangs: its port accepts, nothing answers."""
    stack.pause("backend")


@fault(
    "backend-wrong-port",
    component="backend",
    cause_class="misconfiguration",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def backend_wrong_port(stack: Running) -> None:
    """The last deploy told the backend to listen on another port."""
    move(stack, "backend")


@fault(
    "backend-out-of-file-descriptors",
    component="backend",
    cause_class="resource exhaustion",
    must_fail=[HEALTH, *of("backend", OPEN_FILES)],
    unknown=SILENT_BACKEND,
)
def backend_out_of_file_descriptors(stack: Running) -> None:
    """The backend has no file descriptor left, so it accepts no connection any more."""
    process = stack.process("backend")
    lowest = 4  # the numbers below it are the standard streams and the like, which it never gives back
    process.rlimit(resource.RLIMIT_NOFILE, (lowest, process.rlimit(resource.RLIMIT_NOFILE)[1]))


@fault(
    "backend-near-its-file-descriptors",
    component="backend",
    cause_class="resource exhaustion",
    must_fail=["test_file_descriptors_are_under_their_limit", *of("backend", OPEN_FILES)],
)
def backend_near_its_file_descriptors(stack: Running) -> None:
    """Connections that nobody closes use up the backend's file descriptors."""
    process = stack.process("backend")
    limit = 160
    process.rlimit(resource.RLIMIT_NOFILE, (limit, process.rlimit(resource.RLIMIT_NOFILE)[1]))
    held = int(0.87 * limit) - process.num_fds()
    stack.helper("leak", ["python", "-m", "stack.faults.tools.sockets", str(stack.ports["backend"]), str(held)])
    stack.wait(lambda: process.num_fds() > 0.85 * limit, "the backend has the connections")


@fault(
    "backend-health-500",
    component="backend",
    cause_class="code defect",
    must_fail=[HEALTH],
    unknown=NO_BODY,
)
def backend_health_500(stack: Running) -> None:
    """The health check itself crashes; all other routes work."""
    text = json.dumps({"error": "Internal Server Error"})
    put_before(stack, "backend", "--only", "/health", "--status", "500", "--type", "application/json", "--text", text)


@fault("backend-health-gone", component="backend", cause_class="code defect", must_fail=[HEALTH], unknown=NO_BODY)
def backend_health_gone(stack: Running) -> None:
    """A release moved the health check to another path, and the old one answers 404."""
    put_before(stack, "backend", "--only", "/health", "--status", "404", "--text", "Not Found")


@fault(
    "backend-health-redirected",
    component="backend",
    cause_class="misconfiguration",
    must_fail=[HEALTH],
    unknown=NO_BODY,
)
def backend_health_redirected(stack: Running) -> None:
    """The health check was put behind the login, and redirects to it."""
    put_before(stack, "backend", "--only", "/health", "--status", "302", "--type", "text/html", "--text", HTML)


@fault("backend-health-no-json", component="backend", cause_class="code defect", must_fail=[HEALTH], unknown=NO_BODY)
def backend_health_no_json(stack: Running) -> None:
    """The health check answers 200 with a word instead of JSON."""
    put_before(stack, "backend", "--only", "/health", "--status", "200", "--text", "OK")


@fault(
    "backend-health-is-a-page",
    component="backend",
    cause_class="misconfiguration",
    must_fail=[HEALTH],
    unknown=NO_BODY,
)
def backend_health_is_a_page(stack: Running) -> None:
    """Something in front of the backend answers the health check with an HTML page and 200."""
    put_before(stack, "backend", "--only", "/health", "--status", "200", "--type", "text/html", "--text", HTML)


@fault("backend-health-empty", component="backend", cause_class="code defect", must_fail=[HEALTH], unknown=NO_BODY)
def backend_health_empty(stack: Running) -> None:
    """The health check answers 200 and an empty body."""
    put_before(stack, "backend", "--only", "/health", "--status", "200", "--type", "application/json")


@fault("backend-health-slow", component="backend", cause_class="slow", must_fail=[HEALTH])
def backend_health_slow(stack: Running) -> None:
    """The health check takes longer than its limit."""
    put_before(stack, "backend", "--only", "/health", "--delay", "2.2")


@fault(
    "backend-health-hangs",
    component="backend",
    cause_class="hung",
    must_fail=[HEALTH],
    unknown=NO_BODY,
)
def backend_health_hangs(stack: Running) -> None:
    """The health check waits for something that never comes; all other routes work."""
    put_before(stack, "backend", "--only", "/health", "--blackhole")


@fault(
    "backend-health-cut",
    component="backend",
    cause_class="code defect",
    must_fail=[HEALTH],
    unknown=NO_BODY,
)
def backend_health_cut(stack: Running) -> None:
    """The health check's answer breaks off in the middle."""
    put_before(stack, "backend", "--only", "/health", "--cut", "20")


@fault(
    "backend-wrong-database-password",
    component="backend",
    cause_class="misconfiguration",
    must_fail=[HEALTH, "test_every_health_sub_check_is_ok", "test_probe_account_logs_in"],
    unknown=["test_unknown_account_is_refused", *NO_TOKEN],
)
def backend_wrong_database_password(stack: Running) -> None:
    """The backend was deployed with another password than the database knows."""
    stack.restart("backend", wait=False, DATABASE_URL=_wrong_password(stack))
    _wait_for_answer(stack)


@fault(
    "backend-health-lies",
    component="backend",
    cause_class="misconfiguration",
    must_fail=["test_every_health_sub_check_is_ok", "test_probe_account_logs_in"],
    unknown=["test_unknown_account_is_refused", *NO_TOKEN],
)
def backend_health_lies(stack: Running) -> None:
    """The backend cannot use its database, and its health check says so with status 200."""
    stack.restart("backend", wait=False, DATABASE_URL=_wrong_password(stack), HEALTH_ERROR_STATUS="200")
    _wait_for_answer(stack)


@fault(
    "backend-over-its-memory",
    component="backend",
    cause_class="resource exhaustion",
    must_fail=[HEALTH, "test_every_health_sub_check_is_ok", "test_backend_memory_is_under_its_limit"],
)
def backend_over_its_memory(stack: Running) -> None:
    """The backend uses more memory than it may."""
    stack.restart("backend", wait=False, MEMORY_LIMIT_MB="24")
    _wait_for_answer(stack)


@fault(
    "backend-near-its-memory",
    component="backend",
    cause_class="resource exhaustion",
    must_fail=["test_backend_memory_is_under_its_limit"],
)
def backend_near_its_memory(stack: Running) -> None:
    """The backend has little memory left under its limit."""
    stack.restart("backend")
    used = json.loads(stack.ask("/health")[1])["checks"]["memory"]["used"]
    stack.restart("backend", MEMORY_LIMIT_MB=f"{used / 0.94 / 2**20:.2f}")


@fault(
    "backend-slow-endpoint",
    component="backend",
    cause_class="slow",
    must_fail=["test_endpoint_answers_in_time[tasks]"],
)
def backend_slow_endpoint(stack: Running) -> None:
    """One endpoint takes longer than its limit."""
    put_before(stack, "backend", "--only", "/api/tasks", "--delay", "2.2")


@fault(
    "backend-endpoint-hangs",
    component="backend",
    cause_class="hung",
    must_fail=["test_endpoint_answers_in_time[tasks]"],
)
def backend_endpoint_hangs(stack: Running) -> None:
    """One endpoint never answers."""
    put_before(stack, "backend", "--only", "/api/tasks", "--blackhole")


@fault(
    "backend-endpoint-500",
    component="backend",
    cause_class="code defect",
    must_fail=["test_endpoint_answers_in_time[tasks]"],
)
def backend_endpoint_500(stack: Running) -> None:
    """One endpoint crashes on every request."""
    put_before(stack, "backend", "--only", "/api/tasks", "--status", "500", "--text", "Internal Server Error")


@fault(
    "backend-slow-suites",
    component="backend",
    cause_class="slow",
    must_fail=["test_endpoint_answers_in_time[suites]"],
)
def backend_slow_suites(stack: Running) -> None:
    """The page that everybody opens first takes longer than its limit."""
    put_before(stack, "backend", "--only", "/api/suites", "--delay", "2.2")


@fault(
    "backend-suites-500",
    component="backend",
    cause_class="code defect",
    must_fail=["test_endpoint_answers_in_time[suites]"],
    unknown=["test_issued_token_is_accepted", *FORGED, PUBLIC_TOKEN],
)
def backend_suites_500(stack: Running) -> None:
    """The page that everybody opens first crashes on every request."""
    put_before(stack, "backend", "--only", "/api/suites", "--status", "500", "--text", "Internal Server Error")


@fault(
    "backend-metrics-gone",
    component="backend",
    cause_class="code defect",
    must_fail=["test_connection_count_is_exported"],
    unknown=METRICS,
)
def backend_metrics_gone(stack: Running) -> None:
    """A release lost the metrics page."""
    put_before(stack, "backend", "--only", "/metrics", "--status", "404", "--text", "Not Found")


@fault(
    "backend-metrics-is-a-page",
    component="backend",
    cause_class="misconfiguration",
    must_fail=["test_connection_count_is_exported"],
    unknown=METRICS,
)
def backend_metrics_is_a_page(stack: Running) -> None:
    """The metrics' path is answered with an HTML page."""
    put_before(stack, "backend", "--only", "/metrics", "--status", "200", "--type", "text/html", "--text", HTML)


@fault(
    "backend-metrics-hang",
    component="backend",
    cause_class="hung",
    must_fail=["test_connection_count_is_exported"],
    unknown=METRICS,
)
def backend_metrics_hang(stack: Running) -> None:
    """The metrics page never answers."""
    put_before(stack, "backend", "--only", "/metrics", "--blackhole")


@fault(
    "backend-metric-renamed",
    component="backend",
    cause_class="code defect",
    must_fail=["test_connection_count_is_exported"],
    unknown=["test_connections_are_under_their_limit"],
)
def backend_metric_renamed(stack: Running) -> None:
    """A release renamed the metric that counts the sockets."""
    put_before(stack, "backend", "--only", "/metrics", "--replace", "websocket_connections", "realtime_sockets")


@fault(
    "backend-metric-nan",
    component="backend",
    cause_class="code defect",
    unknown=["test_connections_are_under_their_limit"],
)
def backend_metric_nan(stack: Running) -> None:
    """The metric that counts the sockets lost its value: it says NaN."""
    old = "websocket_connections 0.0"
    put_before(stack, "backend", "--only", "/metrics", "--replace", old, "websocket_connections NaN")


@fault(
    "backend-metrics-token-changed",
    component="backend",
    cause_class="authentication issue",
    unknown=["test_connection_count_is_exported", *METRICS],
)
def backend_metrics_token_changed(stack: Running) -> None:
    """The metrics page has a new token that the diagnosis was not told."""
    stack.restart("backend", METRICS_TOKEN="rotated-yesterday-evening")


@fault(
    "backend-metrics-token-unknown",
    component="backend",
    cause_class="misconfiguration",
    unknown=["test_connection_count_is_exported", *METRICS],
)
def backend_metrics_token_unknown(stack: Running) -> None:
    """The diagnosis was not given the token of the metrics page."""
    stack.edit_secrets(METRICS_TOKEN=None)


@fault("backend-clock-ahead", component="backend", cause_class="clock skew", must_fail=["test_clocks_agree"])
def backend_clock_ahead(stack: Running) -> None:
    """The backend's clock is an hour ahead."""
    _move_clock(stack, 3600)


@fault("backend-clock-behind", component="backend", cause_class="clock skew", must_fail=["test_clocks_agree"])
def backend_clock_behind(stack: Running) -> None:
    """The backend's clock is a minute behind."""
    _move_clock(stack, -60)


def _move_clock(stack: Running, seconds: int) -> None:
    """As libfaketime would do it: another clock inside the process, for its tokens and its Date header alike."""
    place = stack.scratch / "clock"
    place.mkdir()
    clock = f"import time\n_true = time.time\ntime.time = lambda: _true() + {seconds}\n"
    (place / "sitecustomize.py").write_text(clock)
    stack.restart("backend", PYTHONPATH=str(place))


def _wrong_password(stack: Running) -> str:
    return f"postgresql://motel:forgotten@127.0.0.1:{stack.ports['postgres']}/motel"


def _wait_for_answer(stack: Running) -> None:
    """Until the backend answers at all; it says that it is not well."""

    def answers() -> bool:
        try:
            return bool(stack.ask("/health")[0])
        except OSError:
            return False

    stack.wait(answers, "the backend answers")
