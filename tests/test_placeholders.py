"""What fills a command: values of the target, and of the finding by a declared key; each is one shell word."""

import json
import os
import shlex
import subprocess
import time

import pytest

from oncall.playbook import Step, fill
from oncall.target.kinds import Component
from oncall.target.placeholders import FREE, FROM_EVIDENCE, PLACEHOLDERS, values, word
from oncall.target.schema import Auth, Backend, Docker, Frontend, Host, Metrics, Postgres, Process, Stack, Websocket

STACK = Stack(host=Host(backup_file="/backups/*.dump"))
ATTACKS = {
    "command": "/x; touch PWNED",
    "substitution": "/$(touch PWNED)`touch PWNED`",
    "newline": "/x\ntouch PWNED\n",
    "quotes": "/x'; touch PWNED; '\"; touch PWNED; \"",
    "bidi": "/\u202egpj.x\u2066",
    "controls": "/\x1b[31m\x07\x00\x7f\x9b\u2028",
    "surrogate": "/\ud800'\\",
    "glob and tilde": "/~/*?[a]{b,c}",
    "variables": "/$HOME ${IFS} !! #",
    "and": "/x && touch PWNED || touch PWNED & | > PWNED",
}
SEEN_IN = {"mount": "mount", "asset_url": "asset"}


def typed(command, folder):
    """What a shell makes of it: the words, one behind the other."""
    line = command.replace("run ", "printf '%s\\0' ", 1)
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=True)
    return done.stdout


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("name", SEEN_IN)
def test_hostile_evidence_stays_one_word(name, attack, tmp_path):
    """It cannot become a command, and what is shown is what is typed, to the byte."""
    value = f"http://x{attack}" if name == "asset_url" else attack
    command = fill(
        Step("", f"run {{{name}}} end", "read-only", "test_it"), STACK, evidence={SEEN_IN[name]: value}
    ).command
    said = typed(command, tmp_path)

    assert command.isprintable()
    assert list(tmp_path.iterdir()) == []
    assert said == value.partition("\0")[0].encode("utf-8", "surrogatepass") + b"\0end\0"


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("name", ["pid", "address"])
def test_a_value_of_another_form_fills_nothing(name, attack):
    """A pid is a number, an address a host and a port: for anything else the command stays as without the finding."""
    step = Step("", f"run {{{name}}}", "read-only", "test_it")
    (keys, _) = FROM_EVIDENCE[name]
    without = fill(step, STACK)

    assert all(fill(step, STACK, evidence={key: attack}) == without for key in keys)
    assert all(
        fill(step, STACK, evidence={key: value}) == without for key in keys for value in (True, -1, 0, 1.5, None, "")
    )


@pytest.mark.parametrize(
    ("name", "evidence", "filled"),
    [
        ("pid", {"pid": 257}, "257"),
        ("pid", {"pid": 300, "holder pid": 257}, "257"),
        ("pid", {}, "PID"),
        ("holder", {"holder pid": 257}, "257"),
        ("holder", {}, "pid"),
        ("mount", {"mount": "/var/lib/docker"}, "/var/lib/docker"),
        ("mount", {"mount": "95 % used"}, "/"),
        ("mount", {}, "/"),
        ("asset_url", {"asset": "https://cdn.example/a.css?v=1"}, "'https://cdn.example/a.css?v=1'"),
        ("asset_url", {"asset": "-o/etc/passwd"}, "http://localhost:3000/"),
        ("address", {"address": "shop.example:8443"}, "shop.example:8443"),
        ("address", {"address": "[::1]:443"}, "'[::1]:443'"),
        ("address", {"address": "http://localhost:3001/health"}, "localhost:3000"),
    ],
)
def test_the_finding_fills_what_it_has_seen(name, evidence, filled):
    """Else the target, or CAPITALS for a person to fill in."""
    assert values(STACK, None, "", evidence)[name] == filled


def test_the_pid_stands_in_the_statement():
    """The rule that a placeholder stands outside of quotes holds in SQL too."""
    step = Step("", "run 'SELECT pg_terminate_backend('{pid}')'", "restart", "test_it")

    assert shlex.split(fill(step, STACK, evidence={"pid": 257}).command)[1] == "SELECT pg_terminate_backend(257)"


@pytest.mark.parametrize(
    ("component", "asked"),
    [
        ("backend", "localhost:3001"),
        ("postgres", "localhost:5432"),
        ("auth", "localhost:3001"),
        ("host", "localhost:3000"),
    ],
)
def test_an_address_is_the_one_that_was_asked_else_the_components_own(component, asked):
    """A finding that says where it asked counts before the target."""
    step = Step("", "run {address}", "read-only", "test_it")

    assert fill(step, STACK, component).command == f"run {asked}"
    assert fill(step, STACK, component, address="10.0.0.7:81").command == "run 10.0.0.7:81"


def test_one_step_asks_an_address_once():
    """The page names no asset, so the second line would ask for the page again."""
    step = Step(
        "", "curl {frontend_url}{page_path} | grep src\ncurl -o /dev/null {asset_url}\ndf -h", "read-only", "test_it"
    )
    stack = Stack(frontend=Frontend(path="/admin/"))

    assert fill(step, stack).command == "curl http://localhost:3000/admin/ | grep src\ndf -h"
    assert "curl -o /dev/null http://x/a.css" in fill(step, stack, evidence={"asset": "http://x/a.css"}).command


@pytest.mark.parametrize(
    ("component", "typed"),
    [("backend", "ps\nlogs backend"), ("network", "ps"), (None, "ps")],
)
def test_a_look_leaves_out_what_nobody_knows(component, typed):
    """A line that would fail stands in the way of the one that works; alone, it stays for a person to fill in."""
    step = Step("", "ps\nlogs {service}", "read-only", "test_it")

    assert fill(step, STACK, component).command == typed
    assert fill(Step("", "kill {pid}\nstart", "restart", "test_it"), STACK).command == "kill PID\nstart"
    assert fill(Step("", "logs {service}", "read-only", "test_it"), STACK).command == "logs SERVICE"


@pytest.mark.parametrize("kept", ["environment", "file"])
def test_a_request_by_hand_sends_the_headers_of_the_target_and_shows_no_secret(kept, tmp_path, monkeypatch):
    """A metrics page that wants a token answers 401 to a command without it."""
    file = tmp_path / "it's on.env"
    file.write_text("OTHER=1\nMETRICS_TOKEN=s3 cret\n" if kept == "file" else "")
    if kept == "environment":
        monkeypatch.setenv("METRICS_TOKEN", "s3 cret")
    headers = {
        "Authorization": "Bearer ${METRICS_TOKEN}",
        "X-Shop": "a $${b} `c`",
        'X-"Odd"': "$HOME ${METRICS_TOKEN}\\",
    }
    stack = Stack(secrets_file=str(file), backend=Backend(metrics=Metrics(headers=headers)))
    command = fill(Step("", "run {metrics_headers} end", "read-only", "test_it"), stack).command

    assert "s3 cret" not in command
    assert typed(command, tmp_path).decode().split("\0")[:-1] == [
        "-H", "Authorization: Bearer s3 cret", "-H", "X-Shop: a ${b} `c`", "-H", 'X-"Odd": $HOME s3 cret\\', "end"
    ]  # fmt: skip
    assert fill(Step("", "run {metrics_headers} end", "read-only", "test_it"), Stack()).command == "run end"


def test_logs_are_read_of_the_part_first_and_of_parts_that_are_there():
    """A service that does not exist would make the whole command fail."""
    stack = Stack(
        frontend=Frontend(absent=True),
        postgres=Postgres(external=True),
        components={"queue": Component(service="queue-1")},
    )

    assert values(STACK, "postgres", "", {})["services"] == "postgres backend frontend"
    assert values(stack, "queue", "", {})["services"] == "queue-1 backend"
    assert values(Stack(docker=Docker(absent=True)), None, "", {})["services"] == "SERVICE"
    mixed = Stack(
        docker=Docker(absent=True),
        backend=Backend(unit="shop api.service"),
        frontend=Frontend(process=Process(port=80, log_files=("/var/log/nginx/*.log",))),
        components={"queue": Component(unit="queue.service")},
    )
    assert values(mixed, "queue", "", {})["units"] == "-u queue.service -u 'shop api.service'"
    assert values(mixed, "backend", "", {})["logs"] == "/var/log/nginx/*.log"
    assert values(STACK, None, "", {})["units"] == "-u UNIT"


@pytest.mark.parametrize("lives", [True, False])
def test_a_process_that_is_gone_is_said_without_a_usage_text(lives, tmp_path):
    """Its pid file has gone with it: ps without a number would print how it is used."""
    file = tmp_path / "its api.pid"
    if lives:
        file.write_text(f"{os.getpid()}\n")
    stack = Stack(docker=Docker(absent=True), backend=Backend(process=Process(pid_file=str(file))))
    step = Step("", "{backend_find_process} | xargs -r ps -o pid,args -p", "read-only", "test_it")
    done = subprocess.run(["bash", "-c", fill(step, stack).command], capture_output=True, text=True, check=True)

    assert "Usage" not in done.stdout + done.stderr
    assert (str(os.getpid()) in done.stdout) is lives
    assert ("No such file" in done.stderr) is not lives


def test_a_login_by_hand_sends_what_the_target_says():
    """Its keys, its further fields, its method; a.b is nested, as the probe does it."""
    auth = Auth(
        account_key="user.email", password_key="user.secret", login_extra={"client": "it's"}, login_method="PUT"
    )  # fmt: skip
    known = values(Stack(auth=auth), None, "", {})

    assert (known["login_method"], known["account_key"]) == ("PUT", "user.email")
    form = values(Stack(auth=Auth(login_body="form", account_key="user[name]")), None, "", {})
    assert shlex.split(form["login_body"]) == ["user%5Bname%5D=YOUR_NAME&password=YOUR_PASSWORD"]
    assert (known["login_type"], form["login_type"]) == ("application/json", "application/x-www-form-urlencoded")
    assert json.loads(shlex.split(known["login_body"])[0]) == {
        "client": "it's",
        "user": {"email": "YOUR_NAME", "secret": "YOUR_PASSWORD"},
    }


@pytest.mark.parametrize(
    ("stack", "urls"),
    [
        (Stack(), "http://localhost:3001/realtime http://localhost:3000/realtime"),
        (
            Stack(
                backend=Backend(url="http://shop:80"),
                frontend=Frontend(url="http://shop:80"),
                websocket=Websocket(url="ws://shop:80/ws?token=x"),
            ),
            "http://shop:80/ws",
        ),
        (
            Stack(websocket=Websocket(url="ws://a:1/ws", public_url="wss://b/socket")),
            "http://a:1/ws https://b/socket",
        ),
        (Stack(frontend=Frontend(absent=True)), "http://localhost:3001/realtime"),
    ],
)
def test_a_socket_is_asked_for_once_at_each_address(stack, urls):
    """Straight and through the proxy; where both are one address, once. A query may hold a token: it stays away."""
    assert values(stack, None, "", {})["websocket_urls"] == urls


def test_every_placeholder_has_a_value():
    """A step never meets a name that nothing fills."""
    assert values(STACK, None, "", {}).keys() == PLACEHOLDERS
    assert FREE | FROM_EVIDENCE.keys() <= PLACEHOLDERS


def test_an_endless_value_fills_nothing_and_costs_nothing():
    """Twice as much text, at most about twice the time."""
    step = Step("", "run {mount} {asset_url} {address} {pid}", "read-only", "test_it")
    without = fill(step, STACK)

    def seconds(size):
        evidence = {"mount": "/" + "'" * size, "asset": "http://" + "\u202e" * size, "address": "a" * size + ":1"}
        began = time.process_time()
        assert fill(step, STACK, evidence=evidence) == without
        return time.process_time() - began

    assert seconds(1_000_000) < 0.5
    assert seconds(2_000_000) < 0.5


@pytest.mark.parametrize(
    "text", ["", "plain-1.2_x@y:z/%,+=", "two words", "it's", "größe", "a\tb", "\u00a0", "$HOME", "-x"]
)
def test_a_word_is_read_back_by_the_shell(text, tmp_path):
    """In whichever of its forms it is written."""
    assert typed(f"run {word(text)}", tmp_path) == text.encode() + b"\0"


@pytest.mark.parametrize(
    ("component", "service"),
    [
        ("backend", "backend"),
        ("docker", "SERVICE"),
        ("worker", "worker"),
        ("docker.container", "docker"),
        ("a78814de69ad", "SERVICE"),
        ("worker; reboot", "SERVICE"),
        (None, "SERVICE"),
    ],
)
def test_a_part_that_nobody_declared_is_called_like_its_service(component, service):
    """Whatever the evidence says, which may be another part's; a container without a service's name fills nothing."""
    assert values(Stack(), component, "", {"service": "other"})["service"] == service
