"""Ways to break what lies between the parts: firewalls, long lines, gateways, names."""

from urllib.parse import urlsplit, urlunsplit

from stack.faults import fault
from stack.faults.expected.unknowns import (
    ENDPOINTS,
    LOGIN_TIME,
    NO_PAGE,
    NO_TOKEN,
    PUBLIC_API,
    PUBLIC_TOKEN,
    SILENT_BACKEND,
)
from stack.faults.tools.interposed_proxy import proxy, put_before
from stack.running import Running

HEALTH = "test_backend_answers_its_health_check"
SUB_CHECKS = "test_every_health_sub_check_is_ok"
LOGIN = "test_probe_account_logs_in"
UNKNOWN_ACCOUNT = "test_unknown_account_is_refused"
PAGE = "test_frontend_serves_its_page"
PROXY = "test_handshake_succeeds_through_the_proxy"

# Whoever asks a part at its only address cannot tell a line that is broken just before it from the part itself: the
# same silence, the same reset, the same 502. Only a look from the other side of that line could (there is none here).
BEFORE_BACKEND, BEFORE_FRONTEND = "backend", "frontend"

# The backend says that it does not reach a database which answers everybody else: its own address for it may be wrong
# just as well as the way there be closed.
BEFORE_DATABASE = "backend"


@fault(
    "network-backend-hangs",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="network",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def network_backend_hangs(stack: Running) -> None:
    """What stands before the backend accepts every connection and passes nothing on."""
    put_before(stack, "backend", "--blackhole")


@fault(
    "network-backend-resets",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="network",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def network_backend_resets(stack: Running) -> None:
    """A firewall resets every connection to the backend as soon as it is used."""
    put_before(stack, "backend", "--reset")


@fault(
    "network-backend-drips",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="network",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def network_backend_drips(stack: Running) -> None:
    """The line to the backend passes a few bytes a second."""
    put_before(stack, "backend", "--drip", "0.06")


@fault(
    "network-backend-gateway",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="network",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def network_backend_gateway(stack: Running) -> None:
    """The gateway before the backend answers 502 to everything."""
    put_before(stack, "backend", "--status", "502", "--type", "text/html", "--text", "<h1>502 Bad Gateway</h1>")


@fault(
    "network-backend-port-taken",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="misconfiguration",
    must_fail=[HEALTH],
    unknown=SILENT_BACKEND,
)
def network_backend_port_taken(stack: Running) -> None:
    """Something else listens on the backend's port, and does not speak HTTP."""
    put_before(stack, "backend", "--banner", "220 mail.example ESMTP ready")


@fault(
    "network-backend-slow",
    component="network",
    indistinguishable_from=BEFORE_BACKEND,
    cause_class="slow",
    must_fail=[HEALTH, LOGIN_TIME, *ENDPOINTS],
)
def network_backend_slow(stack: Running) -> None:
    """Everything takes two seconds on its way to the backend."""
    put_before(stack, "backend", "--set", "Via: 1.1 far-away", "--delay", "2.15")


@fault("network-backend-unknown-name", component="network", cause_class="name resolution", must_fail=[HEALTH],
       unknown=SILENT_BACKEND)  # fmt: skip
def network_backend_unknown_name(stack: Running) -> None:
    """The backend's name does not resolve."""
    port = stack.ports["backend"]
    stack.edit_target("backend.url", f"http://backend.invalid:{port}")
    stack.edit_target("websocket.url", f"ws://backend.invalid:{port}/realtime")


@fault("network-database-unreachable", component="network", indistinguishable_from=BEFORE_DATABASE,
       cause_class="network",
       must_fail=[HEALTH, SUB_CHECKS, LOGIN], unknown=[UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def network_database_unreachable(stack: Running) -> None:
    """The backend's way to its database swallows everything; the database itself is well."""
    port = stack.free_port()
    proxy(stack, "way-to-database", port, "--blackhole")
    put_database_behind(stack, port)


@fault("network-database-refused", component="network", indistinguishable_from=BEFORE_DATABASE, cause_class="network",
       must_fail=[HEALTH, SUB_CHECKS, LOGIN], unknown=[UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def network_database_refused(stack: Running) -> None:
    """The backend's way to its database is closed; the database itself is well."""
    put_database_behind(stack, stack.free_port())


@fault("network-frontend-hangs", component="network", indistinguishable_from=BEFORE_FRONTEND, cause_class="network",
       must_fail=[PAGE],
       unknown=[*NO_PAGE, PROXY, PUBLIC_API, PUBLIC_TOKEN])  # fmt: skip
def network_frontend_hangs(stack: Running) -> None:
    """What stands before the frontend accepts every connection and passes nothing on."""
    put_before(stack, "frontend", "--blackhole")


@fault("network-frontend-resets", component="network", indistinguishable_from=BEFORE_FRONTEND, cause_class="network",
       must_fail=[PAGE],
       unknown=[*NO_PAGE, PROXY, PUBLIC_API, PUBLIC_TOKEN])  # fmt: skip
def network_frontend_resets(stack: Running) -> None:
    """A firewall resets every connection to the frontend as soon as it is used."""
    put_before(stack, "frontend", "--reset")


@fault("network-frontend-drips", component="network", indistinguishable_from=BEFORE_FRONTEND, cause_class="network",
       must_fail=[PAGE],
       unknown=[*NO_PAGE, PROXY, PUBLIC_API, PUBLIC_TOKEN])  # fmt: skip
def network_frontend_drips(stack: Running) -> None:
    """The line to the frontend passes a few bytes a second."""
    put_before(stack, "frontend", "--drip", "0.06")


@fault("network-frontend-unknown-name", component="network", cause_class="name resolution", must_fail=[PAGE],
       unknown=[*NO_PAGE, PROXY, PUBLIC_API, PUBLIC_TOKEN])  # fmt: skip
def network_frontend_unknown_name(stack: Running) -> None:
    """The frontend's name does not resolve."""
    port = stack.ports["frontend"]
    stack.edit_target("frontend.url", f"http://www.motel.invalid:{port}")
    stack.edit_target("websocket.public_url", f"ws://www.motel.invalid:{port}/realtime")


def put_database_behind(stack: Running, port: int) -> None:
    """The backend is told another port for its database."""
    parts = urlsplit(stack.env("backend")["DATABASE_URL"])
    place = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{port}"
    stack.restart("backend", wait=False, DATABASE_URL=urlunsplit(parts._replace(netloc=place)))

    def answers() -> bool:
        try:
            return bool(stack.ask("/health")[0])
        except OSError:
            return False

    stack.wait(answers, "the backend answers")
