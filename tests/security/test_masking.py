"""No secret leaves that nobody taught us; and no secret, however ordinary a word, spoils our own."""

import json

import pytest

from oncall.gate.redaction import Redactor
from tests.security.answering import answering
from tests.security.harness import attacked

SECRETS = {  # the form -> (a text that holds it, what must be seen of it nowhere)
    "assignment": ("DB_PASSWORD=hunter2abc", "hunter2abc"),
    "jwt secret": ("JWT_SECRET=s3cr3t-77-canary", "s3cr3t-77"),
    "quoted value": ('token: "two words canary"', "two words"),
    "address": ("postgres://u:p4ss/w0rd@h/db", "w0rd"),
    "driver's address": ("user:pw-canary@tcp(db:3306)/x", "pw-canary"),
    "github": ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "292c6912E7"),
    "gitlab": ("glpat-a1b2C3d4E5f6G7h8i9J0", "C3d4E5f6"),
    "slack": ("xoxb-123456789012-abcdefghijkl", "abcdefghijkl"),
    "slack webhook": ("https://hooks.slack.com/services/T00000000/B11111111/XyZcanaryXyZ", "XyZcanary"),
    "stripe": ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "HqLyjWDarj"),
    "aws id and key": ("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "K7MDENG"),
    "aws key": ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "K7MDENG"),
    "signed address": ("https://b.example/k?X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027&x=1", "d5fa3beca0"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----", "MIIEowIB"),
    "cut private key": ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg", "MIIEvQIB"),
    "cookie": ("Cookie: sid=abc123canary; theme=dark", "abc123canary"),
    "set-cookie": ("Set-Cookie: session=deadbeefcanary; Path=/", "deadbeefcanary"),
    "token scheme": ("Authorization: Token abcdef0123canary", "0123canary"),
    "basic scheme": ("Authorization: Basic dXNlcjpwYXNzY2FuYXJ5", "wYXNzY2Fu"),
    "bearer": ("sent with bearer Zx81kQpLw0Rt55vBnM3", "kQpLw0Rt"),
    "api key": ("X-Api-Key: 9f8e7d6c5b4a", "9f8e7d6c"),
    "json": ('{"userPassword":"Tr0ub4dor-canary"}', "Tr0ub4dor"),
    "json in json": ('"{\\"userPassword\\":\\"Tr0ub4dor-canary\\"}"', "Tr0ub4dor"),
    "iban": ("paid from DE89 3704 0044 0532 0130 00", "0532 0130"),
    "card": ("charged 4111 1111 1111 1111", "1111 1111"),
    "phone": ("call +49 170 1234567", "1234567"),
    "phone of the US": ("call (555) 123-4567", "123-4567"),
    "quoted e-mail": ('mail to "john canary"@example.com', "john canary"),
    "umlaut e-mail": ("mail to jürgen.canary@müller.de", "jürgen"),
    "row": ("Failing row contains (1, jane-canary, 4711).", "jane-canary"),
    "key": ("Key (a, b)=(1, jane-canary) already exists.", "jane-canary"),
    "dollar quotes": ("DO $$literal canary$$", "literal canary"),
    "sql": ("SELECT * FROM users WHERE pin = 'pin-canary'", "pin-canary"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.sig-of-canary-0000", "eyJzdWIi"),
    "option": ("psql --password hunter2canary", "hunter2canary"),
    "google": ("AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "tSrke72Pou"),
}  # fmt: skip

PROBES = """
TEXTS = {texts!r}


@probe()
def word(form) -> Slots:
    return Slots(free=1, limit=2, note=TEXTS[form])


@probe()
def nothing(form) -> Slots:
    raise CouldNotCheck("the answer was " + TEXTS[form])
"""
CHECKS = """
import pytest
import forms as texts


@pytest.mark.p1
@pytest.mark.parametrize("form", texts.FORMS)
def test_word(form, word, finding):
    assert word.free > 3, finding("it says " + word.note, component="backend", evidence={"said": word.note})


@pytest.mark.p2
@pytest.mark.parametrize("form", texts.FORMS)
def test_nothing(form, nothing, finding):
    assert nothing.free > 3, finding("never", component="backend")


@pytest.mark.p3
@pytest.mark.parametrize("form", texts.FORMS)
def test_bug(form, word):
    raise KeyError(word.note)
"""
OUTPUTS = ("terminal", "report.html", "result.json", "junit.xml", "facts.json", "post-mortem.md", "message")


@pytest.fixture(scope="module")
def heard():
    """What a service for messages was sent."""
    with answering({"/": (200, "ok")}) as server:
        yield server


@pytest.fixture
def outputs(suite, pytester, heard):
    """Every output of a run whose facts, reasons and bugs hold all forms at once."""
    texts = {form: text for form, (text, _) in SECRETS.items()}
    files = ["--html=report.html", "--json=result.json", "--junitxml=junit.xml", "--save=facts.json"]
    run = suite(
        PROBES.format(texts=texts),
        CHECKS,
        *files,
        "--postmortem=post-mortem.md",
        f"--notify=json://127.0.0.1:{heard.port}/",
        "-v",
        "--tb=short",
        forms=f"FORMS = {list(texts)!r}",
    )
    told = {name: (pytester.path / name).read_text() for name in OUTPUTS if (pytester.path / name).exists()}
    return told | {"terminal": run.stdout.str() + run.stderr.str(), "message": "\n".join(heard.bodies)}


def test_each_form_leaves_through_no_output(outputs):
    """A table: each form, in each output, as a finding, as evidence, as a reason and as the text of a bug."""
    assert set(outputs) == set(OUTPUTS)
    assert all(outputs.values())
    rows = {(form, output): gone in text for form, (_, gone) in SECRETS.items() for output, text in outputs.items()}

    assert len(rows) == len(SECRETS) * len(OUTPUTS)
    assert [row for row, leaked in rows.items() if leaked] == []


@pytest.mark.parametrize("form", SECRETS)
def test_each_form_is_masked_and_masking_again_changes_nothing(form):
    """Alone, in a sentence, and in JSON."""
    text, gone = SECRETS[form]
    redact = Redactor(b"salt")
    for written in (text, f"before {text}", json.dumps({"message": text})):
        once = redact(written)
        assert gone not in once
        assert redact(once) == once


READABLE = [
    "the database refuses its password (2026-11-29 02:00:00 UTC)",
    "JsonWebTokenError: invalid signature; TokenExpiredError: jwt expired",
    'password authentication failed for user "app"',
    "basic authentication failed for the bearer token",
    'WWW-Authenticate: Basic realm="x"',
    "http://localhost:3001/@fs/x answers 404",
    "lodash@4.17.21 of @scope/pkg at 2026-11-29T02:51:00.123456789Z from 172.24.0.3:5432",
    "sha256:1d2f3a4b5c6d7e8f901234567890abcdef1234567890abcdef1234567890abcd",
    "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE",
    "update tasks set done = $1 where id = $2",
    "took 1764383040123 ms, pid 1234567890, port 8080",
    "3 of 100 slots are free (idle=97, max_tokens=4096)",
]


@pytest.mark.parametrize("text", READABLE)
def test_what_tells_the_cause_stays_readable(text):
    """A time is a time, a statement keeps its verb and its table."""
    assert Redactor(b"salt")(text) == text


WORDS = ["postgres", "passed", "answered", "healthy", "id", "1", "confirmed", "database", "2026-11-29", "reference"]


@pytest.fixture(scope="module")
def plain(home, tmp_path_factory):
    """A run on the healthy stack without any such secret."""
    from tests.integration.playbook_runs import Runs

    return told(Runs(tmp_path_factory.mktemp("plain")), home)


def told(runs, home, **variables):
    """What a run and its replay said, as far as it is the same at each run: outcomes, and words without numbers."""
    attack = attacked(runs, home.target, **variables)
    saved = runs.folder / "first.json"
    saved.write_text(attack.outputs["facts.json"])
    again = attacked(runs, home.target, f"--replay={saved}", **variables)
    result, replay = json.loads(attack.outputs["result.json"]), json.loads(again.outputs["result.json"])
    outcomes = [{verdict["check"]: verdict["outcome"] for verdict in one["verdicts"]} for one in (result, replay)]
    keys = [sorted(one) for one in (result, replay)]
    facts = json.loads(attack.outputs["facts.json"])
    shapes = {key: sorted(look["fact"] or ()) for key, look in facts["probes"].items()}
    masks = attack.outputs["report.html"].count("secret ")
    target = facts["target"]
    return {"code": attack.outcome.code, "outcomes": outcomes, "keys": keys, "shapes": shapes, "target": target} | {
        "masks": masks
    }


@pytest.mark.parametrize("word", WORDS)
def test_secret_that_is_an_ordinary_word_changes_nothing(home, runs, plain, word):
    """`POSTGRES_PASSWORD=postgres` is on every second machine: verdicts, report and replay are as without it."""
    assert told(runs, home, POSTGRES_PASSWORD=word, SOME_TOKEN=word) == plain


def test_run_says_once_what_is_masked_as_a_credential_alone(home, runs):
    """Whoever mails a report has to know."""
    attack = attacked(runs, home.target, SOME_TOKEN="answered")

    assert attack.outputs["terminal"].count("only as a credential's value") == 1
    assert "SOME_TOKEN" in attack.outputs["terminal"]


TOKENS = {
    "our words": "outcome.x.y",
    "our parts": "postgres.backend.confirmed",
    "400 pieces": ".".join(f"piece{number:04}" for number in range(400)),
    "2,000 pieces": ".".join(f"piece{number:04}" for number in range(2000)),
    "one word": "p1",
    "large": "x" * 900_000,
}


@pytest.mark.parametrize("token", TOKENS)
def test_token_made_of_our_own_words_spoils_nothing(patient, runs, token):
    """The login's answer is the attacker's: whatever it calls a token, the report is written, in time."""
    answer = json.dumps({"token": TOKENS[token], "status": "ok", "checks": {}})
    with answering({"/": (200, answer, "application/json")}) as server:
        patient.edit_target("backend.url", f"http://127.0.0.1:{server.port}")
        attack = attacked(runs, patient.home.target)
    parts = {verdict["component"] for verdict in json.loads(attack.outputs["result.json"])["verdicts"]}

    assert {"postgres", "backend"} <= parts
    assert "error" not in {verdict["outcome"] for verdict in attack.outcome.verdicts.values()}
