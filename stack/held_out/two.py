"""On the stack of two APIs, two databases and two pages: `stack` is tests/components/two_of_each.py's TwoOfEach."""

import functools
import http.client
import json
import subprocess

from stack.held_out import both
from stack.held_out import held_out as any_held_out

held_out = functools.partial(any_held_out, mode="two")


def ask(stack, service, path="/", body=None, **headers):
    """The status and the body of an answer of a service; None and nothing when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.ports[service], timeout=10)
    try:
        said = None if body is None else json.dumps(body)
        connection.request("POST" if said else "GET", path, said, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None, b""
    finally:
        connection.close()


def status(stack, service, path="/", **headers):
    return ask(stack, service, path, **headers)[0]


def log_in(stack, service):
    """The status of a right login, and the token."""
    code, said = ask(
        stack,
        service,
        "/api/auth/login",
        body={"username": "oncall-probe", "password": stack.passwords["ONCALL"]},
    )
    return code, json.loads(said)["token"] if code == 200 else ""


def inspect(stack, service):
    return json.loads(stack.docker("inspect", stack.container(service)))[0]


def logs(stack, service):
    done = subprocess.run(
        ["docker", "logs", "--tail", "200", stack.container(service)], capture_output=True, timeout=15, check=False
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def edit_compose(stack, service, **changes):
    """A service made anew from the Compose file with something else written in it."""
    file = stack.folder / "override.json"
    said = json.loads(file.read_text()) if file.exists() else {"services": {}}
    said["services"].setdefault(service, {}).update(changes)
    file.write_text(json.dumps(said))
    stack.compose("-f", str(file), "up", "-d", "--no-build", "--force-recreate", "--no-deps", service)


def edit_proxy(stack, page, old, new):
    """A page's nginx configuration, changed and read again."""
    file = stack.folder / page / "default.conf"
    said = file.read_text()
    assert old in said, old
    file.write_text(said.replace(old, new))
    reload_proxy(stack, page)


def reload_proxy(stack, page):
    stack.docker("exec", stack.container(page), "nginx", "-s", "reload")


@held_out(
    "database-address-left-empty",
    component="catalog",
    severity="p1",
    words=[r"DATABASE_URL", r"\bsocket\b", r"s\.PGSQL", r"no (address|host)"],
    source="https://github.com/hydra-billing/homs/issues/254",
    first_try="right",
)
def database_address_left_empty(stack):
    """catalog was started with an empty DATABASE_URL: it looks for a database in its own container, on a socket."""
    stack.environment("catalog", DATABASE_URL="")
    stack.recreate("catalog")
    stack.until(lambda: b".s.PGSQL.5432" in ask(stack, "catalog", "/health")[1])


@held_out(
    "role-without-login",
    component="orders-db",
    severity="p1",
    words=[r"not permitted to log in", r"nologin", r"rolcanlogin", r"may not log in", r"(lost|no|without) login"],
    source="https://github.com/catarse/catarse/issues/2388",
    first_try="right",
)
def role_without_login(stack):
    """A script has made the application's role in orders-db anew as one that may not log in."""
    stack.sql("orders-db", "ALTER ROLE motel NOLOGIN")
    stack.until(lambda: b"not permitted to log in" in ask(stack, "orders", "/health")[1])


@held_out(
    "page-without-its-files",
    component="shop",
    severity="p1",
    words=[r"index\.html", r"(no|missing|empty|without)\b.* (page|files?|build)", r"\b404\b"],
    source="https://github.com/auth0-samples/auth0-angular-samples/issues/179",
    first_try="right",
)
def page_without_its_files(stack):
    """The build that went to shop was empty: its nginx has no index.html to show, and answers 404 to every visitor."""
    stack.docker("exec", stack.container("shop"), "sh", "-c", "rm -rf /usr/share/nginx/html/*")
    stack.until(lambda: status(stack, "shop") == 404)
    stack.until(lambda: inspect(stack, "shop")["State"]["Health"]["Status"] == "unhealthy")


@held_out(
    "another-site-first",
    component="admin",
    severity="p1",
    words=[
        r"welcome to nginx",
        r"default_server",
        r"default (page|site)",
        r"(another|other|wrong|different|foreign|not the|not its) (page|site|server)",
        r"not (our|its|the app)",
    ],
    source="https://github.com/agentic-community/mcp-gateway-registry/issues/304",
    first_try="wrong: one cause",
)
def another_site_first(stack):
    """nginx' own default site came back with an update and wins over admin's: "Welcome to nginx!", and no API."""
    file = stack.folder / "admin" / "00-default.conf"
    title = "Welcome to nginx!"
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    file.write_text(
        "server {\n    listen 80 default_server;\n    server_name localhost;\n    default_type text/html;\n"
        f"    location = / {{ return 200 '{page}'; }}\n    location / {{ return 404; }}\n}}\n"
    )
    file.chmod(0o644)
    reload_proxy(stack, "admin")
    stack.until(lambda: b"Welcome to nginx!" in ask(stack, "admin")[1])


@held_out(
    "slash-too-many",
    component="shop",
    severity="p1",
    words=[r"\b404\b", r"prefix", r"slash", r"proxy_pass", r"(wrong|other|another) path", r"not found"],
    source="https://github.com/nyrkio/nyrkio/pull/149",
    first_try="right",
)
def slash_too_many(stack):
    """shop's proxy_pass got a slash at its end: what comes for /api/... arrives at catalog as /, which answers 404."""
    edit_proxy(
        stack,
        "shop",
        "location ^~ /api/ {\n        proxy_pass $backend;",
        "location ^~ /api/ {\n        proxy_pass $backend/;",
    )
    stack.until(lambda: status(stack, "shop", "/api/suites") == 404)
    assert status(stack, "catalog", "/api/suites") == 401


@held_out(
    "sleeps-instead-of-serving",
    component="catalog",
    severity="p1",
    words=[r"\bsleep", r"nothing\b.*listens?", r"listens? on no", r"no(t| process)\b.*listen"],
    source="https://github.com/isard-vdi/isard/issues/232",
    first_try="wrong: words",
)
def sleeps_instead_of_serving(stack):
    """A developer's `command: sleep infinity` was deployed: catalog's container runs, and nothing in it serves."""
    edit_compose(stack, "catalog", command=["sleep", "infinity"])
    stack.until(lambda: inspect(stack, "catalog")["State"]["Health"]["Status"] == "unhealthy")
    stack.until(lambda: status(stack, "shop", "/api/suites") == 502)


@held_out(
    "restored-under-another-owner",
    component="orders-db",
    severity="p1",
    words=[r"permission denied", r"owner", r"privilege", r"\bgrants?\b"],
    source="https://github.com/PlexTrac/plextrac-manager-util/pull/54",
    first_try="right",
)
def restored_under_another_owner(stack):
    """orders-db was restored without owners: all tables are the superuser's, the application may read none of them."""
    for table in ("users", "suites", "tasks"):
        stack.sql("orders-db", f"ALTER TABLE {table} OWNER TO postgres")
    stack.until(lambda: log_in(stack, "orders")[0] == 500)


@held_out(
    "names-asked-of-a-public-resolver",
    component="admin",
    also=("network",),
    severity="p1",
    words=[r"resolv", r"\bdns\b", r"8\.8\.8\.8", r"name .*(not|cannot)"],
    source="https://github.com/absmach/propeller/issues/255",
    first_try="wrong: words",
)
def names_asked_of_a_public_resolver(stack):
    """admin's nginx asks 8.8.8.8 where orders is, which only Docker's own resolver knows: 502 after a while."""
    edit_proxy(
        stack, "admin", "resolver 127.0.0.11 valid=2s ipv6=off;", "resolver 8.8.8.8 ipv6=off;\n    resolver_timeout 2s;"
    )
    stack.until(
        lambda: status(stack, "admin", "/api/suites") == 502 and "could not be resolved" in logs(stack, "admin")
    )


@held_out(
    "column-of-the-next-release",
    component="orders-db",
    also=("orders",),
    severity="p3",
    words=[r"column\b.*\bdue_at", r"due_at", r"schema", r"column .*does not exist", r"migration"],
    source="https://github.com/Qiskit/qiskit-serverless/pull/2420",
    first_try="wrong: words",
)
def column_of_the_next_release(stack):
    """The release was rolled back, its migration was not: a column that orders reads is gone, one list is 500."""
    stack.sql("orders-db", "ALTER TABLE tasks RENAME COLUMN due_at TO due_on")
    stack.sql(
        "orders-db",
        "INSERT INTO _prisma_migrations VALUES (gen_random_uuid()::text, repeat('5c', 32), now(), "
        "'20250908101500_due_on', NULL, NULL, now() - interval '1 second', 1)",
    )
    token = log_in(stack, "orders")[1]
    stack.until(lambda: status(stack, "orders", "/api/tasks?suite=7", Authorization=f"Bearer {token}") == 500)
    assert status(stack, "orders", "/api/suites", Authorization=f"Bearer {token}") == 200


@held_out(
    "address-of-the-container-before",
    component="shop",
    severity="p1",
    words=[
        r"(old|stale|former|previous|earlier|cached|outdated) address",
        r"address .*(changed|no longer|before|old|stale)",
        r"upstream",
        r"resolved? (once|at)",
        r"connect\(\) failed",
        r"timed out.*connecting",
    ],
    source="https://github.com/docker/compose/issues/2003",
    first_try="wrong: words",
)
def address_of_the_container_before(stack):
    """shop's nginx has looked up catalog once, at its start; catalog was made anew and got another address since."""
    edit_proxy(stack, "shop", "proxy_pass $backend;", "proxy_pass http://catalog:3001;")
    stack.until(lambda: status(stack, "shop", "/api/suites") == 401)

    def address():
        return next(iter(inspect(stack, "catalog")["NetworkSettings"]["Networks"].values()))["IPAddress"]

    before = address()
    network = f"{stack.project}_inside"
    stack.docker("rm", "-f", stack.container("catalog"))
    image = inspect(stack, "orders")["Config"]["Image"]
    label = f"com.docker.compose.project={stack.project}"
    job = stack.docker("run", "-d", "--label", label, "--network", network, image, "sleep", "infinity")
    stack.compose("up", "-d", "--no-build", "--no-deps", "catalog")
    stack.docker("rm", "-f", "-v", job)
    assert address() != before
    stack.until(lambda: inspect(stack, "catalog")["State"]["Health"]["Status"] == "healthy")
    stack.until(lambda: status(stack, "shop", "/api/suites") in (502, 504))


@held_out(
    "port-behind-a-firewall",
    component="network",
    also=("orders-db", "host"),
    severity="p1",
    words=[r"timed? ?out", r"timeout", r"firewall", r"iptables", r"drop", r"packets?", r"unreachable"],
    source="https://github.com/chaifeng/ufw-docker/issues/53",
    first_try="wrong: one cause, words",
)
def port_behind_a_firewall(stack):
    """A firewall drops what comes for the port of orders-db: in its container it is well, from outside is silence."""
    pid = str(inspect(stack, "orders-db")["State"]["Pid"])
    rule = ["-A", "INPUT", "!", "-i", "lo", "-p", "tcp", "--dport", "5432", "-j", "DROP"]
    subprocess.run(["nsenter", "-t", pid, "-n", "iptables", *rule], check=True, capture_output=True, timeout=15)
    stack.until(lambda: b"did not accept a connection" in ask(stack, "orders", "/health")[1])


both("database-address-left-empty", "column-of-the-next-release", first_try="wrong: words")
both("page-without-its-files", "role-without-login", first_try="right")
both("slash-too-many", "another-site-first", first_try="wrong: one cause")
both("sleeps-instead-of-serving", "restored-under-another-owner", first_try="wrong: words")
