"""Ways to break the login, the tokens and the secret under them."""

import json
import secrets

import bcrypt

from stack.faults import fault
from stack.faults.expected.process_failures import COPIES
from stack.faults.expected.unknowns import (
    ACCEPTED,
    ENDPOINTS,
    FORGED,
    LOGIN_TIME,
    NO_TOKEN,
    PUBLIC_TOKEN,
    SOCKET,
    WHOSE,
)
from stack.faults.tools.interposed_proxy import answers, move, proxy, put_before
from stack.running import Running

LOGIN = "test_probe_account_logs_in"
UNKNOWN_ACCOUNT = "test_unknown_account_is_refused"

WELL_FORMED = "test_token_is_well_formed"
TIMES = "test_token_times_are_sane"
SIGNATURE = "test_token_is_signed_with_the_current_secret"
SET = "test_jwt_secret_is_set"
DEFAULT = "test_jwt_secret_is_not_a_default"
LENGTH = "test_jwt_secret_is_long_enough"
ROUTE = "/api/auth/login"
HTML = "<!doctype html><html><head><title>Motel</title></head><body><h1>Motel</h1></body></html>"

# The genuine token is refused: no refusal of a forged one proves anything, and nothing that needs a token opens.
TOKEN_REFUSED = [*FORGED, *SOCKET[1:], *ENDPOINTS, PUBLIC_TOKEN]


def forged(*kinds: str) -> list[str]:
    return [f"test_forged_tokens_are_refused[{kind}]" for kind in kinds]


# ---- logging in


@fault("auth-password-changed", component="auth", cause_class="authentication issue", must_fail=[LOGIN],
       unknown=NO_TOKEN)  # fmt: skip
def auth_password_changed(stack: Running) -> None:
    """Somebody changed the probe account's password."""
    hashed = bcrypt.hashpw(secrets.token_bytes(20), bcrypt.gensalt(5)).decode()
    account = stack.secrets["ONCALL_ACCOUNT"]
    stack.sql("UPDATE users SET password_hash = %s WHERE username = %s", (hashed, account))


@fault("auth-account-deleted", component="auth", cause_class="authentication issue", must_fail=[LOGIN],
       unknown=NO_TOKEN)  # fmt: skip
def auth_account_deleted(stack: Running) -> None:
    """The probe account was removed."""
    stack.sql("DELETE FROM users WHERE username = %s", (stack.secrets["ONCALL_ACCOUNT"],))


@fault("auth-password-not-given", component="auth", cause_class="misconfiguration", unknown=[LOGIN, *NO_TOKEN])
def auth_password_not_given(stack: Running) -> None:
    """The diagnosis was not given the probe account's password."""
    stack.edit_secrets(ONCALL_PASSWORD=None)


@fault("auth-login-404", component="auth", cause_class="code defect", must_fail=[LOGIN],
       unknown=[UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def auth_login_404(stack: Running) -> None:
    """A release lost the login's route."""
    put_before(stack, "backend", "--only", ROUTE, "--status", "404", "--text", "Not Found")


@fault("auth-login-500", component="auth", cause_class="code defect", must_fail=[LOGIN],
       unknown=[UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def auth_login_500(stack: Running) -> None:
    """The login crashes for everybody."""
    put_before(stack, "backend", "--only", ROUTE, "--status", "500", "--text", "Internal Server Error")


@fault("auth-login-slow", component="auth", cause_class="slow", must_fail=[LOGIN_TIME], unknown=[UNKNOWN_ACCOUNT])
def auth_login_slow(stack: Running) -> None:
    """The login takes as long as the directory that it asks: four seconds."""
    put_before(stack, "backend", "--only", ROUTE, "--delay", "4.4")


@fault("auth-login-hangs", component="auth", cause_class="hung", must_fail=[LOGIN],
       unknown=[UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def auth_login_hangs(stack: Running) -> None:
    """The login never answers; other routes do."""
    put_before(stack, "backend", "--only", ROUTE, "--blackhole")


@fault("auth-login-without-token", component="auth", cause_class="code defect",
       must_fail=[LOGIN, UNKNOWN_ACCOUNT], unknown=NO_TOKEN)  # fmt: skip
def auth_login_without_token(stack: Running) -> None:
    """The login answers 200 to everybody, and gives no token."""
    answer = json.dumps({"user": {"name": "someone"}})
    put_before(stack, "backend", "--only", ROUTE, "--status", "200", "--type", "application/json", "--text", answer)


@fault("auth-token-renamed", component="auth", cause_class="code defect", must_fail=[LOGIN], unknown=NO_TOKEN)
def auth_token_renamed(stack: Running) -> None:
    """A release gave the token another name in the login's answer."""
    put_before(stack, "backend", "--only", ROUTE, "--replace", '"token"', '"access_token"')


@fault("auth-login-is-a-page", component="auth", cause_class="misconfiguration",
       must_fail=[LOGIN, UNKNOWN_ACCOUNT], unknown=NO_TOKEN)  # fmt: skip
def auth_login_is_a_page(stack: Running) -> None:
    """The login's route is answered with an HTML page and 200."""
    put_before(stack, "backend", "--only", ROUTE, "--status", "200", "--type", "text/html", "--text", HTML)


@fault("auth-login-limits-rate", component="auth", cause_class="misconfiguration",
       unknown=[LOGIN, UNKNOWN_ACCOUNT, *NO_TOKEN])  # fmt: skip
def auth_login_limits_rate(stack: Running) -> None:
    """The login answers 429: the probe account comes too often."""
    put_before(stack, "backend", "--only", ROUTE, "--status", "429", "--text", "Too Many Requests")


@fault("auth-anybody-gets-in", component="auth", cause_class="code defect", must_fail=[UNKNOWN_ACCOUNT])
def auth_anybody_gets_in(stack: Running) -> None:
    """A mock was left in the release: every name and password gets a token."""
    answer = json.dumps({"token": stack.token()})
    put_before(stack, "backend", "--only", ROUTE, "--status", "200", "--type", "application/json", "--text", answer)


@fault("auth-unknown-account-500", component="auth", cause_class="code defect", must_fail=[UNKNOWN_ACCOUNT])
def auth_unknown_account_500(stack: Running) -> None:
    """The login crashes on a name or password that is wrong."""
    put_before(stack, "backend", "--only", ROUTE, "--turn", "401=500")


@fault("auth-unknown-account-200", component="auth", cause_class="code defect", must_fail=[UNKNOWN_ACCOUNT])
def auth_unknown_account_200(stack: Running) -> None:
    """The login answers 200 to a wrong password, with an error in its body."""
    put_before(stack, "backend", "--only", ROUTE, "--turn", "401=200")


# ---- the token


@fault("auth-token-expired", component="auth", cause_class="misconfiguration",
       must_fail=[TIMES, ACCEPTED, SOCKET[0]], unknown=TOKEN_REFUSED)  # fmt: skip
def auth_token_expired(stack: Running) -> None:
    """Tokens are issued with an end that is over already."""
    stack.restart("backend", TOKEN_HOURS="-1")


@fault("auth-token-not-yet-valid", component="auth", cause_class="misconfiguration",
       must_fail=[TIMES, ACCEPTED, SOCKET[0]], unknown=TOKEN_REFUSED)  # fmt: skip
def auth_token_not_yet_valid(stack: Running) -> None:
    """Tokens are issued with a beginning in ten minutes."""
    stack.restart("backend", TOKEN_NOT_BEFORE_SECONDS="600")


@fault("auth-token-lives-too-long", component="auth", cause_class="misconfiguration", must_fail=[TIMES])
def auth_token_lives_too_long(stack: Running) -> None:
    """Tokens live for a month."""
    stack.restart("backend", TOKEN_HOURS="720")


@fault("auth-algorithm-changed", component="auth", cause_class="misconfiguration", must_fail=[WELL_FORMED])
def auth_algorithm_changed(stack: Running) -> None:
    """Tokens are signed with an algorithm that is not on the list."""
    stack.restart("backend", JWT_ALGORITHM="HS384", JWT_ALGORITHMS="HS384")


@fault("auth-algorithm-not-accepted", component="auth", cause_class="misconfiguration",
       must_fail=[WELL_FORMED, ACCEPTED, SOCKET[0]], unknown=TOKEN_REFUSED)  # fmt: skip
def auth_algorithm_not_accepted(stack: Running) -> None:
    """Tokens are signed with one algorithm, and only another one is accepted."""
    stack.restart("backend", JWT_ALGORITHM="HS512")


@fault("auth-token-unsigned", component="auth", cause_class="misconfiguration",
       must_fail=[WELL_FORMED, *forged("tampered")],
       unknown=[SIGNATURE, *forged("expired", "alg-none", "empty-key")])  # fmt: skip
def auth_token_unsigned(stack: Running) -> None:
    """Signatures were switched off for a test, and the release has them off still."""
    stack.restart("backend", JWT_ALGORITHM="none", JWT_ALGORITHMS="none")


@fault("auth-token-opaque", component="auth", cause_class="code defect",
       must_fail=[WELL_FORMED, ACCEPTED, SOCKET[0]], unknown=[TIMES, SIGNATURE, WHOSE, *TOKEN_REFUSED])  # fmt: skip
def auth_token_opaque(stack: Running) -> None:
    """The login gives an opaque word where a JWT is awaited."""
    put_before(stack, "backend", "--only", ROUTE, "--replace", ".", "-")


@fault("auth-token-of-another", component="auth", cause_class="code defect", must_fail=[WHOSE])
def auth_token_of_another(stack: Running) -> None:
    """A cache keeps the login's answer: everybody gets the token of whoever logged in first."""
    stack.restart("backend", TOKEN_SUBJECT="first-of-the-day")


@fault("auth-token-use-500", component="auth", cause_class="code defect", must_fail=FORGED)
def auth_token_use_500(stack: Running) -> None:
    """The protected route crashes on every token that is not good."""
    put_before(stack, "backend", "--only", "/api/suites", "--turn", "401=500")


@fault("auth-two-secrets", component="auth", cause_class="misconfiguration",
       must_fail=[ACCEPTED, SIGNATURE, SOCKET[0]], unknown=TOKEN_REFUSED)  # fmt: skip
def auth_two_secrets(stack: Running) -> None:
    """Two replicas have two secrets: one issues the token, the other one refuses it."""
    port = stack.free_port()
    values = stack.env("backend") | {"PORT": str(port), "JWT_SECRET": secrets.token_urlsafe(48)}
    values["LOG_FILE"] = str(stack.log("second-backend"))
    words = [f"{name}={value}" for name, value in values.items()]
    second = stack.helper("second", ["env", *words, stack_python(stack), "-m", "stack.backend"], ready="")
    assert second.is_running()
    first = move(stack, "backend")
    stack.wait(lambda: answers(stack, "second", port), "the second backend answers")
    proxy(stack, "balancer", stack.ports["backend"], "--to", str(first), "--route", f"{ROUTE}={port}")


def stack_python(stack: Running) -> str:
    """The interpreter that the parts run in."""
    return stack.process("backend").cmdline()[0]


# ---- forged tokens


@fault("auth-open-route", component="auth", cause_class="misconfiguration", must_fail=forged("no-token"),
       unknown=forged("tampered", "expired", "alg-none", "empty-key"))  # fmt: skip
def auth_open_route(stack: Running) -> None:
    """A protected route was put on the list of public ones."""
    stack.restart("backend", PUBLIC_PATHS="/api/suites")


@fault("auth-signature-not-verified", component="auth", cause_class="misconfiguration",
       must_fail=forged("tampered"), unknown=forged("expired", "alg-none", "empty-key"))  # fmt: skip
def auth_signature_not_verified(stack: Running) -> None:
    """Tokens are decoded without being verified."""
    stack.restart("backend", JWT_VERIFY_SIGNATURE="off")


@fault("auth-expired-accepted", component="auth", cause_class="misconfiguration", must_fail=forged("expired"))
def auth_expired_accepted(stack: Running) -> None:
    """The leeway for clocks is so large that expired tokens pass."""
    stack.restart("backend", JWT_LEEWAY_SECONDS="10000000")


@fault("auth-none-accepted", component="auth", cause_class="misconfiguration", must_fail=forged("alg-none"))
def auth_none_accepted(stack: Running) -> None:
    """Tokens without a signature are on the list of allowed ones."""
    stack.restart("backend", JWT_ALGORITHMS="HS256,none")


@fault("auth-empty-key-accepted", component="auth", cause_class="misconfiguration", must_fail=forged("empty-key"))
def auth_empty_key_accepted(stack: Running) -> None:
    """The former secret, still accepted, was set to nothing."""
    stack.restart("backend", JWT_PREVIOUS_SECRETS="")


# ---- the secret


@fault("auth-secret-rotated", component="auth", cause_class="misconfiguration", must_fail=[COPIES])
def auth_secret_rotated(stack: Running) -> None:
    """The secret was changed in the file, and the backend was not restarted."""
    stack.edit_env("backend", JWT_SECRET=secrets.token_urlsafe(48))


@fault("auth-secret-removed", component="auth", cause_class="misconfiguration", must_fail=[COPIES])
def auth_secret_removed(stack: Running) -> None:
    """The secret was removed from the file; the next restart will be without."""
    stack.edit_env("backend", JWT_SECRET=None)


@fault("auth-secret-missing", component="auth", cause_class="misconfiguration",
       must_fail=[SET, *forged("empty-key")], unknown=[DEFAULT, LENGTH, SIGNATURE, COPIES])  # fmt: skip
def auth_secret_missing(stack: Running) -> None:
    """The backend was deployed without its secret."""
    stack.restart("backend", JWT_SECRET=None)


@fault("auth-secret-empty", component="auth", cause_class="misconfiguration",
       must_fail=[SET, *forged("empty-key")], unknown=[DEFAULT, LENGTH, SIGNATURE, COPIES])  # fmt: skip
def auth_secret_empty(stack: Running) -> None:
    """The backend was deployed with an empty secret."""
    stack.restart("backend", JWT_SECRET="")


@fault("auth-secret-blank", component="auth", cause_class="misconfiguration", must_fail=[SET],
       unknown=[DEFAULT, LENGTH, SIGNATURE, COPIES])  # fmt: skip
def auth_secret_blank(stack: Running) -> None:
    """The backend was deployed with blanks for a secret."""
    stack.restart("backend", JWT_SECRET="   ")


@fault("auth-secret-quoted", component="auth", cause_class="misconfiguration", must_fail=[SET])
def auth_secret_quoted(stack: Running) -> None:
    """The quotes around the secret became a part of it."""
    stack.restart("backend", JWT_SECRET=f'"{stack.env("backend")["JWT_SECRET"]}"')


@fault("auth-secret-unresolved", component="auth", cause_class="misconfiguration", must_fail=[SET],
       unknown=[DEFAULT, LENGTH])  # fmt: skip
def auth_secret_unresolved(stack: Running) -> None:
    """A template was deployed without its values: the secret is the placeholder."""
    stack.restart("backend", JWT_SECRET="${JWT_SECRET_FROM_THE_VAULT_OF_THE_TEAM}")


@fault("auth-secret-is-a-default", component="auth", cause_class="misconfiguration", must_fail=[DEFAULT])
def auth_secret_is_a_default(stack: Running) -> None:
    """The secret of the tutorial is the one in use."""
    stack.restart("backend", JWT_SECRET="your-super-secret-jwt-key-change-in-production")


@fault("auth-secret-repeats-itself", component="auth", cause_class="misconfiguration", must_fail=[DEFAULT])
def auth_secret_repeats_itself(stack: Running) -> None:
    """The secret is one word over and over."""
    stack.restart("backend", JWT_SECRET="motel" * 8)


@fault("auth-secret-too-short", component="auth", cause_class="misconfiguration", must_fail=[LENGTH])
def auth_secret_too_short(stack: Running) -> None:
    """The secret is too short for its hash."""
    stack.restart("backend", JWT_SECRET=secrets.token_urlsafe(9))


@fault("auth-secret-short-for-its-hash", component="auth", cause_class="misconfiguration",
       must_fail=[LENGTH, WELL_FORMED])  # fmt: skip
def auth_secret_short_for_its_hash(stack: Running) -> None:
    """The hash was made longer, and the secret was not."""
    changes = {"JWT_ALGORITHM": "HS512", "JWT_ALGORITHMS": "HS512"}
    stack.restart("backend", JWT_SECRET=secrets.token_urlsafe(30), **changes)


@fault("auth-secret-file-unreadable", component="auth", cause_class="misconfiguration",
       unknown=[COPIES])  # fmt: skip
def auth_secret_file_unreadable(stack: Running) -> None:
    """The file with the backend's variables is not where the diagnosis was told."""
    stack.edit_target("backend.env_file", str(stack.scratch / "backend.env"))
