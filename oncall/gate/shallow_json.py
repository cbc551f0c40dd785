"""JSON from outside, of a depth that everything behind it can bear."""

import json
from typing import Any

DEEPEST = 64  # levels: a health body has 5, a token 3


def shallow_json(body: str | bytes) -> Any:
    """The value of a JSON text; raises ValueError when it is none, or nested more than 64 deep."""
    try:
        value = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _inside(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]
