"""What an endpoint's answer says: JSON by default, not the page of something in front of it, no error under a 200."""

import json
from typing import Any

from oncall.gate.shallow_json import shallow_json
from oncall.probes.http.client import Answer
from oncall.probes.http.health_body import MISSING, at
from oncall.target.schema import Endpoint

LONGEST_BODY = 4 << 20  # bytes that are read of an answer; of a longer one only the beginning is judged
NO_BODY = (204, 205, 304)
HTML = (b"<!doctype html", b"<html")


def is_page(answer: Answer) -> bool:
    """Whether it is an HTML page, by its type or by its beginning."""
    return answer.media_type in ("text/html", "application/xhtml+xml") or answer.body[:200].lstrip().lower().startswith(
        HTML
    )


def wrong_body(answer: Answer, endpoint: Endpoint) -> str:
    """What is wrong with what a success says, as words after the path; empty: nothing."""
    if endpoint.method != "GET" or answer.status in NO_BODY:
        return ""
    if answer.endless:
        return answer.endless
    if endpoint.contains and endpoint.contains not in answer.text and not answer.truncated:
        return f"answers {answer.status} without {endpoint.contains[:30]!r}"
    if endpoint.body != "json":
        return ""
    if is_page(answer):
        return f"answers {answer.status} with an HTML page instead of JSON"
    if answer.truncated:
        return ""
    if not answer.body.strip():
        return f"answers {answer.status} with an empty body instead of JSON"
    try:
        value = shallow_json(answer.body)
    except ValueError:
        return f"answers {answer.status} with a body that is no JSON"
    return _error(value, endpoint, answer.status) or _too_few(value, endpoint, answer.status)


def _error(value: Any, endpoint: Endpoint, status: int) -> str:
    """error_key: "success=false" is a member with that value; "error" a member that holds anything at all."""
    key, has_value, wanted = endpoint.error_key.partition("=")
    found = at(value, key)
    if not key or found is MISSING:
        return ""
    if has_value:
        word = found if isinstance(found, str) else json.dumps(found)
        return f"answers {status} and says {key[:30]} is {wanted[:20]}" if word == wanted else ""
    return f"answers {status} with an error at {key[:30]!r}" if found else ""


def _too_few(value: Any, endpoint: Endpoint, status: int) -> str:
    if not endpoint.min_items:
        return ""
    found = at(value, endpoint.items_key) if endpoint.items_key else value
    where = f" at {endpoint.items_key[:30]!r}" if endpoint.items_key else ""
    if not isinstance(found, list | dict):
        return f"answers {status} without a list{where}"
    if len(found) < endpoint.min_items:
        held = "an empty list" if not found else f"{len(found)} items"
        return f"answers {status} with {held}{where} instead of at least {endpoint.min_items}"
    return ""
