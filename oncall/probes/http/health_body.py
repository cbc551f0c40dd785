"""A health body, read the way the target file describes it; whatever has another shape is said, never guessed.

Sub-checks are a table of names (`{"database": {"status": "ok"}}`), a list, or lists under names, as health+json has
them (`{"pg:responseTime": [{"status": "pass"}]}`).
"""

import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from oncall.facts.backend import SubCheck
from oncall.probes.http.client import Answer
from oncall.probes.http.sub_check_names import Blaming
from oncall.target.schema import Health

MISSING = object()
DETAIL_KEYS = ("message", "error", "detail", "details", "reason", "output", "description")
MOST_CHECKS = 200


class Body(Struct, frozen=True):
    """What a health body says; `problem` says why nothing can be read, as words after "backend"."""

    problem: str = ""
    status: str = ""
    says_healthy: bool = False
    checks: tuple[SubCheck, ...] | None = None
    silent: tuple[str, ...] = ()
    memory_used: float | None = None
    memory_limit: float | None = None


def read_body(answer: Answer, health: Health, blaming: Blaming) -> Body:
    """Interpret the answer's body by `backend.health`; blaming: whom its sub-checks are about."""
    if health.body == "text" or health.method == "HEAD":
        return Body(says_healthy=True)
    if not answer.answered:
        return Body(problem="sent no whole body")
    if answer.truncated:
        return Body(problem=answer.endless or "answers its health check with more than 1 MiB")
    if not answer.body.strip():
        return Body(problem="answers its health check with an empty body")
    try:
        value = answer.json()
    except ValueError:
        html = answer.media_type == "text/html" or answer.body.lstrip()[:1] == b"<"
        return Body(problem=f"answers its health check with {'an HTML page' if html else 'a body that is no JSON'}")
    if not isinstance(value, dict):
        return Body(problem="answers its health check with JSON that is no object")
    checks, silent = _sub_checks(value, health, blaming)
    memory_used, memory_limit = _number(value, health.memory_used_key), _number(value, health.memory_limit_key)
    verdict = at(value, health.status_key) if health.status_key else None
    if verdict is MISSING or verdict == "" or isinstance(verdict, dict | list):
        key = health.status_key
        problem = f"answers its health check without a verdict at {key!r}"
        return Body(problem, "", False, checks, silent, memory_used, memory_limit)
    if not health.status_key:
        return Body("", "", True, checks, silent, memory_used, memory_limit)
    return Body("", _word(verdict), _healthy(verdict, health), checks, silent, memory_used, memory_limit)


def at(value: Any, key: str) -> Any:
    """The value at a dotted place, or MISSING; a member whose own name has dots is found too."""
    if not key:
        return MISSING
    if isinstance(value, dict):
        if key in value:
            return value[key]
        first, _, rest = key.partition(".")
        return at(value[first], rest) if rest and first in value else MISSING
    return MISSING


def _sub_checks(
    body: dict[str, Any], health: Health, blaming: Blaming
) -> tuple[tuple[SubCheck, ...] | None, tuple[str, ...]]:
    """The sub-checks that say how they are, and the names of those that do not; None when there are none at all."""
    found = at(body, health.checks_key)
    if not isinstance(found, dict | list) or not found:
        return None, ()
    checks, silent = [], []
    for name, check in islice(_named(found, health), MOST_CHECKS):
        verdict = at(check, health.check_status_key) if isinstance(check, dict) else check
        if isinstance(verdict, str | bool) and verdict != "":
            checks.append(
                SubCheck(
                    name=name,
                    status=_word(verdict),
                    healthy=_healthy(verdict, health),
                    detail=_detail(check) if isinstance(check, dict) else "",
                    blames=blaming.of(name),
                )
            )
        else:
            silent.append(name)
    return tuple(checks), tuple(silent)


def _named(found: dict[str, Any] | list[Any], health: Health) -> Iterator[tuple[str, Any]]:
    if isinstance(found, list):
        for index, check in enumerate(found):
            name = check.get("name") if isinstance(check, dict) else None
            yield (name[:100] if isinstance(name, str) and name else f"number {index + 1}"), check
        return
    for name, check in found.items():
        if not _measurements(check, health):
            yield name[:100], check
            continue
        for one in check:
            of = one.get("componentId") if len(check) > 1 else None
            yield (f"{name[:60]} {of[:39]}" if isinstance(of, str) and of else name[:100]), one


def _measurements(check: Any, health: Health) -> bool:
    """Whether this is a list of measurements of one thing, as health+json has them."""
    return (
        isinstance(check, list)
        and bool(check)
        and all(isinstance(one, dict) and at(one, health.check_status_key) is not MISSING for one in check)
    )


def _detail(check: dict[str, Any]) -> str:
    """What a sub-check says about its problem, on one line."""
    for key in DETAIL_KEYS:
        value = check.get(key)
        if value and isinstance(value, str | dict | list):
            text = value if isinstance(value, str) else json.dumps(value)
            return " ".join(text.split())[:200]
    return ""


def _word(verdict: Any) -> str:
    word = verdict if isinstance(verdict, str) else json.dumps(verdict)
    return " ".join(word.split())[:100]


def _healthy(verdict: Any, health: Health) -> bool:
    return verdict is True or _word(verdict).lower() in {value.lower() for value in health.healthy_values}


def _number(body: dict[str, Any], key: str) -> float | None:
    value = at(body, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number > 0 else None
