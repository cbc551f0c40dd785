"""On the stack under Compose."""

import functools
import json

from stack.docker.running import OURS
from stack.held_out import both
from stack.held_out import held_out as any_held_out
from stack.state import StackError

held_out = functools.partial(any_held_out, mode="docker")


def answer(stack, path="/", port=None, **more):
    """The status of an answer of the proxy (or another port); None: there is none."""
    try:
        return stack.ask(path, port=port or stack.ports["frontend"], timeout=10, **more)[0]
    except OSError:
        return None


def log_in(stack, port=None):
    """The status of a right login through the proxy, or another port."""
    known = stack.secrets
    return answer(
        stack,
        "/api/auth/login",
        port,
        body={"username": known["ONCALL_ACCOUNT"], "password": known["ONCALL_PASSWORD"]},
    )


def backend_health(stack):
    return answer(stack, "/health", stack.ports["backend"])


def restarts(stack, service, count=2):
    """It has ended and was started again so often."""
    return stack.inspect(service)["RestartCount"] >= count


def unhealthy(stack, service):
    return stack.inspect(service)["State"].get("Health", {}).get("Status") == "unhealthy"


def upgrade(stack, port):
    """The status of a WebSocket handshake with a good token, which 101 says yes to."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    return answer(stack, f"/realtime?token={stack.token()}", port, headers=headers)


@held_out(
    "volume-of-an-older-major-version",
    component="postgres",
    also=("docker",),
    severity="p1",
    words=[r"incompatible", r"not compatible", r"initialized by", r"major version", r"PG_VERSION", r"pg_upgrade"],
    source="https://github.com/docker-library/postgres/issues/766",
    first_try="right",
)
def volume_of_an_older_major_version(stack):
    """The new image's PostgreSQL finds a data volume that an older major version has written, and refuses to start."""
    stack.stop("postgres")
    place = "/data" + stack.pgdata.removeprefix("/var/lib/postgresql")
    stack.in_volume(f"echo 16 > {place}/PG_VERSION")
    stack.start("postgres", wait=False)
    stack.wait(lambda: restarts(stack, "postgres"), "postgres starts again and again", 40)
    stack.wait(lambda: "initialized by PostgreSQL version 16" in stack.logs("postgres"), "its log says so")
    stack.wait(lambda: backend_health(stack) == 503, "the backend is unhealthy", 20)


@held_out(
    "root-filesystem-read-only",
    component="frontend",
    also=("docker",),
    severity="p1",
    words=[r"read.?only"],
    source="https://github.com/jgeusebroek/docker-privatebin/issues/10",
    first_try="right",
)
def root_filesystem_read_only(stack):
    """Hardening made the frontend's root filesystem read-only: nginx cannot make its temporary folders and ends."""
    stack.edit_compose("services.frontend.read_only", True)
    stack.recreate("frontend", wait=False)
    stack.wait(lambda: restarts(stack, "frontend"), "the frontend starts again and again", 40)
    stack.wait(lambda: "Read-only file system" in stack.logs("frontend"), "its log says so")


@held_out(
    "stale-line-in-the-hosts-file",
    component="backend",
    also=("network",),
    severity="p1",
    words=[r"extra_?hosts", r"/etc/hosts", r"(wrong|other|old|stale) address", r"\.250\b"],
    source="https://github.com/docker/compose/issues/7894",
    first_try="right",
)
def stale_line_in_the_hosts_file(stack):
    """extra_hosts pins postgres to the address of a server that is gone: the backend looks for its database there."""
    gone = stack.address_inside("postgres").rpartition(".")[0] + ".250"
    stack.edit_compose("services.backend.extra_hosts", [f"postgres:{gone}"])
    stack.edit_compose("services.backend.healthcheck.start_period", "1s")
    stack.recreate("backend", wait=False)
    stack.wait(lambda: backend_health(stack) == 503, "the backend is unhealthy", 30)
    stack.wait(lambda: unhealthy(stack, "backend"), "Docker says so", 60)


@held_out(
    "namesake-on-the-network",
    component="network",
    also=("docker", "backend"),
    severity="p3",
    words=[
        r"alias",
        r"(two|second|2|another|other|foreign|further) (container|address|backend)",
        r"same name",
        r"resolves? to",
        r"namesake",
    ],
    source="https://github.com/docker/compose/issues/8223",
    first_try="wrong: component, words, severity",
)
def namesake_on_the_network(stack):
    """Another project's container on the same network is called backend too: it answers half of what the proxy asks.

    It knows neither the accounts nor the tokens: 503 for a login, 401 for a good token.
    """
    told = {"DATABASE_URL": "postgresql://staging@127.0.0.1:5432/staging", "JWT_SECRET": "of-the-staging-project"}
    variables = [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
    words = ["--network", stack.network, "--network-alias", "backend", "-e", "HOST=0.0.0.0", *variables]
    stack.run(*words, "--name", f"staging-backend-{stack.project[-4:]}", "--memory", "256m")
    answers = set()

    def differ():
        answers.add(log_in(stack))
        return {200, 503} <= answers

    stack.wait(differ, "both of them answer", 60)


@held_out(
    "health-check-without-its-tool",
    component="backend",
    also=("docker",),
    severity="p4",
    words=[
        r"\bwget\b",
        r"executable file not found",
        r"not found in \$PATH",
        r"health.?check.*(tool|command|itself|(cannot|does not|could not) run|missing)",
    ],
    source="https://github.com/searxng/searxng/issues/4717",
    first_try="wrong: severity",
)
def health_check_without_its_tool(stack):
    """The health check calls wget, which the image does not have: Docker says unhealthy, and the backend is well."""
    stack.edit_compose(
        "services.backend.healthcheck.test", ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:3001/health"]
    )
    stack.edit_compose("services.backend.healthcheck.start_period", "1s")
    stack.recreate("backend", wait=False)
    stack.wait(lambda: unhealthy(stack, "backend"), "Docker says that it is unhealthy", 60)
    stack.wait(lambda: backend_health(stack) == 200, "it is well")


@held_out(
    "another-volume-an-empty-database",
    component="postgres",
    also=("docker",),
    severity="p1",
    words=[r"volume", r"empty", r"fresh", r"role .*does not exist", r"initdb", r"no (tables|role)"],
    source="https://github.com/ovumcy/ovumcy-web/issues/200",
    first_try="wrong: words",
)
def another_volume_an_empty_database(stack):
    """postgres was made anew with another volume than the one with the data: an empty database, without the role.

    The data lie untouched in the volume that was mounted before.
    """
    empty = stack.home.path / "no-scripts"
    empty.mkdir(exist_ok=True)
    empty.chmod(0o755)
    stack.edit_compose("volumes.pgdata", {})
    stack.edit_compose(
        "services.postgres.volumes", ["pgdata:/var/lib/postgresql", f"{empty}:/docker-entrypoint-initdb.d:ro"]
    )
    stack.recreate("postgres", wait=False)
    stack.wait(lambda: 'role "motel" does not exist' in stack.logs("postgres").lower(), "the role is missing", 60)
    stack.wait(lambda: stack.is_healthy(stack.container("postgres")), "Docker says that it is healthy", 60)
    stack.wait(lambda: backend_health(stack) == 503, "the backend is unhealthy", 20)


@held_out(
    "start-script-with-carriage-returns",
    component="backend",
    also=("docker",),
    severity="p1",
    words=[r"no such file", r"line.?endings?", r"carriage", r"CRLF", r"start\.sh", r"entrypoint"],
    source="https://github.com/AtalayaLabs/OxiCloud/issues/289",
    first_try="right",
)
def start_script_with_carriage_returns(stack):
    """The start script was checked out with Windows' line ends: its interpreter is /bin/sh and a carriage return."""
    folder = stack.home.path / "start"
    folder.mkdir(exist_ok=True)
    script = folder / "start.sh"
    script.write_bytes(b"#!/bin/sh\r\nset -e\r\nexec python3 -m stack.backend\r\n")
    for each in (folder, script):
        each.chmod(0o755)
    stack.edit_compose("services.backend.volumes", [f"{script}:/start.sh:ro"])
    stack.edit_compose("services.backend.entrypoint", ["/start.sh"])
    stack.compose("up", "-d", "--no-deps", "--no-build", "--force-recreate", "backend", check=False)

    def over():
        state = stack.inspect("backend")["State"]
        return state["ExitCode"] and (restarts(stack, "backend") or state["Status"] in ("created", "exited"))

    stack.wait(over, "the backend does not start", 40)
    stack.wait(lambda: answer(stack, "/api/suites") == 502, "the proxy answers 502", 20)


@held_out(
    "listens-to-itself-only",
    component="postgres",
    severity="p1",
    words=[r"listen_addresses", r"listens?\b.*\b(only|127\.0\.0\.1|localhost|itself)", r"loopback"],
    source="https://github.com/docker-library/postgres/issues/583",
    first_try="wrong: words",
)
def listens_to_itself_only(stack):
    """listen_addresses is localhost: in its own container all is well, the health check too; nobody else gets in."""
    stack.sql("ALTER SYSTEM SET listen_addresses = 'localhost'")
    stack.restart("postgres", wait=False)
    stack.wait(lambda: stack.is_healthy(stack.container("postgres")), "Docker says that it is healthy", 60)
    stack.wait(lambda: backend_health(stack) == 503, "the backend is unhealthy", 20)


@held_out(
    "package-missing-in-the-image",
    component="backend",
    severity="p1",
    words=[r"No module named", r"ModuleNotFound", r"\bbcrypt\b", r"\bimport"],
    source="https://github.com/pypiserver/pypiserver/issues/224",
    first_try="right",
)
def package_missing_in_the_image(stack):
    """The new image was built without a package that the backend imports: it ends at once, again and again."""
    usual = stack.state["images"]["backend"]
    name = f"motel-backend:{stack.project}"
    recipe = f"FROM {usual}\nUSER root\nRUN rm -rf /usr/local/lib/python3*/dist-packages/bcrypt*\nUSER nobody\n"
    label = f"{OURS}={stack.project}"
    stack.docker("build", "-q", "--label", label, "-t", name, "-", give=recipe.encode(), timeout=120)
    stack.edit_compose("services.backend.image", name)
    stack.recreate("backend", wait=False)
    stack.wait(lambda: restarts(stack, "backend"), "the backend starts again and again", 40)
    stack.wait(lambda: "No module named 'bcrypt'" in stack.logs("backend"), "its log says so")


@held_out(
    "redirected-to-a-door-that-is-not-there",
    component="frontend",
    severity="p1",
    words=[r"redirect", r"\b30[18]\b", r"https"],
    source="https://github.com/certbot/certbot/issues/5905",
    first_try="right",
)
def redirected_to_a_door_that_is_not_there(stack):
    """nginx sends everything that did not come by HTTPS to https://, which nobody serves here: a closed door."""
    rule = 'if ($http_x_forwarded_proto != "https") { return 301 https://$host$request_uri; }\n'
    stack.edit_nginx("    location / {", f"    {rule}\n    location / {{")
    stack.wait(lambda: answer(stack) == 301, "the page is a redirection")


@held_out(
    "scripts-served-as-plain-text",
    component="frontend",
    severity="p1",
    words=[r"\bmime\b", r"content.?type", r"text/plain", r"octet-stream"],
    source="https://github.com/tiangolo/node-frontend/issues/19",
    first_try="right",
)
def scripts_served_as_plain_text(stack):
    """nginx serves every file as text/plain: browsers refuse the scripts and the style, the page does nothing."""
    stack.edit_nginx("    server_tokens off;", "    server_tokens off;\n    types { }\n    default_type text/plain;")
    name = next(each.name for each in (stack.home.page / "assets").glob("app.*.js"))
    said = ["curl", "-s", "-o", "/dev/null", "-w", "%{content_type}", f"http://127.0.0.1/assets/{name}"]
    stack.wait(lambda: stack.exec("frontend", *said).startswith("text/plain"), "a script is text/plain")


@held_out(
    "query-lost-on-the-way",
    component="frontend",
    severity="p2",
    words=[
        r"query",
        r"\bargs\b",
        r"token .*(lost|dropped|missing|not (passed|arriv))",
        r"(drop|los|strip|without)\w*.*token",
        r"\b401\b.*(proxy|through)",
        r"(proxy|through).*\b401\b",
    ],
    source="https://github.com/ShelterTechSF/askdarcel-web/pull/40",
    first_try="right",
)
def query_lost_on_the_way(stack):
    """nginx passes the sockets on by a variable and a path, which loses the query and the token in it: 401 for all.

    Straight to the backend, a socket opens.
    """
    stack.edit_nginx(
        "location ^~ /realtime {\n        proxy_pass $backend;",
        "location ^~ /realtime {\n        proxy_pass $backend/realtime;",
    )
    stack.wait(lambda: upgrade(stack, stack.ports["frontend"]) == 401, "no socket through the proxy")
    if upgrade(stack, stack.ports["backend"]) != 101:
        raise StackError("no socket straight to the backend either")


@held_out(
    "token-dropped-by-the-proxy",
    component="frontend",
    also=("auth",),
    severity="p2",
    words=[r"authorization", r"\bheader", r"(drop|strip|remov|swallow|los|clear)\w*.*token", r"\b401\b.*prox"],
    source="https://github.com/home-assistant/core/issues/16306",
    first_try="wrong: one cause, component, words, severity, next",
)
def token_dropped_by_the_proxy(stack):
    """nginx clears the Authorization header: who comes through it is refused everything, 401. Straight, all works."""
    stack.edit_nginx(
        "        proxy_pass $backend;\n    }\n\n    location ^~ /realtime",
        "        proxy_pass $backend;\n"
        "        proxy_set_header Host $http_host;\n"
        '        proxy_set_header Connection "";\n'
        '        proxy_set_header Authorization "";\n'
        "    }\n\n    location ^~ /realtime",
    )
    headers = {"Authorization": f"Bearer {stack.token()}"}
    stack.wait(lambda: answer(stack, "/api/suites", headers=headers) == 401, "a good token is refused")
    if answer(stack, "/api/suites", stack.ports["backend"], headers=headers) != 200:
        raise StackError("a good token is refused by the backend itself")


@held_out(
    "collation-of-another-library",
    component="postgres",
    severity="p4",
    words=[r"collation"],
    source="https://github.com/dani-garcia/vaultwarden/issues/3652",
    first_try="wrong: one cause, component, words, severity, next",
)
def collation_of_another_library(stack):
    """The image was renewed under the database: PostgreSQL warns of the collation version at every connection."""
    stack.sql("UPDATE pg_database SET datcollversion = '2.36' WHERE datname = 'motel'")
    stack.wait(
        lambda: stack.psql("SELECT 1") == "1" and "collation version mismatch" in stack.logs("postgres"), "it warns"
    )


@held_out(
    "one-allowance-for-all-visitors",
    component="frontend",
    severity="p2",
    words=[r"rate.?limit", r"limit_req", r"limiting requests", r"\b429\b", r"too many requests"],
    source="https://github.com/alextselegidis/easyappointments/issues/1946",
    first_try="wrong: one cause, component, words, severity, next",
)
def one_allowance_for_all_visitors(stack):
    """The proxy's rate limit counts all visitors as one: most of the logins that come through it are answered 429."""
    said = stack.nginx.read_text()
    zone = 'limit_req_zone "all" zone=login:1m rate=6r/m;\nlimit_req_status 429;\n\n'
    own = (
        "    location = /api/auth/login {\n        limit_req zone=login;\n        proxy_pass $backend;\n    }\n\n"
        "    location ^~ /api/ {"
    )
    stack.nginx.write_text(zone + said.replace("    location ^~ /api/ {", own))
    stack.reload_nginx()
    body = stack.scratch / "login.json"
    body.touch(mode=0o600)
    known = stack.secrets
    body.write_text(json.dumps({"username": known["ONCALL_ACCOUNT"], "password": known["ONCALL_PASSWORD"]}))
    address = f"http://127.0.0.1:{stack.ports['frontend']}/api/auth/login"
    loop = f"echo ready; while sleep 1; do curl -s -m 5 -o /dev/null -d @{body} {address}; done"
    stack.helper("visitors", ["sh", "-c", loop])
    stack.wait(lambda: log_in(stack) == 429, "a right login is turned away", 20)
    stack.wait(lambda: "limiting requests" in stack.logs("frontend"), "nginx's log says so")


@held_out(
    "hardly-a-thread-allowed",
    component="backend",
    also=("docker",),
    severity="p1",
    words=[r"pids?.?limit", r"\bpids\b", r"start new thread", r"\bthreads?\b", r"Resource temporarily unavailable"],
    source="https://github.com/podman-container-tools/podman/issues/17647",
    first_try="wrong: one cause, words",
)
def hardly_a_thread_allowed(stack):
    """pids_limit lets the backend have no further thread or process: no password can be checked, no name looked up."""
    stack.edit_compose("services.backend.pids_limit", 1)
    stack.recreate("backend", wait=False)
    stack.wait(lambda: log_in(stack, stack.ports["backend"]) in (500, 503), "no login", 30)


both(
    "collation-of-another-library",
    "token-dropped-by-the-proxy",
    first_try="wrong: one cause, component, words, severity, next",
)
both("health-check-without-its-tool", "scripts-served-as-plain-text", first_try="wrong: severity")
both("listens-to-itself-only", "redirected-to-a-door-that-is-not-there", first_try="wrong: words")
both(
    "volume-of-an-older-major-version",
    "package-missing-in-the-image",
    first_try="wrong: one cause, component, words, severity",
)
