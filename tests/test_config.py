"""The target file: what it may say, and one sentence for every key that is wrong."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec.structs import fields

from oncall.target.kinds import Component
from oncall.target.reader import (
    Target,
    TargetError,
    default_target,
    from_builtins,
    read_target,
    to_builtins,
    unknown_accepted,
)
from oncall.target.schema import Accepted, Endpoint, Limits, Stack, StackKeys
from oncall.target.validator import bare, is_record
from tests import target_schema

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "oncall.toml"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write oncall.toml into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "oncall.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def problems(file):
    """What reading a text complains about, without the file's name."""

    def read(text):
        with pytest.raises(TargetError) as caught:
            read_target(file(text))
        assert all(problem.startswith("oncall.toml: ") for problem in caught.value.problems)
        assert all("\n" not in problem for problem in caught.value.problems)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return [problem.removeprefix("oncall.toml: ") for problem in caught.value.problems]

    return read


OTHER_WAYS = ("unit", "process", "external")  # that a part runs, in place of service: shown once, for all parts


def uncommented(text):
    """The shipped file with its commented settings in force."""
    lines = []
    for line in text.splitlines():
        bare_line = line.removeprefix("# ")
        is_setting = bare_line.startswith("[") or bare_line.split(" ")[1:2] == ["="]
        lines.append(bare_line if is_setting else line)
    return "\n".join(lines)


def keys(kind, at=()):
    """Every dotted key of a record, with lists of records and tables of records as one step."""
    for one in fields(kind):
        base = bare(one.type)
        inner = [base, *getattr(base, "__args__", ())]
        records = [part for part in inner if is_record(part)]
        if records:
            yield from keys(records[0], (*at, one.name))
        else:
            yield ".".join((*at, one.name))


def written(table, at=()):
    """Every dotted key of a TOML table, in the same spelling."""
    for key, value in table.items():
        place = (*at, key)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from written(value[0], place)
        elif isinstance(value, dict) and ".".join(place).rpartition(".")[2] not in (
            "headers", "login_headers", "login_extra", "blames",
        ):  # fmt: skip
            yield from written(value, place)
        else:
            yield ".".join(place)


def plain(record):
    """What a file would say to get this record."""
    return msgspec.to_builtins(record, builtin_types=(date,))


def listed(value):
    """TOML and records side by side: tuples as lists, records as tables."""
    if isinstance(value, dict):
        return {key: listed(one) for key, one in value.items()}
    return [listed(one) for one in value] if isinstance(value, list | tuple) else value


def test_shipped_file_is_the_defaults():
    """What stands in the shipped file is the default of every key, so leaving a line out changes nothing."""
    table = tomllib.loads(SHIPPED.read_text())
    limits, accepted = table.pop("limits"), table.pop("accepted")
    defaults = listed(plain(StackKeys()))
    for part in (defaults, defaults["backend"], defaults["backend"]["metrics"]):
        for name in ("absent", "components"):
            part.pop(name, None)
    for part in ("host", "docker", "frontend", "auth", "websocket", "postgres"):
        defaults[part].pop("absent", None)
    for part in ("backend", "frontend", "postgres"):
        for way in OTHER_WAYS:
            defaults[part].pop(way)

    assert table == {key: value for key, value in defaults.items() if key in table}
    assert set(defaults) - set(table) == {"docker"} - set(table)
    assert limits == plain(Limits())
    assert accepted == {}


def test_shipped_file_names_every_key():
    """Every key stands in the shipped file, in force or commented: it is the reference."""
    table = tomllib.loads(uncommented(SHIPPED.read_text()))
    accepted = table.pop("accepted")
    table["components"] = {key: value for key, value in table["components"]["redis"].items() if key != "kind"}

    wanted = [key for key in keys(StackKeys) if not set(key.split(".")[1:]) & set(OTHER_WAYS)]
    assert sorted(written({key: value for key, value in table.items() if key != "limits"})) == sorted(wanted)
    assert all(f"#   {way} = " in SHIPPED.read_text() for way in OTHER_WAYS)
    assert sorted(table["limits"]) == sorted(one.name for one in fields(Limits))
    assert {key for entry in accepted.values() for key in entry} == {one.name for one in fields(Accepted)}


def test_shipped_file_is_valid_with_everything_uncommented(file):
    """What the shipped file suggests in comments is itself right."""
    target = read_target(file(uncommented(SHIPPED.read_text())))

    assert target.stack.components == {"redis": Component(service="redis")}
    assert target.accepted["test_swap_is_not_exhausted"].until == date(2026, 12, 31)
    assert target.stack.websocket.absent


def test_empty_file_is_the_default_target(file, tmp_path):
    """Every line may be left out."""
    target = read_target(file(""))

    assert target.limits == default_target().limits
    assert target.stack.backend == default_target().stack.backend
    assert target.path == str(tmp_path / "oncall.toml")


@pytest.mark.parametrize("part", ["host", "docker", "backend", "frontend", "auth", "websocket", "postgres"])
def test_absent_part_needs_nothing_else(file, part):
    """A part that is not there is declared in one line."""
    assert getattr(read_target(file(f"[{part}]\nabsent = true\n")).stack, part).absent


def test_target_survives_a_snapshot(file):
    """A target goes through JSON and comes back the same."""
    target = read_target(
        file(
            """
            [auth]
            login_extra = { client = "web", remember = true, deep = { a = [1, 2.5, "x"] }, secret = "${CLIENT}" }
            [[backend.endpoints]]
            name = "tasks"
            path = "/api/tasks?limit=1"
            [limits]
            health_seconds = 3
            [accepted]
            test_a = { reason = "because", until = "2026-12-31" }
            "test_b[x]" = { reason = "because", until = 2027-01-01 }
            """
        )
    )

    assert msgspec.convert(msgspec.to_builtins(target), Target) == target
    assert from_builtins(msgspec.json.decode(msgspec.json.encode(to_builtins(target)))) == target
    assert target.accepted["test_a"] == Accepted(reason="because", until=date(2026, 12, 31))
    assert target.stack.backend.endpoints == (Endpoint(name="tasks", path="/api/tasks?limit=1"),)


def test_snapshot_of_something_else_is_refused():
    """A target that a snapshot garbled is one sentence."""
    with pytest.raises(TargetError, match="the snapshot's target cannot be read"):
        from_builtins({"stack": {"name": 3}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("backend.helth = {}", "backend.helth is not a key; did you mean backend.health?"),
        ("[backend]\nhelth = {}", "backend.helth is not a key; did you mean backend.health?"),
        ("[backends]\nurl = 1", "backends is not a key; did you mean backend?"),
        ("[database]\nhost = 1", "database is not a key; did you mean postgres?"),
        ("[redis]\nservice = 1", "redis is not a key; a further part of yours goes under [components.redis]"),
        ("[backend]\nhealth_seconds = 1", "backend.health_seconds is not a key; did you mean limits.health_seconds?"),
        ("[[backend.endpoint]]\nname = 1", "backend.endpoint is not a key; did you mean backend.endpoints?"),
        ("[docker]\nzzz = 1", "docker.zzz is not a key; docker has project, host, exec, data_volume, absent"),
        ('[limits]\nhealth_seconds = "fast"', 'limits.health_seconds must be a number above 0, not "fast"'),
        ("[limits]\nhealth_seconds = 0", "limits.health_seconds must be a number above 0, not 0"),
        ("[limits]\nhealth_seconds = -1.5", "limits.health_seconds must be a number above 0, not -1.5"),
        ("[limits]\nhealth_seconds = nan", "limits.health_seconds must be a number above 0, not nan"),
        ("[limits]\nhealth_seconds = inf", "limits.health_seconds must be a number above 0, not inf"),
        ("[limits]\nhealth_seconds = true", "limits.health_seconds must be a number above 0, not true"),
        ("[limits]\nswap_used_percent = 101", "limits.swap_used_percent must be a number from 0 to 100, not 101"),
        ("[limits]\nquery_calls = 2.5", "limits.query_calls must be a whole number, 1 or more, not 2.5"),
        ("[limits]\nquery_calls = [1]", "limits.query_calls must be a whole number, 1 or more, not a list"),
        ("[postgres]\nport = 99999", "postgres.port must be between 1 and 65535, not 99999"),
        ('[postgres]\nport = "5432"', 'postgres.port must be between 1 and 65535, not "5432"'),
        (
            '[postgres]\nhost = "db:5432"',
            "postgres.host must be a host name, an address or a socket's folder, without a port, not \"db:5432\"",
        ),
        ('[postgres]\nuser = " "', "postgres.user is empty; it must be text on one line"),
        ('[backend]\nurl = "localhost:3001"', 'backend.url must start with http:// or https://, not "localhost:3001"'),
        ('[backend]\nurl = "ws://h"', 'backend.url must start with http:// or https://, not "ws://h"'),
        ('[backend]\nurl = ""', "backend.url is empty; it must start with http:// or https://"),
        ('[backend]\nurl = "http://"', "backend.url names no host"),
        ('[backend]\nurl = "http://h:99999"', "backend.url must have a valid host, and a port between 1 and 65535"),
        ('[backend]\nurl = "http://h:0"', "backend.url must have a port between 1 and 65535, not 0"),
        ('[backend]\nurl = "http://[::1"', "backend.url must have a valid host, and a port between 1 and 65535"),
        ('[backend]\nurl = "http://a b"', "backend.url must not hold blanks or backslashes"),
        ('[backend]\nurl = "http://${HOST}:1"', 'backend.url names a host that cannot be one: "${HOST}:1"'),
        ('[backend]\nurl = "http://h/?a=1"', "backend.url must not hold a ?: paths have keys of their own"),
        ("[backend]\nurl = 3001", "backend.url must start with http:// or https://, not 3001"),
        ('[websocket]\nurl = "http://h"', 'websocket.url must start with ws:// or wss://, not "http://h"'),
        (
            '[websocket]\norigin = "shop.example"',
            'websocket.origin must be an origin such as "https://shop.example", or empty, not "shop.example"',
        ),
        ('[host]\nat = "ssh://"', 'host.at must be "local" or "ssh://user@host", not "ssh://"'),
        ('[host]\nat = "ssh://ops@"', 'host.at must be "local" or "ssh://user@host", not "ssh://ops@"'),
        ('[host]\nat = "-oProxyCommand=x"', 'host.at must be "local" or "ssh://user@host", not "-oProxyCommand=x"'),
        ('[host]\nat = "ssh://h:70000"', "host.at must have a valid host, and a port between 1 and 65535"),
        ("[host]\nabsent = 1", "host.absent must be true or false, not 1"),
        ("[host]\nfilesystems = []", 'host.filesystems is empty; it must be a list of paths such as ["/", "/var"]'),
        ('[host]\nfilesystems = ["/", ""]', "host.filesystems[2] is empty; it must be a path"),
        ('[host]\nbackup_reader = "cat"', "host.backup_reader must hold {file}, the place of the backup's path"),
        ('name = "My Shop"', 'name must be a slug: lower-case letters, digits and single dashes, not "My Shop"'),
        ('name = ""', "name is empty; it must be a slug: lower-case letters, digits and single dashes"),
        ("name = 3", "name must be a slug: lower-case letters, digits and single dashes, not 3"),
        ('backend = "x"', "backend must be a table: write [backend]"),
        ("[[backend]]", "backend must be a table: write [backend]"),
        ("limits = 3", "limits must be a table: write [limits]"),
        (
            '[backend.endpoints]\nname = "a"',
            "backend.endpoints must be a list of tables: write [[backend.endpoints]], not a table",
        ),
        (
            '[[backend.endpoints]]\nname = "a"',
            "backend.endpoints[1] needs a path: it must be a path that starts with /",
        ),
        (
            '[[backend.endpoints]]\nname = "a"\npath = "/a"\n[[backend.endpoints]]\nname = "a"\npath = "/b"',
            'backend.endpoints[2].name must be another name: "a" stands above already',
        ),
        (
            '[[backend.endpoints]]\nname = "a"\npath = "/"\nmethod = "DELETE"',
            'backend.endpoints[1].method must be "GET", "HEAD" or "OPTIONS", not "DELETE"',
        ),
        (
            '[backend.health]\nmethod = "get"',
            'backend.health.method must be "GET", "HEAD" or "OPTIONS"; did you mean "GET"?',
        ),
        ('[backend.health]\npath = "health"', 'backend.health.path must be a path that starts with /, not "health"'),
        (
            "[backend.health]\nexpected_status = 200",
            "backend.health.expected_status must be a list of HTTP statuses such as [200, 204], not 200",
        ),
        (
            "[backend.health]\nexpected_status = [200, 600]",
            "backend.health.expected_status[2] must be an HTTP status, 100 to 599, not 600",
        ),
        (
            "[backend.health]\nexpected_status = []",
            "backend.health.expected_status is empty; it must be a list of HTTP statuses such as [200, 204]",
        ),
        (
            '[backend.health.blames]\ncache = "redis"',
            'backend.health.blames.cache names no component: "redis"; write [components.redis], or name one of '
            "host, docker, network, postgres, backend, frontend, auth, websocket",
        ),
        (
            '[backend.metrics]\nheaders = { X-A = "a\\r\\nB: c" }',
            "backend.metrics.headers.X-A must be one line of ASCII text, with no blank at its ends",
        ),
        (
            "[backend.metrics]\nheaders = { X-A = 3 }",
            "backend.metrics.headers.X-A must be one line of ASCII text, with no blank at its ends, not 3",
        ),
        (
            '[backend.metrics]\nheaders = { "X A" = "3" }',
            'backend.metrics.headers."X A" must have another name: it must be the name of an HTTP header',
        ),
        (
            '[backend.metrics]\nheaders = { X-A = "${}" }',
            "backend.metrics.headers.X-A holds ${ without a variable's name: "
            "write ${NAME}, or $${ for a literal ${",
        ),
        ('[auth]\nalgorithms = ["none"]', None),
        (
            "[auth]\nlogin_extra = { since = 2026-01-01 }",
            "auth.login_extra.since must be text, a number, true, false, a list or a table, as it goes into JSON",
        ),
        ("[auth]\ntoken_key = 3", "auth.token_key must be text on one line, not a number"),
        (
            '[auth]\ntoken_in = "hedaer"',
            'auth.token_in must be "body", "header" or "cookie"; did you mean "header"?',
        ),
        (
            '[websocket]\ntoken_in = "message"',
            'websocket.first_message must hold ${TOKEN} when websocket.token_in is "message"',
        ),
        (
            '[websocket]\ntoken_name = ""',
            "websocket.token_name is empty; the query that holds the token needs a name",
        ),
        (
            '[websocket]\nping = "message"\nping_message = "hi"',
            'websocket.pong_contains is empty; websocket.ping = "message" needs it',
        ),
        ('[components.redis]\nport = 1\nservice = "r"', None),
        (
            '[backend]\nunit = "api"',
            'backend.unit must be the name of a systemd unit such as "api.service", or be empty, not "api"',
        ),
        (
            '[backend]\nunit = "a.service"\nservice = "b"',
            "backend.unit contradicts backend.service: leave out one of them",
        ),
        ("[frontend]\nexternal = true\nprocess = { port = 80 }",
         "frontend.external contradicts frontend.process: leave out one of them"),
        ("[postgres.process]\nlog_files = []",
         "postgres.process needs a pid_file or a port: one of them says which process it is"),
        (
            "[components.redis]",
            "components.redis needs a service: it must be the name of a Compose service; "
            "or say unit, process or external",
        ),
        ('[components.postgres]\nservice = "x"', "components.postgres is a component anyway; set postgres.service"),
        (
            '[components.Redis]\nservice = "x"',
            "components.Redis must have another name: it must be a slug: lower-case letters, digits and single dashes",
        ),
        (
            "[accepted]\ntest_a = { until = 2026-12-31 }",
            "accepted.test_a needs a reason: it must be text on one line",
        ),
        (
            '[accepted]\ntest_a = { reason = "", until = 2026-12-31 }',
            "accepted.test_a.reason is empty; it must be text on one line",
        ),
        (
            '[accepted]\ntest_a = { reason = "x" }',
            "accepted.test_a needs an until: it must be a date such as 2026-12-31",
        ),
        (
            '[accepted]\ntest_a = { reason = "x", until = "soon" }',
            'accepted.test_a.until must be a date such as 2026-12-31, not "soon"',
        ),
        (
            '[accepted]\ntest_a = { reason = "x", until = 2026-12-31T00:00:00Z }',
            "accepted.test_a.until must be a date such as 2026-12-31, not 2026-12-31T00:00:00+00:00",
        ),
        ("[accepted]\ntest_a = true", "accepted.test_a must be a table: write [accepted.test_a]"),
        (
            f'[docker]\nproject = "{"X" * 99}"',
            f'docker.project must be the name of a Compose project, not "{"X" * 36}...',
        ),
        (
            '[frontend]\ncertificates = ["shop:0"]',
            "frontend.certificates[1] must have a port between 1 and 65535, not 0",
        ),
    ],
)  # fmt: skip
def test_wrong_key_is_one_sentence(problems, text, sentence):
    """A wrong key is named, with what is wrong and how to mend it, and nothing else is complained about."""
    found = problems(text)

    assert len(found) == 1
    if sentence:
        assert found == [sentence]


def test_all_wrong_keys_are_reported_at_once(problems):
    """Nobody mends a file one run at a time."""
    found = problems(
        """
        nmae = "shop"
        [backend]
        url = "shop"
        [backend.health]
        expected_status = ["ok", 99, 200]
        [postgres]
        port = 0
        [limits]
        login_seconds = "1"
        [accepted]
        test_a = { until = "x" }
        """
    )

    assert [problem.split(" ")[0] for problem in sorted(found)] == [
        "accepted.test_a", "accepted.test_a.until", "backend.health.expected_status[1]",
        "backend.health.expected_status[2]", "backend.url", "limits.login_seconds", "nmae", "postgres.port",
    ]  # fmt: skip


CANARY = "hunter2canary"


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (f'[postgres]\npassword = "{CANARY}"', "postgres.password_variable"),
        (f'[postgres]\npasswd = "{CANARY}"', "postgres.password_variable"),
        (f'[postgres]\ndsn = "{CANARY}"', "postgres.url_variable"),
        (f'[postgres]\nhost = "postgres://u:{CANARY}@h/db"', "postgres.url_variable"),
        (f'[auth]\npassword = "{CANARY}"', "auth.password_variable"),
        (f'[auth]\nsecret = "{CANARY}"', "auth.secret_variable"),
        (f'[auth]\njwt_secret = "{CANARY}"', "auth.secret_variable"),
        (f'[auth]\nsecret_variable = "{CANARY}!"', "the name of an environment variable"),
        (f'[auth]\npassword_variable = ["{CANARY}"]', "the name of an environment variable"),
        (f'[backend.metrics]\ntoken = "{CANARY}"', "${NAME} in backend.metrics.headers"),
        (f'[backend.metrics]\nheaders = {{ Authorization = "Bearer {CANARY}" }}', "${NAME}"),
        (f'[backend.metrics]\nheaders = {{ X-Api-Key = "{CANARY}" }}', "${NAME}"),
        (f'[backend.metrics]\nheaders = {{ X-Other = "Bearer {CANARY}" }}', "${NAME}"),
        (f'[backend.metrics]\nheaders = {{ X-Other = "{CANARY}\\n" }}', "one line"),
        (f'[auth]\nlogin_extra = {{ client_secret = "{CANARY}" }}', "${NAME}"),
        (f'[auth]\nlogin_extra = {{ a = [{{ password = "{CANARY}" }}] }}', "${NAME}"),
        (f'[backend]\nurl = "http://u:{CANARY}@h"', "say it in a header as ${NAME}"),
        (f'[backend]\nurl = "ftp://u:{CANARY}@h"', "holds a password"),
        (f'[backend]\nurl = "http://{CANARY}@h"', "must not carry a user"),
        (f'[host]\nat = "ssh://u:{CANARY}@h"', "ssh logs in by key"),
        (f'[websocket]\nurl = "ws://h/realtime?token={CANARY}"', "websocket.token_name"),
        (f'[websocket]\nfirst_message = \'{{"token": "{CANARY}"}}\'', "${NAME}"),
        (f'[host]\nbackup_reader = "PGPASSWORD={CANARY} pg_restore -l {{file}}"', "put it into the environment"),
        (f'[docker]\nproject = "Bearer {CANARY}"', "Compose project"),
        (f'[components]\nredis = "redis://u:{CANARY}@h"', "must be a table"),
        (f'password = "{CANARY}"', "environment"),
        (f'[websocket]\nfirst_message = "eyJhbGciOiJI.eyJzdWIiOiIx.{CANARY}"', "${NAME}"),
    ],
)
def test_secret_in_the_file_is_refused_and_not_shown(problems, text, mend):
    """A secret never stands in the target file, and what is complained about does not repeat it."""
    found = problems(text)

    assert len(found) == 1
    assert mend in found[0]
    assert CANARY not in found[0].lower()


def test_variables_in_headers_and_messages_are_welcome(file):
    """${NAME} is how a header or a message says a secret."""
    target = read_target(
        file(
            """
            [backend.metrics]
            headers = { Authorization = "Bearer ${METRICS_TOKEN}", Accept = "text/plain" }
            [websocket]
            token_in = "message"
            first_message = '{"type": "auth", "token": "${TOKEN}", "price": "$${x}"}'
            [auth]
            login_extra = { client_secret = "${CLIENT_SECRET}" }
            [host]
            at = "ssh://ops@shop.example:2222"
            """
        )
    )

    assert target.stack.backend.metrics.headers["Authorization"] == "Bearer ${METRICS_TOKEN}"


def test_paths_are_resolved_against_the_file(file, tmp_path):
    """A relative path means beside the file, wherever pytest runs."""
    text = """
    [host]
    filesystems = [".", "/var"]
    backup_file = "backups/*.dump"
    [backend]
    env_file = "backend/.env"
    url = "http://h:1/base/"
    [postgres]
    log_files = ["log/*.log"]
    """
    local = read_target(file(text)).stack
    far = read_target(file(text.replace("[host]", '[host]\nat = "ssh://h"'))).stack

    assert local.host.filesystems == (str(tmp_path), "/var")
    assert local.host.backup_file == str(tmp_path / "backups/*.dump")
    assert local.backend.env_file == str(tmp_path / "backend/.env")
    assert local.backend.url == "http://h:1/base"
    assert local.postgres.log_files == (str(tmp_path / "log/*.log"),)
    assert far.host.filesystems == (".", "/var")
    assert far.postgres.log_files == ("log/*.log",)
    assert far.secrets_file == str(tmp_path / ".env")
    assert read_target(file('secrets_file = ""')).stack.secrets_file == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a =\n", "line 1, column 4: invalid value"),
        ("[a]\n[a]\n", "line 2, column 3: cannot declare ('a',) twice"),
        ("[a", "end of document: expected ']' at the end of a table declaration"),
        (b'name = "\xff"', "line 1: is not UTF-8 text; save the file as UTF-8"),
        ("name = 'a'".encode("utf-16"), "line 1: is not UTF-8 text; save the file as UTF-8"),
        ("a = " + "[" * 5000, "holds a value too long or nested too deeply to read"),
        ("a = " + "1" * 5000, "holds a value too long or nested too deeply to read"),
        ("#" * (1 << 21), "is larger than 1 MiB: surely not a target file"),
    ],
)
def test_unreadable_text_is_one_sentence(problems, text, sentence):
    """A file that is no TOML is refused with the place of the first error."""
    assert problems(text) == [sentence]


def test_byte_order_mark_is_ignored(file):
    """A file saved by a Windows editor reads as any other."""
    assert read_target(file(b'\xef\xbb\xbfname = "shop"\r\n')).stack.name == "shop"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no.toml", "no.toml: there is no such file; name another with --target FILE or ONCALL_TARGET"),
        ("folder", "folder: is a folder; name the file in it"),
        ("pipe", "pipe: is not a regular file"),
        ("loop", "loop: cannot be read: too many levels of symbolic links"),
        ("x" * 300, "x" * 300 + ": cannot be read: file name too long"),
        ("a\0b", '"a\\u0000b": cannot be read: not a path'),
    ],
)
def test_unreadable_file_is_one_sentence(tmp_path, monkeypatch, name, sentence):
    """A file that is not there, or is no file, is said to be so, and never waited for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(TargetError) as caught:
        read_target(Path(name))

    assert caught.value.problems == (sentence,)


def test_forbidden_file_is_one_sentence(tmp_path):
    """A file that this user may not read is said to be so."""
    (tmp_path / "oncall.toml").write_text("")
    (tmp_path / "oncall.toml").chmod(0)
    code = """
import os, sys
from pathlib import Path
from oncall.target.reader import TargetError, read_target
folder = os.open(sys.argv[1], os.O_RDONLY)
os.fchdir(folder)
if os.geteuid() == 0:
    os.chown(sys.argv[1], 65534, 65534)
    os.setuid(65534)
try:
    read_target(Path("oncall.toml"))
except TargetError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)

    assert (result.stdout, result.stderr) == ("oncall.toml: cannot be read: permission denied\n", "")


def test_accepted_finding_of_no_check_is_named(file):
    """A misspelt acceptance would accept nothing; the checks are known only after collection."""
    entry = '{ reason = "x", until = 2026-12-31 }'
    target = read_target(file(f"[accepted]\ntest_swap = {entry}\ntest_b = {entry}\n"))

    assert unknown_accepted(target, ["test_swap_is", "test_b"]) == [
        "oncall.toml: accepted.test_swap is not a check; did you mean test_swap_is?"
    ]


def test_records_are_frozen_and_have_defaults():
    """A record never changes under a probe, and only names and reasons must be given."""
    needed = {one.name for kind in (Stack, Limits, Endpoint, Accepted) for one in fields(kind) if one.required}

    assert needed == {"name", "path", "reason", "until"}
    with pytest.raises(AttributeError):
        Stack().name = "x"


def as_json(text):
    """What an editor holds against the schema: TOML's days are texts there."""
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def test_the_schema_is_made_from_the_records():
    """`make index` brings it up to date."""
    assert target_schema.FILE.read_text() == target_schema.written()
    jsonschema.Draft202012Validator.check_schema(target_schema.schema())


@pytest.mark.parametrize("text", [SHIPPED.read_text(), ""], ids=["shipped", "empty"])
def test_the_schema_takes_what_the_reader_takes(text):
    """The shipped file, also with everything that it suggests in comments."""
    jsonschema.validate(as_json(text), target_schema.schema())
    jsonschema.validate(as_json(uncommented(text)), target_schema.schema())


@pytest.mark.parametrize(
    "text",
    ["[backend]\nurll = 'http://x'\n", "[backend]\nurl = 'ftp://x'\n", "[postgres]\nport = 0\n", "[limits]\nx = 1\n"],
)
def test_the_schema_refuses_what_the_reader_refuses(text, file):
    """Before anybody runs anything."""
    with pytest.raises(TargetError):
        read_target(file(text))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(text), target_schema.schema())
