"""Ways to break the WebSocket."""

import resource

from stack.faults import fault
from stack.faults.expected.unknowns import BEHIND_SOCKET
from stack.faults.tools.interposed_proxy import put_before
from stack.running import Running

HANDSHAKE = "test_handshake_succeeds"
PING = "test_ping_is_answered_in_time"
HTML = "<!doctype html><html><head><title>Motel</title></head><body><h1>Motel</h1></body></html>"


@fault(
    "websocket-wrong-path",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_wrong_path(stack: Running) -> None:
    """The last deploy moved the socket to another path."""
    stack.restart("backend", WEBSOCKET_PATH="/socket")


@fault(
    "websocket-path-404",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_path_404(stack: Running) -> None:
    """The backend was built without its socket: the path answers 404."""
    put_before(stack, "backend", "--only", "/realtime", "--status", "404", "--text", "Not Found")


@fault(
    "websocket-origin-refused",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_origin_refused(stack: Running) -> None:
    """The socket allows another site's origin only."""
    stack.edit_target("websocket.origin", "https://motel.example")
    stack.restart("backend", WEBSOCKET_ORIGINS="https://staging.motel.example")


@fault(
    "websocket-no-room",
    component="websocket",
    cause_class="resource exhaustion",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_no_room(stack: Running) -> None:
    """The socket takes nobody more: its limit is reached."""
    stack.restart("backend", WEBSOCKET_LIMIT="5")
    leak(stack, 5)


@fault(
    "websocket-leak",
    component="websocket",
    cause_class="resource exhaustion",
    must_fail=["test_connections_are_under_their_limit"],
)
def websocket_leak(stack: Running) -> None:
    """Clients open sockets and never close them: more than a thousand are open."""
    stack.process("backend").rlimit(resource.RLIMIT_NOFILE, (4000, 4000))
    leak(stack, 1010)


@fault(
    "websocket-bad-request",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_bad_request(stack: Running) -> None:
    """The handshake is answered 400."""
    put_before(stack, "backend", "--only", "/realtime", "--status", "400", "--text", "Bad Request")


@fault(
    "websocket-without-upgrade",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_without_upgrade(stack: Running) -> None:
    """What stands before the backend takes the upgrade headers away, so it answers 426."""
    put_before(stack, "backend", "--without-upgrade")


@fault(
    "websocket-is-a-page",
    component="websocket",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_is_a_page(stack: Running) -> None:
    """The handshake is answered 200 with an HTML page."""
    put_before(stack, "backend", "--only", "/realtime", "--status", "200", "--type", "text/html", "--text", HTML)


@fault(
    "websocket-crashes",
    component="websocket",
    cause_class="code defect",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_crashes(stack: Running) -> None:
    """The backend crashes on every handshake."""
    put_before(stack, "backend", "--only", "/realtime", "--status", "500", "--text", "Internal Server Error")


@fault("websocket-redirected", component="websocket", cause_class="misconfiguration",
       must_fail=[HANDSHAKE], unknown=BEHIND_SOCKET)  # fmt: skip
def websocket_redirected(stack: Running) -> None:
    """The handshake is redirected, which browsers do not follow."""
    put_before(stack, "backend", "--only", "/realtime", "--status", "301", "--text", "Moved")


@fault("websocket-reset", component="websocket", cause_class="network", must_fail=[HANDSHAKE], unknown=BEHIND_SOCKET)
def websocket_reset(stack: Running) -> None:
    """A firewall resets every handshake; other requests pass."""
    put_before(stack, "backend", "--only", "/realtime", "--reset")


@fault("websocket-hangs", component="websocket", cause_class="hung", must_fail=[HANDSHAKE], unknown=BEHIND_SOCKET)
def websocket_hangs(stack: Running) -> None:
    """The handshake is never answered; other requests are."""
    put_before(stack, "backend", "--only", "/realtime", "--blackhole")


@fault(
    "websocket-wrong-accept",
    component="websocket",
    cause_class="code defect",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_wrong_accept(stack: Running) -> None:
    """A cache answers the handshake with the key of another one."""
    put_before(stack, "backend", "--wrong-accept")


@fault(
    "websocket-closed-at-once",
    component="websocket",
    cause_class="network",
    must_fail=[HANDSHAKE],
    unknown=BEHIND_SOCKET,
)
def websocket_closed_at_once(stack: Running) -> None:
    """The socket opens, and the connection is cut right away."""
    put_before(stack, "backend", "--hang-up", "0")


@fault("websocket-mute", component="websocket", cause_class="network", must_fail=[HANDSHAKE], unknown=BEHIND_SOCKET)
def websocket_mute(stack: Running) -> None:
    """The socket opens, and what the server says never comes through."""
    put_before(stack, "backend", "--swallow", "all")


@fault("websocket-no-pong", component="websocket", cause_class="network", must_fail=[PING])
def websocket_no_pong(stack: Running) -> None:
    """The socket works, and answers no ping."""
    put_before(stack, "backend", "--swallow", "pong")


@fault("websocket-takes-any-token", component="websocket", cause_class="misconfiguration",
       must_fail=["test_socket_refuses_a_made_up_token"])  # fmt: skip
def websocket_takes_any_token(stack: Running) -> None:
    """The check of the socket's token was switched off for a test, and the release has it off still."""
    stack.restart("backend", WEBSOCKET_VERIFY="off")


def leak(stack: Running, count: int) -> None:
    """A client that opens sockets and does not close them."""
    path = stack.scratch / "path"
    path.write_text(f"/realtime?token={stack.token()}")
    path.chmod(0o600)
    port = str(stack.ports["backend"])
    stack.helper("leak", ["python", "-m", "stack.faults.tools.sockets", port, str(count), "--path", str(path)])
