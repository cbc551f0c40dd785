"""Where the token stands in an answer, and what stands there instead."""

from typing import Any

from oncall.finding import CouldNotCheck
from oncall.probes.http.client import Answer
from oncall.probes.http.health_body import at
from oncall.target.schema import Auth

LONGEST_TOKEN = 16 << 10  # characters: Node and nginx take 8 to 16 KiB of headers, all together


def token_of(answer: Answer, auth: Auth) -> str:
    """The token at its configured place, or nothing; raises CouldNotCheck for one that could not be sent."""
    value: Any
    match auth.token_in:
        case "header":
            value = answer.headers.get(auth.token_key.lower(), "").removeprefix("Bearer ")
        case "cookie":
            value = cookies_of(answer).get(auth.token_key, "")
        case _:
            value = body_value(answer, auth.token_key)
    value = value.strip() if isinstance(value, str) else ""
    if len(value) > LONGEST_TOKEN:
        raise CouldNotCheck("login gives a token of more than 16 KiB, which no server takes in a header")
    return value if value.isascii() and value.isprintable() and " " not in value else ""


def names_seen(answer: Answer, auth: Auth) -> tuple[str, ...]:
    """The names that stand where the token should be; never their values."""
    match auth.token_in:
        case "header":
            names = list(answer.headers)
        case "cookie":
            names = list(cookies_of(answer))
        case _:
            body = _json(answer)
            names = []
            for outer, value in body.items() if isinstance(body, dict) else ():
                inside = [f"{outer}.{inner}" for inner in value] if isinstance(value, dict) else []
                names += [outer, *inside]
    return tuple(name[:40] for name in names[:8] if name.isprintable())


def cookies_of(answer: Answer) -> dict[str, str]:
    """The cookies that an answer sets: names and values."""
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.cookies)
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def body_value(answer: Answer, key: str) -> Any:
    """What stands at a dotted place of a JSON body; health_body.MISSING where nothing does."""
    return at(_json(answer), key)


def body_kind(answer: Answer) -> str:
    """What came, in one word: json, html, text or empty."""
    if not answer.body.strip():
        return "empty"
    if _json(answer) is not None:
        return "json"
    return "html" if answer.media_type == "text/html" or answer.body.lstrip()[:1] == b"<" else "text"


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
