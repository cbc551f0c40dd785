"""What must be masked, and what must not, as far as it is known before the first look."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from oncall.gate.redaction import likely_secrets
from oncall.session.context import RunContext
from oncall.target.reader import Target
from oncall.target.schema import Backend, Stack
from oncall.target.secrets import read_env_file
from oncall.target.views import parts


def teach(config: pytest.Config, items: list[pytest.Item], context: RunContext) -> None:
    """Tell the redactor of this run."""
    context.redact.spare(_own_words(config, items, context.target))
    for name, value in _known_secrets(context.target.stack):
        context.redact.learn(value, name)


def _own_words(config: pytest.Config, items: list[pytest.Item], target: Target) -> str:
    """What our own sentences and ids are made of: a secret that stands in it cannot be told from it."""
    words = [str(config.rootpath), *(item.nodeid for item in items), msgspec.json.encode(target).decode()]
    return "\n".join([*words, *(getattr(getattr(item, "obj", None), "__doc__", None) or "" for item in items)])


def _known_secrets(stack: Stack) -> Iterator[tuple[str, str]]:
    """What must never leave, known before the first look: from the environment and the files that the target names."""
    yield from likely_secrets(os.environ)
    for name in (stack.secrets_file, *(one.env_file for one in parts(stack).values() if isinstance(one, Backend))):
        if name:
            yield from likely_secrets(read_env_file(Path(name)))
