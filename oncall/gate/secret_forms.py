r"""Secrets and personal data that nobody taught us, known by their form: the table, and the pass over a text.

The forms are those of detect-secrets' detectors and of troubleshoot's default redactors, and further ones that stacks
have been seen to say in health bodies, errors and log lines. A form is tried only where one of its keywords stands in
the text, as gitleaks does it, so that ordinary text costs one pass for all of them. All of it is linear.
"""

import functools
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from oncall.gate.patterns import Match, Pattern

Put = str | Callable[[Match[str]], str]


class Form(Struct, frozen=True):
    r"""One form. keywords: lower case; one of them stands wherever the form does; none: it is a number of 8 digits or
    more. put: what stands in its place."""

    name: str
    keywords: tuple[str, ...]
    pattern: Pattern[str]
    put: Put


def masked_forms(text: str) -> str:
    """The text without what its form gives away."""
    there = {_owner[found[0]] for found in _keywords().find_matches_as_indexes(text.lower(), True)}
    if DIGITS.search(text):
        there |= _numbers()
    for number in sorted(there):
        form = FORMS[number]
        text = form.pattern.sub(form.put, text)
    return text


@functools.cache
def _numbers() -> frozenset[int]:
    return frozenset(number for number, form in enumerate(FORMS) if not form.keywords)


@functools.cache
def _keywords() -> Any:
    import ahocorasick_rs

    return ahocorasick_rs.AhoCorasick([word for form in FORMS for word in form.keywords])


# What stands behind `token:` or `password=` in a sentence and is no secret.
WORDS = """
    null none nil undefined true false yes no on off ok error errors missing required invalid expired wrong empty unset
    set not is was are has must should could failed failure refused rejected denied mismatch unknown malformed absent
    present jwt signature algorithm authentication length file variable
"""
SAID = frozenset(WORDS.split())
TIME = Pattern(r"(?:\d{4}-\d{2}-\d{2}T)?\d{1,2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}(?::?\d{2})?)?")
DATE = Pattern(r"\d{4}-\d{2}-\d{2}")  # a time only with hours behind it: alone it may be somebody's password


def _value(match: Match[str]) -> str:
    """name=value: the value goes, unless it is a word of a sentence, a time, or a place to fill."""
    name, quote, value = match[1], match[2] or match[4] or "", match[3] or match[5] or match[6]
    bare = value.strip("'\"\\.,;:() ")
    if not bare or bare[0] in "<$%?{" or all(word.lower() in SAID for word in bare.split()):
        return match[0]
    if TIME.fullmatch(bare) or (DATE.fullmatch(bare) and TIME.match(match.string[match.end() + 1 : match.end() + 20])):
        return match[0]
    if bare.isdigit() and name.rstrip("=: \"'\\").lower().endswith("tokens"):
        return match[0]
    return f"{name}{quote}<secret>"


def _scheme(match: Match[str]) -> str:
    """Bearer and Basic stand before credentials, and before words of prose."""
    value = match[3]
    prose = (value.isalpha() and (value.islower() or value.istitle())) or value.lower().startswith("realm=")
    return match[0] if prose else f"{match[1]}{match[2]}<token>"


def _address(match: Match[str]) -> str:
    """scheme://user:password@: a port with a path behind it is no password, even with an @ further on."""
    scheme, login, password = match[1], match[2], match[3]
    port = password.partition("/")[0]
    if "/" in password and port.isdigit() and scheme.lower() in ("http", "https", "ws", "wss"):
        return match[0]
    return f"{scheme}://{login}:<password>@"


def _iban(match: Match[str]) -> str:
    """Only what passes the check of ISO 13616 (the number modulo 97 is 1)."""
    plain = match[0].replace(" ", "")
    number = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
    return "<iban>" if 15 <= len(plain) <= 34 and int(number) % 97 == 1 else match[0]


def _card(match: Match[str]) -> str:
    """Only what passes the check of ISO/IEC 7812 (Luhn)."""
    digits = [int(sign) for sign in match[2] if sign.isdigit()]
    doubled = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return f"{match[1]}<card>" if 13 <= len(digits) <= 19 and doubled % 10 == 0 else match[0]


def _phone(match: Match[str]) -> str:
    """As E.123 and E.164 write it: 8 to 15 digits."""
    return f"{match[1]}<phone>" if 8 <= sum(sign.isdigit() for sign in match[2]) <= 15 else match[0]


CREDENTIAL = (
    r"passw(?:or)?d|passwd|passphrase|pwd|pass|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|auth[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?|client[_-]?secret"
)
NAMES = ("pass", "pwd", "secret", "token", "key", "credential")
VALUE = (  # in quotes, in quotes that JSON has escaped, or up to the next blank
    r'(?:(\\*")((?:[^"\\]|\\[^"])+)|(\\*\')((?:[^\'\\]|\\[^\'])+)|([^\s"\'\\,;&<>\])}]+))'
)


def _form(name: str, keywords: str, pattern: str, put: Put) -> Form:
    return Form(name, tuple(keywords.split()), Pattern(pattern), put)


FORMS: tuple[Form, ...] = (
    _form("private key", "-----begin",
          r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|\z)",
          "<private key>"),
    _form("jwt", "eyj", r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}", "<jwt>"),
    _form("authorization", "authorization",
          r"(?i)(authorization\\?[\"']?\s{0,8}[:=]\s{0,8}(?:\\?[\"'])?)([a-z][\w-]{1,30}[ \t]+)?"
          r"(?:<token>|[^\s\"'<>\\][^\r\n\"'<>\\]*)",
          r"\1\2<token>"),
    _form("cookie", "cookie",
          r"(?i)((?:set-)?cookie\\?[\"']?\s{0,8}[:=]\s{0,8}(?:\\?[\"'])?)[^\s\"'<>\\][^\r\n\"'<>\\]*", r"\1<cookie>"),
    _form("scheme", "bearer basic", r"(?i)\b(bearer|basic)(\s+|%20)([\w.~+/=-]{6,})", _scheme),
    _form("address", "://", r"\b([A-Za-z][\w+.-]{0,30})://([^\s/:@'\"<>]*):([^\s'\"<>]+)@", _address),
    _form("driver's address", "@tcp( @unix( @udp(", r"([\w.%+-]+:)[^\s'\"<>]+(@(?:tcp|udp|unix)\()",
          r"\1<password>\2"),
    _form("value in SQL", "password", r"(?i)(\bpassword\s+e?)'(?:[^']|'')*(?:'|\z)", r"\1'<secret>'"),
    _form("option", "--", r"(?i)(--(?:[a-z-]{0,30})(?:password|passphrase|secret|token|api-key)(?:\s+|=)[\"']?)"
          r"[^\s\"'<>-][^\s\"'<>]*",
          r"\1<secret>"),
    _form("named value", " ".join(NAMES),
          rf"(?i)([\w.-]*(?:{CREDENTIAL})(?:[_-]?(?:key|hash|value|base64|b64|pem|id|\d{{1,4}}))?s?"
          rf"(?:\\*[\"'])?\]?\s{{0,8}}(?:=>|:=|[=:]|%3[dD])\s{{0,8}}){VALUE}", _value),
    _form("query", "token= key= secret= code= sig= signature= session sid=",
          r"(?i)([?&;](?:token|key|secret|code|sig|signature|session(?:_?id)?|sid|auth|password)=)[^\s&;'\"<>]+",
          r"\1<secret>"),
    _form("aws signature", "x-amz- signature= credential=",
          r"(?i)((?:X-Amz-(?:Signature|Credential|Security-Token)|\bSignature|\bCredential)(?:=|%3D))[^\s&,'\"<>]+",
          r"\1<secret>"),
    _form("aws key", "akia asia abia acca a3t",
          r"\b((?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{12,20})\b"
          r"(?:([^A-Za-z0-9/+\r\n][^\r\n]{0,40}?)?[A-Za-z0-9/+]{40})?",
          r"<aws key>\2"),
    _form("aws secret", "aws",
          r"(?i)(aws[^\r\n]{0,20}(?:key|pwd|pw|pass|token|secret)[^\r\n]{0,20}?['\"= :])[A-Za-z0-9/+]{40}",
          r"\1<secret>"),
    _form("github token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
          r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,})", "<github token>"),
    _form("gitlab token", "glpat- gldt- glrt- glptt- glcbt-", r"\bgl(?:pat|dt|rt|ptt|cbt)-[\w-]{16,}",
          "<gitlab token>"),
    _form("slack token", "xox xapp-", r"\bx(?:ox[a-z]|app)-[\w-]{8,}", "<slack token>"),
    _form("webhook", "hooks.slack.com discord.com/api/webhooks discordapp.com/api/webhooks webhook.office.com",
          r"(https://(?:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|[\w.-]+webhook\.office\.com)/)[^\s\"'<>]+",
          r"\1<secret>"),
    _form("stripe key", "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
          r"\b(?:[sr]k_(?:live|test)|whsec)_[0-9A-Za-z]{8,}", "<stripe key>"),
    _form("square key", "sq0", r"\bsq0[a-z]{3}-[\w-]{20,}", "<square key>"),
    _form("ai key", "sk-", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}", "<api key>"),
    _form("google key", "aiza ya29.", r"\b(?:AIza[\w-]{35}|ya29\.[\w-]{16,})", "<google key>"),
    _form("telegram token", ":aa", r"\b\d{8,10}:AA[\w-]{32,}", "<telegram token>"),
    _form("sendgrid key", "sg.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}", "<sendgrid key>"),
    _form("twilio key", "sk ac", r"\b(?:SK|AC)[0-9a-f]{32}\b", "<twilio key>"),
    _form("mailchimp key", "-us", r"\b[0-9a-f]{32}-us\d{1,2}\b", "<mailchimp key>"),
    _form("package registry", "npm_ pypi- _authtoken", r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{50,}", "<registry token>"),
    _form("cloud token", "dop_v1_ doo_v1_ hvs. hvb. dapi shpat_ shpss_ akc sbp_",
          r"\b(?:do[opr]_v1_[0-9a-f]{32,}|hv[sb]\.[\w-]{20,}|dapi[0-9a-f]{32}|shp(?:at|ss|ca|pa)_[0-9a-f]{32}"
          r"|AKC[A-Za-z0-9]{10,}|sbp_[0-9a-f]{40})", "<token>"),
    _form("row in an error", "failing row contains", r"(?i)(failing row contains )\([^\r\n]*\)?", r"\1(<values>)"),
    _form("key in an error", "key (", r"(\bKey \([^)\r\n]*\)=)\([^\r\n]*\)", r"\1(<values>)"),
    _form("dollar quotes", "$$", r"(?s)\$\$.*\$\$", "$$?$$"),
    _form("literals in SQL", "select insert update delete copy alter create merge values where",
          r"(?i)\b(?:select\b[^\r\n]*\bfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|merge\s+into"
          r"|copy\s+\S+\s+(?:from|to)|(?:alter|create)\s+(?:role|user|table|database))\b[^\r\n]*",
          lambda match: LITERAL.sub("'?'", match[0])),
    _form("iban", "", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    _form("card", "", r"(^|[^\w.:/+-])([3-6]\d{3}[ -]?(?:\d[ -]?){8,14}\d)\b", _card),
    _form("phone", "", r"(^|[^\w.:/+-])(\+[1-9](?:[ ()./-]{0,2}\d){7,14}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})\b",
          _phone),
    _form("e-mail", "@ %40",
          r"(^|[^\pL\pN_.+/%'-])(?:\\*\"[^\"\r\n\\]{1,64}\\*\"|[\pL\pN_.+%'-]+?)(?:@|%40)"
          r"[\pL\pN-]+(?:\.[\pL\pN-]+)*\.[\pL-]{2,}", r"\1<e-mail>"),
)  # fmt: skip
DIGITS: Pattern[str] = Pattern(r"(?:\d[ A-Z()./-]{0,2}){8}")
LITERAL: Pattern[str] = Pattern(r"'(?:[^'\n]|'')*(?:'|\z)")
_owner = [number for number, form in enumerate(FORMS) for _ in form.keywords]
