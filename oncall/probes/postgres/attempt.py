"""Why there is no connection: a failure told by its words.

libpq gives no SQLSTATE for a refusal during connection, so the server's sentence has to be read. A sentence that is
not understood (a server that speaks another language) is a refusal whose reason is unknown, never a guess.
"""

import errno

from msgspec import Struct

from oncall.facts.postgres import Outcome
from oncall.gate.patterns import Pattern
from oncall.gate.sql_text import error_text
from oncall.probes.postgres.wire import Unconnected

ATTEMPT_SECONDS = 3.0  # for all addresses of the host together
CONNECT_SECONDS = 2.0  # for each of them
LONGEST = 4000
PREFIX = Pattern(r'(?s)^.*?connection to server (?:at|on socket) "[^"]*"(?: \([^)]*\))?(?:, port \d+)? failed:\s*')
SEVERITY = Pattern(r"^(?:FATAL|ERROR|PANIC):\s*")

BY_NUMBER: dict[int, Outcome] = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}
# What libpq itself says, before any server has spoken.
SAID_BY_CLIENT: tuple[tuple[Outcome, Pattern[str]], ...] = (
    ("refused", Pattern(r"Connection refused|No such file or directory")),
    ("unreachable", Pattern(
        r"No route to host|Network is unreachable|Host is unreachable|Cannot assign requested address")),
    ("timeout", Pattern(r"timeout expired|timed out|connection timeout")),
)  # fmt: skip
# And what it says about an answer.
SAID_OF_ANSWER: tuple[tuple[Outcome, Pattern[str]], ...] = (
    ("closed", Pattern(
        r"server closed the connection unexpectedly|Connection reset by peer|Broken pipe|unexpected eof|"
        r"could not (?:receive data from|send .* to) server")),
    ("garbled", Pattern(
        r"invalid response to SSL negotiation|expected authentication request|invalid response to GSSAPI|"
        r"invalid message|lost synchronization|wrong version number|invalid .*protocol|"
        r"received invalid|message contents do not agree|malformed")),
)  # fmt: skip
SAID_BY_SERVER = tuple(
    (sqlstate, Pattern(words))
    for sqlstate, words in (
        ("57P03", r"database system is|not yet accepting connections|Hot standby mode is disabled"),
        ("53300", r"too many clients already|connection slots are reserved|too many connections|"
                  r"no more connections allowed"),
        ("28P01", r"password authentication failed"),
        ("3D000", r"database \".*\" does not exist|no such database"),
        ("28000", r"no pg_hba\.conf entry|authentication failed|role \".*\" does not exist|not permitted to log in|"
                  r"pg_hba\.conf rejects|no such user"),
        ("42501", r"permission denied for database|does not have CONNECT privilege|"
                  r"could not (?:open|read|access) .*: Permission denied"),
        ("58P01", r"could not (?:open|access) (?:file|directory) .*: No such file or directory"),
        ("58030", r"could not (?:open|read|write|stat|seek|fsync) .*: (?:Input/output error|"
                  r"Structure needs cleaning)"),
        ("53100", r"No space left on device"),
        ("55000", r"not currently accepting connections|cannot connect to invalid database"),
        ("57P01", r"terminating connection due to administrator command"),
    )
)  # fmt: skip
POOLER = Pattern(r"(?i)pgbouncer cannot connect|server login has been failing|server_login_retry|server conn crashed")
TELLING: tuple[Outcome, ...] = ("", "unresolved", "unreachable", "refused", "timeout", "closed", "garbled", "rejected")

# What our own side refused, so that nothing was given away: libpq's words, and a sentence with the mend.
ASKED = Pattern(r"^authentication method requirement \"[^\"]*\" failed: (.*)")
METHODS = (
    ("cleartext password", "password", "asks for the password in clear text"),
    ("hashed password", "md5", "asks for the password as md5"),
    ("GSSAPI", "gss", "asks for a GSSAPI ticket"),
    ("SSPI", "sspi", "asks for an SSPI ticket"),
    ("SASL", "scram-sha-256", "asks for a proof by SCRAM"),
    ("SCRAM", "scram-sha-256", "asks for a proof by SCRAM"),
    ("did not complete authentication", "none", "lets everybody in without a password"),
)
UNSAFE = tuple(
    (Pattern(words), sentence)
    for words, sentence in (
        (r"server does not support SSL", "the database offers no TLS, which postgres.sslmode asks for"),
        (r"certificate verify failed|server certificate for .* does not match host name|root certificate file|"
         r"could not read root certificate",
         "the database's certificate could not be verified, so nothing was sent: set postgres.sslrootcert"),
        (r"incorrect server signature", "the database did not prove that it knows our password"),
        (r"channel binding", "the database offers no channel binding, which its address asks for"),
    )
)  # fmt: skip


class Failure(Struct, frozen=True):
    """Why there is no connection.

    outcome: empty when it could not even be tried, because of something on our side.
    password_missing: the server asked for a password, and there is none.
    unsafe: the sentence for a server to which our side would not give what it asked for; empty: it was none.
    """

    outcome: Outcome
    sqlstate: str = ""
    message: str = ""
    password_missing: bool = False
    unsafe: str = ""


def failure(error: Unconnected) -> Failure:
    """The failure behind one attempt's error."""
    if outcome := BY_NUMBER.get(error.number):
        return Failure(outcome, message=error.text[:200])
    said = PREFIX.sub("", error.text[:LONGEST].strip())
    spoken = SEVERITY.search(said) is not None
    message = error_text(SEVERITY.sub("", said.partition("\n")[0])).strip()
    if POOLER.search(said):
        return Failure("refused", message=f"the pooler cannot reach the database: {message}"[:200])
    if not spoken:
        if unsafe := _unsafe(said, message):
            return Failure("rejected", message=message, unsafe=unsafe)
        if "no password supplied" in said:
            return Failure("rejected", message=message, password_missing=True)
    for sqlstate, pattern in SAID_BY_SERVER:
        if pattern.search(said):
            return Failure("rejected", sqlstate, message)
    if not spoken:
        for outcome, pattern in (() if error.received else SAID_BY_CLIENT) + SAID_OF_ANSWER:
            if pattern.search(said):
                return Failure(outcome, message=message)
    return Failure("rejected" if spoken or error.received else "", message=message)


def telling(failures: list[Failure]) -> Failure:
    """Of several addresses' failures, the one that says most."""
    return max(failures, key=lambda one: TELLING.index(one.outcome), default=Failure("unresolved"))


def _unsafe(said: str, message: str) -> str:
    if asked := ASKED.search(said):
        method, what = next(
            ((method, what) for words, method, what in METHODS if words in asked[1]), ("", "asks for another proof")
        )
        mend = f': set postgres.require_auth = "{method}" if that is meant' if method else ""
        return f"the server {what}; nothing was sent{mend}"
    return next((f"{sentence} ({message})" for words, sentence in UNSAFE if words.search(said)), "")
